//! What the methods about a community and its callback servers do.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value, json};

use super::{
    Vk,
    answer::{Outcome, Refusal},
    http::Call,
    rules,
    server::{Server, Status},
    spec::spec,
    state::Group,
};

/// VK: a community has at most 10 callback servers.
const MAX_SERVERS: usize = 10;
/// The events of a new server have this version, until it is told otherwise: the oldest that VK still takes.
const FIRST_VERSION: u32 = 81;
/// VK's bits of a key's rights.
const RIGHTS: &[(&str, u64)] = &[("messages", 4_096), ("manage", 262_144)];

impl Vk {
    pub(super) fn execute_for_group(&self, call: &Call) -> Outcome {
        match call.method {
            "groups.getById" => return self.groups(call),
            "groups.getTokenPermissions" => return Ok(permissions(call)),
            _ => check_group(call)?,
        }
        match call.method {
            "groups.getCallbackConfirmationCode" => Ok(json!({"code": call.group.state().code})),
            "groups.addCallbackServer" => self.add_server(call),
            "groups.editCallbackServer" => self.edit_server(call),
            "groups.deleteCallbackServer" => delete_server(call),
            "groups.getCallbackServers" => Ok(servers(call)),
            "groups.setCallbackSettings" => set_settings(call),
            "groups.getCallbackSettings" => settings(call),
            _ => Err(Refusal::wrong(3, "the stand-in does not play this method")),
        }
    }

    fn groups(&self, call: &Call) -> Outcome {
        let one = call.parameters.get("group_id").into_iter();
        let asked = call.parameters.get("group_ids").and_then(Value::as_array).into_iter().flatten().chain(one);
        let mut asked: Vec<String> = asked.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned)).collect();
        if asked.is_empty() {
            asked.push(call.group.id.to_string());
        }
        let found = asked.iter().filter_map(|id| self.group(id.parse().ok()?)).map(|group| {
            let state = group.state();
            json!({"id": group.id, "name": state.name, "screen_name": state.screen_name, "is_closed": 0, "type": "group"})
        });
        Ok(json!({"groups": found.collect::<Vec<_>>(), "profiles": []}))
    }

    fn add_server(&self, call: &Call) -> Outcome {
        rules::check_url(call.text("url"))?;
        let mut state = call.group.state();
        if state.servers.len() == MAX_SERVERS {
            return Err(Refusal::happens(2000));
        }
        let id = state.next_server;
        state.next_server += 1;
        let server = Server {
            title: call.text("title").to_owned(),
            url: call.text("url").to_owned(),
            secret: call.text("secret_key").to_owned(),
            status: Status::Wait,
            version: FIRST_VERSION,
            flags: BTreeSet::new(),
        };
        state.servers.insert(id, server);
        drop(state);
        self.confirm(&call.group, id);
        Ok(json!({"server_id": id}))
    }

    /// VK asks a changed server for the code again; its settings stay.
    fn edit_server(&self, call: &Call) -> Outcome {
        rules::check_url(call.text("url"))?;
        let mut state = call.group.state();
        let id = call.number("server_id").unwrap_or_default();
        let server = state.servers.get_mut(&id).ok_or_else(not_found)?;
        call.text("title").clone_into(&mut server.title);
        call.text("url").clone_into(&mut server.url);
        call.text("secret_key").clone_into(&mut server.secret);
        server.status = Status::Wait;
        drop(state);
        self.confirm(&call.group, id);
        Ok(json!(1))
    }

    /// Calls a server at once with `confirmation`, as VK does.
    fn confirm(&self, group: &Arc<Group>, server: i64) {
        group.state().open += 1;
        if let Some(vk) = self.me.upgrade() {
            self.tasks.spawn(vk.ask_for_code(Arc::clone(group), server));
        }
    }
}

/// A key opens its own community only: one that asks about another mixes tenants up.
pub(super) fn check_group(call: &Call) -> Result<(), Refusal> {
    if call.number("group_id") == Some(call.group.id) { Ok(()) } else { Err(Refusal::wrong(203, "group_id is not the key's")) }
}

fn not_found() -> Refusal {
    Refusal::happens(104)
}

fn delete_server(call: &Call) -> Outcome {
    let id = call.number("server_id").unwrap_or_default();
    call.group.state().servers.remove(&id).map(|_| json!(1)).ok_or_else(not_found)
}

fn servers(call: &Call) -> Value {
    let asked = call.parameters.get("server_ids").and_then(Value::as_array).filter(|ids| !ids.is_empty());
    let state = call.group.state();
    let wanted = state.servers.iter().filter(|(id, _)| asked.is_none_or(|asked| asked.contains(&json!(id))));
    let items: Vec<Value> = wanted
        .map(|(id, server)| {
            json!({
                "id": id, "title": server.title, "creator_id": 0, "url": server.url, "secret_key": server.secret,
                "status": server.status,
            })
        })
        .collect();
    json!({"count": items.len(), "items": items})
}

fn set_settings(call: &Call) -> Outcome {
    let mut state = call.group.state();
    let server = state.servers.get_mut(&call.number("server_id").unwrap_or_default()).ok_or_else(not_found)?;
    if call.parameters.contains_key("api_version") && !server.set_version(call.text("api_version")) {
        return Err(Refusal::parameter("api_version is invalid"));
    }
    for (flag, on) in call.parameters.iter().filter_map(|(flag, value)| Some((flag, value.as_bool()?))) {
        if on {
            server.flags.insert(flag.clone());
        } else {
            server.flags.remove(flag);
        }
    }
    Ok(json!(1))
}

fn settings(call: &Call) -> Outcome {
    let state = call.group.state();
    let server = state.servers.get(&call.number("server_id").unwrap_or_default()).ok_or_else(not_found)?;
    let events: Map<String, Value> =
        spec().event_flags().iter().map(|flag| (flag.clone(), json!(i32::from(server.flags.contains(flag))))).collect();
    Ok(json!({"api_version": server.version(), "events": events}))
}

fn permissions(call: &Call) -> Value {
    let state = call.group.state();
    let held: Vec<&(&str, u64)> = RIGHTS.iter().filter(|(name, _)| state.rights.iter().any(|right| right == name)).collect();
    let named: Vec<Value> = held.iter().map(|(name, setting)| json!({"name": name, "setting": setting})).collect();
    json!({"mask": held.iter().map(|(_, setting)| setting).sum::<u64>(), "permissions": named})
}
