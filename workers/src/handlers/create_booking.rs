//! The calendar is asked to book. Not idempotent at cal.com, so once a create was begun a look-up by our key comes before another.

use salon_core::{
    booking::{Booking, CalendarAccount, CalendarBooking, CalendarError, CalendarStatus, NewBooking, calendar},
    dialogue::{Refusal, SystemEvent},
    ids::{BookingId, ConnectionId},
    tenant::{break_connection, calendar_account, load_tenant},
    vendor::{Class, Failure},
};

use super::calendar::{falls, pace, stands, tell_dialogue};
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment, id: BookingId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let calendar_of = calendar_account(&mut tx, &ctx.keyring).await?;
    drop(tx);
    let Some(calendar_of) = calendar_of else { return refuse(ctx, assignment, id, "no_calendar", Refusal::Other).await };
    // Before the booking is locked: Redis may take a quarter of a second. For a booking that is settled already the call is counted in
    // vain, which costs nobody more than its place.
    pace(ctx, calendar_of.id).await?;
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(booking) = tx.booking(id).await? else { return Err(JobError::Dead("the booking is gone".into())) };
    if !matches!(booking.status.as_str(), "pending" | "unclear") {
        return Ok(());
    }
    let tenant = load_tenant(&mut tx).await?;
    let Some(client_id) = booking.client_id else { return Err(JobError::Dead("a booking without a client".into())) };
    let client = tx.client(client_id).await?;
    tx.begin_create(id).await?;
    tx.commit().await?;
    let lang = tenant.speak(client.language());
    let wanted = NewBooking {
        key: booking.booking_key.clone(),
        event_type_id: booking.event_type_id,
        start: booking.start_at,
        name: client.name.unwrap_or_else(|| tenant.name.clone()),
        phone: client.phone.unwrap_or_default(),
        zone: tenant.zone,
        lang,
    };
    match ask(ctx, &calendar_of.account, &booking, &wanted).await {
        Ok(seen) => accept(ctx, assignment, id, &seen).await,
        Err(error) => reject(ctx, assignment, id, calendar_of.id, error).await,
    }
}

/// Looks for the booking an earlier attempt may have made, and makes it if there is none.
async fn ask(
    ctx: &Ctx,
    account: &CalendarAccount,
    booking: &Booking,
    wanted: &NewBooking,
) -> Result<CalendarBooking, CalendarError> {
    if booking.create_begun_at.is_some()
        && let Some(found) = calendar().find(&ctx.http, account, wanted).await?
    {
        return Ok(found);
    }
    match calendar().create(&ctx.http, account, wanted).await {
        // The time may be taken by our own booking, made by an attempt whose answer was lost.
        Err(CalendarError::SlotTaken) => calendar().find(&ctx.http, account, wanted).await?.ok_or(CalendarError::SlotTaken),
        answer => answer,
    }
}

async fn accept(ctx: &Ctx, assignment: &Assignment, id: BookingId, seen: &CalendarBooking) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(booking) = tx.booking(id).await?.filter(|booking| matches!(booking.status.as_str(), "pending" | "unclear")) else {
        return Ok(());
    };
    let attempt = booking.attempt_key();
    if matches!(seen.status, CalendarStatus::Cancelled | CalendarStatus::Rejected) {
        falls(&mut tx, &booking, "cancelled", "calendar", Some("cancelled in the calendar")).await?;
        tell_dialogue(&mut tx, &booking, SystemEvent::BookingRefused { attempt, reason: Refusal::Other }).await?;
    } else {
        let booked = stands(&mut tx, &booking, seen, "calendar").await?;
        tell_dialogue(&mut tx, &booked, SystemEvent::Booked { attempt, booking: id }).await?;
    }
    metrics::counter!("salon_bookings_total", "outcome" => "booked").increment(1);
    Ok(tx.commit().await?)
}

async fn reject(
    ctx: &Ctx,
    assignment: &Assignment,
    id: BookingId,
    connection: ConnectionId,
    error: CalendarError,
) -> Result<(), JobError> {
    let (why, reason) = match error {
        CalendarError::SlotTaken => ("slot_taken", None),
        CalendarError::OutOfBounds => ("out_of_bounds", Some(Refusal::TooSoon)),
        CalendarError::LimitReached => ("limit_reached", Some(Refusal::LimitReached)),
        CalendarError::NotFound => ("event_type_gone", Some(Refusal::ServiceGone)),
        CalendarError::AlreadyCancelled { .. } => ("cancelled", Some(Refusal::Other)),
        CalendarError::Failed(failure) => return fail(ctx, assignment, id, connection, failure).await,
    };
    match reason {
        Some(reason) => refuse(ctx, assignment, id, why, reason).await,
        None => {
            let mut tx = ctx.db.tenant(assignment.tenant).await?;
            let Some(booking) =
                tx.booking(id).await?.filter(|booking| booking.status == "pending" || booking.status == "unclear")
            else {
                return Ok(());
            };
            falls(&mut tx, &booking, "refused", "calendar", Some(why)).await?;
            let event = SystemEvent::SlotTaken { attempt: booking.attempt_key(), slots: Vec::new() };
            tell_dialogue(&mut tx, &booking, event).await?;
            metrics::counter!("salon_bookings_total", "outcome" => "slot_taken").increment(1);
            Ok(tx.commit().await?)
        }
    }
}

/// The calendar says no, and will not say otherwise later.
async fn refuse(ctx: &Ctx, assignment: &Assignment, id: BookingId, why: &str, reason: Refusal) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(booking) = tx.booking(id).await? else { return Ok(()) };
    if !matches!(booking.status.as_str(), "pending" | "unclear") {
        return Ok(());
    }
    falls(&mut tx, &booking, "refused", "calendar", Some(why)).await?;
    tell_dialogue(&mut tx, &booking, SystemEvent::BookingRefused { attempt: booking.attempt_key(), reason }).await?;
    metrics::counter!("salon_bookings_total", "outcome" => "refused").increment(1);
    Ok(tx.commit().await?)
}

async fn fail(
    ctx: &Ctx,
    assignment: &Assignment,
    id: BookingId,
    connection: ConnectionId,
    failure: Failure,
) -> Result<(), JobError> {
    match failure.class {
        Class::Credential => {
            let mut tx = ctx.db.tenant(assignment.tenant).await?;
            break_connection(&mut tx, connection, &failure.to_string()).await?;
            tx.commit().await?;
            refuse(ctx, assignment, id, "credential", Refusal::Other).await
        }
        Class::Permanent | Class::Unreachable | Class::NeedsTemplate => {
            refuse(ctx, assignment, id, "rejected", Refusal::Other).await
        }
        Class::Retry { .. } => give_up_or(ctx, assignment, id, failure.into()).await,
        Class::Unknown => give_up_or(ctx, assignment, id, JobError::Retry((&failure).into())).await,
    }
}

/// On the last attempt the client is told; the dead letter says what to look at.
async fn give_up_or(ctx: &Ctx, assignment: &Assignment, id: BookingId, error: JobError) -> Result<(), JobError> {
    if assignment.last_attempt && matches!(error, JobError::Retry(_)) {
        give_up(ctx, assignment, id).await?;
    }
    Err(error)
}

/// Nobody knows whether there is a visit: the client is told that a person will look.
pub(super) async fn give_up(ctx: &Ctx, assignment: &Assignment, id: BookingId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(booking) = tx.booking(id).await?.filter(|booking| booking.status == "pending") else { return Ok(()) };
    tx.leave_unclear(&booking, "calendar", "no answer").await?;
    tell_dialogue(&mut tx, &booking, SystemEvent::BookingUnclear { attempt: booking.attempt_key() }).await?;
    tx.commit().await?;
    metrics::counter!("salon_bookings_total", "outcome" => "unclear").increment(1);
    Ok(())
}
