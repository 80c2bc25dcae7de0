//! Links to a salon's chat, and the chats that follow.

use axum::http::Method;
use chrono::TimeDelta;
use salon_core::{
    ids::InboundEventId,
    job::{Job, Queue},
    lead::{Origin, TouchRecord, attribution::Code},
    store::inbound::{Fate, NewInbound},
    vendor::{AddressGuard, Http, Pacer},
};
use salon_workers::{Bulkhead, Circuits, ctx::Ctx, runtime};
use tokio_util::sync::CancellationToken;

use super::{leads::Forms, *};
use crate::harness::public_url;

const PHONE: &str =
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36";

/// Two salons whose bots' names the watchdog has learnt.
struct Links {
    site: Site,
    updates: u64,
}

/// Where a link led, and what the browser was told to remember.
#[derive(Debug, PartialEq)]
struct Led {
    location: String,
    cookie: Option<String>,
}

impl Led {
    /// What the chat would bring.
    fn token(&self) -> &str {
        self.location.split_once("?start=").unwrap().1
    }
}

impl Links {
    async fn new() -> Self {
        Self::of(Site::new().await).await
    }

    async fn of(mut site: Site) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let learn = "update channel_account a set vendor_name = t.slug || '_bot' from tenant t where t.id = a.tenant_id";
        sqlx::query(learn).execute(&mut site.owner).await.unwrap();
        Self { site, updates: 0 }
    }

    fn ask(path: &str, cookie: Option<&str>) -> Request<Body> {
        let request = Request::get(path).header("user-agent", PHONE).header("referer", "https://lotos.example/a?secret=1");
        let request = cookie.iter().fold(request, |request, cookie| request.header("cookie", format!("other=1; {cookie}")));
        request.body(Body::empty()).unwrap()
    }

    async fn go(&self, path: &str, cookie: Option<&str>) -> Led {
        self.led(Self::ask(path, cookie)).await
    }

    async fn led(&self, request: Request<Body>) -> Led {
        let response = self.site.send(request).await;
        assert_eq!(response.status(), 302);
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("cache-control").as_deref(), Some("no-store"));
        assert_eq!(header("referrer-policy").as_deref(), Some("no-referrer"));
        let cookie = header("set-cookie").map(|cookie| {
            let (value, rest) = cookie.split_once("; ").unwrap();
            assert_eq!(rest, "Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure");
            value.to_owned()
        });
        Led { location: header("location").unwrap(), cookie }
    }

    /// A client writes to a salon's bot, and the workers take the turn.
    async fn writes(&mut self, tenant: TenantId, chat: u64, text: &str) {
        self.updates += 1;
        let hook = if tenant == self.site.lotos.tenant { &self.site.lotos.telegram } else { &self.site.roza.telegram };
        assert_eq!(self.site.status(hook.post(text_update(self.updates, chat, text))).await, 200);
        self.work().await;
    }

    /// The workers do what there is to do about events.
    async fn work(&mut self) {
        let ctx = Ctx {
            db: self.site.world.db.clone(),
            http: Http::new(AddressGuard { allow_private: true }).unwrap(),
            keyring: Arc::new(keyring()),
            pacer: Pacer::new(None),
            public_url: public_url(),
            bulkhead: Bulkhead::default(),
            crm_patience: salon_core::crm::UNATTENDED,
            circuits: Circuits::default(),
        };
        let stop = CancellationToken::new();
        let settings = runtime::Settings { ticker: false, ..runtime::Settings::of(&[Queue::Dialogue]) };
        let working = tokio::spawn(runtime::run(ctx, settings, None, stop.clone()));
        while self.site.count("inbound_event where state = 'received'").await > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        stop.cancel();
        working.await.unwrap().unwrap();
        assert_eq!(self.site.count("job_dead").await, 0);
    }

    /// The clients of a salon: by whose link each came first and last.
    async fn clients(&mut self, tenant: TenantId) -> Vec<(Option<String>, Option<String>)> {
        sqlx::query_as(
            "select f.ref, l.ref from client c left join touch f on f.id = c.first_touch_id left join touch l on l.id = c.last_touch_id
             where c.tenant_id = $1 order by c.id",
        )
        .bind(tenant.0)
        .fetch_all(&mut self.site.owner)
        .await
        .unwrap()
    }

    /// The touches that the CRM is to know of.
    async fn told(&mut self, tenant: TenantId) -> Vec<TouchRecord> {
        let ids: Vec<Uuid> =
            sqlx::query_scalar("select subject_id from crm_intent where tenant_id = $1 and kind = 'record_touch' order by id")
                .bind(tenant.0)
                .fetch_all(&mut self.site.owner)
                .await
                .unwrap();
        let mut tx = self.site.world.db.tenant(tenant).await.unwrap();
        let mut told = Vec::new();
        for id in ids {
            told.push(tx.touch(id).await.unwrap().unwrap());
        }
        told
    }
}

fn came(first: &str, last: &str) -> (Option<String>, Option<String>) {
    (Some(first.to_owned()), Some(last.to_owned()))
}

const NOWHERE: (Option<String>, Option<String>) = (None, None);

#[tokio::test]
async fn a_link_leads_to_the_chat_and_says_from_where() {
    let mut links = Links::new().await;
    let led = links.go("/go/lotos/telegram?ref=vera&utm_source=vk&utm_term=%D0%B1%D1%80%D0%BE%D0%B2%D0%B8", None).await;
    assert!(led.location.starts_with("https://t.me/lotos_bot?start="), "{}", led.location);
    assert!((1..=64).contains(&led.token().len()));
    assert!(led.cookie.unwrap().starts_with("salon_touch_lotos="));
    let touch: (String, String, Value, String, Option<Uuid>) =
        sqlx::query_as("select channel, ref, utm, landing, client_id from touch").fetch_one(&mut links.site.owner).await.unwrap();
    let utm = json!({ "source": "vk", "term": "брови" });
    assert_eq!(touch, ("telegram".to_owned(), "vera".to_owned(), utm, "https://lotos.example/a".to_owned(), None));
    for nothing in ["client", "crm_intent", "job", "enquiry"] {
        assert_eq!(
            sqlx::query_scalar::<_, i64>(AssertSqlSafe(format!("select count(*) from {nothing}")))
                .fetch_one(&mut links.site.owner)
                .await
                .unwrap(),
            0,
            "{nothing}"
        );
    }
    let by_name = links.go("/go/lotos/main", None).await;
    assert_eq!(by_name, Led { location: "https://t.me/lotos_bot".to_owned(), cookie: None });
}

#[tokio::test]
async fn who_just_comes_and_what_is_no_person_leave_no_trace() {
    let mut links = Links::new().await;
    let bare = Led { location: "https://t.me/lotos_bot".to_owned(), cookie: None };
    for path in
        ["/go/lotos/telegram", "/go/lotos/telegram?x=1", "/go/lotos/telegram?ref=a%20b", "/go/lotos/telegram?ref=%FF&utm_source="]
    {
        assert_eq!(links.go(path, None).await, bare, "{path}");
    }
    let known = "/go/lotos/telegram?ref=vera";
    for agent in ["TelegramBot (like TwitterBot)", "facebookexternalhit/1.1", ""] {
        let request = Request::get(known).header("user-agent", agent).body(Body::empty()).unwrap();
        assert_eq!(links.led(request).await, bare, "{agent}");
    }
    let head = Request::builder().method(Method::HEAD).uri(known).header("user-agent", PHONE).body(Body::empty()).unwrap();
    assert_eq!(links.led(head).await, bare);
    assert_eq!(links.site.count("touch").await, 0);
}

#[tokio::test]
async fn what_is_not_known_is_all_alike() {
    let mut links = Links::new().await;
    sqlx::query("update channel_account set vendor_name = null where tenant_id = $1")
        .bind(links.site.roza.tenant.0)
        .execute(&mut links.site.owner)
        .await
        .unwrap();
    let mut answers = Vec::new();
    for path in [
        "/go/nobody/telegram",
        "/go/lotos/vk",
        "/go/lotos/x",
        "/go/roza/telegram?ref=vera",
        "/go/%FF/telegram",
        "/go/lotos%00/telegram",
    ] {
        let response = links.site.send(Links::ask(path, None)).await;
        assert_eq!(response.status(), 404, "{path}");
        assert!(!response.headers().contains_key("set-cookie"));
        answers.push(json_of(response).await);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(links.site.count("touch").await, 0);
}

#[tokio::test]
async fn nobody_fills_the_table() {
    let mut links = Links::new().await;
    links.site.routes = routes_with(&links.site.world.db, true, None);
    for _ in 0..50 {
        let mut request = Links::ask("/go/lotos/telegram?ref=vera", None);
        request.extensions_mut().insert(salon_core::ops::server::Peer([203, 0, 113, 9].into()));
        links.led(request).await;
    }
    assert!(links.site.count("touch").await <= 6, "who comes too often is led on all the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chat_that_follows_is_attributed_once() {
    let mut links = Links::new().await;
    let (lotos, roza) = (links.site.lotos.tenant, links.site.roza.tenant);
    let led = links.go("/go/lotos/telegram?ref=vera&utm_source=vk", None).await;
    links.writes(lotos, 7, &format!("/start {}", led.token())).await;
    assert_eq!(links.clients(lotos).await, [came("vera", "vera")]);
    let [touch] = &links.told(lotos).await[..] else { panic!() };
    assert_eq!(
        (touch.channel.as_str(), touch.referral.as_deref(), touch.first_referral.as_deref()),
        ("telegram", Some("vera"), Some("vera"))
    );
    assert_eq!(touch.utm.source.as_deref(), Some("vk"));
    assert!(touch.conversation_id.is_some());
    let referral: String =
        sqlx::query_scalar("select referral from conversation").fetch_one(&mut links.site.owner).await.unwrap();
    assert_eq!(referral, "vera", "and no token");
    assert_eq!(links.site.count("message where content ->> 'text' = '/start'").await, 1);
    assert_eq!(links.site.count("message where direction = 'out'").await, 1, "the chat is greeted as ever");

    // The same person again, and somebody to whom the link was passed on.
    links.writes(lotos, 7, &format!("/start {}", led.token())).await;
    links.writes(lotos, 8, &format!("/start {}", led.token())).await;
    assert_eq!(links.clients(lotos).await, [came("vera", "vera"), NOWHERE]);
    assert_eq!(links.told(lotos).await.len(), 1);
    assert_eq!((links.clients(roza).await.len(), links.told(roza).await.len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_proves_nothing_changes_nothing() {
    let mut links = Links::new().await;
    let (lotos, roza) = (links.site.lotos.tenant, links.site.roza.tenant);
    let theirs = links.go("/go/roza/telegram?ref=theirs", None).await;
    let over = links.go("/go/lotos/telegram?ref=over", None).await;
    let forged: String = over.token().chars().rev().collect();
    links.site.world.clock.advance(TimeDelta::days(30));
    for (chat, payload) in [(1, theirs.token()), (2, over.token()), (3, forged.as_str()), (4, "vera")] {
        links.writes(lotos, chat, &format!("/start {payload}")).await;
    }
    links.writes(lotos, 5, "/start").await;
    links.writes(lotos, 6, "код #00000000").await;
    assert_eq!(links.clients(lotos).await, vec![NOWHERE; 6]);
    assert_eq!((links.told(lotos).await.len(), links.told(roza).await.len()), (0, 0));
    assert_eq!(links.site.count("touch where claimed_at is not null").await, 0);
    assert_eq!(links.site.count("message where direction = 'out'").await, 6, "each chat goes on as ever");
    assert_eq!(links.site.count("conversation where referral = 'vera'").await, 1, "a salon's own link says what it says");
    // What nobody came with is forgotten.
    links.site.world.db.maintain().await.unwrap();
    assert_eq!(links.site.count("touch").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_touch_stays_and_the_last_one_moves() {
    let mut links = Links::new().await;
    let lotos = links.site.lotos.tenant;
    let first = links.go("/go/lotos/telegram?ref=first", None).await;
    links.site.world.clock.advance(TimeDelta::days(1));
    let second = links.go("/go/lotos/telegram?ref=second", first.cookie.as_deref()).await;
    // Without a word of where they come from, the browser's memory goes along, and is kept for longer.
    let plain = links.go("/go/lotos/telegram", second.cookie.as_deref()).await;
    assert_eq!(plain, second);
    links.writes(lotos, 7, &format!("/start {}", plain.token())).await;
    assert_eq!(links.clients(lotos).await, [came("first", "second")]);
    let third = links.go("/go/lotos/telegram?ref=third", second.cookie.as_deref()).await;
    links.writes(lotos, 7, &format!("/start {}", third.token())).await;
    assert_eq!(links.clients(lotos).await, [came("first", "third")]);
    let told: Vec<_> = links.told(lotos).await.into_iter().map(|touch| (touch.referral, touch.first_referral)).collect();
    assert_eq!(told, [came("second", "first"), came("third", "first")]);
    // The first touch is the client's now: nobody else comes with it.
    links.writes(lotos, 8, &format!("/start {}", first.token())).await;
    assert_eq!(links.clients(lotos).await, [came("first", "third"), NOWHERE]);
    links.site.world.clock.advance(TimeDelta::days(365));
    links.site.world.db.maintain().await.unwrap();
    assert_eq!(links.site.count("touch").await, 3, "what is somebody's is kept");
}

#[tokio::test]
async fn a_cookie_of_another_salon_or_of_nobody_is_not_read() {
    let links = Links::new().await;
    let theirs = links.go("/go/roza/telegram?ref=theirs", None).await.cookie.unwrap();
    let value = theirs.split_once('=').unwrap().1;
    for cookie in
        [theirs.clone(), format!("salon_touch_lotos={value}"), "salon_touch_lotos=x".to_owned(), "salon_touch_lotos".to_owned()]
    {
        let led = links.go("/go/lotos/telegram", Some(&cookie)).await;
        assert_eq!(led, Led { location: "https://t.me/lotos_bot".to_owned(), cookie: None }, "{cookie}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_in_the_text_stands_for_what_a_link_can_not_carry() {
    let mut links = Links::new().await;
    let lotos = links.site.lotos.tenant;
    let number = "insert into channel_account (id, tenant_id, kind, name, base_url, credentials, credential_at, vendor_name, created_at, updated_at)
                  select gen_random_uuid(), id, 'whatsapp', 'wa', 'https://x', '', now(), '+7 900 123-45-67', now(), now() from tenant where slug = 'lotos'";
    sqlx::query(number).execute(&mut links.site.owner).await.unwrap();
    let led = links.go("/go/lotos/whatsapp?ref=vera", None).await;
    let touch: Uuid = sqlx::query_scalar("select id from touch").fetch_one(&mut links.site.owner).await.unwrap();
    let words = Code::of(&keyring(), lotos, touch.into()).greeting(salon_core::lang::Lang::Ru);
    let link = format!(
        "https://wa.me/79001234567?{}",
        url::form_urlencoded::Serializer::new(String::new()).append_pair("text", &words).finish()
    );
    assert_eq!(led.location, link);
    let roza = links.site.roza.tenant;
    links.writes(roza, 7, &words).await;
    links.writes(lotos, 7, &words.to_lowercase()).await;
    assert_eq!(links.clients(lotos).await, [came("vera", "vera")]);
    assert_eq!(links.clients(roza).await, [NOWHERE]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_of_the_same_browser_is_the_same_client_s() {
    let Forms { site, lotos: form, .. } = Forms::new().await;
    let mut links = Links::of(site).await;
    let lotos = links.site.lotos.tenant;
    let led = links.go("/go/lotos/telegram?ref=vera", None).await;
    let cookie = led.cookie.clone().unwrap();
    let send = |name: &str, cookie: &str| {
        let body = json!({ "name": name, "phone": "+79001234567", "email": "m@example.com" }).to_string();
        let request = Request::post("/v1/leads").header("content-type", "application/json").header("x-salon-form", &form);
        request.header("cookie", cookie).body(Body::from(body)).unwrap()
    };
    // Nobody has written yet: a client of its own, who came by that link.
    assert_eq!(links.site.status(send("до", &cookie)).await, 201);
    links.writes(lotos, 7, &format!("/start {}", led.token())).await;
    // The cookie alone is no proof: who follows somebody else's link makes that browser's cookie name them.
    assert_eq!(links.site.status(send("подложено", &cookie)).await, 201);
    let gives = "update client set phone = '+79001234567' where id = (select client_id from client_identity)";
    sqlx::query(gives).execute(&mut links.site.owner).await.unwrap();
    assert_eq!(links.site.status(send("после", &cookie)).await, 201);
    assert_eq!(links.site.status(send("чужой", &cookie.replace("lotos=", "lotos=A"))).await, 201);
    let found: Vec<(String, Option<String>, bool)> = sqlx::query_as(
        "select e.name, e.ref, exists (select from client_identity i where i.client_id = e.client_id) from enquiry e order by e.id",
    )
    .fetch_all(&mut links.site.owner)
    .await
    .unwrap();
    let vera = || Some("vera".to_owned());
    let forms = [("до", vera(), false), ("подложено", vera(), false), ("после", vera(), true), ("чужой", None, false)];
    assert_eq!(found, forms.map(|(name, referral, joined)| (name.to_owned(), referral, joined)));
    let names: Vec<Option<String>> =
        sqlx::query_scalar("select c.name from client c join client_identity i on i.client_id = c.id")
            .fetch_all(&mut links.site.owner)
            .await
            .unwrap();
    let clients: Vec<Uuid> =
        sqlx::query_scalar("select client_id from enquiry order by id").fetch_all(&mut links.site.owner).await.unwrap();
    let mut tx = links.site.world.db.tenant(lotos).await.unwrap();
    for (client, first) in clients.into_iter().zip([vera(), vera(), vera(), None]) {
        let origin = tx.origin(client.into()).await.unwrap();
        assert_eq!((origin.first_referral, origin.last_referral), (first.clone(), first));
        assert!(origin.first_at.is_some() && origin.email.as_deref() == Some("m@example.com"));
        let mut theirs = links.site.world.db.tenant(links.site.roza.tenant).await.unwrap();
        assert_eq!(theirs.origin(client.into()).await.unwrap(), Origin::default());
    }
    assert_eq!(names, [Some("Мария".to_owned())], "the chat's own name and number stay as they are");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_comes_without_words_is_attributed_too() {
    let mut links = Links::new().await;
    let lotos = links.site.lotos.tenant;
    let led = links.go("/go/lotos/telegram?ref=vera", None).await;
    // As Instagram tells of a link followed in a chat that is there already.
    let event = json!({ "vendor_event_id": "r1", "kind": "referral", "payload": led.token(), "sender": {
        "chat_id": "7", "user_id": "7", "name": null, "language": null } });
    let id = InboundEventId(links.site.world.db.ids().next(links.site.world.db.clock()));
    let referral = NewInbound {
        id,
        tenant: lotos,
        source: "telegram",
        source_id: links.site.lotos.telegram.target,
        vendor_event_id: "r1".to_owned(),
        kind: "referral",
        event,
        raw: Vec::new(),
        fate: Fate::Work(Job::NoteEvent { inbound_event: id }, None),
        trace: None,
    };
    links.site.world.db.ingest(&[referral]).await.unwrap();
    links.work().await;
    assert_eq!(links.clients(lotos).await, [came("vera", "vera")]);
    assert_eq!(links.told(lotos).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_turns_out_to_be_somebody_known_brings_the_touches_along() {
    let mut links = Links::new().await;
    let lotos = links.site.lotos.tenant;
    let led = links.go("/go/lotos/telegram?ref=vera", None).await;
    links.writes(lotos, 7, &format!("/start {}", led.token())).await;
    let known = "insert into client (id, tenant_id, phone, phone_verified, created_at, updated_at)
                 select gen_random_uuid(), id, '+79001234567', true, now(), now() from tenant where slug = 'lotos' returning id";
    let known: Uuid = sqlx::query_scalar(known).fetch_one(&mut links.site.owner).await.unwrap();
    let conversation: Uuid = sqlx::query_scalar("select id from conversation").fetch_one(&mut links.site.owner).await.unwrap();
    let mut tx = links.site.world.db.tenant(lotos).await.unwrap();
    let contact = tx.contact(conversation.into()).await.unwrap().unwrap();
    assert_eq!(tx.set_phone(&contact, "+79001234567", true).await.unwrap().0, known);
    tx.commit().await.unwrap();
    let [touch] = &links.told(lotos).await[..] else { panic!() };
    assert_eq!(
        (touch.client_id.0, touch.first_referral.as_deref(), touch.last_referral.as_deref()),
        (known, Some("vera"), Some("vera"))
    );
}
