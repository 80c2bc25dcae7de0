//! A message is sent. Its row says where it stands: `sending` is committed before the vendor is called, so a crash after that is an
//! unknown outcome. No messenger that we know can be asked whether a message arrived, and an answer or a reminder that is missing does
//! more harm than one that comes twice: an unknown outcome is sent again once, on record, and never twice.

use chrono::{DateTime, TimeDelta, Utc};
use salon_core::{
    channel::{self, ChannelAdapter},
    client::Contact,
    crm,
    dialogue::{Screen, render},
    ids::{MessageId, ReminderId},
    job::{Job, NewJob},
    message::{Outcome, Outgoing},
    schedule::{DueReminder, SendDecision, recheck},
    store::Tx,
    tenant::{ChannelAccount, break_account, channel_account, load_tenant},
    vendor::{Class, Failure},
};

use super::turn::sealer;
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

/// So long before a visit its client may already be on the way.
const ON_THE_WAY: TimeDelta = TimeDelta::hours(2);

/// A message that is to go out now, with the number of this attempt.
struct Ready {
    attempt: i32,
    contact: Contact,
    account: ChannelAccount,
    screen: Screen,
}

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment, id: MessageId) -> Result<(), JobError> {
    let Some(Ready { attempt, contact, account, screen }) = prepare(ctx, assignment, id).await? else { return Ok(()) };
    let adapter = channel::adapter(account.kind);
    let rendered = render(&screen, adapter.capabilities(), &sealer(&account.account, &contact)?);
    let answer = adapter.send(&ctx.http, &account.account, &contact.chat_id, &rendered).await;
    let class = answer.as_ref().map_or_else(|failure| failure.class.as_str(), |_| "sent");
    metrics::counter!("salon_messages_total", "channel" => account.kind.as_str(), "outcome" => class).increment(1);
    match answer {
        Ok(sent) => {
            let mut tx = ctx.db.tenant(assignment.tenant).await?;
            if tx.end_send(id, attempt, &Outcome::Sent { vendor_message_id: &sent.vendor_message_id }).await? {
                tx.tell_crm(crm::Wish::RecordMessage, id.0, 1, contact.client_id).await?;
            }
            Ok(tx.commit().await?)
        }
        Err(failure) => settle(ctx, assignment, id, attempt, &contact, &account, failure).await,
    }
}

/// Reads everything again, decides, and commits that a send begins. None: the message has ended, one way or another.
async fn prepare(ctx: &Ctx, assignment: &Assignment, id: MessageId) -> Result<Option<Ready>, JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(message) = tx.outgoing(id).await? else { return Err(JobError::Dead("the message is gone".into())) };
    if !matches!(message.state.as_str(), "queued" | "sending") {
        return Ok(None);
    }
    match timely(&mut tx, &message).await? {
        Timely::Now => {}
        Timely::Never(outcome) => return end(tx, &message, &outcome).await,
        // Outside the chat's lane: an answer that the client asks for meanwhile must not wait until morning behind this.
        Timely::At(at) => {
            tx.enqueue(NewJob::new(Job::SendMessage { message: id }).run_at(at)).await?;
            tx.commit().await?;
            return Ok(None);
        }
    }
    let again = message.state == "sending";
    if again && message.resends >= 1 {
        return end(tx, &message, &Outcome::Unknown(&Failure::unknown("sent_twice_without_answer"))).await;
    }
    let Some(contact) = tx.contact(message.conversation_id).await? else {
        return Err(JobError::Dead("the conversation is gone".into()));
    };
    let Some(account) = channel_account(&mut tx, message.channel_account_id, &ctx.keyring).await? else {
        return Err(JobError::Dead("the channel account is gone".into()));
    };
    if !contact.reachable {
        return end(tx, &message, &Outcome::Failed(&Failure::new(Class::Unreachable, "known_unreachable"))).await;
    }
    if !account.status.is_active() {
        return end(tx, &message, &Outcome::Failed(&Failure::new(Class::Credential, "account_broken"))).await;
    }
    let screen = serde_json::from_value(message.content).map_err(|error| JobError::unreadable("stored screen", &error))?;
    // Nothing is held while Redis is asked, which may take a quarter of a second: the conversation is locked here, and with it the
    // client's next turn. The lock kept a second run of this job from beginning the same send; that is kept by beginning it only if
    // the row is still as it was read. What was decided above is older by the asking, as it is by the call itself.
    drop(tx);
    pace(ctx, channel::adapter(account.kind), &account, &contact).await?;
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(attempt) = tx.begin_send(id, message.attempts, again).await? else {
        return Err(JobError::Retry("another run of this job has the message".into()));
    };
    tx.commit().await?;
    Ok(Some(Ready { attempt, contact, account, screen }))
}

async fn end(mut tx: Tx, message: &Outgoing, outcome: &Outcome<'_>) -> Result<Option<Ready>, JobError> {
    tx.end_send(message.id, message.attempts, outcome).await?;
    tx.commit().await?;
    Ok(None)
}

/// Whether a message should go out at this moment.
enum Timely {
    Now,
    At(DateTime<Utc>),
    Never(Outcome<'static>),
}

/// Is what the message would say still so, and is this the time to say it?
async fn timely(tx: &mut Tx, message: &Outgoing) -> Result<Timely, JobError> {
    if message.expires_at.is_some_and(|expires_at| expires_at <= tx.now()) {
        return Ok(Timely::Never(Outcome::Expired));
    }
    match (message.reminder_id, message.kind.as_str()) {
        (Some(reminder), _) => timely_reminder(tx, reminder).await,
        (None, "notice") => timely_notice(tx, message).await,
        (None, _) => Ok(Timely::Now),
    }
}

async fn timely_reminder(tx: &mut Tx, reminder: ReminderId) -> Result<Timely, JobError> {
    let Some(reminder) = tx.reminder(reminder).await? else { return Ok(Timely::Never(Outcome::Superseded)) };
    let booking = tx.booking(reminder.booking_id).await?;
    let Some(booking) = booking.filter(|booking| booking.status == "booked" && booking.version == reminder.booking_version)
    else {
        return Ok(Timely::Never(Outcome::Superseded));
    };
    let tenant = load_tenant(tx).await?;
    let moment = DueReminder { due_at: reminder.due_at, expires_at: reminder.expires_at, visit_start: booking.start_at };
    Ok(match recheck(&moment, tx.now(), tenant.zone, &tenant.quiet_hours) {
        SendDecision::Send => Timely::Now,
        SendDecision::Drop(_) => Timely::Never(Outcome::Expired),
        SendDecision::MoveTo(at) => Timely::At(at),
    })
}

/// What the salon changed at night is told in the morning, unless the visit is so near that the client may be on the way by then.
async fn timely_notice(tx: &mut Tx, message: &Outgoing) -> Result<Timely, JobError> {
    let tenant = load_tenant(tx).await?;
    let allowed = tenant.quiet_hours.next_allowed(tx.now(), tenant.zone);
    let visit = match message.booking_id {
        Some(booking) => tx.booking(booking).await?.map(|booking| booking.start_at),
        None => None,
    };
    let too_late = visit.is_some_and(|start| start < allowed + ON_THE_WAY);
    Ok(if allowed <= tx.now() || too_late { Timely::Now } else { Timely::At(allowed) })
}

async fn pace(ctx: &Ctx, adapter: &dyn ChannelAdapter, account: &ChannelAccount, contact: &Contact) -> Result<(), JobError> {
    let pacing = adapter.pacing();
    let limits = [(account_key(account), pacing.account), (format!("chat:{}:{}", account.id, contact.chat_id), pacing.chat)];
    ctx.pacer.acquire(&limits).await.map_err(|after| JobError::Later { after, why: "paced".into() })
}

fn account_key(account: &ChannelAccount) -> String {
    format!("account:{}", account.id)
}

async fn settle(
    ctx: &Ctx,
    assignment: &Assignment,
    id: MessageId,
    attempt: i32,
    contact: &Contact,
    account: &ChannelAccount,
    failure: Failure,
) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let error = match failure.class {
        // A wait that the vendor named is a delay of everybody's, and no attempt.
        Class::Retry { after: Some(after) } => {
            ctx.pacer.pause(&account_key(account), after).await;
            tx.end_send(id, attempt, &Outcome::Waiting(&failure)).await?;
            Some(JobError::Later { after, why: failure.to_string() })
        }
        Class::Retry { after: None } if !assignment.last_attempt => {
            tx.end_send(id, attempt, &Outcome::Waiting(&failure)).await?;
            Some(JobError::Retry(failure.to_string()))
        }
        // The row stays `sending`: the next run decides whether it goes out again.
        Class::Unknown if !assignment.last_attempt => Some(JobError::Retry(failure.to_string())),
        Class::Unknown => {
            tx.end_send(id, attempt, &Outcome::Unknown(&failure)).await?;
            None
        }
        Class::Retry { .. } | Class::Permanent | Class::NeedsTemplate | Class::Unreachable | Class::Credential => {
            tx.end_send(id, attempt, &Outcome::Failed(&failure)).await?;
            match failure.class {
                Class::Unreachable => {
                    tx.set_reachable(contact.channel_account_id, contact.client_id, false).await?;
                }
                Class::Credential => {
                    break_account(&mut tx, account.id, &failure.to_string()).await?;
                    tracing::error!(account = %account.id, code = %failure.code, "the channel account's credential is refused");
                }
                _ => {}
            }
            None
        }
    };
    tx.commit().await?;
    error.map_or(Ok(()), Err)
}

/// No further send is begun. A message whose send was begun may have arrived and ends as unknown; one that waits stays so, in the hands
/// of its dead letter: nobody has it, and an operator can still send it.
pub(super) async fn give_up(ctx: &Ctx, assignment: &Assignment, id: MessageId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    if let Some(message) = tx.outgoing(id).await?.filter(|message| message.state == "sending") {
        tx.end_send(id, message.attempts, &Outcome::Unknown(&Failure::unknown("no_answer"))).await?;
    }
    Ok(tx.commit().await?)
}
