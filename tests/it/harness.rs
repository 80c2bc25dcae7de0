//! A database of its own for each test, with two salons in it.
//!
//! ```ignore
//! #[tokio::test]
//! async fn a_message_is_stored() {
//!     let world = World::new().await;
//!     let mut tx = world.db.tenant(world.lotos).await.unwrap();
//!     // … and at the end, that `world.roza` saw nothing of it
//! }
//! ```
//!
//! The first test of the process starts `scripts/services run … --fast` and migrates a template, which takes about two seconds; each
//! test then copies the template in a few milliseconds. Time stands still at [`NOW`] until a test moves `world.clock`. The
//! services end with the process: it holds their standard input.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use chrono::{DateTime, Utc};
use salon_core::{
    clock::ManualClock,
    crypto::KeyRing,
    ids::{RandomIds, TenantId},
    store::{Db, Waker, migrations},
    tenant::{
        apply,
        file::{self, SecretError, SecretRef, TenantFile},
    },
};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::OnceCell;
use url::Url;

/// Where every test begins: a Monday, 12:00 in Moscow.
pub(crate) const NOW: &str = "2026-03-02T09:00:00Z";

/// The salon that a test is about.
pub(crate) const LOTOS: &str = include_str!("lotos.yaml");

/// A ring with one key.
pub(crate) const KEYRING: &str = "test:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

const TEMPLATE: &str = "it_template";
static SERVICES: OnceCell<Services> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(1);

/// A PostgreSQL and a Redis. All tests share one pair; a test that stops one of them starts its own.
pub(crate) struct Services {
    admin_url: Url,
    app_url: Url,
    superuser_url: Url,
    pub(crate) redis_url: String,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    _lease: (Child, tempfile::TempDir),
}

impl Services {
    async fn get() -> &'static Self {
        SERVICES
            .get_or_init(|| async {
                let services = Self::start();
                let mut owner = services.owner().await;
                sqlx::query("create database it_template").execute(&mut owner).await.unwrap();
                migrations::run(&services.admin(TEMPLATE), now()).await.unwrap();
                services
            })
            .await
    }

    /// Blocks until both answer.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/services");
        let mut child = Command::new(script)
            .arg("run")
            .arg(folder.path().join("services"))
            .arg("--fast")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("scripts/services starts");
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut answers = BufReader::new(stdout);
        let lines: Vec<String> = answers.by_ref().lines().map(Result::unwrap).take_while(|line| line != "READY").collect();
        let url = |name: &str| {
            let found = lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            found.unwrap_or_else(|| panic!("scripts/services printed no {name}: {lines:?}")).to_owned()
        };
        Self {
            admin_url: url("DATABASE_ADMIN_URL").parse().unwrap(),
            app_url: url("DATABASE_URL").parse().unwrap(),
            superuser_url: url("SUPERUSER_URL").parse().unwrap(),
            redis_url: url("REDIS_URL"),
            commands: stdin,
            answers,
            _lease: (child, folder),
        }
    }

    /// Has `scripts/services` obey a command such as `redis-stop`. Blocks until it has.
    pub(crate) fn tell(&mut self, command: &str) {
        writeln!(self.commands, "{command}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert_eq!(answer.trim_end(), format!("OK {command}"));
    }

    /// A connection of the tables' owner to a database that no test copies.
    async fn owner(&self) -> PgConnection {
        PgConnection::connect(self.admin_url.as_str()).await.unwrap()
    }

    fn admin(&self, database: &str) -> SecretString {
        at(&self.admin_url, database)
    }
}

fn at(url: &Url, database: &str) -> SecretString {
    let mut url = url.clone();
    url.set_path(database);
    url.to_string().into()
}

fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

/// A database with two salons, under a clock that stands.
pub(crate) struct World {
    /// The application's way in, as `salon_app`.
    pub(crate) db: Db,
    /// The clock behind `db`.
    pub(crate) clock: Arc<ManualClock>,
    /// The ring that the salons' credentials are sealed under.
    pub(crate) keyring: KeyRing,
    /// The salon the test is about.
    pub(crate) lotos: TenantId,
    /// Its neighbour, with the same names of services, staff and channels, whom nothing may reach.
    pub(crate) roza: TenantId,
    /// The owner's address: sees every tenant, for looking behind the scenes.
    pub(crate) admin_url: SecretString,
    /// For what not even the owner may do. No test of the application runs under it.
    pub(crate) superuser_url: SecretString,
    /// The application role's address.
    pub(crate) app_url: SecretString,
    /// A Redis that all tests of the process share.
    #[allow(dead_code, reason = "not every version of the suite uses it")]
    pub(crate) redis_url: String,
    name: String,
}

impl World {
    /// A fresh database with the salons of [`LOTOS`] and [`roza`].
    pub(crate) async fn new() -> Self {
        let mut world = Self::empty().await;
        world.lotos = world.apply(&tenant_file(LOTOS)).await.tenant;
        world.roza = world.apply(&tenant_file(&roza())).await.tenant;
        world
    }

    /// A fresh database without salons.
    pub(crate) async fn empty() -> Self {
        let services = Services::get().await;
        let name = format!("it_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let copy = format!("create database {name} template {TEMPLATE}");
        sqlx::query(AssertSqlSafe(copy)).execute(&mut services.owner().await).await.unwrap();
        let clock = Arc::new(ManualClock::at(now()));
        let app_url = at(&services.app_url, &name);
        let db = Db::connect(&app_url, 8, Waker::none(), clock.clone(), Arc::new(RandomIds::default())).unwrap();
        Self {
            db,
            clock,
            keyring: KeyRing::parse(&KEYRING.into()).unwrap(),
            lotos: TenantId(uuid::Uuid::nil()),
            roza: TenantId(uuid::Uuid::nil()),
            admin_url: services.admin(&name),
            superuser_url: at(&services.superuser_url, &name),
            app_url,
            redis_url: services.redis_url.clone(),
            name,
        }
    }

    /// Applies a tenant file as the command does.
    pub(crate) async fn apply(&self, file: &TenantFile) -> apply::Applied {
        apply::apply(&self.db, &self.keyring, file, &public_url()).await.unwrap()
    }

    /// A connection that sees every tenant.
    pub(crate) async fn owner(&self) -> PgConnection {
        PgConnection::connect(self.admin_url.expose_secret()).await.unwrap()
    }
}

/// Space on disk: a run of hundreds of tests would otherwise keep hundreds of copies.
impl Drop for World {
    fn drop(&mut self) {
        let drop = format!("drop database if exists {} with (force)", self.name);
        let ended = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(async {
                let mut owner = PgConnection::connect(SERVICES.get()?.admin_url.as_str()).await.ok()?;
                sqlx::query(AssertSqlSafe(drop)).execute(&mut owner).await.ok()
            })
        });
        drop_quietly(ended);
    }
}

fn drop_quietly(thread: std::thread::JoinHandle<Option<sqlx::postgres::PgQueryResult>>) {
    if !std::thread::panicking() {
        thread.join().unwrap();
    }
}

/// Where vendors reach the salons' webhooks.
pub(crate) fn public_url() -> Url {
    "https://salon.example.com".parse().unwrap()
}

/// [`LOTOS`] as a neighbour: other name, other accounts, same keys.
pub(crate) fn roza() -> String {
    LOTOS
        .replace("lotos", "roza")
        .replace("Лотос", "Роза")
        .replace("team_id: 4021", "team_id: 4022")
        .replace("Jd83kfLq02mNsX5tY", "Kd83kfLq02mNsX5tZ")
        .replace("7000000001:", "7000000002:")
        .replace("event_type_id: 5", "event_type_id: 6")
}

/// Reads a tenant file that must be right.
pub(crate) fn tenant_file(text: &str) -> TenantFile {
    file::load(text, &|_: &SecretRef| Err(SecretError::Missing)).unwrap()
}
