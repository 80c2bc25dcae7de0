//! A dead letter that nobody will replay. The letter stays, resolved, with the reason; the row it worked for ends too, or it would be
//! unaccounted for. How it ends is what is known about it, not what would look tidy.

use serde_json::json;
use uuid::Uuid;

use crate::{
    booking::{Booking, Reminder},
    crm::Intent,
    ids::{BookingId, InboundEventId, IntentId, MessageId, ReminderId},
    message::{Outcome, Outgoing},
    store::{Db, DeadLetter, StoreError, Tx, inbound::InboundRow},
    tenant,
    vendor::Failure,
};

/// What the reasons of ended rows begin with, and the code of failed ones.
const CODE: &str = "discarded";

/// What came of the row that a discarded job worked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discarded {
    /// It ended, in this way.
    Ended(&'static str),
    /// It had ended before, or there is none.
    NothingOpen,
    /// Another job or letter works for it: it is theirs.
    InOtherHands,
}

impl Discarded {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ended(how) => how,
            Self::NothingOpen => "nothing was open",
            Self::InOtherHands => "another job works for its row",
        }
    }
}

/// A reason as an audit log can keep it.
///
/// # Errors
/// Says what it must be, to be read after the field's name.
pub fn one_line(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let fits = (1..=300).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned()).ok_or("must be one line of 1 to 300 characters")
}

/// Gives a dead letter up, for this reason, which the audit log keeps together with `actor` and the time. None if the letter is
/// resolved already: a second call changes nothing.
///
/// # Errors
/// When the database refuses; then nothing was changed.
pub async fn discard(db: &Db, letter: &DeadLetter, actor: &str, reason: &str) -> Result<Option<Discarded>, StoreError> {
    let mut tx = db.tenant(letter.tenant_id).await?;
    let Some(subject) = tx.resolve_dead(letter.id, reason).await? else { return Ok(None) };
    let row = match subject {
        Some(id) => Row::locked(&mut tx, id).await?,
        None => None,
    };
    // Asked under the row's lock: whoever enqueues another job for a row locks the row first.
    let discarded = match (subject, row) {
        (Some(id), Some(_)) if tx.is_in_hands(id).await? => Discarded::InOtherHands,
        (_, Some(row)) => row.end(&mut tx, reason).await?,
        (_, None) => Discarded::NothingOpen,
    };
    let detail = json!({
        "kind": letter.kind, "queue": letter.queue, "died_of": letter.reason, "reason": reason, "subject": subject,
        "outcome": discarded.as_str(),
    });
    tenant::audit(&mut tx, actor, "deadletter.discarded", &letter.id.to_string(), &detail).await?;
    tx.commit().await?;
    Ok(Some(discarded))
}

/// What a job may work for, locked.
enum Row {
    Event(InboundRow),
    Message(Outgoing),
    Booking(Booking),
    Intent(Intent),
    Reminder(Reminder),
}

impl Row {
    /// Looked for by its id alone: the letter may be of a kind that this build does not know.
    async fn locked(tx: &mut Tx, id: Uuid) -> Result<Option<Self>, StoreError> {
        if let Some(event) = tx.inbound(InboundEventId(id)).await? {
            return Ok(Some(Self::Event(event)));
        }
        if let Some(message) = tx.outgoing(MessageId(id)).await? {
            return Ok(Some(Self::Message(message)));
        }
        if let Some(booking) = tx.booking(BookingId(id)).await? {
            return Ok(Some(Self::Booking(booking)));
        }
        if let Some(intent) = tx.intent(IntentId(id)).await? {
            return Ok(Some(Self::Intent(intent)));
        }
        Ok(tx.reminder(ReminderId(id)).await?.map(Self::Reminder))
    }

    async fn end(self, tx: &mut Tx, reason: &str) -> Result<Discarded, StoreError> {
        let why = format!("{CODE}: {reason}");
        let how = match self {
            Self::Event(event) if event.state == "received" => {
                tx.end_inbound(event.id, Some(&why)).await?;
                Some("the event is ignored")
            }
            Self::Message(message) => end_message(tx, &message).await?,
            Self::Booking(booking) => end_booking(tx, &booking, &why).await?,
            Self::Intent(intent) => end_intent(tx, &intent).await?,
            Self::Reminder(reminder) if reminder.state == "queued" => {
                tx.settle_reminder(reminder.id, "dropped", Some(&why), None).await?;
                Some("the reminder is dropped")
            }
            Self::Event(_) | Self::Reminder(_) => None,
        };
        Ok(how.map_or(Discarded::NothingOpen, Discarded::Ended))
    }
}

async fn end_message(tx: &mut Tx, message: &Outgoing) -> Result<Option<&'static str>, StoreError> {
    let (failed, unknown) = (Failure::permanent(CODE), Failure::unknown(CODE));
    let (outcome, how) = match message.state.as_str() {
        "queued" => (Outcome::Failed(&failed), "the message failed"),
        // A send was begun and no answer is on record: it may have arrived.
        "sending" => (Outcome::Unknown(&unknown), "whether the message arrived is unknown"),
        _ => return Ok(None),
    };
    Ok(tx.end_send(message.id, message.attempts, &outcome).await?.then_some(how))
}

async fn end_booking(tx: &mut Tx, booking: &Booking, why: &str) -> Result<Option<&'static str>, StoreError> {
    match (booking.status.as_str(), booking.create_begun_at) {
        // The calendar was never asked: there is no visit, and the time is free again.
        ("pending", None) => {
            tx.move_booking(booking, "refused", "operator", None, Some(why)).await?;
            Ok(Some("the booking is refused"))
        }
        // There may be a visit at cal.com. The time stays taken, and reconciliation follows what it finds there.
        ("pending", Some(_)) => {
            tx.leave_unclear(booking, "operator", why).await?;
            Ok(Some("the booking is unclear"))
        }
        // As far as is known, nobody cancelled it.
        ("cancelling", _) => {
            tx.keep_booking(booking, why).await?;
            Ok(Some("the booking stands"))
        }
        _ => Ok(None),
    }
}

async fn end_intent(tx: &mut Tx, intent: &Intent) -> Result<Option<&'static str>, StoreError> {
    let (state, failure, how) = match intent.state.as_str() {
        "pending" => ("failed", Failure::permanent(CODE), "the CRM is not told"),
        "sending" => ("unknown", Failure::unknown(CODE), "whether the CRM was told is unknown"),
        _ => return Ok(None),
    };
    tx.settle_intent(intent.id, state, Some(&failure)).await?;
    Ok(Some(how))
}
