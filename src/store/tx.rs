//! A transaction that belongs to a tenant.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::{Db, StoreError};
use crate::{
    ids::{JobId, TenantId},
    job::{NewJob, Queue},
    ops::unit,
};

/// A transaction that sees and writes the rows of its tenants only. Dropped without [`Tx::commit`] it leaves no trace.
pub struct Tx {
    inner: Transaction<'static, Postgres>,
    db: Db,
    tenant: TenantId,
    now: DateTime<Utc>,
    woken: BTreeSet<Queue>,
    changed: bool,
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl Tx {
    pub(super) async fn begin(db: &Db, tenants: &[TenantId]) -> Result<Self, StoreError> {
        let list: Vec<String> = tenants.iter().map(ToString::to_string).collect();
        // One round trip instead of two. A UUID prints only hex digits and dashes, so the text is safe.
        let begin = format!("begin; set local app.tenants = '{{{}}}'", list.join(","));
        unit::count_query();
        let inner = db.pool.begin_with(AssertSqlSafe(begin)).await?;
        let tenant = tenants.first().copied().unwrap_or(TenantId(Uuid::nil()));
        Ok(Self { inner, db: db.clone(), tenant, now: db.clock.now(), woken: BTreeSet::new(), changed: false })
    }

    /// The tenant this transaction writes for.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The moment the transaction began: one moment for everything it writes.
    pub const fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// A fresh id.
    pub fn new_id<T: From<Uuid>>(&self) -> T {
        self.db.ids.next(&*self.db.clock).into()
    }

    /// The connection, for one statement.
    pub fn conn(&mut self) -> &mut PgConnection {
        unit::count_query();
        &mut self.inner
    }

    /// Enqueues a job that exists if and only if this transaction commits.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn enqueue(&mut self, new: NewJob) -> Result<JobId, StoreError> {
        let spec = new.job.spec();
        let id: JobId = self.new_id();
        let payload = serde_json::to_value(&new.job).map_err(|_| StoreError::Corrupt("job payload"))?;
        let now = self.now;
        let run_at = new.run_at.unwrap_or(now).max(now);
        super::queue::insert(self, id, &new, &spec, payload, run_at).await?;
        self.woken.insert(spec.queue);
        Ok(id)
    }

    /// Wakes the workers of all queues, once this transaction has committed.
    pub(super) fn wake_all(&mut self) {
        self.woken.extend(Queue::ALL);
    }

    /// Has workers look at this queue, once this transaction has committed.
    pub(crate) fn wake(&mut self, queue: Queue) {
        self.woken.insert(queue);
    }

    /// Has every process forget what it keeps of this tenant, once this transaction has committed.
    pub const fn tell_change(&mut self) {
        self.changed = true;
    }

    /// Commits, then wakes the workers of the queues that got a job and tells of the change, if there was one.
    ///
    /// # Errors
    /// When the commit fails; whether it took effect is then unknown, as with any database.
    pub async fn commit(self) -> Result<(), StoreError> {
        unit::count_query();
        self.inner.commit().await?;
        self.db.waker.wake(self.woken);
        if self.changed {
            self.db.waker.changed(self.tenant);
        }
        Ok(())
    }
}
