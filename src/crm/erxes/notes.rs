//! What was said, and what is noted: messages of a conversation, and internal notes on a customer.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Settings,
    access::{Access, ask},
    error,
    operations::{ADD, CONVERSATIONS, INSERT, MESSAGES, NOTE_ADD, NOTES},
    wire::{
        AddVariables, Conversation, ConversationsVariables, InsertVariables, Message, MessagesVariables, Note, NoteVariables,
    },
};
use crate::{
    crm::{Author, CrmCall, NoteCard, Noted},
    vendor::Failure,
};

/// Stands before a text of the salon's that has to go in under the client's name.
pub(super) const SALON_MARK: &str = "[salon] ";

/// What an internal note is about.
const ON_CUSTOMER: &str = "core:customer";

/// How far their clock may be behind ours.
const SKEW: TimeDelta = TimeDelta::seconds(2);

/// Messages read at once.
const PAGE: usize = 100;

/// Pages after which reading gives up: nobody writes so much between two attempts.
const PAGES: usize = 20;

/// A note about the client goes to their record where a user may write one, and into the conversation where not. erxes answers null where
/// notes on customers are not enabled.
pub(super) async fn record(crm: &CrmCall<'_>, note: &NoteCard) -> Result<Noted, Failure> {
    if has_notes(crm, note) {
        let variables = NoteVariables { content_type: ON_CUSTOMER, content_type_id: &note.client, content: Some(&note.text) };
        match ask::<Note>(crm, &NOTE_ADD, &variables).await {
            Ok(Some(Note { id: Some(id), .. })) => return Ok(Noted { conversation: None, note: id }),
            Ok(Some(_)) => return Err(Failure::unknown("no_note_id")),
            Ok(None) => {}
            Err(failure) if error::is_forbidden(&failure) => {}
            Err(failure) => return Err(failure),
        }
    }
    say(crm, note).await
}

fn has_notes(crm: &CrmCall<'_>, note: &NoteCard) -> bool {
    !note.in_talk && Access::of(crm.account).is_user()
}

/// What is no part of the talk is an internal message, where an operator's can be stored at all.
async fn say(crm: &CrmCall<'_>, message: &NoteCard) -> Result<Noted, Failure> {
    let settings: Settings = crm.account.settings()?;
    let stored: Option<Message> = match (message.author, &message.conversation, &crm.account.secrets.token) {
        (Author::Salon, Some(conversation_id), Some(_)) => {
            let variables =
                AddVariables { conversation_id, content: &message.text, internal: !message.in_talk, content_type: "text" };
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
    if has_notes(crm, message)
        && let Some(note) = noted_since(crm, message, since, taken).await?
    {
        return Ok(Some(Noted { conversation: None, note }));
    }
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

/// The earliest note since then that says the same.
async fn noted_since(
    crm: &CrmCall<'_>,
    note: &NoteCard,
    since: DateTime<Utc>,
    taken: &[String],
) -> Result<Option<String>, Failure> {
    let variables = NoteVariables { content_type: ON_CUSTOMER, content_type_id: &note.client, content: None };
    let all: Option<Vec<Note>> = ask(crm, &NOTES, &variables).await?;
    let same = |stored: &Note| stored.content.as_deref().is_some_and(|content| content.trim() == note.text.trim());
    let found = all.into_iter().flatten().filter(same).filter_map(|stored| Some((stored.created_at?, stored.id?)));
    let found = found.filter(|(at, id)| *at >= since && !taken.contains(id)).min_by_key(|(at, _)| *at);
    Ok(found.map(|(_, id)| id))
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
pub(super) async fn written_since(
    crm: &CrmCall<'_>,
    conversation_id: &str,
    since: DateTime<Utc>,
) -> Result<Vec<Message>, Failure> {
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
