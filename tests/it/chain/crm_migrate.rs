//! A salon changes its CRM with `salon-core crm migrate`, as an operator runs it: a process that can be killed.

use std::{
    collections::BTreeMap,
    process::{Child, Stdio},
};

use salon_core::ids::{BookingId, ClientId, ConnectionId};
use salon_sandbox::{Scenario, fault::Fault};
use serde_json::json;
use uuid::Uuid;

use super::{
    Chain, Salon,
    crm_storm::{BITRIX24, ERXES, ESPOCRM, Provider, book, once},
    minutes, neighbour,
};
use crate::commands::{Ran, command, run};

type Told = Vec<(ClientId, BookingId)>;

/// A salon and its neighbour whose clients and visits erxes knows.
async fn with_erxes(to: &Provider, told: usize) -> (Chain, Told, Told) {
    let seed = to.seed.map(|seed| (to.vendor.to_owned(), seed())).into_iter().collect();
    let chain = Chain::with_crm(salon_core::crm::UNATTENDED, &Scenario { seed }, fast).await;
    let ours = book(&chain, &chain.lotos, 0..told).await;
    let theirs = book(&chain, &chain.roza, 100..102).await;
    chain.pass(minutes(5)).await;
    assert_eq!((ERXES.clients)(&chain.sandbox).len(), told + 2);
    (chain, ours, theirs)
}

/// The tenant file with erxes as fast as it likes.
fn fast(salon: &str) -> String {
    salon.replace("  brand_id: brandLotos\n", "  brand_id: brandLotos\n  per_second: 1000\n")
}

/// Names the new CRM beside the old one.
async fn name(chain: &Chain, to: &Provider) {
    chain.open(&format!("{}\n{}\n", fast(super::SALON), to.section)).await;
}

fn erxes_is(chain: &Chain, away: bool) {
    let kinds: &[Fault] = if away { &[Fault::Status { code: 500 }] } else { &[] };
    chain.sandbox.world.faults.set_weather("erxes", 100, kinds, 1);
}

fn migrating(chain: &Chain, to: &Provider, more: &[&str]) -> std::process::Command {
    let args = [&["crm", "migrate", "lotos", "--from", "erxes", "--to", to.vendor], more].concat();
    let mut command = command(&chain.world, &args);
    command.env("SALON_CLOCK_FILE", &chain.clock_file);
    command
}

async fn migrate(chain: &Chain, to: &Provider, more: &[&str]) -> Ran {
    let command = migrating(chain, to, more);
    tokio::task::spawn_blocking(move || run(command)).await.unwrap()
}

/// Runs it until so many rows were handed over, which it can't get beyond while no worker tells them, and no further.
async fn copying(chain: &Chain, to: &Provider, batch: &str, handed: i64) -> Child {
    let mut command = migrating(chain, to, &["--batch", batch]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    chain.until("a batch", async || (counts(chain).await.iter().sum::<i64>() == handed).then_some(())).await;
    child
}

/// How much open work, clients, visits and enquiries were handed over.
async fn counts(chain: &Chain) -> Vec<i64> {
    let rows: Vec<(i64, i64, i64, i64)> = chain
        .rows(
            &chain.lotos,
            "select work, clients, visits, enquiries from crm_migration where tenant_id = $1 order by id desc limit 1",
        )
        .await;
    rows.into_iter().flat_map(|(work, clients, visits, enquiries)| [work, clients, visits, enquiries]).collect()
}

/// All that the database holds of the salon's CRMs.
async fn rows_of(chain: &Chain, salon: &Salon) -> Vec<(String,)> {
    chain
        .rows(
            salon,
            "select md5(string_agg(line, e'\\n' order by line)) from (
               select i::text as line from crm_intent i where tenant_id = $1 union all select l::text from crm_link l where tenant_id = $1
               union all select j::text from job j where tenant_id = $1 union all select m::text from crm_migration m where tenant_id = $1
               union all select c::text from connection c where tenant_id = $1 union all select a::text from audit_log a where tenant_id = $1
             ) lines",
        )
        .await
}

/// Intents by CRM and state.
async fn intents(chain: &Chain, salon: &Salon) -> BTreeMap<String, i64> {
    let rows: Vec<(String, i64)> = chain
        .rows(
            salon,
            "select c.kind || ' ' || i.state, count(*) from crm_intent i join connection c on c.id = i.connection_id
             where i.tenant_id = $1 group by 1",
        )
        .await;
    rows.into_iter().collect()
}

async fn is_enabled(chain: &Chain, kind: &str) -> bool {
    let rows: Vec<(String, bool)> = chain
        .rows(&chain.lotos, "select kind, coalesce((settings ->> 'enabled')::boolean, true) from connection where tenant_id = $1")
        .await;
    rows.iter().any(|(found, enabled)| found == kind && *enabled)
}

/// Each client and each visit is there once, and nothing else.
fn complete(chain: &Chain, to: &Provider, told: &Told) {
    let clients = told.iter().map(|(client, _)| client.to_string()).collect();
    once(to.vendor, "client", clients, (to.clients)(&chain.sandbox));
    let visits = told.iter().map(|(_, booking)| booking.to_string()).collect();
    once(to.vendor, "visit", visits, (to.visits)(&chain.sandbox));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_salon_goes_from_erxes_to_bitrix24_while_erxes_is_away() {
    changes(&BITRIX24).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_salon_goes_from_erxes_to_espocrm_while_erxes_is_away() {
    changes(&ESPOCRM).await;
}

async fn changes(to: &Provider) {
    let (mut chain, mut ours, _) = with_erxes(to, 5).await;
    erxes_is(&chain, true);
    ours.extend(book(&chain, &chain.lotos, 5..7).await);
    book(&chain, &chain.roza, 105..106).await;
    chain.idle().await;
    chain.rest().await;
    name(&chain, to).await;
    let (before, neighbour_before) = (rows_of(&chain, &chain.lotos).await, rows_of(&chain, &chain.roza).await);

    let dry = migrate(&chain, to, &["--dry-run"]).await;
    assert_eq!(dry.code, 0, "{}", dry.err);
    for line in [
        &format!("clients: 5, of them linked at {} already: 0", to.vendor),
        "visits to come: 7",
        "open work of erxes: 4, of it parked: 0",
        "dead letters of erxes: 0",
    ] {
        assert!(dry.out.contains(line), "{line}: {}", dry.out);
    }
    assert_eq!(rows_of(&chain, &chain.lotos).await, before, "a dry run writes nothing");

    // Killed between batches, and begun again: nothing is lost, nothing is doubled.
    for handed in [2, 4] {
        let mut child = copying(&chain, to, &handed.to_string(), handed).await;
        let second = migrate(&chain, to, &[]).await;
        assert!(second.code == 1 && second.err.contains("is at work"), "{} {}", second.code, second.err);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(counts(&chain).await, [4, 0, 0, 0]);
    let early = migrate(&chain, to, &["--confirm"]).await;
    assert!(early.code == 1 && early.err.contains("not all is handed over"), "{}", early.err);
    chain.start_workers();
    let all = migrate(&chain, to, &["--batch", "5"]).await;
    assert_eq!(all.code, 0, "{}", all.err);
    assert!(all.out.contains(": ready\n"), "{}", all.out);
    assert_eq!(counts(&chain).await, [4, 5, 7, 0]);
    chain.pass(minutes(5)).await;
    complete(&chain, to, &ours);

    let confirmed = migrate(&chain, to, &["--confirm"]).await;
    assert_eq!(confirmed.code, 0, "{}", confirmed.err);
    assert!(confirmed.out.contains("set `enabled: false` under `erxes:`"), "{}", confirmed.out);
    assert!(!is_enabled(&chain, "erxes").await && is_enabled(&chain, to.vendor).await);
    let of_erxes = intents(&chain, &chain.lotos).await;
    assert_eq!(of_erxes.keys().filter(|key| key.starts_with("erxes")).collect::<Vec<_>>(), ["erxes done", "erxes moved"]);
    // What comes now goes to the new one alone.
    ours.extend(book(&chain, &chain.lotos, 7..8).await);
    chain.idle().await;
    complete(&chain, to, &ours);
    assert_eq!(of_erxes["erxes moved"], intents(&chain, &chain.lotos).await["erxes moved"]);
    let again = migrate(&chain, to, &["--reverse"]).await;
    assert!(again.code == 1 && again.err.contains("from erxes to"), "{}", again.err);

    neighbour_is_untouched(&chain, &neighbour_before).await;
    let audited: Vec<(String,)> = chain
        .rows(&chain.lotos, "select action from audit_log where tenant_id = $1 and action like 'crm_migration.%' order by id")
        .await;
    assert_eq!(audited, [("crm_migration.begun".to_owned(),), ("crm_migration.confirmed".to_owned(),)]);
    erxes_is(&chain, false);
    chain.pass(minutes(60)).await;
    assert_eq!((ERXES.clients)(&chain.sandbox).len(), 5 + 3, "the neighbour's are told, ours are not");
    chain.finish_both().await;
}

/// The neighbour still waits for its own CRM. Its jobs went on failing meanwhile, so that only what says where they belong is compared.
async fn neighbour_is_untouched(chain: &Chain, before: &[(String,)]) {
    assert_eq!(before.len(), 1);
    let other: Vec<(i64,)> = chain
        .rows(
            &chain.roza,
            "select (select count(*) from crm_migration where tenant_id = $1)
               + (select count(*) from crm_intent where tenant_id = $1 and (migration_id is not null or state = 'moved'))
               + (select count(*) from connection where tenant_id = $1 and settings -> 'enabled' <> 'true' and kind <> 'calcom')",
        )
        .await;
    assert_eq!(other, [(0,)]);
    let theirs = intents(chain, &chain.roza).await;
    assert!(theirs.keys().all(|key| key.starts_with("erxes ")), "{theirs:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_reversed_and_the_old_crm_gets_its_work_back() {
    let to = &BITRIX24;
    let (mut chain, mut ours, _) = with_erxes(to, 3).await;
    erxes_is(&chain, true);
    ours.extend(book(&chain, &chain.lotos, 3..5).await);
    chain.idle().await;
    chain.rest().await;
    name(&chain, to).await;
    let neighbour_before = rows_of(&chain, &chain.roza).await;
    let mut child = copying(&chain, to, "4", 4).await;
    let busy = migrate(&chain, to, &["--reverse"]).await;
    assert!(busy.code == 1 && busy.err.contains("is at work"), "{}", busy.err);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(intents(&chain, &chain.lotos).await.get("erxes moved"), Some(&4));

    let reversed = migrate(&chain, to, &["--reverse"]).await;
    assert_eq!(reversed.code, 0, "{}", reversed.err);
    assert!(reversed.out.contains("given back to erxes: 4; not told to bitrix24 any more: 4"), "{}", reversed.out);
    assert_eq!(intents(&chain, &chain.lotos).await.get("bitrix24 moved"), Some(&4));
    assert_eq!(rows_of(&chain, &chain.roza).await, neighbour_before, "the neighbour's rows are as they were");
    assert_eq!(chain.db.unaccounted().await.unwrap(), []);

    erxes_is(&chain, false);
    chain.start_workers();
    chain.pass(minutes(60)).await;
    let of_us = intents(&chain, &chain.lotos).await;
    assert!(!of_us.contains_key("erxes moved") && !of_us.contains_key("erxes pending"), "{of_us:?}");
    assert_eq!((ERXES.clients)(&chain.sandbox).len(), 5 + 2);
    assert_eq!((ERXES.visits)(&chain.sandbox).len(), 5 + 2, "each visit is noted once");
    assert_eq!((to.clients)(&chain.sandbox), Vec::<String>::new(), "nothing of the copy was told");

    // Another change is a new one, and takes up what the first had withdrawn.
    let all = migrate(&chain, to, &[]).await;
    assert_eq!(all.code, 0, "{}", all.err);
    chain.pass(minutes(5)).await;
    complete(&chain, to, &ours);
    assert_eq!(migrate(&chain, to, &["--confirm"]).await.code, 0);
    chain.finish_both().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_confirmed_while_a_client_is_parked_or_a_letter_is_dead() {
    let to = &BITRIX24;
    let (chain, ours, _) = with_erxes(to, 3).await;
    // Two contacts there have the first client's number; the second client's record is refused.
    let twin = |name: &str| json!({"name": name, "fm": [{"typeId": "PHONE", "valueType": "MOBILE", "value": "+79161000000"}]});
    let twins = json!({"records": {"contacts": [twin("A"), twin("B")]}});
    chain.sandbox.plant(&Scenario { seed: BTreeMap::from([(to.vendor.to_owned(), twins)]) }).unwrap();
    name(&chain, to).await;
    chain.plan(to.vendor, "crm.item.add", Fault::Status { code: 400 }, 1);
    let all = migrate(&chain, to, &[]).await;
    assert_eq!(all.code, 0, "{}", all.err);
    chain.idle().await;
    assert!(chain.faults_are_used_up());

    let refused = migrate(&chain, to, &["--confirm"]).await;
    assert_eq!(refused.code, 1);
    for left in ["parked 2", "dead 1", "salon-core crm parked lotos", "deadletter list"] {
        assert!(refused.err.contains(left), "{left}: {}", refused.err);
    }
    assert!(is_enabled(&chain, "erxes").await);

    let letters = chain.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert!(chain.db.replay(letters[0].id).await.unwrap());
    chain.idle().await;
    let refused = migrate(&chain, to, &["--confirm"]).await;
    assert!(refused.code == 1 && refused.err.contains("parked 2, dead 0"), "{}", refused.err);

    // A person says which it is.
    let at: Vec<(ConnectionId,)> =
        chain.rows(&chain.lotos, "select id from connection where tenant_id = $1 and kind = 'bitrix24'").await;
    let mut tx = chain.db.tenant(chain.lotos.tenant).await.unwrap();
    let candidates = tx.candidates_of(at[0].0, ours[0].0).await.unwrap().unwrap();
    assert_eq!(candidates.len(), 2);
    tx.set_link(at[0].0, "client", ours[0].0.0, &candidates[0], None).await.unwrap();
    assert_eq!(tx.unpark(at[0].0, ours[0].0).await.unwrap(), 2);
    tx.commit().await.unwrap();
    chain.idle().await;
    let confirmed = migrate(&chain, to, &["--confirm"]).await;
    assert_eq!(confirmed.code, 0, "{}", confirmed.err);
    complete(&chain, to, &ours);
    chain.finish_both().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_needs_two_crms_that_the_salon_has() {
    let to = &BITRIX24;
    let (chain, ..) = with_erxes(to, 1).await;
    let none = migrate(&chain, to, &["--dry-run"]).await;
    assert!(none.code == 2 && none.err.contains("lotos has no bitrix24"), "{}", none.err);
    let same = command(&chain.world, &["crm", "migrate", "lotos", "--from", "erxes", "--to", "erxes"]);
    assert_eq!(tokio::task::spawn_blocking(move || run(same)).await.unwrap().code, 2);
    chain
        .open(&format!("{}\n{}\n", fast(super::SALON), to.section.replace("responsible_id", "enabled: false, responsible_id")))
        .await;
    let off = migrate(&chain, to, &[]).await;
    assert!(off.code == 1 && off.err.contains("bitrix24 is switched off"), "{}", off.err);
    assert!(migrate(&chain, to, &["--status"]).await.out.starts_with("no change"));
    let begun: Vec<(Uuid,)> = chain.rows(&chain.lotos, "select id from crm_migration where tenant_id = $1").await;
    assert_eq!(begun, []);
    // A change of the neighbour's is none of ours.
    chain.open(&neighbour(&format!("{}\n{}\n", fast(super::SALON), to.section))).await;
    assert!(migrate(&chain, to, &["--reverse"]).await.err.contains("is open"));
    chain.finish_both().await;
}
