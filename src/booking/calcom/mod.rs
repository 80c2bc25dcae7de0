//! cal.com, API v2. The truth about availability and bookings, reached by calls that are never repeated here: whether a call may be
//! made again is for the caller to decide, from the class of its failure.
//!
//! What shapes this adapter: cal.com reads no idempotency key, so a booking carries our key in its metadata and is looked for before
//! a second create; a move makes a new booking with a new uid; refusals are told apart by their text (`error.rs`); response shapes
//! depend on a version header per family of endpoints (`outbound.rs`); and all lists are filtered again here, since some builds
//! ignore filters.

mod error;
mod inbound;
mod outbound;
#[cfg(test)]
mod tests;
mod webhooks;
mod wire;

use std::collections::HashSet;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderMap;
use serde::de::DeserializeOwned;
use url::Url;

use super::{
    Calendar, CalendarAccount, CalendarBooking, CalendarError, CalendarHint, CalendarSecrets, EventType, NewBooking, SlotQuery,
};
use crate::{
    channel::{SignatureInvalid, Unparsable},
    vendor::{Failure, Http, Reply, Request},
};
use error::Repeat;
use wire::{BookingData, Envelope};

/// The adapter for cal.com.
#[derive(Debug, Clone, Copy)]
pub struct Calcom;

/// The most pages of a list that are read: some ten thousand bookings.
const MOST_PAGES: usize = 40;

/// The most a metadata value may hold, in UTF-16 units, as cal.com counts.
const LONGEST_KEY: usize = 500;

/// How long after its start a booking surely has ended.
const LONGEST_VISIT: TimeDelta = TimeDelta::days(2);

async fn send(http: &Http, request: Request, repeat: Repeat) -> Result<Reply, CalendarError> {
    let reply = http.send(request).await.map_err(|error| error::unanswered(error, repeat))?;
    if reply.is_success() { Ok(reply) } else { Err(error::classify(&reply, repeat)) }
}

async fn call<T: DeserializeOwned>(http: &Http, request: Request, repeat: Repeat) -> Result<Envelope<T>, CalendarError> {
    let reply = send(http, request, repeat).await?;
    let read = reply.json::<Envelope<T>>().filter(|envelope| envelope.status == "success");
    read.ok_or_else(|| error::unreadable(repeat).quoting(&reply).into())
}

async fn one_booking(http: &Http, request: Request, repeat: Repeat) -> Result<CalendarBooking, CalendarError> {
    let data = call::<BookingData>(http, request, repeat).await?.data;
    data.first().and_then(wire::Booking::read).ok_or_else(|| error::unreadable(repeat).into())
}

/// All bookings that `filter` leaves, page by page, up to and including the page with the booking that carries `key`.
///
/// Pages overlap by a sixteenth, for a booking that changes during the walk may leave its place, and all after it move up.
///
/// # Errors
/// `too_many_pages`, as an unknown outcome: what was not read may hold what was looked for.
async fn walk(
    http: &Http,
    account: &CalendarAccount,
    filter: &[(&str, String)],
    key: Option<&str>,
) -> Result<Vec<wire::Booking>, CalendarError> {
    let (mut bookings, mut skip) = (Vec::new(), 0);
    for _ in 0..MOST_PAGES {
        let page = call::<Vec<wire::Booking>>(http, outbound::bookings(account, filter, skip), Repeat::Safe).await?;
        let count = page.data.len();
        let found = key.is_some() && page.data.iter().any(|booking| booking.key() == key);
        bookings.extend(page.data);
        let told = page.pagination.and_then(|pagination| pagination.has_next_page);
        if found || count == 0 || !told.unwrap_or(count >= outbound::PAGE) {
            return Ok(bookings);
        }
        skip += count - count / 16;
    }
    Err(Failure::unknown("too_many_pages").into())
}

#[async_trait]
impl Calendar for Calcom {
    async fn slots(
        &self,
        http: &Http,
        account: &CalendarAccount,
        query: &SlotQuery,
    ) -> Result<Vec<DateTime<Utc>>, CalendarError> {
        // cal.com refuses an empty range with 400.
        if query.from >= query.to {
            return Ok(Vec::new());
        }
        let days = call::<wire::Slots>(http, outbound::slots(account, query), Repeat::Safe).await?.data;
        let starts = days.into_values().flatten().map(|slot| slot.start);
        let mut slots: Vec<_> = starts.filter(|start| (query.from..query.to).contains(start)).collect();
        slots.sort_unstable();
        slots.dedup();
        Ok(slots)
    }

    /// The answer may be an older booking with another key: for round-robin types and unconfirmed bookings, cal.com answers a second
    /// create for the same type, start and attendee with the first one's booking.
    async fn create(
        &self,
        http: &Http,
        account: &CalendarAccount,
        booking: &NewBooking,
    ) -> Result<CalendarBooking, CalendarError> {
        if booking.key.encode_utf16().count() > LONGEST_KEY {
            return Err(Failure::permanent("key_too_long").into());
        }
        one_booking(http, outbound::create(account, booking), Repeat::LookFirst).await
    }

    /// A cancelled or declined booking counts as found and comes with its status: the wish was carried out and then undone, and must
    /// not be carried out again. After a move, the successor (metadata goes with it) is preferred to the booking it replaced.
    ///
    /// cal.com has no filter by metadata or phone. Newest first, so that a booking just made is on the first page even on builds that
    /// ignore the other filters.
    async fn find(
        &self,
        http: &Http,
        account: &CalendarAccount,
        booking: &NewBooking,
    ) -> Result<Option<CalendarBooking>, CalendarError> {
        let after = booking.start.checked_sub_signed(TimeDelta::seconds(1)).unwrap_or(booking.start);
        let before = booking.start.checked_add_signed(LONGEST_VISIT).unwrap_or(booking.start);
        let filter = [
            ("eventTypeId", booking.event_type_id.to_string()),
            ("afterStart", outbound::utc(after)),
            ("beforeEnd", outbound::utc(before)),
            ("sortCreated", "desc".to_owned()),
        ];
        let bookings = walk(http, account, &filter, Some(&booking.key)).await?;
        let ours = bookings.into_iter().filter(|found| found.key() == Some(&booking.key));
        ours.min_by_key(wire::Booking::is_over)
            .map(|found| found.read().ok_or_else(|| error::unreadable(Repeat::Safe).into()))
            .transpose()
    }

    async fn get(&self, http: &Http, account: &CalendarAccount, uid: &str) -> Result<CalendarBooking, CalendarError> {
        if !outbound::is_uid(uid) {
            return Err(CalendarError::NotFound);
        }
        one_booking(http, outbound::booking(account, uid), Repeat::Safe).await
    }

    async fn reschedule(
        &self,
        http: &Http,
        account: &CalendarAccount,
        uid: &str,
        start: DateTime<Utc>,
    ) -> Result<CalendarBooking, CalendarError> {
        if !outbound::is_uid(uid) {
            return Err(CalendarError::NotFound);
        }
        one_booking(http, outbound::reschedule(account, uid, start), Repeat::LookFirst).await
    }

    async fn cancel(&self, http: &Http, account: &CalendarAccount, uid: &str, reason: &str) -> Result<(), CalendarError> {
        if !outbound::is_uid(uid) {
            return Err(CalendarError::NotFound);
        }
        send(http, outbound::cancel(account, uid, reason), Repeat::LookFirst).await.map(drop)
    }

    /// Two walks: `updatedAt` is null until the first change after the creation, so a filter on it misses what was only created.
    async fn changed_since(
        &self,
        http: &Http,
        account: &CalendarAccount,
        since: DateTime<Utc>,
    ) -> Result<Vec<CalendarBooking>, CalendarError> {
        let walks = [("afterUpdatedAt", "sortUpdatedAt"), ("afterCreatedAt", "sortCreated")];
        let (mut changed, mut seen) = (Vec::new(), HashSet::new());
        for (after, sort) in walks {
            let filter = [(after, outbound::utc(since)), (sort, "asc".to_owned())];
            for booking in walk(http, account, &filter, None).await? {
                if booking.changed_at().is_some_and(|at| at < since) || booking.uid.clone().is_some_and(|uid| !seen.insert(uid)) {
                    continue;
                }
                // One booking in a state this version doesn't know must not stop the reconciliation of all others.
                match booking.read() {
                    Some(booking) => changed.push(booking),
                    None => tracing::warn!(team = account.team_id, "cal.com listed a booking that can't be read"),
                }
            }
        }
        changed.sort_by_key(|booking| booking.updated_at);
        Ok(changed)
    }

    /// Without managed parents, which can't be booked.
    async fn event_types(&self, http: &Http, account: &CalendarAccount) -> Result<Vec<EventType>, CalendarError> {
        let request = match account.team_id {
            Some(team) => outbound::team_event_types(account, team),
            None => {
                let me = call::<wire::Me>(http, outbound::me(account), Repeat::Safe).await?.data;
                outbound::user_event_types(account, &me.username)
            }
        };
        let types = call::<Vec<wire::EventType>>(http, request, Repeat::Safe).await?.data;
        let bookable = types.into_iter().filter(|kind| kind.scheduling_type.as_deref() != Some("managed"));
        Ok(bookable
            .map(|kind| EventType { id: kind.id, title: kind.title.unwrap_or_default(), minutes: kind.length_in_minutes })
            .collect())
    }

    async fn ensure_webhooks(
        &self,
        http: &Http,
        account: &CalendarAccount,
        address: &Url,
        event_types: &[i64],
    ) -> Result<(), CalendarError> {
        for event_type in event_types {
            webhooks::ensure(http, account, address, *event_type).await?;
        }
        Ok(())
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8], secrets: &CalendarSecrets) -> Result<(), SignatureInvalid> {
        inbound::verify(headers, body, secrets)
    }

    fn parse(&self, body: &[u8]) -> Result<CalendarHint, Unparsable> {
        inbound::parse(body)
    }
}
