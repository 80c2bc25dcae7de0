//! What people answer clients in a CRM's inbox goes out to the client. The CRM tells nobody of it, so it is asked for the talks of the
//! last days, again and again.
//!
//! **Once.** An answer becomes a message and a link from that message to their id in one transaction, under a lock that every reader of
//! this inbox takes. So it does no harm to read the same again: after a crash, after a lost answer, and by the overlap of two readings.
//! The link also keeps what came from the inbox from being told to it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use salon_core::{
    crm::{INBOX_ACTIVE, InboxReply, InboxTalk, Pace, crm},
    dialogue,
    ids::ConnectionId,
    message::NewOutgoing,
    tenant::{CrmConnection, crm_connection, load_tenant},
    vendor::{Class, Failure, Rate},
};

use super::renew;
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

/// What is written by a clock behind ours, or stored late, falls into this.
const OVERLAP: TimeDelta = TimeDelta::minutes(2);
/// An inbox that is read for the first time is read this far back: since its first talk was linked. What was answered before that was not
/// meant to go out from here.
const FIRST_LOOK: TimeDelta = TimeDelta::minutes(2);
/// An answer that comes a day late is worse than none.
const ANSWER_KEEPS: TimeDelta = TimeDelta::hours(24);
/// Talks looked at in one reading, the latest first: within its time-out at its pace.
const MOST: i64 = 300;
/// Behind what the CRM is told: reading takes a part of the account's pace and never all of it.
const READING: Rate = Rate { count: 2, per: Duration::from_secs(1), burst: 6 };

/// One reading of one inbox.
struct Reading {
    connection: CrmConnection,
    talks: Vec<InboxTalk>,
    since: DateTime<Utc>,
    begun: DateTime<Utc>,
}

pub(in crate::handlers) async fn run(ctx: &Ctx, assignment: &Assignment, id: ConnectionId) -> Result<(), JobError> {
    let Some(reading) = prepare(ctx, assignment, id).await? else { return Ok(()) };
    let connection = &reading.connection;
    let pace = Pace::of(&ctx.pacer, id, connection.rate).and(format!("inbox:{id}"), READING);
    let (adapter, call) = (crm(connection.kind), ctx.crm_call_at(connection, pace));
    for talk in &reading.talks {
        match adapter.replies_since(&call, &talk.theirs, reading.since).await {
            Ok(replies) => pass_on(ctx, assignment, &reading, talk, &replies).await?,
            // This talk will not be read next time either; the others may.
            Err(failure) if failure.class == Class::Permanent => {
                tracing::warn!(connection = %id, code = %failure.code, "a talk of the CRM's inbox could not be read");
            }
            Err(failure) => return give_way(ctx, assignment, &reading, failure).await,
        }
    }
    ctx.crm_worked(id);
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    tx.inbox_read(id, reading.begun).await?;
    Ok(tx.commit().await?)
}

async fn prepare(ctx: &Ctx, assignment: &Assignment, id: ConnectionId) -> Result<Option<Reading>, JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let connection = crm_connection(&mut tx, id, &ctx.keyring).await?;
    let Some(connection) = connection.filter(|found| found.status.is_active() && found.enabled) else { return Ok(None) };
    if !crm(connection.kind).capabilities().inbox {
        return Ok(None);
    }
    let begun = tx.now();
    let read_until = tx.lock_inbox(id, begun - FIRST_LOOK).await?;
    let talks = tx.inbox_talks(id, begun - INBOX_ACTIVE, MOST).await?;
    tx.commit().await?;
    let since = (read_until - OVERLAP).max(begun - ANSWER_KEEPS);
    Ok(Some(Reading { connection, talks, since, begun }))
}

async fn pass_on(
    ctx: &Ctx,
    assignment: &Assignment,
    reading: &Reading,
    talk: &InboxTalk,
    replies: &[InboxReply],
) -> Result<(), JobError> {
    if replies.is_empty() {
        return Ok(());
    }
    let id = reading.connection.id;
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    tx.lock_inbox(id, reading.begun).await?;
    let Some(contact) = tx.contact(talk.ours).await? else { return Ok(()) };
    let lang = load_tenant(&mut tx).await?.speak(tx.client(contact.client_id).await?.language());
    let mut said = 0;
    for reply in replies {
        // Only a file, or nothing: no words that we could send.
        if reply.text.is_empty() || tx.linked(id, "message", &reply.id).await?.is_some() {
            continue;
        }
        let screen = dialogue::from_operator(&reply.text, lang);
        let new = NewOutgoing {
            screen: &screen,
            kind: "operator",
            booking: None,
            reminder: None,
            expires_at: Some(reply.at + ANSWER_KEEPS),
            hop: None,
        };
        let message = tx.say(&contact, new).await?;
        tx.set_link(id, "message", message.0, &reply.id, None).await?;
        said += 1;
    }
    tx.commit().await?;
    metrics::counter!("salon_inbox_replies_total", "crm" => reading.connection.kind.as_str()).increment(said);
    Ok(())
}

/// What could not be read is read next time, from where this reading began.
async fn give_way(ctx: &Ctx, assignment: &Assignment, reading: &Reading, failure: Failure) -> Result<(), JobError> {
    let connection = &reading.connection;
    if failure.class == Class::Credential {
        return renew::or_break(ctx, assignment, connection, &failure).await;
    }
    ctx.crm_failed(connection.id, &failure).await;
    // A CRM that is away leaves no letters for a person to sort.
    if assignment.last_attempt {
        tracing::warn!(connection = %connection.id, %failure, "the CRM's inbox could not be read; the next reading tries again");
        return Ok(());
    }
    Err(failure.into())
}
