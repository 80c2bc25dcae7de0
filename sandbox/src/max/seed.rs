//! What MAX holds before the product comes.
//!
//! ```json
//! { "bots": [ { "id": 229229229, "token": "max-sandbox-token", "name": "Salon 42", "username": "id7700000000_bot" } ],
//!   "people": [ { "id": 700100200, "first_name": "Anna", "last_name": "P.", "locale": "ru", "phone": "79001234567" } ],
//!   "manners": { "real_limits": true, "public_webhooks": false, "retry_ms_per_second": 1000 } }
//! ```
//!
//! A second seed adds. Tokens are the tester's, and never real ones.

use serde::Deserialize;
use serde_json::Value;

use super::{Manners, Max, NewBot, Person};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    #[serde(default)]
    bots: Vec<NewBot>,
    #[serde(default)]
    people: Vec<Person>,
    #[serde(default)]
    manners: Option<Manners>,
}

impl Max {
    pub(super) fn plant(&self, data: &Value) -> Result<(), String> {
        let seed: Seed = serde_json::from_value(data.clone()).map_err(|error| error.to_string())?;
        for bot in seed.bots {
            self.add_bot(bot).map_err(|error| error.to_string())?;
        }
        for person in seed.people {
            self.add_person(person);
        }
        if let Some(manners) = seed.manners {
            self.set_manners(manners);
        }
        Ok(())
    }
}
