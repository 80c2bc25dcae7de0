//! What the installation holds before the product comes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    EspoCrm,
    access::{Account, Level, Proof},
    admin, input, records,
    state::{By, Record, State},
};

/// The installation itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) version: String,
    /// Numbers are kept in E.164, and others refused.
    pub(super) phone_international: bool,
    /// Names of new fields get a `c`.
    pub(super) custom_prefix: bool,
    /// Every request is answered with 503.
    pub(super) maintenance: bool,
    /// By scope: what doubles are looked for by, where it is not the vendor's own name and e-mail.
    pub(super) duplicate_check: BTreeMap<String, Vec<String>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: "9.3.10".to_owned(),
            phone_international: true,
            custom_prefix: true,
            maintenance: false,
            duplicate_check: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiUser {
    id: String,
    #[serde(rename = "userName")]
    user_name: String,
    key: String,
    #[serde(default)]
    secret: Option<String>,
    #[serde(rename = "isActive", default = "yes")]
    is_active: bool,
    #[serde(default)]
    scopes: BTreeMap<String, Level>,
    #[serde(default)]
    assignable: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Administrator {
    id: String,
    #[serde(rename = "userName")]
    user_name: String,
    password: String,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Seed {
    settings: Option<Settings>,
    users: Vec<Record>,
    api_users: Vec<ApiUser>,
    administrators: Vec<Administrator>,
    fields: BTreeMap<String, Map<String, Value>>,
    records: BTreeMap<String, Vec<Record>>,
}

impl EspoCrm {
    /// Adds users, API users, custom fields and records, and replaces the settings if there are any. Every part may be left
    /// out; the values of `settings` below are the defaults.
    ///
    /// ```json
    /// { "settings": { "version": "9.3.10", "phone_international": true, "custom_prefix": true, "maintenance": false,
    ///                 "duplicate_check": { "Contact": ["name", "emailAddress"] } },
    ///   "users": [ { "id": "u1", "userName": "olga", "firstName": "Olga", "type": "regular", "isActive": true } ],
    ///   "api_users": [ { "id": "api1", "userName": "salon-core", "key": "...", "secret": null, "isActive": true,
    ///                    "scopes": { "Contact": "all", "Lead": "read", "Task": "no", "Webhook": "all" }, "assignable": null } ],
    ///   "administrators": [ { "id": "adm1", "userName": "root", "password": "..." } ],
    ///   "fields": { "Contact": { "cExternalId": { "type": "varchar", "maxLength": 150 },
    ///                            "cLanguage": { "type": "enum", "options": ["", "ru"] } } },
    ///   "records": { "Team": [ { "id": "t1", "name": "Salon" } ],
    ///                "Contact": [ { "id": "c1", "lastName": "Anna", "phoneNumber": "+79001234567" } ] } }
    /// ```
    ///
    /// An API user with a `secret` proves itself with `X-Hmac-Authorization` alone, without one with `X-Api-Key` alone, an
    /// administrator with `Authorization: Basic`. `scopes`
    /// are the role's rights: `all`, `read`, `no`, or `own`, all rights but only with records that the user made or is assigned
    /// to; what is not named is `all`. `assignable` are the users that records may be assigned to, null for all. Fields are named
    /// in full and defined as in metadata. Records have the attributes of a `POST`, may name their `id`, and are not looked at
    /// for doubles; scopes are planted in this order: Team, User, Account, Lead, Contact, Meeting, Task, Note.
    ///
    /// # Errors
    ///
    /// When the value doesn't have that shape, or a record would be refused or has attributes that don't exist.
    pub fn seed(&self, value: &Value) -> Result<(), String> {
        let seed = Seed::deserialize(value).map_err(|error| error.to_string())?;
        let by = By { user: "system".to_owned(), now: self.world.now() };
        let mut state = self.state();
        if let Some(settings) = seed.settings {
            state.settings = settings;
        }
        for (scope, fields) in seed.fields {
            for (name, definition) in fields {
                admin::plant_field(&mut state, &scope, &name, definition)?;
            }
        }
        let mut all = seed.records;
        all.entry("User".to_owned()).or_default().extend(seed.users);
        for user in seed.api_users {
            plant_api_user(&mut state, user, &by)?;
        }
        for Administrator { id, user_name: user, password } in seed.administrators {
            plant_user(&mut state, &id, &user, "admin", true, &by)?;
            let proof = Proof::Password { user, password };
            state.accounts.insert(id, Account { proof, admin: true, scopes: BTreeMap::new(), assignable: None });
        }
        for scope in ["Team", "User", "Account", "Lead", "Contact", "Meeting", "Task", "Note"] {
            for record in all.remove(scope).unwrap_or_default() {
                plant(&mut state, scope, record, &by)?;
            }
        }
        drop(state);
        self.wake();
        all.keys().next().map_or(Ok(()), |scope| Err(format!("no scope {scope}")))
    }
}

fn plant_api_user(state: &mut State, user: ApiUser, by: &By) -> Result<(), String> {
    let ApiUser { id, user_name, key, secret, is_active, scopes, assignable } = user;
    plant_user(state, &id, &user_name, "api", is_active, by)?;
    let proof = match secret {
        Some(secret) => Proof::Signature { key, secret },
        None => Proof::Key(key),
    };
    state.accounts.insert(id, Account { proof, admin: false, scopes, assignable });
    Ok(())
}

fn plant_user(state: &mut State, id: &str, name: &str, kind: &str, is_active: bool, by: &By) -> Result<(), String> {
    let record = serde_json::json!({"id": id, "userName": name, "lastName": name, "type": kind, "isActive": is_active});
    plant(state, "User", record.as_object().cloned().unwrap_or_default(), by)
}

fn plant(state: &mut State, scope: &str, mut record: Record, by: &By) -> Result<(), String> {
    let id = match record.remove("id") {
        Some(Value::String(id)) => id,
        _ => state.next_id(by.now),
    };
    let entity = state.entity(scope).ok_or_else(|| format!("no scope {scope}"))?;
    let mut violations = Vec::new();
    let known = input::known(entity, scope, &record, &mut violations);
    if let Some(violation) = violations.first() {
        return Err(violation.clone());
    }
    let unfit = |refusal: super::answer::Refusal| format!("{scope} {id}: {}", refusal.text());
    let mut record = input::merged(state, scope, None, known).map_err(unfit)?;
    input::check_links(state, scope, None, None, &mut record).map_err(unfit)?;
    records::plant(state, scope, &id, record, by);
    Ok(())
}
