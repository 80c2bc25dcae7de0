//! Makes jobs of what becomes due by itself: reminders, reconciliations, housekeeping.

use std::time::Duration;

use salon_core::store::{Db, StoreError};
use tokio_util::sync::CancellationToken;

/// How often due reminders are looked for: one index look-up.
const BEAT: Duration = Duration::from_millis(500);
/// With a clock that can be moved, a due reminder should not lag behind the hand.
const DRIVEN_BEAT: Duration = Duration::from_millis(50);
/// A burst of due reminders is taken in such bites, nearest visit first.
const BITE: i32 = 500;

const RECONCILE_EVERY: Duration = Duration::from_secs(5 * 60);
/// Their webhooks come within minutes, if they come.
const RECONCILE_CRM_EVERY: Duration = Duration::from_secs(10 * 60);
/// MAX drops a webhook after 8 hours without a 200; a tool that takes a bot's webhook silences the salon at once.
const WATCH_EVERY: Duration = Duration::from_secs(10 * 60);
/// Somebody waits for what is answered in a CRM's inbox; each talk costs a call.
const INBOX_EVERY: Duration = Duration::from_secs(30);
const MAINTAIN_EVERY: Duration = Duration::from_secs(60 * 60);

/// Ticks until `stop` is cancelled. Any number of processes may tick: rows are claimed and turns are taken once.
pub(crate) async fn run(db: Db, stop: CancellationToken) {
    let beat = if db.clock().is_driven() { DRIVEN_BEAT } else { BEAT };
    let mut beats = tokio::time::interval(beat);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = beats.tick() => {}
        }
        if let Err(error) = tick(&db).await {
            tracing::warn!(%error, "tick failed");
        }
    }
}

async fn tick(db: &Db) -> Result<(), StoreError> {
    while db.enqueue_due_reminders(BITE).await? >= i64::from(BITE) {}
    if db.take_turn("reconcile", RECONCILE_EVERY).await? {
        db.enqueue_reconciliations().await?;
    }
    if db.take_turn("reconcile_crm", RECONCILE_CRM_EVERY).await? {
        db.enqueue_crm_reconciliations().await?;
    }
    if db.take_turn("watch", WATCH_EVERY).await? {
        db.enqueue_channel_watches().await?;
    }
    if db.take_turn("inbox", INBOX_EVERY).await? {
        db.enqueue_inbox_polls().await?;
    }
    if db.take_turn("maintain", MAINTAIN_EVERY).await? {
        let (made, dropped, pruned) = db.maintain().await?;
        tracing::info!(made, dropped, pruned, "housekeeping");
    }
    Ok(())
}
