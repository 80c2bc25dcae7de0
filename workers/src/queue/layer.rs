//! What every run goes through: a span, the unit of work, the time limit, the loss of the lease, panics, the verdict, one wide log line.

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use apalis_core::{error::BoxDynError, task::Task};
use chrono::TimeDelta;
use futures::FutureExt;
use salon_core::{
    clock::Stopwatch,
    job::{LAST_WORDS, Spec},
    ops::unit::Unit,
    store::{
        Db,
        queue::{Claimed, Settlement, Verdict},
    },
};
use tower::{Layer, Service};
use tracing::Instrument;

use super::{Assignment, Cause, JobError, settler::Settler};

/// Wraps the handlers of one queue.
#[derive(Debug, Clone)]
pub struct RunLayer {
    db: Db,
    settler: Settler,
}

impl RunLayer {
    pub(super) const fn new(db: Db, settler: Settler) -> Self {
        Self { db, settler }
    }
}

impl<S> Layer<S> for RunLayer {
    type Service = RunService<S>;

    fn layer(&self, inner: S) -> RunService<S> {
        RunService { inner, layer: self.clone() }
    }
}

/// See [`RunLayer`].
#[derive(Debug, Clone)]
pub struct RunService<S> {
    inner: S,
    layer: RunLayer,
}

impl<S> Service<Task<Assignment>> for RunService<S>
where
    S: Service<Task<Assignment>, Response = ()> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxDynError>,
{
    type Response = ();
    type Error = BoxDynError;
    type Future = Pin<Box<dyn Future<Output = Result<(), BoxDynError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, task: Task<Assignment>) -> Self::Future {
        let assignment = task.args.clone();
        if !assignment.run.begin() {
            return Box::pin(std::future::ready(Ok(())));
        }
        let work = AssertUnwindSafe(self.inner.call(task)).catch_unwind();
        let work = work.map(|outcome| outcome.map_or_else(|_| Err("panicked".into()), |result| result.map_err(Into::into)));
        // A task per job is spawned here, around the limits, not by apalis' `parallelize` inside them: a task doesn't end when its
        // handle is dropped, so a timed-out or lost run would go on, and it would not inherit the unit of work.
        let run = tokio::spawn(self.layer.clone().run(assignment, work));
        // The verdict is ours to write: apalis need not know.
        Box::pin(async move { Ok(run.await?) })
    }
}

impl RunLayer {
    async fn run(self, assignment: Assignment, work: impl Future<Output = Result<(), BoxDynError>> + Send) {
        let (clock, ids) = (self.db.clock(), self.db.ids());
        let spec = assignment.job.spec();
        let unit = Unit::new(assignment.claimed.trace.as_deref(), clock, ids);
        let span = tracing::info_span!(
            "job",
            kind = spec.kind,
            job = %assignment.id(),
            trace = unit.trace(),
            tenant = %assignment.tenant,
        );
        let stopwatch = Stopwatch::start();
        let bounded = async {
            tokio::select! {
                () = assignment.run.lost.cancelled() => None,
                outcome = tokio::time::timeout(spec.timeout, work) => Some(outcome.unwrap_or_else(|_| Err("timed out".into()))),
            }
        };
        let outcome = unit.run(bounded).instrument(span.clone()).await;
        let _in_span = span.enter();
        let Some(outcome) = outcome else {
            tracing::warn!(outcome = "lease_lost", duration_ms = stopwatch.elapsed_ms(), "job");
            return;
        };
        let verdict = self.verdict(&assignment, &spec, outcome);
        observe(&assignment, &spec, &verdict, &unit, &stopwatch);
        let settlement = Settlement { id: assignment.id(), fence: assignment.run.fence, verdict };
        self.settler.settle(settlement, assignment.run);
    }

    fn verdict(&self, assignment: &Assignment, spec: &Spec, outcome: Result<(), BoxDynError>) -> Verdict {
        let Err(error) = outcome else { return Verdict::Done };
        let (error, told) = match error.downcast::<JobError>() {
            Ok(error) => (*error, true),
            // It panicked or was cut off: its handler had no say.
            Err(other) => (JobError::Retry(other.to_string().into()), false),
        };
        match error {
            JobError::Dead(cause) => dead(cause),
            JobError::Retry(cause) => self.again_or_dead(assignment, spec, cause, told),
            JobError::Later { after, why } => self.again(after, why, false),
        }
    }

    fn again_or_dead(&self, assignment: &Assignment, spec: &Spec, cause: Cause, told: bool) -> Verdict {
        let Claimed { attempt, max_attempts, .. } = *assignment.claimed;
        match &assignment.last_words {
            // The reason stays what it was, whatever keeps the last words from being said.
            Some(why) if attempt >= max_attempts + LAST_WORDS => dead(why.as_str().into()),
            Some(why) => self.again(self.delay(spec, (attempt - max_attempts).max(1)), why.as_str().into(), true),
            None if assignment.last_attempt && told => dead(cause),
            None if assignment.last_attempt => self.again(Duration::ZERO, cause, true),
            None => self.again(self.delay(spec, assignment.claimed.failures + 1), cause, true),
        }
    }

    fn delay(&self, spec: &Spec, failure: i32) -> Duration {
        let mut noise = [0; 8];
        self.db.ids().fill(&mut noise);
        spec.backoff.delay(u32::try_from(failure).unwrap_or(1), u64::from_le_bytes(noise))
    }

    fn again(&self, after: Duration, cause: Cause, counted: bool) -> Verdict {
        let after = TimeDelta::from_std(after).unwrap_or(TimeDelta::hours(1));
        Verdict::Retry { at: self.db.clock().now() + after, error: cause.text, counted }
    }
}

fn dead(Cause { text: error, answer }: Cause) -> Verdict {
    Verdict::Dead { error, answer }
}

/// The one wide line of a job.
fn observe(assignment: &Assignment, spec: &Spec, verdict: &Verdict, unit: &Unit, stopwatch: &Stopwatch) {
    let (outcome, error) = match verdict {
        Verdict::Done => ("done", None),
        Verdict::Retry { error, counted: true, .. } => ("retry", Some(error)),
        Verdict::Retry { error, .. } => ("later", Some(error)),
        Verdict::Dead { error, .. } => ("dead", Some(error)),
    };
    let duration = stopwatch.elapsed();
    metrics::counter!("salon_jobs_total", "kind" => spec.kind, "outcome" => outcome).increment(1);
    metrics::histogram!("salon_job_seconds", "kind" => spec.kind).record(duration.as_secs_f64());
    let duration_ms = stopwatch.elapsed_ms();
    let (attempt, queries, queue) = (assignment.attempt, unit.queries(), spec.queue.as_str());
    if matches!(verdict, Verdict::Dead { .. }) {
        tracing::error!(queue, attempt, outcome, error, queries, duration_ms, "job");
    } else {
        tracing::info!(queue, attempt, outcome, error, queries, duration_ms, "job");
    }
}
