//! A worker in a process of its own: this very test binary, started again with only [`worker_process`] to run.

use std::{
    io::Read,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use salon_core::{
    clock::SystemClock,
    config::{Log, LogFormat},
    ids::RandomIds,
    job::Queue,
    ops::telemetry,
    store::{Db, Waker},
};
use salon_workers::{
    queue::QueueSettings,
    runtime::{self, Settings},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{Site, eventually, script::Script};

const ORDERS: &str = "QUEUE_TEST_WORKER";

/// What a worker process is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Orders {
    app_url: String,
    admin_url: String,
    queue: String,
    slots: usize,
    lease: Duration,
    grace: Duration,
}

/// A worker process. It ends with the test, however the test ends: it watches its standard input.
pub(super) struct Worker {
    child: Child,
    log: tempfile::NamedTempFile,
}

impl Worker {
    pub(super) fn start(site: &Site, settings: QueueSettings) -> Self {
        let orders = Orders {
            app_url: site.app_url.expose_secret().to_owned(),
            admin_url: site.admin_url.expose_secret().to_owned(),
            queue: settings.queue.to_string(),
            slots: settings.slots,
            lease: settings.lease,
            grace: settings.grace,
        };
        let log = tempfile::NamedTempFile::new().unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "queue::process::worker_process", "--nocapture"])
            .env(ORDERS, serde_json::to_string(&orders).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log.reopen().unwrap())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    pub(super) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// `KILL`, `STOP`, `CONT` or `TERM`.
    pub(super) fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.pid())]).status().unwrap();
        assert!(sent.success());
    }

    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub(super) async fn exit(mut self) -> ExitStatus {
        eventually("the worker's end", async || self.ended()).await
    }

    pub(super) fn log(&self) -> String {
        let mut text = String::new();
        self.log.reopen().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test: what a [`Worker`] runs. Without orders there is nothing to do.
#[test]
fn worker_process() {
    let Ok(orders) = std::env::var(ORDERS) else { return };
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(3);
    });
    telemetry::init(&Log { filter: "info,apalis=warn".to_owned(), format: LogFormat::Json });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(work(serde_json::from_str(&orders).unwrap()));
}

async fn work(orders: Orders) {
    let queue: Queue = orders.queue.parse().unwrap();
    let db =
        Db::connect(&SecretString::from(orders.app_url), 8, Waker::none(), Arc::new(SystemClock), Arc::new(RandomIds::default()))
            .unwrap();
    let script = Script::connect(&SecretString::from(orders.admin_url));
    let settings = QueueSettings {
        lease: orders.lease,
        grace: orders.grace,
        poll: Duration::from_millis(20),
        ..QueueSettings::new(queue, orders.slots)
    };
    let stop = CancellationToken::new();
    let signalled = stop.clone();
    tokio::spawn(async move {
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap().recv().await;
        signalled.cancel();
    });
    let settings = Settings { queues: vec![settings], ticker: false };
    runtime::serve(db, settings, None, stop, move |assignment| script.clone().handle(assignment)).await.unwrap();
}
