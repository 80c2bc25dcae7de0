//! From a client's webhook to our answer at Telegram: ingress, dialogue turn, sending, with `salon-core` and `salon-workers` as they
//! run in production. Every turn is the first message of a new client.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    Result,
    bed::{Amount, Bed},
    figures::{Latencies, Row, per_second},
    load::{Requests, closed_loop, open_loop},
};

const CONNECTIONS: usize = 64;
const STEADY_RATE: u32 = 20;
const STEADY_TURNS: u64 = 400;
const BURST: u64 = 2000;
const FIRST_CHAT: u64 = 5_000_000;
const PGBENCH_CLIENTS: usize = 32;

pub(crate) async fn run(bed: &Bed) -> Result<Vec<Row>> {
    bed.clean().await?;
    let web = bed.serve().await?;
    let listen = &bed.app.config.listen;
    let workers = bed.start("salon-workers", &["run", "--queues", "dialogue,outbound"], listen.workers_ops).await?;
    burst(bed, 0..200).await?;

    let steady = steady(bed, 1000).await?;
    let before = statements(web.log(), workers.log())?;
    let commits = commits(bed).await?;
    let turns = 10_000..10_000 + BURST;
    let rate = burst(bed, turns).await?;
    settle(bed).await?;
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let per_turn = |count: u64| count as f64 / BURST as f64;
    let statements = per_turn(statements(web.log(), workers.log())? - before);
    let commits = per_turn(u64::try_from(self::commits(bed).await? - commits)?);
    workers.stop().await?;
    web.stop().await?;
    let ceiling = ceiling(bed, statements).await?;
    Ok(vec![
        Row::rate(
            format!(
                "chain: turns from webhook to answer sent, {BURST} at once ({statements:.0} statements and {commits:.1} commits a turn)"
            ),
            "/s",
            rate,
            ceiling,
        ),
        Row::alone(
            format!("chain: from webhook to answer at Telegram, {STEADY_RATE} a second, ms"),
            steady.summary(&[("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)]),
        ),
    ])
}

/// Chat n belongs to salon n modulo their number.
fn requests(bed: &Bed) -> Requests {
    let salons = bed.salons.clone();
    Arc::new(move |number| {
        let salon = &salons[usize::try_from(number).unwrap_or(0) % salons.len()];
        salon.message(number, FIRST_CHAT + number, "/start")
    })
}

/// Posts these turns as fast as they are taken. Turns a second, from the first post to the last answer at Telegram.
async fn burst(bed: &Bed, turns: std::ops::Range<u64>) -> Result<f64> {
    let (known, count) = (bed.telegram.chats(), usize::try_from(turns.end - turns.start)?);
    let began = Instant::now();
    closed_loop(bed.app.config.listen.ingress, CONNECTIONS, turns, Duration::from_secs(120), &requests(bed)).await?;
    while bed.telegram.chats() < known + count {
        if began.elapsed() > Duration::from_secs(120) {
            return Err(format!("{} of {count} turns were answered", bed.telegram.chats() - known).into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(per_second(count, began.elapsed()))
}

async fn steady(bed: &Bed, first: u64) -> Result<Latencies> {
    let turns = first..first + STEADY_TURNS;
    let began = Instant::now();
    open_loop(bed.app.config.listen.ingress, CONNECTIONS, STEADY_RATE, turns.clone(), &requests(bed)).await?;
    settle(bed).await?;
    let mut times = Vec::new();
    for (step, number) in (0_u32..).zip(turns) {
        // `open_loop` began a little after us: at most the opening of its connections is counted in.
        let intended = began + Duration::from_secs(1) * step / STEADY_RATE;
        let seen = bed.telegram.first_message(FIRST_CHAT + number).ok_or("a turn was not answered")?;
        times.push(seen.saturating_duration_since(intended));
    }
    Ok(Latencies::of(times))
}

/// Until every message is on record as sent. A message at Telegram that the log does not know of would be no full turn. Other
/// jobs (the watch over webhooks, the CRM) are nobody's here.
async fn settle(bed: &Bed) -> Result<()> {
    let (mut messages, mut jobs) = (0, 0);
    for _ in 0..600 {
        messages = bed.count("message where direction = 'out' and state <> 'sent'").await?;
        jobs = bed.count("job where kind in ('handle_inbound', 'send_message')").await?;
        if messages == 0 && jobs == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let dead = bed.count("job_dead").await?;
    Err(format!("{messages} messages were not sent, {jobs} jobs are left, {dead} jobs are dead").into())
}

/// Statements that requests and jobs sent, as their log lines tell.
fn statements(web: &Path, workers: &Path) -> Result<u64> {
    let mut sum = 0;
    for log in [web, workers] {
        for line in std::fs::read_to_string(log)?.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            sum += line["queries"].as_u64().unwrap_or(0);
        }
    }
    Ok(sum)
}

async fn commits(bed: &Bed) -> Result<i64> {
    // Sessions report after a pause.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut owner = bed.owner().await?;
    Ok(sqlx::query_scalar("select xact_commit from pg_stat_database where datname = current_database()")
        .fetch_one(&mut owner)
        .await?)
}

/// As many statements in pgbench as a turn has: four transactions (ingress, turn, begin and end of the send), each with one insert
/// and otherwise look-ups by primary key.
async fn ceiling(bed: &Bed, statements: f64) -> Result<f64> {
    const TRANSACTIONS: usize = 4;
    bed.run(
        "create table if not exists bench_probe (id bigint generated always as identity primary key, body jsonb not null)".into(),
    )
    .await?;
    bed.run("grant select, insert on bench_probe to salon_app".into()).await?;
    bed.run(
        "insert into bench_probe (body) select jsonb_build_object('text', repeat('x', 300)) from generate_series(1, 10000)"
            .into(),
    )
    .await?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    let reads = (statements.round() as usize).saturating_sub(3 * TRANSACTIONS) / TRANSACTIONS;
    let mut script = String::from("\\set id random(1, 10000)\n");
    for _ in 0..TRANSACTIONS {
        script.push_str("begin;\ninsert into bench_probe (body) select body from bench_probe where id = :id;\n");
        script.push_str(&"select body from bench_probe where id = :id;\n".repeat(reads));
        script.push_str("commit;\n");
    }
    let mut rates = Vec::new();
    for _ in 0..bed.options.rounds {
        rates.push(bed.pgbench("chain", &script, PGBENCH_CLIENTS, Amount::Seconds(bed.options.seconds)).await?);
    }
    bed.run("drop table bench_probe".into()).await?;
    Ok(crate::figures::median(rates))
}
