//! Channels, integrations, conversations and messages.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    contacts::{self, iso},
    resolve::{Failure, Request, listed},
    state::{State, by_id, by_id_mut, new_id},
};

const CONTENT_TYPES: &[&str] = &[
    "text",
    "videoCall",
    "videoCallRequest",
    "getStarted",
    "quickReply",
    "customerRegistration",
    "ticketFormSubmission",
    "requestCreateTicket",
];

/// Kinds (before the dash) that an operator can answer; any other throws.
const ANSWERABLE: &[&str] = &["facebook", "instagram", "discord", "calls", "mobinetSms", "messenger"];

pub(super) fn resolve(state: &mut State, request: &Request<'_>) -> Result<Value, Failure> {
    match request.name {
        "getChannels" => Ok(state.channels.clone().into()),
        "channelAdd" => Ok(add_channel(state, request)),
        "integrations" => integrations(state, request),
        "integrationDetail" => Ok(integration(state, request.argument("_id")).unwrap_or_default()),
        "integrationsCreateMessengerIntegration" => add_integration(state, request),
        "widgetsMessengerConnect" => connect(state, request),
        "widgetsInsertMessage" => insert_message(state, request),
        "conversationMessageAdd" => add_operator_message(state, request),
        "conversationsChangeStatus" => change_status(state, request),
        "conversations" => conversations(state, request),
        "widgetsConversations" => Ok(own_conversations(state, request)),
        "conversationDetail" => {
            Ok(by_id(&state.conversations, request.argument("_id")).map(|one| full(state, one)).unwrap_or_default())
        }
        "conversationMessage" => Ok(by_id(&state.messages, request.argument("_id")).cloned().unwrap_or_default()),
        "conversationMessages" | "widgetsMessages" => Ok(messages(state, request)),
        "conversationMessagesTotalCount" => Ok(of_conversation(state, request.argument("conversationId")).count().into()),
        other => Err(Failure::system(format!("{other} is not modelled by this stand-in"))),
    }
}

fn add_channel(state: &mut State, request: &Request<'_>) -> Value {
    let channel = json!({"_id": new_id(), "name": request.argument("name"), "description": request.argument("description"),
                         "scope": request.argument("scope")});
    state.channels.push(channel.clone());
    channel
}

fn add_integration(state: &mut State, request: &Request<'_>) -> Result<Value, Failure> {
    if by_id(&state.channels, request.argument("channelId")).is_none() {
        return Err(Failure::expected("Channel not found"));
    }
    let id: Value = new_id().into();
    state.integrations.push(json!({"_id": id, "kind": "messenger", "name": request.argument("name"),
        "brandId": request.argument("brandId"), "channelId": request.argument("channelId"),
        "languageCode": request.argument("languageCode"), "isActive": true, "isConnected": true}));
    Ok(integration(state, &id).unwrap_or_default())
}

fn integration(state: &State, id: &Value) -> Option<Value> {
    let mut shown = by_id(&state.integrations, id)?.clone();
    shown["channel"] = by_id(&state.channels, &shown["channelId"]).cloned().unwrap_or_default();
    if shown["isActive"].is_null() {
        shown["isActive"] = true.into();
    }
    Some(shown)
}

fn integrations(state: &State, request: &Request<'_>) -> Result<Value, Failure> {
    if request.principal.id().is_none() {
        return Err(Failure::expected("User not authenticated"));
    }
    let kind = request.argument("kind");
    let found = state
        .integrations
        .iter()
        .filter(|one| one["channelId"] == *request.argument("channelId"))
        .filter(|one| kind.is_null() || one["kind"] == *kind)
        .filter_map(|one| integration(state, &one["_id"]));
    listed(found.collect(), request)
}

/// No uniqueness and no permission: two parallel calls upstream can create two customers.
fn connect(state: &mut State, request: &Request<'_>) -> Result<Value, Failure> {
    let id = request.argument("integrationId");
    let found = integration(state, id).filter(|one| one["kind"] == "messenger");
    let integration = found.ok_or_else(|| Failure::expected("Integration not found"))?;
    if integration["channel"].is_null() {
        return Err(Failure::expected("Channel not found"));
    }
    // Internal errors are swallowed upstream: the answer is a success without a customer.
    let customer_id = if request.broken { Value::Null } else { contacts::connect(state, request) };
    let customer = by_id(&state.customers, &customer_id).cloned();
    Ok(json!({"integrationId": id, "uiOptions": null, "languageCode": integration["languageCode"],
        "messengerData": integration["messengerData"], "ticketConfigs": null, "customerId": customer_id,
        "visitorId": request.argument("visitorId"), "channel": integration["channel"], "customer": customer}))
}

/// Without a conversation it always opens a new one; the integration is not looked up; nothing is idempotent.
fn insert_message(state: &mut State, request: &Request<'_>) -> Result<Value, Failure> {
    let kind = request.argument("contentType").as_str().unwrap_or("text");
    if !CONTENT_TYPES.contains(&kind) {
        return Err(Failure::system(format!(
            "ConversationMessages validation failed: contentType: `{kind}` is not a valid enum value"
        )));
    }
    let text = request.argument("message");
    let conversation = match request.argument("conversationId") {
        Value::Null => open_conversation(state, request, text),
        known => known.clone(),
    };
    let mut message = message(&conversation, request.now);
    message["content"] = text.clone();
    message["contentType"] = kind.into();
    message["customerId"] = request.argument("customerId").clone();
    message["attachments"] = request.argument("attachments").clone();
    let stored = append(state, message, request.now);
    stored.ok_or_else(|| Failure::system("Cannot read properties of null (reading '_id')"))
}

fn open_conversation(state: &mut State, request: &Request<'_>, text: &Value) -> Value {
    let id: Value = new_id().into();
    state.conversations.push(json!({"_id": id, "content": text, "integrationId": request.argument("integrationId"),
        "customerId": request.argument("customerId"), "status": "new", "messageCount": 0,
        "number": state.conversations.len() + 1, "tagIds": [], "createdAt": iso(request.now), "updatedAt": iso(request.now)}));
    id
}

/// A message with nothing in it yet.
pub(super) fn message(conversation: &Value, now: DateTime<Utc>) -> Value {
    json!({"_id": new_id(), "conversationId": conversation, "contentType": "text", "internal": false, "fromBot": false,
           "createdAt": iso(now), "isCustomerRead": false})
}

/// Stores a message and wakes its conversation; none when there is no such conversation.
pub(super) fn append(state: &mut State, message: Value, now: DateTime<Utc>) -> Option<Value> {
    let conversation = by_id_mut(&mut state.conversations, &message["conversationId"])?;
    conversation["content"] = message["content"].clone();
    conversation["updatedAt"] = iso(now).into();
    conversation["messageCount"] = (conversation["messageCount"].as_u64().unwrap_or(0) + 1).into();
    if conversation["status"] == "closed" {
        conversation["status"] = "open".into();
    }
    state.messages.push(message.clone());
    Some(message)
}

/// Nobody is checked: who is nobody has no id to be an author's, and whatever goes wrong is told behind the same words.
fn add_operator_message(state: &mut State, request: &Request<'_>) -> Result<Value, Failure> {
    if request.principal.id().is_none() {
        let text = "Failed to add message to conversation: Cannot destructure property '_id' of 'user' as it is undefined.";
        return Err(Failure::system(text));
    }
    let id = request.argument("conversationId");
    let conversation = by_id(&state.conversations, id).ok_or_else(|| Failure::expected("Conversation not found"))?;
    let internal = *request.argument("internal") == true;
    if by_id(&state.customers, &conversation["customerId"]).is_none() {
        return Err(Failure::expected("Failed to add message to conversation: Customer not found"));
    }
    let integration = by_id(&state.integrations, &conversation["integrationId"]);
    let kind = integration.and_then(|one| one["kind"].as_str()).unwrap_or_default();
    if !internal && !ANSWERABLE.contains(&kind.split('-').next().unwrap_or_default()) {
        return Err(Failure::expected("Unsupported service"));
    }
    let mut message = message(id, request.now);
    message["content"] = request.argument("content").clone();
    message["internal"] = internal.into();
    if let Some(kind) = request.argument("contentType").as_str() {
        message["contentType"] = kind.into();
    }
    message["userId"] = request.principal.id().into();
    message["attachments"] = request.argument("attachments").clone();
    append(state, message, request.now).ok_or_else(|| Failure::expected("Conversation not found"))
}

/// The statuses that there are (erxes note, 3.3).
const STATUSES: &[&str] = &["new", "open", "closed", "engageVisitorAuto"];

/// Nobody's rights are looked at, but the author's id is taken apart.
fn change_status(state: &mut State, request: &Request<'_>) -> Result<Value, Failure> {
    if request.principal.id().is_none() {
        return Err(Failure::system("Cannot read properties of undefined (reading '_id')"));
    }
    let status = request.argument("status").as_str().unwrap_or_default();
    if !STATUSES.contains(&status) {
        return Err(Failure::system(format!("Conversations validation failed: status: `{status}` is not a valid enum value")));
    }
    let ids = request.argument("_ids").as_array().cloned().unwrap_or_default();
    let changed: Vec<Value> = state
        .conversations
        .iter_mut()
        .filter(|one| ids.contains(&one["_id"]))
        .map(|one| {
            one["status"] = status.into();
            one["updatedAt"] = iso(request.now).into();
            one.clone()
        })
        .collect();
    Ok(changed.into())
}

fn conversations(state: &State, request: &Request<'_>) -> Result<Value, Failure> {
    let (ids, customer) = (request.argument("ids"), request.argument("customerId"));
    if request.principal.id().is_none() && ids.is_null() && customer.is_null() {
        return Err(Failure::system("Cannot read properties of undefined (reading '_id')"));
    }
    let same = |wanted: &Value, own: &Value| wanted.is_null() || wanted == own;
    let found = state
        .conversations
        .iter()
        .filter(|one| ids.as_array().is_none_or(|ids| ids.contains(&one["_id"])))
        .filter(|one| same(customer, &one["customerId"]))
        .filter(|one| same(request.argument("integrationId"), &one["integrationId"]))
        .filter(|one| same(request.argument("status"), &one["status"]))
        .skip(request.number("skip").unwrap_or(0))
        .map(|one| full(state, one));
    listed(found.collect(), request)
}

fn own_conversations(state: &State, request: &Request<'_>) -> Value {
    let of = |one: &&Value| {
        one["integrationId"] == *request.argument("integrationId") && one["customerId"] == *request.argument("customerId")
    };
    state.conversations.iter().filter(of).map(|one| full(state, one)).collect()
}

/// A conversation with what hangs on it.
fn full(state: &State, conversation: &Value) -> Value {
    let mut shown = conversation.clone();
    shown["messages"] = of_conversation(state, &conversation["_id"]).cloned().collect();
    shown["customer"] = by_id(&state.customers, &conversation["customerId"]).cloned().unwrap_or_default();
    shown["integration"] = integration(state, &conversation["integrationId"]).unwrap_or_default();
    shown
}

fn of_conversation<'a>(state: &'a State, id: &'a Value) -> impl Iterator<Item = &'a Value> {
    state.messages.iter().filter(move |message| message["conversationId"] == *id)
}

/// Oldest first; with a limit newest first, unless `getFirst`.
fn messages(state: &State, request: &Request<'_>) -> Value {
    let mut all: Vec<Value> = of_conversation(state, request.argument("conversationId")).cloned().collect();
    let limit = request.number("limit");
    if limit.is_some() && *request.argument("getFirst") != true {
        all.reverse();
    }
    all.into_iter().skip(request.number("skip").unwrap_or(0)).take(limit.unwrap_or(usize::MAX)).collect()
}
