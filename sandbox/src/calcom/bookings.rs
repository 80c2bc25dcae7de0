//! Reading bookings: one by uid (public), a user's, a team's; filters, sorting and offset paging.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    Calcom,
    answer::Refusal,
    change,
    http::{Answer, Call, success},
    input,
    model::{Booking, State, Status},
    teams, view,
};

pub(super) fn get(calcom: &Calcom, call: &Call) -> Answer {
    let state = calcom.state();
    let booking = change::known(&state, call.id(0))?;
    success(200, view::booking(&state, booking))
}

/// The bookings the key's user hosts.
pub(super) fn list_mine(calcom: &Calcom, call: &Call) -> Answer {
    let state = calcom.state();
    let team = list_of_ids(call, "teamId", "teamsIds");
    let mine = |booking: &Booking| {
        let of_team = team_of(&state, booking).is_some_and(|id| team.contains(&id));
        call.user.is_some_and(|user| booking.hosts.contains(&user)) && (team.is_empty() || of_team)
    };
    page(&state, call, calcom.world.now(), mine)
}

/// The bookings of a team's event types; for its admins.
pub(super) fn list_of_team(calcom: &Calcom, call: &Call) -> Answer {
    let team = call.number(0)?;
    teams::require_admin(calcom, team, call.user)?;
    let state = calcom.state();
    page(&state, call, calcom.world.now(), |booking| team_of(&state, booking) == Some(team))
}

fn team_of(state: &State, booking: &Booking) -> Option<i64> {
    state.event_types.get(&booking.event_type)?.team_id
}

fn list_of_ids(call: &Call, one: &str, many: &str) -> Vec<i64> {
    let texts = [call.param(one), call.param(many)];
    texts.into_iter().flatten().flat_map(|text| text.split(',')).filter_map(|id| id.trim().parse().ok()).collect()
}

fn page(state: &State, call: &Call, now: DateTime<Utc>, belongs: impl Fn(&Booking) -> bool) -> Answer {
    let bounds = Bounds::read(call)?;
    let event_types = list_of_ids(call, "eventTypeId", "eventTypeIds");
    // A plus in a query is a space; cal.com turns it back.
    let email = call.param("attendeeEmail").map(|email| email.trim().replace(' ', "+"));
    let statuses: Vec<&str> = call.param("status").map(|list| list.split(',').map(str::trim).collect()).unwrap_or_default();
    let mut found: Vec<&Booking> = state
        .bookings
        .iter()
        .filter(|booking| belongs(booking) && bounds.admit(booking))
        .filter(|booking| event_types.is_empty() || event_types.contains(&booking.event_type))
        .filter(|booking| email.as_ref().is_none_or(|email| booking.attendee.email == *email))
        .filter(|booking| call.param("attendeeName").is_none_or(|name| booking.attendee.name == name))
        .filter(|booking| call.param("bookingUid").is_none_or(|uid| booking.uid == uid))
        .filter(|booking| statuses.is_empty() || statuses.iter().any(|status| has_status(booking, status, now)))
        .collect();
    sort(&mut found, call);
    let number = |name: &str| call.param(name).and_then(|text| text.parse::<usize>().ok());
    let (take, skip) = (number("take").unwrap_or(100), number("skip").unwrap_or(0));
    let total = found.len();
    let shown: Vec<Value> = found.into_iter().skip(skip).take(take).map(|one| view::booking(state, one)).collect();
    let (code, mut body) = success(200, Value::Null)?;
    body["pagination"] = pagination(total, take, skip, shown.len());
    body["data"] = shown.into();
    Ok((code, body))
}

fn has_status(booking: &Booking, status: &str, now: DateTime<Utc>) -> bool {
    let alive = matches!(booking.status, Status::Accepted | Status::Pending);
    match status {
        "upcoming" => alive && booking.end >= now,
        "past" => alive && booking.end < now,
        "cancelled" => matches!(booking.status, Status::Cancelled | Status::Rejected),
        "unconfirmed" => booking.status == Status::Pending && booking.end >= now,
        _ => false,
    }
}

/// A query's sorting parameter and the column it sorts by.
type Column = (&'static str, fn(&Booking) -> DateTime<Utc>);

fn sort(bookings: &mut [&Booking], call: &Call) {
    let columns: [Column; 4] = [
        ("sortStart", |booking| booking.start),
        ("sortEnd", |booking| booking.end),
        ("sortCreated", |booking| booking.created_at),
        ("sortUpdatedAt", |booking| booking.updated_at),
    ];
    for (name, key) in columns {
        match call.param(name) {
            Some("asc") => bookings.sort_by_key(|booking| key(booking)),
            Some(_) => bookings.sort_by_key(|booking| std::cmp::Reverse(key(booking))),
            None => {}
        }
    }
}

/// `currentPage` starts at 0, whatever the published document says.
fn pagination(total: usize, take: usize, skip: usize, returned: usize) -> Value {
    let remaining = total.saturating_sub(skip + returned);
    json!({
        "returnedItems": returned, "totalItems": total, "itemsPerPage": take, "remainingItems": remaining,
        "currentPage": skip / take.max(1), "totalPages": total.div_ceil(take.max(1)),
        "hasNextPage": remaining > 0, "hasPreviousPage": skip > 0,
    })
}

/// The six time filters.
struct Bounds {
    after_start: Option<DateTime<Utc>>,
    before_end: Option<DateTime<Utc>>,
    created: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    updated: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
}

impl Bounds {
    fn read(call: &Call) -> Result<Self, Refusal> {
        let read = |name: &str| {
            call.param(name)
                .map(|text| {
                    let wrong = || Refusal::input(format!("{name} must be a valid ISO 8601 date string"));
                    input::moment(text, false).ok_or_else(wrong)
                })
                .transpose()
        };
        Ok(Self {
            after_start: read("afterStart")?,
            before_end: read("beforeEnd")?,
            created: (read("afterCreatedAt")?, read("beforeCreatedAt")?),
            updated: (read("afterUpdatedAt")?, read("beforeUpdatedAt")?),
        })
    }

    fn admit(&self, booking: &Booking) -> bool {
        let after = |bound: Option<DateTime<Utc>>, time| bound.is_none_or(|bound| time >= bound);
        let before = |bound: Option<DateTime<Utc>>, time| bound.is_none_or(|bound| time <= bound);
        after(self.after_start, booking.start)
            && before(self.before_end, booking.end)
            && after(self.created.0, booking.created_at)
            && before(self.created.1, booking.created_at)
            && after(self.updated.0, booking.updated_at)
            && before(self.updated.1, booking.updated_at)
    }
}
