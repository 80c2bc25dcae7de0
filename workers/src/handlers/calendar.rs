//! What the handlers that talk to the calendar share: pacing, and what follows when a booking is seen to have changed.

use salon_core::{
    booking::{Booking, CalendarBooking, CalendarStatus, Outcome, calendar_lane},
    client::Contact,
    crm,
    dialogue::{Screen, SystemEvent, visit_cancelled_by_salon, visit_moved},
    ids::{BookingId, ConnectionId},
    job::{Job, NewJob, lane},
    message::NewOutgoing,
    schedule,
    store::Tx,
    tenant::{load_catalogue, load_tenant},
    vendor::Rate,
};
use uuid::Uuid;

use super::salon::{card, visit};
use crate::{ctx::Ctx, queue::JobError};

/// cal.com locks an account out at 120 calls a minute: stay below 100.
const CALENDAR_RATE: Rate = Rate::per_minute(100, 20);

/// Counts a call to the calendar, or puts the job off.
pub(super) async fn pace(ctx: &Ctx, connection: ConnectionId) -> Result<(), JobError> {
    ctx.pacer
        .acquire(&[(format!("calendar:{connection}"), CALENDAR_RATE)])
        .await
        .map_err(|after| JobError::Later { after, why: "paced".into() })
}

/// Counts a further call of a job that has made one, and waits for its turn here. Put off, the job would begin anew and spend the
/// next permit on the call it has made already: once the burst is used up, it would never get to its second one.
pub(super) async fn pace_on(ctx: &Ctx, connection: ConnectionId) {
    while let Err(after) = ctx.pacer.acquire(&[(format!("calendar:{connection}"), CALENDAR_RATE)]).await {
        tokio::time::sleep(after).await;
    }
}

/// The lane of a chat's dialogue. The ingress uses the same.
pub(super) fn chat_lane(contact: &Contact) -> Uuid {
    lane("chat", contact.channel_account_id.0, &contact.chat_id)
}

/// Tells the dialogue what came about, if the booking was made in one.
pub(super) async fn tell_dialogue(tx: &mut Tx, booking: &Booking, event: SystemEvent) -> Result<(), JobError> {
    let Some(conversation) = booking.conversation_id else { return Ok(()) };
    if let Some(contact) = tx.contact(conversation).await? {
        tx.enqueue(NewJob::new(Job::ContinueDialogue { conversation, event }).in_lane(chat_lane(&contact))).await?;
    }
    Ok(())
}

/// A booking stands (or stands elsewhere now): its reminders and the CRM follow.
pub(super) async fn stands(tx: &mut Tx, booking: &Booking, seen: &CalendarBooking, actor: &str) -> Result<Booking, JobError> {
    let booked = tx.move_booking(booking, "booked", actor, Some(seen), None).await?;
    let tenant = load_tenant(tx).await?;
    let plan = schedule::plan(booked.start_at, tenant.zone, &tenant.reminder_policy, &tenant.quiet_hours, tx.now());
    tx.plan_reminders(&booked, &plan).await?;
    tell_crm(tx, &booked).await?;
    Ok(booked)
}

/// A booking will not take place: nobody is reminded of it.
pub(super) async fn falls(
    tx: &mut Tx,
    booking: &Booking,
    status: &str,
    actor: &str,
    reason: Option<&str>,
) -> Result<Booking, JobError> {
    let fallen = tx.move_booking(booking, status, actor, None, reason).await?;
    tx.supersede_reminders(&fallen).await?;
    tell_crm(tx, &fallen).await?;
    Ok(fallen)
}

/// A visit ended in this way: the CRM hears of it, and of the client, whose missed visits are counted there. False if that was known.
pub(super) async fn ended(tx: &mut Tx, booking: BookingId, outcome: Outcome, actor: &str) -> Result<bool, JobError> {
    let Some(ended) = tx.end_visit(booking, outcome, actor).await? else { return Ok(false) };
    tell_crm(tx, &ended).await?;
    if let (Outcome::NoShow, Some(client)) = (outcome, ended.client_id) {
        tx.tell_crm(crm::Wish::EnsureClient, client.0, tx.now().timestamp_millis(), client).await?;
    }
    Ok(true)
}

async fn tell_crm(tx: &mut Tx, booking: &Booking) -> Result<(), JobError> {
    if let Some(client) = booking.client_id {
        tx.tell_crm(crm::Wish::RecordBooking, booking.id.0, booking.version, client).await?;
    }
    Ok(())
}

/// Brings our row into line with what the calendar says. `seen` is the newest booking of the chain.
pub(super) async fn follow(tx: &mut Tx, booking: &Booking, seen: &CalendarBooking) -> Result<(), JobError> {
    let over = matches!(seen.status, CalendarStatus::Cancelled | CalendarStatus::Rejected);
    match (booking.status.as_str(), over) {
        // Our own call is under way: its handler looks the outcome up itself.
        ("pending" | "unclear", _) => {
            tx.enqueue(
                NewJob::new(Job::CreateBooking { booking: booking.id })
                    .in_lane(calendar_lane(booking.id))
                    .once(booking.id.to_string()),
            )
            .await?;
            Ok(())
        }
        ("booked", true) => {
            let gone = falls(tx, booking, "cancelled", "calendar", Some("cancelled in the calendar")).await?;
            notify(tx, &gone, visit_cancelled_by_salon).await
        }
        ("booked", false) if seen.no_show => ended(tx, booking.id, Outcome::NoShow, "calendar").await.map(drop),
        ("booked", false) if seen.start != booking.start_at || booking.calendar_uid.as_ref() != Some(&seen.uid) => {
            let before = booking.start_at;
            let moved = stands(tx, booking, seen, "calendar").await?;
            if moved.start_at == before {
                return Ok(());
            }
            notify(tx, &moved, |visit, salon, lang| visit_moved(visit, Some(before), salon, lang)).await
        }
        ("cancelled", false) if seen.status == CalendarStatus::Accepted && booking.calendar_uid.as_ref() != Some(&seen.uid) => {
            stands(tx, booking, seen, "calendar").await?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Tells the client about a change they did not make, and the dialogue with them.
async fn notify(
    tx: &mut Tx,
    booking: &Booking,
    screen: impl Fn(&salon_core::dialogue::Visit, &salon_core::dialogue::SalonCard<'_>, salon_core::lang::Lang) -> Screen,
) -> Result<(), JobError> {
    let Some(conversation) = booking.conversation_id else { return Ok(()) };
    let Some(contact) = tx.contact(conversation).await? else { return Ok(()) };
    let tenant = load_tenant(tx).await?;
    let catalogue = load_catalogue(tx).await?;
    let lang = tenant.speak(tx.client(contact.client_id).await?.language());
    let screen = screen(&visit(booking, &catalogue, &tenant, lang, tx), &card(&tenant, tx), lang);
    let new = NewOutgoing {
        screen: &screen,
        kind: "notice",
        booking: Some((booking.id, booking.version)),
        reminder: None,
        expires_at: None,
        hop: None,
    };
    tx.say(&contact, new).await?;
    tell_dialogue(tx, booking, SystemEvent::BookingChangedElsewhere { booking: booking.id }).await
}
