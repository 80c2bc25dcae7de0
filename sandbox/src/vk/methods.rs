//! What the methods about messages and people do.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{
    Vk,
    answer::{Outcome, Refusal},
    http::Call,
    rules,
    state::{Dialog, Writer},
};

/// The methods that are played.
pub(super) const PLAYED: &[&str] = &[
    "groups.addCallbackServer",
    "groups.deleteCallbackServer",
    "groups.editCallbackServer",
    "groups.getById",
    "groups.getCallbackConfirmationCode",
    "groups.getCallbackServers",
    "groups.getCallbackSettings",
    "groups.getTokenPermissions",
    "groups.setCallbackSettings",
    "messages.edit",
    "messages.isMessagesFromGroupAllowed",
    "messages.send",
    "messages.sendMessageEventAnswer",
    "messages.setActivity",
    "users.get",
];

/// VK: peers from here on are chats of many.
const CHATS: i64 = 2_000_000_000;
/// VK's libraries: a press of a callback button can be answered for a minute.
const PRESS_LIVES: TimeDelta = TimeDelta::seconds(60);
/// It is often said, and never published, that a message can be edited for a day.
const EDITABLE_FOR: TimeDelta = TimeDelta::hours(24);
/// VK: the sign of somebody writing is shown for 10 seconds, or until the message comes.
const TYPING_LASTS: TimeDelta = TimeDelta::seconds(10);
/// Notices kept per dialog.
const NOTICES: usize = 20;

/// A message to be sent.
struct Draft<'a> {
    text: &'a str,
    keyboard: Option<Value>,
    random_id: i64,
}

impl Vk {
    /// Does a call that the schema allows.
    pub(super) fn execute(&self, call: &Call) -> Outcome {
        self.check_right(call)?;
        match call.method {
            "messages.send" => self.send(call),
            "messages.edit" => self.edit(call),
            "messages.sendMessageEventAnswer" => self.answer_press(call),
            "messages.isMessagesFromGroupAllowed" => is_allowed(call),
            "messages.setActivity" => self.typing(call),
            "users.get" => self.users(call),
            _ => self.execute_for_group(call),
        }
    }

    /// VK: error 7 for a key that lacks the right to a method.
    fn check_right(&self, call: &Call) -> Result<(), Refusal> {
        let needed = match call.method {
            "groups.getById" | "groups.getTokenPermissions" | "users.get" => return Ok(()),
            method if method.starts_with("messages.") => "messages",
            _ => "manage",
        };
        if call.group.state().rights.iter().any(|right| right == needed) { Ok(()) } else { Err(Refusal::happens(7)) }
    }

    fn send(&self, call: &Call) -> Outcome {
        let random_id = call.number("random_id").ok_or_else(|| Refusal::parameter("random_id is a required parameter"))?;
        if i32::try_from(random_id).is_err() {
            return Err(Refusal::parameter("random_id is not int32"));
        }
        let many: Option<Vec<i64>> = call
            .parameters
            .get("peer_ids")
            .and_then(Value::as_array)
            .map(|peers| peers.iter().filter_map(Value::as_i64).collect());
        let one = call.number("peer_id").or_else(|| call.number("user_id"));
        rules::check_text(call.text("message"))?;
        let draft = Draft { text: call.text("message"), keyboard: rules::keyboard(call.text("keyboard"))?, random_id };
        if draft.keyboard.is_some() && !call.group.state().bots {
            return Err(Refusal::happens(912));
        }
        match (many, one) {
            (Some(peers), _) if !peers.is_empty() => {
                let sent = peers.into_iter().map(|peer| match self.send_to(call, peer, &draft) {
                    Ok(message) => json!({
                        "peer_id": peer, "message_id": message["id"],
                        "conversation_message_id": message["conversation_message_id"],
                    }),
                    Err(refusal) => json!({
                        "peer_id": peer, "message_id": 0, "conversation_message_id": 0, "error": refusal.of_recipient(),
                    }),
                });
                Ok(sent.collect())
            }
            (_, Some(peer)) => Ok(self.send_to(call, peer, &draft)?["id"].clone()),
            _ => Err(Refusal::parameter("you should specify peer_id, user_id, domain, chat_id or user_ids param")),
        }
    }

    fn send_to(&self, call: &Call, peer: i64, draft: &Draft<'_>) -> Outcome {
        let now = self.world.now();
        if peer >= CHATS {
            return Err(Refusal::happens(917));
        }
        if self.person(peer).is_some_and(|person| person.deactivated) {
            return Err(Refusal::happens(18));
        }
        let mut state = call.group.state();
        let dialog = reachable(state.dialogs.get_mut(&peer))?;
        // Nobody publishes what a repeated `random_id` is answered with; VK's users tell of the first message's ids.
        if let Some(posted) = dialog.sent_as(draft.random_id, now).filter(|_| draft.random_id != 0) {
            return Ok(posted.value.clone());
        }
        let mut message = json!({"from_id": -call.group.id, "text": draft.text, "random_id": draft.random_id});
        show_keyboard(dialog, &mut message, draft.keyboard.as_ref(), call.group.id);
        dialog.typing_until = None;
        let message = state.post(peer, message, Writer::Api, now);
        // VK tells a community of its own messages too.
        state.enqueue(peer, "message_reply", message.clone(), call.twice);
        drop(state);
        self.check_own("message_reply", &message);
        self.run_lanes(&call.group);
        Ok(message)
    }

    fn edit(&self, call: &Call) -> Outcome {
        let now = self.world.now();
        rules::check_text(call.text("message"))?;
        let keyboard = rules::keyboard(call.text("keyboard"))?;
        let peer = call.number("peer_id").unwrap_or_default();
        let mut state = call.group.state();
        let dialog = reachable(state.dialogs.get_mut(&peer))?;
        let posted = match (call.number("message_id"), call.number("cmid")) {
            (Some(id), _) => dialog.message(id),
            (None, Some(number)) => dialog.numbered(number),
            (None, None) => return Err(Refusal::parameter("message_id is undefined")),
        };
        let posted = posted.ok_or_else(|| Refusal::happens(100).because("message not found"))?;
        if posted.writer == Writer::Person {
            return Err(Refusal::wrong(15, "the message is not the community's"));
        }
        if now - posted.at > EDITABLE_FOR {
            return Err(Refusal::happens(909));
        }
        posted.value["text"] = json!(call.text("message"));
        posted.value["update_time"] = json!(now.timestamp());
        if let Some(message) = posted.value.as_object_mut() {
            message.remove("keyboard");
            message.extend(keyboard.filter(is_inline).map(|keyboard| ("keyboard".to_owned(), shown(keyboard, call.group.id))));
        }
        let message = posted.value.clone();
        state.enqueue(peer, "message_edit", message.clone(), call.twice);
        drop(state);
        self.check_own("message_edit", &message);
        self.run_lanes(&call.group);
        Ok(json!(1))
    }

    fn answer_press(&self, call: &Call) -> Outcome {
        let data = rules::event_data(call.text("event_data"))?;
        let now = self.world.now();
        let (user, peer) = (call.number("user_id"), call.number("peer_id"));
        let mut state = call.group.state();
        let known = state.presses.remove(call.text("event_id"));
        let press = known.ok_or_else(|| Refusal::happens(100).because("event_id is invalid"))?;
        if user != Some(press.peer) || peer != Some(press.peer) {
            return Err(Refusal::parameter("user_id or peer_id is not the event's"));
        }
        if now - press.at > PRESS_LIVES {
            return Err(Refusal::happens(100).because("event_id is invalid"));
        }
        if let (false, Some(dialog)) = (data.is_null(), state.dialogs.get_mut(&press.peer)) {
            dialog.notices.push_back(json!({"at": now, "show": data}));
            if dialog.notices.len() > NOTICES {
                dialog.notices.pop_front();
            }
        }
        Ok(json!(1))
    }

    fn typing(&self, call: &Call) -> Outcome {
        let peer = call.number("peer_id").ok_or_else(|| Refusal::parameter("peer_id is undefined"))?;
        let mut state = call.group.state();
        let dialog = reachable(state.dialogs.get_mut(&peer))?;
        dialog.typing_until = Some(self.world.now() + TYPING_LASTS);
        Ok(json!(1))
    }

    fn users(&self, call: &Call) -> Outcome {
        let ids = call.parameters.get("user_ids").and_then(Value::as_array).cloned().unwrap_or_default();
        if ids.is_empty() {
            return Err(Refusal::parameter("user_ids is undefined"));
        }
        // VK leaves out whom it does not know.
        let found = ids.iter().filter_map(|id| self.person(id.as_str()?.parse().ok()?)).map(|person| {
            let mut user = json!({"id": person.id, "first_name": person.first_name, "last_name": person.last_name});
            if person.deactivated {
                user["deactivated"] = json!("deleted");
            } else {
                user["is_closed"] = json!(false);
                user["can_access_closed"] = json!(true);
            }
            user
        });
        Ok(found.collect())
    }
}

fn is_allowed(call: &Call) -> Outcome {
    super::callback::check_group(call)?;
    let user = call.number("user_id").unwrap_or_default();
    let allowed = reachable(call.group.state().dialogs.get_mut(&user)).is_ok();
    Ok(json!({"is_allowed": i32::from(allowed)}))
}

/// VK: 901 for who never wrote or took the permission back, 900 for who is in the community's blacklist.
fn reachable(dialog: Option<&mut Dialog>) -> Result<&mut Dialog, Refusal> {
    let dialog = dialog.ok_or_else(|| Refusal::happens(901))?;
    if dialog.banned {
        return Err(Refusal::happens(900));
    }
    if dialog.allowed { Ok(dialog) } else { Err(Refusal::happens(901)) }
}

fn is_inline(keyboard: &Value) -> bool {
    keyboard["inline"] == true
}

/// A message's keyboard as VK tells of it.
fn shown(mut keyboard: Value, group: i64) -> Value {
    keyboard["one_time"] = json!(false);
    keyboard["author_id"] = json!(-group);
    keyboard
}

/// An inline keyboard belongs to the message; another one to the dialog, until the next replaces or removes it.
pub(super) fn show_keyboard(dialog: &mut Dialog, message: &mut Value, keyboard: Option<&Value>, group: i64) {
    let Some(keyboard) = keyboard else { return };
    if is_inline(keyboard) {
        message["keyboard"] = shown(keyboard.clone(), group);
    } else if keyboard["buttons"].as_array().is_none_or(Vec::is_empty) {
        dialog.keyboard = None;
    } else {
        dialog.keyboard = Some(keyboard.clone());
    }
}
