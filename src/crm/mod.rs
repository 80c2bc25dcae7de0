//! The CRM port: what a salon's customer system is to the rest of the system. What it should know is an intent; which of its records
//! are ours is a link; both live with us.

pub mod erxes;
mod store;

pub use store::{Intent, Subject, Wish};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::{
    ids::ClientId,
    vendor::{Failure, Http},
};

/// A CRM connection's secrets, as sealed in its row.
#[derive(Debug, Clone, Deserialize)]
pub struct CrmSecrets {
    /// erxes: an app token (`sk_…`); without one only the public widget operations are used.
    pub app_token: Option<SecretString>,
}

/// What an adapter needs to act for a tenant.
#[derive(Debug, Clone)]
pub struct CrmAccount {
    /// The CRM's address (erxes: the gateway, without `/graphql`).
    pub base_url: Url,
    /// erxes: the messenger integration that stands for this salon and channel.
    pub integration_id: String,
    /// The credential.
    pub secrets: CrmSecrets,
}

/// A person as the CRM should know them.
#[derive(Debug, Clone)]
pub struct CrmClient {
    /// Our id: goes into a field of theirs, so that a second call finds the first one's record.
    pub id: ClientId,
    /// Their id, if a link exists.
    pub known_as: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Number in E.164, only if the channel vouches for it.
    pub phone: Option<String>,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// The client.
    Client,
    /// The salon: a screen, a confirmation, a reminder.
    Salon,
}

/// A message as the CRM should know it.
#[derive(Debug, Clone)]
pub struct CrmMessage {
    /// Their id of the client.
    pub customer_id: String,
    /// Their id of the conversation; none opens a new one.
    pub conversation_id: Option<String>,
    /// Who wrote it.
    pub author: Author,
    /// What.
    pub text: String,
    /// When, by our log.
    pub at: DateTime<Utc>,
}

/// Where a message went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Their id of the conversation.
    pub conversation_id: String,
    /// Their id of the message.
    pub message_id: String,
}

/// A CRM. Stateless, like every adapter.
#[async_trait]
pub trait Crm: Send + Sync {
    /// Finds or creates the client's record and brings it up to date. Safe to repeat, not to run twice at once for one client.
    async fn ensure_client(&self, http: &Http, account: &CrmAccount, client: &CrmClient) -> Result<String, Failure>;

    /// Adds a message to the client's conversation. Not idempotent: after an unknown outcome, [`Crm::find_message`] comes first.
    async fn record_message(&self, http: &Http, account: &CrmAccount, message: &CrmMessage) -> Result<Recorded, Failure>;

    /// Looks for a message that an earlier attempt, begun at `since`, may have added. `taken` are their ids that are linked to other
    /// messages of ours already.
    async fn find_message(
        &self,
        http: &Http,
        account: &CrmAccount,
        message: &CrmMessage,
        since: DateTime<Utc>,
        taken: &[String],
    ) -> Result<Option<Recorded>, Failure>;

    /// Asks whether the connection works: the address answers, the integration exists and is of the right kind.
    async fn inspect(&self, http: &Http, account: &CrmAccount) -> Result<(), Failure>;
}

/// The one place that names every CRM.
pub fn crm() -> &'static dyn Crm {
    &erxes::Erxes
}
