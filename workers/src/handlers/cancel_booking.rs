//! The calendar is asked to cancel. Safe to repeat: cancelled already is what was wanted.

use salon_core::{
    booking::{CalendarError, calendar},
    dialogue::SystemEvent,
    ids::BookingId,
    tenant::{break_connection, calendar_account},
    vendor::{Class, Failure},
};

use super::calendar::{falls, pace, tell_dialogue};
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

/// cal.com wants a reason from whoever holds the host's key, so one is always sent.
const REASON: &str = "Cancelled by the client";

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment, id: BookingId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(booking) = tx.booking(id).await? else { return Err(JobError::Dead("the booking is gone".into())) };
    if booking.status != "cancelling" {
        return Ok(());
    }
    let calendar_of = calendar_account(&mut tx, &ctx.keyring).await?;
    drop(tx);
    let (Some(calendar_of), Some(uid)) = (calendar_of, &booking.calendar_uid) else {
        return keep(ctx, assignment, id, "no_calendar").await;
    };
    pace(ctx, calendar_of.id).await?;
    match calendar().cancel(&ctx.http, &calendar_of.account, uid, REASON).await {
        // Moved by the salon meanwhile: the successor is what has to be cancelled.
        Err(CalendarError::AlreadyCancelled { next_uid: Some(next) }) => {
            let answer = calendar().cancel(&ctx.http, &calendar_of.account, &next, REASON).await;
            settle(ctx, assignment, id, answer, &calendar_of).await
        }
        answer => settle(ctx, assignment, id, answer, &calendar_of).await,
    }
}

async fn settle(
    ctx: &Ctx,
    assignment: &Assignment,
    id: BookingId,
    answer: Result<(), CalendarError>,
    calendar_of: &salon_core::tenant::CalendarConnection,
) -> Result<(), JobError> {
    match answer {
        Ok(()) | Err(CalendarError::AlreadyCancelled { .. } | CalendarError::NotFound) => {
            let mut tx = ctx.db.tenant(assignment.tenant).await?;
            let Some(booking) = tx.booking(id).await?.filter(|booking| booking.status == "cancelling") else { return Ok(()) };
            let fallen = falls(&mut tx, &booking, "cancelled", "client", None).await?;
            tell_dialogue(&mut tx, &fallen, SystemEvent::Cancelled { booking: id }).await?;
            metrics::counter!("salon_bookings_total", "outcome" => "cancelled").increment(1);
            Ok(tx.commit().await?)
        }
        Err(CalendarError::Failed(failure)) => fail(ctx, assignment, id, calendar_of, failure).await,
        Err(CalendarError::SlotTaken | CalendarError::OutOfBounds | CalendarError::LimitReached) => {
            keep(ctx, assignment, id, "refused").await
        }
    }
}

async fn fail(
    ctx: &Ctx,
    assignment: &Assignment,
    id: BookingId,
    calendar_of: &salon_core::tenant::CalendarConnection,
    failure: Failure,
) -> Result<(), JobError> {
    match failure.class {
        Class::Retry { .. } | Class::Unknown if !assignment.last_attempt => Err(failure.into()),
        Class::Credential => {
            let mut tx = ctx.db.tenant(assignment.tenant).await?;
            break_connection(&mut tx, calendar_of.id, &failure.to_string()).await?;
            tx.commit().await?;
            keep(ctx, assignment, id, "credential").await
        }
        _ => keep(ctx, assignment, id, &failure.code).await,
    }
}

/// The booking still stands, as far as we know: the client is told so, and the next reconciliation reads what is true.
pub(super) async fn keep(ctx: &Ctx, assignment: &Assignment, id: BookingId, why: &str) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(booking) = tx.booking(id).await?.filter(|booking| booking.status == "cancelling") else { return Ok(()) };
    let kept = tx.keep_booking(&booking, why).await?;
    tell_dialogue(&mut tx, &kept, SystemEvent::CancelFailed { booking: id }).await?;
    metrics::counter!("salon_bookings_total", "outcome" => "cancel_failed").increment(1);
    Ok(tx.commit().await?)
}
