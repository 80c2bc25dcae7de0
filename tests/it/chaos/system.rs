//! Two salons, their vendors' stand-ins, and the product as real processes that can be killed.

use std::{
    fs::OpenOptions,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use salon_sandbox::{
    Options, Sandbox, Scenario,
    fault::{Fault, Target},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{Random, client::Person};
use crate::harness::{KEYRING, World};

/// Short, so that a crash costs the story seconds.
const LEASE_SECONDS: &str = "2";
/// A lost delivery is repeated 20 times as fast as Telegram would: the killed process is back by then.
const RETRY_MS_PER_SECOND: u64 = 50;

/// The two salons: name in addresses, and what their vendors' ids begin with.
pub(super) const SALONS: [(&str, i64); 2] = [("lotos", 1), ("roza", 2)];

/// The calls that change something at a vendor, and that no vendor lets us repeat freely.
const CHANGES: [(&str, &str); 5] = [
    ("telegram", "sendMessage"),
    ("calcom", "POST /v2/bookings"),
    ("calcom", "POST /v2/bookings/{bookingUid}/cancel"),
    ("erxes", "widgetsInsertMessage"),
    ("erxes", "conversationMessageAdd"),
];

pub(super) const fn bot(salon: i64) -> i64 {
    6_100_000_000 + salon
}

/// The product's processes, the stand-ins around them, and the database under them.
pub(super) struct System {
    pub(super) world: World,
    pub(super) sandbox: Sandbox,
    processes: Vec<Process>,
    _folder: tempfile::TempDir,
}

struct Process {
    name: String,
    command: Command,
    child: Child,
}

impl Process {
    fn start(name: String, mut command: Command, logs: &Path) -> Self {
        let log = OpenOptions::new().create(true).append(true).open(logs.join(format!("{name}.log"))).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        Self { name, command, child }
    }

    fn kill_and_restart(&mut self) {
        self.must_run();
        // SIGKILL: nothing of the process gets to say goodbye.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = self.command.spawn().unwrap();
    }

    fn must_run(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{} ended by itself: {status}", self.name);
        }
    }
}

/// A test that fails leaves no process behind.
impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl System {
    /// Everything up: one web process, two workers, both salons registered with their vendors. `name` is the folder of the logs.
    pub(super) async fn start(name: &str, redis_url: Option<&str>, people: &[Person]) -> Self {
        let world = World::empty().await;
        let folder = tempfile::tempdir().unwrap();
        let clock_file = folder.path().join("clock");
        let options = Options { clock_file: Some(clock_file.clone()), scenario: scenario(people), ..Options::default() };
        let sandbox = Sandbox::start(options).await.unwrap();
        let logs = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&logs);
        std::fs::create_dir_all(&logs).unwrap();
        println!("chaos: logs in {}", logs.display());

        let redis_url = redis_url.unwrap_or(&world.redis_url).to_owned();
        let ports = free_ports(5);
        let environment = |command: &mut Command, worker: usize| {
            let address = |n: usize| format!("127.0.0.1:{}", ports[n]);
            command
                .env_clear()
                .env("SALON_ENV", "development")
                .env("STRICT_TENANT_CONFIG", "true")
                .env("STRICT_WEBHOOK_SIGNATURE", "true")
                .env("DATABASE_URL", world.app_url.expose_secret())
                .env("REDIS_URL", &redis_url)
                .env("SALON_KEYRING", KEYRING)
                .env("SALON_PUBLIC_URL", format!("http://{}", address(0)))
                .env("SALON_INGRESS_ADDR", address(0))
                .env("SALON_GRAPHQL_ADDR", address(1))
                .env("SALON_OPS_ADDR", address(2))
                .env("SALON_WORKERS_OPS_ADDR", address(3 + worker))
                .env("SALON_JOB_LEASE", LEASE_SECONDS)
                .env("SALON_CLOCK_FILE", &clock_file)
                .env("SALON_LOG", "info");
        };
        for (slug, number) in SALONS {
            let file = folder.path().join(format!("{slug}.yaml"));
            std::fs::write(&file, tenant_file(slug, number, &sandbox.base_url)).unwrap();
            let mut apply = Command::new(env!("CARGO_BIN_EXE_salon-core"));
            environment(&mut apply, 0);
            let output = apply.args(["tenant", "apply", "--register"]).arg(&file).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
        }
        let mut processes = Vec::new();
        for (name, program, args, worker) in [
            ("web", web(), &["serve"][..], 0),
            ("worker-1", workers(), &["run", "--queues", "all"], 0),
            ("worker-2", workers(), &["run", "--queues", "all"], 1),
        ] {
            let mut command = Command::new(program);
            environment(command.args(args), worker);
            processes.push(Process::start(name.to_owned(), command, &logs));
        }
        let system = Self { world, sandbox, processes, _folder: folder };
        for port in [ports[0], ports[3], ports[4]] {
            super::until(&format!("nobody listens on port {port}"), Duration::from_secs(30), async || {
                tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()
            })
            .await;
        }
        system
    }

    /// Kills one of the processes, whichever, and starts it again.
    pub(super) fn kill_one(&mut self, random: &mut Random) {
        let n = random.below(self.processes.len());
        self.processes[n].kill_and_restart();
    }

    /// A vendor does the next thing it is asked to, and its answer never arrives. A kill hits that moment too rarely to count on.
    pub(super) fn lose_an_answer(&self, random: &mut Random) {
        let (vendor, operation) = CHANGES[random.below(CHANGES.len())];
        let target = Target { vendor: vendor.to_owned(), operation: operation.to_owned() };
        let faults = &self.sandbox.world.faults;
        // One at a time: a message that is lost twice in a row is given up, as promised, and that is not what is counted here.
        if !faults.planned().iter().any(|(planned, _)| *planned == target) {
            faults.plan(target, &Fault::DropAfterCommit, 1);
        }
    }

    pub(super) fn all_must_run(&mut self) {
        self.processes.iter_mut().for_each(Process::must_run);
    }
}

fn web() -> PathBuf {
    env!("CARGO_BIN_EXE_salon-core").into()
}

/// Cargo builds only this package's own binaries for its tests.
fn workers() -> PathBuf {
    let path = web().with_file_name("salon-workers");
    assert!(path.exists(), "{} is not there: run `cargo build --workspace --bins` first", path.display());
    path
}

/// Below the ephemeral range, so that no outgoing connection takes one while its process is down. The tests of this process take from
/// different tens: a port is not held until its process has started.
fn free_ports(count: usize) -> Vec<u16> {
    static TENS: AtomicU16 = AtomicU16::new(0);
    let first = 12_000 + u16::try_from(std::process::id() % 700).unwrap() * 10 + TENS.fetch_add(1, Ordering::Relaxed) * 10;
    (first..).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).take(count).collect()
}

fn scenario(people: &[Person]) -> Scenario {
    let bots: Vec<Value> = SALONS
        .iter()
        .map(|(slug, n)| json!({ "token": token(*n), "name": slug, "username": format!("{slug}_salon_bot") }))
        .collect();
    let people: Vec<Value> = people
        .iter()
        .map(|person| {
            json!({ "id": person.id, "first_name": format!("Клиент {}", person.id), "language_code": "ru", "phone": person.phone })
        })
        .collect();
    let telegram = json!({ "bots": bots, "people": people, "manners": { "retry_ms_per_second": RETRY_MS_PER_SECOND } });
    let all = |part: fn(&str, i64) -> Vec<Value>| SALONS.iter().flat_map(|(slug, n)| part(slug, *n)).collect::<Vec<_>>();
    let calendar = json!({ "users": all(calendar_users), "teams": all(calendar_teams), "eventTypes": all(calendar_event_types) });
    let crm = json!({
        "appTokens": all(|slug, n| vec![json!({ "_id": format!("app{n}"), "name": slug, "token": crm_token(slug) })]),
        "brands": all(|slug, n| vec![json!({ "_id": format!("brand{n}"), "name": slug, "code": slug })]),
        "channels": all(|slug, n| vec![json!({ "_id": format!("channel{n}"), "name": slug })]),
        "integrations": all(|slug, n| vec![json!({ "_id": format!("integration{n}"), "kind": "messenger", "name": slug,
            "channelId": format!("channel{n}"), "brandId": format!("brand{n}") })]),
    });
    let seed = [("telegram", telegram), ("calcom", calendar), ("erxes", crm)];
    Scenario { seed: seed.into_iter().map(|(vendor, data)| (vendor.to_owned(), data)).collect() }
}

fn token(salon: i64) -> String {
    format!("{}:chaos-token-of-a-salon-that-is-none", bot(salon))
}

fn crm_token(slug: &str) -> String {
    format!("sk_chaos_{slug}")
}

fn calendar_users(slug: &str, n: i64) -> Vec<Value> {
    let week = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let user = |id: i64, name: &str, login: &str| {
        json!({
            "id": id, "name": name, "email": format!("{login}@{slug}.example"), "username": format!("{login}-{slug}"),
            "timeZone": "Europe/Moscow", "rateLimit": 100_000, "apiKey": format!("cal_live_{login}_{slug}"),
            "schedule": { "timeZone": "Europe/Moscow",
                "availability": [{ "days": week, "startTime": "10:00", "endTime": "20:00" }] },
        })
    };
    vec![user(n * 10 + 1, "Ольга", "olga"), user(n * 10 + 2, "Мария", "maria")]
}

fn calendar_teams(slug: &str, n: i64) -> Vec<Value> {
    let members = json!([{ "userId": n * 10 + 1, "role": "OWNER" }, { "userId": n * 10 + 2, "role": "MEMBER" }]);
    vec![json!({ "id": n, "name": slug, "slug": slug, "timeZone": "Europe/Moscow", "members": members })]
}

/// Haircuts by both, manicures by the second: her two kinds of visits must not overlap either.
fn calendar_event_types(_: &str, n: i64) -> Vec<Value> {
    let kind = |id: i64, host: i64, minutes: i64| {
        json!({
            "id": n * 100 + id, "teamId": n, "title": format!("Visit {id}"), "slug": format!("visit-{id}"),
            "lengthInMinutes": minutes, "slotInterval": minutes, "minimumBookingNotice": 60,
            "schedulingType": "collective", "hosts": [{ "userId": n * 10 + host }],
            "locations": [{ "type": "address", "address": "Тверская ул., 1", "public": true }],
            "bookingFields": [
                { "type": "name", "slug": "name", "required": true },
                { "type": "email", "slug": "email", "required": false, "hidden": true },
                { "type": "phone", "slug": "attendeePhoneNumber", "required": true, "hidden": false },
            ],
        })
    };
    vec![kind(1, 1, 60), kind(2, 2, 60), kind(3, 2, 90)]
}

fn tenant_file(slug: &str, n: i64, vendors: &str) -> String {
    let (token, crm_token, host, event) = (token(n), crm_token(slug), n * 10, n * 100);
    format!(
        r#"slug: {slug}
name: Салон {slug}
zone: Europe/Moscow
languages: [ru, en]
phone_region: RU
quiet_hours: {{ start: "21:00", end: "09:00" }}
reminders: {{ day_before: true, hours_before: 2 }}
cancel_until_hours: 1
erxes: {{ base_url: "{vendors}", integration_id: integration{n}, brand_id: brand{n}, app_token: {crm_token} }}
calcom: {{ base_url: "{vendors}", api_key: cal_live_olga_{slug}, team_id: {n} }}
channels:
  - {{ kind: telegram, name: main, bot_token: "{token}", base_url: "{vendors}/telegram" }}
services:
  - {{ key: haircut, title: {{ ru: Стрижка, en: Haircut }}, minutes: 60 }}
  - {{ key: manicure, title: {{ ru: Маникюр, en: Manicure }}, minutes: 90 }}
staff:
  - {{ key: olga, name: Ольга, host_user_id: {}, services: [{{ service: haircut, event_type_id: {} }}] }}
  - {{ key: maria, name: Мария, host_user_id: {}, services: [{{ service: haircut, event_type_id: {} }}, {{ service: manicure, event_type_id: {} }}] }}
"#,
        host + 1,
        event + 1,
        host + 2,
        event + 2,
        event + 3,
    )
}
