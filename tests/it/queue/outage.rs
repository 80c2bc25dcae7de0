//! PostgreSQL goes away under load.

use std::{
    collections::{HashMap, HashSet},
    fs::Permissions,
    io::{BufRead, BufReader, Read, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use chrono::Utc;
use salon_core::{
    clock::SystemClock,
    ids::{RandomIds, TenantId},
    job::Queue,
    store::{Db, Waker, migrations},
};
use salon_workers::queue::QueueSettings;
use uuid::Uuid;

use super::{Site, eventually, process::Worker, script::Script, settings};

const JOBS: usize = 500;

/// A PostgreSQL of this test alone, that keeps what it acknowledged.
struct Postgres {
    lines: BufReader<ChildStdout>,
    orders: ChildStdin,
    urls: HashMap<String, String>,
    _process: (Child, tempfile::TempDir),
}

impl Postgres {
    fn start() -> Self {
        // Every fsync is made. In memory it waits for no disk, and a server that is killed can't tell the difference.
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir_in(parent).unwrap();
        let mut child = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/services"))
            .arg("run")
            .arg(folder.path().join("services"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let urls = lines.by_ref().lines().map(Result::unwrap).take_while(|line| line != "READY");
        let urls = urls.filter_map(|line| line.split_once('=').map(|(name, url)| (name.to_owned(), url.to_owned()))).collect();
        Self { lines, orders: child.stdin.take().unwrap(), urls, _process: (child, folder) }
    }

    /// As a power cut does it: no checkpoint, every connection gone.
    fn restarted(mut self) -> Self {
        self.orders.write_all(b"pg-restart\n").unwrap();
        let mut answer = String::new();
        self.lines.read_line(&mut answer).unwrap();
        assert_eq!(answer.trim(), "OK pg-restart");
        self
    }

    async fn site(&self) -> Site {
        let (app_url, admin_url) = (self.urls["DATABASE_URL"].clone().into(), self.urls["DATABASE_ADMIN_URL"].clone().into());
        migrations::run(&admin_url, Utc::now()).await.unwrap();
        Site {
            db: Db::connect(&app_url, 8, Waker::none(), Arc::new(SystemClock), Arc::new(RandomIds::default())).unwrap(),
            clock: None,
            script: Script::install(&admin_url).await,
            app_url,
            admin_url,
            lotos: TenantId(Uuid::now_v7()),
            roza: TenantId(Uuid::now_v7()),
            _world: None,
        }
    }
}

/// Stores event after event, each batch until the database says yes.
async fn load(site: &Site) {
    for from in (0..JOBS).step_by(10) {
        while site.ingest(from..from + 10).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}

/// Proves promises 1 and 2 through two restarts without a checkpoint, while events come in and two workers are at work: every event that
/// was acknowledged ends exactly once, a second run shows as a higher attempt, and the workers need no restart.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_restarted_twice_under_load_loses_nothing_and_doubles_nothing() {
    let mut postgres = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let site = postgres.site().await;
    for n in 0..JOBS {
        let id = super::event(site.tenant(n), n).id.0;
        site.script.set(id, &[&format!("sleep {}", 5 + n * 7 % 50)]).await;
    }
    let outage = QueueSettings { lease: Duration::from_secs(2), ..settings(Queue::Dialogue, 8) };
    let mut workers = [Worker::start(&site, outage), Worker::start(&site, outage)];
    let restarts = async {
        for ended in [80, 250] {
            eventually("some work done", async || site.script.ended_count().await.filter(|n| *n >= ended)).await;
            postgres = tokio::task::spawn_blocking(move || postgres.restarted()).await.unwrap();
        }
        postgres
    };
    let ((), _postgres) = tokio::join!(load(&site), restarts);
    eventually("all jobs ended", async || site.script.ended_count().await.filter(|n| *n == JOBS as i64)).await;

    assert!(workers.iter_mut().all(|worker| worker.ended().is_none()), "a worker gave up");
    site.assert_accounted(JOBS).await;
    assert_eq!(site.script.effects().await, JOBS as i64);
    let (runs, ended) = (site.script.runs().await, site.script.ended().await);
    let pids: HashSet<i32> = runs.iter().map(|ran| ran.pid).collect();
    assert_eq!(pids, workers.iter().map(Worker::pid).collect());
    let attempts: HashSet<(Uuid, i32)> = runs.iter().map(|ran| (ran.subject, ran.attempt)).collect();
    assert_eq!(attempts.len(), runs.len(), "one attempt ran twice");
    for job in &ended {
        let last = runs.iter().filter(|ran| Some(ran.subject) == job.subject_id).map(|ran| ran.attempt).max();
        assert_eq!((job.outcome.as_str(), Some(job.attempt)), ("done", last));
    }
    assert_eq!(ended.iter().filter(|job| job.tenant_id == site.roza).count(), JOBS / 2);
}
