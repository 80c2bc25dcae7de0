//! Inbound events: written in batches by the ingress, read and ended one by one by the workers.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use super::{Db, StoreError, Tx};
use crate::{
    ids::{InboundEventId, TenantId},
    job::Job,
    ops::unit,
};

/// A webhook event about to be stored.
#[derive(Debug, Clone)]
pub struct NewInbound {
    /// Id.
    pub id: InboundEventId,
    /// Whose.
    pub tenant: TenantId,
    /// From which vendor.
    pub source: &'static str,
    /// From which account or connection.
    pub source_id: Uuid,
    /// The vendor's id for it.
    pub vendor_event_id: String,
    /// What kind.
    pub kind: &'static str,
    /// The event in our words.
    pub event: Value,
    /// The body as received.
    pub raw: Vec<u8>,
    /// What becomes of it.
    pub fate: Fate,
    /// The trace of the request it came in.
    pub trace: Option<String>,
}

/// What becomes of an event when it is stored.
#[derive(Debug, Clone)]
pub enum Fate {
    /// A job works on it, in this lane.
    Work(Job, Option<Uuid>),
    /// Stored and counted.
    Ignored(String),
    /// Not what the vendor documents; stored to be looked at.
    Refused(String),
}

/// A stored event that a job works on.
#[derive(Debug, Clone, FromRow)]
pub struct InboundRow {
    /// Id.
    pub id: InboundEventId,
    /// From which vendor.
    pub source: String,
    /// From which account or connection.
    pub source_id: Uuid,
    /// The event in our words.
    pub event: Value,
    /// Where it stands.
    pub state: String,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
}

impl Db {
    /// Stores events of any tenants, with their jobs, in one statement and one commit. An event seen before is left out. Returns the ids
    /// that were new.
    ///
    /// # Errors
    /// When the database refuses; then nothing was stored.
    pub async fn ingest(&self, events: &[NewInbound]) -> Result<Vec<InboundEventId>, StoreError> {
        let specs: Vec<_> = events
            .iter()
            .map(|event| match &event.fate {
                Fate::Work(job, lane) => ("received", None, Some(job.spec()), *lane),
                Fate::Ignored(reason) => ("ignored", Some(reason.as_str()), None, None),
                Fate::Refused(reason) => ("refused", Some(reason.as_str()), None, None),
            })
            .collect();
        let column = |f: fn(&NewInbound) -> Uuid| events.iter().map(f).collect::<Vec<_>>();
        unit::count_query();
        let new = sqlx::query_scalar("select ingest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)")
            .bind(column(|e| e.id.0))
            .bind(column(|e| e.tenant.0))
            .bind(events.iter().map(|e| e.source).collect::<Vec<_>>())
            .bind(column(|e| e.source_id))
            .bind(events.iter().map(|e| e.vendor_event_id.as_str()).collect::<Vec<_>>())
            .bind(events.iter().map(|e| e.kind).collect::<Vec<_>>())
            .bind(events.iter().map(|e| &e.event).collect::<Vec<_>>())
            .bind(events.iter().map(|e| e.raw.as_slice()).collect::<Vec<_>>())
            .bind(specs.iter().map(|s| s.0).collect::<Vec<_>>())
            .bind(specs.iter().map(|s| s.1).collect::<Vec<_>>())
            .bind(specs.iter().map(|s| s.2.map(|spec| spec.kind)).collect::<Vec<_>>())
            .bind(specs.iter().map(|s| s.2.map(|spec| spec.queue.as_str())).collect::<Vec<_>>())
            .bind(specs.iter().map(|s| s.3).collect::<Vec<_>>())
            .bind(specs.iter().map(|s| s.2.map(|spec| spec.class as i16)).collect::<Vec<_>>())
            .bind(specs.iter().map(|s| s.2.map(|spec| i32::try_from(spec.max_attempts).unwrap_or(i32::MAX))).collect::<Vec<_>>())
            .bind(events.iter().map(|e| e.trace.as_deref()).collect::<Vec<_>>())
            .bind(self.clock.now())
            .fetch_all(&self.pool)
            .await?;
        self.waker.wake(specs.iter().filter_map(|s| s.2).map(|spec| spec.queue));
        Ok(new)
    }
}

impl Tx {
    /// Reads an event and locks it until the transaction ends.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn inbound(&mut self, id: InboundEventId) -> Result<Option<InboundRow>, StoreError> {
        Ok(sqlx::query_as("select id, source, source_id, event, state, received_at from inbound_event where id = $1 for update")
            .bind(id)
            .fetch_optional(self.conn())
            .await?)
    }

    /// Ends an event: processed, or ignored with a reason. An event that has ended already is left as it is.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn end_inbound(&mut self, id: InboundEventId, ignored_because: Option<&str>) -> Result<(), StoreError> {
        let now = self.now();
        sqlx::query(
            "update inbound_event set state = case when $2::text is null then 'processed' else 'ignored' end, reason = $2, processed_at = $3
             where id = $1 and state = 'received'",
        )
        .bind(id)
        .bind(ignored_because)
        .bind(now)
        .execute(self.conn())
        .await?;
        Ok(())
    }
}
