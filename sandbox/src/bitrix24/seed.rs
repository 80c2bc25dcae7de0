//! What the portal holds before the product comes.

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Bitrix24,
    fields::Change,
    handlers::EVENTS,
    items,
    limits::Settings,
    state::{Grant, Handler, Kind, State, UserField},
    statuses::Status,
    userfields::TYPES,
};

/// An access token lives for an hour, a refresh token for 180 days (Bitrix24 note, 3.1).
pub(super) const ACCESS_LIFE: TimeDelta = TimeDelta::seconds(3600);
pub(super) const REFRESH_LIFE: TimeDelta = TimeDelta::days(180);
/// And the code that a person brings back from the portal's page for 30 seconds.
pub(super) const CODE_LIFE: TimeDelta = TimeDelta::seconds(30);

/// The portal itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Portal {
    pub(super) domain: String,
    pub(super) member_id: String,
    /// What outgoing events prove themselves with, unless an outgoing webhook has a token of its own.
    pub(super) application_token: String,
    pub(super) mode: Mode,
    /// The offset in which the portal writes times, and reads those without one.
    #[serde(deserialize_with = "offset")]
    pub(super) utc_offset: FixedOffset,
    /// Whether the plan includes REST.
    pub(super) paid: bool,
    /// A manual block of the REST API: `OVERLOAD_LIMIT`.
    pub(super) overloaded: bool,
    pub(super) deleted: bool,
}

impl Default for Portal {
    fn default() -> Self {
        Self {
            domain: "salon.bitrix24.example".to_owned(),
            member_id: "a223c6b3710f85df22e9377d6c4f7553".to_owned(),
            application_token: "51856fefc120afa4b628cc82d3935cce".to_owned(),
            mode: Mode::Classic,
            utc_offset: DateTime::UNIX_EPOCH.fixed_offset().timezone(),
            paid: true,
            overloaded: false,
            deleted: false,
        }
    }
}

fn offset<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<FixedOffset, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// Whether there are leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    Classic,
    /// A new lead is converted into a deal at once.
    Simple,
}

/// What a user may do in the CRM.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Right {
    #[default]
    All,
    Read,
    None,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    pub(super) id: i64,
    pub(super) name: String,
    #[serde(default)]
    pub(super) last_name: String,
    #[serde(default)]
    pub(super) email: String,
    #[serde(default)]
    pub(super) admin: bool,
    #[serde(default = "yes")]
    pub(super) active: bool,
    #[serde(default)]
    pub(super) crm: Right,
}

/// An inbound webhook.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    pub(super) user: i64,
    pub(super) code: String,
    pub(super) scopes: Vec<String>,
    #[serde(default)]
    pub(super) expires: Option<DateTime<Utc>>,
}

/// An application that a user installed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct App {
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) user: i64,
    pub(super) scopes: Vec<String>,
    pub(super) access_token: String,
    pub(super) refresh_token: String,
    /// False: the user lost access to the application.
    #[serde(default = "yes")]
    pub(super) allowed: bool,
    #[serde(default)]
    pub(super) payment_required: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutgoingWebhook {
    events: Vec<String>,
    url: String,
    token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewField {
    entity: Kind,
    name: String,
    #[serde(rename = "type")]
    user_type: String,
    #[serde(default)]
    multiple: bool,
    #[serde(default)]
    mandatory: bool,
    #[serde(default)]
    options: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Records {
    contacts: Vec<items::Item>,
    leads: Vec<items::Item>,
    deals: Vec<items::Item>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Seed {
    portal: Option<Portal>,
    users: Vec<User>,
    webhooks: Vec<Webhook>,
    apps: Vec<App>,
    outgoing_webhooks: Vec<OutgoingWebhook>,
    user_fields: Vec<NewField>,
    statuses: Vec<Status>,
    limits: Option<Settings>,
    records: Records,
}

fn yes() -> bool {
    true
}

impl Bitrix24 {
    /// Adds users, webhooks, applications, custom fields and records, and replaces the portal's own settings, the limits
    /// and the directories it names. Every part may be left out; the values below are the defaults where there are any.
    ///
    /// ```json
    /// { "portal": { "domain": "salon.bitrix24.example", "member_id": "a223...", "application_token": "5185...",
    ///               "mode": "classic", "utc_offset": "+00:00", "paid": true, "overloaded": false, "deleted": false },
    ///   "users": [ { "id": 1, "name": "Olga", "last_name": "", "email": "", "admin": false, "active": true, "crm": "all" } ],
    ///   "webhooks": [ { "user": 1, "code": "s3cr3t", "scopes": ["crm", "user_brief"], "expires": null } ],
    ///   "apps": [ { "client_id": "app.1", "client_secret": "...", "user": 1, "scopes": ["crm"], "access_token": "...",
    ///               "refresh_token": "...", "allowed": true, "payment_required": false } ],
    ///   "outgoing_webhooks": [ { "events": ["ONCRMCONTACTUPDATE"], "url": "http://127.0.0.1:3300/...", "token": null } ],
    ///   "user_fields": [ { "entity": "contact", "name": "UF_CRM_SALON_ID", "type": "string", "multiple": false,
    ///                      "mandatory": false, "options": [] } ],
    ///   "statuses": [ { "entity": "SOURCE", "id": "TELEGRAM", "name": "Telegram", "semantics": null } ],
    ///   "limits": { "rate": true, "burst": 50, "drain": 2, "operating": true, "counters": true, "operating_limit": 480,
    ///               "cost": 0.1, "costs": { "crm.item.add": 0.5 } },
    ///   "records": { "contacts": [ { "id": 7, "name": "Anna", "fm": [ { "typeId": "PHONE", "valueType": "MOBILE",
    ///                "value": "+79001234567" } ] } ], "leads": [], "deals": [] } }
    /// ```
    ///
    /// `crm` is `all`, `read` or `none`; `mode` is `classic` or `simple`; `entity` is `lead`, `deal` or `contact`. `token`
    /// null means the portal's `application_token`. `counters: false` leaves `operating` out of replies, as some portals
    /// do. Records have the fields of `crm.item.add`, and may name their `id`. Tokens live from the moment of the seed.
    ///
    /// # Errors
    ///
    /// When the value doesn't have that shape, or names users or fields that don't exist.
    pub fn seed(&self, value: &Value) -> Result<(), String> {
        let seed = Seed::deserialize(value).map_err(|error| error.to_string())?;
        let now = self.world.now();
        let mut state = self.state();
        if let Some(portal) = seed.portal {
            state.portal = portal;
        }
        if let Some(limits) = seed.limits {
            state.limits.settings = limits;
        }
        state.users.extend(seed.users.into_iter().map(|user| (user.id, user)));
        plant_access(&mut state, seed.webhooks, seed.apps, now)?;
        plant_statuses(&mut state, seed.statuses);
        for field in seed.user_fields {
            plant_field(&mut state, field)?;
        }
        for hook in seed.outgoing_webhooks {
            plant_hook(&mut state, hook)?;
        }
        let Records { contacts, leads, deals } = seed.records;
        for (kind, records) in [(Kind::Contact, contacts), (Kind::Lead, leads), (Kind::Deal, deals)] {
            for record in records {
                items::plant(&mut state, kind, record, now)?;
            }
        }
        Ok(())
    }
}

fn plant_access(state: &mut State, webhooks: Vec<Webhook>, apps: Vec<App>, now: DateTime<Utc>) -> Result<(), String> {
    let owners = webhooks.iter().map(|webhook| webhook.user).chain(apps.iter().map(|app| app.user));
    if let Some(lost) = owners.into_iter().find(|user| !state.users.contains_key(user)) {
        return Err(format!("user {lost} doesn't exist"));
    }
    state.webhooks.extend(webhooks);
    for app in apps {
        let grant = |life| Grant { client_id: app.client_id.clone(), user: app.user, until: now + life };
        state.access_tokens.insert(app.access_token.clone(), grant(ACCESS_LIFE));
        state.refresh_tokens.insert(app.refresh_token.clone(), grant(REFRESH_LIFE));
        state.apps.push(app);
    }
    Ok(())
}

/// A directory that the seed names is replaced as a whole; the others are the vendor's own.
fn plant_statuses(state: &mut State, statuses: Vec<Status>) {
    state.statuses.retain(|old| statuses.iter().all(|new| new.entity != old.entity));
    state.statuses.extend(statuses);
}

fn plant_field(state: &mut State, field: NewField) -> Result<(), String> {
    if !TYPES.contains(&field.user_type.as_str()) || !field.name.starts_with("UF_CRM_") {
        return Err(format!("{} of type {} can't be a custom field", field.name, field.user_type));
    }
    let id = state.next_id("userfield");
    let options = field.options.into_iter().map(|option| (state.next_id("option"), option)).collect();
    state.user_fields.push(UserField {
        id,
        kind: field.entity,
        label: field.name.as_str().into(),
        name: field.name,
        user_type: field.user_type,
        multiple: field.multiple,
        mandatory: field.mandatory,
        options,
        xml_id: Value::Null,
        sort: 100,
    });
    Ok(())
}

fn plant_hook(state: &mut State, hook: OutgoingWebhook) -> Result<(), String> {
    for event in hook.events {
        if !EVENTS.contains(&event.as_str()) {
            return Err(format!("no event {event}"));
        }
        let id = state.next_id("handler");
        let token = hook.token.clone().unwrap_or_else(|| state.portal.application_token.clone());
        state.handlers.push(Handler { id, event, url: hook.url.clone(), app: None, auth_type: 0, token });
    }
    Ok(())
}

/// Checks a record of a seed as one of the portal's screens would.
pub(super) fn strict(change: &Change) -> Result<(), String> {
    if change.ignored.is_empty() { Ok(()) } else { Err(change.ignored.join("; ")) }
}
