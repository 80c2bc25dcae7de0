//! Jobs that were given up, until somebody puts them back to work or gives up on them too.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::{Db, StoreError, Tx, queue::storable};
use crate::{
    ids::{JobId, TenantId},
    job::Queue,
};

/// A dead letter as an operator sees it.
#[derive(Debug, Clone, FromRow, serde::Serialize)]
pub struct DeadLetter {
    /// The job's id.
    pub id: JobId,
    /// Whose job it was.
    pub tenant_id: TenantId,
    /// Queue.
    pub queue: String,
    /// The job's name.
    pub kind: String,
    /// Attempts made.
    pub attempt: i32,
    /// Why it died.
    pub reason: String,
    /// What the vendor answered, without a person's data, if that is why.
    pub answer: Option<String>,
    /// When.
    pub died_at: DateTime<Utc>,
    /// When it was put back to work or given up.
    pub resolved_at: Option<DateTime<Utc>>,
    /// Why it was given up; none for one that was put back to work.
    pub discarded_because: Option<String>,
}

/// Which dead letters; what is not given lets all through.
#[derive(Debug, Clone, Default)]
pub struct DeadLetters {
    /// These.
    pub ids: Option<Vec<JobId>>,
    /// Of these salons.
    pub tenants: Option<Vec<TenantId>>,
    /// Of the queue with this name; it may be one that this build does not know.
    pub queue: Option<String>,
    /// Of the job with this name; likewise.
    pub kind: Option<String>,
    /// Those that are resolved, instead of those that are open.
    pub resolved: bool,
    /// Those after this place in the order of their death.
    pub after: Option<(DateTime<Utc>, Uuid)>,
}

impl Db {
    /// Dead letters that nobody has resolved, oldest first.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn dead_letters(&self, limit: i32) -> Result<Vec<DeadLetter>, StoreError> {
        self.find_dead_letters(&DeadLetters::default(), limit).await
    }

    /// Those that fit, oldest first.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn find_dead_letters(&self, which: &DeadLetters, limit: i32) -> Result<Vec<DeadLetter>, StoreError> {
        Ok(sqlx::query_as("select * from job_dead_find($1, $2, $3, $4, $5, $6, $7, $8)")
            .bind(&which.ids)
            .bind(&which.tenants)
            .bind(&which.queue)
            .bind(&which.kind)
            .bind(which.resolved)
            .bind(which.after.map(|(at, _)| at))
            .bind(which.after.map(|(_, id)| id))
            .bind(i64::from(limit))
            .fetch_all(self.narrow())
            .await?)
    }

    /// How many fit, wherever the list begins.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn count_dead_letters(&self, which: &DeadLetters) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("select job_dead_count($1, $2, $3, $4, $5)")
            .bind(&which.ids)
            .bind(&which.tenants)
            .bind(&which.queue)
            .bind(&which.kind)
            .bind(which.resolved)
            .fetch_one(self.narrow())
            .await?)
    }

    /// How long each queue's oldest open dead letter has waited, in seconds; queues without one are not listed.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn dead_letter_ages(&self) -> Result<Vec<(String, f64)>, StoreError> {
        Ok(sqlx::query_as("select queue, seconds from job_dead_ages()").fetch_all(self.narrow()).await?)
    }

    /// Puts a dead letter back to work from its first attempt. False if it is resolved already or unknown.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn replay(&self, id: JobId) -> Result<bool, StoreError> {
        let done =
            sqlx::query_scalar("select job_replay($1, $2)").bind(id).bind(self.clock.now()).fetch_one(self.narrow()).await?;
        self.waker.wake(Queue::ALL.iter().copied());
        Ok(done)
    }
}

impl Tx {
    /// Resolves a dead letter of this tenant without replaying it. Returns the row it worked for, if it named one; none at all if
    /// the letter is resolved already or another tenant's.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn resolve_dead(&mut self, id: JobId, reason: &str) -> Result<Option<Option<Uuid>>, StoreError> {
        Ok(sqlx::query_scalar("select subject_id from job_discard($1, $2)")
            .bind(id)
            .bind(storable(reason))
            .fetch_optional(self.conn())
            .await?)
    }

    /// Puts a dead letter of this tenant back to work from its first attempt. False if it is resolved already or another tenant's.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn replay_dead(&mut self, id: JobId) -> Result<bool, StoreError> {
        let now = self.now();
        // Row-level security shows this tenant's letters alone; the function resolves it once, whoever comes second.
        let query = sqlx::query_scalar("select job_replay(id, $2) from job_dead where id = $1");
        let replayed: Option<bool> = query.bind(id).bind(now).fetch_optional(self.conn()).await?;
        if replayed == Some(true) {
            self.wake_all();
        }
        Ok(replayed == Some(true))
    }
}
