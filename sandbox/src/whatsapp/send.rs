//! `POST /{Phone-Number-ID}/messages`: checking a message, putting it into the chat, and what becomes of it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::{
    Receipts, WhatsApp,
    answer::{refusal, refusal_with},
    events::{self, Pair},
    rules, spec,
    state::{Chat, Outgoing, Planned, Post, Replies, State, digits, wamid},
    template::Template,
};
use crate::{
    messenger::{Author, Button, ButtonKind, Delivery},
    meta::{
        bundle::Event,
        graph::{Outcome, Refusal},
        http::Call,
    },
};

/// About the platform: one message in 6 s to one client, and a burst of 45 that is paid back.
const PAIR_PER_SECOND: f64 = 1.0 / 6.0;
const PAIR_BURST: f64 = 45.0;
/// How long the typing indicator is shown at most; the vendor's page on it is not among the sources of this stand-in.
const TYPING: TimeDelta = TimeDelta::seconds(25);
/// From this day on utility messages are billed inside the window too (Pricing).
const UTILITY_BILLED_FROM: i64 = 1_790_812_800;

/// A status of a sent message, and the code if it is that of a failure.
#[derive(Debug, Clone)]
pub(super) struct Status {
    pub(super) id: String,
    pub(super) name: &'static str,
    pub(super) sent: Outgoing,
    pub(super) code: Option<i64>,
}

/// To whom a call wants to write.
struct Recipient {
    /// What the call said.
    input: String,
    by_number: bool,
    /// The person's `wa_id`; none when there is nobody.
    person: Option<String>,
}

impl WhatsApp {
    pub(super) fn send(&self, call: &Call, violations: &mut Vec<String>) -> Outcome {
        let message = &call.parameters;
        let mut message = message.clone();
        message.remove("access_token");
        lower(message.get_mut("template").and_then(|template| template.get_mut("components")));
        violations.extend(spec::check_body(spec::SEND, &message));
        if let Some(complaint) = violations.first() {
            return Err(rules::unspecified(complaint));
        }
        if message.contains_key("status") {
            return self.mark_read(&call.node, &message);
        }
        rules::check(&message)?;
        let (answer, events) = self.take(&call.node, &message)?;
        for mut event in events {
            event.twice = call.twice;
            self.emit(event);
        }
        Ok(answer)
    }

    fn mark_read(&self, number: &str, message: &Map<String, Value>) -> Outcome {
        let id = text_of(message, "message_id");
        let now = self.platform.world.now();
        let mut state = self.state();
        let found = state.chats.iter_mut().find_map(|((of, _), chat)| {
            let known = of == number && chat.posts.iter().any(|post| post.id == id && post.author == Author::Person);
            known.then_some(chat)
        });
        let chat = found.ok_or_else(|| refusal_with(100, "Invalid message_id"))?;
        if message.contains_key("typing_indicator") {
            chat.typing_until = Some(now + TYPING);
        }
        Ok(json!({"success": true}))
    }

    /// Takes a message that is well formed: the answer, and what webhooks are told.
    fn take(&self, number: &str, message: &Map<String, Value>) -> Result<(Value, Vec<Event>), Refusal> {
        let now = self.platform.world.now();
        let manners = self.manners();
        let mut state = self.state();
        check_number(&state, number)?;
        let recipient = recipient(&state, number, message)?;
        let planned = state.numbers.get_mut(number).and_then(|number| number.planned.pop_front());
        if let Some(Planned { code, later: false }) = planned {
            return Err(refusal(code));
        }
        if manners.meta.real_limits {
            pace(&mut state, number, &recipient, now)?;
        }
        let mut post = self.compose(&state, number, message, now)?;
        let Some(person) = recipient.person.clone() else {
            return Ok(self.to_nobody(&state, number, &recipient, &post, now));
        };
        let failure = planned.map(|planned| planned.code).or_else(|| forbidden(&state, number, &person, message, &post, now));
        if let (Some(code), true) = (failure, manners.refuse_at_once) {
            return Err(refusal(code));
        }
        post.id = wamid(&person);
        let by_number = recipient.by_number;
        if let Some(sent) = &mut post.sent {
            sent.by_number = by_number;
        }
        let answer = answer(&state, message, &recipient, &post.id);
        let statuses = put(&mut state, number, &person, post, failure, manners.receipts);
        Ok((answer, self.tell(&state, number, &person, &statuses, now)))
    }

    /// The message as it stands in the chat.
    fn compose(&self, state: &State, number: &str, message: &Map<String, Value>, now: DateTime<Utc>) -> Result<Post, Refusal> {
        let (text, buttons, note, replies, category) = match message.get("type").and_then(Value::as_str) {
            Some("template") => {
                let template = message.get("template").unwrap_or(&Value::Null);
                let templates = state.waba_of(number).map(|waba| waba.templates.as_slice()).unwrap_or_default();
                let found = Template::find(templates, template)?;
                let filled = found.fill(template)?;
                let note = format!("template {}", found.name);
                (filled.text, filled.buttons, Some(note), Replies::Template, found.category.to_lowercase())
            }
            Some("interactive") => {
                let (text, buttons, note, replies) = interactive(message.get("interactive").unwrap_or(&Value::Null));
                (text, buttons, note, replies, "service".to_owned())
            }
            Some("reaction") => {
                let emoji = message.get("reaction").and_then(|reaction| reaction["emoji"].as_str()).unwrap_or_default();
                (emoji.to_owned(), Vec::new(), Some("reaction".to_owned()), Replies::Button, "service".to_owned())
            }
            Some("text") | None => {
                let body = message.get("text").and_then(|text| text["body"].as_str()).unwrap_or_default();
                (body.to_owned(), Vec::new(), None, Replies::Button, "service".to_owned())
            }
            Some(kind) => {
                return Err(Refusal::titled(501, 131_051, &format!("the stand-in does not play messages of type {kind}")));
            }
        };
        let callback_data = message.get("biz_opaque_callback_data").and_then(Value::as_str).map(str::to_owned);
        let pricing = json!({"billable": false, "pricing_model": "PMP", "type": "free_customer_service", "category": category});
        let descriptions = descriptions(message.get("interactive").unwrap_or(&Value::Null));
        let sent = Some(Outgoing { callback_data, by_number: true, pricing, replies, descriptions });
        Ok(Post { id: String::new(), author: Author::Salon, at: now, text, buttons, note, state: None, sent, hidden: false })
    }

    /// A message to a number without WhatsApp is taken, and fails later.
    fn to_nobody(&self, state: &State, number: &str, to: &Recipient, post: &Post, now: DateTime<Utc>) -> (Value, Vec<Event>) {
        let input = digits(&to.input);
        let id = wamid(&input);
        let answer = json!({
            "messaging_product": "whatsapp", "contacts": [{"input": to.input, "wa_id": input}], "messages": [{"id": id}],
        });
        let event = state.waba_of(number).zip(state.numbers.get(number)).zip(post.sent.as_ref());
        let event = event.map(|((waba, number), sent)| events::undeliverable(waba, number, &id, &input, now, sent));
        (answer, event.into_iter().collect())
    }

    /// The webhooks about messages in a chat.
    pub(super) fn tell(&self, state: &State, number: &str, person: &str, statuses: &[Status], at: DateTime<Utc>) -> Vec<Event> {
        let Some(pair) = self.pair(state, number, person) else { return Vec::new() };
        statuses.iter().map(|status| pair.status(&status.id, status.name, at, &status.sent, status.code)).collect()
    }

    pub(super) fn pair<'a>(&self, state: &'a State, number: &str, person: &str) -> Option<Pair<'a>> {
        let number = state.numbers.get(number)?;
        let (waba, person) = (state.wabas.get(&number.waba)?, state.people.get(person)?);
        Some(Pair { waba, number, person, user_ids: self.manners().user_ids })
    }
}

/// The document writes types of components in small letters, and clients in use write `BODY` and `QUICK_REPLY`: both are taken.
fn lower(components: Option<&mut Value>) {
    let components = components.and_then(Value::as_array_mut).into_iter().flatten();
    for field in components.filter_map(Value::as_object_mut).flat_map(|component| component.iter_mut()) {
        if let ("type" | "sub_type", Value::String(kind)) = (field.0.as_str(), field.1) {
            *kind = kind.to_lowercase();
        }
    }
}

fn text_of<'a>(message: &'a Map<String, Value>, name: &str) -> &'a str {
    message.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn check_number(state: &State, number: &str) -> Result<(), Refusal> {
    match state.numbers.get(number).map(|number| number.status.as_str()) {
        Some("DISCONNECTED" | "PENDING") => Err(refusal(133_010)),
        Some("RESTRICTED" | "BANNED") => Err(refusal(131_031)),
        Some("DELETED") | None => Err(refusal(33)),
        Some(_) => Ok(()),
    }
}

/// `to` wins over `recipient`. A number is read as people write it.
fn recipient(state: &State, number: &str, message: &Map<String, Value>) -> Result<Recipient, Refusal> {
    let known = |person: Option<&super::state::Person>| person.map(|person| person.wa_id.clone());
    let to = text_of(message, "to");
    if to.is_empty() {
        let portfolio = state.waba_of(number).map(|waba| waba.portfolio.clone()).unwrap_or_default();
        let input = text_of(message, "recipient").to_owned();
        if input.is_empty() {
            return Err(refusal_with(131_008, "Param to is empty").violation());
        }
        let person = known(state.person_by_user_id(&input, &portfolio));
        // A user id that this business never saw belongs to nobody it may write to.
        let person = Some(person.ok_or_else(|| refusal_with(131_009, "recipient is not a user id of this business"))?);
        return Ok(Recipient { input, by_number: false, person });
    }
    let written = |character: char| character.is_ascii_digit() || "+-() ".contains(character);
    let dialled = digits(to);
    if !to.chars().all(written) || !(7..=15).contains(&dialled.len()) {
        return Err(refusal_with(131_009, "Param to is not a phone number").violation());
    }
    if state.numbers.get(number).is_some_and(|number| digits(&number.display) == dialled) {
        return Err(refusal(131_021).violation());
    }
    Ok(Recipient { input: to.to_owned(), by_number: true, person: known(state.person_by_number(&dialled)) })
}

fn pace(state: &mut State, number: &str, recipient: &Recipient, now: DateTime<Utc>) -> Result<(), Refusal> {
    if let Some(number) = state.numbers.get_mut(number) {
        let throughput = number.throughput;
        number.pace.take(now, throughput, throughput).map_err(|_| refusal(130_429))?;
    }
    if let Some(person) = &recipient.person {
        state.chat(number, person).pace.take(now, PAIR_PER_SECOND, PAIR_BURST).map_err(|_| refusal(131_056))?;
    }
    Ok(())
}

/// Why a message to somebody who has WhatsApp fails after it was taken.
fn forbidden(
    state: &State,
    number: &str,
    person: &str,
    message: &Map<String, Value>,
    post: &Post,
    now: DateTime<Utc>,
) -> Option<i64> {
    let chat = state.chats.get(&(number.to_owned(), person.to_owned()));
    if message.get("type").is_none_or(|kind| kind != "template") {
        return (!chat.is_some_and(|chat| chat.is_open(now))).then_some(131_047);
    }
    let marketing = post.sent.as_ref().is_some_and(|sent| sent.pricing["category"] == "marketing");
    (marketing && chat.is_some_and(|chat| chat.no_marketing)).then_some(131_050)
}

fn answer(state: &State, message: &Map<String, Value>, recipient: &Recipient, id: &str) -> Value {
    let person = recipient.person.as_ref().and_then(|person| state.people.get(person));
    let mut contact = json!({"input": recipient.input});
    if recipient.by_number {
        contact["wa_id"] = json!(person.map(|person| &person.wa_id));
    } else {
        contact["user_id"] = json!(recipient.input);
    }
    let mut sent = json!({"id": id});
    if message.get("type").is_some_and(|kind| kind == "template") {
        sent["message_status"] = json!("accepted");
    }
    json!({"messaging_product": "whatsapp", "contacts": [contact], "messages": [sent]})
}

/// Puts the message into the chat, and says which statuses follow.
fn put(state: &mut State, number: &str, person: &str, mut post: Post, failure: Option<i64>, receipts: Receipts) -> Vec<Status> {
    let offline = state.people.get(person).is_some_and(|person| person.offline);
    let chat = state.chat(number, person);
    let Some(sent) = &mut post.sent else { return Vec::new() };
    price(sent, chat, post.at);
    let (id, sent) = (post.id.clone(), sent.clone());
    let status = |name: &'static str, code: Option<i64>| Status { id: id.clone(), name, sent: sent.clone(), code };
    let statuses = match (failure, offline || chat.blocked) {
        (Some(code), _) => vec![status("failed", Some(code))],
        // A business is not told that it was blocked: what it sends is never delivered.
        (None, true) => vec![status("sent", None)],
        (None, false) => receipts.on_sending().iter().map(|name| status(name, None)).collect(),
    };
    post.hidden = failure.is_some() || chat.blocked;
    post.state = failure.is_none().then_some(if offline || chat.blocked { Delivery::Sent } else { Delivery::Delivered });
    chat.typing_until = None;
    chat.posts.push(post);
    statuses
}

/// Messages webhook, statuses, `pricing`: what is free inside the window, and since when.
fn price(sent: &mut Outgoing, chat: &Chat, at: DateTime<Utc>) {
    let free = match sent.pricing["category"].as_str() {
        Some("service") => true,
        Some("utility") => chat.is_open(at) && at.timestamp() < UTILITY_BILLED_FROM,
        _ => false,
    };
    sent.pricing["billable"] = json!(!free);
    sent.pricing["type"] = json!(if free { "free_customer_service" } else { "regular" });
}

/// What a list says about its rows.
fn descriptions(interactive: &Value) -> BTreeMap<String, String> {
    let sections = interactive["action"]["sections"].as_array().into_iter().flatten();
    let rows = sections.filter_map(|section| section["rows"].as_array()).flatten();
    rows.filter_map(|row| Some((row["id"].as_str()?.to_owned(), row["description"].as_str()?.to_owned()))).collect()
}

/// Text, buttons and note of an interactive message.
fn interactive(message: &Value) -> (String, Vec<Vec<Button>>, Option<String>, Replies) {
    let text = |part: &str| message[part]["text"].as_str().map(str::to_owned);
    let text = ["header", "body", "footer"].into_iter().filter_map(text).collect::<Vec<_>>().join("\n");
    let reply = |choice: &Value| {
        let part = |name: &str| choice[name].as_str().unwrap_or_default().to_owned();
        vec![Button { label: part("title"), press: part("id"), kind: ButtonKind::Reply }]
    };
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let action = &message["action"];
    if message["type"] == "list" {
        let rows = list(&action["sections"]).iter().flat_map(|section| list(&section["rows"])).map(|row| reply(&row)).collect();
        return (text, rows, Some(format!("list: {}", action["button"].as_str().unwrap_or_default())), Replies::List);
    }
    let buttons = list(&action["buttons"]).iter().map(|button| reply(&button["reply"])).collect();
    (text, buttons, None, Replies::Button)
}
