//! Every CRM, told of many visits while it fails in every way it knows: nothing is lost, nothing is there twice.
//!
//! `SALON_CRM_VISITS` sets how many (40 unless told otherwise; docs/performance.md has the figures of 1,000).

#![allow(clippy::print_stdout, reason = "a run tells what it counted")]

use std::{
    collections::BTreeMap,
    ops::Range,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use salon_core::{
    crm::Wish,
    ids::{BookingId, ClientId},
};
use salon_sandbox::{Sandbox, Scenario, fault::Fault};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Chain, Salon, minutes};

/// How long all of it may take. Far above what it does.
const PATIENCE: Duration = Duration::from_secs(1500);
/// A call that hangs is given up after this.
const CALL_PATIENCE: Duration = Duration::from_millis(400);

/// A CRM, and what it holds in the end: by our id or number, how many records of a client and of a visit.
pub(super) struct Provider {
    pub(super) vendor: &'static str,
    pub(super) section: &'static str,
    pub(super) seed: Option<fn() -> Value>,
    pub(super) clients: fn(&Sandbox) -> Vec<String>,
    pub(super) visits: fn(&Sandbox) -> Vec<String>,
}

fn texts(list: &Value, field: &str) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|one| Some(one[field].as_str()?.to_owned())).collect()
}

pub(super) const ERXES: Provider = Provider {
    vendor: "erxes",
    section: "",
    seed: None,
    clients: |sandbox| texts(&sandbox.erxes.snapshot()["customers"], "code"),
    visits: |sandbox| {
        let all = texts(&sandbox.erxes.snapshot()["messages"], "content");
        all.into_iter().filter(|text| text.contains("Запись: ")).collect()
    },
};

pub(super) const ESPOCRM: Provider = Provider {
    vendor: "espocrm",
    section: "espocrm: { base_url: http://sandbox.invalid/espocrm, api_key: stormkey, assigned_user_id: u1, per_second: 1000 }",
    seed: Some(espocrm_seed),
    clients: |sandbox| texts(&sandbox.espocrm.snapshot()["records"]["Contact"], "cExternalId"),
    visits: |sandbox| texts(&sandbox.espocrm.snapshot()["records"]["Meeting"], "cExternalId"),
};

pub(super) fn espocrm_seed() -> Value {
    let text = json!({"type": "varchar", "maxLength": 255});
    json!({
        "users": [{"id": "u1", "userName": "olga", "firstName": "Olga", "lastName": "K", "isActive": true, "type": "regular"}],
        "api_users": [{"id": "api1", "userName": "salon", "key": "stormkey"}],
        "fields": {
            "Contact": {
                "cExternalId": text, "cChannel": text, "cLanguage": text, "cReferralCode": text, "cFirstTouchAt": {"type": "datetime"},
                "cLastReferralCode": text, "cNoShowCount": {"type": "int"},
            },
            "Lead": { "cExternalId": text, "cChannel": text, "cReferralCode": text, "cTrackingCode": text },
            "Meeting": {
                "cExternalId": text, "cBookingStatus": text, "cService": text, "cMaster": text, "cPrice": text, "cCancelReason": text,
            },
        },
    })
}

pub(super) const BITRIX24: Provider = Provider {
    vendor: "bitrix24",
    section: "bitrix24: { base_url: http://sandbox.invalid/bitrix24, user_id: 1, webhook_code: stormcode, responsible_id: 1, per_second: 1000 }",
    seed: Some(bitrix24_seed),
    clients: |sandbox| texts(&sandbox.bitrix24.snapshot()["contacts"], "originId"),
    visits: |sandbox| texts(&sandbox.bitrix24.snapshot()["deals"], "originId"),
};

pub(super) fn bitrix24_seed() -> Value {
    let field =
        |entity: &str, name: &str, kind: &str| json!({"entity": entity, "name": format!("UF_CRM_SALON_{name}"), "type": kind});
    json!({
        "users": [{"id": 1, "name": "Robot", "admin": true, "active": true}],
        "webhooks": [{"user": 1, "code": "stormcode", "scopes": ["crm", "user"]}],
        "limits": {"rate": false, "operating": false},
        "user_fields": [
            field("contact", "CHANNEL", "string"), field("contact", "LANGUAGE", "string"), field("contact", "REFERRAL", "string"),
            field("contact", "FIRST_TOUCH", "datetime"), field("contact", "LAST_REFERRAL", "string"), field("contact", "NO_SHOWS", "integer"),
            field("deal", "STATUS", "string"), field("deal", "SERVICE", "string"), field("deal", "MASTER", "string"),
            field("deal", "PRICE", "string"), field("deal", "REASON", "string"), field("deal", "START", "datetime"),
            field("deal", "END", "datetime"),
        ],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn erxes_in_a_storm_is_told_everything_once() {
    storm(&ERXES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn espocrm_in_a_storm_is_told_everything_once() {
    storm(&ESPOCRM).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bitrix24_in_a_storm_is_told_everything_once() {
    storm(&BITRIX24).await;
}

async fn storm(provider: &Provider) {
    let visits: usize = std::env::var("SALON_CRM_VISITS").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    let seed = provider.seed.map(|seed| (provider.vendor.to_owned(), seed())).into_iter().collect();
    let chain = Chain::with_crm(CALL_PATIENCE, &Scenario { seed }, |salon| with_section(salon, provider)).await;
    let faults = &chain.sandbox.world.faults;
    let begun = Instant::now();
    faults.set_weather(provider.vendor, 30, &ways_to_fail(), 4711);
    let told = book(&chain, &chain.lotos, 0..visits).await;
    let longest = recover(&chain).await;
    let calls = chain.sandbox.world.ledger.total();
    faults.set_weather(provider.vendor, 0, &[], 0);

    println!(
        "storm: {}: {visits} visits of {visits} clients, {calls} calls of all vendors, first retries after {longest} s at most, {} s in all",
        provider.vendor,
        begun.elapsed().as_secs()
    );
    let clients: Vec<String> = told.iter().map(|(client, _)| client.to_string()).collect();
    once(provider.vendor, "client", clients, (provider.clients)(&chain.sandbox));
    if provider.seed.is_some() {
        let bookings: Vec<String> = told.iter().map(|(_, booking)| booking.to_string()).collect();
        once(provider.vendor, "visit", bookings, (provider.visits)(&chain.sandbox));
    } else {
        let there = (provider.visits)(&chain.sandbox);
        assert_eq!(there.len(), visits, "visits are notes there, one each");
    }
    assert!(longest <= 60, "a failed call is made again within a minute, not after {longest} s");
    chain.finish_both().await;
}

/// The salon's tenant file with this CRM and no other.
pub(super) fn with_section(salon: &str, provider: &Provider) -> String {
    if provider.section.is_empty() {
        return salon.to_owned();
    }
    let mut kept = Vec::new();
    let mut inside = false;
    for line in salon.lines() {
        inside = line == "erxes:" || (inside && line.starts_with(' '));
        if !inside {
            kept.push(line);
        }
    }
    format!("{}\n{}\n", kept.join("\n"), provider.section)
}

fn ways_to_fail() -> Vec<Fault> {
    vec![
        Fault::Slow { ms: 30 },
        Fault::Status { code: 500 },
        Fault::Status { code: 502 },
        Fault::Hang,
        Fault::Drop,
        Fault::HangAfterCommit,
        Fault::DropAfterCommit,
        Fault::AnswerAfterCommit { ms: 0, code: Some(500) },
        Fault::Html { code: 502 },
        Fault::Truncated,
        Fault::ErrorInOk,
    ]
}

/// Clients with few names and each a number of their own, and a visit for each, all to be told.
pub(super) async fn book(chain: &Chain, salon: &Salon, which: Range<usize>) -> Vec<(ClientId, BookingId)> {
    const NAMES: [&str; 5] = ["Анна", "Анна Иванова", "Мария", "Anna", "Ольга К"];
    let mut owner = chain.world.owner().await;
    let tenant = salon.tenant;
    let (service, staff): (Uuid, Uuid) =
        sqlx::query_as("select s.id, m.id from service s, staff m where s.tenant_id = $1 and m.tenant_id = $1 limit 1")
            .bind(tenant)
            .fetch_one(&mut owner)
            .await
            .unwrap();
    let now = chain.now();
    let mut told = Vec::new();
    for n in which {
        let mut tx = chain.db.tenant(tenant).await.unwrap();
        let (client, booking): (ClientId, BookingId) = (tx.new_id(), tx.new_id());
        let start: DateTime<Utc> = now + TimeDelta::days(2) + minutes(30 * i64::try_from(n).unwrap());
        sqlx::query(
            "insert into client (id, tenant_id, name, phone, phone_verified, lang, created_at, updated_at) values ($1, $2, $3, $4, true, 'ru', $5, $5)",
        )
        .bind(client)
        .bind(tenant)
        .bind(NAMES[n % NAMES.len()])
        .bind(format!("+7916{:07}", 1_000_000 + n))
        .bind(now)
        .execute(&mut owner)
        .await
        .unwrap();
        sqlx::query(
            "insert into booking (id, tenant_id, client_id, service_id, staff_id, event_type_id, booking_key, origin, start_at, end_at, status, created_at, updated_at)
             values ($1, $2, $3, $4, $5, 1, $6, 'calendar', $7, $8, 'booked', $9, $9)",
        )
        .bind(booking)
        .bind(tenant)
        .bind(client)
        .bind(service)
        .bind(staff)
        .bind(booking.to_string())
        .bind(start)
        .bind(start + minutes(30))
        .bind(now)
        .execute(&mut owner)
        .await
        .unwrap();
        tx.tell_crm(Wish::EnsureClient, client.0, 1, client).await.unwrap();
        tx.tell_crm(Wish::RecordBooking, booking.0, 1, client).await.unwrap();
        tx.commit().await.unwrap();
        told.push((client, booking));
    }
    told
}

/// Lets time pass until everything is told. Returns for how many seconds a call that had failed once waited at most.
async fn recover(chain: &Chain) -> i64 {
    let mut owner = chain.world.owner().await;
    let begun = Instant::now();
    let mut longest = 0;
    loop {
        let open: i64 =
            sqlx::query_scalar("select count(*) from crm_intent where state <> 'done'").fetch_one(&mut owner).await.unwrap();
        if open == 0 {
            return longest;
        }
        assert!(begun.elapsed() < PATIENCE, "{open} intents are still open");
        let dead = chain.db.dead_letters(10_000).await.unwrap();
        if usize::try_from(open).unwrap() == dead.len() {
            // What was given up gets its second chance when the storm is over.
            chain.sandbox.world.faults.clear();
            for letter in &dead {
                assert!(chain.db.replay(letter.id).await.unwrap());
            }
        }
        let waiting: Option<i64> = sqlx::query_scalar(
            "select ceil(extract(epoch from max(run_at) - $1))::bigint from job where kind = 'sync_crm' and failures = 1 and state = 0",
        )
        .bind(chain.now())
        .fetch_one(&mut owner)
        .await
        .unwrap();
        longest = longest.max(waiting.unwrap_or(0));
        if chain.due().await == 0
            && let Some(next) =
                sqlx::query_scalar("select min(run_at) from job where state = 0").fetch_one(&mut owner).await.unwrap()
        {
            chain.go_to(next);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Each of ours is there, and once.
pub(super) fn once(vendor: &str, what: &str, ours: Vec<String>, there: Vec<String>) {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for id in there {
        *count.entry(id).or_default() += 1;
    }
    let missing = ours.iter().filter(|id| !count.contains_key(*id)).count();
    let doubled = count.values().filter(|count| **count > 1).count();
    assert_eq!((missing, doubled, count.len()), (0, 0, ours.len()), "{vendor}: missing, doubled and all {what}s");
}
