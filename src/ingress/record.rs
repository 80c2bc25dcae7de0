//! What is told about a webhook: one wide log line, a counter and a histogram. Neither key nor body nor anything personal.

use http::StatusCode;
use metrics::{counter, histogram};
use uuid::Uuid;

use super::source::Source;
use crate::{
    clock::Stopwatch,
    error::Code,
    ids::TenantId,
    ops::{metrics::names, unit::Unit},
};

/// How a webhook ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// At least one event was new.
    Stored,
    /// All of it was here already.
    Duplicate,
    /// Proven, but not what the vendor documents: stored to be looked at.
    Refused,
    /// A handshake, answered.
    Greeted,
    /// A handshake that does not show what it must.
    NotGreeted,
    /// The proof is missing or wrong.
    Unauthorized,
    /// No such address.
    Unknown,
    /// A method that this source never uses.
    NoSuchMethod,
    /// Over the vendor's largest body.
    TooLarge,
    /// The body did not arrive whole.
    Incomplete,
    /// Not stored, as far as we know: the vendor repeats.
    Unavailable,
    /// A fault of ours.
    Failed,
    /// The caller went away before the answer. What was handed over by then is stored all the same.
    Aborted,
}

impl Outcome {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Refused => "refused",
            Self::Greeted => "greeted",
            Self::NotGreeted => "not_greeted",
            Self::Unauthorized => "unauthorized",
            Self::Unknown => "unknown",
            Self::NoSuchMethod => "no_such_method",
            Self::TooLarge => "too_large",
            Self::Incomplete => "incomplete",
            Self::Unavailable => "unavailable",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
        }
    }

    /// The public error it is answered with; none for success.
    pub(super) const fn code(self) -> Option<Code> {
        match self {
            Self::Stored | Self::Duplicate | Self::Refused | Self::Greeted => None,
            Self::NotGreeted => Some(Code::HandshakeInvalid),
            Self::Unauthorized => Some(Code::SignatureInvalid),
            Self::Unknown => Some(Code::NotFound),
            Self::NoSuchMethod => Some(Code::MethodNotAllowed),
            Self::TooLarge => Some(Code::PayloadTooLarge),
            Self::Incomplete | Self::Aborted => Some(Code::InvalidArgument),
            Self::Unavailable => Some(Code::Unavailable),
            Self::Failed => Some(Code::Internal),
        }
    }
}

/// Told when it is dropped, so that a caller who hangs up and a fault of ours are told of too.
pub(super) struct Record {
    channel: &'static str,
    unit: Unit,
    watch: Stopwatch,
    pub(super) tenant: Option<TenantId>,
    pub(super) account: Option<Uuid>,
    pub(super) events: usize,
    pub(super) new: usize,
    pub(super) outcome: Option<Outcome>,
}

impl Record {
    /// `source` is none for a name that is no source: a label must not be of a stranger's choosing.
    pub(super) fn begin(source: Option<Source>, unit: Unit) -> Self {
        let channel = source.map_or("other", Source::as_str);
        Self { channel, unit, watch: Stopwatch::start(), tenant: None, account: None, events: 0, new: 0, outcome: None }
    }

    pub(super) fn trace(&self) -> &str {
        self.unit.trace()
    }

    pub(super) const fn channel(&self) -> &'static str {
        self.channel
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let interrupted = if std::thread::panicking() { Outcome::Failed } else { Outcome::Aborted };
        let outcome = self.outcome.unwrap_or(interrupted);
        counter!(names::WEBHOOKS, "channel" => self.channel, "outcome" => outcome.as_str()).increment(1);
        histogram!(names::WEBHOOK_SECONDS, "channel" => self.channel).record(self.watch.elapsed().as_secs_f64());
        tracing::info!(
            channel = self.channel,
            tenant = self.tenant.map(tracing::field::display),
            account = self.account.map(tracing::field::display),
            events = self.events,
            new = self.new,
            outcome = outcome.as_str(),
            status = outcome.code().map_or(StatusCode::OK, Code::status).as_u16(),
            queries = self.unit.queries(),
            duration_ms = self.watch.elapsed_ms(),
            trace = self.unit.trace(),
            "webhook"
        );
    }
}
