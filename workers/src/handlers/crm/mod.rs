//! A CRM is told something. What it is told is rendered now, from what is true now. `sending` is committed before the CRM is called:
//! after a crash or a lost answer a look-up comes before a second create.

mod compare;
pub(super) mod hint;
pub(super) mod inbox;
mod person;
pub(super) mod reconcile;
mod render;
mod renew;
mod tell;

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use salon_core::{
    crm::{BookingFacts, Intent, Said, Wish},
    ids::{ClientId, ConversationId, IntentId},
    lead::{EnquiryRecord, TouchRecord},
    store::Tx,
    tenant::{CrmConnection, Tenant, crm_connection, load_catalogue, load_tenant},
    vendor::{Class, Failure},
};

use self::tell::{Teller, Undone};
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

/// A connection whose credential is broken, or which is switched off, keeps its work until somebody sees to it.
const BROKEN_WAIT: Duration = Duration::from_secs(15 * 60);

/// Why a run leaves an intent alone.
const TAKEN: &str = "another run of this job has the intent";

/// What is to be told, as it is now.
struct Task {
    intent: Intent,
    connection: CrmConnection,
    tenant: Tenant,
    about: About,
    /// When an earlier attempt whose outcome nobody knows was begun.
    begun: Option<DateTime<Utc>>,
}

/// About what.
enum About {
    Client(ClientId),
    Message(Said),
    Booking(BookingFacts),
    Task(BookingFacts),
    Enquiry(EnquiryRecord, Option<String>),
    Touch(TouchRecord),
    Talk { client: ClientId, conversation: ConversationId, day: NaiveDate, said: Vec<Said> },
}

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment, id: IntentId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(intent) = tx.intent(id).await? else { return Err(JobError::Dead("the intent is gone".into())) };
    // One that has ended waits for no CRM: a change of the CRM leaves the jobs of what it moved behind.
    if !intent.is_to_be_told() {
        return Ok(());
    }
    // Nothing is held while Redis is asked, which may take a quarter of a second: ended here and not, as when dropped, some time later.
    // And nothing more is read before: of a thousand intents that wait for their turn each comes by once in a while.
    tx.commit().await?;
    ctx.crm_turn(intent.connection_id, intent.rate()?).await?;
    let Some(task) = prepare(ctx, assignment, id).await? else { return Ok(()) };
    let teller = Teller::new(ctx, assignment, &task);
    let told = teller.tell().await;
    if teller.has_answered() {
        ctx.crm_worked(task.connection.id);
    }
    match told {
        Ok(()) => {
            metrics::counter!("salon_crm_total", "crm" => task.connection.kind.as_str(), "outcome" => "done").increment(1);
            Ok(())
        }
        Err(Undone::Ours(error)) => Err(error),
        Err(Undone::Parked(client, candidates)) => park(ctx, assignment, &task, client, &candidates).await,
        Err(Undone::Theirs(failure)) => settle(ctx, assignment, &task, failure).await,
    }
}

async fn prepare(ctx: &Ctx, assignment: &Assignment, id: IntentId) -> Result<Option<Task>, JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(intent) = tx.intent(id).await? else { return Err(JobError::Dead("the intent is gone".into())) };
    if !intent.is_to_be_told() {
        return Ok(None);
    }
    let connection = crm_connection(&mut tx, intent.connection_id, &ctx.keyring).await?;
    let Some(connection) = connection else { return Err(JobError::Dead("the CRM connection is gone".into())) };
    if !connection.status.is_active() || !connection.enabled {
        return Err(JobError::Later { after: BROKEN_WAIT, why: "the CRM connection is broken or switched off".into() });
    }
    let tenant = load_tenant(&mut tx).await?;
    let about = about(&mut tx, &intent, &tenant).await?.ok_or_else(|| JobError::Dead("the subject is gone".into()))?;
    let begun = (intent.state == "sending").then_some(intent.updated_at);
    tx.commit().await?;
    if begun.is_none() {
        begin(ctx, assignment, id).await?;
    }
    Ok(Some(Task { intent, connection, tenant, about, begun }))
}

async fn about(tx: &mut Tx, intent: &Intent, tenant: &Tenant) -> Result<Option<About>, JobError> {
    let subject = intent.subject_id;
    Ok(match intent.wish()? {
        Wish::EnsureClient => Some(About::Client(ClientId(subject))),
        Wish::RecordMessage => tx.said(subject).await?.map(About::Message),
        Wish::RecordBooking => tx.booking_facts(subject).await?.map(About::Booking),
        Wish::CreateTask => tx.booking_facts(subject).await?.map(About::Task),
        Wish::AppendTranscript => talk(tx, intent).await?,
        Wish::RecordTouch => tx.touch(subject).await?.map(About::Touch),
        Wish::RecordEnquiry => match tx.enquiry(subject).await? {
            Some(record) => {
                let catalogue = load_catalogue(tx).await?;
                let service = catalogue.services.iter().find(|service| Some(&service.key) == record.service_key.as_ref());
                let title = service.map(|service| service.title(tenant.speak(None)).to_owned());
                Some(About::Enquiry(record, title))
            }
            None => None,
        },
    })
}

async fn talk(tx: &mut Tx, intent: &Intent) -> Result<Option<About>, JobError> {
    let conversation = ConversationId(intent.subject_id);
    let (Some(contact), Some(day)) = (tx.contact(conversation).await?, intent.day()) else { return Ok(None) };
    let said = tx.said_on(conversation, day).await?;
    Ok(Some(About::Talk { client: contact.client_id, conversation, day, said }))
}

/// Notes that the CRM is about to be called for the first time. Of two runs of this job only one may believe that: the other one must
/// look first. So the row is read again under its lock.
async fn begin(ctx: &Ctx, assignment: &Assignment, id: IntentId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    if tx.intent(id).await?.is_none_or(|intent| !matches!(intent.state.as_str(), "pending" | "failed")) {
        return Err(JobError::Retry(TAKEN.into()));
    }
    tx.settle_intent(id, "sending", None).await?;
    Ok(tx.commit().await?)
}

/// Locks the intent, if this run may still say what became of it. The lock comes first: the next run waits for it, so that what is found
/// of the lease holds until the commit.
async fn hold(tx: &mut Tx, assignment: &Assignment, id: IntentId) -> Result<(), JobError> {
    tx.intent(id).await?;
    if assignment.is_held(tx).await? { Ok(()) } else { Err(JobError::Retry(TAKEN.into())) }
}

async fn park(ctx: &Ctx, assignment: &Assignment, task: &Task, client: ClientId, candidates: &[String]) -> Result<(), JobError> {
    metrics::counter!("salon_crm_total", "crm" => task.connection.kind.as_str(), "outcome" => "parked").increment(1);
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    hold(&mut tx, assignment, task.intent.id).await?;
    tx.park_intent(task.intent.id, client, candidates).await?;
    Ok(tx.commit().await?)
}

async fn settle(ctx: &Ctx, assignment: &Assignment, task: &Task, failure: Failure) -> Result<(), JobError> {
    let crm = task.connection.kind.as_str();
    metrics::counter!("salon_crm_total", "crm" => crm, "outcome" => failure.class.as_str()).increment(1);
    if failure.class == Class::Credential {
        renew::or_break(ctx, assignment, &task.connection, &failure).await?;
    }
    ctx.crm_failed(task.connection.id, &failure).await;
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    hold(&mut tx, assignment, task.intent.id).await?;
    let error = match failure.class {
        // Stays `sending`: the next attempt looks first. On the last one it is a dead letter that says so.
        Class::Unknown => JobError::Retry((&failure).into()),
        Class::Retry { .. } => {
            // An earlier attempt may still have been carried out.
            if task.begun.is_none() {
                tx.settle_intent(task.intent.id, "pending", Some(&failure)).await?;
            }
            failure.clone().into()
        }
        Class::Credential => {
            tx.settle_intent(task.intent.id, "pending", Some(&failure)).await?;
            JobError::Later { after: BROKEN_WAIT, why: (&failure).into() }
        }
        Class::Permanent | Class::Unreachable | Class::NeedsTemplate => {
            tx.settle_intent(task.intent.id, "failed", Some(&failure)).await?;
            JobError::Dead((&failure).into())
        }
    };
    tx.commit().await?;
    Err(error)
}
