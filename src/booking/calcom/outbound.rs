//! cal.com's requests. Only documented fields and no nulls: `GET /v2/slots` and the bodies that create, move and cancel refuse
//! anything else with 400.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use http::{HeaderName, Method, header};
use secrecy::ExposeSecret;
use url::Url;

use super::wire::{Attendee, Cancel, CreateBooking, KEY, Reschedule, WebhookInput};
use crate::{
    booking::{CalendarAccount, NewBooking, SlotQuery},
    vendor::Request,
};

/// What reads may take.
const READ: Duration = Duration::from_secs(10);
/// What changes may take: cal.com calls calendars, mailers and webhooks inside the request.
const WRITE: Duration = Duration::from_secs(30);
/// The most a page holds.
pub(super) const PAGE: usize = 250;

/// Always sent: without it, or with an unknown value, cal.com answers as it did in April 2024.
const VERSION: HeaderName = HeaderName::from_static("cal-api-version");

/// What cal.com tells us about.
pub(super) const TRIGGERS: &[&str] = &[
    "BOOKING_CREATED",
    "BOOKING_REQUESTED",
    "BOOKING_RESCHEDULED",
    "BOOKING_CANCELLED",
    "BOOKING_REJECTED",
    "BOOKING_NO_SHOW_UPDATED",
];
/// The one webhook format there is.
const WEBHOOK_VERSION: &str = "2021-10-20";

/// Endpoints that are versioned together.
#[derive(Debug, Clone, Copy)]
enum Family {
    Bookings,
    Slots,
    EventTypes,
    Teams,
    Webhooks,
}

impl Family {
    /// The name in an account's `versions`, and the version this adapter speaks. The last two take any known version.
    const fn entry(self) -> (&'static str, &'static str) {
        match self {
            Self::Bookings => ("bookings", "2024-08-13"),
            Self::Slots => ("slots", "2024-09-04"),
            Self::EventTypes => ("event_types", "2024-06-14"),
            Self::Teams => ("teams", "2024-08-13"),
            Self::Webhooks => ("webhooks", "2024-08-13"),
        }
    }

    fn version(self, account: &CalendarAccount) -> &str {
        let (name, default) = self.entry();
        account.versions.get(name).map_or(default, String::as_str)
    }
}

/// A time as cal.com's strict check wants it: UTC, `Z`, at most milliseconds.
pub(super) fn utc(time: DateTime<Utc>) -> String {
    time.trunc_subsecs(3).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// May this uid stand in a path? A dot segment would silently make it another endpoint's path; anything else is escaped.
pub(super) fn is_uid(uid: &str) -> bool {
    !matches!(uid, "" | "." | "..")
}

/// The address of an endpoint below the account's base, whose own path is kept.
fn address(account: &CalendarAccount, path: &[&str], query: &[(&str, String)]) -> Url {
    let mut url = account.base_url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Only an address without a host has no path; the address guard refuses that one.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().push("v2").extend(path);
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

fn request(account: &CalendarAccount, family: Family, method: Method, url: Url) -> Request {
    let timeout = if method == Method::GET { READ } else { WRITE };
    Request::new(method, url, timeout)
        .header(VERSION, family.version(account))
        .secret_header(header::AUTHORIZATION, &format!("Bearer {}", account.secrets.api_key.expose_secret()))
}

fn get(account: &CalendarAccount, family: Family, path: &[&str], query: &[(&str, String)]) -> Request {
    request(account, family, Method::GET, address(account, path, query))
}

/// `GET /v2/slots`. Public, but sent with the key: without one, all tenants would share the limit of our address.
pub(super) fn slots(account: &CalendarAccount, query: &SlotQuery) -> Request {
    let query = [
        ("eventTypeId", query.event_type_id.to_string()),
        ("start", utc(query.from)),
        ("end", utc(query.to)),
        ("timeZone", query.zone.name().to_owned()),
    ];
    get(account, Family::Slots, &["slots"], &query)
}

/// `POST /v2/bookings`.
pub(super) fn create(account: &CalendarAccount, booking: &NewBooking) -> Request {
    let body = CreateBooking {
        start: utc(booking.start),
        event_type_id: booking.event_type_id,
        attendee: Attendee {
            name: &booking.name,
            phone_number: &booking.phone,
            time_zone: booking.zone.name(),
            language: booking.lang.code(),
        },
        metadata: BTreeMap::from([(KEY, booking.key.as_str())]),
    };
    request(account, Family::Bookings, Method::POST, address(account, &["bookings"], &[])).json(&body)
}

/// `GET /v2/bookings/{uid}`.
pub(super) fn booking(account: &CalendarAccount, uid: &str) -> Request {
    get(account, Family::Bookings, &["bookings", uid], &[])
}

/// `POST /v2/bookings/{uid}/reschedule`.
pub(super) fn reschedule(account: &CalendarAccount, uid: &str, start: DateTime<Utc>) -> Request {
    let url = address(account, &["bookings", uid, "reschedule"], &[]);
    request(account, Family::Bookings, Method::POST, url).json(&Reschedule { start: utc(start) })
}

/// `POST /v2/bookings/{uid}/cancel`. A reason is always sent: without one cal.com refuses when the key belongs to the host.
pub(super) fn cancel(account: &CalendarAccount, uid: &str, reason: &str) -> Request {
    let url = address(account, &["bookings", uid, "cancel"], &[]);
    let reason = if reason.trim().is_empty() { "Cancelled" } else { reason };
    request(account, Family::Bookings, Method::POST, url).json(&Cancel { cancellation_reason: reason })
}

/// A page of the team's bookings, or of the key's own user without a team.
pub(super) fn bookings(account: &CalendarAccount, filter: &[(&str, String)], skip: usize) -> Request {
    let mut query = filter.to_vec();
    query.extend([("take", PAGE.to_string()), ("skip", skip.to_string())]);
    match account.team_id {
        Some(team) => get(account, Family::Bookings, &["teams", &team.to_string(), "bookings"], &query),
        None => get(account, Family::Bookings, &["bookings"], &query),
    }
}

/// `GET /v2/me`: who the key belongs to.
pub(super) fn me(account: &CalendarAccount) -> Request {
    get(account, Family::Teams, &["me"], &[])
}

/// `GET /v2/teams/{teamId}/event-types`.
pub(super) fn team_event_types(account: &CalendarAccount, team: i64) -> Request {
    get(account, Family::Teams, &["teams", &team.to_string(), "event-types"], &[])
}

/// `GET /v2/event-types`: a user is named by the user name, not by the key.
pub(super) fn user_event_types(account: &CalendarAccount, username: &str) -> Request {
    get(account, Family::EventTypes, &["event-types"], &[("username", username.to_owned())])
}

/// Where an event type's webhooks are; with an id, one of them. There is no such thing for a whole team.
fn webhooks_address(account: &CalendarAccount, event_type: i64, id: Option<&str>) -> Url {
    let (event_type, team) = (event_type.to_string(), account.team_id.map(|team| team.to_string()));
    let mut path = team.as_deref().map_or_else(Vec::new, |team| vec!["teams", team]);
    path.extend(["event-types", &event_type, "webhooks"]);
    path.extend(id);
    address(account, &path, &[])
}

/// The webhooks of an event type. Not paged: the default page holds 250, and we look for one of ours.
pub(super) fn webhooks(account: &CalendarAccount, event_type: i64) -> Request {
    request(account, Family::Webhooks, Method::GET, webhooks_address(account, event_type, None))
}

/// Creates a webhook, or with an id brings that one up to date.
pub(super) fn put_webhook(account: &CalendarAccount, event_type: i64, id: Option<&str>, subscriber: &Url) -> Request {
    let method = if id.is_some() { Method::PATCH } else { Method::POST };
    request(account, Family::Webhooks, method, webhooks_address(account, event_type, id)).json(&WebhookInput {
        active: true,
        subscriber_url: subscriber.as_str(),
        secret: account.secrets.webhook_secret.expose_secret(),
        triggers: TRIGGERS,
        version: WEBHOOK_VERSION,
    })
}
