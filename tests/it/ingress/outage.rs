//! The database goes away and comes back.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use salon_core::{
    clock::SystemClock,
    ids::RandomIds,
    ops::{health, metrics},
    store::{Waker, migrations},
    tenant::apply,
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::harness::{LOTOS, NOW, public_url, tenant_file};

/// A PostgreSQL that this test may stop: the others share one.
struct OwnDatabase {
    script: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    addresses: BTreeMap<String, String>,
    _folder: tempfile::TempDir,
}

impl OwnDatabase {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/services");
        let mut script = Command::new(script)
            .arg("run")
            .arg(folder.path().join("services"))
            .arg("--fast")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = script.stdin.take().unwrap();
        let mut answers = BufReader::new(script.stdout.take().unwrap()).lines();
        let lines = answers.by_ref().map(Result::unwrap).take_while(|line| line != "READY");
        let addresses =
            lines.filter_map(|line| line.split_once('=').map(|(name, url)| (name.to_owned(), url.to_owned()))).collect();
        Self { script, commands, answers, addresses, _folder: folder }
    }

    fn obey(&mut self, command: &str) {
        writeln!(self.commands, "{command}").unwrap();
        assert_eq!(self.answers.next().unwrap().unwrap(), format!("OK {command}"));
    }

    /// Ends the servers before their folder goes.
    fn end(self) {
        let Self { mut script, commands, _folder, .. } = self;
        drop(commands);
        script.wait().unwrap();
    }
}

async fn readiness(ops: &Router) -> (u16, Value) {
    let response = ops.clone().oneshot(Request::get("/readyz").body(Body::empty()).unwrap()).await.unwrap();
    (response.status().as_u16(), json_of(response).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_during_an_outage_is_told_to_come_again_and_then_stored_once() {
    let mut database = OwnDatabase::start();
    let address = |name: &str| database.addresses[name].clone().into();
    migrations::run(&address("DATABASE_ADMIN_URL"), NOW.parse().unwrap()).await.unwrap();
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds::default()));
    let db = Db::connect(&address("DATABASE_URL"), 8, Waker::none(), clock, ids).unwrap();
    let redis = redis::Client::open(database.addresses["REDIS_URL"].as_str()).unwrap();
    let tenant = apply::apply(&db, &keyring(), &tenant_file(LOTOS), &public_url()).await.unwrap().tenant;
    let hook = Salon::load(&db, tenant).await.telegram;
    let routes = routes(&db, true);
    let ops = health::router(health::OpsDeps {
        db: db.clone(),
        redis: Some(redis),
        metrics: metrics::install().await.unwrap(),
        stopping: CancellationToken::new(),
    });
    let status = async |update: u64| routes.clone().oneshot(hook.post(text_update(update, 7, "привет"))).await.unwrap();

    assert_eq!(status(1).await.status(), 200);
    assert_eq!(readiness(&ops).await.0, 200);

    database.obey("redis-stop");
    let (code, told) = readiness(&ops).await;
    assert_eq!((code, &told["redis"]), (200, &json!("degraded")));
    assert_eq!(status(2).await.status(), 200);

    database.obey("pg-stop");
    for update in [2, 3] {
        let response = status(update).await;
        assert_eq!(response.status(), 503);
        assert_eq!(json_of(response).await["code"], "UNAVAILABLE");
    }
    let (code, told) = readiness(&ops).await;
    assert_eq!((code, &told["database"]), (503, &json!("failing")));

    database.obey("pg-start");
    for update in [2, 3] {
        assert_eq!(status(update).await.status(), 200);
    }
    assert_eq!(readiness(&ops).await.0, 200);
    let mut tx = db.tenant(tenant).await.unwrap();
    let stored: Vec<String> = sqlx::query_scalar("select vendor_event_id from inbound_event order by vendor_event_id")
        .fetch_all(tx.conn())
        .await
        .unwrap();
    assert_eq!(stored, ["1", "2", "3"]);
    drop(tx);
    assert!(db.unaccounted().await.unwrap().is_empty());
    db.close().await;
    database.end();
}
