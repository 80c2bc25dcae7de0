//! Forms of salons' sites, from the request to the rows.

use std::net::IpAddr;

use axum::http::{Method, StatusCode, request::Builder};
use futures::future::join_all;
use salon_core::{clock::SystemClock, ids::RandomIds, lead::EnquiryRecord, ops::server::Peer, store::Waker};

use super::*;
use crate::harness::{LOTOS, roza, tenant_file};

const ANNA: &str = r#"{"name":"Анна","phone":"8 900 123-45-67","email":"anna@example.com","service":"brows","message":"Можно в субботу?","ref":"vera","utm_source":"yandex","page":"https://lotos.example/brows#form"}"#;
const OWN: &str = "https://lotos.example";

/// Two salons with forms: the first one's is on [`OWN`].
pub(super) struct Forms {
    pub(super) site: Site,
    pub(super) lotos: String,
    pub(super) roza: String,
}

impl Forms {
    pub(super) async fn new() -> Self {
        Self::with("").await
    }

    /// With further settings of the salon's site.
    async fn with(more: &str) -> Self {
        let site = Site::new().await;
        let lotos = open_form(&site, LOTOS, &format!("site: {{ origins: [{OWN}], {more} }}\n")).await;
        let roza = open_form(&site, &roza(), "site: { origins: [https://roza.example] }\n").await;
        Self { site, lotos, roza }
    }

    /// A form of the salon's, as its page's script sends it.
    fn post(&self, body: impl Into<Body>) -> Request<Body> {
        self.form().body(body.into()).unwrap()
    }

    fn form(&self) -> Builder {
        Request::post("/v1/leads").header("content-type", "application/json").header("x-salon-form", &self.lotos)
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.site.send(request).await;
        (response.status(), json_of(response).await)
    }

    async fn enquiries(&self, tenant: TenantId) -> Vec<EnquiryRecord> {
        let mut owner = self.site.world.owner().await;
        let ids: Vec<Uuid> = sqlx::query_scalar("select id from enquiry where tenant_id = $1 order by id")
            .bind(tenant.0)
            .fetch_all(&mut owner)
            .await
            .unwrap();
        let mut tx = self.site.world.db.tenant(tenant).await.unwrap();
        let mut found = Vec::new();
        for id in ids {
            found.push(tx.enquiry(id).await.unwrap().unwrap());
        }
        found
    }
}

async fn open_form(site: &Site, salon: &str, section: &str) -> String {
    let applied = site.world.apply(&tenant_file(&format!("{salon}{section}"))).await;
    applied.form_key.unwrap()
}

fn fields(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_form_is_an_enquiry_a_client_and_a_wish_before_it_is_answered() {
    let mut forms = Forms::new().await;
    let (status, answer) = forms.send(forms.post(ANNA)).await;
    assert_eq!(status, 201);
    let code = answer["tracking_code"].as_str().unwrap();
    assert!(code.len() == 9 && code.is_ascii() && code.as_bytes()[4] == b'-', "{code}");
    let [enquiry] = &forms.enquiries(forms.site.lotos.tenant).await[..] else { panic!() };
    assert_eq!(enquiry.tracking_code, code);
    assert_eq!((enquiry.name.as_str(), enquiry.phone.as_deref()), ("Анна", Some("+79001234567")));
    assert_eq!((enquiry.email.as_deref(), enquiry.service_key.as_deref()), (Some("anna@example.com"), Some("brows")));
    assert_eq!((enquiry.referral.as_deref(), enquiry.utm.source.as_deref()), (Some("vera"), Some("yandex")));
    assert_eq!((enquiry.page.as_deref(), enquiry.source.as_str()), (Some("https://lotos.example/brows"), "site_form"));
    let client: (Uuid, Option<String>, Option<String>, bool) =
        sqlx::query_as("select id, name, phone, phone_verified from client").fetch_one(&mut forms.site.owner).await.unwrap();
    assert_eq!(client, (enquiry.client_id.0, Some("Анна".to_owned()), Some("+79001234567".to_owned()), false));
    // The CRM is nowhere to be reached: it is told later, by a job that waits.
    let wish: (String, Uuid, String) =
        sqlx::query_as("select kind, subject_id, state from crm_intent").fetch_one(&mut forms.site.owner).await.unwrap();
    assert_eq!(wish, ("record_enquiry".to_owned(), enquiry.id.0, "pending".to_owned()));
    assert_eq!(forms.site.count("job where kind = 'sync_crm'").await, 1);
    assert_eq!(forms.site.count("enquiry where tenant_id <> (select id from tenant where slug = 'lotos')").await, 0);
}

#[tokio::test]
async fn a_page_s_own_form_is_taken_too() {
    let forms = Forms::new().await;
    let body = format!("form={}&name=Anna&phone=%2B79001234567&message=&website=", forms.lotos);
    let request = Request::post("/v1/leads").header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    assert_eq!(forms.site.status(request.body(body.into()).unwrap()).await, 201);
    let body = json!({ "form": forms.lotos, "name": "Vera", "email": "v@example.com", "tenant_id": forms.site.roza.tenant });
    let request = Request::post("/v1/leads").header("content-type", "application/json").body(body.to_string().into());
    assert_eq!(forms.site.status(request.unwrap()).await, 201);
    assert_eq!(forms.enquiries(forms.site.lotos.tenant).await.len(), 2);
    assert!(forms.enquiries(forms.site.roza.tenant).await.is_empty(), "whose a form is, its body does not say");
}

#[tokio::test]
async fn a_form_that_is_sent_again_is_one_enquiry() {
    let mut forms = Forms::new().await;
    let keyed = |key: &str, body: &str| forms.form().header("idempotency-key", key).body(body.to_owned().into()).unwrap();
    let answers = join_all((0..4).map(|_| forms.send(keyed("k1", ANNA)))).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]) && answers[0].0 == 201, "{answers:?}");
    // The same words in another order and spelling are the same form.
    let respelt = ANNA.replace("8 900 123-45-67", "+7 (900) 1234567");
    assert_eq!(forms.send(keyed("k1", &respelt)).await, answers[0]);
    let (status, problem) = forms.send(keyed("k1", &ANNA.replace("субботу", "воскресенье"))).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (422, Some("IDEMPOTENCY_KEY_REUSED")));
    assert_ne!(forms.send(keyed("k2", ANNA)).await.1, answers[0].1);
    // Another salon's page may use the same key.
    let elsewhere = Request::post("/v1/leads").header("content-type", "application/json").header("x-salon-form", &forms.roza);
    let elsewhere = elsewhere.header("idempotency-key", "k1").body(ANNA.replace("\"service\":\"brows\",", "").into()).unwrap();
    assert_eq!(forms.send(elsewhere).await.0, 201);
    assert_eq!(forms.site.count("enquiry").await, 3);
    assert_eq!(forms.site.count("client").await, 3, "what lost a race left no client behind");
    assert_eq!(forms.site.count("crm_intent where kind = 'record_enquiry'").await, 3);
}

#[tokio::test]
async fn without_a_key_the_same_words_on_the_same_day_are_one_enquiry() {
    let mut forms = Forms::new().await;
    let first = forms.send(forms.post(ANNA)).await;
    let later = ANNA.replace("yandex", "vk");
    assert_eq!(forms.send(forms.post(later.clone())).await, first);
    assert_ne!(forms.send(forms.post(ANNA.replace("субботу", "воскресенье"))).await, first);
    // Midnight in Moscow is 21:00 UTC.
    forms.site.world.clock.advance(chrono::TimeDelta::hours(12));
    assert_ne!(forms.send(forms.post(later)).await, first);
    assert_eq!(forms.site.count("enquiry").await, 3);
}

#[tokio::test]
async fn bad_input_names_every_field_and_stores_nothing() {
    let mut forms = Forms::with("consent: true").await;
    let wrong = json!({ "name": " ", "phone": "12", "service": "massage", "ref": "a b", "website": "http://spam", "page": "x" });
    let request = forms.form().header("idempotency-key", "two words").body(wrong.to_string().into()).unwrap();
    let response = forms.site.send(request).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (400, &"application/problem+json".parse().unwrap())
    );
    let problem = json_of(response).await;
    assert_eq!(problem["code"], "INVALID_ARGUMENT");
    assert_eq!(fields(&problem), ["name", "phone", "service", "page", "ref", "consent", "website", "Idempotency-Key"]);
    assert!(!problem.to_string().contains("spam") && !problem.to_string().contains("massage"), "nothing is repeated");
    for (kind, body) in [("application/json", "[]"), ("application/json", "{"), ("text/plain", ANNA), ("multipart/form-data", "")]
    {
        let request = Request::post("/v1/leads").header("content-type", kind).header("x-salon-form", &forms.lotos);
        assert_eq!(forms.site.status(request.body(body.to_owned().into()).unwrap()).await, 400, "{kind} {body}");
    }
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(17 * 1024));
    assert_eq!(forms.site.status(forms.post(long)).await, 413);
    assert_eq!(forms.site.count("enquiry").await + forms.site.count("client").await, 0);
    assert_eq!(forms.send(forms.post(ANNA.replace('}', ",\"consent\":true}"))).await.0, 201);
}

#[tokio::test]
async fn a_filled_trap_is_refused() {
    let mut forms = Forms::new().await;
    let (status, problem) = forms.send(forms.post(ANNA.replace('}', ",\"website\":\"http://spam\"}"))).await;
    assert_eq!((status.as_u16(), fields(&problem)), (400, vec!["website"]));
    assert_eq!(forms.site.count("enquiry").await, 0);
}

#[tokio::test]
async fn only_the_salon_s_own_pages_may_send_and_read() {
    let mut forms = Forms::new().await;
    let allowed = |response: &Response<Body>| response.headers().get("access-control-allow-origin").cloned();
    let from = |origin: &str, body: &str| forms.form().header("origin", origin).body(body.to_owned().into()).unwrap();
    for (body, status) in [(ANNA, 201), ("{}", 400)] {
        let response = forms.site.send(from(OWN, body)).await;
        assert_eq!(response.status(), status);
        assert_eq!(allowed(&response), Some(OWN.parse().unwrap()), "its script can read what is wrong, too");
        assert_eq!(response.headers()["vary"], "Origin");
        assert!(!response.headers().contains_key("access-control-allow-credentials"));
    }
    // Another salon's page, a page nobody knows, the same host without TLS, and a page that hides who it is.
    for origin in
        ["https://roza.example", "https://evil.example", "http://lotos.example", "https://lotos.example.evil.example", "null"]
    {
        let response = forms.site.send(from(origin, ANNA)).await;
        assert_eq!((response.status().as_u16(), allowed(&response)), (403, None), "{origin}");
        assert_eq!(response.headers()["vary"], "Origin");
    }
    assert_eq!(forms.site.count("enquiry").await, 1);
}

#[tokio::test]
async fn a_preflight_is_answered_to_salons_pages() {
    let forms = Forms::new().await;
    let ask = |origin: &str| {
        let ask = Request::builder().method(Method::OPTIONS).uri("/v1/leads").header("origin", origin);
        ask.header("access-control-request-method", "POST").body(Body::empty()).unwrap()
    };
    for origin in [OWN, "https://roza.example"] {
        let response = forms.site.send(ask(origin)).await;
        let headers = response.headers();
        assert_eq!((response.status().as_u16(), &headers["access-control-allow-origin"]), (204, &origin.parse().unwrap()));
        assert_eq!(headers["access-control-allow-methods"], "POST");
        assert_eq!(headers["access-control-allow-headers"], "content-type, idempotency-key, x-salon-form");
        assert!(!headers.contains_key("access-control-allow-credentials"));
    }
    for origin in ["https://evil.example", "null", "*", "%"] {
        let response = forms.site.send(ask(origin)).await;
        assert!(!response.headers().contains_key("access-control-allow-origin"), "{origin}");
        assert_eq!(response.headers()["vary"], "Origin");
    }
}

#[tokio::test]
async fn a_forged_key_and_a_form_out_of_use_are_alike() {
    let mut forms = Forms::new().await;
    let gone = forms.lotos.clone();
    forms.site.world.apply(&tenant_file(LOTOS)).await;
    let mut answers = Vec::new();
    for key in ["", "x", &forms.lotos.replace(char::is_uppercase, "x"), "lotos", &gone, &"k".repeat(5000)] {
        let request = Request::post("/v1/leads").header("content-type", "application/json").header("x-salon-form", key);
        answers.push(forms.send(request.body(ANNA.into()).unwrap()).await);
    }
    for (kind, body) in [("application/json", r#"{"form":"a\u0000b"}"#), ("application/x-www-form-urlencoded", "form=%00")] {
        let request = Request::post("/v1/leads").header("content-type", kind);
        answers.push(forms.send(request.body(body.into()).unwrap()).await);
    }
    assert!(answers.iter().all(|answer| answer.0 == 404 && *answer == answers[0]), "{answers:?}");
    assert_eq!(forms.site.count("enquiry").await, 0);
    // A salon that takes its form up again has the key that its pages know.
    assert_eq!(open_form(&forms.site, LOTOS, "site: { origins: [https://lotos.example] }\n").await, gone);
}

/// Sends until one is refused. Returns how many were not, and the refusal.
async fn flood(routes: &Router, form: &str, address: &str) -> (usize, Response<Body>) {
    for sent in 0..200 {
        let body = json!({ "name": format!("{address} {sent}"), "phone": "+79001234567" }).to_string();
        let request = Request::post("/v1/leads").header("content-type", "application/json").header("x-salon-form", form);
        let mut request = request.header("x-forwarded-for", address).body(Body::from(body)).unwrap();
        request.extensions_mut().insert(Peer(IpAddr::from([127, 0, 0, 1])));
        let response = routes.clone().oneshot(request).await.unwrap();
        if response.status() != 201 {
            return (sent, response);
        }
    }
    panic!("nothing was refused");
}

#[tokio::test]
async fn who_sends_too_much_is_told_when_to_come_back() {
    let forms = Forms::new().await;
    let redis = redis::Client::open(forms.site.world.redis_url.as_str()).unwrap();
    let shared = [(); 2].map(|()| routes_with(&forms.site.world.db, true, Some(redis.clone())));
    let (sent, refused) = flood(&shared[0], &forms.lotos, "198.51.100.1").await;
    assert!((12..20).contains(&sent), "{sent}");
    assert_eq!(refused.status(), 429);
    let after: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=11).contains(&after), "{after}");
    assert_eq!(json_of(refused).await["code"], "RATE_LIMITED");
    assert_eq!(flood(&shared[1], &forms.lotos, "198.51.100.1").await.0, 0, "the limit is all processes' together");
    assert!(flood(&shared[1], &forms.lotos, "198.51.100.2").await.0 >= 12, "and each visitor's own");
    assert!(flood(&shared[1], &forms.roza, "198.51.100.1").await.0 >= 12, "at each salon");
}

#[tokio::test]
async fn without_redis_forms_are_taken_at_a_share() {
    let forms = Forms::new().await;
    let nowhere = redis::Client::open("redis://127.0.0.1:1/").unwrap();
    for redis in [None, Some(nowhere)] {
        let routes = routes_with(&forms.site.world.db, true, redis);
        let (sent, refused) = flood(&routes, &forms.lotos, "198.51.100.1").await;
        assert_eq!((sent, refused.status().as_u16()), (3, 429));
    }
}

#[tokio::test]
async fn without_the_database_a_page_is_told_to_try_again() {
    let world = World::new().await;
    let clock = Arc::new(SystemClock);
    let gone = Db::connect(&"postgres://salon@127.0.0.1:1/salon".into(), 1, Waker::none(), clock, Arc::new(RandomIds::default()));
    let limits = Limits { commit_patience: std::time::Duration::from_millis(300), ..Limits::default() };
    let deps = IngressDeps {
        db: gone.unwrap(),
        keyring: Arc::new(keyring()),
        redis: None,
        strict_signature: true,
        limits,
        visitors: Visitors::default(),
    };
    let routes = router(deps);
    let post = Request::post("/v1/leads").header("content-type", "application/json").header("x-salon-form", "x");
    let go = Request::get("/go/lotos/telegram?ref=vera").body(Body::empty()).unwrap();
    for request in [post.body(ANNA.into()).unwrap(), go] {
        let response = routes.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key("retry-after"));
    }
    drop(world);
}

#[tokio::test]
async fn a_typed_number_joins_nobody() {
    let mut forms = Forms::new().await;
    let known = "insert into client (id, tenant_id, name, phone, phone_verified, created_at, updated_at)
                 select gen_random_uuid(), id, 'Вера', '+79001234567', true, now(), now() from tenant where slug = 'lotos'";
    sqlx::query(known).execute(&mut forms.site.owner).await.unwrap();
    for _ in 0..2 {
        assert_eq!(forms.send(forms.post(ANNA)).await.0, 201);
    }
    assert_eq!(forms.send(forms.post(ANNA.replace("субботу", "среду"))).await.0, 201);
    let clients: Vec<(String, bool)> = sqlx::query_as("select name, phone_verified from client order by phone_verified, id")
        .fetch_all(&mut forms.site.owner)
        .await
        .unwrap();
    let anna = ("Анна".to_owned(), false);
    assert_eq!(clients, [anna.clone(), anna, ("Вера".to_owned(), true)]);
}
