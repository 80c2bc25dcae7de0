//! Signed webhooks into `salon-core serve`, beside pgbench calling the same SQL function once per event.

use std::{sync::Arc, time::Duration};

use crate::{
    Result,
    bed::{Amount, Bed},
    figures::{Row, median},
    load::{Outcome, Requests, closed_loop, open_loop},
};

const CONNECTIONS: usize = 64;
const PGBENCH_CLIENTS: usize = 32;
const OPEN_RATE: u32 = 1000;
const OPEN_SECONDS: u32 = 10;
const CHATS: u64 = 2000;

pub(crate) async fn run(bed: &Bed) -> Result<Vec<Row>> {
    let web = bed.serve().await?;
    let (mut ours, mut ceilings) = (Vec::new(), Vec::new());
    let address = bed.app.config.listen.ingress;
    let time = Duration::from_secs(bed.options.seconds);
    // Warm: connections, caches, prepared statements.
    closed_loop(address, CONNECTIONS, 0..2_000, time, &requests(bed, 0)).await?;
    for round in 1..=bed.options.rounds {
        bed.clean().await?;
        let script = ceiling(bed, round);
        ceilings.push(bed.pgbench("ingress", &script, PGBENCH_CLIENTS, Amount::Seconds(bed.options.seconds)).await?);
        bed.clean().await?;
        let outcome = closed_loop(address, CONNECTIONS, 0..u64::MAX, time, &requests(bed, round)).await?;
        durable(bed, &outcome).await?;
        eprintln!("ingress round {round}: {:.0}/s, pgbench {:.0}/s", outcome.rate(), ceilings.last().unwrap_or(&0.0));
        ours.push((outcome.rate(), outcome.latencies.at(0.99)));
    }
    bed.clean().await?;
    let count = u64::from(OPEN_RATE * OPEN_SECONDS);
    let open = open_loop(address, CONNECTIONS, OPEN_RATE, 0..count, &requests(bed, 99)).await?;
    durable(bed, &open).await?;
    web.stop().await?;
    let rate = median(ours.iter().map(|(rate, _)| *rate).collect());
    let p99 = median(ours.iter().map(|(_, p99)| *p99).collect());
    Ok(vec![
        Row::rate("ingress: signed webhooks durable and answered, 64 connections", "/s", rate, median(ceilings)),
        Row::alone("ingress: p99 at that full load", format!("{p99:.1} ms")),
        Row::alone(
            format!("ingress: at {OPEN_RATE} a second (open loop), ms"),
            open.latencies.summary(&[("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)]),
        ),
    ])
}

/// Two salons, many chats, one text message each time. A round has update ids of its own.
fn requests(bed: &Bed, round: u64) -> Requests {
    let salons = bed.salons[..2].to_vec();
    Arc::new(move |number| {
        let salon = &salons[usize::from(number % 2 == 1)];
        salon.message(round * 1_000_000_000 + number, 1_000_000 + number % CHATS, "Здравствуйте! Можно записаться на завтра?")
    })
}

/// An answer that is not behind a row would make the rate worthless.
async fn durable(bed: &Bed, outcome: &Outcome) -> Result<()> {
    let stored = bed.count("inbound_event e join job j on j.subject_id = e.id").await?;
    if outcome.refused > 0 || i64::try_from(outcome.answered)? != stored {
        return Err(format!("answered {} and refused {}, stored {stored}", outcome.answered, outcome.refused).into());
    }
    Ok(())
}

/// What the ingress would say for one event, without the HTTP before it and without its batches. The ids grow as UUIDv7 do.
fn ceiling(bed: &Bed, round: u64) -> String {
    let now = bed.app.clock.now().timestamp_millis();
    let prefix = &format!("{now:012x}")[..8];
    let (tenant, account) = (bed.salons[0].tenant, bed.salons[0].account);
    let event = r#"{"vendor_event_id": "1000000001", "sender": {"chat_id": "1000001", "user_id": "1000001", "name": "Мария Петрова", "language": "ru"}, "kind": "text", "text": "Здравствуйте! Можно записаться на завтра?"}"#;
    let raw = hex(&bed.salons[0].message(1, 1_000_001, "Здравствуйте! Можно записаться на завтра?")[200..]);
    format!(
        "\\set n :n + 1
\\set lane random(0, {CHATS} - 1)
select ingest(array[('{prefix}' || lpad(to_hex({round} * 1000000000000 + :n::bigint * 64 + :client_id::bigint), 24, '0'))::uuid], array['{tenant}'::uuid],
 array['telegram'], array['{account}'::uuid], array[:client_id::text || '-' || :n::text], array['text'], array['{event}'::jsonb],
 array['\\x{raw}'::bytea], array['received'], array[null::text], array['handle_inbound'], array['dialogue'],
 array[lpad(to_hex(:lane::bigint), 32, '0')::uuid], array[0::smallint], array[12], array['4bf92f3577b34da6a3ce929d0e0e4736'], now());
"
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
