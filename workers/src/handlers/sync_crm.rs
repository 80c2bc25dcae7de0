//! The CRM is told something. What it is told is rendered now, from what is true now. `sending` is committed before the CRM is called:
//! after a crash or a lost answer a look-up comes before a second create.

use std::time::Duration;

use chrono::{DateTime, Utc};
use salon_core::{
    client::Client,
    crm::{Author, ClientCard, CrmCall, Ensured, Intent, NoteCard, Noted, Pace, Subject, UNATTENDED, crm},
    dialogue::Screen,
    ids::{ClientId, IntentId},
    lang::Lang,
    schedule::visit_when,
    tenant::{CrmConnection, Tenant, break_connection, crm_connection, load_tenant},
    vendor::{Class, Failure, Rate},
};
use serde_json::Value;

use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

/// erxes limits one address to 5,000 calls in 15 minutes.
const CRM_RATE: Rate = Rate { count: 5, per: Duration::from_secs(1), burst: 20 };
/// A connection whose credential is broken keeps its work until somebody mends it.
const BROKEN_WAIT: Duration = Duration::from_secs(15 * 60);

/// What is to be told, as it is now.
struct Task {
    intent: Intent,
    connection: CrmConnection,
    client: Client,
    known_as: Option<String>,
    subject: Option<Subject>,
    conversation: Option<String>,
    taken: Vec<String>,
    tenant: Tenant,
    /// When an earlier attempt whose outcome nobody knows was begun.
    begun: Option<DateTime<Utc>>,
}

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment, id: IntentId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(intent) = tx.intent(id).await? else { return Err(JobError::Dead("the intent is gone".into())) };
    // Nothing is held while Redis is asked, which may take a quarter of a second: ended here and not, as when dropped, some time later.
    // And nothing more is read before: of a thousand intents that wait for their turn each comes by once in a while.
    tx.commit().await?;
    let limits = [(format!("crm:{}", intent.connection_id), CRM_RATE)];
    ctx.pacer.acquire(&limits).await.map_err(|after| JobError::Later { after, why: "paced".into() })?;
    let Some(task) = prepare(ctx, assignment, id).await? else { return Ok(()) };
    match tell(ctx, assignment, &task).await {
        Ok(()) => {
            metrics::counter!("salon_crm_total", "outcome" => "done").increment(1);
            Ok(())
        }
        Err(failure) => settle(ctx, assignment, &task, failure).await,
    }
}

async fn prepare(ctx: &Ctx, assignment: &Assignment, id: IntentId) -> Result<Option<Task>, JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(intent) = tx.intent(id).await? else { return Err(JobError::Dead("the intent is gone".into())) };
    if !matches!(intent.state.as_str(), "pending" | "sending") {
        return Ok(None);
    }
    let connection = crm_connection(&mut tx, intent.connection_id, &ctx.keyring).await?;
    let Some(connection) = connection else { return Err(JobError::Dead("the CRM connection is gone".into())) };
    if !connection.status.is_active() {
        return Err(JobError::Later { after: BROKEN_WAIT, why: "the CRM connection is broken".into() });
    }
    let subject = match intent.kind.as_str() {
        "record_message" => tx.message_subject(intent.subject_id).await?,
        "record_booking" => tx.booking_subject(intent.subject_id).await?,
        _ => None,
    };
    let client_id = match &subject {
        Some(subject) => subject.client_id,
        None => (intent.kind == "ensure_client").then_some(ClientId(intent.subject_id)),
    };
    let Some(client_id) = client_id else { return Err(JobError::Dead("the subject is gone".into())) };
    let (mut conversation, mut taken) = (None, Vec::new());
    if let Some(ours) = subject.as_ref().and_then(|subject| subject.conversation_id) {
        conversation = tx.link(connection.id, "conversation", ours.0).await?;
        taken = tx.linked_messages(connection.id, ours).await?;
    }
    let known_as = tx.link(connection.id, "client", client_id.0).await?;
    let client = tx.client(client_id).await?;
    let tenant = load_tenant(&mut tx).await?;
    let begun = (intent.state == "sending").then_some(intent.updated_at);
    drop(tx);
    if begun.is_none() {
        begin(ctx, assignment, id).await?;
    }
    Ok(Some(Task { intent, connection, client, known_as, subject, conversation, taken, tenant, begun }))
}

/// Notes that the CRM is about to be called for the first time. Of two runs of this job only one may believe that: the other one must
/// look first. So the row is read again under its lock.
async fn begin(ctx: &Ctx, assignment: &Assignment, id: IntentId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    if tx.intent(id).await?.is_none_or(|intent| intent.state != "pending") {
        return Err(JobError::Retry("another run of this job has the intent".into()));
    }
    tx.settle_intent(id, "sending", None).await?;
    Ok(tx.commit().await?)
}

async fn tell(ctx: &Ctx, assignment: &Assignment, task: &Task) -> Result<(), TellError> {
    let key = pace_key(&task.intent);
    let customer_id = match (&task.known_as, task.intent.kind.as_str()) {
        (Some(known), "record_message" | "record_booking") => known.clone(),
        _ => {
            let client = ClientCard {
                id: task.client.id,
                known: task.known_as.clone(),
                name: task.client.name.clone(),
                phone: task.client.phone.clone().filter(|_| task.client.phone_verified),
                claimed_phone: None,
                email: None,
                language: task.client.language(),
                channel: None,
                handle: None,
                first_touch: None,
                last_referral: None,
                no_shows: 0,
            };
            let theirs = match crm(task.connection.kind).ensure_client(&call(ctx, task, &key), &client).await? {
                Ensured::Is(theirs) => theirs,
                Ensured::Ambiguous(_) => return Err(Failure::permanent("ambiguous").into()),
            };
            let mut tx = ctx.db.tenant(assignment.tenant).await.map_err(JobError::from)?;
            tx.set_link(task.connection.id, "client", task.client.id.0, &theirs).await.map_err(JobError::from)?;
            tx.commit().await.map_err(JobError::from)?;
            theirs
        }
    };
    let recorded = match message(task, customer_id) {
        Some(message) => Some(record(ctx, task, &message).await?),
        None => None,
    };
    done(ctx, assignment, task, recorded).await.map_err(TellError::Ours)
}

async fn record(ctx: &Ctx, task: &Task, message: &NoteCard) -> Result<Noted, Failure> {
    let key = pace_key(&task.intent);
    let call = call(ctx, task, &key);
    if let Some(begun) = task.begun
        && let Some(found) = crm(task.connection.kind).find_note(&call, message, begun, &task.taken).await?
    {
        return Ok(found);
    }
    crm(task.connection.kind).append_note(&call, message).await
}

fn call<'a>(ctx: &'a Ctx, task: &'a Task, key: &'a str) -> CrmCall<'a> {
    let rate = crm(task.connection.kind).capabilities().rate;
    CrmCall::new(&ctx.http, &task.connection.account, UNATTENDED).paced(Pace { pacer: &ctx.pacer, key, rate })
}

fn pace_key(intent: &Intent) -> String {
    format!("crm:{}", intent.connection_id)
}

/// What a message or a booking says, in the CRM's conversation.
fn message(task: &Task, customer_id: String) -> Option<NoteCard> {
    let subject = task.subject.as_ref()?;
    let author = if subject.direction == "in" { Author::Client } else { Author::Salon };
    let text = match task.intent.kind.as_str() {
        "record_booking" => booking_text(&subject.content, task)?,
        _ => match serde_json::from_value::<Screen>(subject.content.clone()) {
            Ok(screen) if author == Author::Salon => screen.text,
            // A client's words, or what somebody at the salon wrote in the messenger's own app.
            _ => words(&subject.content)?,
        },
    };
    Some(NoteCard { client: customer_id, conversation: task.conversation.clone(), author, text, at: subject.at, in_talk: true })
}

fn words(content: &Value) -> Option<String> {
    let text = content.get("text").and_then(Value::as_str).unwrap_or_default();
    match content.get("media").and_then(Value::as_str) {
        Some(media) => Some(format!("[{media}] {text}").trim().to_owned()),
        None if text.is_empty() => None,
        None => Some(text.to_owned()),
    }
}

fn booking_text(content: &Value, task: &Task) -> Option<String> {
    let lang = task.tenant.speak(None);
    let field = |name: &str| content.get(name).and_then(Value::as_str);
    let start = field("start")?.parse::<DateTime<Utc>>().ok()?;
    let titles = content.get("service");
    let service =
        titles.and_then(|titles| titles.get(lang.code()).or_else(|| titles.as_object()?.values().next())).and_then(Value::as_str);
    let status = match (field("status")?, lang) {
        ("booked", Lang::Ru) => "Запись",
        ("booked", Lang::En) => "Visit booked",
        ("cancelled", Lang::Ru) => "Запись отменена",
        ("cancelled", Lang::En) => "Visit cancelled",
        // What the calendar refused never was a visit.
        _ => return None,
    };
    let what = [service, field("staff")].into_iter().flatten().collect::<Vec<_>>().join(", ");
    Some(format!("{status}: {what}, {}", visit_when(start, task.tenant.zone, lang)))
}

async fn done(ctx: &Ctx, assignment: &Assignment, task: &Task, recorded: Option<Noted>) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    if let (Some(recorded), Some(subject)) = (recorded, &task.subject) {
        let entity = if task.intent.kind == "record_booking" { "booking" } else { "message" };
        tx.set_link(task.connection.id, entity, task.intent.subject_id, &recorded.note).await?;
        if let (Some(conversation), Some(theirs)) = (subject.conversation_id, &recorded.conversation) {
            tx.set_link(task.connection.id, "conversation", conversation.0, theirs).await?;
        }
    }
    tx.settle_intent(task.intent.id, "done", None).await?;
    Ok(tx.commit().await?)
}

/// Ours or theirs.
enum TellError {
    Theirs(Failure),
    Ours(JobError),
}

impl From<Failure> for TellError {
    fn from(failure: Failure) -> Self {
        Self::Theirs(failure)
    }
}

impl From<JobError> for TellError {
    fn from(error: JobError) -> Self {
        Self::Ours(error)
    }
}

async fn settle(ctx: &Ctx, assignment: &Assignment, task: &Task, error: TellError) -> Result<(), JobError> {
    let failure = match error {
        TellError::Ours(error) => return Err(error),
        TellError::Theirs(failure) => failure,
    };
    metrics::counter!("salon_crm_total", "outcome" => failure.class.as_str()).increment(1);
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let error = match failure.class {
        // Stays `sending`: the next attempt looks first. On the last one it is a dead letter that says so.
        Class::Unknown => JobError::Retry(failure.to_string()),
        Class::Retry { after } => {
            // An earlier attempt may still have been carried out.
            if task.begun.is_none() {
                tx.settle_intent(task.intent.id, "pending", Some(&failure)).await?;
            }
            if let Some(after) = after {
                ctx.pacer.pause(&format!("crm:{}", task.connection.id), after).await;
            }
            failure.clone().into()
        }
        Class::Credential => {
            break_connection(&mut tx, task.connection.id, &failure.to_string()).await?;
            tx.settle_intent(task.intent.id, "pending", Some(&failure)).await?;
            JobError::Later { after: BROKEN_WAIT, why: failure.to_string() }
        }
        Class::Permanent | Class::Unreachable | Class::NeedsTemplate => {
            tx.settle_intent(task.intent.id, "failed", Some(&failure)).await?;
            JobError::Dead(failure.to_string())
        }
    };
    tx.commit().await?;
    Err(error)
}
