//! JSON of bookings and event types, as cal.com's output mappers make it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::model::{Attendee, Booking, EventType, Scope, State, Webhook};

pub(super) fn millis(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

pub(super) fn title(state: &State, booking: &Booking) -> String {
    let event_type = state.event_types.get(&booking.event_type);
    let team = event_type.and_then(|event_type| state.teams.get(&event_type.team_id?)).map(|team| team.name.as_str());
    let host = state.users.get(&booking.host()).map(|user| user.name.as_str());
    format!(
        "{} between {} and {}",
        event_type.map_or("", |event_type| event_type.title.as_str()),
        team.or(host).unwrap_or_default(),
        booking.attendee.name
    )
}

/// A booking as the 2024-08-13 endpoints show it.
pub(super) fn booking(state: &State, booking: &Booking) -> Value {
    let slug = state.event_types.get(&booking.event_type).map(|event_type| event_type.slug.as_str());
    let host = state.users.get(&booking.host()).map(|user| {
        json!({"id": user.id, "name": user.name, "email": user.email, "displayEmail": user.email,
               "username": user.username, "timeZone": user.time_zone.name()})
    });
    let mut shown = json!({
        "id": booking.id, "uid": booking.uid, "title": title(state, booking), "description": "",
        "hosts": [host.unwrap_or_else(|| json!({"id": "unknown"}))],
        "status": booking.status.api(),
        "cancellationReason": booking.cancellation_reason.as_deref().unwrap_or_default(),
        "cancelledByEmail": booking.cancelled_by.as_deref().unwrap_or_default(),
        "start": millis(booking.start), "end": millis(booking.end),
        "duration": (booking.end - booking.start).num_minutes(),
        "eventTypeId": booking.event_type, "eventType": {"id": booking.event_type, "slug": slug},
        "location": booking.location, "meetingUrl": booking.location, "absentHost": booking.absent_host,
        "createdAt": millis(booking.created_at), "updatedAt": millis(booking.updated_at),
        "metadata": booking.metadata, "rating": null, "icsUid": format!("{}@Cal.com", booking.uid),
        "attendees": attendees(state, booking), "guests": booking.guests, "bookingFieldsResponses": booking.responses,
    });
    let optional = [
        ("reschedulingReason", &booking.rescheduling_reason),
        ("rescheduledByEmail", &booking.rescheduled_by),
        ("rescheduledFromUid", &booking.from_uid),
        ("rescheduledToUid", &booking.to_uid),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            shown[name] = value.as_str().into();
        }
    }
    shown
}

/// The client first; the further hosts of a collective booking follow as attendees.
fn attendees(state: &State, booking: &Booking) -> Vec<Value> {
    let others = booking.hosts.iter().skip(1).filter_map(|host| state.users.get(host)).map(|user| Attendee {
        name: user.name.clone(),
        email: user.email.clone(),
        phone: None,
        time_zone: user.time_zone,
        language: "en".to_owned(),
        absent: false,
    });
    std::iter::once(booking.attendee.clone()).chain(others).map(|one| attendee(&one)).collect()
}

fn attendee(attendee: &Attendee) -> Value {
    let mut shown = json!({
        "name": attendee.name, "email": attendee.email, "displayEmail": attendee.email,
        "timeZone": attendee.time_zone.name(), "language": attendee.language, "absent": attendee.absent,
    });
    if let Some(phone) = &attendee.phone {
        shown["phoneNumber"] = phone.as_str().into();
    }
    shown
}

/// An event type as the 2024-06-14 and team endpoints show it.
pub(super) fn event_type(state: &State, event_type: &EventType) -> Value {
    let mut shown = json!({
        "id": event_type.id, "ownerId": event_type.owner_id, "title": event_type.title, "slug": event_type.slug,
        "description": "", "lengthInMinutes": event_type.length_in_minutes, "slotInterval": event_type.slot_interval,
        "minimumBookingNotice": event_type.minimum_booking_notice,
        "beforeEventBuffer": event_type.before_event_buffer, "afterEventBuffer": event_type.after_event_buffer,
        "locations": event_type.locations, "bookingFields": event_type.booking_fields, "recurrence": null,
        "disableGuests": event_type.disable_guests, "price": 0, "currency": "usd", "seatsPerTimeSlot": null,
        "scheduleId": null, "metadata": {}, "hidden": event_type.hidden, "lockTimeZoneToggleOnBookingPage": false,
        "forwardParamsSuccessRedirect": null, "successRedirectUrl": null, "isInstantEvent": false,
        "bookingRequiresAuthentication": event_type.requires_authentication,
        "confirmationPolicy": if event_type.requires_confirmation {
            json!({"type": "always", "blockUnconfirmedBookingsInBooker": false})
        } else {
            json!({"disabled": true})
        },
    });
    if !event_type.length_in_minutes_options.is_empty() {
        shown["lengthInMinutesOptions"] = event_type.length_in_minutes_options.clone().into();
    }
    if let Some(window) = &event_type.booking_window {
        shown["bookingWindow"] = json!({"type": window.kind, "value": window.value, "rolling": false});
    }
    match event_type.team_id.and_then(|team| state.teams.get(&team)) {
        Some(team) => {
            shown["teamId"] = team.id.into();
            shown["parentEventTypeId"] = Value::Null;
            shown["assignAllTeamMembers"] = false.into();
            shown["rescheduleWithSameRoundRobinHost"] = true.into();
            shown["schedulingType"] = event_type.scheduling_type.map(super::model::Scheduling::api).into();
            shown["team"] = json!({"id": team.id, "slug": team.slug, "name": team.name, "logoUrl": null,
                "bannerUrl": null, "weekStart": "Monday", "brandColor": null, "darkBrandColor": null, "theme": null});
            shown["hosts"] = hosts(state, event_type).into();
        }
        None => {
            let owner = event_type.owner_id.and_then(|owner| state.users.get(&owner));
            let username = owner.map_or("", |user| user.username.as_str());
            shown["bookingUrl"] = format!("https://cal.com/{username}/{}", event_type.slug).into();
            shown["users"] =
                owner.map(|user| json!({"id": user.id, "name": user.name, "username": user.username})).into_iter().collect();
        }
    }
    shown
}

fn hosts(state: &State, event_type: &EventType) -> Vec<Value> {
    let users = event_type.hosts.iter().filter_map(|host| state.users.get(&host.user_id));
    users
        .map(|user| {
            json!({"userId": user.id, "name": user.name, "username": user.username, "avatarUrl": null,
                           "mandatory": false, "priority": "medium"})
        })
        .collect()
}

/// For the chat page: no keys and no secrets.
pub(super) fn snapshot(state: &State) -> Value {
    let webhooks: Vec<Value> = state.webhooks.iter().map(webhook).collect();
    let deliveries: Vec<Value> = state
        .deliveries
        .iter()
        .map(|sent| json!({"at": millis(sent.at), "trigger": sent.trigger, "uid": sent.uid, "status": sent.status}))
        .collect();
    json!({
        "bookings": state.bookings.iter().map(|one| booking(state, one)).collect::<Vec<_>>(),
        "eventTypes": state.event_types.values().map(|one| event_type(state, one)).collect::<Vec<_>>(),
        "webhooks": webhooks,
        "deliveries": deliveries,
    })
}

fn webhook(webhook: &Webhook) -> Value {
    let (scope, id) = match webhook.scope {
        Scope::User(id) => ("user", id),
        Scope::EventType(id) => ("eventType", id),
        Scope::Team(id) => ("team", id),
    };
    json!({"id": webhook.id, "scope": scope, "scopeId": id, "active": webhook.active, "subscriberUrl": webhook.url,
           "signed": webhook.secret.is_some(), "triggers": webhook.triggers})
}
