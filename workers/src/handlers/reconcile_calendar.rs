//! What the calendar's webhooks missed is read: everything it changed since the last time, with an overlap.

use chrono::TimeDelta;
use salon_core::{
    booking::{CalendarError, Outcome, calendar},
    tenant::{break_connection, calendar_account},
    vendor::Class,
};

use super::{
    calendar::{ended, pace},
    read_calendar_hint::{newest, reconcile},
};
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

/// Changes written late by the calendar fall into this.
const OVERLAP: TimeDelta = TimeDelta::minutes(15);
/// A calendar that is read for the first time is read this far back.
const FIRST_LOOK: TimeDelta = TimeDelta::days(1);

/// The salon has this long to say that a client did not come.
const SETTLED_AFTER: TimeDelta = TimeDelta::hours(2);
/// More than a salon has in the minutes between two rounds.
const OVER_AT_ONCE: i64 = 200;

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(calendar_of) = calendar_account(&mut tx, &ctx.keyring).await? else { return Ok(()) };
    let now = tx.now();
    let since = tx.watermark().await?.map_or(now - FIRST_LOOK, |watermark| watermark - OVERLAP);
    drop(tx);
    pace(ctx, calendar_of.id).await?;
    let changed = match calendar().changed_since(&ctx.http, &calendar_of.account, since).await {
        Ok(changed) => changed,
        Err(CalendarError::Failed(failure)) if failure.class == Class::Credential => {
            let mut tx = ctx.db.tenant(assignment.tenant).await?;
            break_connection(&mut tx, calendar_of.id, &failure.to_string()).await?;
            return Ok(tx.commit().await?);
        }
        // The next turn does the same work: a calendar that is away leaves no letters for a person to sort.
        Err(error) if assignment.last_attempt => {
            tracing::warn!(%error, "the calendar could not be read; the next reconciliation tries again");
            return Ok(());
        }
        Err(CalendarError::Failed(failure)) => return Err(failure.into()),
        Err(error) => return Err(JobError::Retry(error.to_string().into())),
    };
    for mut seen in changed {
        if let Some(next) = &seen.next_uid {
            let previous = seen.uid.clone();
            match newest(ctx, &calendar_of, next).await {
                Ok(newest) => seen = newest,
                Err(CalendarError::Failed(failure)) => return Err(failure.into()),
                Err(_) => continue,
            }
            seen.previous_uid.get_or_insert(previous);
        }
        let mut tx = ctx.db.tenant(assignment.tenant).await?;
        reconcile(&mut tx, &seen, None).await?;
        if let Some(updated_at) = seen.updated_at {
            tx.set_watermark(updated_at.min(now)).await?;
        }
        tx.commit().await?;
    }
    visits_over(ctx, assignment).await
}

/// What the calendar still holds some time after its end took place, unless somebody says otherwise: cal.com has no such state.
async fn visits_over(ctx: &Ctx, assignment: &Assignment) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let before = tx.now() - SETTLED_AFTER;
    for booking in tx.visits_over(before, OVER_AT_ONCE).await? {
        ended(&mut tx, booking, Outcome::Completed, "clock").await?;
    }
    Ok(tx.commit().await?)
}
