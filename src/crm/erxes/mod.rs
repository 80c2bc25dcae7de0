//! erxes 3, over its federation gateway's GraphQL. Built on the two public widget operations, which need no permission at all: an
//! app token (`sk_…`) is a principal without permission groups, so every contact mutation would answer "Permission required".
//!
//! **Whose message is whose.** A client's message goes in through `widgetsInsertMessage`, as one the client typed into the widget. A
//! message of the salon's (a screen, a confirmation, a reminder) is an operator's in erxes:
//!
//! - with an app token and a conversation: `conversationMessageAdd`, whose author is then `app:<id>`. The messenger kind only stores
//!   it; nothing is sent to anyone.
//! - without either: `widgetsInsertMessage` under the client's name, with a mark (`[salon]`) before the text, so that nobody
//!   takes it for the client's words. `conversationMessageAdd` needs a user, and only `widgetsInsertMessage` opens a conversation;
//!   opening it with the message itself keeps one record one call, so that one look-up finds it.
//!
//! **Errors.** Every error of a resolver arrives as HTTP 200. `SYSTEM`, `UNKNOWN` and `PROVIDER` say that something broke in the
//! middle, not that nothing was done: erxes stores a message before it publishes it. After such an error a new message is
//! [`Class::Unknown`](crate::vendor::Class::Unknown), which costs a look-up and never a double; what may be repeated is a retry.

mod error;
mod outbound;
#[cfg(test)]
mod tests;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Capabilities, Card, ClientCard, Crm, CrmAccount, CrmCall, Ensured, Health, Keeps, NoteCard, Noted, Transcript};
use crate::vendor::{Failure, Rate};

/// erxes limits one address to 5,000 calls in 15 minutes (erxes note, 1.8).
const CAPABILITIES: Capabilities = Capabilities {
    enquiries: Keeps::Notes,
    bookings: Keeps::Notes,
    tasks: Keeps::Notes,
    transcript: Transcript::Messages,
    note_chars: 10_000,
    webhooks: false,
    changes: &[],
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

    async fn ensure_client(&self, call: &CrmCall<'_>, client: &ClientCard) -> Result<Ensured, Failure> {
        outbound::connect(call, client).await.map(Ensured::Is)
    }

    async fn append_note(&self, call: &CrmCall<'_>, note: &NoteCard) -> Result<Noted, Failure> {
        outbound::record(call, note).await
    }

    async fn find_note(
        &self,
        call: &CrmCall<'_>,
        note: &NoteCard,
        since: DateTime<Utc>,
        taken: &[String],
    ) -> Result<Option<Noted>, Failure> {
        outbound::find(call, note, since, taken).await
    }

    /// An app token is not asked about: erxes answers 401 to any request with one it doesn't know, and `currentUser` is null for
    /// the ones it does, because they are no users.
    async fn inspect(&self, call: &CrmCall<'_>) -> Result<Health, Failure> {
        outbound::inspect(call).await
    }

    fn preview(&self, account: &CrmAccount, card: Card<'_>) -> Value {
        match card {
            Card::Client(client) => {
                account.settings().map_or(Value::Null, |settings| json!(outbound::profile(&settings, client)))
            }
            Card::Enquiry(_) | Card::Booking(_) => Value::Null,
        }
    }
}
