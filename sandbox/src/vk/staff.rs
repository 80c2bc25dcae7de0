//! What the salon's staff does in VK's own screens, and what happens to a community.

use std::sync::{Arc, PoisonError};

use axum::Router;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Client, VENDOR, Vk, http,
    state::{Group, Person, Writer},
};
use crate::{
    messenger::{Act, Messenger},
    vendor::Vendor,
};

/// An action by the staff, or by VK; `group` and `person` are VK's ids.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum StaffAction {
    /// An operator answers in VK's own inbox.
    Reply {
        group: i64,
        person: i64,
        text: String,
        #[serde(default = "somebody")]
        admin: i64,
    },
    /// The person goes to the community's blacklist, or leaves it.
    Ban {
        group: i64,
        person: i64,
    },
    Unban {
        group: i64,
        person: i64,
    },
    /// The person allows messages by a widget that was opened with a key.
    Allow {
        group: i64,
        person: i64,
        key: String,
    },
    /// The person joins the community, leaves it, or is put out of it.
    Join {
        group: i64,
        person: i64,
    },
    Leave {
        group: i64,
        person: i64,
        #[serde(default)]
        expelled: bool,
    },
    /// The person goes on with another app.
    Client {
        person: i64,
        client: Client,
    },
    /// Bot features are switched on or off in the community's settings.
    Bots {
        group: i64,
        enabled: bool,
    },
    /// The key dies with this error of VK's (5 or 27); null makes it work again.
    Kill {
        group: i64,
        code: Option<i64>,
    },
    /// The person acts, as [`Messenger::act_as`] has it.
    Person {
        group: i64,
        person: i64,
        act: Act,
    },
    /// Somebody posts an event to the callback server without being VK; a secret is part of the event.
    Forge {
        group: i64,
        event: Value,
    },
}

fn somebody() -> i64 {
    42
}

#[async_trait::async_trait]
impl Vendor for Vk {
    fn name(&self) -> &'static str {
        VENDOR
    }

    fn router(self: Arc<Self>) -> Router {
        http::router(self)
    }

    fn snapshot(&self) -> Value {
        self.snapshot()
    }

    fn seed(&self, data: &Value) -> Result<(), String> {
        self.plant(data)
    }

    async fn act(&self, action: Value) -> Result<Value, String> {
        let events = match serde_json::from_value(action).map_err(|error| error.to_string())? {
            StaffAction::Reply { group, person, text, admin } => {
                let (group, person) = self.both(group, person)?;
                self.reply(&group, &person, &text, admin)?
            }
            StaffAction::Ban { group, person } => self.ban(group, person, true)?,
            StaffAction::Unban { group, person } => self.ban(group, person, false)?,
            StaffAction::Allow { group, person, key } => {
                let (group, person) = self.both(group, person)?;
                self.permit(&group, &person, true, &key)?
            }
            StaffAction::Join { group, person } => self.enter(group, person, true, false)?,
            StaffAction::Leave { group, person, expelled } => self.enter(group, person, false, expelled)?,
            StaffAction::Client { person, client } => {
                let mut people = self.people.write().unwrap_or_else(PoisonError::into_inner);
                people.get_mut(&person).ok_or("no such person")?.client = client;
                vec![]
            }
            StaffAction::Bots { group, enabled } => {
                self.known(group)?.state().bots = enabled;
                vec![]
            }
            StaffAction::Kill { group, code } => {
                self.known(group)?.state().dead = code;
                vec![]
            }
            StaffAction::Person { group, person, act } => self.act_as(&group.to_string(), &person.to_string(), act)?,
            StaffAction::Forge { group, event } => {
                let status = self.forge(&*self.known(group)?, &event).await?;
                return Ok(json!({"status": status}));
            }
        };
        Ok(json!({"events": events}))
    }
}

impl Vk {
    fn known(&self, group: i64) -> Result<Arc<Group>, String> {
        self.group(group).ok_or_else(|| "no such community".to_owned())
    }

    fn both(&self, group: i64, person: i64) -> Result<(Arc<Group>, Person), String> {
        self.parties(&group.to_string(), &person.to_string())
    }

    fn reply(&self, group: &Arc<Group>, person: &Person, text: &str, admin: i64) -> Result<Vec<String>, String> {
        let now = self.world.now();
        let mut state = group.state();
        if !state.dialogs.contains_key(&person.id) {
            return Err("there is no dialog with the person".to_owned());
        }
        let random_id = rand::random_range(1..i32::MAX);
        let reply = json!({"from_id": -group.id, "text": text, "random_id": random_id, "admin_author_id": admin});
        let message = state.post(person.id, reply, Writer::Operator, now);
        drop(state);
        Ok(self.tell(group, person.id, "message_reply", message))
    }

    fn ban(&self, group: i64, person: i64, banned: bool) -> Result<Vec<String>, String> {
        let (group, person) = self.both(group, person)?;
        group.state().dialogs.entry(person.id).or_default().banned = banned;
        let admin = somebody();
        let (kind, object) = match banned {
            true => {
                let block = json!({"admin_id": admin, "user_id": person.id, "unblock_date": 0, "reason": 0, "comment": ""});
                ("user_block", block)
            }
            false => ("user_unblock", json!({"admin_id": admin, "user_id": person.id, "by_end_date": 0})),
        };
        Ok(self.tell(&group, person.id, kind, object))
    }

    fn enter(&self, group: i64, person: i64, member: bool, expelled: bool) -> Result<Vec<String>, String> {
        let (group, person) = self.both(group, person)?;
        group.state().dialogs.entry(person.id).or_default().member = member;
        let (kind, object) = match member {
            true => ("group_join", json!({"user_id": person.id, "join_type": "join"})),
            false => ("group_leave", json!({"user_id": person.id, "self": i32::from(!expelled)})),
        };
        Ok(self.tell(&group, person.id, kind, object))
    }
}
