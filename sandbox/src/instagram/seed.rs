//! What exists before the product comes.
//!
//! ```json
//! { "apps": [ { "id": "670843887433847", "name": "salon-core", "secret": "...", "instagram_secret": "...",
//!       "callback": { "url": "https://...", "verify_token": "..." } } ],
//!   "accounts": [ { "id": "17841400000000001", "username": "salon42", "name": "Salon 42", "app": "670843887433847",
//!       "token": "IGAA...", "token_age_days": 30, "subscribed": true, "human_agent": false } ],
//!   "people": [ { "username": "anna.k", "name": "Anna K", "phone": "+16505551234" } ],
//!   "manners": { "retry_ms_per_second": 1, "echo": "before_the_answer" } }
//! ```
//!
//! A second seed adds; the same id replaces. Tokens and secrets are the tester's, and never real ones.

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Instagram, Manners, spec,
    state::{Account, Person, Token},
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
    username: String,
    name: String,
    app: String,
    token: String,
    #[serde(default)]
    token_age_days: i64,
    #[serde(default)]
    subscribed: bool,
    #[serde(default)]
    human_agent: bool,
}

impl Instagram {
    /// Adds apps, accounts and people.
    ///
    /// # Errors
    ///
    /// Why the data can't be used; nothing of it was planted then.
    pub(super) fn plant(&self, data: &Value) -> Result<(), String> {
        let seed = Seed::deserialize(data).map_err(|error| error.to_string())?;
        let known = |app: &str| self.platform.has_app(app) || seed.apps.iter().any(|seeded| seeded.id == app);
        if let Some(stranger) = seed.accounts.iter().find(|account| !known(&account.app)) {
            return Err(format!("app {} doesn't exist", stranger.app));
        }
        seed.apps.into_iter().for_each(|app| self.platform.add_app(app));
        for account in seed.accounts {
            if account.subscribed {
                self.platform.subscribe(&account.id, &account.app, None);
            }
            let account = self.account(account);
            self.state().accounts.insert(account.id.clone(), account);
        }
        self.state().people.extend(seed.people.into_iter().map(|person| (person.username.clone(), person)));
        if let Some(manners) = seed.manners {
            self.set_manners(manners);
        }
        Ok(())
    }

    fn account(&self, seed: SeedAccount) -> Account {
        let issued = self.platform.world.now() - TimeDelta::try_days(seed.token_age_days).unwrap_or_default();
        let token = Token { value: seed.token, issued, expires: issued + spec::token_life().0 };
        Account {
            id: seed.id,
            username: seed.username,
            name: seed.name,
            app: seed.app,
            tokens: vec![token],
            standing: None,
            planned: std::collections::VecDeque::new(),
            human_agent: seed.human_agent,
            subscribed_fields: if seed.subscribed { vec!["messages".to_owned()] } else { Vec::new() },
            pace: crate::pace::Bucket::default(),
        }
    }
}
