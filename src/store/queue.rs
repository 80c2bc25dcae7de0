//! The queue's side of the database: claims, settlements, leases. The functions are in `migrations/0007_jobs.sql`.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{FromRow, Row, postgres::types::PgInterval};
use uuid::Uuid;

use super::{Db, StoreError, Tx};
use crate::{
    ids::{JobId, TenantId},
    job::{LAST_WORDS, NewJob, Queue, Spec},
    ops::unit,
    vendor::Quote,
};

/// A claimed job. Its payload is still JSON: one that can't be read is a dead letter, not a dead worker.
#[derive(Debug, Clone, FromRow)]
pub struct Claimed {
    /// Id.
    pub id: JobId,
    /// Whose job.
    pub tenant_id: TenantId,
    /// The job's name.
    pub kind: String,
    /// The job, as JSON.
    pub payload: serde_json::Value,
    /// Which attempt this is, from 1.
    pub attempt: i32,
    /// After how many it is dead.
    pub max_attempts: i32,
    /// How many of the earlier ones reported a failure (the others crashed, or were told to wait).
    pub failures: i32,
    /// The number of this claim. With the owner it tells this lease from every other one of the job.
    pub fence: i32,
    /// How its last run failed, if one did.
    pub last_error: Option<String>,
    /// The trace of the unit that enqueued it.
    pub trace: Option<String>,
    /// When it was enqueued.
    pub enqueued_at: DateTime<Utc>,
    /// When it became due.
    pub run_at: DateTime<Utc>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The work is done.
    Done,
    /// Again, later.
    Retry {
        /// Not before.
        at: DateTime<Utc>,
        /// Why.
        error: String,
        /// False for a delay that is not the job's fault (a vendor's own waiting time).
        counted: bool,
    },
    /// Never again without an operator.
    Dead {
        /// Why.
        error: String,
        /// What the vendor answered, if that is why.
        answer: Option<Quote>,
    },
}

/// A run to be settled.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The job.
    pub id: JobId,
    /// The claim that it ran under: only the holder of this very lease may settle it.
    pub fence: i32,
    /// How it ended.
    pub verdict: Verdict,
}

/// How much waits in a queue, and how old it is.
#[derive(Debug, Clone, FromRow)]
pub struct Depth {
    /// Queue.
    pub queue: String,
    /// Due and waiting for a worker (or for its lane).
    pub ready: i64,
    /// Running.
    pub running: i64,
    /// Waiting for its time.
    pub scheduled: i64,
    /// Dead letters that nobody has resolved.
    pub dead: i64,
    /// Age of the oldest that is due, in seconds.
    pub oldest_ready_seconds: Option<f64>,
}

/// What PostgreSQL can store and an operator will read. A text with a NUL would be refused for ever, and with it the whole batch.
pub(super) fn storable(error: &str) -> String {
    error.chars().filter(|c| *c != '\0').take(2000).collect()
}

fn interval(duration: Duration) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX) }
}

pub(super) async fn insert(
    tx: &mut Tx,
    id: JobId,
    new: &NewJob,
    spec: &Spec,
    payload: serde_json::Value,
    run_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query(
        "insert into job (id, tenant_id, queue, kind, payload, subject_id, lane, class, deadline, expires_at, state, run_at, max_attempts, dedupe, trace, enqueued_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9, 'infinity'), $10, case when $11 > $12 then 0 else 1 end, $11, $13, $14, $15, $12)
         on conflict (tenant_id, queue, dedupe) where dedupe is not null do nothing",
    )
    .bind(id)
    .bind(tenant)
    .bind(spec.queue.as_str())
    .bind(spec.kind)
    .bind(payload)
    .bind(new.job.subject())
    .bind(new.lane)
    .bind(new.class.unwrap_or(spec.class) as i16)
    .bind(new.deadline)
    .bind(new.expires_at)
    .bind(run_at)
    .bind(now)
    .bind(i32::try_from(spec.max_attempts).unwrap_or(i32::MAX))
    .bind(&new.dedupe)
    .bind(unit::current_trace())
    .execute(tx.conn())
    .await?;
    Ok(())
}

impl Db {
    /// Takes up to `limit` due jobs of `queue` for `owner`, for as long as `lease`.
    ///
    /// # Errors
    /// When the database can't be reached; nothing is then claimed, or the lease runs out.
    pub async fn claim(&self, queue: Queue, owner: Uuid, limit: usize, lease: Duration) -> Result<Vec<Claimed>, StoreError> {
        Ok(sqlx::query_as("select id, tenant_id, kind, payload, attempt, max_attempts, failures, fence, last_error, trace, enqueued_at, run_at from job_claim($1, $2, $3, $4, $5)")
            .bind(queue.as_str())
            .bind(self.clock.now())
            .bind(owner)
            .bind(i32::try_from(limit).unwrap_or(i32::MAX))
            .bind(interval(lease))
            .fetch_all(self.narrow())
            .await?)
    }

    /// How long until the queue's next scheduled job is due; none when nothing is scheduled.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn next_due(&self, queue: Queue) -> Result<Option<TimeDelta>, StoreError> {
        let at: Option<DateTime<Utc>> =
            sqlx::query_scalar("select job_next_due($1)").bind(queue.as_str()).fetch_one(self.narrow()).await?;
        Ok(at.map(|at| at - self.clock.now()))
    }

    /// Settles runs. Returns the ids whose lease `owner` still held; the others were lost to another worker.
    ///
    /// # Errors
    /// When the database can't be reached: settle again, the lease decides.
    pub async fn settle(&self, owner: Uuid, runs: &[Settlement]) -> Result<Vec<JobId>, StoreError> {
        let now = self.clock.now();
        let (mut ids, mut fences, mut outcomes) = (vec![], vec![], vec![]);
        let (mut run_at, mut errors, mut answers, mut uncounted) = (vec![], vec![], vec![], vec![]);
        for run in runs {
            let (outcome, at, error, answer, free) = match &run.verdict {
                Verdict::Done => ("done", now, None, None, false),
                Verdict::Retry { at, error, counted } => ("retry", *at, Some(storable(error)), None, !counted),
                Verdict::Dead { error, answer } => ("dead", now, Some(storable(error)), answer.as_ref(), false),
            };
            ids.push(run.id.0);
            fences.push(run.fence);
            outcomes.push(outcome);
            run_at.push(at);
            errors.push(error);
            answers.push(answer.map(Quote::as_str));
            uncounted.push(free);
        }
        let settled = sqlx::query_scalar("select job_settle($1, $2, $3, $4, $5, $6, $7, $8)")
            .bind(owner)
            .bind(ids)
            .bind(fences)
            .bind(outcomes)
            .bind(run_at)
            .bind(errors)
            .bind(answers)
            .bind(uncounted)
            .fetch_all(self.leases())
            .await?;
        Ok(settled)
    }

    /// Renews leases. Returns the ids still held: a handler whose id is missing must stop.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn renew(&self, owner: Uuid, ids: &[JobId], lease: Duration) -> Result<Vec<JobId>, StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        Ok(sqlx::query_scalar("select job_renew($1, $2, $3)")
            .bind(owner)
            .bind(ids)
            .bind(interval(lease))
            .fetch_all(self.leases())
            .await?)
    }

    /// Gives back jobs that were claimed but not begun.
    ///
    /// # Errors
    /// When the database can't be reached: their lease runs out instead.
    pub async fn release(&self, owner: Uuid, ids: &[JobId]) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        sqlx::query("select job_release($1, $2)").bind(owner).bind(ids).execute(self.leases()).await?;
        Ok(())
    }

    /// Takes jobs back from workers that stopped renewing. Returns how many.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn reap(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("select job_reap(1000, $1)").bind(LAST_WORDS).fetch_one(self.leases()).await?)
    }

    /// How much waits, by queue.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn depths(&self) -> Result<Vec<Depth>, StoreError> {
        Ok(sqlx::query_as("select * from job_depths($1)").bind(self.clock.now()).fetch_all(self.narrow()).await?)
    }

    /// Promise 1 as a number: what is neither ended nor in anybody's hands, by kind. Empty is right.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn unaccounted(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = sqlx::query("select what, missing from unaccounted()").fetch_all(self.narrow()).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}

impl Tx {
    /// Whether a claim still holds: false once its lease ran out and the job was taken back, or given to another worker.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn holds(&mut self, job: JobId, fence: i32) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar("select exists (select from job where id = $1 and fence = $2 and lease_owner is not null)")
            .bind(job)
            .bind(fence)
            .fetch_one(self.conn())
            .await?)
    }

    /// Whether a live job or an open dead letter works for a row.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn is_in_hands(&mut self, subject: Uuid) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "select exists (select from job where subject_id = $1)
               or exists (select from job_dead where subject_id = $1 and resolved_at is null)",
        )
        .bind(subject)
        .fetch_one(self.conn())
        .await?)
    }
}
