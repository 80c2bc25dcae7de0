//! What cal.com's refusals mean. Most are told apart by their text alone ("slot taken" is a 400 like any other), so the rules are a
//! table of texts, read from top to bottom.

use std::{borrow::Cow, time::Duration};

use super::wire::ApiError;
use crate::{
    booking::CalendarError,
    vendor::{Class, Failure, HttpError, Reply},
};

/// May the same call be made again without looking first?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// A second call does no harm: reads, and webhooks, of which one address can have only one.
    Safe,
    /// A second call may do the work twice. cal.com reads no idempotency key.
    LookFirst,
}

/// What a row of the table says.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    SlotTaken,
    OutOfBounds,
    LimitReached,
    AlreadyCancelled,
    NotFound,
    Credential,
    /// The work may be done: unknown for a call that must not be repeated blindly, a retry for one that may.
    Undecided,
    Permanent,
}

/// How a row recognises a text.
enum Text {
    Any,
    /// The body holds no message at all: something in front of cal.com answered.
    Absent,
    Is(&'static str),
    Starts(&'static str),
    Contains(&'static str),
}

impl Text {
    fn matches(&self, text: Option<&str>) -> bool {
        match (self, text) {
            (Self::Any, _) | (Self::Absent, None) => true,
            (Self::Is(wanted), Some(text)) => text == *wanted,
            (Self::Starts(wanted), Some(text)) => text.starts_with(wanted),
            (Self::Contains(wanted), Some(text)) => text.contains(wanted),
            _ => false,
        }
    }
}

/// From which status, to which status, what text, what it means, and our code for it (none: `http_` and the status).
type Row = (u16, u16, Text, Meaning, Option<&'static str>);

use Meaning::{AlreadyCancelled, Credential, LimitReached, NotFound, OutOfBounds, Permanent, SlotTaken, Undecided};
use Text::{Absent, Any, Contains, Is, Starts};

/// The first row that fits decides. What fits none is refused for good.
const TABLE: &[Row] = &[
    (400, 599, Contains("already has booking at this time"), SlotTaken, None),
    (409, 409, Contains("booking_conflict_error"), SlotTaken, None),
    (409, 409, Contains("No more seats"), SlotTaken, None),
    (409, 409, Contains("booking_seats_full_error"), SlotTaken, None),
    (400, 499, Starts("The event type can't be booked at the \"start\""), OutOfBounds, None),
    (400, 499, Starts("Attempting to book a meeting in the past"), OutOfBounds, None),
    (403, 403, Starts("Rescheduling is not allowed within the minimum notice period"), OutOfBounds, None),
    (400, 400, Is("Cannot cancel a booking that has already ended"), OutOfBounds, None),
    (403, 403, Contains("_limit_reached"), LimitReached, None),
    (400, 400, Contains("maximum number of active bookings has been reached"), LimitReached, None),
    (400, 400, Contains("because it has been cancelled"), AlreadyCancelled, None),
    (400, 400, Contains("cancelled and rescheduled already to booking"), AlreadyCancelled, None),
    // A unique key was hit: by somebody else's booking, or by ours of an earlier attempt.
    (400, 400, Is("An error occurred while querying the database."), Undecided, Some("unique_key")),
    (409, 409, Contains("Trying to create a record that already exists"), Undecided, Some("unique_key")),
    (500, 599, Any, Undecided, None),
    (408, 408, Any, Undecided, None),
    (498, 498, Any, Credential, Some("access_token_expired")),
    (401, 403, Contains("ApiAuthStrategy - "), Credential, Some("api_key")),
    (401, 403, Contains("Guard - "), Credential, Some("guard")),
    (401, 403, Contains("checkBookingRequiresAuthentication - "), Credential, Some("booking_requires_authentication")),
    (401, 401, Absent, Credential, None),
    // "Cannot GET /v2/…": the version or the base address is wrong. It must not be read as a booking that is gone.
    (404, 404, Starts("Cannot "), Permanent, Some("no_such_endpoint")),
    (404, 404, Absent, Permanent, None),
    (404, 404, Any, NotFound, None),
    (400, 400, Contains("{email}error_required_field"), Permanent, Some("email_required")),
    (400, 400, Contains("Attendee must have at least one contact method"), Permanent, Some("contact_missing")),
    (400, 400, Contains("Both Phone and Email are missing"), Permanent, Some("contact_missing")),
    (400, 400, Contains("Invalid phone number format"), Permanent, Some("phone_invalid")),
    (400, 400, Contains("Missing attendee phone number"), Permanent, Some("phone_missing")),
    (400, 400, Contains("Missing required booking field response"), Permanent, Some("booking_field_missing")),
    (400, 400, Starts("Invalid type for booking field"), Permanent, Some("booking_field_invalid")),
    (400, 400, Starts("Invalid option "), Permanent, Some("booking_field_invalid")),
    (400, 400, Contains("is the parent managed event type"), Permanent, Some("managed_event_type")),
    (422, 422, Contains("because it has no hosts"), Permanent, Some("no_hosts")),
    (400, 400, Starts("Can't specify 'lengthInMinutes'"), Permanent, Some("event_length")),
    (400, 400, Is("Invalid event length"), Permanent, Some("event_length")),
    (400, 400, Is("email_verification_required"), Permanent, Some("email_verification")),
    (400, 400, Is("invalid_verification_code"), Permanent, Some("email_verification")),
    (409, 409, Contains("already_signed_up_for_this_booking_error"), Permanent, Some("already_signed_up")),
    (400, 400, Starts("Cancellation reason is required"), Permanent, Some("reason_required")),
    (400, 400, Is("This event type does not allow cancellations"), Permanent, Some("cancellation_not_allowed")),
    (400, 400, Starts("Invalid seatUid"), Permanent, Some("seat_invalid")),
    (400, 400, Starts("Invalid time range given"), Permanent, Some("time_range")),
];

/// The longest wait that is believed: cal.com blocks for a minute by default.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The text before the uid of a moved booking's successor.
const SUCCESSOR: &str = "rescheduled already to booking with uid=";

/// What an answer that is no success means.
pub(super) fn classify(reply: &Reply, repeat: Repeat) -> CalendarError {
    if reply.status == 429 {
        return Failure::new(Class::Retry { after: wait(reply) }, "rate_limited").quoting(reply).into();
    }
    let text = reply.json::<ApiError>().and_then(|error| error.text());
    let row =
        TABLE.iter().find(|(from, to, wanted, ..)| (*from..=*to).contains(&reply.status) && wanted.matches(text.as_deref()));
    let (meaning, code) = row.map_or((Permanent, None), |(.., meaning, code)| (*meaning, *code));
    let code: Cow<'static, str> = code.map_or_else(|| format!("http_{}", reply.status).into(), Cow::Borrowed);
    match meaning {
        SlotTaken => CalendarError::SlotTaken,
        OutOfBounds => CalendarError::OutOfBounds,
        LimitReached => CalendarError::LimitReached,
        NotFound => CalendarError::NotFound,
        AlreadyCancelled => CalendarError::AlreadyCancelled { next_uid: text.as_deref().and_then(successor) },
        Credential => Failure::new(Class::Credential, code).quoting(reply).into(),
        Undecided if repeat == Repeat::Safe => Failure::retry(code).quoting(reply).into(),
        Undecided => Failure::unknown(code).quoting(reply).into(),
        Permanent => Failure::permanent(code).quoting(reply).into(),
    }
}

/// What a call that got no answer means.
pub(super) fn unanswered(error: HttpError, repeat: Repeat) -> CalendarError {
    match (error, repeat) {
        (HttpError::NoAnswer, Repeat::Safe) => Failure::retry("no_answer").into(),
        (HttpError::AnswerTooLarge, Repeat::Safe) => Failure::permanent("answer_too_large").into(),
        (error, _) => Failure::from(error).into(),
    }
}

/// What a success that can't be read means: the work is done, but not what came of it.
pub(super) fn unreadable(repeat: Repeat) -> Failure {
    match repeat {
        Repeat::Safe => Failure::retry("unreadable_answer"),
        Repeat::LookFirst => Failure::unknown("unreadable_answer"),
    }
}

/// Seconds until calls are taken again. The header's last part is the limit's name, `Default` for most; of several limits the longest
/// wait counts. It is a duration, not a time of day, and there is no `Retry-After`.
fn wait(reply: &Reply) -> Option<Duration> {
    let resets = reply.headers.keys().filter(|name| name.as_str().starts_with("x-ratelimit-reset"));
    resets.filter_map(|name| reply.seconds_header(name.as_str())).max().map(|wait| wait.min(LONGEST_WAIT))
}

/// The uid that a refusal to move a booking names as its successor.
fn successor(text: &str) -> Option<String> {
    let (_, rest) = text.split_once(SUCCESSOR)?;
    let uid: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    Some(uid).filter(|uid| !uid.is_empty())
}
