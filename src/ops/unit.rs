//! A unit of work: one request or one job. Carries the trace across processes (W3C Trace Context: a job is linked to the request that
//! enqueued it) and counts the statements it sends to the database, for its one wide log line.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use crate::{clock::Clock, ids::Ids};

tokio::task_local! {
    static CURRENT: Unit;
}

/// One request or one job.
#[derive(Debug, Clone)]
pub struct Unit {
    trace: Arc<str>,
    queries: Arc<AtomicU32>,
}

impl Unit {
    /// A unit that starts a trace, or goes on with one that a caller or an enqueuer began. What is not a trace id is replaced.
    pub fn new(trace: Option<&str>, clock: &dyn Clock, ids: &dyn Ids) -> Self {
        let trace = trace.filter(|id| id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        let trace = trace.map_or_else(|| ids.next(clock).simple().to_string(), str::to_owned);
        Self { trace: trace.into(), queries: Arc::default() }
    }

    /// The unit that runs now, if one does.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// The 32 hex digits of the trace id.
    pub fn trace(&self) -> &str {
        &self.trace
    }

    /// Statements sent so far.
    pub fn queries(&self) -> u32 {
        self.queries.load(Ordering::Relaxed)
    }

    /// Runs `work` as this unit.
    pub async fn run<F: Future>(&self, work: F) -> F::Output {
        CURRENT.scope(self.clone(), work).await
    }
}

/// The trace of the unit that runs now, if one does.
pub fn current_trace() -> Option<String> {
    CURRENT.try_with(|unit| unit.trace.to_string()).ok()
}

/// Carries the unit that runs now into another task: what `work` does there still belongs to it.
pub fn carry<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let unit = CURRENT.try_with(Clone::clone);
    async move {
        match unit {
            Ok(unit) => unit.run(work).await,
            Err(_) => work.await,
        }
    }
}

/// Counts one statement for the unit that runs now, if one does.
pub(crate) fn count_query() {
    let _ = CURRENT.try_with(|unit| unit.queries.fetch_add(1, Ordering::Relaxed));
}
