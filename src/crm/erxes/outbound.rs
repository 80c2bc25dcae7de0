//! Calls out. Values go in as variables, so that nothing a person wrote becomes part of a document; there are no aliases, so that a
//! result is always under its field's own name.

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderName;
use secrecy::ExposeSecret;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use super::{
    Settings,
    error::{self, Effect, Meaning},
    wire::{
        AddVariables, Answer, ById, Call, ConnectVariables, Connected, Conversation, ConversationsVariables, InsertVariables,
        Integration, Message, MessagesVariables, Profile,
    },
};
use crate::{
    crm::{Author, ClientCard, CrmAccount, CrmCall, Health, NoteCard, Noted},
    vendor::{Class, Failure, Request},
};

const APP_TOKEN: HeaderName = HeaderName::from_static("erxes-app-token");

/// Stands before a text of the salon's that has to go in under the client's name.
pub(super) const SALON_MARK: &str = "[salon] ";

/// How far their clock may be behind ours.
const SKEW: TimeDelta = TimeDelta::seconds(2);

/// Messages read at once in a look-up.
const PAGE: usize = 100;

/// Pages after which a look-up gives up: nobody writes so much between two attempts.
const PAGES: usize = 20;

/// An operation: its document, the field its result is under, and whether it may be repeated.
pub(super) struct Operation {
    pub(super) document: &'static str,
    pub(super) field: &'static str,
    effect: Effect,
}

pub(super) const CONNECT: Operation = Operation {
    document: "mutation SalonConnect($integrationId: String!, $phone: String, $code: String, $isUser: Boolean, $data: JSON, \
               $cachedCustomerId: String) { widgetsMessengerConnect(integrationId: $integrationId, phone: $phone, code: $code, \
               isUser: $isUser, data: $data, cachedCustomerId: $cachedCustomerId) { customerId } }",
    field: "widgetsMessengerConnect",
    effect: Effect::Repeatable,
};

pub(super) const INSERT: Operation = Operation {
    document: "mutation SalonInsert($integrationId: String!, $customerId: String, $conversationId: String, $message: String, \
               $contentType: String) { widgetsInsertMessage(integrationId: $integrationId, customerId: $customerId, \
               conversationId: $conversationId, message: $message, contentType: $contentType) { _id conversationId } }",
    field: "widgetsInsertMessage",
    effect: Effect::Once,
};

pub(super) const ADD: Operation = Operation {
    document: "mutation SalonAdd($conversationId: String, $content: String, $internal: Boolean, $contentType: String) { \
               conversationMessageAdd(conversationId: $conversationId, content: $content, internal: $internal, \
               contentType: $contentType) { _id conversationId } }",
    field: "conversationMessageAdd",
    effect: Effect::Once,
};

pub(super) const CONVERSATIONS: Operation = Operation {
    document: "query SalonConversations($integrationId: String!, $customerId: String) { \
               widgetsConversations(integrationId: $integrationId, customerId: $customerId) { _id createdAt } }",
    field: "widgetsConversations",
    effect: Effect::Repeatable,
};

pub(super) const MESSAGES: Operation = Operation {
    document: "query SalonMessages($conversationId: String!, $skip: Int, $limit: Int) { \
               conversationMessages(conversationId: $conversationId, skip: $skip, limit: $limit) { \
               _id conversationId content customerId userId createdAt } }",
    field: "conversationMessages",
    effect: Effect::Repeatable,
};

pub(super) const INTEGRATION: Operation = Operation {
    document: "query SalonIntegration($_id: String!) { integrationDetail(_id: $_id) { kind } }",
    field: "integrationDetail",
    effect: Effect::Repeatable,
};

/// erxes looks the customer up by `cachedCustomerId`, phone and `code`, in this order and for equality, creates the one it doesn't
/// find and updates the one it does. `isUser` makes the record a `customer`: whoever writes to the salon is no passing visitor.
pub(super) async fn connect(crm: &CrmCall<'_>, client: &ClientCard) -> Result<String, Failure> {
    let settings: Settings = crm.account.settings()?;
    let connected: Option<Connected> = ask(crm, &CONNECT, &profile(&settings, client)).await?;
    // erxes swallows errors between its own services, and what is left of them is a null.
    connected.and_then(|connected| connected.customer_id).ok_or_else(|| Failure::retry("no_customer_id"))
}

pub(super) fn profile<'a>(settings: &'a Settings, client: &'a ClientCard) -> ConnectVariables<'a> {
    ConnectVariables {
        integration_id: &settings.integration_id,
        phone: client.phone.as_deref(),
        code: client.id.to_string(),
        is_user: true,
        data: Profile { first_name: client.name.as_deref() },
        cached_customer_id: client.known.as_deref(),
    }
}

pub(super) async fn record(crm: &CrmCall<'_>, message: &NoteCard) -> Result<Noted, Failure> {
    let settings: Settings = crm.account.settings()?;
    let stored: Option<Message> = match (message.author, &message.conversation, &crm.account.secrets.token) {
        (Author::Salon, Some(conversation_id), Some(_)) => {
            let variables = AddVariables { conversation_id, content: &message.text, internal: false, content_type: "text" };
            ask(crm, &ADD, &variables).await?
        }
        (author, conversation_id, _) => {
            let variables = InsertVariables {
                integration_id: &settings.integration_id,
                customer_id: &message.client,
                conversation_id: conversation_id.as_deref(),
                message: &under_the_clients_name(author, &message.text),
                content_type: "text",
            };
            ask(crm, &INSERT, &variables).await?
        }
    };
    let stored = stored.and_then(|stored| Some((stored.id?, stored.conversation_id)));
    match (stored, &message.conversation) {
        (Some((message_id, Some(conversation_id))), _) => Ok(Noted { conversation: Some(conversation_id), note: message_id }),
        (Some((message_id, None)), Some(known)) => Ok(Noted { conversation: Some(known.clone()), note: message_id }),
        _ => Err(Failure::unknown("no_message_id")),
    }
}

fn under_the_clients_name(author: Author, text: &str) -> String {
    match author {
        Author::Client => text.to_owned(),
        Author::Salon => format!("{SALON_MARK}{text}"),
    }
}

/// The earliest message since then that an attempt to record `message` may have left.
pub(super) async fn find(
    crm: &CrmCall<'_>,
    message: &NoteCard,
    since: DateTime<Utc>,
    taken: &[String],
) -> Result<Option<Noted>, Failure> {
    let since = since.checked_sub_signed(SKEW).unwrap_or(since);
    let conversations = match &message.conversation {
        Some(known) => vec![known.clone()],
        None => opened_since(crm, &message.client, since).await?,
    };
    let mut found = Vec::new();
    for conversation_id in conversations {
        for stored in written_since(crm, &conversation_id, since).await? {
            if let (Some(at), Some(id)) = (stored.created_at, &stored.id)
                && at >= since
                && !taken.contains(id)
                && is_ours(&stored, message)
            {
                found.push((at, Noted { conversation: Some(conversation_id.clone()), note: id.clone() }));
            }
        }
    }
    Ok(found.into_iter().min_by_key(|(at, _)| *at).map(|(_, recorded)| recorded))
}

/// Without a conversation, an attempt opened a new one.
async fn opened_since(crm: &CrmCall<'_>, customer_id: &str, since: DateTime<Utc>) -> Result<Vec<String>, Failure> {
    let settings: Settings = crm.account.settings()?;
    let variables = ConversationsVariables { integration_id: &settings.integration_id, customer_id };
    let all: Option<Vec<Conversation>> = ask(crm, &CONVERSATIONS, &variables).await?;
    let recent = all.into_iter().flatten().filter(|conversation| conversation.created_at.is_none_or(|at| at >= since));
    Ok(recent.filter_map(|conversation| conversation.id).collect())
}

/// All messages from then on, and some before. With a limit erxes takes the newest; in which order it hands them over is not relied on.
async fn written_since(crm: &CrmCall<'_>, conversation_id: &str, since: DateTime<Utc>) -> Result<Vec<Message>, Failure> {
    let mut messages = Vec::new();
    for page in 0..PAGES {
        let variables = MessagesVariables { conversation_id, skip: page * PAGE, limit: PAGE };
        let answer: Option<Vec<Message>> = ask(crm, &MESSAGES, &variables).await?;
        let part = answer.unwrap_or_default();
        let last = part.len() < PAGE || part.iter().any(|message| message.created_at.is_some_and(|at| at < since));
        messages.extend(part);
        if last {
            return Ok(messages);
        }
    }
    // Not "not there": saying so would make a double.
    Err(Failure::retry("too_many_messages"))
}

/// Whether this could be ours, by either way of recording: the token may have come or gone between two attempts.
fn is_ours(stored: &Message, message: &NoteCard) -> bool {
    let same = |text: &str| stored.content.as_deref().is_some_and(|content| content.trim() == text.trim());
    let by_operator = stored.user_id.is_some();
    let by_client = !by_operator && stored.customer_id.as_ref().is_none_or(|id| *id == message.client);
    match message.author {
        Author::Client => by_client && same(&message.text),
        Author::Salon if by_operator => same(&message.text),
        Author::Salon => by_client && same(&under_the_clients_name(Author::Salon, &message.text)),
    }
}

/// `widgetsInsertMessage` takes a wrong integration and makes an orphan of the conversation, so it is asked for once, here.
pub(super) async fn inspect(crm: &CrmCall<'_>) -> Result<Health, Failure> {
    let settings: Settings = crm.account.settings()?;
    let integration: Option<Integration> = ask(crm, &INTEGRATION, &ById { id: &settings.integration_id }).await?;
    match integration.map(|integration| integration.kind) {
        None => Err(Failure::new(Class::Credential, "integration_not_found")),
        Some(kind) if kind.as_deref() == Some("messenger") => Ok(Health {
            known_as: if crm.account.secrets.token.is_some() { "an app token" } else { "the public widget" }.to_owned(),
            ..Health::default()
        }),
        Some(_) => Err(Failure::new(Class::Credential, "integration_not_messenger")),
    }
}

/// Calls an operation; `None` is a null result. A result that is there counts, whatever the errors beside it say.
async fn ask<T: DeserializeOwned>(
    crm: &CrmCall<'_>,
    operation: &Operation,
    variables: &impl Serialize,
) -> Result<Option<T>, Failure> {
    let body = Call { query: operation.document, variables };
    let mut request = Request::post_json(endpoint(crm.account)?, &body, crm.patience);
    if let Some(token) = &crm.account.secrets.token {
        request = request.secret_header(APP_TOKEN, token.expose_secret());
    }
    let reply = crm.send(request).await.map_err(|unsent| error::unanswered(unsent, operation.effect))?;
    let unreadable = || Failure::new(error::class(Meaning::MayHaveRun, operation.effect, None), "unreadable_answer");
    if !reply.is_success() {
        return Err(error::classify(&reply, operation.effect));
    }
    let answer: Answer = reply.json().ok_or_else(unreadable)?;
    let result = answer.data.and_then(|mut data| data.get_mut(operation.field).map(Value::take));
    match result {
        Some(result) if !result.is_null() => serde_json::from_value(result).map(Some).map_err(|_| unreadable()),
        _ if answer.errors.is_some_and(|errors| !errors.is_empty()) || answer.error.is_some() => {
            Err(error::classify(&reply, operation.effect))
        }
        Some(_) => Ok(None),
        None => Err(unreadable()),
    }
}

/// `<base>/graphql`. The base may have a path: behind the usual ingress the gateway is `<domain>/gateway`.
fn endpoint(account: &CrmAccount) -> Result<Url, Failure> {
    let mut url = account.base_url.clone();
    url.path_segments_mut().map_err(|()| Failure::permanent("base_url"))?.pop_if_empty().push("graphql");
    Ok(url)
}
