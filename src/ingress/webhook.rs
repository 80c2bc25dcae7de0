//! `POST /webhooks/{source}/{endpoint_key}`: whose it is, whether it is proven, what it holds, stored, answered. Nothing else happens
//! inside the request.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, request::Parts};
use tokio::time::Instant;
use tracing::Instrument;

use super::{
    Ingress,
    body::{self, BodyError},
    doors::Door,
    intake,
    record::{Outcome, Record},
    source::Source,
};
use crate::ops::unit::Unit;

/// For names that are no source: as much as most vendors may send.
const STRANGERS_BODY_LIMIT: usize = 1024 * 1024;

/// What the address says.
struct Address {
    source: Option<Source>,
    key: String,
}

/// Takes one webhook.
pub(super) async fn receive(
    State(ingress): State<Arc<Ingress>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    // A path that is not UTF-8 names no source and no key.
    let (name, key) = path.map(|Path(parts)| parts).unwrap_or_default();
    let address = Address { source: Source::named(&name), key };
    let (Parts { headers, .. }, body) = request.into_parts();
    let unit = Unit::new(trace_of(&headers), ingress.db.clock(), ingress.db.ids());
    let mut record = Record::begin(address.source, unit.clone());
    let span = tracing::info_span!("webhook", channel = record.channel(), trace = unit.trace());
    let outcome = unit.run(ingress.admit(&address, &headers, body, &mut record).instrument(span)).await;
    record.outcome = Some(outcome);
    drop(record);
    answer(outcome)
}

/// Success is an empty body: Telegram carries out a JSON answer that names a method.
fn answer(outcome: Outcome) -> Response {
    outcome.code().map_or_else(|| StatusCode::OK.into_response(), IntoResponse::into_response)
}

/// W3C Trace Context: `version-traceid-parentid-flags`; an id of zeros is none.
fn trace_of(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get("traceparent")?.to_str().ok()?.split('-').nth(1)?;
    (!id.bytes().all(|digit| digit == b'0')).then_some(id)
}

impl Ingress {
    async fn admit(&self, address: &Address, headers: &HeaderMap, body: Body, record: &mut Record) -> Outcome {
        let door = match self.find(address).await {
            Ok(door) => door,
            Err(unavailable) => return unavailable,
        };
        // Who has no key gets a place among strangers only: slow bodies to made-up addresses hold up nobody's webhooks.
        let places = if door.is_some() { &self.places } else { &self.strangers };
        let Ok(Ok(place)) = tokio::time::timeout(self.limits.queue_patience, places.acquire()).await else {
            tracing::error!(known = door.is_some(), "too many webhooks at once");
            return Outcome::Unavailable;
        };
        let limit = address.source.map_or(STRANGERS_BODY_LIMIT, Source::body_limit);
        let body = match body::read(headers, body, limit, self.limits.body_patience).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => return Outcome::TooLarge,
            Err(BodyError::Incomplete) => return Outcome::Incomplete,
        };
        let arrived = Instant::now();
        let outcome = self.take(address, door, headers, body, record).await;
        if matches!(outcome, Outcome::Unauthorized | Outcome::Unknown) {
            drop(place);
            tokio::time::sleep_until(arrived + next_tick(arrived.elapsed(), self.limits.refusal_tick)).await;
        }
        outcome
    }

    async fn find(&self, address: &Address) -> Result<Option<Arc<Door>>, Outcome> {
        match tokio::time::timeout(self.limits.commit_patience, self.doors.find(&address.key)).await {
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
        door: Option<Arc<Door>>,
        headers: &HeaderMap,
        body: Vec<u8>,
        record: &mut Record,
    ) -> Outcome {
        let Some(door) = door else {
            // As much work as for a known address.
            let decoy = self.doors.decoy(address.source.unwrap_or(Source::Calendar));
            let _ = decoy.verify(headers, &body);
            return Outcome::Unknown;
        };
        record.tenant = Some(door.tenant);
        record.account = Some(door.target);
        if door.lock.verify(headers, &body).is_err() {
            if self.strict_signature {
                return Outcome::Unauthorized;
            }
            tracing::warn!("a webhook without a valid signature is let in: STRICT_WEBHOOK_SIGNATURE is off");
        }
        let events = intake::events(&door, body, record.trace(), || self.db.ids().next(self.db.clock()));
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
