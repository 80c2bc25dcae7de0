//! What the CRM is told, rendered from the domain at the moment of telling. The core fills these in; an adapter translates them.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use crate::{
    channel::ChannelKind,
    ids::{BookingId, ClientId, IntentId},
    lang::Lang,
    lead::Utm,
};

/// One of the cards.
#[derive(Debug, Clone, Copy)]
pub enum Card<'a> {
    /// A client.
    Client(&'a ClientCard),
    /// An enquiry.
    Enquiry(&'a EnquiryCard),
    /// A visit.
    Booking(&'a BookingCard),
}

/// A person as the CRM should know them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientCard {
    /// Our id: goes into a field of theirs, so that a second call finds the first one's record.
    pub id: ClientId,
    /// Their record, if it is linked.
    #[serde(skip)]
    pub known: Option<String>,
    /// Name, as the person or their messenger gives it; one text.
    pub name: Option<String>,
    /// Number in E.164, only if it may join people: a channel vouches for it.
    pub phone: Option<String>,
    /// A number nobody vouches for (typed into a form): written when a record is made, never searched by.
    pub claimed_phone: Option<String>,
    /// E-mail, as claimed.
    pub email: Option<String>,
    /// The language they chose.
    pub language: Option<Lang>,
    /// The messenger they write in; none for who only filled in a form.
    pub channel: Option<ChannelKind>,
    /// Their name at the messenger that others can find them by (`@anna`), where there is one.
    pub handle: Option<String>,
    /// Who sent them here first, and when. Never changes.
    pub first_touch: Option<Touched>,
    /// Who sent them here last.
    pub last_referral: Option<String>,
    /// How many visits they did not come to. Absolute, so that telling it twice does no harm.
    pub no_shows: u32,
}

impl ClientCard {
    /// As of somebody who is nobody there yet: by number and by e-mail nothing is looked for.
    #[must_use]
    pub fn alone(self) -> Self {
        let claimed_phone = self.phone.or(self.claimed_phone);
        Self { known: None, phone: None, claimed_phone, email: None, ..self }
    }
}

/// A referral that brought somebody here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Touched {
    /// The referral code.
    pub referral: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Somebody asked something of the salon: a form on its site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnquiryCard {
    /// Our id.
    pub id: uuid::Uuid,
    /// Their record, if it is linked.
    #[serde(skip)]
    pub known: Option<String>,
    /// The client's record with them.
    pub client: String,
    /// The name they gave.
    pub name: Option<String>,
    /// Number in E.164, as claimed.
    pub phone: Option<String>,
    /// E-mail, as claimed.
    pub email: Option<String>,
    /// What they ask, in one line: the service, or "Enquiry".
    pub title: String,
    /// What they wrote.
    pub message: Option<String>,
    /// The code they were shown.
    pub tracking_code: String,
    /// Through which messenger; none for the web.
    pub channel: Option<ChannelKind>,
    /// Who sent them.
    pub referral: Option<String>,
    /// Which campaign.
    pub utm: Utm,
    /// Which page, without its query.
    pub page: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// How a visit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingState {
    /// It will take place.
    Planned,
    /// It took place.
    Completed,
    /// The client called it off.
    CancelledByClient,
    /// The salon called it off.
    CancelledBySalon,
    /// The client did not come.
    NoShow,
}

impl BookingState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Planned, Self::Completed, Self::CancelledByClient, Self::CancelledBySalon, Self::NoShow];

    /// The name in our field of theirs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Completed => "completed",
            Self::CancelledByClient => "cancelled_by_client",
            Self::CancelledBySalon => "cancelled_by_salon",
            Self::NoShow => "no_show",
        }
    }
}

/// A visit as the CRM should know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BookingCard {
    /// Our id.
    pub id: BookingId,
    /// Their record, if it is linked.
    #[serde(skip)]
    pub known: Option<String>,
    /// The client's record with them.
    pub client: String,
    /// "Service, master".
    pub title: String,
    /// The service, in the salon's language.
    pub service: Option<String>,
    /// The master's name.
    pub master: Option<String>,
    /// The master's key in the tenant file: who is who in the CRM is mapped by it.
    pub master_key: Option<String>,
    /// As shown to clients, with its currency.
    pub price: Option<String>,
    /// Start.
    pub start: DateTime<Utc>,
    /// End.
    pub end: DateTime<Utc>,
    /// The salon's zone.
    pub zone: Tz,
    /// How it stands.
    pub state: BookingState,
    /// Why it was called off.
    pub reason: Option<String>,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Author {
    /// The client.
    Client,
    /// The salon: a screen, a confirmation, a reminder.
    Salon,
}

/// A note or a message on a client's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoteCard {
    /// The client's record with them.
    pub client: String,
    /// Their id of the conversation it goes into; none opens a new one where they keep conversations.
    pub conversation: Option<String>,
    /// Who wrote it.
    pub author: Author,
    /// Plain text; within [`Capabilities::note_chars`](super::Capabilities::note_chars).
    pub text: String,
    /// When, by our log.
    pub at: DateTime<Utc>,
    /// Whether it is part of the talk with the client, and not only about them.
    pub in_talk: bool,
}

/// Where a note went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Their id of the conversation, where they keep conversations.
    pub conversation: Option<String>,
    /// Their id of the note.
    pub note: String,
}

/// Something for a person at the salon to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskCard {
    /// Our id of the wish.
    pub id: IntentId,
    /// The client's record with them.
    pub client: String,
    /// What, in one line.
    pub title: String,
    /// What else there is to know.
    pub text: String,
    /// By when.
    pub due: DateTime<Utc>,
}
