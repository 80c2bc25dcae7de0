//! The VK adapter against VK's stand-in, which VK's own schema and vk-io have judged: what one of them misunderstands, the other refuses.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use salon_core::{
    channel::{
        Account, AccountSecrets, Body, ChannelAdapter, ChannelEvent, ChannelKind, ConsentSignal, EventKind, Handshake, Outbound,
        Press, Recipient, adapter,
    },
    dialogue::{Button, Keyboard, Rendered},
    vendor::{AddressGuard, Class, Failure, Http},
};
use salon_sandbox::{
    Options, Sandbox, Scenario,
    messenger::{Act, Media, Messenger},
    vendor::Vendor,
    vk::Vk,
};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

const GROUP: &str = "123456";
const ANNA: &str = "700100200";
/// Her app knows no callback buttons.
const OLGA: &str = "700100201";
const PATIENCE: Duration = Duration::from_secs(20);

/// Our side of the webhook, as the ingress has it.
struct Hook {
    account: Mutex<Account>,
    events: Mutex<Vec<ChannelEvent>>,
}

async fn receive(State(hook): State<Arc<Hook>>, headers: HeaderMap, body: Bytes) -> String {
    let (adapter, account) = (vk(), hook.account.lock().unwrap().clone());
    adapter.verify(&headers, &body, &account).unwrap();
    if let Some(greeting) = adapter.handshake(Handshake::Body(&body), &account) {
        return greeting.unwrap();
    }
    hook.events.lock().unwrap().extend(adapter.parse(&body, &account).unwrap());
    adapter.answer().to_owned()
}

fn vk() -> &'static dyn ChannelAdapter {
    adapter(ChannelKind::Vk)
}

struct Salon {
    sandbox: Sandbox,
    hook: Arc<Hook>,
    address: Url,
    http: Http,
}

impl Salon {
    async fn open() -> Self {
        let seed = json!({
            "groups": [{"id": 123_456, "name": "Salon 42", "screen_name": "salon42", "token": "vk1.a.sandbox"}],
            "people": [{"id": 700_100_200, "first_name": "Anna"},
                       {"id": 700_100_201, "first_name": "Olga", "client": {"button_actions": ["text"]}}],
        });
        let scenario = Scenario { seed: [("vk".to_owned(), seed)].into() };
        let sandbox = Sandbox::start(Options { scenario, ..Options::default() }).await.unwrap();
        let account = Account {
            base_url: format!("{}/vk", sandbox.base_url).parse().unwrap(),
            external_id: GROUP.to_owned(),
            parent_id: None,
            secrets: AccountSecrets::new("vk1.a.sandbox".into(), "s3cr3t-per-tenant".into()),
        };
        let hook = Arc::new(Hook { account: Mutex::new(account), events: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/webhooks/vk/k", listener.local_addr().unwrap()).parse().unwrap();
        let routes = Router::new().route("/webhooks/vk/k", post(receive)).with_state(Arc::clone(&hook));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { sandbox, hook, address, http: Http::new(AddressGuard { allow_private: true }).unwrap() }
    }

    /// The same with the webhook registered, as connecting an account does it.
    async fn connected() -> Self {
        let salon = Self::open().await;
        salon.register().await;
        salon
    }

    async fn register(&self) {
        let code = vk().prepare_webhook(&self.http, &self.account()).await.unwrap();
        self.hook.account.lock().unwrap().secrets.handshake = code;
        vk().register_webhook(&self.http, &self.account(), &self.address).await.unwrap();
    }

    fn account(&self) -> Account {
        self.hook.account.lock().unwrap().clone()
    }

    fn vk(&self) -> &Vk {
        &self.sandbox.vk
    }

    /// What the person's act brings to us.
    async fn act(&self, person: &str, act: Act) -> ChannelEvent {
        self.vk().act_as(GROUP, person, act).unwrap();
        self.heard().await.remove(0)
    }

    async fn staff(&self, action: Value) -> Vec<ChannelEvent> {
        Vendor::act(self.vk(), action).await.unwrap();
        self.heard().await
    }

    /// What came in since the last look, but for the echoes of our own messages.
    async fn heard(&self) -> Vec<ChannelEvent> {
        let settled = |vk: &Vk| vk.is_settled(GROUP).then_some(());
        self.vk().wait_for(PATIENCE, settled).await.expect("the events are delivered");
        let mut events = std::mem::take(&mut *self.hook.events.lock().unwrap());
        events.retain(|event| !matches!(event.kind, EventKind::Echo { operator: Some(false), .. }));
        events
    }

    async fn send(&self, person: &str, key: u128, message: &Rendered) -> Result<String, Failure> {
        let to = Recipient { chat_id: person, user_id: person, plain_buttons: person == OLGA };
        let out = Outbound { to, body: Body::Free(message), key: Uuid::from_u128(key) };
        vk().send(&self.http, &self.account(), &out).await.map(|sent| sent.vendor_message_id)
    }

    async fn seen(&self) -> (bool, Vec<String>) {
        let info = vk().inspect(&self.http, &self.account(), Some(&self.address)).await.unwrap();
        assert_eq!(info.name, "Salon 42");
        (info.webhook_url.as_deref() == Some(self.address.as_str()), info.problems)
    }

    fn servers(&self) -> usize {
        self.vk().snapshot()["groups"][0]["servers"].as_array().unwrap().len()
    }

    fn assert_no_violations(&self) {
        let violations: Vec<_> = self.sandbox.world.ledger.violations().into_iter().flat_map(|entry| entry.violations).collect();
        assert_eq!(violations, Vec::<String>::new());
    }
}

fn question() -> Rendered {
    let button = |label: &str, payload: &str| Button { label: label.to_owned(), payload: payload.to_owned() };
    let keyboard = Keyboard::Inline(vec![vec![button("Приду", "v1|yes"), button("Отменить", "v1|no")]]);
    Rendered { text: "Вторник, 15:00. Придёте?".to_owned(), keyboard }
}

fn pressed(event: &ChannelEvent) -> (&str, Option<&str>) {
    let EventKind::Button { payload, callback_id } = &event.kind else { panic!("{event:?}") };
    (payload, callback_id.as_deref())
}

#[tokio::test]
async fn a_server_is_registered_once_and_mended_as_often_as_needed() {
    let salon = Salon::open().await;
    assert_eq!(salon.seen().await, (false, vec![]));
    salon.register().await;
    assert_eq!(salon.seen().await, (true, vec![]));
    salon.register().await;
    assert_eq!((salon.seen().await, salon.servers()), ((true, vec![]), 1));

    salon.hook.account.lock().unwrap().secrets.webhook_secret = "another".into();
    assert_eq!(salon.seen().await, (false, vec!["the callback server has another secret".to_owned()]));
    salon.register().await;
    assert_eq!((salon.seen().await, salon.servers()), ((true, vec![]), 1));

    // Somebody changes the settings in VK's own screens.
    let server = salon.vk().snapshot()["groups"][0]["servers"][0]["id"].clone();
    let settings = format!(
        "{}/vk/method/groups.setCallbackSettings?v=5.199&access_token=vk1.a.sandbox&group_id={GROUP}&server_id={server}&api_version=5.131&message_event=0",
        salon.sandbox.base_url
    );
    reqwest::Client::new().post(settings).send().await.unwrap();
    let problems = ["the callback server's events are not of version 5.199", "the callback server is not told of message_event"];
    assert_eq!(salon.seen().await, (false, problems.map(str::to_owned).to_vec()));
    salon.register().await;
    assert_eq!(salon.seen().await, (true, vec![]));
    salon.assert_no_violations();
}

#[tokio::test]
async fn a_server_that_does_not_know_the_code_is_not_registered() {
    let salon = Salon::open().await;
    salon.hook.account.lock().unwrap().secrets.handshake = Some("0badc0de".into());
    let failed = vk().register_webhook(&salon.http, &salon.account(), &salon.address).await.unwrap_err();
    assert_eq!(failed, Failure::permanent("confirmation_failed"));
    let (registered, problems) = salon.seen().await;
    assert!(!registered && problems.contains(&"the callback server's status is `failed`".to_owned()), "{problems:?}");
    salon.register().await;
    assert_eq!((salon.seen().await, salon.servers()), ((true, vec![]), 1));
}

#[tokio::test]
async fn a_conversation_in_which_nothing_breaks_vks_rules() {
    let salon = Salon::connected().await;
    let opened = salon.act(ANNA, Act::Open { payload: Some("s_17".to_owned()) }).await;
    assert_eq!(opened.kind, EventKind::Start { payload: Some("s_17".to_owned()) });
    let sender = opened.sender.unwrap();
    assert_eq!((sender.chat_id.as_str(), sender.language.as_deref(), sender.plain_buttons), (ANNA, Some("ru"), Some(false)));
    assert!(matches!(salon.act(ANNA, Act::Text { text: "привет".to_owned() }).await.kind, EventKind::Text { .. }));
    for media in [Media::Photo, Media::Voice, Media::Location, Media::Sticker] {
        assert!(matches!(salon.act(ANNA, Act::Media { media, caption: None }).await.kind, EventKind::Media { .. }));
    }

    let id = salon.send(ANNA, 1, &question()).await.unwrap();
    let press = salon.act(ANNA, Act::Press { message: Some(id.clone()), press: r#"{"t":"v1|yes"}"#.to_owned() }).await;
    let (payload, callback_id) = pressed(&press);
    assert_eq!(payload, "v1|yes");
    let press = Press { callback_id: callback_id.unwrap(), chat_id: ANNA, user_id: ANNA };
    for _ in 0..2 {
        vk().acknowledge(&salon.http, &salon.account(), &press).await.unwrap();
    }
    let to = Recipient { chat_id: ANNA, user_id: ANNA, plain_buttons: false };
    vk().attend(&salon.http, &salon.account(), to, None).await.unwrap();
    assert!(salon.vk().chat(GROUP, ANNA).unwrap().typing);

    assert_eq!(salon.send(ANNA, 1, &question()).await, Ok(id), "the same message again is one message");
    let long = Rendered { text: "Очень длинная строка. ".repeat(180), keyboard: question().keyboard };
    salon.send(ANNA, 2, &long).await.unwrap();
    assert_eq!(salon.vk().sent(123_456, 700_100_200).len(), 2);

    let own = salon.vk().chat(GROUP, ANNA).unwrap().bubbles[1].id.clone();
    let edited = salon.act(ANNA, Act::Edit { message: own.clone(), text: "здравствуйте".to_owned() }).await;
    assert_eq!(edited.kind, EventKind::Edited { of: Some(own), text: Some("здравствуйте".to_owned()) });
    let replied = salon.staff(json!({"do": "reply", "group": 123_456, "person": 700_100_200, "text": "Это Мария"})).await;
    assert!(matches!(&replied[0].kind, EventKind::Echo { operator: Some(true), text: Some(text), .. } if text == "Это Мария"));
    salon.assert_no_violations();
}

#[tokio::test]
async fn an_app_without_callback_buttons_gets_buttons_that_write() {
    let salon = Salon::connected().await;
    let opened = salon.act(OLGA, Act::Open { payload: None }).await;
    assert_eq!(opened.sender.unwrap().plain_buttons, Some(true));
    let id = salon.send(OLGA, 1, &question()).await.unwrap();
    let press = salon.act(OLGA, Act::Press { message: Some(id), press: r#"{"t":"v1|no"}"#.to_owned() }).await;
    assert_eq!(pressed(&press), ("v1|no", None));

    // She changes to an old app while a question with callback buttons waits.
    salon.act(ANNA, Act::Open { payload: None }).await;
    let id = salon.send(ANNA, 2, &question()).await.unwrap();
    salon.staff(json!({"do": "client", "person": 700_100_200, "client": {"button_actions": ["text"]}})).await;
    let press = salon.act(ANNA, Act::Press { message: Some(id), press: r#"{"t":"v1|yes"}"#.to_owned() }).await;
    assert_eq!(pressed(&press), ("v1|yes", None));
    salon.assert_no_violations();
}

#[tokio::test]
async fn permissions_and_dead_keys_are_understood() {
    let salon = Salon::connected().await;
    salon.act(ANNA, Act::Open { payload: None }).await;
    let class = async || salon.send(ANNA, 0, &question()).await.map_err(|failure| failure.class);
    assert!(class().await.is_ok());
    let consent = |signal| EventKind::Consent { signal };
    assert_eq!(salon.act(ANNA, Act::Block).await.kind, consent(ConsentSignal::Denied));
    assert_eq!(class().await, Err(Class::Unreachable));
    let allowed = salon.staff(json!({"do": "allow", "group": 123_456, "person": 700_100_200, "key": "bk_8f3c2a"})).await;
    let kinds: Vec<_> = allowed.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [consent(ConsentSignal::Allowed), EventKind::Referral { payload: "bk_8f3c2a".to_owned() }]);
    let of_anna = |action: &str| json!({"do": action, "group": 123_456, "person": 700_100_200});
    assert_eq!(salon.staff(of_anna("ban")).await[0].kind, consent(ConsentSignal::Blocked));
    assert_eq!(class().await, Err(Class::Unreachable));
    assert_eq!(salon.staff(of_anna("unban")).await[0].kind, consent(ConsentSignal::Unblocked));
    salon.staff(json!({"do": "bots", "group": 123_456, "enabled": false})).await;
    assert_eq!(salon.send(ANNA, 9, &question()).await, Err(Failure::permanent("912:bots_off")));
    for code in [5, 27] {
        salon.staff(json!({"do": "kill", "group": 123_456, "code": code})).await;
        assert_eq!(class().await, Err(Class::Credential));
        assert_eq!(vk().inspect(&salon.http, &salon.account(), None).await.unwrap_err().class, Class::Credential);
    }
    salon.assert_no_violations();
}
