//! What a CRM's webhooks missed is read: everything that was changed there since the last time, with an overlap. Both EspoCRM and Bitrix24
//! lose events (EspoCRM/Bitrix24 note, finding 4). And since a deleted record is on no list of changes, a few records of visits to come
//! are looked at each time.

use chrono::TimeDelta;
use salon_core::{
    crm::{CrmCall, Entity, crm},
    ids::ConnectionId,
    tenant::{CrmConnection, crm_connection},
    vendor::{Class, Failure},
};

use super::{
    compare::{Pair, compare},
    renew,
};
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

/// Changes that were written late, and clocks that differ, fall into this.
const OVERLAP: TimeDelta = TimeDelta::minutes(10);
/// A CRM that is read for the first time is read this far back.
const FIRST_LOOK: TimeDelta = TimeDelta::days(1);
/// Records looked at in a round.
const LOOKS: i64 = 10;

pub(in super::super) async fn run(ctx: &Ctx, assignment: &Assignment, id: ConnectionId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let connection = crm_connection(&mut tx, id, &ctx.keyring).await?;
    tx.commit().await?;
    let Some(connection) = connection.filter(|connection| connection.enabled && connection.status.is_active()) else {
        return Ok(());
    };
    let adapter = crm(connection.kind);
    ctx.crm_turn(id, connection.rate).await?;
    let call = ctx.crm_call(&connection).prepaid();
    let round = Round { ctx, assignment, connection: &connection, call };
    match round.all(adapter.capabilities().changes).await {
        Err(Interrupted::Theirs(failure)) if failure.class == Class::Credential => {
            renew::or_break(ctx, assignment, &connection, &failure).await
        }
        // The next round does the same work: a CRM that is away leaves no letters for a person to sort.
        Err(Interrupted::Theirs(failure)) if assignment.last_attempt => {
            tracing::warn!(%failure, "the CRM could not be read; the next reconciliation tries again");
            Ok(())
        }
        Err(Interrupted::Theirs(failure)) => {
            ctx.crm_failed(id, &failure).await;
            Err(failure.into())
        }
        Err(Interrupted::Ours(error)) => Err(error),
        Ok(()) => {
            ctx.crm_worked(id);
            Ok(())
        }
    }
}

enum Interrupted {
    Theirs(Failure),
    Ours(JobError),
}

impl From<Failure> for Interrupted {
    fn from(failure: Failure) -> Self {
        Self::Theirs(failure)
    }
}

impl From<JobError> for Interrupted {
    fn from(error: JobError) -> Self {
        Self::Ours(error)
    }
}

impl From<salon_core::store::StoreError> for Interrupted {
    fn from(error: salon_core::store::StoreError) -> Self {
        Self::Ours(error.into())
    }
}

struct Round<'a> {
    ctx: &'a Ctx,
    assignment: &'a Assignment,
    connection: &'a CrmConnection,
    call: CrmCall<'a>,
}

impl Round<'_> {
    async fn all(&self, entities: &[Entity]) -> Result<(), Interrupted> {
        for entity in entities {
            self.changes(*entity).await?;
        }
        if entities.contains(&Entity::Booking) {
            self.looks().await?;
        }
        Ok(())
    }

    async fn changes(&self, entity: Entity) -> Result<(), Interrupted> {
        let id = self.connection.id;
        let mut tx = self.ctx.db.tenant(self.assignment.tenant).await?;
        let now = tx.now();
        let since = tx.crm_watermark(id, entity).await?.map_or(now - FIRST_LOOK, |read_until| read_until - OVERLAP);
        tx.commit().await?;
        let mut page = None;
        loop {
            let found = crm(self.connection.kind).changes_since(&self.call, entity, since, page.as_deref()).await?;
            let mut tx = self.ctx.db.tenant(self.assignment.tenant).await?;
            for theirs in &found.records {
                if let Some(ours) = tx.linked(id, entity.as_str(), &theirs.record).await? {
                    let pair = Pair { connection: id, entity, ours, record: &theirs.record, theirs: Some(theirs) };
                    compare(&mut tx, &pair).await?;
                }
            }
            if let Some(latest) = found.records.iter().filter_map(|theirs| theirs.changed_at).max() {
                tx.set_crm_watermark(id, entity, latest.min(now)).await?;
            }
            tx.commit().await?;
            page = found.next;
            if page.is_none() {
                return Ok(());
            }
        }
    }

    async fn looks(&self) -> Result<(), Interrupted> {
        let id = self.connection.id;
        let mut tx = self.ctx.db.tenant(self.assignment.tenant).await?;
        let records = tx.records_to_check(id, LOOKS).await?;
        tx.commit().await?;
        for (ours, record) in records {
            let theirs = crm(self.connection.kind).read(&self.call, Entity::Booking, &record).await?;
            let mut tx = self.ctx.db.tenant(self.assignment.tenant).await?;
            let pair = Pair { connection: id, entity: Entity::Booking, ours, record: &record, theirs: theirs.as_ref() };
            compare(&mut tx, &pair).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}
