//! A message is sent. Its row says where it stands: `sending` is committed before the vendor is called, so a crash after that is an
//! unknown outcome. What follows then depends on what the vendor offers: one that recognises our key is simply asked again; one that
//! reports on our key, or gives back what was sent, is given the time to; one that lets us read the chat is looked into. Only then,
//! since an answer or a reminder that is missing does more harm than one that comes twice, it is sent again once, on record, and never
//! twice.

use chrono::{DateTime, TimeDelta, Utc};
use salon_core::{
    channel::{self, ChannelAdapter, Outbound, Sent},
    client::Contact,
    crm,
    ids::{MessageId, ReminderId},
    job::{Job, NewJob},
    message::{Outcome, Outgoing},
    schedule::{DueReminder, SendDecision, recheck},
    store::Tx,
    tenant::{ChannelAccount, Tenant, break_account, channel_account, load_tenant},
    vendor::{Class, Failure},
};

use super::{
    fallback,
    turn::sealer,
    wording::{self, Wording},
};
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

/// So long before a visit its client may already be on the way.
const ON_THE_WAY: TimeDelta = TimeDelta::hours(2);

/// A message that is to go out now, as it was read.
struct Ready {
    message: Outgoing,
    contact: Contact,
    account: ChannelAccount,
    wording: Wording,
    /// After how long the client's next channel is tried.
    patience: TimeDelta,
}

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment, id: MessageId) -> Result<(), JobError> {
    let Some(ready) = prepare(ctx, assignment, id).await? else { return Ok(()) };
    let adapter = channel::adapter(ready.account.kind);
    let _place = ctx.bulkhead.messenger(&ready.account)?;
    let again = ready.message.state == "sending";
    if again && let Some(sent) = look(ctx, adapter, &ready).await? {
        return record(ctx, assignment, id, ready.message.attempts, &sent).await;
    }
    // Outside any transaction: Redis may take its time, and a row's lock must not wait for it.
    pace(ctx, &ready).await?;
    let resent = again && !recognises(adapter, &ready.message, ctx.db.clock().now());
    let Some(attempt) = begin(ctx, assignment, &ready, resent).await? else { return Ok(()) };
    let out = Outbound { to: ready.contact.recipient(), body: ready.wording.body(), key: id.0 };
    let answer = adapter.send(&ctx.http, &ready.account.account, &out).await;
    let class = answer.as_ref().map_or_else(|failure| failure.class.as_str(), |_| "sent");
    metrics::counter!("salon_messages_total", "channel" => ready.account.kind.as_str(), "outcome" => class).increment(1);
    match answer {
        Ok(sent) => record(ctx, assignment, id, attempt, &sent).await,
        Err(failure) => settle(ctx, assignment, &ready, attempt, failure).await,
    }
}

async fn record(ctx: &Ctx, assignment: &Assignment, id: MessageId, attempt: i32, sent: &Sent) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    if tx.end_send(id, attempt, &Outcome::Sent { vendor_message_id: &sent.vendor_message_id }).await?
        && let Some(message) = tx.outgoing(id).await?
    {
        tx.tell_crm(crm::Wish::RecordMessage, id.0, 1, message.client_id).await?;
    }
    Ok(tx.commit().await?)
}

/// Reads everything again and decides. None: the message has ended, one way or another.
async fn prepare(ctx: &Ctx, assignment: &Assignment, id: MessageId) -> Result<Option<Ready>, JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(message) = tx.outgoing(id).await? else { return Err(JobError::Dead("the message is gone".into())) };
    if !matches!(message.state.as_str(), "queued" | "sending") {
        return Ok(None);
    }
    let tenant = load_tenant(&mut tx).await?;
    match timely(&mut tx, &message, &tenant).await? {
        Timely::Now => {}
        Timely::Never(outcome) => return end(ctx, tx, &message, &outcome).await,
        // Outside the chat's lane: an answer that the client asks for meanwhile must not wait until morning behind this.
        Timely::At(at) => {
            tx.enqueue(NewJob::new(Job::SendMessage { message: id }).run_at(at)).await?;
            tx.commit().await?;
            return Ok(None);
        }
    }
    let Some(contact) = tx.contact(message.conversation_id).await? else {
        return Err(JobError::Dead("the conversation is gone".into()));
    };
    let Some(account) = channel_account(&mut tx, message.channel_account_id, &ctx.keyring).await? else {
        return Err(JobError::Dead("the channel account is gone".into()));
    };
    if message.state == "sending" {
        let adapter = channel::adapter(account.kind);
        if message.resends >= 1 && !recognises(adapter, &message, tx.now()) {
            let outcome = Outcome::Unknown(&Failure::unknown("sent_twice_without_answer"));
            return end(ctx, tx, &message, &outcome).await;
        }
        wait_for_report(adapter, &message, tx.now())?;
    }
    if !contact.reachable {
        return end(ctx, tx, &message, &Outcome::Failed(&Failure::new(Class::Unreachable, "known_unreachable"))).await;
    }
    if !account.status.is_active() {
        return end(ctx, tx, &message, &Outcome::Failed(&Failure::new(Class::Credential, "account_broken"))).await;
    }
    let screen =
        serde_json::from_value(message.content.clone()).map_err(|error| JobError::unreadable("stored screen", &error))?;
    let sealer = sealer(&account.account, &contact)?;
    let wording = match wording::put(&mut tx, &account, &contact, &screen, &sealer).await? {
        Ok(wording) => wording,
        Err(failure) => return end(ctx, tx, &message, &Outcome::Failed(&failure)).await,
    };
    let patience = TimeDelta::minutes(i64::from(tenant.fallback_minutes));
    Ok(Some(Ready { message, contact, account, wording, patience }))
}

/// Ends a message; what can't be delivered here goes to the client's next channel.
async fn end(ctx: &Ctx, mut tx: Tx, message: &Outgoing, outcome: &Outcome<'_>) -> Result<Option<Ready>, JobError> {
    let ended = tx.end_send(message.id, message.attempts, outcome).await?;
    if ended && matches!(outcome, Outcome::Failed(_)) {
        fallback::next(ctx, &mut tx, message).await?;
    }
    tx.commit().await?;
    Ok(None)
}

/// Whether the vendor would recognise a repetition by our key: then it may be asked as often as we like.
fn recognises(adapter: &dyn ChannelAdapter, message: &Outgoing, now: DateTime<Utc>) -> bool {
    let since = adapter.capabilities().deduplicates_for.and_then(|time| TimeDelta::from_std(time).ok()).zip(message.begun_at);
    since.is_some_and(|(time, begun)| now < begun + time)
}

/// A vendor that reports on our key, or gives back what was sent, is given the time to before the message is sent again.
fn wait_for_report(adapter: &dyn ChannelAdapter, message: &Outgoing, now: DateTime<Utc>) -> Result<(), JobError> {
    let Some(time) = adapter.capabilities().reports_unknown_within else { return Ok(()) };
    let until = message.updated_at + TimeDelta::from_std(time).unwrap_or_default();
    match (until - now).to_std() {
        Ok(after) if !after.is_zero() => Err(JobError::Later { after, why: "the vendor may still report it as sent".into() }),
        _ => Ok(()),
    }
}

/// Looks in the chat for what may have been sent. While that can't be done, nothing is sent again.
async fn look(ctx: &Ctx, adapter: &dyn ChannelAdapter, ready: &Ready) -> Result<Option<Sent>, JobError> {
    let (Some(rendered), Some(begun)) = (ready.wording.free(), ready.message.begun_at) else { return Ok(None) };
    Ok(adapter.find(&ctx.http, &ready.account.account, ready.contact.recipient(), rendered, begun).await?)
}

/// Commits that a send begins. None: the message is no longer as it was read.
async fn begin(ctx: &Ctx, assignment: &Assignment, ready: &Ready, resent: bool) -> Result<Option<i32>, JobError> {
    let (id, first) = (ready.message.id, ready.message.begun_at.is_none());
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let attempt = tx.begin_send(id, ready.message.attempts, resent).await?;
    if attempt.is_some() && first && fallback::is_worth_it(&ready.message) {
        let at = tx.now() + ready.patience;
        tx.enqueue(NewJob::new(Job::CheckDelivery { message: id }).run_at(at)).await?;
    }
    tx.commit().await?;
    Ok(attempt)
}

/// Whether a message should go out at this moment.
enum Timely {
    Now,
    At(DateTime<Utc>),
    Never(Outcome<'static>),
}

/// Is what the message would say still so, and is this the time to say it?
async fn timely(tx: &mut Tx, message: &Outgoing, tenant: &Tenant) -> Result<Timely, JobError> {
    if message.expires_at.is_some_and(|expires_at| expires_at <= tx.now()) {
        return Ok(Timely::Never(Outcome::Expired));
    }
    match (message.reminder_id, message.kind.as_str()) {
        (Some(reminder), _) => timely_reminder(tx, reminder, tenant).await,
        (None, "notice") => timely_notice(tx, message, tenant).await,
        (None, _) => Ok(Timely::Now),
    }
}

async fn timely_reminder(tx: &mut Tx, reminder: ReminderId, tenant: &Tenant) -> Result<Timely, JobError> {
    let Some(reminder) = tx.reminder(reminder).await? else { return Ok(Timely::Never(Outcome::Superseded)) };
    let booking = tx.booking(reminder.booking_id).await?;
    let Some(booking) = booking.filter(|booking| booking.status == "booked" && booking.version == reminder.booking_version)
    else {
        return Ok(Timely::Never(Outcome::Superseded));
    };
    let moment = DueReminder { due_at: reminder.due_at, expires_at: reminder.expires_at, visit_start: booking.start_at };
    Ok(match recheck(&moment, tx.now(), tenant.zone, &tenant.quiet_hours) {
        SendDecision::Send => Timely::Now,
        SendDecision::Drop(_) => Timely::Never(Outcome::Expired),
        SendDecision::MoveTo(at) => Timely::At(at),
    })
}

/// What the salon changed at night is told in the morning, unless the visit is so near that the client may be on the way by then. What was
/// changed again since is told by its own notice.
async fn timely_notice(tx: &mut Tx, message: &Outgoing, tenant: &Tenant) -> Result<Timely, JobError> {
    let booking = match message.booking_id {
        Some(booking) => tx.booking(booking).await?,
        None => None,
    };
    let told = message.booking_version;
    if booking.as_ref().is_some_and(|booking| told.is_some_and(|told| told != booking.version)) {
        return Ok(Timely::Never(Outcome::Superseded));
    }
    let allowed = tenant.quiet_hours.next_allowed(tx.now(), tenant.zone);
    let too_late = booking.is_some_and(|booking| booking.start_at < allowed + ON_THE_WAY);
    Ok(if allowed <= tx.now() || too_late { Timely::Now } else { Timely::At(allowed) })
}

async fn pace(ctx: &Ctx, ready: &Ready) -> Result<(), JobError> {
    let (pacing, account) = (ready.account.pacing(), &ready.account);
    let limits =
        [(account_key(account), pacing.account), (format!("chat:{}:{}", account.id, ready.contact.chat_id), pacing.chat)];
    ctx.pacer.acquire(&limits).await.map_err(|after| JobError::Later { after, why: "paced".into() })
}

fn account_key(account: &ChannelAccount) -> String {
    format!("account:{}", account.id)
}

async fn settle(ctx: &Ctx, assignment: &Assignment, ready: &Ready, attempt: i32, failure: Failure) -> Result<(), JobError> {
    let (id, account, contact) = (ready.message.id, &ready.account, &ready.contact);
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let error = match failure.class {
        // A wait that the vendor named is a delay of everybody's, and no attempt.
        Class::Retry { after: Some(after) } => {
            ctx.pacer.pause(&account_key(account), after).await;
            tx.end_send(id, attempt, &Outcome::Waiting(&failure)).await?;
            Some(JobError::Later { after, why: (&failure).into() })
        }
        Class::Retry { after: None } if !assignment.last_attempt => {
            tx.end_send(id, attempt, &Outcome::Waiting(&failure)).await?;
            Some(JobError::Retry((&failure).into()))
        }
        // The row stays `sending`: the next run decides whether it goes out again.
        Class::Unknown if !assignment.last_attempt => Some(JobError::Retry((&failure).into())),
        Class::Unknown => {
            tx.end_send(id, attempt, &Outcome::Unknown(&failure)).await?;
            None
        }
        // The vendor's clock says otherwise than ours: put as a template it may pass.
        Class::NeedsTemplate if ready.wording.free().is_some() && !assignment.last_attempt => {
            tx.close_window(contact.conversation_id).await?;
            tx.end_send(id, attempt, &Outcome::Waiting(&failure)).await?;
            Some(JobError::Retry((&failure).into()))
        }
        Class::Retry { .. } | Class::Permanent | Class::NeedsTemplate | Class::Unreachable | Class::Credential => {
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
            if tx.end_send(id, attempt, &Outcome::Failed(&failure)).await? {
                fallback::next(ctx, &mut tx, &ready.message).await?;
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
