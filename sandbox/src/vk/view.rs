//! The stand-in's state as the page and the tests read it.

use std::sync::PoisonError;

use serde_json::{Value, json};

use super::{
    Vk,
    state::{Group, Writer},
};

/// Communities, dialogs, people and deliveries shown: a load test makes too many to show.
const SHOWN: usize = 200;

impl Vk {
    /// Everything but the messages: communities with their servers and dialogs, people, the last deliveries. No keys.
    pub fn snapshot(&self) -> Value {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        let groups: Vec<Value> = groups.values().take(SHOWN).map(|group| group_view(group)).collect();
        let people = self.people.read().unwrap_or_else(PoisonError::into_inner);
        let people: Vec<Value> = people.values().take(SHOWN).map(|person| json!(person)).collect();
        let deliveries = self.deliveries();
        let recent = deliveries.get(deliveries.len().saturating_sub(SHOWN)..).unwrap_or_default();
        json!({"groups": groups, "people": people, "deliveries": recent, "manners": self.manners()})
    }

    /// What the API wrote into a dialog, oldest first, as VK's messages.
    pub fn sent(&self, group: i64, person: i64) -> Vec<Value> {
        let Some(group) = self.group(group) else { return Vec::new() };
        let state = group.state();
        let messages = state.dialogs.get(&person).into_iter().flat_map(|dialog| &dialog.messages);
        messages.filter(|posted| posted.writer == Writer::Api).map(|posted| posted.value.clone()).collect()
    }

    /// What answers to pressed buttons showed the person, oldest first.
    pub fn notices(&self, group: i64, person: i64) -> Vec<Value> {
        let Some(group) = self.group(group) else { return Vec::new() };
        let state = group.state();
        state.dialogs.get(&person).into_iter().flat_map(|dialog| dialog.notices.iter().cloned()).collect()
    }
}

fn group_view(group: &Group) -> Value {
    let state = group.state();
    let servers: Vec<Value> = state
        .servers
        .iter()
        .map(|(id, server)| {
            json!({
                "id": id, "title": server.title, "url": server.url, "status": server.status, "api_version": server.version(),
                "events": server.flags,
            })
        })
        .collect();
    let dialogs: Vec<Value> = state
        .dialogs
        .iter()
        .take(SHOWN)
        .map(|(peer, dialog)| {
            json!({
                "id": peer, "allowed": dialog.allowed, "banned": dialog.banned, "member": dialog.member,
                "messages": dialog.messages.len(), "notices": dialog.notices,
            })
        })
        .collect();
    json!({
        "id": group.id, "name": state.name, "screen_name": state.screen_name, "bots": state.bots, "dead": state.dead,
        "open": state.open, "servers": servers, "dialogs": dialogs,
    })
}
