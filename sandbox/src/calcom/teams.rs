//! Teams, their members, and the key's own user.

use serde_json::{Value, json};

use super::{
    Calcom,
    answer::Refusal,
    http::{Answer, Call, success},
    model::{EventType, State},
};

pub(super) fn require_admin(calcom: &Calcom, team: i64, user: Option<i64>) -> Result<(), Refusal> {
    require_role(&calcom.state(), team, user, "TEAM_ADMIN", &["ADMIN", "OWNER"])
}

fn require_role(state: &State, team: i64, user: Option<i64>, least: &str, enough: &[&str]) -> Result<(), Refusal> {
    let user = user.unwrap_or_default();
    match state.role(team, user) {
        Some(role) if enough.contains(&role) => Ok(()),
        _ => Err(Refusal::nest(
            403,
            format!(
                "RolesGuard - user with id={user} does not have the minimum required role={least} within team with id={team}."
            ),
        )),
    }
}

/// Whether the user may choose a reservation's duration on this event type.
pub(super) fn require_access(state: &State, event_type: &EventType, user: Option<i64>) -> Result<(), Refusal> {
    let Some(user) = user else {
        return Err(Refusal::nest(401, "reservationDuration can only be used for authenticated requests."));
    };
    let member = event_type.team_id.is_some_and(|team| state.role(team, user).is_some());
    if member || event_type.owner_id == Some(user) {
        Ok(())
    } else {
        Err(Refusal::nest(403, "reservationDuration can only be used for an event type of the user or of the user's team."))
    }
}

pub(super) fn get(calcom: &Calcom, call: &Call) -> Answer {
    let state = calcom.state();
    let id = call.number(0)?;
    require_role(&state, id, call.user, "TEAM_MEMBER", &["MEMBER", "ADMIN", "OWNER"])?;
    let team = state.teams.get(&id).ok_or_else(|| Refusal::nest(404, "Team not found"))?;
    success(
        200,
        json!({
            "id": team.id, "name": team.name, "slug": team.slug, "isOrganization": false, "isPrivate": false,
            "hideBranding": false, "metadata": {}, "timeZone": team.time_zone.name(), "weekStart": "Monday",
        }),
    )
}

pub(super) fn memberships(calcom: &Calcom, call: &Call) -> Answer {
    let state = calcom.state();
    let id = call.number(0)?;
    require_role(&state, id, call.user, "TEAM_ADMIN", &["ADMIN", "OWNER"])?;
    let team = state.teams.get(&id).ok_or_else(|| Refusal::nest(404, "Team not found"))?;
    let number = |name: &str| call.param(name).and_then(|text| text.parse::<usize>().ok());
    let emails: Option<Vec<&str>> = call.param("emails").map(|list| list.split(',').map(str::trim).collect());
    let list: Vec<Value> = team
        .members
        .iter()
        .zip(1_i64..)
        .filter_map(|(member, index)| {
            let user = state.users.get(&member.user_id)?;
            let wanted = emails.as_ref().is_none_or(|emails| emails.contains(&user.email.as_str()));
            wanted.then(|| {
                json!({
                    "id": team.id * 1000 + index, "userId": user.id, "teamId": team.id, "accepted": true,
                    "role": member.role, "disableImpersonation": false,
                    "user": {"name": user.name, "username": user.username, "email": user.email, "avatarUrl": null,
                             "bio": null, "metadata": {}},
                })
            })
        })
        .skip(number("skip").unwrap_or(0))
        .take(number("take").unwrap_or(250))
        .collect();
    success(200, list.into())
}

pub(super) fn me(calcom: &Calcom, call: &Call) -> Answer {
    let state = calcom.state();
    let user = call.user.and_then(|user| state.users.get(&user)).ok_or_else(Refusal::crash)?;
    success(
        200,
        json!({
            "id": user.id, "username": user.username, "email": user.email, "name": user.name, "avatarUrl": null,
            "bio": null, "timeFormat": 24, "defaultScheduleId": user.schedule.as_ref().map(|_| user.id),
            "weekStart": "Monday", "timeZone": user.time_zone.name(), "organizationId": null,
        }),
    )
}
