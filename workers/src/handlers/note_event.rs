//! A messenger's event that is no turn of the dialogue: a report about a message of ours, a message taken back, what somebody at the
//! salon wrote, by which link a client came, a notice about the account.

use std::time::Duration;

use chrono::TimeDelta;
use salon_core::{
    channel::{AccountNotice, ChannelEvent, Delivery, EventKind, FailedClass, MessageRef},
    crm,
    ids::{ChannelAccountId, InboundEventId},
    message::{Logged, Progress},
    store::Tx,
    tenant::{break_account, set_template_status},
};

use super::{
    attribution,
    echo::{self, Echo},
    fallback,
};
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

/// A report may overtake the answer to the send it is about.
const ANSWER_MAY_TAKE: TimeDelta = TimeDelta::seconds(30);
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Why an event changed nothing; none if it did.
pub(super) type Ignored = Option<&'static str>;

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment, id: InboundEventId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(row) = tx.inbound(id).await? else { return Err(JobError::Dead("the event is gone".into())) };
    if row.state != "received" {
        return Ok(());
    }
    let event: ChannelEvent = serde_json::from_value(row.event).map_err(|error| JobError::unreadable("stored event", &error))?;
    let account = ChannelAccountId(row.source_id);
    let early = tx.now() - row.received_at < ANSWER_MAY_TAKE;
    let ignored = match (&event.kind, &event.sender) {
        (EventKind::Status { of, state }, _) => match tx.logged(account, of).await? {
            Some(message) => reported(ctx, &mut tx, account, &message, of, state).await?,
            None if early => return Err(later("the message it reports on is not known yet")),
            None => Some("about no message of ours"),
        },
        (EventKind::Echo { vendor_message_id, text, operator }, Some(sender)) => {
            let echo = Echo { vendor_message_id, text: text.as_deref(), operator: *operator };
            echo::run(ctx, &mut tx, account, sender, &echo, early).await?
        }
        (EventKind::Removed { of }, _) => match tx.logged(account, &MessageRef::Vendor(of.clone())).await? {
            Some(message) => {
                tx.erase(&message).await?;
                None
            }
            None if early => return Err(later("the message it takes back is not known yet")),
            None => Some("about no message that is here"),
        },
        (EventKind::Referral { payload }, Some(sender)) => {
            let contact = tx.meet(account, sender, None).await?;
            attribution::payload(&ctx.keyring, &mut tx, &contact, payload).await?;
            None
        }
        (EventKind::Moved { to }, Some(sender)) => {
            (!tx.rename(account, sender, to).await?).then_some("the new id is somebody's, or the old one nobody's")
        }
        (EventKind::Account { notice }, _) => noticed(&mut tx, account, notice).await?,
        _ => Some("not for the dialogue"),
    };
    tx.end_inbound(id, ignored).await?;
    Ok(tx.commit().await?)
}

pub(super) fn later(why: &str) -> JobError {
    JobError::Later { after: LOOK_AGAIN, why: why.into() }
}

pub(super) async fn reported(
    ctx: &Ctx,
    tx: &mut Tx,
    account: ChannelAccountId,
    message: &Logged,
    of: &MessageRef,
    state: &Delivery,
) -> Result<Ignored, JobError> {
    match tx.report(message, of.vendor(), state).await? {
        Progress::Nothing => Ok(Some("known already")),
        Progress::Further => Ok(None),
        Progress::Proven => {
            tx.tell_crm(crm::Wish::RecordMessage, message.id.0, 1, message.client_id).await?;
            Ok(None)
        }
        Progress::Failed => {
            let Delivery::Failed { class, code } = state else { return Ok(None) };
            match class {
                FailedClass::Unreachable => _ = tx.set_reachable(account, message.client_id, false).await?,
                FailedClass::Credential => _ = break_account(tx, account, code).await?,
                FailedClass::NeedsTemplate => tx.close_window(message.conversation_id).await?,
                FailedClass::Retry | FailedClass::Permanent => {}
            }
            if let Some(message) = tx.outgoing(message.id).await? {
                fallback::next(ctx, tx, &message).await?;
            }
            Ok(None)
        }
    }
}

async fn noticed(tx: &mut Tx, account: ChannelAccountId, notice: &AccountNotice) -> Result<Ignored, JobError> {
    match notice {
        AccountNotice::Template { name, language, status } => {
            Ok((!set_template_status(tx, account, name, language, *status).await?).then_some("about no template in use"))
        }
        AccountNotice::Alert { code } => {
            metrics::counter!("salon_channel_alerts_total").increment(1);
            tracing::warn!(%account, code, "the vendor says that somebody should look at the account");
            Ok(None)
        }
    }
}
