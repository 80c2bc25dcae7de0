//! Finding and listing event types.

use serde_json::Value;

use super::{
    Calcom,
    answer::Refusal,
    http::{Answer, Call, success},
    model::{EventType, State},
    teams, view,
};

/// The event type a booking's body names.
pub(super) fn selected(state: &State, body: &Value) -> Result<EventType, Refusal> {
    find(state, body)?.ok_or_else(|| {
        let slug = body["eventTypeSlug"].as_str().unwrap_or_default();
        let text = match (body["eventTypeId"].as_i64(), body["teamSlug"].as_str(), body["username"].as_str()) {
            (Some(id), ..) => format!("Event type with id {id} not found."),
            (None, Some(team), _) => format!("Event type with slug {slug} belonging to team {team} not found."),
            (None, None, user) => {
                format!("Event type with slug {slug} belonging to user {} not found.", user.unwrap_or_default())
            }
        };
        Refusal::nest(404, text)
    })
}

/// The event type that a body or a slots query names; an unknown team or user is a refusal of its own.
pub(super) fn find(state: &State, body: &Value) -> Result<Option<EventType>, Refusal> {
    if let Some(id) = body["eventTypeId"].as_i64() {
        return Ok(state.event_types.get(&id).cloned());
    }
    let Some(slug) = body["eventTypeSlug"].as_str() else {
        return Err(Refusal::input("Either eventTypeId or eventTypeSlug with username or teamSlug must be provided"));
    };
    let by_slug =
        |belongs: &dyn Fn(&EventType) -> bool| state.event_types.values().find(|one| one.slug == slug && belongs(one)).cloned();
    if let Some(team_slug) = body["teamSlug"].as_str() {
        let no_team = || Refusal::nest(404, format!("Team with slug {team_slug} not found"));
        let team = state.teams.values().find(|team| team.slug == team_slug).ok_or_else(no_team)?;
        return Ok(by_slug(&|one| one.team_id == Some(team.id)));
    }
    let Some(username) = body["username"].as_str() else {
        return Err(Refusal::input("eventTypeSlug needs username or teamSlug"));
    };
    let no_user = || Refusal::nest(404, format!("User with username {username} not found"));
    let user = state.users.values().find(|user| user.username == username).ok_or_else(no_user)?;
    Ok(by_slug(&|one| one.team_id.is_none() && one.owner_id == Some(user.id)))
}

pub(super) fn team_event_type(state: &State, team: i64, id: i64) -> Result<EventType, Refusal> {
    let found = state.event_types.get(&id).filter(|event_type| event_type.team_id == Some(team));
    found.cloned().ok_or_else(|| Refusal::nest(404, format!("Team event type with id {id} not found")))
}

/// A user's own type is managed by that user only.
pub(super) fn require_owner(state: &State, id: i64, user: Option<i64>) -> Result<(), Refusal> {
    let no_type = || Refusal::nest(404, format!("Event type with id {id} not found"));
    let event_type = state.event_types.get(&id).ok_or_else(no_type)?;
    if event_type.team_id.is_none() && event_type.owner_id.is_some() && event_type.owner_id == user {
        Ok(())
    } else {
        Err(Refusal::nest(403, format!("User with ID {} does not own event type with ID {id}", user.unwrap_or_default())))
    }
}

/// Users' own types; hidden ones for their owner only.
pub(super) fn of_users(calcom: &Calcom, call: &Call) -> Answer {
    let state = calcom.state();
    let names: Vec<&str> = [call.param("username"), call.param("usernames")]
        .into_iter()
        .flatten()
        .flat_map(|names| names.split(','))
        .map(str::trim)
        .collect();
    let wanted = |event_type: &&EventType| {
        let Some(owner) = event_type.owner_id.and_then(|owner| state.users.get(&owner)) else {
            return false;
        };
        let mine = call.user == Some(owner.id);
        let named = if names.is_empty() { mine } else { names.contains(&owner.username.as_str()) };
        event_type.team_id.is_none()
            && named
            && (mine || !event_type.hidden)
            && call.param("eventSlug").is_none_or(|slug| event_type.slug == slug)
    };
    let found = state.event_types.values().filter(wanted);
    success(200, found.map(|event_type| view::event_type(&state, event_type)).collect())
}

pub(super) fn of_team(calcom: &Calcom, call: &Call) -> Answer {
    let team = call.number(0)?;
    let state = calcom.state();
    let wanted = |event_type: &&EventType| {
        event_type.team_id == Some(team) && call.param("eventSlug").is_none_or(|slug| event_type.slug == slug)
    };
    let limit = call.param("hostsLimit").and_then(|text| text.parse().ok());
    let mut shown: Vec<Value> = state.event_types.values().filter(wanted).map(|one| view::event_type(&state, one)).collect();
    if let Some(limit) = limit {
        shown.iter_mut().filter_map(|one| one["hosts"].as_array_mut()).for_each(|hosts| hosts.truncate(limit));
    }
    success(200, shown.into())
}

pub(super) fn of_team_one(calcom: &Calcom, call: &Call) -> Answer {
    let team = call.number(0)?;
    teams::require_admin(calcom, team, call.user)?;
    let state = calcom.state();
    let event_type = team_event_type(&state, team, call.number(1)?)?;
    success(200, view::event_type(&state, &event_type))
}
