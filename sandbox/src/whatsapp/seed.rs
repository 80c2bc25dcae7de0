//! What exists before the product comes.
//!
//! ```json
//! { "apps": [ { "id": "670843887433847", "name": "salon-core", "secret": "...",
//!       "callback": { "url": "https://...", "verify_token": "...", "fields": ["messages"] } } ],
//!   "accounts": [ { "id": "102290129340398", "name": "Salon 42", "portfolio": "b1", "app": "670843887433847", "token": "EAAG...",
//!       "numbers": [ { "id": "106540352242922", "display_phone_number": "+1 555-078-3881", "verified_name": "Salon 42" } ],
//!       "templates": [ { "name": "visit_reminder", "language": "ru", "components": [ { "type": "BODY", "text": "..." } ] } ],
//!       "subscribed": [ { "app": "670843887433847", "override_callback_uri": "https://..." } ] } ],
//!   "people": [ { "wa_id": "16505551234", "name": "Anna K", "username": "anna.k", "hides_number": true } ],
//!   "manners": { "retry_ms_per_second": 1, "batch": 1000 } }
//! ```
//!
//! A second seed adds; the same id replaces. Tokens and secrets are the tester's, and never real ones.

use serde::Deserialize;
use serde_json::Value;

use super::{
    Manners, WhatsApp,
    state::{Number, Person, Waba},
    template::Template,
};
use crate::meta::App;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    #[serde(default)]
    apps: Vec<App>,
    #[serde(default)]
    accounts: Vec<SeedAccount>,
    #[serde(default)]
    people: Vec<Person>,
    manners: Option<Manners>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedAccount {
    id: String,
    name: String,
    /// The business; the account's id when left out.
    portfolio: Option<String>,
    app: String,
    token: String,
    #[serde(default)]
    numbers: Vec<SeedNumber>,
    #[serde(default)]
    templates: Vec<Template>,
    #[serde(default)]
    subscribed: Vec<SeedSubscription>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedNumber {
    id: String,
    display_phone_number: String,
    verified_name: String,
    /// Messages a second.
    #[serde(default = "standard")]
    throughput: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedSubscription {
    app: String,
    override_callback_uri: Option<String>,
}

/// Throughput: 80 messages a second.
fn standard() -> f64 {
    80.0
}

impl WhatsApp {
    /// Adds apps, accounts and people.
    ///
    /// # Errors
    ///
    /// Why the data can't be used; nothing of it was planted then.
    pub(super) fn plant(&self, data: &Value) -> Result<(), String> {
        let seed = Seed::deserialize(data).map_err(|error| error.to_string())?;
        let known = |app: &str| self.platform.has_app(app) || seed.apps.iter().any(|seeded| seeded.id == app);
        let mentioned = seed
            .accounts
            .iter()
            .flat_map(|account| std::iter::once(&account.app).chain(account.subscribed.iter().map(|subscribed| &subscribed.app)));
        if let Some(stranger) = mentioned.into_iter().find(|app| !known(app)) {
            return Err(format!("app {stranger} doesn't exist"));
        }
        seed.apps.into_iter().for_each(|app| self.platform.add_app(app));
        for account in seed.accounts {
            for subscribed in &account.subscribed {
                self.platform.subscribe(&account.id, &subscribed.app, subscribed.override_callback_uri.clone());
            }
            self.plant_account(account);
        }
        let people = seed.people.into_iter().map(|person| (person.wa_id.clone(), person));
        self.state().people.extend(people);
        if let Some(manners) = seed.manners {
            self.set_manners(manners);
        }
        Ok(())
    }

    fn plant_account(&self, account: SeedAccount) {
        let mut state = self.state();
        let mut templates = account.templates;
        for (position, template) in templates.iter_mut().enumerate().filter(|(_, template)| template.id.is_empty()) {
            template.id = format!("{}{position:03}", account.id);
        }
        for number in account.numbers {
            let number = Number {
                id: number.id,
                waba: account.id.clone(),
                display: number.display_phone_number,
                verified_name: number.verified_name,
                quality: "GREEN".to_owned(),
                status: "CONNECTED".to_owned(),
                throughput: number.throughput,
                pace: crate::pace::Bucket::default(),
                planned: std::collections::VecDeque::new(),
            };
            state.numbers.insert(number.id.clone(), number);
        }
        let waba = Waba {
            portfolio: account.portfolio.unwrap_or_else(|| account.id.clone()),
            id: account.id,
            name: account.name,
            app: account.app,
            token: account.token,
            token_expired: false,
            templates,
        };
        state.wabas.insert(waba.id.clone(), waba);
    }
}
