//! What a scripted job does, and the record of what was done. Both live in the test's own database, so that any number of processes
//! share them and a killed one leaves its traces.

use std::time::Duration;

use chrono::{DateTime, Utc};
use salon_core::{
    ids::TenantId,
    ops::unit,
    vendor::{Failure, Reply},
};
use salon_workers::queue::{Assignment, JobError};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{FromRow, PgPool, postgres::PgPoolOptions};
use uuid::Uuid;

const TABLES: &str = "
  -- One step for each run, the last for all that follow; without a row every run succeeds at once.
  create table test_script (subject uuid primary key, steps text[] not null, words text not null default 'ok');
  create table test_run (
    run uuid primary key, subject uuid not null, tenant_id uuid not null, attempt integer not null, pid integer not null, trace text,
    started_at timestamptz not null default clock_timestamp(), finished_at timestamptz, outcome text);
  create index on test_run (subject);
  -- When a job was to say its last words, and why.
  create table test_words (subject uuid not null, why text not null, at timestamptz not null default clock_timestamp());
  -- What a handler changes in the world: at most once for each subject, however often it is tried.
  create table test_effect (subject uuid primary key, run uuid not null);";

/// The owner's way to the script.
#[derive(Clone)]
pub(super) struct Script {
    pool: PgPool,
}

/// One run of a handler.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Ran {
    pub(super) subject: Uuid,
    pub(super) tenant_id: TenantId,
    pub(super) attempt: i32,
    pub(super) pid: i32,
    pub(super) trace: Option<String>,
    pub(super) started_at: DateTime<Utc>,
    pub(super) finished_at: Option<DateTime<Utc>>,
    pub(super) outcome: Option<String>,
}

/// A live job as the table has it.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub(super) struct Live {
    pub(super) state: i16,
    pub(super) attempt: i32,
    pub(super) run_at: DateTime<Utc>,
    pub(super) lease_owner: Option<Uuid>,
}

/// An ended job.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Ended {
    pub(super) subject_id: Option<Uuid>,
    pub(super) tenant_id: TenantId,
    pub(super) outcome: String,
    pub(super) attempt: i32,
    pub(super) last_error: Option<String>,
}

impl Script {
    pub(super) async fn install(admin_url: &SecretString) -> Self {
        let script = Self::connect(admin_url);
        sqlx::raw_sql(TABLES).execute(&script.pool).await.unwrap();
        script
    }

    pub(super) fn connect(admin_url: &SecretString) -> Self {
        let pool = PgPoolOptions::new().max_connections(6).connect_lazy(admin_url.expose_secret()).unwrap();
        Self { pool }
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(super) async fn set(&self, subject: Uuid, steps: &[&str]) {
        let put = "insert into test_script values ($1, $2) on conflict (subject) do update set steps = excluded.steps";
        sqlx::query(put).bind(subject).bind(steps).execute(&self.pool).await.unwrap();
    }

    /// All runs, in the order they began.
    pub(super) async fn runs(&self) -> Vec<Ran> {
        sqlx::query_as(
            "select subject, tenant_id, attempt, pid, trace, started_at, finished_at, outcome from test_run order by started_at",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }

    pub(super) async fn runs_of(&self, subject: Uuid) -> Vec<Ran> {
        self.runs().await.into_iter().filter(|ran| ran.subject == subject).collect()
    }

    /// What a job's last words do; unless they are told otherwise, nothing.
    pub(super) async fn set_words(&self, subject: Uuid, words: &str) {
        let put = "update test_script set words = $2 where subject = $1";
        sqlx::query(put).bind(subject).bind(words).execute(&self.pool).await.unwrap();
    }

    /// Why a job was asked for its last words, each time it was.
    pub(super) async fn words_of(&self, subject: Uuid) -> Vec<String> {
        let asked = "select why from test_words where subject = $1 order by at";
        sqlx::query_scalar(asked).bind(subject).fetch_all(&self.pool).await.unwrap()
    }

    pub(super) async fn effects(&self) -> i64 {
        sqlx::query_scalar("select count(*) from test_effect").fetch_one(&self.pool).await.unwrap()
    }

    pub(super) async fn live(&self, subject: Uuid) -> Option<Live> {
        let find = "select state, attempt, run_at, lease_owner from job where subject_id = $1";
        sqlx::query_as(find).bind(subject).fetch_optional(&self.pool).await.unwrap()
    }

    pub(super) async fn ended(&self) -> Vec<Ended> {
        let all = "select subject_id, tenant_id, outcome, attempt, last_error from job_finished";
        sqlx::query_as(all).fetch_all(&self.pool).await.unwrap()
    }

    pub(super) async fn ended_one(&self, subject: Uuid) -> Option<Ended> {
        self.ended().await.into_iter().find(|ended| ended.subject_id == Some(subject))
    }

    /// How many jobs ended; an unreachable database answers nothing.
    pub(super) async fn ended_count(&self) -> Option<i64> {
        sqlx::query_scalar("select count(*) from job_finished").fetch_one(&self.pool).await.ok()
    }

    pub(super) async fn accounted(&self) -> i64 {
        let sum = "select (select count(*) from job) + (select count(*) from job_finished) + (select count(*) from job_dead where resolved_at is null)";
        sqlx::query_scalar(sum).fetch_one(&self.pool).await.unwrap()
    }

    /// Follows the script, and writes down that it did.
    pub(super) async fn handle(self, assignment: Assignment) -> Result<(), JobError> {
        let subject = assignment.job.subject().unwrap_or_else(Uuid::nil);
        if let Some(why) = &assignment.last_words {
            return self.last_words(subject, why).await;
        }
        let run = Uuid::new_v4();
        let step = self.begin(run, subject, &assignment).await;
        let mut unfinished = Unfinished { script: self.clone(), run, armed: true };
        let outcome = perform(&step).await;
        if outcome.is_ok() {
            self.change_the_world(subject, run).await;
        }
        self.finish(run, if outcome.is_ok() { "ok" } else { "failed" }).await;
        unfinished.armed = false;
        outcome
    }

    /// As every handler: says what is to be said, and is dead.
    async fn last_words(&self, subject: Uuid, why: &str) -> Result<(), JobError> {
        let asked = "with asked as (insert into test_words (subject, why) values ($1, $2)) select words from test_script where subject = $1";
        let words: Option<String> = sqlx::query_scalar(asked).bind(subject).bind(why).fetch_optional(&self.pool).await.unwrap();
        perform(words.as_deref().unwrap_or("ok")).await?;
        Err(JobError::Dead(why.into()))
    }

    async fn begin(&self, run: Uuid, subject: Uuid, assignment: &Assignment) -> String {
        let begin = "
          with noted as (
            insert into test_run (run, subject, tenant_id, attempt, pid, trace) values ($1, $2, $3, $4, $5, $6) on conflict do nothing
          ), before as (select count(*)::integer as n from test_run where subject = $2 and run <> $1)
          select coalesce((select steps[least(n + 1, cardinality(steps))] from test_script, before where subject = $2), 'ok')";
        loop {
            let step = sqlx::query_scalar(begin)
                .bind(run)
                .bind(subject)
                .bind(assignment.tenant)
                .bind(i32::try_from(assignment.attempt).unwrap())
                .bind(i32::try_from(std::process::id()).unwrap())
                .bind(unit::current_trace())
                .fetch_one(&self.pool)
                .await;
            match step {
                Ok(step) => return step,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    async fn change_the_world(&self, subject: Uuid, run: Uuid) {
        let change = "
          with ended as (update inbound_event set state = 'processed', processed_at = now() where id = $1 and state = 'received')
          insert into test_effect values ($1, $2) on conflict do nothing";
        while sqlx::query(change).bind(subject).bind(run).execute(&self.pool).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn finish(&self, run: Uuid, outcome: &str) {
        let finish = "update test_run set finished_at = clock_timestamp(), outcome = $2 where run = $1 and outcome is null";
        while sqlx::query(finish).bind(run).bind(outcome).execute(&self.pool).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Notes that a handler was dropped before its end.
struct Unfinished {
    script: Script,
    run: Uuid,
    armed: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.armed {
            let (script, run) = (self.script.clone(), self.run);
            let outcome = if std::thread::panicking() { "panicked" } else { "cancelled" };
            tokio::spawn(async move { script.finish(run, outcome).await });
        }
    }
}

/// `sleep 20; fail why` and the like.
async fn perform(steps: &str) -> Result<(), JobError> {
    for step in steps.split("; ") {
        let (what, how) = step.split_once(' ').unwrap_or((step, ""));
        match what {
            "ok" => {}
            "sleep" => tokio::time::sleep(Duration::from_millis(how.parse().unwrap())).await,
            "hang" => std::future::pending().await,
            "abort" => std::process::abort(),
            "panic" => panic!("as the script says"),
            "fail" => return Err(JobError::Retry(how.into())),
            "nul" => return Err(JobError::Retry("a text\0with a NUL".into())),
            "answer" => return Err(answered(how).into()),
            "dead" => return Err(JobError::Dead(how.into())),
            "later" => {
                return Err(JobError::Later { after: Duration::from_millis(how.parse().unwrap()), why: "not our turn".into() });
            }
            other => panic!("no step is called {other}"),
        }
    }
    Ok(())
}

/// What a vendor's refusal of this status makes of a call; one of 500 may be tried again.
fn answered(status: &str) -> Failure {
    let body = r#"{"error":"validationFailure","field":"phoneNumber","phone":"+79161234567"}"#;
    let reply = Reply { status: status.parse().unwrap(), headers: http::HeaderMap::new(), body: body.into() };
    let failure = if status == "500" { Failure::retry("server_error") } else { Failure::permanent("invalid_field") };
    failure.quoting(&reply)
}
