//! Jobs through `JobBackend` with a handler that does nothing, beside pgbench calling the same claim and settlement.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use salon_core::{
    ids::InboundEventId,
    job::{Job, NewJob, Queue, lane},
    store::{Db, Waker},
};
use salon_workers::{
    queue::{Assignment, QueueSettings},
    runtime,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    Result,
    bed::{Amount, Bed},
    figures::{Latencies, Row, median, per_second},
};

const SLOTS: usize = 64;
const BACKLOG: usize = 40_000;
const PGBENCH_CLIENTS: usize = 4;
const PICKUPS: u32 = 500;
const PICKUPS_A_SECOND: u32 = 50;

pub(crate) async fn run(bed: &Bed) -> Result<Vec<Row>> {
    let (mut ours, mut ceilings) = (Vec::new(), Vec::new());
    for round in 1..=bed.options.rounds {
        fill(bed).await?;
        let ceiling = ceiling(bed).await?;
        fill(bed).await?;
        let rate = drain(bed).await?;
        eprintln!("queue round {round}: {rate:.0}/s, pgbench {ceiling:.0}/s");
        ours.push(rate);
        ceilings.push(ceiling);
    }
    let woken = pickup(bed, bed.app.db.clone(), true).await?;
    let config = &bed.app.config.database;
    let quiet = Db::connect(&config.url, config.connections, Waker::none(), bed.app.clock.clone(), bed.app.ids.clone())?;
    let polled = pickup(bed, quiet, false).await?;
    let shares = [("p50", 0.5), ("p95", 0.95), ("max", 1.0)];
    Ok(vec![
        Row::rate(format!("queue: jobs with an empty handler, {SLOTS} slots"), "/s", median(ours), median(ceilings)),
        Row::alone(
            format!("queue: from enqueueing to the handler at {PICKUPS_A_SECOND} a second, woken through Redis, ms"),
            woken.summary(&shares),
        ),
        Row::alone("queue: the same without Redis (polling every 250 ms), ms", polled.summary(&shares)),
    ])
}

/// A backlog of jobs of different lanes.
async fn fill(bed: &Bed) -> Result<()> {
    bed.clean().await?;
    bed.run(format!(
        "insert into job (id, tenant_id, queue, kind, payload, subject_id, lane, class, state, run_at, max_attempts, trace, enqueued_at)
         select id, '{}', 'dialogue', 'handle_inbound', jsonb_build_object('kind', 'handle_inbound', 'inbound_event', id), id, gen_random_uuid(),
           0, 1, now(), 12, '4bf92f3577b34da6a3ce929d0e0e4736', now()
         from (select uuid_now(now()) as id from generate_series(1, {BACKLOG})) x",
        bed.salons[0].tenant
    ))
    .await?;
    bed.run("vacuum analyze job".to_owned()).await?;
    bed.checkpoint().await
}

async fn ceiling(bed: &Bed) -> Result<f64> {
    let batches = BACKLOG / SLOTS / PGBENCH_CLIENTS;
    let script = format!(
        "select array_agg(id)::text as ids, array_agg(fence)::text as fences, array_fill('done'::text, array[count(*)::int])::text as outcomes,
 array_fill(now(), array[count(*)::int])::text as times, array_fill(null::text, array[count(*)::int])::text as errors,
 array_fill(false, array[count(*)::int])::text as free, count(payload), count(trace)
 from job_claim('dialogue', now(), lpad(to_hex(1 + :client_id::bigint), 32, '0')::uuid, {SLOTS}, '15 s') \\gset
select count(*) from job_settle(lpad(to_hex(1 + :client_id::bigint), 32, '0')::uuid, :ids::uuid[], :fences::integer[], :outcomes::text[],
 :times::timestamptz[], :errors::text[], :errors::text[], :free::boolean[]);
"
    );
    let batches_a_second = bed.pgbench("queue", &script, PGBENCH_CLIENTS, Amount::Each(batches)).await?;
    let settled = bed.count("job_finished where queue = 'dialogue' and outcome = 'done'").await?;
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let a_batch = settled as f64 / (batches * PGBENCH_CLIENTS) as f64;
    Ok(batches_a_second * a_batch)
}

/// Jobs a second, from the start of the worker to the last job's handler.
async fn drain(bed: &Bed) -> Result<f64> {
    let (done, all, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()), CancellationToken::new());
    let handler = {
        let (done, all) = (done.clone(), all.clone());
        move |_: Assignment| {
            if done.fetch_add(1, Ordering::Relaxed) + 1 == BACKLOG {
                all.notify_one();
            }
            std::future::ready(Ok(()))
        }
    };
    let began = Instant::now();
    let worker = tokio::spawn(runtime::serve(bed.app.db.clone(), settings(), None, stop.clone(), handler));
    tokio::time::timeout(Duration::from_secs(120), all.notified()).await?;
    let elapsed = began.elapsed();
    stop.cancel();
    worker.await??;
    match bed.count("job_finished").await? {
        finished if finished == i64::try_from(BACKLOG)? => Ok(per_second(BACKLOG, elapsed)),
        finished => Err(format!("{finished} of {BACKLOG} jobs finished").into()),
    }
}

fn settings() -> runtime::Settings {
    runtime::Settings { queues: vec![QueueSettings::new(Queue::Dialogue, SLOTS)], ticker: false }
}

/// From just before the commit to the handler's start, at a rate that leaves the worker idle in between.
async fn pickup(bed: &Bed, db: Db, woken: bool) -> Result<Latencies> {
    bed.clean().await?;
    let begun: Arc<Mutex<HashMap<InboundEventId, Instant>>> = Arc::default();
    let stop = CancellationToken::new();
    let handler = {
        let begun = begun.clone();
        move |assignment: Assignment| {
            if let Job::HandleInbound { inbound_event } = assignment.job {
                begun.lock().unwrap_or_else(PoisonError::into_inner).insert(inbound_event, Instant::now());
            }
            std::future::ready(Ok(()))
        }
    };
    let redis = bed.app.redis.clone().filter(|_| woken);
    let worker = tokio::spawn(runtime::serve(db.clone(), settings(), redis, stop.clone(), handler));
    // The listener subscribes in a task of its own.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut beat = tokio::time::interval(Duration::from_secs(1) / PICKUPS_A_SECOND);
    let mut enqueued = Vec::new();
    for _ in 0..PICKUPS {
        beat.tick().await;
        let mut tx = db.tenant(bed.salons[0].tenant).await?;
        let id: InboundEventId = tx.new_id();
        let own_lane = lane("chat", bed.salons[0].account, &id.to_string());
        tx.enqueue(NewJob::new(Job::HandleInbound { inbound_event: id }).in_lane(own_lane)).await?;
        let committing = Instant::now();
        tx.commit().await?;
        enqueued.push((id, committing));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.cancel();
    worker.await??;
    let begun = begun.lock().unwrap_or_else(PoisonError::into_inner);
    let waits: Vec<Duration> =
        enqueued.iter().filter_map(|(id, at)| Some(begun.get(id)?.saturating_duration_since(*at))).collect();
    if waits.len() < enqueued.len() {
        return Err(format!("{} of {} jobs were picked up", waits.len(), enqueued.len()).into());
    }
    Ok(Latencies::of(waits))
}
