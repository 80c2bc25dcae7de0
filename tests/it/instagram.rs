//! Instagram's adapter and Instagram's stand-in, whose rules were written down from the vendor's pages: what one sends the other understands.

use std::time::Duration;

use chrono::TimeDelta;
use salon_core::{
    channel::{
        Account, AccountSecrets, Body, ChannelAdapter, ChannelEvent, ChannelKind, Delivery, EventKind, MediaKind, MessageRef,
        Outbound, Recipient, Sent, adapter,
    },
    dialogue::{Button, Keyboard, Rendered},
    vendor::{AddressGuard, Class, Failure, Http},
};
use salon_sandbox::{
    Options, Sandbox, Scenario,
    fault::{Fault, Target},
    instagram::{Action, Echo, Manners},
    messenger::Messenger,
    vendor::Vendor,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::hook::{Hook, violations};

const APP: &str = "670843887433847";
const SALON: &str = "17841400000000001";
const SALON_2: &str = "17841400000000002";
const ANNA: &str = "anna.k";
/// Has no number in the profile.
const OLGA: &str = "olga";
const PATIENCE: Duration = Duration::from_secs(20);

/// Two salons of one app, and people with Instagram.
struct Salon {
    sandbox: Sandbox,
    http: Http,
    account: Account,
    other: Account,
    hook: Hook,
}

fn seed() -> Value {
    let account = |id: &str, username: &str, token: &str| json!({"id": id, "username": username, "name": username, "app": APP, "token": token, "token_age_days": 30});
    json!({
        "apps": [{"id": APP, "name": "salon-core", "secret": "meta-app-secret", "instagram_secret": "instagram-app-secret"}],
        "accounts": [account(SALON, "salon42", "IGAA-salon"), account(SALON_2, "salon43", "IGAA-other")],
        "people": [{"username": ANNA, "name": "Анна К", "phone": "+16505551234"}, {"username": OLGA, "name": ""}],
        "manners": {"retry_ms_per_second": 1},
    })
}

impl Salon {
    async fn open() -> Self {
        let scenario = Scenario { seed: [("instagram".to_owned(), seed())].into() };
        let sandbox = Sandbox::start(Options { scenario, ..Options::default() }).await.unwrap();
        let account = |id: &str, token: &str| Account {
            base_url: format!("{}/instagram", sandbox.base_url).parse().unwrap(),
            external_id: id.to_owned(),
            parent_id: None,
            secrets: AccountSecrets {
                // The Meta app's secret stands first, and Instagram's is the one that signs.
                also_valid: vec!["instagram-app-secret".into()],
                handshake: Some("verify-me".into()),
                ..AccountSecrets::new(token.to_owned().into(), "meta-app-secret".into())
            },
        };
        let (account, other) = (account(SALON, "IGAA-salon"), account(SALON_2, "IGAA-other"));
        let http = Http::new(AddressGuard { allow_private: true }).unwrap();
        let hook = Hook::open(ChannelKind::Instagram, &account).await;
        Self { sandbox, http, account, other, hook }
    }

    /// Our address is entered in the App Dashboard, and the app hears both accounts.
    async fn connected() -> Self {
        let salon = Self::open().await;
        let callback = json!({"url": salon.hook.address.as_str(), "verify_token": "verify-me"});
        salon.office(json!({"do": "set_callback", "app": APP, "callback": callback})).await;
        for account in [&salon.account, &salon.other] {
            instagram().register_webhook(&salon.http, account, &salon.hook.address).await.unwrap();
        }
        salon
    }

    fn act(&self, person: &str, action: Action) -> Vec<String> {
        self.sandbox.instagram.act_in_chat(SALON, person, action).unwrap()
    }

    fn says(&self, person: &str, text: &str) -> String {
        self.act(person, Action::Text { text: text.into(), reply_to: None }).remove(0)
    }

    fn id(&self, person: &str) -> String {
        self.sandbox.instagram.scoped_id(SALON, person)
    }

    fn settings(&self, change: impl FnOnce(&mut Manners)) {
        let mut manners = self.sandbox.instagram.manners();
        change(&mut manners);
        self.sandbox.instagram.set_manners(manners);
    }

    /// What arrived since the last time, read as the product reads it.
    async fn events(&self) -> Vec<ChannelEvent> {
        let is_settled =
            |one: &salon_sandbox::instagram::Instagram| [SALON, SALON_2].iter().all(|id| one.is_settled(id)).then_some(());
        self.sandbox.instagram.wait_for(PATIENCE, is_settled).await.expect("the events arrive");
        self.hook.events()
    }

    async fn send(&self, person: &str, message: &Rendered) -> Result<Sent, Failure> {
        let id = self.id(person);
        let to = Recipient { chat_id: &id, user_id: &id, plain_buttons: false };
        let out = Outbound { to, body: Body::Free(message), key: Uuid::nil() };
        instagram().send(&self.http, &self.account, &out).await
    }

    async fn ask(&self, person: &str) -> Result<Sent, Failure> {
        self.send(person, &question()).await
    }

    fn fault(&self, fault: &Fault) {
        self.sandbox.world.faults.plan(Target { vendor: "instagram".into(), operation: "*".into() }, fault, 1);
    }

    async fn office(&self, action: Value) {
        self.sandbox.instagram.act(action).await.unwrap();
    }

    fn violations(&self) -> Vec<String> {
        violations(&self.sandbox)
    }
}

fn instagram() -> &'static dyn ChannelAdapter {
    adapter(ChannelKind::Instagram)
}

fn question() -> Rendered {
    let button = |label: &str, payload: &str| Button { label: label.to_owned(), payload: payload.to_owned() };
    let rows = vec![vec![button("Подтвердить", "v1:confirm"), button("Отменить", "v1:cancel")]];
    Rendered { text: "Завтра в 15:00. Подтвердить?".to_owned(), keyboard: Keyboard::Inline(rows) }
}

fn names(events: &[ChannelEvent]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind.name()).collect()
}

#[tokio::test]
async fn a_conversation_is_understood_on_both_sides() {
    let salon = Salon::connected().await;
    salon.settings(|manners| manners.echo = Echo::Never);
    let mine = salon.says(ANNA, "Здравствуйте 👋 a@b.co </script>");
    let mut ids = vec![mine.clone()];
    ids.extend(salon.act(ANNA, Action::Refer { payload: "s_17".into() }));
    let sent = salon.ask(ANNA).await.unwrap().vendor_message_id;
    assert_eq!(salon.sandbox.instagram.chat(SALON, ANNA).unwrap().bubbles.pop().unwrap().id, sent);
    // Read first, then pressed: the report of the first comes first.
    ids.extend(salon.act(ANNA, Action::Press { message: None, press: "v1:confirm".into() }).into_iter().rev());
    let ask = Rendered { text: "Your number?".into(), keyboard: Keyboard::RequestContact { label: "Share my number".into() } };
    salon.send(ANNA, &ask).await.unwrap();
    ids.extend(salon.act(ANNA, Action::SharePhone).into_iter().rev());
    for action in [
        Action::Text { text: "thanks".into(), reply_to: Some(sent.clone()) },
        Action::StoryReply { text: "wow".into() },
        Action::Attachment { kind: "image".into() },
        Action::Attachment { kind: "audio".into() },
        Action::Attachment { kind: "share".into() },
        Action::Ephemeral,
        Action::Unsupported,
        Action::StoryMention,
        Action::React { message: sent.clone(), emoji: Some("❤️".into()) },
        Action::React { message: sent.clone(), emoji: None },
        Action::Edit { message: mine.clone(), text: "Hello".into() },
        Action::Delete { message: mine.clone() },
    ] {
        ids.extend(salon.act(ANNA, action));
    }
    let events = salon.events().await;
    assert_eq!(events.iter().map(|event| event.vendor_event_id.clone()).collect::<Vec<_>>(), ids);
    let first = ["text", "referral", "status", "button", "status", "contact", "text", "text"];
    let expected = [&first[..], &["media"; 5], &["ignored"; 3], &["edited", "removed"]].concat();
    assert_eq!(names(&events), expected);
    assert_eq!(events[0].kind, EventKind::Text { text: "Здравствуйте 👋 a@b.co </script>".into(), referral: None });
    assert_eq!(events[1].kind, EventKind::Referral { payload: "s_17".into() });
    assert_eq!(events[2].kind, EventKind::Status { of: MessageRef::Vendor(sent.clone()), state: Delivery::Read });
    assert_eq!(events[3].kind, EventKind::Button { payload: "v1:confirm".into(), callback_id: None });
    assert_eq!(events[5].kind, EventKind::Contact { phone: "+16505551234".into(), own: true });
    assert_eq!(events[6].reply_to, Some(sent));
    let sorts = events.iter().filter_map(|event| match event.kind {
        EventKind::Media { media, .. } => Some(media),
        _ => None,
    });
    let gone = MediaKind::Unsupported;
    assert_eq!(sorts.collect::<Vec<_>>(), [MediaKind::Photo, MediaKind::Voice, gone, gone, gone]);
    assert_eq!(events[16].kind, EventKind::Edited { of: Some(mine.clone()), text: Some("Hello".into()) });
    assert_eq!(events[17].kind, EventKind::Removed { of: mine });
    for event in &events {
        let sender = event.sender.as_ref().unwrap();
        assert_eq!((&sender.chat_id, &sender.user_id), (&salon.id(ANNA), &salon.id(ANNA)));
        assert_eq!((event.account.as_deref(), event.at.is_some()), (Some(SALON), true));
    }
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_name_is_asked_for_and_typing_is_shown() {
    let salon = Salon::connected().await;
    for (person, name) in [(ANNA, "Анна К"), (OLGA, OLGA)] {
        salon.says(person, "hello");
        let found = instagram().name_of(&salon.http, &salon.account, &salon.id(person)).await.unwrap();
        assert_eq!(found.as_deref(), Some(name), "a user name where there is no other");
    }
    let nobody = instagram().name_of(&salon.http, &salon.account, "1").await.unwrap_err();
    assert_eq!(nobody.class, Class::Permanent);
    let id = salon.id(ANNA);
    let to = Recipient { chat_id: &id, user_id: &id, plain_buttons: false };
    instagram().attend(&salon.http, &salon.account, to, None).await.unwrap();
    assert!(salon.sandbox.instagram.chat(SALON, ANNA).unwrap().typing);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

/// What the account says comes back, whoever said it and by whatever way, and may come before the answer to our own send.
#[tokio::test]
async fn echoes_name_the_message_and_the_client() {
    let salon = Salon::connected().await;
    salon.says(ANNA, "hello");
    salon.events().await;
    for (echo, flag) in [(Echo::Soon, true), (Echo::BeforeTheAnswer, true), (Echo::Soon, false)] {
        salon.settings(|manners| (manners.echo, manners.echo_flag) = (echo, flag));
        let sent = salon.ask(ANNA).await.unwrap().vendor_message_id;
        let event = salon.events().await.remove(0);
        let text = Some(question().text);
        assert_eq!(event.kind, EventKind::Echo { vendor_message_id: sent, text, operator: None });
        assert_eq!(event.sender.unwrap().chat_id, salon.id(ANNA));
        salon.office(json!({"do": "write", "account": SALON, "person": ANNA, "text": "We have 15:00"})).await;
        let EventKind::Echo { text, .. } = salon.events().await.remove(0).kind else { panic!("no echo") };
        assert_eq!(text.as_deref(), Some("We have 15:00"), "by somebody at the salon, on the phone");
    }
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_lost_answer_leaves_the_outcome_open() {
    let salon = Salon::connected().await;
    salon.says(ANNA, "hello");
    let bubbles = || salon.sandbox.instagram.chat(SALON, ANNA).unwrap().bubbles.len();
    for (fault, sent) in [(Fault::Drop, 0), (Fault::DropAfterCommit, 1), (Fault::AnswerAfterCommit { ms: 0, code: Some(500) }, 1)]
    {
        let before = bubbles();
        salon.fault(&fault);
        assert_eq!(salon.ask(ANNA).await.unwrap_err().class, Class::Unknown, "{fault:?}");
        assert_eq!(bubbles() - before, sent, "{fault:?}");
    }
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn refusals_are_understood() {
    let salon = Salon::connected().await;
    let class = async |person: &str| salon.ask(person).await.unwrap_err().class;
    assert_eq!(class(OLGA).await, Class::Unreachable, "who never wrote is nobody here");
    salon.says(ANNA, "hello");
    salon.ask(ANNA).await.unwrap();
    salon.act(ANNA, Action::Block);
    assert_eq!(class(ANNA).await, Class::Unreachable);
    salon.act(ANNA, Action::Unblock);
    for (row, expected) in [
        ("window", Class::NeedsTemplate),
        ("permission", Class::Credential),
        ("cannot_receive", Class::Unreachable),
        ("restricted", Class::Retry { after: Some(Duration::from_secs(3_600)) }),
        ("unavailable", Class::Unreachable),
        ("no_such_user", Class::Unreachable),
        ("blocked_from_api", Class::Credential),
        ("invalid", Class::Permanent),
        ("access_to_messages", Class::Credential),
        ("rate", Class::Retry { after: Some(Duration::from_secs(5)) }),
        ("app_rate", Class::Retry { after: Some(Duration::from_secs(60)) }),
        ("temporary", Class::Retry { after: None }),
        ("unknown", Class::Retry { after: None }),
        ("sent_nevertheless", Class::Unknown),
        ("password_changed", Class::Credential),
    ] {
        salon.office(json!({"do": "fail_next", "account": SALON, "errors": [row]})).await;
        assert_eq!(class(ANNA).await, expected, "{row}");
    }
    salon.fault(&Fault::RateLimit { retry_after: 120 });
    assert!(matches!(class(ANNA).await, Class::Retry { after: Some(wait) } if wait.as_secs() >= 60));
    salon.sandbox.clock.advance(TimeDelta::hours(25)).unwrap();
    assert_eq!(salon.ask(ANNA).await.unwrap_err(), Failure::new(Class::NeedsTemplate, "10:window_closed"));
    salon.says(ANNA, "again");
    salon.ask(ANNA).await.unwrap();
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn texts_are_counted_in_bytes() {
    let salon = Salon::connected().await;
    salon.says(ANNA, "hello");
    let limit = instagram().capabilities().text_limit;
    let words = |text: String| Rendered { text, keyboard: Keyboard::None };
    let long = limit.cut(&"ы".repeat(900));
    assert!(long.chars().count() < 500);
    salon.send(ANNA, &words(long)).await.unwrap();
    salon.send(ANNA, &words("ы".repeat(500))).await.unwrap();
    assert_eq!(salon.violations(), Vec::<String>::new());
    assert_eq!(salon.send(ANNA, &words("ы".repeat(501))).await.unwrap_err().class, Class::Permanent);
}

#[tokio::test]
async fn an_account_that_no_app_hears_is_seen_and_heard_again() {
    let salon = Salon::open().await;
    let inspect = || instagram().inspect(&salon.http, &salon.account, Some(&salon.hook.address));
    let before = inspect().await.unwrap();
    assert_eq!((before.name.as_str(), before.webhook_url, before.problems.len()), ("salon42", None, 1));
    instagram().register_webhook(&salon.http, &salon.account, &salon.hook.address).await.unwrap();
    let info = inspect().await.unwrap();
    assert_eq!((info.webhook_url.as_deref(), info.problems), (Some(salon.hook.address.as_str()), Vec::new()));
    let others = Account { secrets: salon.other.secrets.clone(), ..salon.account.clone() };
    let failure = instagram().inspect(&salon.http, &others, None).await.unwrap_err();
    assert_eq!(failure, Failure::new(Class::Credential, "another_account"));
    assert!(instagram().register_webhook(&salon.http, &others, &salon.hook.address).await.is_err());
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_token_is_refreshed_before_it_ends() {
    let salon = Salon::connected().await;
    salon.says(ANNA, "hello");
    let fresh = instagram().renew_credential(&salon.http, &salon.account).await.unwrap().unwrap();
    assert_ne!(fresh.expose_secret(), "IGAA-salon");
    salon.sandbox.clock.advance(TimeDelta::days(31)).unwrap();
    assert_eq!(salon.ask(ANNA).await.unwrap_err(), Failure::new(Class::Credential, "190:token"), "the old one is over");
    let mut account = salon.account.clone();
    account.secrets.token = fresh;
    let info = instagram().inspect(&salon.http, &account, Some(&salon.hook.address)).await.unwrap();
    assert_eq!(info.problems, Vec::<String>::new());
    assert!(instagram().renew_credential(&salon.http, &account).await.unwrap().is_some());
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_delivery_for_two_salons_is_told_apart_and_a_repeated_one_is_the_same() {
    let salon = Salon::connected().await;
    salon.settings(|manners| (manners.meta.hold, manners.meta.batch) = (true, 100));
    let mut ids = vec![salon.says(ANNA, "one"), salon.says(OLGA, "two")];
    let other = Action::Text { text: "three".into(), reply_to: None };
    ids.extend(salon.sandbox.instagram.act_in_chat(SALON_2, ANNA, other).unwrap());
    salon.settings(|manners| manners.meta.hold = false);
    let events = salon.events().await;
    let mut found: Vec<_> = events.iter().map(|event| (event.account.as_deref(), event.vendor_event_id.clone())).collect();
    found.sort();
    let mut expected: Vec<_> = [SALON, SALON, SALON_2].map(Some).into_iter().zip(ids).collect();
    expected.sort();
    assert_eq!(found, expected);
    let elsewhere = salon.sandbox.instagram.scoped_id(SALON_2, ANNA);
    assert_ne!(elsewhere, salon.id(ANNA), "a person has another id with every account");
    salon.settings(|manners| manners.meta.batch = 1);
    salon.fault(&Fault::Twice);
    salon.ask(ANNA).await.unwrap();
    let echoes: Vec<_> = salon.events().await.into_iter().map(|event| event.vendor_event_id).collect();
    assert_eq!((echoes.len(), &echoes[0]), (2, &echoes[1]));
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn what_comes_in_other_shapes_is_read_or_ignored() {
    let salon = Salon::connected().await;
    salon.office(json!({"do": "test_message", "account": SALON, "person": ANNA, "text": "a test"})).await;
    let comment = json!({"id": "1", "text": "Nice", "from": {"id": "2", "username": ANNA}});
    salon.office(json!({"do": "raw", "account": SALON, "field": "comments", "value": comment})).await;
    let events = salon.events().await;
    assert_eq!(names(&events), ["text", "ignored"]);
    assert_eq!(events[0].sender.as_ref().unwrap().chat_id, salon.id(ANNA));
    assert!(events.iter().all(|event| event.account.as_deref() == Some(SALON)));
}
