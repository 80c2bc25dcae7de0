//! The bodies of webhooks, with the peculiarities of each trigger.

use chrono::{DateTime, Offset, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::{
    model::{Attendee, Booking, EventType, State, Status, User},
    view,
};

/// The triggers this stand-in fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    Created,
    Requested,
    Rescheduled,
    Cancelled,
    Rejected,
    NoShowUpdated,
}

impl Trigger {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Created => "BOOKING_CREATED",
            Self::Requested => "BOOKING_REQUESTED",
            Self::Rescheduled => "BOOKING_RESCHEDULED",
            Self::Cancelled => "BOOKING_CANCELLED",
            Self::Rejected => "BOOKING_REJECTED",
            Self::NoShowUpdated => "BOOKING_NO_SHOW_UPDATED",
        }
    }
}

/// The payload of BOOKING_CREATED and BOOKING_REQUESTED; the other triggers start from it.
pub(super) fn booking(state: &State, booking: &Booking) -> Value {
    let event_type = state.event_types.get(&booking.event_type);
    let organizer = state.users.get(&booking.host());
    let title = event_type.map_or("", |event_type| event_type.title.as_str());
    let mut payload = json!({
        "bookingId": booking.id, "uid": booking.uid, "eventTypeId": booking.event_type,
        "type": event_type.map(|event_type| &event_type.slug), "status": booking.status.api().to_uppercase(),
        "title": view::title(state, booking), "eventTitle": title,
        "additionalNotes": booking.responses.get("notes").and_then(Value::as_str).unwrap_or_default(),
        "startTime": seconds(booking.start), "endTime": seconds(booking.end),
        "length": (booking.end - booking.start).num_minutes(),
        "schedulingType": event_type.and_then(|event_type| event_type.scheduling_type).map(super::model::Scheduling::webhook),
        "requiresConfirmation": event_type.is_some_and(|event_type| event_type.requires_confirmation),
        "organizer": organizer.map(|user| organizer_of(user, booking)),
        "attendees": [attendee(&booking.attendee, booking.start)],
        "responses": responses(booking),
        "smsReminderNumber": booking.attendee.phone,
        "location": booking.location,
        "iCalUID": format!("{}@Cal.com", booking.uid), "iCalSequence": booking.ical_sequence,
        "metadata": booking.metadata,
    });
    merge(&mut payload, constants());
    payload["disableCancelling"] = event_type.is_some_and(|event_type| event_type.disable_cancelling).into();
    if let Some(team) = team(state, event_type, booking) {
        payload["team"] = team;
    }
    payload
}

/// What this calendar never varies, but every payload carries.
fn constants() -> Value {
    json!({
        "price": 0, "currency": "usd", "bookerUrl": "https://cal.com", "eventDescription": "", "description": "",
        "userFieldsResponses": {}, "customInputs": null, "destinationCalendar": [],
        "seatsPerTimeSlot": null, "seatsShowAttendees": true, "seatsShowAvailabilityCount": true,
        "hideOrganizerEmail": false, "hideCalendarNotes": false, "hideCalendarEventDetails": false,
        "disableRescheduling": false, "customReplyToEmail": null, "organizationId": null, "oneTimePassword": null,
        "hashedLink": null, "appsStatus": [], "videoCallData": null, "conferenceData": null,
    })
}

fn merge(payload: &mut Value, more: Value) {
    if let (Some(fields), Value::Object(more)) = (payload.as_object_mut(), more) {
        fields.extend(more);
    }
}

/// BOOKING_CREATED by confirmation: our metadata keys are lost, and times carry milliseconds.
pub(super) fn confirmed(state: &State, confirmed: &Booking) -> Value {
    let mut payload = booking(state, confirmed);
    payload["startTime"] = view::millis(confirmed.start).into();
    payload["endTime"] = view::millis(confirmed.end).into();
    let video = confirmed.location.as_ref().filter(|location| location.starts_with("https://app.cal.com/video/"));
    payload["metadata"] = video.map_or_else(|| json!({}), |url| json!({"videoCallUrl": url}));
    payload
}

/// BOOKING_RESCHEDULED, or BOOKING_REQUESTED of a move: the new booking, with the old one's uid and times.
pub(super) fn rescheduled(state: &State, new: &Booking, old: &Booking) -> Value {
    let mut payload = booking(state, new);
    payload["rescheduleUid"] = old.uid.clone().into();
    payload["rescheduleId"] = old.id.into();
    payload["rescheduleStartTime"] = seconds(old.start).into();
    payload["rescheduleEndTime"] = seconds(old.end).into();
    payload["rescheduledBy"] = new.rescheduled_by.clone().into();
    payload
}

/// BOOKING_CANCELLED: no metadata, and times with a numeric offset.
pub(super) fn cancelled(state: &State, old: &Booking, reason: Option<&str>, by: Option<&str>) -> Value {
    let mut payload = booking(state, &Booking { status: Status::Cancelled, ..old.clone() });
    if let Some(fields) = payload.as_object_mut() {
        fields.remove("metadata");
    }
    payload["startTime"] = old.start.to_rfc3339_opts(SecondsFormat::Secs, false).into();
    payload["endTime"] = old.end.to_rfc3339_opts(SecondsFormat::Secs, false).into();
    payload["cancellationReason"] = reason.into();
    payload["cancelledBy"] = by.into();
    payload["requestReschedule"] = false.into();
    payload["iCalSequence"] = (old.ical_sequence + 1).into();
    payload
}

pub(super) fn rejected(state: &State, rejected: &Booking) -> Value {
    let mut payload = booking(state, rejected);
    payload["rejectionReason"] = rejected.rejection_reason.clone().into();
    payload
}

/// BOOKING_NO_SHOW_UPDATED: `bookingUid` instead of `uid`.
pub(super) fn no_show(booking: &Booking) -> Value {
    let Attendee { email, absent, .. } = &booking.attendee;
    let verb = if *absent { "marked" } else { "unmarked" };
    json!({
        "message": format!("{email} {verb} as no-show"), "bookingUid": booking.uid, "bookingId": booking.id,
        "attendees": [{"email": email, "noShow": absent}],
    })
}

fn organizer_of(user: &User, booking: &Booking) -> Value {
    json!({"id": user.id, "name": user.name, "email": user.email, "username": user.username, "usernameInOrg": null,
           "timeZone": user.time_zone.name(), "language": {"locale": "en"}, "timeFormat": "HH:mm",
           "utcOffset": utc_offset(user.time_zone, booking.start)})
}

fn attendee(attendee: &Attendee, start: DateTime<Utc>) -> Value {
    let (first, last) = attendee.name.split_once(' ').unwrap_or((attendee.name.as_str(), ""));
    json!({"name": attendee.name, "firstName": first, "lastName": last, "email": attendee.email,
           "phoneNumber": attendee.phone, "timeZone": attendee.time_zone.name(),
           "language": {"locale": attendee.language}, "utcOffset": utc_offset(attendee.time_zone, start)})
}

fn team(state: &State, event_type: Option<&EventType>, booking: &Booking) -> Option<Value> {
    let team = state.teams.get(&event_type?.team_id?)?;
    let others = booking.hosts.iter().skip(1).filter_map(|host| state.users.get(host));
    let members: Vec<Value> = others
        .map(|user| {
            json!({"id": user.id, "name": user.name, "email": user.email, "timeZone": user.time_zone.name(),
                           "language": {"locale": "en"}})
        })
        .collect();
    Some(json!({"id": team.id, "name": team.name, "members": members}))
}

fn responses(booking: &Booking) -> Value {
    let label = |slug: &str| match slug {
        "name" => "your_name".to_owned(),
        "email" => "email_address".to_owned(),
        "attendeePhoneNumber" => "phone_number".to_owned(),
        "notes" => "additional_notes".to_owned(),
        other => other.to_owned(),
    };
    booking
        .responses
        .iter()
        .map(|(slug, value)| (slug.clone(), json!({"label": label(slug), "value": value, "isHidden": false})))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn utc_offset(zone: Tz, at: DateTime<Utc>) -> i32 {
    at.with_timezone(&zone).offset().fix().local_minus_utc() / 60
}

fn seconds(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
