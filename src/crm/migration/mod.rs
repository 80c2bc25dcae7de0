//! A salon changes from one CRM to another (docs/decisions/0011-changing-the-crm.md). Their ids differ, so that nothing is copied: each
//! client, visit to come and recent enquiry is told to the new CRM, as it is then, by an ordinary intent; and what was still to be told to
//! the old one is told to the new one instead. How far that is stands in a row, which changes with the intents it counts.

mod carry;
mod forecast;
mod store;

pub use forecast::{Forecast, foresee};
pub use store::{Migration, Progress, Stage, State, latest, open, progress, unfinished};

use serde_json::json;

use crate::{
    ids::{ConnectionId, MigrationId},
    store::{StoreError, Tx},
    tenant::{audit, switch_off},
};

/// Why a change is not begun.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another one is open.
    #[error("a change from {from} to {to} is open: confirm or reverse that first")]
    Other {
        /// From which CRM.
        from: String,
        /// To which.
        to: String,
    },
}

/// What came of a wish to confirm.
#[derive(Debug)]
pub enum Confirmed {
    /// The old CRM is switched off.
    Done {
        /// How much of its work was known at the new one already.
        closed: i64,
    },
    /// Not yet: this is left. Nothing was changed.
    Unfinished(Progress),
    /// Not yet: this much of the old CRM's work was handed over only now.
    HandedOver(i64),
}

/// What a reversal did.
#[derive(Debug)]
pub struct Reversed {
    /// So much work is the old CRM's again.
    pub given_back: i64,
    /// So much of the copy was not told any more.
    pub withdrawn: i64,
}

/// Begins a change, or goes on with the one that is open. A finished round of it is begun again if the new CRM lacks something: it may
/// have been switched off meanwhile.
///
/// # Errors
/// When another change is open, or the database refuses.
pub async fn begin(tx: &mut Tx, from: ConnectionId, to: ConnectionId, actor: &str) -> Result<Migration, MigrateError> {
    if let Some(found) = open(tx).await? {
        if (found.from_id, found.to_id) != (from, to) {
            return Err(MigrateError::Other { from: found.from_kind, to: found.to_kind });
        }
        let Some(found) = store::locked(tx, found.id).await? else { return Err(StoreError::Corrupt("crm_migration").into()) };
        if found.state == State::Ready && progress(tx, &found).await?.missing > 0 {
            return Ok(store::advance(tx, &found, State::Copying, Stage::Clients, None, 0).await?);
        }
        return Ok(found);
    }
    let begun = store::insert(tx, from, to).await?;
    note(tx, actor, "begun", &begun, &json!({})).await?;
    Ok(begun)
}

/// Hands over the next batch of at most `batch` rows. Together with where it ended it is one transaction, so that whatever kills the
/// process loses nothing and doubles nothing. None if there is nothing to hand over: the change is ready, or over.
///
/// # Errors
/// When the database refuses.
pub async fn step(tx: &mut Tx, id: MigrationId, batch: i64) -> Result<Option<Migration>, StoreError> {
    let found = store::locked(tx, id).await?.filter(|found| found.state == State::Copying);
    let Some(found) = found else { return Ok(None) };
    let (handed, last) = match found.stage {
        Stage::Work => (carry::work(tx, &found, Some(found.created_at), batch).await?.0, None),
        Stage::Clients | Stage::Visits | Stage::Enquiries => carry::copies(tx, &found, batch).await?,
        Stage::End => (0, None),
    };
    let (stage, last) = if handed < batch { (found.stage.next(), None) } else { (found.stage, last) };
    let state = if stage == Stage::End { State::Ready } else { State::Copying };
    store::advance(tx, &found, state, stage, last, handed).await.map(Some)
}

/// Switches the old CRM off, if the new one has everything.
///
/// # Errors
/// When the database refuses; then nothing was changed.
pub async fn confirm(tx: &mut Tx, id: MigrationId, actor: &str) -> Result<Option<Confirmed>, StoreError> {
    let Some(found) = store::locked(tx, id).await?.filter(Migration::is_open) else { return Ok(None) };
    let left = progress(tx, &found).await?;
    if found.state != State::Ready || !left.is_complete() {
        return Ok(Some(Confirmed::Unfinished(left)));
    }
    // What has come since is known at both, unless it is about the old CRM's record alone.
    let (closed, made) = carry::work(tx, &found, None, i64::MAX).await?;
    if made > 0 {
        store::count_work(tx, id, closed).await?;
        return Ok(Some(Confirmed::HandedOver(made)));
    }
    switch_off(tx, found.from_id).await?;
    store::end(tx, id, State::Confirmed).await?;
    note(tx, actor, "confirmed", &found, &json!({ "told": left.told, "given_up": left.given_up, "closed": closed })).await?;
    Ok(Some(Confirmed::Done { closed }))
}

/// Stops the copying and gives the open work back to the old CRM. What the new one was told stays there, and so do the links. None if it
/// is confirmed or reversed already.
///
/// # Errors
/// When the database refuses; then nothing was changed.
pub async fn reverse(tx: &mut Tx, id: MigrationId, actor: &str) -> Result<Option<Reversed>, StoreError> {
    let Some(found) = store::locked(tx, id).await?.filter(Migration::is_open) else { return Ok(None) };
    let withdrawn = carry::withdraw(tx, &found).await?;
    let given_back = carry::give_back(tx, &found).await?;
    store::end(tx, id, State::Reversed).await?;
    note(tx, actor, "reversed", &found, &json!({ "given_back": given_back, "withdrawn": withdrawn })).await?;
    Ok(Some(Reversed { given_back, withdrawn }))
}

async fn note(tx: &mut Tx, actor: &str, what: &str, of: &Migration, more: &serde_json::Value) -> Result<(), StoreError> {
    let detail = json!({ "from": of.from_kind, "to": of.to_kind, "counts": more });
    audit(tx, actor, &format!("crm_migration.{what}"), &of.id.to_string(), &detail).await
}
