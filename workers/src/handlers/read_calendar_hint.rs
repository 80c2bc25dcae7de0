//! A calendar's webhook says that something changed. It is a hint: what is true is read.

use std::time::Duration;

use chrono::TimeDelta;
use salon_core::{
    booking::{CalendarBooking, CalendarError, CalendarHint, calendar},
    ids::InboundEventId,
    store::Tx,
    tenant::{CalendarConnection, break_connection, calendar_account},
    vendor::{Class, Failure},
};

use super::calendar::{follow, pace};
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

/// cal.com posts some of its webhooks before it has written what they say (cal.com note, section 4.2).
const SETTLES_AFTER: TimeDelta = TimeDelta::seconds(3);
/// Moved so often, a booking is a mistake.
const MAX_MOVES: usize = 10;

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment, id: InboundEventId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(row) = tx.inbound(id).await? else { return Err(JobError::Dead("the event is gone".into())) };
    if row.state != "received" {
        return Ok(());
    }
    let age = tx.now() - row.received_at;
    if let Ok(left) = (SETTLES_AFTER - age).to_std()
        && !left.is_zero()
    {
        return Err(JobError::Later { after: left.min(Duration::from_secs(3)), why: "the calendar has yet to settle".into() });
    }
    let hint: CalendarHint = serde_json::from_value(row.event).map_err(|error| JobError::unreadable("stored event", &error))?;
    let calendar_of = calendar_account(&mut tx, &ctx.keyring).await?;
    drop(tx);
    let (Some(uid), Some(calendar_of)) = (&hint.uid, calendar_of) else { return end(ctx, assignment, id, None).await };
    pace(ctx, calendar_of.id).await?;
    let seen = match newest(ctx, &calendar_of, uid).await {
        Ok(seen) => seen,
        Err(CalendarError::Failed(failure)) => {
            return if failure.class == Class::Credential {
                stop(ctx, assignment, id, &calendar_of, &failure).await
            } else {
                Err(failure.into())
            };
        }
        Err(_) => return end(ctx, assignment, id, None).await,
    };
    end(ctx, assignment, id, Some((&seen, hint.previous_uid.as_deref()))).await
}

/// The key is refused: whatever it would have read is read by the first reconciliation after it is mended, since that begins where the
/// last one that worked had ended. So the event may end, and leaves no letter for a person to sort.
async fn stop(
    ctx: &Ctx,
    assignment: &Assignment,
    id: InboundEventId,
    calendar_of: &CalendarConnection,
    failure: &Failure,
) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    break_connection(&mut tx, calendar_of.id, &failure.to_string()).await?;
    tx.end_inbound(id, Some("the calendar refuses our key: left to reconciliation")).await?;
    Ok(tx.commit().await?)
}

/// Reads a booking and, if it was moved, the one that replaced it, to the end of the chain.
pub(super) async fn newest(ctx: &Ctx, calendar_of: &CalendarConnection, uid: &str) -> Result<CalendarBooking, CalendarError> {
    let mut uid = uid.to_owned();
    for _ in 0..MAX_MOVES {
        let seen = calendar().get(&ctx.http, &calendar_of.account, &uid).await?;
        match &seen.next_uid {
            Some(next) => uid = next.clone(),
            None => return Ok(seen),
        }
    }
    Err(CalendarError::NotFound)
}

async fn end(
    ctx: &Ctx,
    assignment: &Assignment,
    id: InboundEventId,
    seen: Option<(&CalendarBooking, Option<&str>)>,
) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    match seen {
        Some((seen, previous)) => {
            reconcile(&mut tx, seen, previous).await?;
            tx.end_inbound(id, None).await?;
        }
        None => tx.end_inbound(id, Some("no such booking")).await?,
    }
    Ok(tx.commit().await?)
}

/// Finds our row for a booking of the calendar and brings it into line; a booking made in the calendar itself is taken over.
pub(super) async fn reconcile(tx: &mut Tx, seen: &CalendarBooking, previous: Option<&str>) -> Result<(), JobError> {
    for uid in [Some(seen.uid.as_str()), previous, seen.previous_uid.as_deref()].into_iter().flatten() {
        if let Some(ours) = tx.booking_by_uid(uid).await? {
            return follow(tx, &ours, seen).await;
        }
    }
    if let Some(key) = &seen.key
        && let Some(ours) = tx.booking_by_key(key).await?
    {
        return follow(tx, &ours, seen).await;
    }
    if matches!(seen.status, salon_core::booking::CalendarStatus::Accepted) {
        tx.import_booking(seen).await?;
    }
    Ok(())
}
