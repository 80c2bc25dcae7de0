//! The rules of a booking's input that a schema can't say, with cal.com's texts.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::{
    answer::Refusal,
    model::{Attendee, EventType},
};

/// The name of a domain cal.com makes addresses in for people who gave a phone only.
const SMS_DOMAIN: &str = "sms.cal.com";

/// A moment in ISO 8601; without an offset it is UTC, without a time it is midnight (or the day's end).
pub(super) fn moment(text: &str, day_end: bool) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    if let Ok(time) = text.parse::<NaiveDateTime>() {
        return Some(time.and_utc());
    }
    let end = NaiveTime::from_hms_opt(23, 59, 59).unwrap_or_default();
    let date = text.parse::<NaiveDate>().ok()?;
    Some(date.and_time(if day_end { end } else { NaiveTime::MIN }).and_utc())
}

pub(super) fn start(body: &Value) -> Result<DateTime<Utc>, Refusal> {
    moment(body["start"].as_str().unwrap_or_default(), false)
        .ok_or_else(|| wrong("start", "start must be a valid ISO 8601 date string"))
}

pub(super) fn zone(text: &str) -> Option<Tz> {
    text.parse().ok()
}

/// A pipe's message: the property, then what is wrong with it.
fn wrong(property: &str, complaint: &str) -> Refusal {
    Refusal::input(format!("`{property}` property is wrong,{complaint} , "))
}

/// Checks the attendee as the pipe does and then as the event type does.
pub(super) fn attendee(body: &Value, event_type: &EventType) -> Result<Attendee, Refusal> {
    let given = &body["attendee"];
    let text = |name: &str| given[name].as_str().map(str::to_owned);
    let (email, phone) = (text("email"), text("phoneNumber"));
    if email.is_none() && phone.is_none() {
        return Err(wrong("attendee", "Attendee must have at least one contact method (email or phone number)"));
    }
    if email.as_deref().is_some_and(|email| !is_email(email)) {
        return Err(wrong("attendee", "Invalid email format"));
    }
    if phone.as_deref().is_some_and(|phone| !is_phone(phone)) {
        return Err(wrong("attendee", "Invalid phone number format. Please use international format."));
    }
    let time_zone = text("timeZone")
        .and_then(|name| zone(&name))
        .ok_or_else(|| wrong("attendee", "timeZone must be a valid IANA time-zone"))?;
    let email = contact_email(event_type, email, phone.as_deref())?;
    Ok(Attendee {
        name: text("name").unwrap_or_default(),
        email,
        phone,
        time_zone,
        language: text("language").unwrap_or_else(|| "en".to_owned()),
        absent: false,
    })
}

/// The address cal.com keeps: a hidden e-mail field blanks the one that was sent.
fn contact_email(event_type: &EventType, email: Option<String>, phone: Option<&str>) -> Result<String, Refusal> {
    let phone_field = "attendeePhoneNumber";
    if phone.is_none() && event_type.field_is(phone_field, "required") {
        return Err(Refusal::nest(
            400,
            "Missing attendee phone number - it is required by the event type. Pass it as \"attendee.phoneNumber\" string in the request.",
        ));
    }
    let phone_shown = event_type.field(phone_field).is_some_and(|field| field["hidden"] != true);
    let email = email.filter(|_| !(event_type.field_is("email", "hidden") && phone_shown));
    if email.is_none() && event_type.field_is("email", "required") {
        return Err(Refusal::zod("responses - {email}error_required_field, "));
    }
    match (email, phone) {
        (Some(email), _) => Ok(email),
        (None, Some(phone)) => Ok(format!("{}@{SMS_DOMAIN}", phone.trim_start_matches('+'))),
        (None, None) => Err(Refusal::bare(400, "Both Phone and Email are missing")),
    }
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let word = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "@,;<>()\"".contains(c));
    word(local) && word(domain) && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.')
}

fn is_phone(text: &str) -> bool {
    text.starts_with('+') && phonenumber::parse(None, text).is_ok_and(|number| phonenumber::is_valid(&number))
}

/// Metadata: the pipe lets numbers and booleans pass, the core takes strings only.
pub(super) fn metadata(body: &Value) -> Result<Map<String, Value>, Refusal> {
    let given = body["metadata"].as_object().cloned().unwrap_or_default();
    match given.iter().find(|(_, value)| !value.is_string()) {
        Some((key, value)) => {
            let kind = if value.is_boolean() { "boolean" } else { "number" };
            Err(Refusal::zod(format!("metadata,{key} - Expected string, received {kind}, ")))
        }
        None => Ok(given),
    }
}

/// Custom booking fields: required ones present, JSON types and options as the field says.
pub(super) fn responses(body: &Value, event_type: &EventType, attendee: &Attendee) -> Result<Map<String, Value>, Refusal> {
    let mut responses = body["bookingFieldsResponses"].as_object().cloned().unwrap_or_default();
    for field in &event_type.booking_fields {
        let slug = field["slug"].as_str().unwrap_or_default();
        if matches!(slug, "name" | "email" | "attendeePhoneNumber") {
            continue;
        }
        check_response(field, slug, responses.get(slug))?;
    }
    responses.insert("name".to_owned(), attendee.name.clone().into());
    responses.insert("email".to_owned(), attendee.email.clone().into());
    if let Some(phone) = &attendee.phone {
        responses.insert("attendeePhoneNumber".to_owned(), phone.clone().into());
    }
    Ok(responses)
}

fn check_response(field: &Value, slug: &str, value: Option<&Value>) -> Result<(), Refusal> {
    let Some(value) = value else {
        return if field["required"] == true {
            Err(Refusal::nest(
                400,
                format!(
                    "Missing required booking field response: {slug} - please provide it in the `bookingFieldsResponses` object of the request body."
                ),
            ))
        } else {
            Ok(())
        };
    };
    let kind = field["type"].as_str().unwrap_or("text");
    let (fits, expected) = match kind {
        "number" => (value.is_number(), "number"),
        "boolean" => (value.is_boolean(), "boolean"),
        "select" | "radio" => (value.is_string() || value.is_number(), "string or number"),
        "multiselect" | "checkbox" | "multiemail" => (value.is_array(), "array"),
        _ => (value.is_string(), "string"),
    };
    if !fits {
        return Err(Refusal::input(format!("Invalid type for booking field '{slug}'. Expected type {expected}.")));
    }
    let chosen = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
    if let Some(options) = field["options"].as_array() {
        let known = |choice: &Value| options.iter().any(|option| option == choice || option["value"] == *choice);
        if let Some(odd) = chosen.iter().find(|choice| !known(choice)) {
            let list: Vec<String> = options.iter().map(ToString::to_string).collect();
            let list = list.join(", ");
            return Err(Refusal::input(format!(
                "Invalid option '{odd}' for booking field '{slug}'. Allowed options are: {list}."
            )));
        }
    }
    Ok(())
}

/// The booking's length: a choice only where the event type offers one.
pub(super) fn minutes(wanted: Option<i64>, event_type: &EventType) -> Result<i64, Refusal> {
    match wanted {
        None => Ok(event_type.length_in_minutes),
        Some(_) if event_type.length_in_minutes_options.is_empty() => Err(Refusal::nest(
            400,
            "Can't specify 'lengthInMinutes' because event type does not have multiple possible lengths. Please, remove the 'lengthInMinutes' field from the request.",
        )),
        Some(minutes) if event_type.length_in_minutes_options.contains(&minutes) => Ok(minutes),
        Some(minutes) => Err(Refusal::nest(
            400,
            format!(
                "Provided 'lengthInMinutes' {minutes} is not one of the possible lengths for the event type: {:?}",
                event_type.length_in_minutes_options
            ),
        )),
    }
}

/// The place: one of the event type's own, or the first.
pub(super) fn location(body: &Value, event_type: &EventType, uid: &str) -> Result<Option<String>, Refusal> {
    let place = match body["location"]["type"].as_str() {
        None => event_type.locations.first(),
        Some(kind) => Some(event_type.locations.iter().find(|place| place["type"] == kind).ok_or_else(|| {
            Refusal::nest(400, format!("Event type with id={} does not have a location of type '{kind}'.", event_type.id))
        })?),
    };
    let Some(place) = place else {
        return Ok(None);
    };
    let kind = place["type"].as_str().unwrap_or_default();
    let source = match kind {
        "attendeeAddress" => &body["location"]["address"],
        "attendeePhone" => &body["location"]["phone"],
        "attendeeDefined" => &body["location"]["location"],
        "integration" | "organizersDefaultApp" => {
            return Ok(Some(format!("https://app.cal.com/video/{uid}")));
        }
        kind => &place[kind],
    };
    match source.as_str() {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(wrong("location", "location lacks what its type needs")),
    }
}
