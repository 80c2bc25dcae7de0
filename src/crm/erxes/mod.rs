//! erxes 3, over its federation gateway's GraphQL. What it can depends on as whom it is called:
//!
//! - **without a token**, by the public widget operations, which need no permission at all: clients' records, and messages;
//! - **with an app token** (`sk_…`), a principal without permission groups to which every contact mutation answers "Permission required":
//!   the same, and operators' messages;
//! - **with a user's access token** (OAuth, device flow): what that user may. Contacts with properties, notes on records. What the user
//!   may not is done by the widget's way, and remarked upon by `inspect`.
//!
//! **Whose message is whose.** A client's message goes in through `widgetsInsertMessage`, as one the client typed into the widget. A
//! message of the salon's (a screen, a confirmation, a reminder) is an operator's in erxes:
//!
//! - with a token and a conversation: `conversationMessageAdd`, whose author is then `app:<id>`, or the user. The messenger kind only
//!   stores it; nothing is sent to anyone.
//! - without either: `widgetsInsertMessage` under the client's name, with a mark (`[salon]`) before the text, so that nobody
//!   takes it for the client's words. `conversationMessageAdd` needs a user, and only `widgetsInsertMessage` opens a conversation;
//!   opening it with the message itself keeps one record one call, so that one look-up finds it.
//!
//! **Errors.** Every error of a resolver arrives as HTTP 200. `SYSTEM`, `UNKNOWN` and `PROVIDER` say that something broke in the
//! middle, not that nothing was done: erxes stores a message before it publishes it. After such an error a new message is
//! [`Class::Unknown`](crate::vendor::Class::Unknown), which costs a look-up and never a double; what may be repeated is a retry.
//!
//! **Changes** can't be listed: what `customers` makes of `orderBy` and a cursor by `updatedAt` is nowhere said, deleted and merged ones
//! are left out of it, and our own messages move that time. An automation's webhook is a hint, after which one record is read.

mod access;
mod contacts;
mod error;
mod inbox;
mod inspect;
mod login;
mod notes;
mod operations;
#[cfg(test)]
pub(super) mod tests;
mod text;
mod webhook;
mod widget;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use http::HeaderMap;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use self::access::Access;
use super::{
    Capabilities, Card, ClientCard, Crm, CrmAccount, CrmCall, CrmSecrets, Ensured, Entity, FieldSpec, Health, Hint, InboxReply,
    Keeps, Login, LoginPrompt, NoteCard, Noted, RemoteState, Tokens, Transcript,
};
use crate::{
    channel::{SignatureInvalid, Unparsable},
    vendor::{Failure, Rate},
};

/// erxes limits one address to 5,000 calls in 15 minutes (erxes note, 1.8).
const CAPABILITIES: Capabilities = Capabilities {
    enquiries: Keeps::Notes,
    bookings: Keeps::Notes,
    tasks: Keeps::Notes,
    transcript: Transcript::Messages,
    note_chars: 10_000,
    webhooks: true,
    changes: &[],
    inbox: true,
    passwords: false,
    rate: Rate { count: 5, per: Duration::from_secs(1), burst: 20 },
};

/// What the tenant file says of erxes alone.
#[derive(Debug, Clone, Deserialize)]
struct Settings {
    /// The messenger integration that stands for this salon.
    integration_id: String,
}

/// The erxes adapter.
#[derive(Debug, Clone, Copy)]
pub struct Erxes;

#[async_trait]
impl Crm for Erxes {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn fields(&self) -> &'static [FieldSpec] {
        contacts::FIELDS
    }

    /// Only a login may search; an app token has one.
    async fn find_client(&self, call: &CrmCall<'_>, client: &ClientCard) -> Result<Vec<String>, Failure> {
        match Access::of(call.account) {
            Access::Widget => Err(Failure::permanent("no_search")),
            Access::App(_) | Access::User(_) => contacts::find(call, client).await,
        }
    }

    async fn ensure_client(&self, call: &CrmCall<'_>, client: &ClientCard) -> Result<Ensured, Failure> {
        if Access::of(call.account).is_user() {
            match contacts::ensure(call, client).await {
                Err(failure) if error::is_forbidden(&failure) => {}
                ensured => return ensured,
            }
        }
        widget::connect(call, client).await.map(Ensured::Is)
    }

    async fn append_note(&self, call: &CrmCall<'_>, note: &NoteCard) -> Result<Noted, Failure> {
        notes::record(call, note).await
    }

    async fn find_note(
        &self,
        call: &CrmCall<'_>,
        note: &NoteCard,
        since: DateTime<Utc>,
        taken: &[String],
    ) -> Result<Option<Noted>, Failure> {
        notes::find(call, note, since, taken).await
    }

    /// A record of a client, after a hint. Needs a login.
    async fn read(&self, call: &CrmCall<'_>, entity: Entity, record: &str) -> Result<Option<RemoteState>, Failure> {
        match (entity, Access::of(call.account)) {
            (Entity::Client, Access::App(_) | Access::User(_)) => contacts::read(call, record).await,
            _ => Err(Failure::permanent("no_changes")),
        }
    }

    async fn replies_since(
        &self,
        call: &CrmCall<'_>,
        conversation: &str,
        since: DateTime<Utc>,
    ) -> Result<Vec<InboxReply>, Failure> {
        inbox::replies_since(call, conversation, since).await
    }

    /// An app token is not asked about: erxes answers 401 to any request with one it doesn't know, and `currentUser` says nothing about
    /// what it may, which is nothing.
    async fn inspect(&self, call: &CrmCall<'_>) -> Result<Health, Failure> {
        inspect::inspect(call).await
    }

    fn preview(&self, account: &CrmAccount, card: Card<'_>) -> Value {
        match card {
            Card::Client(client) if Access::of(account).is_user() => json!(contacts::fresh(client, &account.fields)),
            Card::Client(client) => account.settings().map_or(Value::Null, |settings| json!(widget::profile(&settings, client))),
            Card::Enquiry(_) | Card::Booking(_) => Value::Null,
        }
    }

    fn verify(
        &self,
        headers: &HeaderMap,
        _body: &[u8],
        secrets: &CrmSecrets,
        now: DateTime<Utc>,
    ) -> Result<(), SignatureInvalid> {
        webhook::verify(headers, secrets, now)
    }

    fn parse(&self, headers: &HeaderMap, body: &[u8], _secrets: &CrmSecrets) -> Result<Vec<Hint>, Unparsable> {
        webhook::parse(headers, body)
    }

    async fn begin_login(&self, call: &CrmCall<'_>) -> Result<LoginPrompt, Failure> {
        login::begin(call).await
    }

    async fn finish_login(&self, call: &CrmCall<'_>, code: &SecretString) -> Result<Login, Failure> {
        login::finish(call, code).await
    }

    async fn renew(&self, call: &CrmCall<'_>) -> Result<Tokens, Failure> {
        login::renew(call).await
    }
}
