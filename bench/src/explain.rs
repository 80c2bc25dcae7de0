//! What the planner makes of the hot queries over full tables: 200,000 jobs, 100,000 events, 50,000 bookings.

use std::time::Duration;

use salon_core::{
    channel::Sender,
    ids::{ChannelAccountId, ClientId, InboundEventId, JobId},
    job::{Job, Queue},
    store::{
        Db, Waker,
        inbound::{Fate, NewInbound},
        queue::{Claimed, Settlement, Verdict},
    },
};
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use crate::{
    Result,
    bed::{Bed, Salon},
    plans::{Plan, ServerLog, log_plans},
};

/// A statement prepared by name gets a plan for any values at the sixth run at the earliest: the seventh tells which it is.
const RUNS: usize = 7;

/// Name, and a piece of the statement by which its plan is known.
type Hot = (&'static str, &'static str);

const CLAIM: &[Hot] = &[
    ("claim: scheduled jobs that became due", "update job j set state = 1"),
    ("claim: expired jobs", "array_agg(x.id)"),
    ("claim: 64 ready jobs, lanes checked", "with free as materialized"),
];
const SETTLE: &[Hot] = &[("settle: is the lease held", "array_agg(n)"), ("settle: out of the live table", "with ended as")];
const NEXT_DUE: &[Hot] = &[("when the next job is due", "min(run_at) from job")];
const RENEW: &[Hot] = &[("renew 64 leases", "with mine as materialized")];
const REAP: &[Hot] = &[("reap expired leases", "filter (where attempt < max_attempts)")];
const REMINDERS: &[Hot] = &[("reminders that are due", "with due as")];
const ENDPOINT: &[Hot] = &[("whose webhook is it", "from endpoint e where")];
const INGEST: &[Hot] = &[("store an event once, with its job", "with item as")];
const MEET: &[Hot] = &[
    ("who wrote", "select client_id from client_identity"),
    ("conversation of a chat", "on conflict (channel_account_id, chat_id)"),
    ("lock a conversation", "select c.id as conversation_id"),
];
const VISITS: &[Hot] = &[("a client's visits to come", "status = 'booked' and start_at >")];
const SCREENS: &[Hot] = &[("the last screens of a talk", "select content from message")];
const MESSAGES: &[Hot] = &[("a page of a salon's messages", "order by m.id desc limit")];
const UNACCOUNTED: &[Hot] = &[("unaccounted: all that is open", "with open_subject")];

/// A Markdown table.
pub(crate) async fn run(bed: &Bed) -> Result<String> {
    let log = bed.options.server_log.as_ref().ok_or("--server-log is needed")?;
    load(bed).await?;
    log_plans(&bed.options.superuser_url, true).await?;
    let table = ask(bed, &mut ServerLog::new(log)?).await;
    log_plans(&bed.options.superuser_url, false).await?;
    table
}

/// Asks everything on one connection, by the calls that the program itself makes.
async fn ask(bed: &Bed, log: &mut ServerLog) -> Result<String> {
    let db = Db::connect(&bed.app.config.database.url, 1, Waker::none(), bed.app.clock.clone(), bed.app.ids.clone())?;
    let (salon, owner) = (&bed.salons[0], Uuid::from_u128(7));
    let mut lines = Vec::new();

    let mut claimed = Vec::new();
    for _ in 0..RUNS {
        claimed = db.claim(Queue::Dialogue, owner, 64, Duration::from_secs(60)).await?;
    }
    note(log, CLAIM, &mut lines)?;
    let held: Vec<JobId> = claimed.iter().map(|job| job.id).collect();
    for _ in 0..RUNS {
        db.renew(owner, &held, Duration::from_secs(60)).await?;
        db.next_due(Queue::Dialogue).await?;
        db.reap().await?;
    }
    note(log, RENEW, &mut lines)?;
    for batch in claimed.chunks(claimed.len().div_ceil(RUNS)) {
        let done = |job: &Claimed| Settlement { id: job.id, fence: job.fence, verdict: Verdict::Done };
        db.settle(owner, &batch.iter().map(done).collect::<Vec<_>>()).await?;
    }
    note(log, SETTLE, &mut lines)?;
    for _ in 0..RUNS {
        db.next_due(Queue::Dialogue).await?;
    }
    note(log, NEXT_DUE, &mut lines)?;
    bed.run("update job set lease_until = now() - interval '1 s' where state = 2 and lease_owner is not null".into()).await?;
    db.reap().await?;
    note(log, REAP, &mut lines)?;
    for _ in 0..RUNS {
        db.enqueue_due_reminders(100).await?;
    }
    note(log, REMINDERS, &mut lines)?;
    conversations(bed, &db, salon, log, &mut lines).await?;
    for _ in 0..RUNS {
        db.unaccounted().await?;
    }
    note(log, UNACCOUNTED, &mut lines)?;
    Ok(format!("| query | reads | rows filtered away | ms |\n|---|---|---|---|\n{}", lines.concat()))
}

async fn conversations(bed: &Bed, db: &Db, salon: &Salon, log: &mut ServerLog, lines: &mut Vec<String>) -> Result<()> {
    let key = salon.path.rsplit('/').next().unwrap_or_default();
    for _ in 0..RUNS {
        salon_core::tenant::resolve_endpoint(db, key).await?;
    }
    note(log, ENDPOINT, lines)?;
    for number in 0..RUNS {
        db.ingest(&[event(bed, salon, &format!("new-{}", number / 2))]).await?;
    }
    note(log, INGEST, lines)?;
    let sender =
        Sender { chat_id: "64".into(), user_id: "64".into(), name: None, phone: None, language: None, plain_buttons: None };
    let mut contact = None;
    for _ in 0..RUNS {
        let mut tx = db.tenant(salon.tenant).await?;
        contact = Some(tx.meet(ChannelAccountId(salon.account), &sender, None).await?);
    }
    note(log, MEET, lines)?;
    let contact = contact.ok_or("no contact")?;
    let client: ClientId = contact.client_id;
    for _ in 0..RUNS {
        db.tenant(salon.tenant).await?.visits_to_come(client, 10).await?;
    }
    note(log, VISITS, lines)?;
    for _ in 0..RUNS {
        db.tenant(salon.tenant).await?.last_screens(contact.conversation_id, 5).await?;
    }
    note(log, SCREENS, lines)?;
    let web = bed.serve().await?;
    for _ in 0..RUNS {
        messages(bed, salon).await?;
    }
    web.stop().await?;
    note(log, MESSAGES, lines)
}

fn event(bed: &Bed, salon: &Salon, vendor_event_id: &str) -> NewInbound {
    let id = InboundEventId(bed.app.ids.next(&*bed.app.clock));
    NewInbound {
        id,
        tenant: salon.tenant,
        source: "telegram",
        source_id: salon.account,
        vendor_event_id: vendor_event_id.to_owned(),
        kind: "text",
        event: json!({ "text": "x" }),
        raw: b"{}".to_vec(),
        fate: Fate::Work(Job::HandleInbound { inbound_event: id }, Some(Uuid::from_u128(1))),
        trace: None,
    }
}

/// As the erxes gateway asks.
async fn messages(bed: &Bed, salon: &Salon) -> Result<()> {
    let query = format!(r#"{{ salonMessages(tenantId: "{}", limit: 20) {{ list {{ _id }} }} }}"#, salon.tenant);
    let config = &bed.app.config;
    let mut request = reqwest::Client::builder()
        .no_proxy()
        .build()?
        .post(format!("http://{}/graphql", config.listen.graphql))
        .header("userid", "bench")
        .header("user", "eyJfaWQiOiJiZW5jaCIsImlzT3duZXIiOnRydWV9")
        .json(&json!({ "query": query }));
    if let Some(secret) = config.security.router_secret.as_ref() {
        request = request.header("router-authorization", secret.expose_secret());
    }
    let answer: serde_json::Value = request.send().await?.json().await?;
    if answer.get("errors").is_some() || answer["data"].is_null() {
        return Err(format!("salonMessages: {answer}").into());
    }
    Ok(())
}

/// The last plan that was logged of each.
fn note(log: &mut ServerLog, hot: &[Hot], lines: &mut Vec<String>) -> Result<()> {
    let plans = log.plans()?;
    for (name, piece) in hot {
        let found: Option<&Plan> = plans.iter().rev().find(|plan| plan.query.contains(piece));
        let plan = found.ok_or_else(|| format!("no plan was logged of {name:?}"))?;
        lines.push(format!("| {name} | {} | {:.0} | {:.2} |\n", plan.reads(), plan.filtered(), plan.millis));
    }
    Ok(())
}

/// Jobs: 120,000 ready in 40,000 lanes, 75,000 scheduled of which 500 are due, 5,000 running. Two thirds are other queues'.
const JOBS: &str = "
insert into job (id, tenant_id, queue, kind, payload, subject_id, lane, class, deadline, state, run_at, attempt, max_attempts, fence, lease_owner, lease_until, expires_at, enqueued_at)
select uuid_now(now()), t.ids[1 + n % 64], (array['dialogue', 'outbound', 'crm'])[1 + n % 3], 'handle_inbound',
  jsonb_build_object('kind', 'handle_inbound', 'inbound_event', gen_random_uuid()), gen_random_uuid(),
  lpad(to_hex(case when n > 195000 then 1000000 + n else n % 40000 end), 32, '0')::uuid, n % 3,
  case when n % 2 = 0 then 'infinity' else now() + n * interval '1 s' end,
  case when n > 195000 then 2 when n > 120000 then 0 else 1 end,
  case when n between 120001 and 194500 then now() + (n - 120000) * interval '1 s' else now() - interval '1 s' end, 1, 12, 1,
  case when n > 195000 then gen_random_uuid() end, case when n > 195000 then now() + interval '1 h' end,
  case when n % 5 = 0 then now() + interval '1 day' end, now()
from generate_series(1, 200000) n, (select array_agg(id order by slug) as ids from tenant) t";

const PEOPLE: &[&str] = &[
    "insert into client (id, tenant_id, name, created_at, updated_at)
     select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, t.id, 'Client ' || n, now(), now()
     from generate_series(1, 20000) n join (select id, row_number() over (order by slug) - 1 as k from tenant) t on t.k = n % 64",
    "insert into client_identity (tenant_id, channel_account_id, external_id, client_id, created_at, updated_at)
     select c.tenant_id, a.id, right(c.name, -7), c.id, now(), now() from client c join channel_account a using (tenant_id)",
    "insert into conversation (id, tenant_id, channel_account_id, chat_id, client_id, session, last_inbound_at, created_at, updated_at)
     select uuid_now(now()), tenant_id, channel_account_id, external_id, client_id, '{}', now(), now(), now() from client_identity",
    "insert into message (id, tenant_id, conversation_id, client_id, channel_account_id, direction, kind, content, state, created_at, updated_at)
     select uuid_now(now()), tenant_id, id, client_id, channel_account_id, case when n % 2 = 0 then 'in' else 'out' end, 'text',
       jsonb_build_object('text', repeat('x', 100)), case when n % 2 = 0 then 'received' when n = 5 and chat_id::int % 100 = 0 then 'queued' else 'sent' end, now(), now()
     from conversation, generate_series(1, 10) n",
    "insert into inbound_event (id, tenant_id, source, source_id, vendor_event_id, kind, event, raw, state, received_at)
     select uuid_now(now()), tenant_id, 'telegram', channel_account_id, id || '-' || n, 'text', '{}', repeat('x', 300)::bytea,
       case when n = 1 and chat_id::int % 20 = 0 then 'received' else 'processed' end, now() from conversation, generate_series(1, 5) n",
    "insert into inbound_seen (source_id, vendor_event_id, tenant_id, seen_at) select source_id, vendor_event_id, tenant_id, received_at from inbound_event",
    "insert into booking (id, tenant_id, client_id, event_type_id, booking_key, origin, start_at, end_at, status, created_at, updated_at)
     select uuid_now(now()), tenant_id, id, 1, id || '-' || n, 'calendar', now() + (n - 1) * interval '1 day', now() + (n - 1) * interval '1 day' + interval '1 h',
       case when n = 1 then 'cancelled' else 'booked' end, now(), now() from client, generate_series(1, 5) n where (id::text < '00000000-0000-7000-8000-000000002711')",
    "insert into reminder (id, tenant_id, booking_id, kind, booking_version, due_at, expires_at, state, created_at, updated_at)
     select uuid_now(now()), tenant_id, id, 'day_before', 1, start_at - interval '20 h', start_at, case when status = 'booked' then 'planned' else 'superseded' end, now(), now()
     from booking",
];

async fn load(bed: &Bed) -> Result<()> {
    bed.clean().await?;
    bed.run(JOBS.to_owned()).await?;
    for table in PEOPLE {
        bed.run((*table).to_owned()).await?;
    }
    bed.run("vacuum analyze".to_owned()).await?;
    Ok(())
}
