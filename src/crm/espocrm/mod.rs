//! EspoCRM, over its REST API (8.2 and later). A client is a contact, an enquiry a lead, a visit a meeting, something to do a task, what
//! was said an entry of the contact's stream.
//!
//! **Doubles.** EspoCRM has no idempotent create, and its own look for doubles takes two people of one name for one person. So our id goes
//! into a field of each record, is looked for before anything is made, and EspoCRM's look is switched off for what we make; a 409 is never
//! taken for success.
//!
//! **Whose fields.** A value for a field EspoCRM doesn't know is dropped without a word, so what is mapped is compared with its metadata
//! ([`describe`]). Of a record that is there only our fields are written again; a number is added to those there are, an e-mail where
//! there is none, and a name only where our stand-in for a surname still is (see `clients.rs`). Whom a record is assigned to, its teams and
//! who takes part are said once, when it is made; but a visit follows its master to another user.
//!
//! **Limits.** There is no quota. Ten refused keys in a minute lock an address out, so a 401 stops the account.

mod api;
mod bookings;
mod clients;
mod describe;
mod enquiries;
mod error;
mod fields;
mod hooks;
mod inbound;
mod inspect;
mod notes;
mod read;
#[cfg(test)]
pub(super) mod tests;
mod text;
mod wire;

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{
    BookingCard, Capabilities, Card, ClientCard, Crm, CrmAccount, CrmCall, CrmSecrets, EnquiryCard, Ensured, Entity, FieldSpec,
    Health, Hint, HookSecret, Keeps, NoteCard, Noted, RemotePage, RemoteState, TaskCard, Transcript, fields::Described,
};
use crate::{
    channel::{SignatureInvalid, Unparsable},
    vendor::{Failure, Rate},
};

/// The rate is our own: EspoCRM has none, and a small server behind it. Ten thousand characters are forty thousand bytes at most, escaped
/// or not: within what MySQL's shortest `TEXT` holds, and as much as anybody reads in a stream.
const CAPABILITIES: Capabilities = Capabilities {
    enquiries: Keeps::Records,
    bookings: Keeps::Records,
    tasks: Keeps::Records,
    transcript: Transcript::Daily,
    note_chars: 10_000,
    webhooks: true,
    changes: &Entity::ALL,
    inbox: false,
    passwords: true,
    rate: Rate { count: 10, per: Duration::from_secs(1), burst: 20 },
};

/// What the tenant file says of EspoCRM alone.
#[derive(Debug, Clone, Deserialize)]
struct Settings {
    /// The user who gets what nobody else does: a meeting or a task without a user is refused.
    assigned_user_id: String,
    /// The team that records are made in.
    #[serde(default)]
    team_id: Option<String>,
    /// By the master's key: their user.
    #[serde(default)]
    staff: BTreeMap<String, String>,
    /// Where leads come from; one of EspoCRM's list.
    #[serde(default = "web_site")]
    lead_source: String,
}

fn web_site() -> String {
    "Web Site".to_owned()
}

impl Settings {
    /// The master's user, if they have one.
    fn staff_user(&self, master: Option<&str>) -> Option<&str> {
        self.staff.get(master?).map(String::as_str)
    }

    /// The master's user, or who gets what nobody else does.
    fn user(&self, master: Option<&str>) -> &str {
        self.staff_user(master).unwrap_or(&self.assigned_user_id)
    }

    /// Everybody who may be given something, each once.
    fn users(&self) -> impl Iterator<Item = &str> {
        let all: std::collections::BTreeSet<&str> =
            self.staff.values().chain([&self.assigned_user_id]).map(String::as_str).collect();
        all.into_iter()
    }

    fn team(&self, body: &mut wire::Body) {
        body.some("teamsIds", self.team_id.as_deref().map(|team| vec![team]));
    }
}

/// The EspoCRM adapter.
#[derive(Debug, Clone, Copy)]
pub struct EspoCrm;

#[async_trait]
impl Crm for EspoCrm {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn fields(&self) -> &'static [FieldSpec] {
        fields::FIELDS
    }

    async fn find_client(&self, call: &CrmCall<'_>, client: &ClientCard) -> Result<Vec<String>, Failure> {
        clients::find(call, client).await
    }

    async fn ensure_client(&self, call: &CrmCall<'_>, client: &ClientCard) -> Result<Ensured, Failure> {
        clients::ensure(call, client).await
    }

    async fn record_enquiry(&self, call: &CrmCall<'_>, enquiry: &EnquiryCard) -> Result<String, Failure> {
        enquiries::record(call, enquiry).await
    }

    async fn upsert_booking(&self, call: &CrmCall<'_>, booking: &BookingCard) -> Result<String, Failure> {
        bookings::upsert(call, booking).await
    }

    async fn set_booking_state(&self, call: &CrmCall<'_>, booking: &BookingCard, record: &str) -> Result<(), Failure> {
        bookings::set_state(call, booking, record).await
    }

    async fn append_note(&self, call: &CrmCall<'_>, note: &NoteCard) -> Result<Noted, Failure> {
        notes::append(call, note).await
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

    async fn create_task(&self, call: &CrmCall<'_>, task: &TaskCard) -> Result<String, Failure> {
        notes::task(call, task).await
    }

    async fn read(&self, call: &CrmCall<'_>, entity: Entity, record: &str) -> Result<Option<RemoteState>, Failure> {
        read::record(call, entity, record).await
    }

    async fn changes_since(
        &self,
        call: &CrmCall<'_>,
        entity: Entity,
        since: DateTime<Utc>,
        page: Option<&str>,
    ) -> Result<RemotePage, Failure> {
        read::changes(call, entity, since, page).await
    }

    async fn describe(&self, call: &CrmCall<'_>) -> Result<Described, Failure> {
        describe::describe(call).await
    }

    async fn create_fields(&self, call: &CrmCall<'_>, missing: &[&FieldSpec]) -> Result<Vec<String>, Failure> {
        describe::create(call, missing).await
    }

    async fn inspect(&self, call: &CrmCall<'_>) -> Result<Health, Failure> {
        inspect::inspect(call).await
    }

    fn preview(&self, account: &CrmAccount, card: Card<'_>) -> Value {
        let Ok(settings) = account.settings::<Settings>() else { return Value::Null };
        match card {
            Card::Client(client) => clients::new(account, &settings, client),
            Card::Enquiry(enquiry) => enquiries::new(account, &settings, enquiry),
            Card::Booking(booking) => bookings::new(account, &settings, booking),
        }
        .into_value()
    }

    async fn ensure_webhooks(&self, call: &CrmCall<'_>, address: &Url) -> Result<Vec<HookSecret>, Failure> {
        hooks::ensure(call, address).await
    }

    fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        secrets: &CrmSecrets,
        _now: DateTime<Utc>,
    ) -> Result<(), SignatureInvalid> {
        inbound::verify(headers, body, secrets)
    }

    fn parse(&self, headers: &HeaderMap, body: &[u8], secrets: &CrmSecrets) -> Result<Vec<Hint>, Unparsable> {
        inbound::parse(headers, body, secrets)
    }
}
