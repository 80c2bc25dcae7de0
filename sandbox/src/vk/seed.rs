//! Filling VK.
//!
//! ```json
//! { "groups": [ { "id": 123456, "name": "Salon 42", "screen_name": "salon42", "token": "vk1.a.sandbox",
//!       "rights": ["messages", "manage"], "bots": true } ],
//!   "people": [ { "id": 700100200, "first_name": "Anna", "last_name": "Petrova",
//!       "client": { "button_actions": ["text", "open_link"] } } ],
//!   "manners": { "real_limits": false, "retry_ms_per_second": 1000 } }
//! ```
//!
//! A second seed adds. A known person is replaced; a known community gets the new settings and key, and keeps its dialogs and
//! callback servers. Keys are the tester's, and never real ones.

use std::sync::{Arc, PoisonError};

use serde::Deserialize;
use serde_json::Value;

use super::{
    Manners, Vk,
    state::{Group, Person},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    #[serde(default)]
    groups: Vec<NewGroup>,
    #[serde(default)]
    people: Vec<Person>,
    #[serde(default)]
    manners: Option<Manners>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewGroup {
    id: i64,
    name: String,
    screen_name: String,
    token: String,
    #[serde(default = "all_rights")]
    rights: Vec<String>,
    #[serde(default = "yes")]
    bots: bool,
}

fn all_rights() -> Vec<String> {
    vec!["messages".to_owned(), "manage".to_owned()]
}

fn yes() -> bool {
    true
}

impl Vk {
    pub(super) fn plant(&self, data: &Value) -> Result<(), String> {
        let seed = Seed::deserialize(data).map_err(|error| format!("bad VK seed: {error}"))?;
        let unfit = |group: &NewGroup| group.id <= 0 || group.token.is_empty() || self.is_taken(&group.token, group.id);
        if let Some(group) = seed.groups.iter().find(|group| unfit(group)) {
            return Err(format!("bad VK seed: community {} has a bad id, or a key that is empty or another's", group.id));
        }
        seed.groups.into_iter().for_each(|group| self.plant_group(group));
        let mut people = self.people.write().unwrap_or_else(PoisonError::into_inner);
        people.extend(seed.people.into_iter().map(|person| (person.id, person)));
        drop(people);
        if let Some(manners) = seed.manners {
            self.set_manners(manners);
        }
        self.touch();
        Ok(())
    }

    fn is_taken(&self, key: &str, id: i64) -> bool {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).get(key).is_some_and(|holder| *holder != id)
    }

    fn plant_group(&self, new: NewGroup) {
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        let group = groups.entry(new.id).or_insert_with(|| Arc::new(Group::new(new.id)));
        let mut state = group.state();
        state.name = new.name;
        state.screen_name = new.screen_name;
        state.rights = new.rights;
        state.bots = new.bots;
        state.dead = None;
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, holder| *holder != new.id);
        keys.insert(new.token, new.id);
    }
}
