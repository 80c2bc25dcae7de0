//! What Telegram holds before the product comes.
//!
//! ```json
//! { "bots": [ { "token": "6100000001:sandbox-token", "name": "Salon 42", "username": "salon42_bot" } ],
//!   "people": [ { "id": 700100200, "first_name": "Anna", "language_code": "ru", "phone": "79001234567" } ],
//!   "manners": { "real_limits": false, "public_webhooks": false, "retry_ms_per_second": 1000 } }
//! ```
//!
//! A second seed adds. Tokens are the tester's, and never real ones.

use serde::Deserialize;
use serde_json::Value;

use super::{Manners, NewBot, Person, Telegram};

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

impl Telegram {
    pub(super) fn plant(&self, data: &Value) -> Result<(), String> {
        let seed = Seed::deserialize(data).map_err(|error| error.to_string())?;
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
