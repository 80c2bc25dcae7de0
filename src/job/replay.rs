//! The second chance of a dead letter.

use serde_json::json;

use crate::{
    store::{Db, DeadLetter, StoreError},
    tenant,
};

/// Puts a dead letter back to work from its first attempt, which the audit log keeps together with `actor` and the time. False if the letter
/// is resolved already: a second call, at once or later, changes nothing.
///
/// # Errors
/// When the database refuses; then nothing was changed.
pub async fn replay(db: &Db, letter: &DeadLetter, actor: &str) -> Result<bool, StoreError> {
    let mut tx = db.tenant(letter.tenant_id).await?;
    if !tx.replay_dead(letter.id).await? {
        return Ok(false);
    }
    let detail = json!({ "kind": letter.kind, "queue": letter.queue, "died_of": letter.reason });
    tenant::audit(&mut tx, actor, "deadletter.replayed", &letter.id.to_string(), &detail).await?;
    tx.commit().await?;
    Ok(true)
}
