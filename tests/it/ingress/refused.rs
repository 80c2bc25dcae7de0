//! What does not get in, and that it leaves no trace.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::stream;

use super::*;

fn telegram(hook: &Hook, tokens: &[&str]) -> Request<Body> {
    let request = Request::post(hook.path());
    let request = tokens.iter().fold(request, |request, token| request.header("x-telegram-bot-api-secret-token", *token));
    request.body(text_update(1, 7, "привет").into()).unwrap()
}

fn calcom(hook: &Hook, signatures: &[&str], body: &str) -> Request<Body> {
    let request = Request::post(hook.path());
    let request = signatures.iter().fold(request, |request, signature| request.header("x-cal-signature-256", *signature));
    request.body(body.to_owned().into()).unwrap()
}

/// The last character replaced by another of the same kind.
fn flipped(text: &str) -> String {
    let (head, last) = text.split_at(text.len() - 1);
    format!("{head}{}", if last == "0" { "1" } else { "0" })
}

#[tokio::test]
async fn a_webhook_that_proves_nothing_changes_nothing() {
    let mut site = Site::new().await;
    let (own, other) = (site.lotos.telegram.clone(), site.roza.telegram.clone());
    let calendar = site.lotos.calcom.clone();
    let (_, signature) = calendar.proof(CREATED.as_bytes());
    let (_, foreign) = site.roza.calcom.proof(CREATED.as_bytes());
    let forged = [
        telegram(&own, &[]),
        telegram(&own, &[""]),
        telegram(&own, &[&flipped(&own.secret)]),
        telegram(&own, &[&own.secret[1..]]),
        telegram(&own, &[&format!("{}x", own.secret)]),
        telegram(&own, &[&own.secret, &own.secret]),
        telegram(&own, &[&other.secret]),
        telegram(&other, &[&own.secret]),
        calcom(&calendar, &[], CREATED),
        calcom(&calendar, &["no-secret-provided"], CREATED),
        calcom(&calendar, &[&flipped(&signature)], CREATED),
        calcom(&calendar, &[&format!("sha256={signature}")], CREATED),
        calcom(&calendar, &[&signature, &signature], CREATED),
        calcom(&calendar, &[&signature], &CREATED.replacen('"', " \"", 1)),
        calcom(&calendar, &[&foreign], CREATED),
    ];
    let before = site.counts().await;
    for (number, request) in forged.into_iter().enumerate() {
        let response = site.send(request).await;
        assert_eq!(response.status(), 401, "request {number}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(json_of(response).await["code"], "SIGNATURE_INVALID");
    }
    assert_eq!(site.counts().await, before);
    // And that it was not something else which kept them out:
    assert_eq!(site.status(telegram(&own, &[&own.secret])).await, 200);
    assert_eq!(site.status(calcom(&calendar, &[&signature], CREATED)).await, 200);
}

#[tokio::test]
async fn an_unknown_address_is_not_found() {
    let mut site = Site::new().await;
    let hook = site.lotos.telegram.clone();
    let at = |source: &str, key: &str| Hook { source: source.to_owned(), key: key.to_owned(), ..hook.clone() }.path();
    let calendar_key = site.lotos.calcom.key.clone();
    let paths = [
        at("telegram", "nobody-knows-this-key"),
        at("telegram", &flipped(&hook.key)),
        // Right keys behind another source's name, with the proof their own source would take.
        at("telegram", &calendar_key),
        at("calcom", &hook.key),
        at("pigeon", &hook.key),
        at("telegram", "%ff%fe"),
        at("telegram", &"k".repeat(5000)),
        "/webhooks/telegram".to_owned(),
        "/webhooks/telegram/a/b".to_owned(),
        "/".to_owned(),
    ];
    let before = site.counts().await;
    for path in paths {
        let body = text_update(1, 7, "привет");
        let request = Request::post(&path).header("x-telegram-bot-api-secret-token", &hook.secret);
        let response = site.send(request.body(body.into()).unwrap()).await;
        assert_eq!(response.status(), 404, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(json_of(response).await["code"], "NOT_FOUND");
    }
    for method in ["GET", "PUT", "DELETE", "HEAD"] {
        let request = Request::builder().method(method).uri(hook.path()).body(Body::empty()).unwrap();
        assert_eq!(site.status(request).await, 405, "{method}");
    }
    assert_eq!(site.counts().await, before);
}

async fn median_of_refusals(site: &Site, requests: impl Iterator<Item = (Request<Body>, u16)>) -> Duration {
    let mut times = Vec::new();
    for (request, status) in requests {
        let begun = Instant::now();
        assert_eq!(site.status(request).await, status);
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    assert!(times[0] >= Limits::default().refusal_tick, "{:?}", times[0]);
    times[times.len() / 2]
}

/// Both leave at the same moment after their arrival; how far the moment slips is up to the machine's load.
#[tokio::test]
async fn the_time_of_a_refusal_does_not_tell_whether_the_address_exists() {
    let site = Site::new().await;
    let hook = &site.lotos.telegram;
    let unknown = |n: usize| Hook { key: format!("guess-{n}"), ..hook.clone() };
    let known = median_of_refusals(&site, (0..40).map(|_| (telegram(hook, &["guess"]), 401))).await;
    let unknown = median_of_refusals(&site, (0..40).map(|n| (telegram(&unknown(n), &["guess"]), 404))).await;
    assert!(known.abs_diff(unknown) < Limits::default().refusal_tick, "{known:?} against {unknown:?}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_read_to_its_end() {
    let mut site = Site::new().await;
    let hook = site.lotos.telegram.clone();
    let before = site.counts().await;
    let request =
        |body: Body| Request::post(hook.path()).header("x-telegram-bot-api-secret-token", &hook.secret).body(body).unwrap();

    let mut declared = request(Body::empty());
    declared.headers_mut().insert("content-length", "1048577".parse().unwrap());
    assert_eq!(site.status(declared).await, 413);

    // Chunked: no length at all, or one that lies.
    for length in [None, Some("100")] {
        let read = Arc::new(AtomicUsize::new(0));
        let counted = read.clone();
        let endless = stream::repeat_with(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(vec![b' '; 64 * 1024])
        });
        let mut request = request(Body::from_stream(endless));
        if let Some(length) = length {
            request.headers_mut().insert("content-length", length.parse().unwrap());
        }
        let response = site.send(request).await;
        assert_eq!(response.status(), 413);
        assert_eq!(json_of(response).await["code"], "PAYLOAD_TOO_LARGE");
        assert_eq!(read.load(Ordering::Relaxed), 17, "sixteen chunks are a mebibyte");
    }

    let broken = stream::iter([Ok(b"{\"update_id\":1".to_vec()), Err(std::io::Error::other("reset"))]);
    assert_eq!(site.status(request(Body::from_stream(broken))).await, 400);
    assert_eq!(site.counts().await, before);

    let mut full = text_update(1, 7, "привет");
    full.push_str(&" ".repeat(1024 * 1024 - full.len()));
    assert_eq!(site.status(request(full.into())).await, 200);
}

/// Proves that who knows one address, and sends bodies that never end, makes nobody wait but that address.
#[tokio::test]
async fn slow_bodies_hold_up_no_other_address() {
    let site = Site::new().await;
    let limits = Limits { concurrency: 8, per_address: 4, queue_patience: Duration::from_millis(100), ..Limits::default() };
    let deps = IngressDeps {
        db: site.world.db.clone(),
        keyring: Arc::new(keyring()),
        redis: None,
        strict_signature: true,
        limits,
        visitors: Visitors::default(),
    };
    let routes = router(deps);
    let send = |request: Request<Body>| routes.clone().oneshot(request);
    let begun = Arc::new(AtomicUsize::new(0));
    let slow = || {
        let begun = begun.clone();
        let body = stream::once(async move {
            begun.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<Result<Vec<u8>, std::io::Error>>().await
        });
        Request::post(site.lotos.telegram.path()).body(Body::from_stream(body)).unwrap()
    };
    let held: Vec<_> = (0..20).map(|_| tokio::spawn(send(slow()))).collect();
    while begun.load(Ordering::Relaxed) < 4 {
        tokio::task::yield_now().await;
    }
    let (other, own) = (&site.roza.telegram, &site.lotos.telegram);
    assert_eq!(send(telegram(other, &[&other.secret])).await.unwrap().status(), 200);
    assert_eq!(send(telegram(own, &[&own.secret])).await.unwrap().status(), 503, "its own places are taken");
    assert_eq!(begun.load(Ordering::Relaxed), 4);
    held.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn without_strict_signatures_an_address_must_still_be_known() {
    let mut site = Site::new().await;
    site.routes = routes(&site.world.db, false);
    let hook = site.lotos.telegram.clone();
    assert_eq!(site.status(telegram(&hook, &["wrong"])).await, 200);
    assert_eq!(site.status(telegram(&Hook { key: "unknown".to_owned(), ..hook }, &["wrong"])).await, 404);
    assert_eq!(site.events().await.len(), 1);
}
