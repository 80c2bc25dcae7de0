//! Free times are asked for and handed to the dialogue.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use salon_core::{
    booking::{CalendarError, SlotQuery, calendar},
    dialogue::{Slot, SystemEvent},
    ids::{ConnectionId, ConversationId, ServiceId, StaffId},
    job::{Job, NewJob},
    schedule::to_utc,
    store::Tx,
    tenant::{Tenant, break_connection, calendar_account, load_catalogue, load_tenant},
    vendor::Class,
};

use super::calendar::{chat_lane, pace, pace_on};
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

/// What the dialogue wants to know.
pub(super) struct Question {
    pub(super) conversation: ConversationId,
    pub(super) request: u64,
    pub(super) service: ServiceId,
    pub(super) staff: Option<StaffId>,
    pub(super) from: NaiveDate,
    pub(super) to: NaiveDate,
}

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment, question: Question) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let tenant = load_tenant(&mut tx).await?;
    let catalogue = load_catalogue(&mut tx).await?;
    let account = calendar_account(&mut tx, &ctx.keyring).await?;
    drop(tx);
    let Some(calendar_connection) = account else {
        return failed(ctx, assignment, question.conversation, question.request).await;
    };
    let masters = catalogue.masters_of(question.service).map(|(master, event_type)| (master.id, event_type));
    let event_types: Vec<(StaffId, i64)> =
        masters.filter(|(master, _)| question.staff.is_none_or(|wanted| wanted == *master)).collect();
    let (from, to) = window(&question, &tenant);
    let mut slots = Vec::new();
    for (n, (staff, event_type_id)) in event_types.into_iter().enumerate() {
        match n {
            0 => pace(ctx, calendar_connection.id).await?,
            _ => pace_on(ctx, calendar_connection.id).await,
        }
        let query = SlotQuery { event_type_id, from, to, zone: tenant.zone };
        match calendar().slots(&ctx.http, &calendar_connection.account, &query).await {
            Ok(starts) => slots.extend(starts.into_iter().map(|start| Slot { start, staff })),
            // One master's event type that is gone must not hide the others' free times.
            Err(CalendarError::NotFound) => tracing::warn!(event_type_id, "the calendar knows no such event type"),
            // The client looks at "one moment" meanwhile: only what a later attempt may cure is worth that.
            Err(CalendarError::Failed(failure))
                if matches!(failure.class, Class::Retry { .. } | Class::Unknown) && !assignment.last_attempt =>
            {
                return Err(failure.into());
            }
            Err(error) => return give_up(ctx, assignment, &question, calendar_connection.id, error).await,
        }
    }
    slots.sort_unstable();
    let event = SystemEvent::SlotsLoaded { request: question.request, slots };
    answer(ctx.db.tenant(assignment.tenant).await?, question.conversation, event).await
}

/// The days in the salon's zone as moments; never before now.
fn window(question: &Question, tenant: &Tenant) -> (DateTime<Utc>, DateTime<Utc>) {
    let midnight = |date: NaiveDate| to_utc(date.and_time(NaiveTime::MIN), tenant.zone);
    (midnight(question.from), midnight(question.to.checked_add_signed(TimeDelta::days(1)).unwrap_or(question.to)))
}

/// The client is told, and may try again; a refused credential stops the connection, so that the salon learns of it.
async fn give_up(
    ctx: &Ctx,
    assignment: &Assignment,
    question: &Question,
    connection: ConnectionId,
    error: CalendarError,
) -> Result<(), JobError> {
    tracing::warn!(%error, "free times could not be read");
    if let CalendarError::Failed(failure) = &error
        && failure.class == Class::Credential
    {
        let mut tx = ctx.db.tenant(assignment.tenant).await?;
        break_connection(&mut tx, connection, &failure.to_string()).await?;
        tx.commit().await?;
    }
    failed(ctx, assignment, question.conversation, question.request).await
}

/// The client is told that there is no answer.
pub(super) async fn failed(
    ctx: &Ctx,
    assignment: &Assignment,
    conversation: ConversationId,
    request: u64,
) -> Result<(), JobError> {
    answer(ctx.db.tenant(assignment.tenant).await?, conversation, SystemEvent::SlotsFailed { request }).await
}

async fn answer(mut tx: Tx, conversation: ConversationId, event: SystemEvent) -> Result<(), JobError> {
    let Some(contact) = tx.contact(conversation).await? else { return Err(JobError::Dead("the conversation is gone".into())) };
    tx.enqueue(NewJob::new(Job::ContinueDialogue { conversation, event }).in_lane(chat_lane(&contact))).await?;
    Ok(tx.commit().await?)
}
