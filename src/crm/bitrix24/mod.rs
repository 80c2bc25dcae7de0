//! Bitrix24, over its REST API, version 2: `crm.item.*`, todos and timeline comments. Version 3 has no leads, contacts or deals.
//!
//! **Access.** An inbound webhook (its code is a part of every address, and a secret) or an application (OAuth 2.0; the token goes into
//! the body). Always POST with JSON.
//!
//! **Creating.** There is no idempotent create, so every creation looks for our id first: `originatorId` and `originId` on records, a
//! mark at the end of a todo's text. Comments carry nothing of ours; after a lost answer they are looked for by their text. Several
//! questions go in one `batch`.
//!
//! **Limits.** Two calls a second for a portal and an address of ours together, 50 at once; and 480 s of each method's work in ten
//! minutes. Near either the whole account rests ([`CrmCall::ease`]), for each retry of each job would only add to it.
//!
//! **Modes.** In the simple mode a lead becomes a deal at once, so an enquiry is made one from the beginning. The mode is asked for
//! whenever an enquiry is made: a salon may switch it any day.

mod batch;
mod bookings;
mod call;
mod changes;
mod clients;
mod describe;
mod enquiries;
mod error;
mod fields;
mod hooks;
mod inbound;
mod items;
mod notes;
mod oauth;
mod settings;
#[cfg(test)]
pub(super) mod tests;
mod todos;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use http::HeaderMap;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::{
    BookingCard, Capabilities, Card, ClientCard, Crm, CrmAccount, CrmCall, CrmSecrets, EnquiryCard, Ensured, Entity, FieldSpec,
    Health, Hint, HookSecret, Keeps, Login, LoginPrompt, NoteCard, Noted, RemotePage, RemoteState, TaskCard, Tokens, Transcript,
    fields::Described,
};
use crate::{
    channel::{SignatureInvalid, Unparsable},
    vendor::{Failure, Rate},
};
use items::Kind;
use settings::Settings;

/// The portal's bucket holds 50 and drains by two a second (Bitrix24 note, 3.3). It is shared with whatever else calls from our address.
const CAPABILITIES: Capabilities = Capabilities {
    enquiries: Keeps::Records,
    bookings: Keeps::Records,
    tasks: Keeps::Records,
    transcript: Transcript::Daily,
    note_chars: 10_000,
    webhooks: true,
    changes: &Entity::ALL,
    inbox: false,
    passwords: false,
    rate: Rate { count: 2, per: Duration::from_secs(1), burst: 40 },
};

/// The Bitrix24 adapter.
#[derive(Debug, Clone, Copy)]
pub struct Bitrix24;

#[async_trait]
impl Crm for Bitrix24 {
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
        enquiries::ensure(call, enquiry).await
    }

    async fn upsert_booking(&self, call: &CrmCall<'_>, booking: &BookingCard) -> Result<String, Failure> {
        bookings::ensure(call, booking).await
    }

    async fn set_booking_state(&self, call: &CrmCall<'_>, booking: &BookingCard, record: &str) -> Result<(), Failure> {
        bookings::bring(call, booking, record).await
    }

    async fn append_note(&self, call: &CrmCall<'_>, note: &NoteCard) -> Result<Noted, Failure> {
        notes::add(call, note).await
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
        todos::ensure(call, task).await
    }

    async fn read(&self, call: &CrmCall<'_>, entity: Entity, record: &str) -> Result<Option<RemoteState>, Failure> {
        changes::read(call, entity, record).await
    }

    async fn changes_since(
        &self,
        call: &CrmCall<'_>,
        entity: Entity,
        since: DateTime<Utc>,
        page: Option<&str>,
    ) -> Result<RemotePage, Failure> {
        changes::since(call, entity, since, page).await
    }

    async fn describe(&self, call: &CrmCall<'_>) -> Result<Described, Failure> {
        describe::describe(call).await
    }

    async fn create_fields(&self, call: &CrmCall<'_>, missing: &[&FieldSpec]) -> Result<Vec<String>, Failure> {
        describe::create(call, missing).await
    }

    async fn inspect(&self, call: &CrmCall<'_>) -> Result<Health, Failure> {
        describe::inspect(call).await
    }

    /// The parameters of `crm.item.add`; of an enquiry, those of the classic mode.
    fn preview(&self, account: &CrmAccount, card: Card<'_>) -> Value {
        let Ok(settings) = Settings::of(account) else { return Value::Null };
        match card {
            Card::Client(client) => items::add(Kind::Contact, clients::new(&settings, account, client)),
            Card::Enquiry(enquiry) => enquiries::new(Kind::Lead, &settings, account, enquiry)
                .map_or(Value::Null, |fields| items::add(Kind::Lead, fields)),
            Card::Booking(booking) => {
                bookings::new(&settings, account, booking).map_or(Value::Null, |fields| items::add(Kind::Deal, fields))
            }
        }
    }

    async fn ensure_webhooks(&self, call: &CrmCall<'_>, address: &Url) -> Result<Vec<HookSecret>, Failure> {
        hooks::ensure(call, address).await
    }

    fn verify(
        &self,
        _headers: &HeaderMap,
        body: &[u8],
        secrets: &CrmSecrets,
        _now: DateTime<Utc>,
    ) -> Result<(), SignatureInvalid> {
        inbound::verify(body, secrets)
    }

    fn parse(&self, _headers: &HeaderMap, body: &[u8], _secrets: &CrmSecrets) -> Result<Vec<Hint>, Unparsable> {
        inbound::parse(body)
    }

    async fn begin_login(&self, call: &CrmCall<'_>) -> Result<LoginPrompt, Failure> {
        oauth::begin(call)
    }

    async fn finish_login(&self, call: &CrmCall<'_>, code: &SecretString) -> Result<Login, Failure> {
        oauth::finish(call, code).await
    }

    async fn renew(&self, call: &CrmCall<'_>) -> Result<Tokens, Failure> {
        oauth::renew(call).await
    }
}
