//! The port: what a CRM can be asked, whichever it is.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use http::HeaderMap;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::{
    BookingCard, Capabilities, Card, ClientCard, CrmAccount, CrmCall, CrmSecrets, EnquiryCard, Entity, FieldSpec, Hint,
    HookSecret, InboxReply, NoteCard, Noted, RemotePage, RemoteState, TaskCard, Tokens, fields::Described,
};
use crate::{
    channel::{SignatureInvalid, Unparsable},
    vendor::Failure,
};

/// Whom a client turned out to be in the CRM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ensured {
    /// This record, made or brought up to date.
    Is(String),
    /// Several records could be this person, by number or e-mail: a person must say which. Nothing was written.
    Ambiguous(Vec<String>),
}

/// What the connection answers when it is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// As whom we are known there: a user's name or a kind of credential. No secret, nobody's personal data.
    pub known_as: String,
    /// The CRM's version, if it tells.
    pub version: Option<String>,
    /// What somebody should see to, though it works.
    pub remarks: Vec<String>,
}

/// Where a person gives us access, in a flow that needs one.
#[derive(Debug, Clone)]
pub struct LoginPrompt {
    /// The address the person opens.
    pub address: Url,
    /// What they type there, if anything.
    pub user_code: Option<String>,
    /// What we ask with whether they have done it; none where they bring a code back.
    pub device_code: Option<SecretString>,
    /// How many seconds to wait between two questions.
    pub interval: u64,
}

/// How far a login is.
#[derive(Debug, Clone)]
pub enum Login {
    /// The person has not decided yet; ask again no sooner than after this many seconds.
    Pending {
        /// Seconds.
        interval: u64,
    },
    /// Access is given. To be stored before it is used.
    Done(Tokens),
}

/// A CRM. Stateless, like every adapter: the account, the client and the pace come with the call, and nothing is remembered.
///
/// **Repeating.** None of the three CRMs has an idempotent create. A card carries our id, which goes into a field of theirs; every method
/// that may create looks for it first, unless the card names their record already ([`ClientCard::known`]). So everything but
/// [`Crm::append_note`] is safe to repeat after an unknown outcome; none is safe to run twice at once for one client, and the `crm` lane
/// of the queue sees to that.
///
/// **Writing.** Only fields of ours are written, and a value we don't have never blanks one of theirs.
///
/// **A record of theirs that is gone** (deleted, merged into another) under a card that names it is [`Failure::permanent`] with the code
/// [`GONE`]: the core forgets the link and asks again without it.
#[async_trait]
pub trait Crm: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> &'static Capabilities;

    /// The fields it can keep our facts in, under the names we use unless the tenant file says others.
    fn fields(&self) -> &'static [FieldSpec] {
        &[]
    }

    /// Records that could be this client: the one with our id alone if there is one, else those with the number, else those with the
    /// e-mail. A name proves nothing.
    async fn find_client(&self, _call: &CrmCall<'_>, _client: &ClientCard) -> Result<Vec<String>, Failure> {
        Err(Failure::permanent("no_search"))
    }

    /// Brings a client's record up to date, or makes one.
    async fn ensure_client(&self, call: &CrmCall<'_>, client: &ClientCard) -> Result<Ensured, Failure>;

    /// Brings the record of an enquiry up to date, or makes one. Only where [`Capabilities::enquiries`] says so.
    async fn record_enquiry(&self, _call: &CrmCall<'_>, _enquiry: &EnquiryCard) -> Result<String, Failure> {
        Err(Failure::permanent("enquiries_are_notes"))
    }

    /// Brings the record of a visit up to date (time, service, master, state), or makes one. Only where [`Capabilities::bookings`] says so.
    async fn upsert_booking(&self, _call: &CrmCall<'_>, _booking: &BookingCard) -> Result<String, Failure> {
        Err(Failure::permanent("bookings_are_notes"))
    }

    /// Says how a visit ended: `record` is known. Cancelled by whom, and not come, are kept apart. Only where [`Capabilities::bookings`]
    /// says so.
    async fn set_booking_state(&self, _call: &CrmCall<'_>, _booking: &BookingCard, _record: &str) -> Result<(), Failure> {
        Err(Failure::permanent("bookings_are_notes"))
    }

    /// Adds a note or a message to a client's record. Not idempotent: after an unknown outcome [`Crm::find_note`] comes first.
    async fn append_note(&self, call: &CrmCall<'_>, note: &NoteCard) -> Result<Noted, Failure>;

    /// Looks for a note that an earlier attempt, begun at `since`, may have added. `taken` are their ids that stand for other notes of ours
    /// already.
    async fn find_note(
        &self,
        call: &CrmCall<'_>,
        note: &NoteCard,
        since: DateTime<Utc>,
        taken: &[String],
    ) -> Result<Option<Noted>, Failure>;

    /// Gives somebody at the salon something to do. Only where [`Capabilities::tasks`] says so.
    async fn create_task(&self, _call: &CrmCall<'_>, _task: &TaskCard) -> Result<String, Failure> {
        Err(Failure::permanent("tasks_are_notes"))
    }

    /// Reads a record as far as the core may take something from it; none if it is gone.
    /// Only of kinds that [`Capabilities::changes`] or a hint of [`Crm::parse`] names.
    async fn read(&self, _call: &CrmCall<'_>, _entity: Entity, _record: &str) -> Result<Option<RemoteState>, Failure> {
        Err(Failure::permanent("no_changes"))
    }

    /// Records changed at or after `since`, oldest change first, a page at a time. Deleted ones are not among them.
    async fn changes_since(
        &self,
        _call: &CrmCall<'_>,
        _entity: Entity,
        _since: DateTime<Utc>,
        _page: Option<&str>,
    ) -> Result<RemotePage, Failure> {
        Err(Failure::permanent("no_changes"))
    }

    /// What people (or a bot) at the salon answered in this conversation at or after `since`, in the CRM's own inbox: oldest first, each
    /// once, nothing of what we wrote there ourselves. Only where [`Capabilities::inbox`] says so.
    async fn replies_since(
        &self,
        _call: &CrmCall<'_>,
        _conversation: &str,
        _since: DateTime<Utc>,
    ) -> Result<Vec<InboxReply>, Failure> {
        Err(Failure::permanent("no_inbox"))
    }

    /// Which fields there are, of which kind, with which values, as far as ours are concerned.
    async fn describe(&self, _call: &CrmCall<'_>) -> Result<Described, Failure> {
        Ok(Described::default())
    }

    /// Makes these fields. Needs an administrator's credential. Returns the names that are there now.
    async fn create_fields(&self, _call: &CrmCall<'_>, _missing: &[&FieldSpec]) -> Result<Vec<String>, Failure> {
        Err(Failure::permanent("no_custom_fields"))
    }

    /// Asks whether the connection works and may do what it has to.
    async fn inspect(&self, call: &CrmCall<'_>) -> Result<Health, Failure>;

    /// What would be written for this card: for a person to look at before anything is.
    fn preview(&self, account: &CrmAccount, card: Card<'_>) -> Value;

    /// Makes sure that changes are posted to `address`, and returns what those posts prove themselves with. Repeatable: hooks of ours
    /// that are there (see [`CrmSecrets::hooks`]) are kept.
    async fn ensure_webhooks(&self, _call: &CrmCall<'_>, _address: &Url) -> Result<Vec<HookSecret>, Failure> {
        Err(Failure::permanent(BY_HAND))
    }

    /// Checks a webhook's proof over the raw bytes, in constant time.
    ///
    /// # Errors
    /// When it is missing or wrong, or nothing is known that could prove anything.
    fn verify(
        &self,
        _headers: &HeaderMap,
        _body: &[u8],
        _secrets: &CrmSecrets,
        _now: DateTime<Utc>,
    ) -> Result<(), SignatureInvalid> {
        Err(SignatureInvalid)
    }

    /// Takes a webhook apart. A kind we don't know is a hint about nothing; a batch of five is five.
    ///
    /// # Errors
    /// Only for a body that is not the vendor's format at all.
    fn parse(&self, _headers: &HeaderMap, _body: &[u8], _secrets: &CrmSecrets) -> Result<Vec<Hint>, Unparsable> {
        Ok(Vec::new())
    }

    /// Begins a login by a person.
    async fn begin_login(&self, _call: &CrmCall<'_>) -> Result<LoginPrompt, Failure> {
        Err(Failure::permanent("no_login"))
    }

    /// Asks whether the person has given access, with the device code of the prompt or the code they brought back.
    async fn finish_login(&self, _call: &CrmCall<'_>, _code: &SecretString) -> Result<Login, Failure> {
        Err(Failure::permanent("no_login"))
    }

    /// Renews an access token that has run out ([`EXPIRED`]). The old refresh token dies by it: the new one is stored before anything else.
    async fn renew(&self, _call: &CrmCall<'_>) -> Result<Tokens, Failure> {
        Err(Failure::permanent("no_login"))
    }
}

/// The code of a failure that says: the record this card names is no more.
pub const GONE: &str = "record_gone";
/// The code of a [`Class::Credential`](crate::vendor::Class::Credential) failure that [`Crm::renew`] can mend.
pub const EXPIRED: &str = "expired_token";
/// The code of a failure that says: webhooks are made by a person, in the CRM's own screens.
pub const BY_HAND: &str = "webhooks_by_hand";
