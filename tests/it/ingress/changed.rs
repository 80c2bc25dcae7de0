//! A secret is changed while its webhooks come in, to more than one web process.

use std::time::{Duration, Instant};

use salon_core::{clock::SystemClock, ids::RandomIds, store::Waker, tenant::apply};

use super::*;
use crate::{
    commands,
    harness::{LOTOS, Services, public_url, tenant_file},
};

/// Far below the half minute after which it would be seen anyway.
const AT_ONCE: Duration = Duration::from_secs(10);

/// Waits until `ready` is true.
async fn until(what: &str, mut ready: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !ready().await {
        assert!(begun.elapsed() < AT_ONCE, "not at once: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn listeners(redis: &redis::Client) -> i64 {
    let mut connection = redis.get_multiplexed_async_connection().await.unwrap();
    let counted: (String, i64) =
        redis::cmd("PUBSUB").arg("NUMSUB").arg("salon:changed").query_async(&mut connection).await.unwrap();
    counted.1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_web_process_drops_a_changed_door_at_once() {
    let world = World::new().await;
    // Its own Redis, so that nobody else's listeners are counted.
    let services = Services::start();
    let redis = redis::Client::open(services.redis_url.as_str()).unwrap();
    let processes = [Some(redis.clone()), Some(redis.clone()), None].map(|redis| routes_with(&world.db, true, redis));
    let lotos = Salon::load(&world.db, world.lotos).await.telegram;
    let roza = Salon::load(&world.db, world.roza).await.telegram;
    let mut update = 0;
    let mut status = async |process: &Router, hook: &Hook| {
        update += 1;
        process.clone().oneshot(hook.post(text_update(update, 7, "привет"))).await.unwrap().status().as_u16()
    };
    for process in &processes {
        assert_eq!((status(process, &lotos).await, status(process, &roza).await), (200, 200));
    }
    until("both listen", async || listeners(&redis).await == 2).await;

    // By the command, which ends right after its commit.
    let (_folder, path) = commands::file(&LOTOS.replace("AAbot-lotos\"\n", "AAbot-lotos\"\n    secret_token: renewed\n"));
    let mut apply = commands::command(&world, &["tenant", "apply", "--unchecked", &path]);
    apply.env("REDIS_URL", &services.redis_url);
    assert_eq!(commands::run(apply).code, 0);
    let renewed = Hook { secret: "renewed".to_owned(), ..lotos.clone() };
    for process in &processes[..2] {
        until("the old secret is refused", async || status(process, &lotos).await == 401).await;
        assert_eq!((status(process, &renewed).await, status(process, &roza).await), (200, 200));
    }
    assert_eq!(status(&processes[2], &lotos).await, 200, "without Redis a door is kept for its time: so the others had it too");
}

#[tokio::test]
async fn without_redis_a_change_waits_for_nobody() {
    let world = World::new().await;
    let nowhere = redis::Client::open("redis://127.0.0.1:9").unwrap();
    let waker = Waker::redis(nowhere.clone());
    let db = Db::connect(&world.app_url, 2, waker, Arc::new(SystemClock), Arc::new(RandomIds::default())).unwrap();
    let process = routes_with(&world.db, true, Some(nowhere));
    let lotos = Salon::load(&world.db, world.lotos).await.telegram;
    let response = process.clone().oneshot(lotos.post(text_update(1, 7, "привет"))).await.unwrap();
    assert_eq!(response.status(), 200);
    let renewed = LOTOS.replace("Europe/Moscow", "Asia/Almaty");
    let applied = apply::apply(&db, &keyring(), &tenant_file(&renewed), &public_url()).await.unwrap();
    assert_eq!(applied.changes, ["settings"]);
    let begun = Instant::now();
    db.waker().flush().await;
    assert!(begun.elapsed() < Duration::from_secs(3), "a command must end");
}
