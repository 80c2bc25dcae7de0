//! The operations, which version and key each needs, and how a path finds its own.

use axum::http::{HeaderMap, Method};

use super::answer::Refusal;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Versioned {
    Any,
    /// A controller of this version, and the older legacy ones that share the path.
    Only(&'static str, &'static [&'static str]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Optional,
    Required,
}

pub(super) struct Route {
    pub(super) operation: &'static str,
    pub(super) version: Versioned,
    pub(super) key: Key,
    /// Unknown input is a 400 instead of being dropped silently.
    pub(super) strict: bool,
}

const KNOWN_VERSIONS: &[&str] = &["2024-04-15", "2024-06-11", "2024-06-14", "2024-08-13", "2024-09-04"];
const BOOKINGS: Versioned = Versioned::Only("2024-08-13", &["2024-04-15", "2024-06-11", "2024-06-14"]);
const SLOTS: Versioned = Versioned::Only("2024-09-04", &[]);
const EVENT_TYPES: Versioned = Versioned::Only("2024-06-14", &["2024-04-15", "2024-06-11"]);

const fn route(operation: &'static str, version: Versioned, key: Key, strict: bool) -> Route {
    Route { operation, version, key, strict }
}

pub(super) const ROUTES: &[Route] = &[
    route("GET /v2/slots", SLOTS, Key::Optional, true),
    route("POST /v2/slots/reservations", SLOTS, Key::Optional, false),
    route("GET /v2/slots/reservations/{uid}", SLOTS, Key::Optional, false),
    route("DELETE /v2/slots/reservations/{uid}", SLOTS, Key::Optional, false),
    route("POST /v2/bookings", BOOKINGS, Key::Optional, true),
    route("GET /v2/bookings", BOOKINGS, Key::Required, false),
    route("GET /v2/bookings/{bookingUid}", BOOKINGS, Key::Optional, false),
    route("POST /v2/bookings/{bookingUid}/reschedule", BOOKINGS, Key::Optional, true),
    route("POST /v2/bookings/{bookingUid}/cancel", BOOKINGS, Key::Optional, true),
    route("POST /v2/bookings/{bookingUid}/confirm", BOOKINGS, Key::Required, false),
    route("POST /v2/bookings/{bookingUid}/decline", BOOKINGS, Key::Required, false),
    route("POST /v2/bookings/{bookingUid}/mark-absent", BOOKINGS, Key::Required, false),
    route("GET /v2/event-types", EVENT_TYPES, Key::Optional, false),
    route("GET /v2/teams/{teamId}", Versioned::Any, Key::Required, false),
    route("GET /v2/teams/{teamId}/bookings", Versioned::Any, Key::Required, false),
    route("GET /v2/teams/{teamId}/memberships", Versioned::Any, Key::Required, false),
    route("GET /v2/teams/{teamId}/event-types", Versioned::Any, Key::Optional, false),
    route("GET /v2/teams/{teamId}/event-types/{eventTypeId}", Versioned::Any, Key::Required, false),
    route("POST /v2/teams/{teamId}/event-types/{eventTypeId}/webhooks", Versioned::Any, Key::Required, false),
    route("GET /v2/teams/{teamId}/event-types/{eventTypeId}/webhooks", Versioned::Any, Key::Required, false),
    route("DELETE /v2/teams/{teamId}/event-types/{eventTypeId}/webhooks", Versioned::Any, Key::Required, false),
    route("GET /v2/teams/{teamId}/event-types/{eventTypeId}/webhooks/{webhookId}", Versioned::Any, Key::Required, false),
    route("PATCH /v2/teams/{teamId}/event-types/{eventTypeId}/webhooks/{webhookId}", Versioned::Any, Key::Required, false),
    route("DELETE /v2/teams/{teamId}/event-types/{eventTypeId}/webhooks/{webhookId}", Versioned::Any, Key::Required, false),
    route("POST /v2/event-types/{eventTypeId}/webhooks", Versioned::Any, Key::Required, false),
    route("GET /v2/event-types/{eventTypeId}/webhooks", Versioned::Any, Key::Required, false),
    route("DELETE /v2/event-types/{eventTypeId}/webhooks", Versioned::Any, Key::Required, false),
    route("GET /v2/event-types/{eventTypeId}/webhooks/{webhookId}", Versioned::Any, Key::Required, false),
    route("PATCH /v2/event-types/{eventTypeId}/webhooks/{webhookId}", Versioned::Any, Key::Required, false),
    route("DELETE /v2/event-types/{eventTypeId}/webhooks/{webhookId}", Versioned::Any, Key::Required, false),
    route("POST /v2/webhooks", Versioned::Any, Key::Required, false),
    route("GET /v2/webhooks", Versioned::Any, Key::Required, false),
    route("GET /v2/webhooks/{webhookId}", Versioned::Any, Key::Required, false),
    route("PATCH /v2/webhooks/{webhookId}", Versioned::Any, Key::Required, false),
    route("DELETE /v2/webhooks/{webhookId}", Versioned::Any, Key::Required, false),
    route("GET /v2/me", Versioned::Any, Key::Required, false),
];

pub(super) fn find(method: &Method, path: &str) -> Option<(&'static Route, Vec<String>)> {
    ROUTES.iter().find_map(|route| {
        let (verb, template) = route.operation.split_once(' ')?;
        let ids = (verb == method.as_str()).then(|| variables(template, path)).flatten()?;
        Some((route, ids))
    })
}

fn variables(template: &str, path: &str) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let mut parts = path.trim_end_matches('/').split('/');
    for expected in template.split('/') {
        let part = parts.next()?;
        if expected.starts_with('{') {
            values.push(part.to_owned());
        } else if expected != part {
            return None;
        }
    }
    parts.next().is_none().then_some(values)
}

/// A missing or unknown version means `2024-04-15`; a version without a controller on the path means no such path.
pub(super) fn check_version(route: &Route, headers: &HeaderMap, not_found: impl Fn() -> Refusal) -> Result<(), Refusal> {
    let Versioned::Only(version, legacy) = route.version else {
        return Ok(());
    };
    let given = headers.get("cal-api-version").and_then(|value| value.to_str().ok());
    let read = given.filter(|given| KNOWN_VERSIONS.contains(given)).unwrap_or("2024-04-15");
    if read == version {
        return Ok(());
    }
    let why = format!("cal-api-version is {given:?}, {} needs {version}", route.operation);
    // The legacy controllers are not modelled: what users report of them is a crash on a body they can't read.
    let refusal = if legacy.contains(&read) { Refusal::crash() } else { not_found() };
    Err(refusal.forbidden(why))
}
