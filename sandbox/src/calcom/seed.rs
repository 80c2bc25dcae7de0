//! Filling the calendar.
//!
//! ```json
//! { "users": [ { "id": 11, "name": "Olga", "email": "olga@salon.example", "username": "olga",
//!       "timeZone": "Europe/Moscow", "apiKey": "cal_live_olga", "rateLimit": 120,
//!       "schedule": { "timeZone": "Europe/Moscow",
//!         "availability": [ { "days": ["Monday", "Tuesday"], "startTime": "10:00", "endTime": "19:00" } ],
//!         "overrides": [ { "date": "2026-12-31", "startTime": "10:00", "endTime": "14:00" } ] } } ],
//!   "teams": [ { "id": 7, "name": "Salon 42", "slug": "salon-42", "timeZone": "Europe/Moscow",
//!       "members": [ { "userId": 11, "role": "OWNER" } ] } ],
//!   "eventTypes": [ { "id": 101, "teamId": 7, "title": "Haircut", "slug": "haircut", "lengthInMinutes": 60,
//!       "slotInterval": 30, "minimumBookingNotice": 120, "schedulingType": "roundRobin",
//!       "rrHostSubsetEnabled": true, "hosts": [ { "userId": 11 } ],
//!       "locations": [ { "type": "address", "address": "Tverskaya 1", "public": true } ] } ],
//!   "webhooks": [ { "teamId": 7, "subscriberUrl": "http://127.0.0.1:3391/...", "secret": "...",
//!       "triggers": ["BOOKING_CREATED"] } ] }
//! ```
//!
//! A second seed adds; the same id replaces. `apiKey` values are the tester's, and never real ones.

use serde::Deserialize;
use serde_json::Value;

use super::model::{EventType, Scheduling, Scope, State, Team, User, Webhook};

/// Why a seed was refused; nothing of it was planted.
#[derive(Debug)]
pub struct BadSeed(String);

impl std::fmt::Display for BadSeed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "bad cal.com seed: {}", self.0)
    }
}

impl std::error::Error for BadSeed {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seed {
    #[serde(default)]
    users: Vec<User>,
    #[serde(default)]
    teams: Vec<Team>,
    #[serde(default)]
    event_types: Vec<EventType>,
    #[serde(default)]
    webhooks: Vec<SeedWebhook>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SeedWebhook {
    team_id: Option<i64>,
    event_type_id: Option<i64>,
    user_id: Option<i64>,
    subscriber_url: String,
    secret: Option<String>,
    triggers: Vec<String>,
}

pub(super) fn plant(state: &mut State, value: &Value) -> Result<(), BadSeed> {
    let seed = Seed::deserialize(value).map_err(|error| BadSeed(error.to_string()))?;
    let webhooks = seed.webhooks.into_iter().map(webhook).collect::<Result<Vec<_>, _>>()?;
    let known = |id: i64| state.users.contains_key(&id) || seed.users.iter().any(|user| user.id == id);
    let mentioned = seed
        .teams
        .iter()
        .flat_map(|team| team.members.iter().map(|member| member.user_id))
        .chain(seed.event_types.iter().flat_map(EventType::host_ids));
    if let Some(stranger) = mentioned.into_iter().find(|id| !known(*id)) {
        return Err(BadSeed(format!("user {stranger} doesn't exist")));
    }
    state.users.extend(seed.users.into_iter().map(|user| (user.id, user)));
    state.teams.extend(seed.teams.into_iter().map(|team| (team.id, team)));
    for mut event_type in seed.event_types {
        if event_type.team_id.is_some() {
            event_type.scheduling_type = event_type.scheduling_type.or(Some(Scheduling::RoundRobin));
        }
        state.event_types.insert(event_type.id, event_type);
    }
    state.webhooks.extend(webhooks);
    Ok(())
}

fn webhook(seed: SeedWebhook) -> Result<Webhook, BadSeed> {
    let scope = match (seed.team_id, seed.event_type_id, seed.user_id) {
        (Some(id), None, None) => Scope::Team(id),
        (None, Some(id), None) => Scope::EventType(id),
        (None, None, Some(id)) => Scope::User(id),
        _ => {
            return Err(BadSeed("a webhook has one of teamId, eventTypeId, userId".to_owned()));
        }
    };
    Ok(Webhook {
        id: uuid::Uuid::new_v4().to_string(),
        scope,
        active: true,
        url: seed.subscriber_url,
        secret: seed.secret,
        template: None,
        triggers: seed.triggers,
    })
}
