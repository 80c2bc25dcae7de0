//! A messenger's event takes its turn in the dialogue.

use chrono::TimeDelta;
use salon_core::{
    channel::{self, ChannelEvent, ConsentSignal, EventKind, MessageRef, Sender},
    client::Contact,
    crm,
    dialogue::{Input, Screen},
    ids::{ChannelAccountId, InboundEventId},
    job::{Job, NewJob},
    store::Tx,
};
use serde_json::{Value, json};

use super::{
    attribution,
    turn::{Turn, own_account, sealer},
};
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

/// Telegram lets go of a button's press after 150 s at the latest.
const PRESS_KEEPS: TimeDelta = TimeDelta::seconds(120);

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment, id: InboundEventId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(row) = tx.inbound(id).await? else { return Err(JobError::Dead("the event is gone".into())) };
    if row.state != "received" {
        return Ok(());
    }
    let event: ChannelEvent = serde_json::from_value(row.event).map_err(|error| JobError::unreadable("stored event", &error))?;
    let Some(sender) = &event.sender else {
        tx.end_inbound(id, Some("not a private chat")).await?;
        return Ok(tx.commit().await?);
    };
    let account_id = ChannelAccountId(row.source_id);
    let input = input(&event.kind);
    let wrote_at = input.is_some().then(|| event.at.unwrap_or(row.received_at).min(tx.now()));
    let contact = tx.meet(account_id, sender, wrote_at).await?;
    let ignored = match input {
        Some(input) => {
            // Whoever writes lets us write.
            tx.set_reachable(account_id, contact.client_id, true).await?;
            let contact = recognise(&mut tx, contact, sender).await?;
            if let Some(referral) = referral(&event.kind) {
                attribution::payload(&ctx.keyring, &mut tx, &contact, referral).await?;
            }
            if let EventKind::Text { text, .. } = &event.kind {
                attribution::text(&mut tx, &contact, text).await?;
            }
            hear(ctx, &mut tx, id, contact, event, input).await?;
            None
        }
        None => unheard(&mut tx, account_id, &contact, &event.kind).await?,
    };
    tx.end_inbound(id, ignored).await?;
    Ok(tx.commit().await?)
}

/// What the dialogue is told, if anything.
fn input(kind: &EventKind) -> Option<Input> {
    match kind {
        EventKind::Start { payload } => Some(Input::Start { payload: payload.clone() }),
        EventKind::Text { text, .. } => Some(Input::Text(text.clone())),
        EventKind::Button { payload, .. } => Some(Input::Choice { token: payload.clone() }),
        EventKind::Contact { phone, own } => Some(Input::Contact { phone: phone.clone(), own: *own }),
        EventKind::Media { .. } => Some(Input::Media),
        _ => None,
    }
}

fn referral(kind: &EventKind) -> Option<&str> {
    match kind {
        EventKind::Start { payload } => payload.as_deref(),
        EventKind::Text { referral, .. } => referral.as_deref(),
        _ => None,
    }
}

/// A number that the channel vouches for with every message need not be asked for, and joins the person with who has it already.
async fn recognise(tx: &mut Tx, mut contact: Contact, sender: &Sender) -> Result<Contact, JobError> {
    let Some(phone) = &sender.phone else { return Ok(contact) };
    if tx.client(contact.client_id).await?.phone_verified {
        return Ok(contact);
    }
    contact.client_id = tx.set_phone(&contact, phone, true).await?;
    tx.tell_crm(crm::Wish::EnsureClient, contact.client_id.0, tx.now().timestamp_millis(), contact.client_id).await?;
    Ok(contact)
}

/// What is no new turn, but has its place in the order of the chat. Returns why nothing came of it, if so.
async fn unheard(
    tx: &mut Tx,
    account: ChannelAccountId,
    contact: &Contact,
    kind: &EventKind,
) -> Result<Option<&'static str>, JobError> {
    match kind {
        EventKind::Consent { signal } => {
            match (signal, signal.reachable()) {
                (_, Some(reachable)) => _ = tx.set_reachable(account, contact.client_id, reachable).await?,
                (ConsentSignal::Unsubscribed, None) => tx.set_advertising(account, contact.client_id, false).await?,
                (_, None) => tx.set_advertising(account, contact.client_id, true).await?,
            }
            Ok(None)
        }
        EventKind::Edited { of: Some(of), text } => match tx.logged(account, &MessageRef::Vendor(of.clone())).await? {
            Some(message) => {
                tx.rewrite(&message, text.as_deref()).await?;
                Ok(Some("an edit is no new turn"))
            }
            None => Ok(Some("an edit of a message that is not here")),
        },
        EventKind::Edited { of: None, .. } => Ok(Some("an edit is no new turn")),
        _ => Ok(Some("not for the dialogue")),
    }
}

async fn hear(
    ctx: &Ctx,
    tx: &mut Tx,
    id: InboundEventId,
    contact: Contact,
    event: ChannelEvent,
    input: Input,
) -> Result<(), JobError> {
    let ChannelEvent { kind, message_id, .. } = event;
    let found = own_account(ctx, tx, &contact).await?;
    let capabilities = channel::adapter(found.kind).capabilities();
    let account = found.account;
    if !capabilities.names_in_events && tx.client(contact.client_id).await?.name.is_none() {
        let conversation = contact.conversation_id;
        tx.enqueue(NewJob::new(Job::LearnName { conversation }).once(format!("name:{conversation}"))).await?;
    }
    let said = match &kind {
        EventKind::Button { payload, .. } => {
            let label = pressed(tx, &contact, &sealer(&account, &contact)?, payload).await?;
            json!({ "text": label, "button": true })
        }
        other => content(other),
    };
    let message = tx.heard(&contact, kind.name(), &said, id, message_id.as_deref()).await?;
    let vouched = matches!(&kind, EventKind::Contact { own: true, .. });
    let client = contact.client_id;
    let waits = Turn { tx, contact, vouched, account: &account }.take(input).await?;
    if matches!(&kind, EventKind::Button { callback_id: Some(_), .. }) || (waits && capabilities.typing) {
        tx.enqueue(NewJob::new(Job::Attend { inbound_event: id }).expires_at(tx.now() + PRESS_KEEPS)).await?;
    }
    tx.tell_crm(crm::Wish::RecordMessage, message.0, 1, client).await?;
    Ok(())
}

/// What the log keeps of it.
fn content(kind: &EventKind) -> Value {
    match kind {
        EventKind::Start { .. } => json!({ "text": "/start" }),
        EventKind::Text { text, .. } => json!({ "text": text }),
        EventKind::Contact { phone, .. } => json!({ "text": phone, "contact": true }),
        EventKind::Media { media, reference, caption, keeps_seconds } => {
            json!({ "text": caption, "media": media, "reference": reference, "keeps_seconds": keeps_seconds })
        }
        _ => json!({}),
    }
}

/// The label of a pressed button, as the last screens showed it.
async fn pressed(
    tx: &mut Tx,
    contact: &Contact,
    sealer: &salon_core::dialogue::TokenSealer,
    payload: &str,
) -> Result<Option<String>, JobError> {
    let Some(token) = sealer.open(payload) else { return Ok(None) };
    let screens = tx.last_screens(contact.conversation_id, 5).await?;
    let choices = screens.into_iter().filter_map(|screen| serde_json::from_value::<Screen>(screen).ok());
    let label = choices
        .flat_map(|screen| screen.choices.into_iter().chain(screen.nav).chain(screen.more))
        .find(|choice| choice.token == token);
    Ok(label.map(|choice| choice.label))
}
