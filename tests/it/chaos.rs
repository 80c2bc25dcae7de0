//! Processes that die in the middle of the story, again and again, and vendors whose answers get lost after the work is done: to a
//! product that was killed between the two, they are the same. Whatever was under way, nothing is lost and nothing is done twice.
//!
//! ```text
//! cargo build --workspace --bins && SALON_CHAOS_KILLS=200 cargo test --test it chaos -- --nocapture
//! ```
//!
//! A run prints its seed; `SALON_CHAOS_SEED` repeats its decisions (the machine's own timing is not repeated).
#![allow(clippy::print_stdout, reason = "a run tells its seed, where its logs are, and what it counted")]

mod audit;
mod client;
mod system;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use audit::Audit;
use chrono::{DateTime, Utc};
use client::{Client, Person};
use sqlx::PgConnection;
use system::{SALONS, System, bot};

use crate::harness::Services;

/// As many as an ordinary test run has time for.
const KILLS: usize = 30;
const CLIENTS: i64 = 12;

/// Decisions that a seed repeats (splitmix64).
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, and without, `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text:?}")))
}

/// Looks until `see` finds something.
async fn until<T>(what: &str, patience: Duration, mut see: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = see().await {
            return seen;
        }
        assert!(begun.elapsed() < patience, "{what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The clients at their phones, until they are called home.
struct Crowd {
    stop: Arc<AtomicBool>,
    clients: Vec<tokio::task::JoinHandle<Client>>,
}

impl Crowd {
    fn start(system: &System, people: Vec<Person>, random: &mut Random) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let clients = people.into_iter().map(|person| {
            let client = Client::new(person, Arc::clone(&system.sandbox.telegram), Random(random.next()));
            tokio::spawn(client.live(Arc::clone(&stop)))
        });
        Self { clients: clients.collect(), stop }
    }

    async fn come_home(self) -> Vec<Client> {
        self.stop.store(true, Ordering::Relaxed);
        let mut home = Vec::new();
        for client in self.clients {
            home.push(client.await.unwrap());
        }
        home
    }
}

/// Until everything that was begun has ended, and no vendor holds anything back. What only waits for its next attempt is not waited for:
/// the clock goes there.
async fn drain(system: &System) {
    let mut owner = system.world.owner().await;
    let (mut quiet, mut begun) = (0, Instant::now());
    while quiet < 5 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let left = Left::read(&mut owner).await;
        let delivered = SALONS.iter().all(|(_, n)| system.sandbox.telegram.is_settled(bot(*n)));
        quiet = if left.total == 0 && delivered { quiet + 1 } else { 0 };
        if let (0, Some(next), true) = (left.active, left.next, delivered) {
            // A worker may have taken it meanwhile: then the clock is past that moment already.
            if system.sandbox.clock.advance_to(next).is_ok() {
                begun = Instant::now();
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "the queues never ran dry: {left:?}");
    }
}

/// What the live jobs are.
#[derive(Debug, sqlx::FromRow)]
struct Left {
    total: i64,
    /// Due or running.
    active: i64,
    /// When the first of the others is due.
    next: Option<DateTime<Utc>>,
    #[allow(dead_code, reason = "for the message of a failed run")]
    kinds: Option<String>,
}

impl Left {
    async fn read(owner: &mut PgConnection) -> Self {
        let sql = "select count(*) as total, count(*) filter (where state <> 0) as active, min(run_at) filter (where state = 0) as next,
            string_agg(distinct format('%s, state %s, attempt %s: %s', kind, state, attempt, last_error), '; ') as kinds from job";
        sqlx::query_as(sql).fetch_one(owner).await.unwrap()
    }
}

/// Until the product has called vendors this often, so that a kill falls into work and a slow machine gets on too; or until a process
/// has had the time to come up, which may be the one everything waits for.
async fn some_work(system: &System, calls: usize) {
    let ledger = &system.sandbox.world.ledger;
    let (enough, begun) = (ledger.total() + u64::try_from(calls).unwrap(), Instant::now());
    while ledger.total() < enough && begun.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_kills_lose_nothing_and_double_nothing() {
    let kills = number("SALON_CHAOS_KILLS").map_or(KILLS, |kills| usize::try_from(kills).unwrap());
    let seed = number("SALON_CHAOS_SEED").unwrap_or_else(|| u64::from(std::process::id()) ^ 0x5a10_c0de);
    println!("chaos: SALON_CHAOS_KILLS={kills} SALON_CHAOS_SEED={seed}");
    let mut random = Random(seed);
    let people = Person::crowd(CLIENTS);
    let mut system = System::start("chaos-kills", None, &people).await;
    let begun = Instant::now();
    let crowd = Crowd::start(&system, people, &mut random);
    for _ in 0..kills {
        some_work(&system, 1 + random.below(6)).await;
        system.kill_one(&mut random);
        system.lose_an_answer(&mut random);
    }
    // From here on, what is still to be said arrives.
    system.sandbox.world.faults.clear();
    let killed_for = begun.elapsed();
    let clients = crowd.come_home().await;
    drain(&system).await;
    system.all_must_run();
    let audit = Audit::of(&system, &clients).await;
    println!("chaos: {kills} kills in {} s, {audit}, {} s in all", killed_for.as_secs(), begun.elapsed().as_secs());
    audit.must_be_clean();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_wiped_and_stopped_mid_story_costs_nothing() {
    let mut services = tokio::task::spawn_blocking(Services::start).await.unwrap();
    let mut random = Random(7);
    let people = Person::crowd(4);
    let mut system = System::start("chaos-redis", Some(&services.redis_url), &people).await;
    let begun = Instant::now();
    let crowd = Crowd::start(&system, people, &mut random);
    for command in ["redis-flush", "redis-stop", "redis-start", "redis-flush", "redis-stop"] {
        tokio::time::sleep(Duration::from_secs(2)).await;
        services.tell(command);
    }
    // The last one stays: the rest of the story is told without Redis.
    let clients = crowd.come_home().await;
    drain(&system).await;
    system.all_must_run();
    let audit = Audit::of(&system, &clients).await;
    println!("chaos: Redis wiped twice and stopped twice, {audit}, {} s in all", begun.elapsed().as_secs());
    audit.must_be_clean();
    assert_eq!(audit.resends, 0, "no process died, so no outcome was unknown");
}
