//! `POST /webhooks/{source}/{endpoint_key}`: whose it is, whether it is proven, what it holds, stored, answered. Nothing else happens
//! inside the request.

use std::{borrow::Cow, collections::HashMap, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Path, Query, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header::RETRY_AFTER, request::Parts};
use tokio::{
    sync::{AcquireError, SemaphorePermit},
    time::Instant,
};
use tracing::Instrument;

use super::{
    Ingress,
    body::{self, BodyError},
    doors::{Door, Doors, LookUpFailed},
    intake::{self, Content},
    openapi,
    record::{Outcome, Record},
    source::Source,
};
use crate::{
    channel::{Handshake, SignatureInvalid},
    error::Code,
    ops::unit::Unit,
};

/// For names that are no source: as much as most vendors may send.
const STRANGERS_BODY_LIMIT: usize = 1024 * 1024;

/// What the address says.
struct Address {
    source: Option<Source>,
    key: String,
}

/// How a request ended, and with which body it is answered if well.
struct Answer {
    outcome: Outcome,
    body: Cow<'static, str>,
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, body: Cow::Borrowed("") }
    }
}

/// Takes one webhook.
#[utoipa::path(
    post,
    path = "/webhooks/{source}/{endpoint_key}",
    operation_id = "receiveWebhook",
    tag = "Webhooks",
    summary = "Take a webhook",
    description = "Takes what a vendor sends, in the vendor's own form and with its own proof. What is answered with 200 is committed.",
    params(openapi::WebhookAddress),
    request_body(description = "As the vendor sends it"),
    responses(
        (status = 200, description = "Stored, or known already; the body is what the vendor wants to hear"),
        (status = 400, description = "Not what the vendor sends", body = openapi::Problem, content_type = "application/problem+json"),
        (status = 401, description = "The signature is missing or wrong", body = openapi::Problem, content_type = "application/problem+json"),
        (status = 403, description = "A handshake that does not show what it must", body = openapi::Problem, content_type = "application/problem+json"),
        (status = 404, description = "Nobody's address", body = openapi::Problem, content_type = "application/problem+json"),
        (status = 413, description = "Larger than this vendor sends", body = openapi::Problem, content_type = "application/problem+json"),
        (status = 503, description = "Not stored: to be sent again", body = openapi::Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn receive(
    State(ingress): State<Arc<Ingress>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let (Parts { headers, .. }, body) = request.into_parts();
    let answer = async |address: &Address, record: &mut Record| ingress.admit(address, &headers, body, record).await;
    handle(&ingress, path, &headers, answer).await
}

/// Answers a handshake that comes as a GET.
#[utoipa::path(
    get,
    path = "/webhooks/{source}/{endpoint_key}",
    operation_id = "greetWebhook",
    tag = "Webhooks",
    summary = "Answer a handshake",
    description = "Answers the handshake of the vendors that have one (Meta).",
    params(openapi::WebhookAddress),
    responses(
        (status = 200, description = "The vendor's challenge", body = String, content_type = "text/plain"),
        (status = 403, description = "The handshake does not show what it must", body = openapi::Problem, content_type = "application/problem+json"),
        (status = 404, description = "Nobody's address", body = openapi::Problem, content_type = "application/problem+json"),
        (status = 405, description = "This vendor has no handshake", body = openapi::Problem, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = openapi::Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn greet(
    State(ingress): State<Arc<Ingress>>,
    path: Result<Path<(String, String)>, PathRejection>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let answer = async |address: &Address, record: &mut Record| ingress.greeting(address, &query, record).await;
    handle(&ingress, path, &headers, answer).await
}

async fn handle(
    ingress: &Ingress,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: &HeaderMap,
    answer: impl AsyncFnOnce(&Address, &mut Record) -> Answer,
) -> Response {
    // A path that is not UTF-8 names no source and no key.
    let (name, key) = path.map(|Path(parts)| parts).unwrap_or_default();
    let address = Address { source: Source::named(&name), key };
    let unit = Unit::new(trace_of(headers), ingress.db.clock(), ingress.db.ids());
    let mut record = Record::begin(address.source, unit.clone());
    let span = tracing::info_span!("webhook", channel = record.channel(), trace = unit.trace());
    let Answer { outcome, body } = unit.run(answer(&address, &mut record).instrument(span)).await;
    record.outcome = Some(outcome);
    drop(record);
    match outcome.code() {
        Some(Code::Unavailable) => match address.source.and_then(Source::come_back) {
            Some(seconds) => ([(RETRY_AFTER, seconds)], Code::Unavailable).into_response(),
            None => Code::Unavailable.into_response(),
        },
        Some(code) => code.into_response(),
        // As plain text: Telegram carries out a JSON answer that names a method, and Meta wants its challenge as it is.
        None => body.into_response(),
    }
}

/// W3C Trace Context: `version-traceid-parentid-flags`; an id of zeros is none.
pub(super) fn trace_of(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get("traceparent")?.to_str().ok()?.split('-').nth(1)?;
    (!id.bytes().all(|digit| digit == b'0')).then_some(id)
}

impl Ingress {
    async fn admit(&self, address: &Address, headers: &HeaderMap, body: Body, record: &mut Record) -> Answer {
        let door = match self.find(address, Doors::find).await {
            Ok(door) => door,
            Err(unavailable) => return unavailable.into(),
        };
        let Ok(Ok(places)) = tokio::time::timeout(self.limits.queue_patience, self.places(door.as_deref())).await else {
            tracing::error!(known = door.is_some(), "too many webhooks at once");
            return Outcome::Unavailable.into();
        };
        let limit = address.source.map_or(STRANGERS_BODY_LIMIT, Source::body_limit);
        let body = match body::read(headers, body, limit, self.limits.body_patience).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => return Outcome::TooLarge.into(),
            Err(BodyError::Incomplete) => return Outcome::Incomplete.into(),
        };
        let arrived = Instant::now();
        let answer = self.take(address, door.as_deref(), headers, body, record).await;
        if matches!(answer.outcome, Outcome::Unauthorized | Outcome::Unknown) {
            drop(places);
            self.until_tick(arrived).await;
        }
        answer
    }

    /// Who has no key gets a place among strangers only: slow bodies to made-up addresses hold up nobody's webhooks. Who has one gets one of
    /// that address first, and takes none of everybody's while waiting for it.
    async fn places<'a>(&'a self, door: Option<&'a Door>) -> Result<Vec<SemaphorePermit<'a>>, AcquireError> {
        match door {
            Some(door) => Ok(vec![door.places.acquire().await?, self.places.acquire().await?]),
            None => Ok(vec![self.strangers.acquire().await?]),
        }
    }

    /// Refusals are answered at ticks only, so that their time tells nothing.
    async fn until_tick(&self, arrived: Instant) {
        tokio::time::sleep_until(arrived + next_tick(arrived.elapsed(), self.limits.refusal_tick)).await;
    }

    /// A handshake by GET, from the sources that have one.
    async fn greeting(&self, address: &Address, query: &[(String, String)], record: &mut Record) -> Answer {
        let decoy = self.doors.decoy(address.source.unwrap_or(Source::Calendar));
        if decoy.greet(Handshake::Query(&[])).is_none() {
            return Outcome::NoSuchMethod.into();
        }
        let Ok(Ok(_place)) = tokio::time::timeout(self.limits.queue_patience, self.strangers.acquire()).await else {
            return Outcome::Unavailable.into();
        };
        let arrived = Instant::now();
        let door = match self.find(address, Doors::fresh).await {
            Ok(door) => door,
            Err(unavailable) => return unavailable.into(),
        };
        let greeting = door.as_ref().map_or(&decoy, |door| &door.lock).greet(Handshake::Query(query));
        let answer = match (door, greeting) {
            (Some(door), Some(greeting)) => {
                (record.tenant, record.account) = (Some(door.tenant), Some(door.target));
                greeted(greeting)
            }
            _ => Outcome::Unknown.into(),
        };
        if answer.outcome != Outcome::Greeted {
            self.until_tick(arrived).await;
        }
        answer
    }

    async fn find<'a, F>(
        &'a self,
        address: &'a Address,
        how: impl FnOnce(&'a Doors, &'a str) -> F,
    ) -> Result<Option<Arc<Door>>, Outcome>
    where
        F: Future<Output = Result<Option<Arc<Door>>, LookUpFailed>>,
    {
        match tokio::time::timeout(self.limits.commit_patience, how(&self.doors, &address.key)).await {
            // The key opens one source's door, and no other's.
            Ok(Ok(found)) => Ok(found.filter(|door| Some(door.source) == address.source)),
            Ok(Err(error)) => {
                tracing::error!(%error, "a webhook's address can't be looked up");
                Err(Outcome::Unavailable)
            }
            Err(_) => Err(Outcome::Unavailable),
        }
    }

    async fn take(
        &self,
        address: &Address,
        door: Option<&Door>,
        headers: &HeaderMap,
        body: Vec<u8>,
        record: &mut Record,
    ) -> Answer {
        let Some(door) = door else {
            // As much work as for a known address.
            let decoy = self.doors.decoy(address.source.unwrap_or(Source::Calendar));
            let _ = decoy.verify(headers, &body, self.db.clock().now());
            return Outcome::Unknown.into();
        };
        record.tenant = Some(door.tenant);
        record.account = Some(door.target);
        if door.lock.verify(headers, &body, self.db.clock().now()).is_err() {
            if self.strict_signature {
                return Outcome::Unauthorized.into();
            }
            tracing::warn!("a webhook without a valid signature is let in: STRICT_WEBHOOK_SIGNATURE is off");
        }
        if door.lock.greet(Handshake::Body(&body)).is_some() {
            return self.greet_anew(address, &body).await;
        }
        let outcome = self.store(door, headers, body, record).await;
        Answer { outcome, body: Cow::Borrowed(door.lock.answer()) }
    }

    /// What a handshake asks for was stored a moment ago: not from the cache.
    async fn greet_anew(&self, address: &Address, body: &[u8]) -> Answer {
        match self.find(address, Doors::fresh).await {
            Ok(Some(door)) => door.lock.greet(Handshake::Body(body)).map_or_else(|| Outcome::Unknown.into(), greeted),
            Ok(None) => Outcome::Unknown.into(),
            Err(unavailable) => unavailable.into(),
        }
    }

    async fn store(&self, door: &Door, headers: &HeaderMap, body: Vec<u8>, record: &mut Record) -> Outcome {
        let content = Content::read(&door.lock, headers, &body);
        let mut others = HashMap::new();
        for account in content.others(&door.lock) {
            match self.other(door.source, account, headers, &body).await {
                Ok(Some(other)) => _ = others.insert(account.to_owned(), other),
                Ok(None) => {}
                Err(unavailable) => return unavailable,
            }
        }
        let events = intake::events(door, &others, content, body, record.trace(), || self.db.ids().next(self.db.clock()));
        let refused = intake::is_refused(&events);
        record.events = events.len();
        match self.batcher.store(events).await {
            Ok(new) => {
                record.new = new;
                if refused {
                    Outcome::Refused
                } else if new > 0 {
                    Outcome::Stored
                } else {
                    Outcome::Duplicate
                }
            }
            Err(_) => Outcome::Unavailable,
        }
    }

    /// The door of a further account that a delivery is addressed to, if the delivery proves itself under that account's own secrets.
    async fn other(&self, source: Source, account: &str, headers: &HeaderMap, body: &[u8]) -> Result<Option<Arc<Door>>, Outcome> {
        let Source::Channel(kind) = source else { return Ok(None) };
        let found = match tokio::time::timeout(self.limits.commit_patience, self.doors.named(kind, account)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::error!(%error, "an account can't be looked up");
                return Err(Outcome::Unavailable);
            }
            Err(_) => return Err(Outcome::Unavailable),
        };
        Ok(found.filter(|door| door.lock.verify(headers, body, self.db.clock().now()).is_ok()))
    }
}

fn greeted(greeting: Result<String, SignatureInvalid>) -> Answer {
    match greeting {
        Ok(body) => Answer { outcome: Outcome::Greeted, body: Cow::Owned(body) },
        Err(SignatureInvalid) => Outcome::NotGreeted.into(),
    }
}

/// The end of the tick that is running. Refusals are answered at ticks after the request's arrival only, so that their time tells
/// nothing about which of them it was, even when a look-up took longer than one tick.
fn next_tick(elapsed: Duration, tick: Duration) -> Duration {
    let ticks = elapsed.as_nanos() / tick.as_nanos().max(1) + 1;
    tick.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_goes_on_only_where_there_is_one() {
        let trace = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", http::HeaderValue::from_static(value));
            trace_of(&headers).map(str::to_owned)
        };
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").as_deref(), Some(id));
        assert_eq!(trace("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), None);
        assert_eq!(trace("nonsense"), None);
    }

    #[test]
    fn refusals_leave_at_ticks_only() {
        let tick = Duration::from_millis(25);
        for (elapsed, leaves) in [(0, 25), (24, 25), (25, 50), (26, 50), (130, 150)] {
            assert_eq!(next_tick(Duration::from_millis(elapsed), tick), Duration::from_millis(leaves));
        }
        assert_eq!(next_tick(tick, Duration::ZERO), Duration::ZERO);
    }
}
