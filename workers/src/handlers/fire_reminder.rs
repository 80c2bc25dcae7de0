//! A reminder is due: everything it rests on is read again before it becomes a message.

use salon_core::{
    dialogue::{self, reminder},
    ids::ReminderId,
    message::NewOutgoing,
    schedule::{DueReminder, ReminderKind, SendDecision, recheck},
    tenant::{load_catalogue, load_tenant},
};

use super::salon::{card, visit};
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
            let contact = match booking.conversation_id {
                Some(conversation) => tx.contact(conversation).await?,
                None => None,
            };
            match contact.filter(|contact| contact.reachable) {
                None => tx.settle_reminder(id, "dropped", Some("nobody to write to"), None).await?,
                Some(contact) => {
                    let catalogue = load_catalogue(&mut tx).await?;
                    let lang = tenant.speak(tx.client(contact.client_id).await?.language());
                    let kind = match due.kind()? {
                        ReminderKind::DayBefore => dialogue::ReminderKind::Ahead,
                        ReminderKind::HoursBefore => dialogue::ReminderKind::Soon,
                    };
                    let screen = reminder(&visit(&booking, &catalogue, &tenant, lang, &tx), &card(&tenant, &tx), lang, kind);
                    let expires_at = Some(due.expires_at);
                    let new = NewOutgoing {
                        screen: &screen,
                        kind: "reminder",
                        booking: Some(booking.id),
                        reminder: Some(id),
                        expires_at,
                    };
                    tx.say(&contact, new).await?;
                    tx.settle_reminder(id, "sent", None, None).await?;
                }
            }
        }
    }
    Ok(tx.commit().await?)
}
