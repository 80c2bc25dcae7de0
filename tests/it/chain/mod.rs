//! The whole chain in one process: the ingress on a port of its own, the workers on their queues, the vendors' stand-ins on the other
//! side, and clients who press buttons. Nothing is called past the vendors' own interfaces; what came of it is read from both sides.
//!
//! Time is the sandbox's: it runs with the host's from a Monday noon in Moscow, and a test moves it. Each test has a database of its own
//! with two salons, and [`Chain::finish`] tells that nothing is left over, nothing was forbidden and the neighbour saw nothing.

mod calendar_faults;
mod calendar_hand;
mod channels;
mod client;
mod crm;
mod crm_changes;
mod crm_login;
mod crm_migrate;
mod crm_storm;
mod inbox;
mod instagram;
mod last_words;
mod mischief;
mod one_queue;
mod pacing;
mod quiet;
mod race;
mod story;
mod telegram;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::{Method, header::AUTHORIZATION};
use chrono::{DateTime, Datelike, Days, NaiveTime, TimeDelta, Utc, Weekday};
use salon_core::{
    booking::calendar,
    channel::ChannelKind,
    clock::Clock,
    crm::{BY_HAND, CrmCall, UNATTENDED, crm},
    crypto::KeyRing,
    ids::{ChannelAccountId, RandomIds, TenantId},
    ingress::{self, IngressDeps, Limits, Visitors},
    job::Queue,
    store::{Db, DeadLetter, Waker},
    tenant::{
        self, Connector,
        apply::{self, Target},
    },
    vendor::{AddressGuard, Http, Pacer, Request},
};
use salon_sandbox::{
    Options, Sandbox, Scenario,
    fault::{Fault, Target as FaultTarget},
};
use salon_workers::{ctx::Ctx, runtime};
use secrecy::ExposeSecret;
use serde_json::Value;
use sqlx::{FromRow, postgres::PgRow};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

pub(crate) use self::client::{Client, EN, RU};
use crate::harness::{KEYRING, World, tenant_file};

/// How long a test waits for what must come. Far above what it takes, so that a slow machine fails no test.
const PATIENCE: Duration = Duration::from_secs(30);
const GLANCE: Duration = Duration::from_millis(15);

/// Anna, whose app speaks Russian.
const ANNA: i64 = 700_100_200;
/// John, whose app speaks English.
const JOHN: i64 = 700_100_300;

const SCENARIO: &str = include_str!("../../../sandbox/demo/scenario.json");
const SALON: &str = include_str!("../../../sandbox/demo/tenant.yaml");

/// What tells the neighbour from the salon, in the vendors' data and in the tenant file.
const NEIGHBOUR: &[(&str, &str)] = &[
    ("lotos", "roza"),
    ("Lotos", "Roza"),
    ("Лотос", "Роза"),
    ("6100000001", "6100000002"),
    ("6200000001", "6200000002"),
    ("6300001", "6300002"),
    ("641000000000001", "641000000000002"),
    ("642000000000001", "642000000000002"),
    ("17841400000000001", "17841400000000002"),
    ("\"id\": 1", "\"id\": 2"),
    ("\"userId\": 1", "\"userId\": 2"),
    ("\"id\": 7,", "\"id\": 8,"),
    ("\"teamId\": 7", "\"teamId\": 8"),
    ("app1", "app2"),
    ("team_id: 7", "team_id: 8"),
    ("host_user_id: 1", "host_user_id: 2"),
    ("event_type_id: 1", "event_type_id: 2"),
];

fn neighbour(text: &str) -> String {
    NEIGHBOUR.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The sandbox's clock, read by the product at once and not by way of a file.
struct SandboxClock(Arc<salon_sandbox::world::World>);

impl Clock for SandboxClock {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }

    fn is_driven(&self) -> bool {
        true
    }
}

/// A salon, as the test knows it.
pub(crate) struct Salon {
    tenant: TenantId,
    bot: i64,
    account: ChannelAccountId,
    event_type: i64,
}

/// The running system.
pub(crate) struct Chain {
    world: World,
    sandbox: Sandbox,
    db: Db,
    keyring: Arc<KeyRing>,
    http: Http,
    redis: redis::Client,
    stop: CancellationToken,
    working: CancellationToken,
    crm_patience: Duration,
    workers: Option<JoinHandle<Result<(), String>>>,
    base: Url,
    lotos: Salon,
    roza: Salon,
    /// Carries the sandbox's time to commands that run as processes of their own.
    clock_file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Chain {
    /// Two salons with their webhooks registered, and workers at work.
    async fn new() -> Self {
        Self::with(|salon| salon.to_owned()).await
    }

    /// The same with another tenant file.
    async fn with(change: impl Fn(&str) -> String) -> Self {
        Self::with_crm(salon_core::crm::UNATTENDED, &Scenario::default(), change).await
    }

    /// The same with less patience for calls of a CRM, and with what the vendors hold besides.
    async fn with_crm(crm_patience: Duration, more: &Scenario, change: impl Fn(&str) -> String) -> Self {
        let world = World::empty().await;
        let scenario: Scenario = serde_json::from_str(SCENARIO).unwrap();
        let second: Scenario = serde_json::from_str(&neighbour(SCENARIO)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let clock_file = folder.path().join("clock");
        let options = Options { clock_file: Some(clock_file.clone()), scenario, ..Options::default() };
        let sandbox = Sandbox::start(options).await.unwrap();
        sandbox.plant(&second).unwrap();
        sandbox.plant(more).unwrap();
        sandbox.clock.advance_to(monday_noon(sandbox.world.now())).unwrap();

        let redis = redis::Client::open(world.redis_url.as_str()).unwrap();
        let clock = Arc::new(SandboxClock(Arc::clone(&sandbox.world)));
        let waker = Waker::redis(redis.clone());
        let db = Db::connect(&world.app_url, 16, waker, clock, Arc::new(RandomIds::default())).unwrap();
        let keyring = Arc::new(KeyRing::parse(&KEYRING.into()).unwrap());
        let http = Http::new(AddressGuard { allow_private: true }).unwrap();

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let stop = CancellationToken::new();
        let deps = IngressDeps {
            db: db.clone(),
            keyring: keyring.clone(),
            redis: Some(redis.clone()),
            strict_signature: true,
            limits: Limits::default(),
            visitors: Visitors::default(),
        };
        let serving = axum::serve(listener, ingress::router(deps)).with_graceful_shutdown(stop.clone().cancelled_owned());
        tokio::spawn(serving.into_future());

        let nobody =
            || Salon { tenant: TenantId(uuid::Uuid::nil()), bot: 0, account: ChannelAccountId(uuid::Uuid::nil()), event_type: 0 };
        let (lotos, roza) = (nobody(), nobody());
        let mut chain = Self {
            world,
            sandbox,
            db,
            keyring,
            http,
            redis,
            working: stop.child_token(),
            crm_patience,
            stop,
            workers: None,
            base,
            lotos,
            roza,
            clock_file,
            _folder: folder,
        };
        let salon = change(SALON);
        chain.lotos = Salon { bot: 6_100_000_001, event_type: 101, ..chain.open(&salon).await };
        chain.roza = Salon { bot: 6_100_000_002, event_type: 201, ..chain.open(&neighbour(&salon)).await };
        chain.start_workers();
        chain
    }

    /// Applies a tenant file and registers its webhooks, as `tenant apply --register` does.
    async fn open(&self, text: &str) -> Salon {
        let file = tenant_file(&text.replace("http://sandbox.invalid", &self.sandbox.base_url));
        let applied = apply::apply(&self.db, &self.keyring, &file, &self.base).await.unwrap();
        let mut account = None;
        for webhook in &applied.webhooks {
            let mut tx = self.db.tenant(applied.tenant).await.unwrap();
            match webhook.target {
                Target::Channel(id) => {
                    let found = tenant::channel_account(&mut tx, id, &self.keyring).await.unwrap().unwrap();
                    if found.kind == ChannelKind::Telegram {
                        account = Some(id);
                    }
                    drop(tx);
                    let connector = Connector { db: &self.db, http: &self.http, keyring: &self.keyring, public_url: &self.base };
                    connector.connect(applied.tenant, id).await.unwrap();
                }
                Target::Calendar => {
                    let event_types = tenant::load_catalogue(&mut tx).await.unwrap().event_types();
                    let found = tenant::calendar_account(&mut tx, &self.keyring).await.unwrap().unwrap();
                    calendar().ensure_webhooks(&self.http, &found.account, &webhook.address, &event_types).await.unwrap();
                }
                Target::Crm(id, kind) => {
                    let found = tenant::crm_connection(&mut tx, id, &self.keyring).await.unwrap().unwrap();
                    let call = CrmCall::new(&self.http, &found.account, UNATTENDED);
                    match crm(kind).ensure_webhooks(&call, &webhook.address).await {
                        Ok(hooks) => tenant::store_hooks(&mut tx, id, hooks, &self.keyring, self.db.ids()).await.unwrap(),
                        // An application registers them once somebody has logged in.
                        Err(_) if found.account.secrets.oauth.is_some() => {}
                        Err(failure) => assert_eq!(failure.code, BY_HAND),
                    }
                    tx.commit().await.unwrap();
                }
            }
        }
        Salon { tenant: applied.tenant, bot: 0, account: account.unwrap(), event_type: 0 }
    }

    fn start_workers(&mut self) {
        let ctx = Ctx {
            db: self.db.clone(),
            http: self.http.clone(),
            keyring: self.keyring.clone(),
            pacer: Pacer::new(Some(&self.redis)),
            public_url: self.base.clone(),
            bulkhead: salon_workers::Bulkhead::default(),
            crm_patience: self.crm_patience,
            circuits: salon_workers::Circuits::default(),
        };
        let settings = runtime::Settings::of(Queue::ALL);
        self.working = self.stop.child_token();
        self.workers = Some(tokio::spawn(runtime::run(ctx, settings, Some(self.redis.clone()), self.working.clone())));
    }

    /// Stops the workers; what is to be done waits.
    async fn rest(&mut self) {
        self.working.cancel();
        self.workers.take().unwrap().await.unwrap().unwrap();
    }

    fn now(&self) -> DateTime<Utc> {
        self.sandbox.world.now()
    }

    /// Takes the salon's webhooks out of cal.com. Returns how many there were.
    async fn silence_calendar(&self) -> usize {
        let mut tx = self.db.tenant(self.lotos.tenant).await.unwrap();
        let found = tenant::calendar_account(&mut tx, &self.keyring).await.unwrap().unwrap();
        let key = found.account.secrets.api_key.expose_secret().to_owned();
        let webhooks = self.sandbox.calcom.snapshot()["webhooks"].as_array().cloned().unwrap();
        let ours: Vec<_> = webhooks.iter().filter(|hook| hook["scopeId"].as_i64().is_some_and(|id| id / 100 == 1)).collect();
        for hook in &ours {
            let address = format!(
                "{}/v2/teams/7/event-types/{}/webhooks/{}",
                self.sandbox.base_url,
                hook["scopeId"],
                hook["id"].as_str().unwrap()
            );
            let request = Request::new(Method::DELETE, address.parse().unwrap(), PATIENCE);
            let request = request.secret_header(AUTHORIZATION, &format!("Bearer {key}"));
            assert!(self.http.send(request).await.unwrap().is_success());
        }
        ours.len()
    }

    /// Plans a fault of a vendor's operation.
    fn plan(&self, vendor: &str, operation: &str, fault: Fault, times: usize) {
        let target = FaultTarget { vendor: vendor.to_owned(), operation: operation.to_owned() };
        self.sandbox.world.faults.plan(target, &fault, times);
    }

    /// Whether all planned faults have struck.
    fn faults_are_used_up(&self) -> bool {
        self.sandbox.world.faults.planned().is_empty()
    }

    fn anna(&self) -> Client<'_> {
        Client::new(self, &self.lotos, ANNA)
    }

    fn john(&self) -> Client<'_> {
        Client::new(self, &self.lotos, JOHN)
    }

    /// Rows of one salon; `$1` is its id.
    async fn rows<R>(&self, salon: &Salon, query: &'static str) -> Vec<R>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let mut owner = self.world.owner().await;
        sqlx::query_as(query).bind(salon.tenant).fetch_all(&mut owner).await.unwrap()
    }

    /// What a query of one value says.
    async fn value<T>(&self, query: &'static str) -> T
    where
        T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
        (T,): for<'r> FromRow<'r, PgRow>,
    {
        let mut rows: Vec<(T,)> = self.rows(&self.lotos, query).await;
        assert_eq!(rows.len(), 1, "{query}");
        rows.remove(0).0
    }

    /// The states of the salon's visits, oldest first.
    async fn visits(&self) -> Vec<String> {
        let rows: Vec<(String,)> = self.rows(&self.lotos, "select status from booking where tenant_id = $1 order by id").await;
        rows.into_iter().map(|(status,)| status).collect()
    }

    /// Waits until `look` sees it.
    async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            assert!(begun.elapsed() < PATIENCE, "never: {what}");
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Waits until nothing can be done without the clock moving.
    async fn idle(&self) {
        self.until("idle", async || {
            let bots = [&self.lotos, &self.roza];
            let delivered = bots.iter().all(|salon| self.sandbox.telegram.is_settled(salon.bot));
            (delivered && self.due().await == 0).then_some(())
        })
        .await;
    }

    /// Jobs that run or could, and reminders that are due. A paced job waits for its place, which needs no moving of the clock either.
    async fn due(&self) -> i64 {
        let mut owner = self.world.owner().await;
        sqlx::query_scalar(
            "select (select count(*) from job j where (state > 0 or run_at <= $1 or last_error = 'paced')
                 and not exists (select from job o where o.lane = j.lane and o.seq < j.seq))
               + (select count(*) from reminder where state = 'planned' and due_at <= $1)",
        )
        .bind(self.now())
        .fetch_one(&mut owner)
        .await
        .unwrap()
    }

    /// Lets pass what is waited for within `span`: the clock goes from one due moment to the next.
    async fn pass(&self, span: TimeDelta) {
        let end = self.now() + span;
        loop {
            self.idle().await;
            let mut owner = self.world.owner().await;
            let next: Option<DateTime<Utc>> = sqlx::query_scalar(
                "select least((select min(run_at) from job where state = 0), (select min(due_at) from reminder where state = 'planned'))",
            )
            .fetch_one(&mut owner)
            .await
            .unwrap();
            match next {
                Some(at) if at <= end => self.go_to(at),
                _ => break,
            }
        }
        self.go_to(end);
        self.idle().await;
    }

    /// Moves the clock to a moment, if it has not passed it already.
    fn go_to(&self, at: DateTime<Utc>) {
        let _ = self.sandbox.clock.advance_to(at);
    }

    /// The bookings at cal.com that were made through us, oldest first.
    fn booked_through_us(&self) -> Vec<Value> {
        let all = self.sandbox.calcom.snapshot()["bookings"].as_array().cloned().unwrap();
        all.into_iter().filter(|booking| booking["metadata"]["salonBooking"].is_string()).collect()
    }

    /// The same in a few words.
    fn calendar_states(&self) -> Vec<String> {
        self.booked_through_us().iter().map(|booking| booking["status"].as_str().unwrap().to_owned()).collect()
    }

    /// How often an operation was called, as the vendor saw it.
    fn calls(&self, vendor: &str, operation: &str) -> usize {
        let entries = self.sandbox.world.ledger.entries();
        entries.iter().filter(|entry| entry.vendor == vendor && entry.operation == operation).count()
    }

    /// What operators see in the CRM, oldest first.
    fn crm_texts(&self) -> Vec<String> {
        let all = self.sandbox.erxes.snapshot()["messages"].as_array().cloned().unwrap();
        all.iter().map(|message| message["content"].as_str().unwrap_or_default().to_owned()).collect()
    }

    async fn dead_letters(&self) -> Vec<DeadLetter> {
        self.db.dead_letters(100).await.unwrap()
    }

    /// Nothing is left over, nothing was forbidden, and the neighbour saw nothing.
    async fn finish(self) {
        let untouched = self.traces_of(&self.roza).await;
        assert_eq!(untouched, [0; 8], "the neighbour is no part of this");
        self.finish_both().await;
    }

    /// The same where the neighbour has clients of its own.
    async fn finish_both(mut self) {
        self.idle().await;
        assert_eq!(self.dead_letters().await.iter().map(|dead| &dead.reason).collect::<Vec<_>>(), Vec::<&String>::new());
        self.close().await;
    }

    /// The same where dead letters are what the test is about.
    async fn close(&mut self) {
        assert_eq!(self.db.unaccounted().await.unwrap(), []);
        let violations = self.sandbox.world.ledger.violations();
        assert!(violations.is_empty(), "{violations:#?}");
        self.stop.cancel();
        self.workers.take().unwrap().await.unwrap().unwrap();
        assert_eq!(self.db.unaccounted().await.unwrap(), []);
    }

    /// How much there is of a salon, with us and at the vendors.
    async fn traces_of(&self, salon: &Salon) -> [i64; 8] {
        let rows: Vec<(i64, i64, i64, i64, i64)> = self
            .rows(
                salon,
                "select (select count(*) from inbound_event where tenant_id = $1), (select count(*) from message where tenant_id = $1),
                   (select count(*) from client where tenant_id = $1),
                   (select count(*) from booking where tenant_id = $1), (select count(*) from crm_intent where tenant_id = $1)",
            )
            .await;
        let (events, messages, clients, bookings, intents) = rows[0];
        let count = |list: &Value, ours: &dyn Fn(&Value) -> bool| -> i64 {
            list.as_array().unwrap().iter().filter(|one| ours(one)).count().try_into().unwrap()
        };
        let integration = if salon.bot == self.roza.bot { "integrationRoza" } else { "integrationLotos" };
        let talks = count(&self.sandbox.erxes.snapshot()["conversations"], &|talk| talk["integrationId"] == integration);
        let booked = count(&self.sandbox.calcom.snapshot()["bookings"], &|booking| {
            booking["eventTypeId"].as_i64().is_some_and(|id| id / 100 == salon.event_type / 100)
        });
        let chats = [ANNA, JOHN].iter().map(|person| self.sandbox.telegram.bot_messages(salon.bot, *person).len()).sum::<usize>();
        [events, messages, clients, bookings, intents, talks, booked, chats.try_into().unwrap()]
    }
}

/// The next Monday, 12:00 in Moscow (which knows no summer time), so that a test sees the same days whenever it runs.
fn monday_noon(now: DateTime<Utc>) -> DateTime<Utc> {
    let mut day = now.date_naive() + Days::new(1);
    while day.weekday() != Weekday::Mon {
        day = day + Days::new(1);
    }
    day.and_time(NaiveTime::from_hms_opt(9, 0, 0).unwrap()).and_utc()
}

fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}
