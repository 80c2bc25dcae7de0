//! What is taken from their records: a record by its id, and the records that were changed.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    api,
    bookings::{HELD, NOT_HELD, PLANNED},
    fields::scope,
    wire::{Record, Where, columns, moment, query, read_moment},
};
use crate::{
    crm::{BookingState, CrmAccount, CrmCall, Entity, Fact, FieldMap, RemotePage, RemoteState},
    vendor::Failure,
};

/// The most EspoCRM hands out at once.
const PAGE: usize = 200;
/// How far a list moves on within one second of changes: half a page, so that records that are changed meanwhile, and leave for the end of
/// the list, don't draw others over the edge of a page unseen.
const STEP: usize = PAGE / 2;

pub(super) async fn record(call: &CrmCall<'_>, entity: Entity, id: &str) -> Result<Option<RemoteState>, Failure> {
    let record = api::fetch(call, scope(entity), id).await?;
    Ok(record.and_then(|record| state(call.account, entity, &record)))
}

/// A page begins at a moment of change, and not at a place in the list: a record that is changed while the list is read moves to its end and
/// would move all others up. A record may come twice. Only where one second has more changes than a page holds is there an offset.
pub(super) async fn changes(
    call: &CrmCall<'_>,
    entity: Entity,
    since: DateTime<Utc>,
    page: Option<&str>,
) -> Result<RemotePage, Failure> {
    let (since, offset) = match page {
        Some(page) => place(page).ok_or_else(|| Failure::permanent("page"))?,
        None => (since, 0),
    };
    let from = moment(since);
    let (size, skipped, columns) = (PAGE.to_string(), offset.to_string(), columns(&call.account.fields, entity));
    let condition = Where { kind: "greaterThanOrEquals", attribute: "modifiedAt", value: &from };
    let others =
        [("select", columns.as_str()), ("maxSize", &size), ("offset", &skipped), ("orderBy", "modifiedAt"), ("order", "asc")];
    let found = api::list(call, &[scope(entity)], &query(&[condition], &others)).await?;
    let last = found.last().and_then(|record| record.text("modifiedAt"));
    let next = match last {
        Some(_) if found.len() < PAGE => None,
        Some(last) if last == from => Some(format!("{from}|{}", offset + STEP)),
        Some(last) => Some(format!("{last}|0")),
        None if found.is_empty() => None,
        None => return Err(Failure::retry("no_modified_at")),
    };
    let records = found.iter().filter_map(|record| state(call.account, entity, record)).collect();
    Ok(RemotePage { records, next })
}

fn place(page: &str) -> Option<(DateTime<Utc>, usize)> {
    let (from, offset) = page.split_once('|')?;
    Some((read_moment(from)?, offset.parse().ok()?))
}

fn state(account: &CrmAccount, entity: Entity, record: &Record) -> Option<RemoteState> {
    let is_booking = entity == Entity::Booking;
    let person = !is_booking;
    Some(RemoteState {
        record: record.id()?.to_owned(),
        external_id: record.fact(&account.fields, entity, Fact::ExternalId).map(str::to_owned),
        changed_at: record.moment("modifiedAt"),
        name: record.text("name").filter(|_| person).map(str::to_owned),
        contacts: if person { contacts(record) } else { Vec::new() },
        no_contact: person && no_contact(record),
        booking: if is_booking { booking(&account.fields, record) } else { None },
        start: if is_booking { record.moment("dateStart") } else { None },
        end: if is_booking { record.moment("dateEnd") } else { None },
    })
}

/// Numbers, then e-mails. A list of records has the first of each only.
fn contacts(record: &Record) -> Vec<String> {
    let of = |list: &str, name: &str| -> Vec<String> {
        let all = record.list(list).iter().filter_map(|entry| entry.get(name)?.as_str());
        all.chain(record.text(name)).map(str::to_owned).collect()
    };
    let numbers = of("phoneNumberData", "phoneNumber").into_iter().map(|number| e164(&number));
    let emails = of("emailAddressData", "emailAddress").into_iter().map(|email| email.trim().to_lowercase());
    let mut contacts: Vec<String> = Vec::new();
    for contact in numbers.chain(emails) {
        if !contact.is_empty() && !contacts.contains(&contact) {
            contacts.push(contact);
        }
    }
    contacts
}

/// An international number without what people put between its digits; any other as it is: whose country it is nobody says.
fn e164(number: &str) -> String {
    let number = number.trim();
    match number.strip_prefix('+') {
        Some(rest) if rest.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '(' | ')' | '.')) => {
            rest.chars().fold("+".to_owned(), |mut digits, c| {
                digits.extend(Some(c).filter(char::is_ascii_digit));
                digits
            })
        }
        _ => number.to_owned(),
    }
}

/// "Do not call", or a number that is opted out. An opted-out e-mail address is about mailings, which we don't send.
fn no_contact(record: &Record) -> bool {
    let opted_out = |number: &Value| number.get("optOut").and_then(Value::as_bool).unwrap_or(false);
    record.is_true("doNotCall") || record.is_true("phoneNumberIsOptedOut") || record.list("phoneNumberData").iter().any(opted_out)
}

/// Our field says more than EspoCRM's three states and counts, unless it says that nothing has happened yet: then the status is what
/// somebody at the salon set. "Not Held" without a word of why is the salon's doing: it says that the visit does not take place, and a
/// client who called off did so through us.
fn booking(map: &FieldMap, record: &Record) -> Option<BookingState> {
    let said = record.fact(map, Entity::Booking, Fact::State).map(|word| map.ours(Entity::Booking, Fact::State, word));
    let said = said.and_then(|word| BookingState::ALL.into_iter().find(|state| state.as_str() == word));
    match (said, record.text("status")) {
        (Some(state), _) if state != BookingState::Planned => Some(state),
        (_, Some(PLANNED)) => Some(BookingState::Planned),
        (_, Some(HELD)) => Some(BookingState::Completed),
        (_, Some(NOT_HELD)) => Some(BookingState::CancelledBySalon),
        (said, _) => said,
    }
}
