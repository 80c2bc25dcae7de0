//! A record of theirs beside the row of ours it stands for. Only a few facts are taken over: how a visit ended, and that somebody does not
//! want advertising. What the calendar decides (whether and when a visit takes place) is put right over there.

use chrono::TimeDelta;
use salon_core::{
    booking::Outcome,
    crm::{BookingState, Entity, RemoteState, Repair, Wish},
    ids::{BookingId, ClientId, ConnectionId},
    store::Tx,
};
use uuid::Uuid;

use super::super::calendar::ended;
use crate::queue::JobError;

/// A repair that does not hold for so long is reported, and not made again.
const HOLDS: TimeDelta = TimeDelta::hours(6);

/// A pair to compare.
pub(super) struct Pair<'a> {
    pub(super) connection: ConnectionId,
    pub(super) entity: Entity,
    pub(super) ours: Uuid,
    pub(super) record: &'a str,
    /// None: it is gone.
    pub(super) theirs: Option<&'a RemoteState>,
}

/// Compares, and does what follows. What we wrote ourselves differs in nothing.
pub(super) async fn compare(tx: &mut Tx, pair: &Pair<'_>) -> Result<(), JobError> {
    let Some(theirs) = pair.theirs else { return gone(tx, pair).await };
    match pair.entity {
        Entity::Client => client(tx, pair, theirs).await,
        Entity::Booking => booking(tx, pair, theirs).await,
        Entity::Enquiry => Ok(()),
    }
}

/// Deleted or merged. A client's or an enquiry's record is looked for again, or made, when there is something to tell; a visit to come
/// must stand there.
async fn gone(tx: &mut Tx, pair: &Pair<'_>) -> Result<(), JobError> {
    tx.link_gone(pair.connection, pair.entity.as_str(), pair.record).await?;
    let to_come = match pair.entity {
        Entity::Booking => tx
            .booking_facts(pair.ours)
            .await?
            .filter(|facts| facts.state() == Some(BookingState::Planned) && facts.start_at > tx.now())
            .and_then(|facts| facts.client_id),
        Entity::Client | Entity::Enquiry => None,
    };
    match to_come {
        Some(client) => tell_again(tx, pair, "gone", client).await,
        None => note(tx, pair, "gone", Repair::Reported).await,
    }
}

async fn client(tx: &mut Tx, pair: &Pair<'_>, theirs: &RemoteState) -> Result<(), JobError> {
    if theirs.no_contact && tx.stop_advertising(ClientId(pair.ours)).await? {
        note(tx, pair, "no_contact", Repair::TakenOver).await?;
    }
    Ok(())
}

async fn booking(tx: &mut Tx, pair: &Pair<'_>, theirs: &RemoteState) -> Result<(), JobError> {
    let Some(facts) = tx.booking_facts(pair.ours).await? else { return Ok(()) };
    let (Some(ours), Some(client)) = (facts.state(), facts.client_id) else { return Ok(()) };
    if let Some(state) = theirs.booking.filter(|state| *state != ours) {
        let begun = facts.start_at <= tx.now();
        let outcome = match (ours, state) {
            (BookingState::Planned | BookingState::Completed, BookingState::NoShow) => Some(Outcome::NoShow),
            (BookingState::Planned | BookingState::NoShow, BookingState::Completed) => Some(Outcome::Completed),
            _ => None,
        };
        return match outcome.filter(|_| begun) {
            Some(outcome) => {
                // A hint and a reconciliation may see the same at once: one of them takes it over.
                if ended(tx, BookingId(pair.ours), outcome, "crm").await? {
                    note(tx, pair, "outcome", Repair::TakenOver).await?;
                }
                Ok(())
            }
            None => tell_again(tx, pair, "state", client).await,
        };
    }
    if theirs.start.is_some_and(|start| start != facts.start_at) || theirs.end.is_some_and(|end| end != facts.end_at) {
        return tell_again(tx, pair, "time", client).await;
    }
    Ok(())
}

async fn tell_again(tx: &mut Tx, pair: &Pair<'_>, what: &'static str, client: ClientId) -> Result<(), JobError> {
    // What was told last may be on its way still.
    if tx.is_being_told(pair.connection, pair.ours).await? {
        return Ok(());
    }
    let since = tx.now() - HOLDS;
    if tx.has_drifted(pair.ours, what, since).await? {
        return note(tx, pair, what, Repair::Reported).await;
    }
    note(tx, pair, what, Repair::ToldAgain).await?;
    tx.forget_told(pair.connection, pair.entity.as_str(), pair.ours).await?;
    Ok(tx.tell_again(pair.connection, Wish::RecordBooking, pair.ours, client).await?)
}

async fn note(tx: &mut Tx, pair: &Pair<'_>, what: &'static str, repair: Repair) -> Result<(), JobError> {
    metrics::counter!("salon_crm_drift_total", "what" => what, "repair" => repair.as_str()).increment(1);
    Ok(tx.note_drift(pair.connection, (pair.entity, pair.ours, pair.record), what, repair).await?)
}
