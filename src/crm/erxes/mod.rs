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

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Crm, CrmAccount, CrmClient, CrmMessage, Recorded};
use crate::vendor::{Failure, Http};

/// The erxes adapter.
#[derive(Debug, Clone, Copy)]
pub struct Erxes;

#[async_trait]
impl Crm for Erxes {
    async fn ensure_client(&self, http: &Http, account: &CrmAccount, client: &CrmClient) -> Result<String, Failure> {
        outbound::connect(http, account, client).await
    }

    async fn record_message(&self, http: &Http, account: &CrmAccount, message: &CrmMessage) -> Result<Recorded, Failure> {
        outbound::record(http, account, message).await
    }

    async fn find_message(
        &self,
        http: &Http,
        account: &CrmAccount,
        message: &CrmMessage,
        since: DateTime<Utc>,
        taken: &[String],
    ) -> Result<Option<Recorded>, Failure> {
        outbound::find(http, account, message, since, taken).await
    }

    /// An app token is not asked about: erxes answers 401 to any request with one it doesn't know, and `currentUser` is null for
    /// the ones it does, because they are no users.
    async fn inspect(&self, http: &Http, account: &CrmAccount) -> Result<(), Failure> {
        outbound::inspect(http, account).await
    }
}
