//! What gets in, and what becomes of it.

use futures::future::join_all;
use salon_core::job::lane;

use super::*;

const MALFORMED: [&str; 3] = ["{\"update_id\":", "[]", ""];

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../src/channel/telegram/fixtures/", $name, ".json"))
    };
}

#[tokio::test]
async fn success_is_an_empty_answer() {
    let site = Site::new().await;
    let hooks = [(&site.lotos.telegram, text_update(1, 7, "привет")), (&site.lotos.calcom, CREATED.to_owned())];
    for (hook, body) in hooks {
        let response = site.send(hook.post(body)).await;
        assert_eq!(response.status(), 200);
        assert!(to_bytes(response.into_body(), 1).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_stored_once_as_refused() {
    let mut site = Site::new().await;
    for body in MALFORMED {
        for hook in [&site.lotos.telegram, &site.lotos.calcom] {
            assert_eq!(site.status(hook.post(body)).await, 200);
            assert_eq!(site.status(hook.post(body)).await, 200);
        }
    }
    let events = site.events().await;
    assert_eq!(events.len(), 2 * MALFORMED.len());
    assert!(events.iter().all(|(_, _, id, kind, state)| id.starts_with("sha256:") && kind == "malformed" && state == "refused"));
    assert_eq!(site.count("inbound_event where reason <> '' and processed_at is not null").await, 6);
    assert_eq!(site.count("job").await, 0);
}

#[tokio::test]
async fn a_repeated_delivery_is_one_event_and_one_job() {
    let mut site = Site::new().await;
    for (hook, body) in
        [(site.lotos.telegram.clone(), text_update(1, 7, "привет")), (site.lotos.calcom.clone(), CREATED.to_owned())]
    {
        let statuses = join_all((0..3).map(|_| site.status(hook.post(body.as_str())))).await;
        assert_eq!(statuses, [200; 3]);
        assert_eq!(site.status(hook.post(body)).await, 200);
    }
    assert_eq!(site.events().await.len(), 2);
    assert_eq!(site.count("job").await, 2);
    assert_eq!(site.count("inbound_seen").await, 2);
}

#[tokio::test]
async fn each_kind_is_told_apart() {
    let mut site = Site::new().await;
    let member = |status: &str| {
        let person = json!({ "id": 7, "is_bot": false, "first_name": "Мария" });
        let chat = json!({ "id": 7, "type": "private" });
        let change = json!({ "chat": chat, "from": person, "date": 1, "new_chat_member": { "status": status } });
        json!({ "update_id": if status == "kicked" { 901 } else { 902 }, "my_chat_member": change }).to_string()
    };
    let (blocked, unblocked) = (member("kicked"), member("member"));
    let cases = [
        (fixture!("text_start"), "start", "received"),
        (fixture!("callback_query"), "button", "received"),
        (fixture!("contact_own"), "contact", "received"),
        (fixture!("photo"), "media", "received"),
        (fixture!("audio"), "media", "received"),
        (fixture!("location"), "media", "received"),
        (fixture!("edited_message"), "edited", "received"),
        (&blocked, "consent", "received"),
        (&unblocked, "consent", "received"),
        (r#"{"update_id":903,"chat_boost":{}}"#, "ignored", "ignored"),
    ];
    for (number, (body, ..)) in cases.iter().enumerate() {
        // Fixtures come from different bots: their ids may be equal.
        let mut update: Value = serde_json::from_str(body).unwrap();
        update["update_id"] = json!(1000 + number);
        assert_eq!(site.status(site.lotos.telegram.post(update.to_string())).await, 200);
    }
    let stored = site.events().await;
    let told: Vec<_> = stored.iter().map(|(.., kind, state)| (kind.as_str(), state.as_str())).collect();
    assert_eq!(told, cases.map(|(_, kind, state)| (kind, state)));
    assert_eq!(site.count("job where queue = 'dialogue'").await, 9);
    let reason: String =
        sqlx::query_scalar("select reason from inbound_event where state = 'ignored'").fetch_one(&mut site.owner).await.unwrap();
    assert!(reason.contains("chat_boost"), "{reason}");
}

#[tokio::test]
async fn the_job_follows_in_the_lane_of_its_chat_with_the_callers_trace() {
    let mut site = Site::new().await;
    let hook = site.lotos.telegram.clone();
    let mut request = hook.post(text_update(1, 7, "привет"));
    request.headers_mut().insert("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap());
    assert_eq!(site.status(request).await, 200);
    assert_eq!(site.status(site.lotos.calcom.post(CREATED)).await, 200);
    let jobs: Vec<(Uuid, String, Value, Uuid, Uuid, String)> =
        sqlx::query_as("select tenant_id, kind, payload, subject_id, lane, trace from job order by seq")
            .fetch_all(&mut site.owner)
            .await
            .unwrap();
    let (tenant, kind, payload, event, chat, trace) = &jobs[0];
    assert_eq!((*tenant, kind.as_str()), (site.lotos.tenant.0, "handle_inbound"));
    assert_eq!(payload["inbound_event"], json!(event));
    assert_eq!(*chat, lane("chat", hook.target, "7"));
    assert_eq!(trace, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!((jobs[1].1.as_str(), jobs[1].5.len()), ("read_calendar_hint", 32));
    let mut tx = site.world.db.tenant(site.lotos.tenant).await.unwrap();
    let read = tx.inbound(salon_core::ids::InboundEventId(*event)).await.unwrap().unwrap();
    let said: salon_core::channel::ChannelEvent = serde_json::from_value(read.event).unwrap();
    assert_eq!(said.sender.unwrap().name.as_deref(), Some("Мария"));
}

#[tokio::test]
async fn text_that_postgresql_cannot_hold_is_stored() {
    let mut site = Site::new().await;
    let body = text_update(1, 7, "до\0после");
    assert_eq!(site.status(site.lotos.telegram.post(body.as_str())).await, 200);
    let (event, raw): (Value, Vec<u8>) =
        sqlx::query_as("select event, raw from inbound_event").fetch_one(&mut site.owner).await.unwrap();
    assert_eq!(event["text"], "до\u{fffd}после");
    assert_eq!(raw, body.as_bytes());
}

#[tokio::test]
async fn a_known_address_costs_no_look_up() {
    let mut site = Site::new().await;
    let hook = site.lotos.telegram.clone();
    assert_eq!(site.status(hook.post(text_update(1, 7, "раз"))).await, 200);
    sqlx::query("delete from endpoint").execute(&mut site.owner).await.unwrap();
    assert_eq!(site.status(hook.post(text_update(2, 7, "два"))).await, 200);
    // Nobody came through this one yet: it is looked up.
    assert_eq!(site.status(site.roza.telegram.post(text_update(1, 7, "раз"))).await, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_webhooks_of_two_salons_all_land_with_their_own() {
    let mut site = Site::new().await;
    let sends = (0..500_u64).map(|n| {
        // Both bots count their updates from one: the same ids belong to different accounts.
        let hook = if n % 2 == 0 { &site.lotos.telegram } else { &site.roza.telegram };
        let (routes, request) = (site.routes.clone(), hook.post(text_update(n / 2, n % 20, &format!("сообщение {n}"))));
        tokio::spawn(async move { routes.oneshot(request).await.unwrap().status().as_u16() })
    });
    for status in join_all(sends.collect::<Vec<_>>()).await {
        assert_eq!(status.unwrap(), 200);
    }
    for salon in [&site.lotos, &site.roza] {
        let events: Vec<(Uuid, Value)> = sqlx::query_as("select source_id, event from inbound_event where tenant_id = $1")
            .bind(salon.tenant)
            .fetch_all(&mut site.owner)
            .await
            .unwrap();
        assert_eq!(events.len(), 250);
        let parity = u64::from(salon.tenant == site.roza.tenant);
        for (source, event) in events {
            assert_eq!(source, salon.telegram.target);
            let number: u64 = event["text"].as_str().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
            assert_eq!(number % 2, parity);
        }
    }
    assert_eq!(site.count("job").await, 500);
    assert_eq!(site.count("job j join inbound_event e on e.id = j.subject_id and e.tenant_id = j.tenant_id").await, 500);
    assert!(site.world.db.unaccounted().await.unwrap().is_empty());
}

/// What an operator copies from the runbook is what it says it is.
#[tokio::test]
async fn the_runbooks_webhook_is_taken() {
    let mut site = Site::new().await;
    let runbook = include_str!("../../../docs/runbook.md");
    let (_, body) = runbook.split_once(" -d '").unwrap();
    let (body, _) = body.split_once('\'').unwrap();
    assert_eq!(site.status(site.lotos.telegram.post(body)).await, 200);
    let events: Vec<_> = site.events().await.into_iter().map(|(.., id, kind, state)| (id, kind, state)).collect();
    assert_eq!(events, [("1001".to_owned(), "start".to_owned(), "received".to_owned())]);
    assert!(runbook.contains(site.lotos.telegram.proof(b"").0) && runbook.contains(site.lotos.calcom.proof(b"").0));
}
