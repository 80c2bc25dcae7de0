//! A reminder is due: everything it rests on is read again before it becomes a message.

use salon_core::{
    booking::{Booking, Reminder},
    client::Contact,
    dialogue::{self, Screen, reminder},
    ids::{ClientId, ReminderId},
    message::NewOutgoing,
    schedule::{DueReminder, ReminderKind, SendDecision, recheck},
    store::Tx,
    tenant::{Tenant, load_catalogue, load_tenant},
};

use super::{
    fallback,
    salon::{card, visit},
};
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment, id: ReminderId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(due) = tx.reminder(id).await? else { return Err(JobError::Dead("the reminder is gone".into())) };
    if due.state != "queued" {
        return Ok(());
    }
    let booking =
        tx.booking(due.booking_id).await?.filter(|booking| booking.status == "booked" && booking.version == due.booking_version);
    let Some(booking) = booking else {
        tx.settle_reminder(id, "superseded", Some("the booking changed"), None).await?;
        return Ok(tx.commit().await?);
    };
    let tenant = load_tenant(&mut tx).await?;
    let moment = DueReminder { due_at: due.due_at, expires_at: due.expires_at, visit_start: booking.start_at };
    match recheck(&moment, tx.now(), tenant.zone, &tenant.quiet_hours) {
        SendDecision::MoveTo(at) => tx.settle_reminder(id, "planned", Some("moved"), Some(at)).await?,
        SendDecision::Drop(reason) => tx.settle_reminder(id, "expired", Some(reason.as_str()), None).await?,
        SendDecision::Send => {
            let said = remind(ctx, &mut tx, &due, &booking, &tenant).await?;
            let (state, reason) = if said { ("sent", None) } else { ("dropped", Some("nobody to write to")) };
            tx.settle_reminder(id, state, reason, None).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Writes the reminder's message. False if there is no chat in which the client could be written to.
async fn remind(ctx: &Ctx, tx: &mut Tx, due: &Reminder, booking: &Booking, tenant: &Tenant) -> Result<bool, JobError> {
    let Some(client) = booking.client_id else { return Ok(false) };
    let catalogue = load_catalogue(tx).await?;
    let lang = tenant.speak(tx.client(client).await?.language());
    let kind = match due.kind()? {
        ReminderKind::DayBefore => dialogue::ReminderKind::Ahead,
        ReminderKind::HoursBefore => dialogue::ReminderKind::Soon,
    };
    let screen = reminder(&visit(booking, &catalogue, tenant, lang, tx), &card(tenant, tx), lang, kind);
    let Some(contact) = chat(ctx, tx, booking, client, &screen).await? else { return Ok(false) };
    let new = NewOutgoing {
        screen: &screen,
        kind: "reminder",
        booking: Some((booking.id, booking.version)),
        reminder: Some(due.id),
        expires_at: Some(due.expires_at),
        hop: None,
    };
    tx.say(&contact, new).await?;
    Ok(true)
}

/// The chat in which the visit was booked, while the client can be written to there; else the best other one.
async fn chat(ctx: &Ctx, tx: &mut Tx, booking: &Booking, client: ClientId, screen: &Screen) -> Result<Option<Contact>, JobError> {
    let mut ways = tx.ways_to(client).await?;
    ways.sort_by_key(|way| Some(way.conversation_id) != booking.conversation_id);
    for way in &ways {
        if fallback::takes(ctx, tx, way, screen).await? {
            return Ok(tx.contact(way.conversation_id).await?);
        }
    }
    Ok(None)
}
