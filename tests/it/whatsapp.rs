//! WhatsApp's adapter and WhatsApp's stand-in, which is judged by Meta's own document: what one sends the other understands.

use std::time::Duration;

use chrono::TimeDelta;
use salon_core::{
    channel::{
        Account, AccountNotice, AccountSecrets, Body, ChannelAdapter, ChannelEvent, ChannelKind, ConsentSignal, Delivery,
        EventKind, FailedClass, MediaKind, MessageRef, Outbound, Recipient, Sent, TemplateCall, TemplateStatus, adapter,
    },
    dialogue::{Button, Keyboard, Rendered},
    vendor::{AddressGuard, Class, Failure, Http},
};
use salon_sandbox::{
    Options, Sandbox, Scenario,
    fault::{Fault, Target},
    messenger::Messenger,
    vendor::Vendor,
    whatsapp::{Action, Manners},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::hook::{Hook, violations};

const APP: &str = "670843887433847";
const WABA: &str = "102290129340398";
const NUMBER: &str = "106540352242922";
const WABA_2: &str = "202290129340398";
const NUMBER_2: &str = "206540352242922";
const ANNA: &str = "16505551234";
/// Has a username and shows no number.
const VERA: &str = "79161234567";
const PATIENCE: Duration = Duration::from_secs(20);
const KEY: Uuid = Uuid::from_u128(0x0191_c700);

/// Two salons of one app, with a number each, and people with phones.
struct Salon {
    sandbox: Sandbox,
    http: Http,
    account: Account,
    other: Account,
    hook: Hook,
}

fn seed() -> Value {
    let buttons = json!({"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Confirm"}, {"type": "QUICK_REPLY", "text": "Cancel"}]});
    let reminder = json!({"name": "visit_reminder", "language": "ru", "status": "APPROVED", "category": "UTILITY",
                          "components": [{"type": "BODY", "text": "{{1}}, we wait for you on {{2}}."}, buttons]});
    let mut templates = vec![reminder];
    templates.extend((0..130).map(|n| {
        let body = json!([{"type": "BODY", "text": "No values."}]);
        json!({"name": format!("news_{n}"), "language": "ru", "status": "PENDING", "category": "MARKETING", "components": body})
    }));
    let number =
        |id: &str, display: &str, name: &str| json!([{"id": id, "display_phone_number": display, "verified_name": name}]);
    json!({
        "apps": [{"id": APP, "name": "salon-core", "secret": "app-secret"}],
        "accounts": [
            {"id": WABA, "name": "Salon 42", "app": APP, "token": "EAAG-salon", "templates": templates,
             "numbers": number(NUMBER, "+1 555-078-3881", "Salon 42")},
            {"id": WABA_2, "name": "Salon 43", "app": APP, "token": "EAAG-other", "numbers": number(NUMBER_2, "+1 555-078-3882", "Salon 43")}],
        "people": [{"wa_id": ANNA, "name": "Anna K"},
                   {"wa_id": VERA, "name": "Вера 👍", "username": "vera", "hides_number": true, "country": "RU"}],
        "manners": {"retry_ms_per_second": 1},
    })
}

impl Salon {
    async fn open() -> Self {
        let scenario = Scenario { seed: [("whatsapp".to_owned(), seed())].into() };
        let sandbox = Sandbox::start(Options { scenario, ..Options::default() }).await.unwrap();
        let account = |waba: &str, number: &str, token: &str| Account {
            base_url: format!("{}/whatsapp", sandbox.base_url).parse().unwrap(),
            external_id: number.to_owned(),
            parent_id: Some(waba.to_owned()),
            secrets: AccountSecrets {
                handshake: Some("verify-me".into()),
                ..AccountSecrets::new(token.to_owned().into(), "app-secret".into())
            },
        };
        let (account, other) = (account(WABA, NUMBER, "EAAG-salon"), account(WABA_2, NUMBER_2, "EAAG-other"));
        let http = Http::new(AddressGuard { allow_private: true }).unwrap();
        let hook = Hook::open(ChannelKind::WhatsApp, &account).await;
        Self { sandbox, http, account, other, hook }
    }

    async fn connected() -> Self {
        let salon = Self::open().await;
        for account in [&salon.account, &salon.other] {
            whatsapp().register_webhook(&salon.http, account, &salon.hook.address).await.unwrap();
        }
        salon
    }

    fn act(&self, person: &str, action: Action) -> Vec<String> {
        self.sandbox.whatsapp.act_in_chat(NUMBER, person, action).unwrap()
    }

    fn says(&self, person: &str, text: &str) -> String {
        self.act(person, Action::Text { text: text.into(), reply_to: None, ad: None }).remove(0)
    }

    fn settings(&self, change: impl FnOnce(&mut Manners)) {
        let mut manners = self.sandbox.whatsapp.manners();
        change(&mut manners);
        self.sandbox.whatsapp.set_manners(manners);
    }

    /// What arrived since the last time, read as the product reads it.
    async fn events(&self) -> Vec<ChannelEvent> {
        let is_settled =
            |one: &salon_sandbox::whatsapp::WhatsApp| [NUMBER, NUMBER_2, WABA].iter().all(|id| one.is_settled(id)).then_some(());
        self.sandbox.whatsapp.wait_for(PATIENCE, is_settled).await.expect("the events arrive");
        self.hook.events()
    }

    async fn send(&self, chat_id: &str, body: Body<'_>) -> Result<Sent, Failure> {
        let to = Recipient { chat_id, user_id: chat_id, plain_buttons: false };
        whatsapp().send(&self.http, &self.account, &Outbound { to, body, key: KEY }).await
    }

    async fn ask(&self, chat_id: &str) -> Result<Sent, Failure> {
        self.send(chat_id, Body::Free(&question())).await
    }

    fn fault(&self, fault: &Fault) {
        self.sandbox.world.faults.plan(Target { vendor: "whatsapp".into(), operation: "*".into() }, fault, 1);
    }

    async fn office(&self, action: Value) {
        self.sandbox.whatsapp.act(action).await.unwrap();
    }

    fn violations(&self) -> Vec<String> {
        violations(&self.sandbox)
    }
}

fn whatsapp() -> &'static dyn ChannelAdapter {
    adapter(ChannelKind::WhatsApp)
}

fn button(label: &str, payload: &str) -> Button {
    Button { label: label.to_owned(), payload: payload.to_owned() }
}

fn question() -> Rendered {
    let rows = vec![vec![button("Confirm", "v1:confirm"), button("Cancel", "v1:cancel")]];
    Rendered { text: "Tomorrow at 15:00. Confirm?".to_owned(), keyboard: Keyboard::Inline(rows) }
}

fn reminder() -> TemplateCall {
    TemplateCall {
        name: "visit_reminder".into(),
        language: "ru".into(),
        values: vec!["Anna".into(), "24 Nov, 15:00".into()],
        payloads: vec!["bk:ok".into(), "bk:no".into()],
    }
}

fn names(events: &[ChannelEvent]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind.name()).collect()
}

fn pressed(event: &ChannelEvent) -> (&str, Option<&str>) {
    let EventKind::Button { payload, callback_id: None } = &event.kind else { panic!("{event:?}") };
    (payload, event.reply_to.as_deref())
}

#[tokio::test]
async fn a_conversation_is_understood_on_both_sides() {
    let salon = Salon::connected().await;
    salon.settings(|manners| manners.receipts = serde_json::from_value(json!("silent")).unwrap());
    let mine = salon.says(ANNA, "Здравствуйте 👋 a@b.co </script>");
    let list = Keyboard::List { open_label: "Times".into(), rows: vec![button("15:00", "t:15"), button("16:00", "t:16")] };
    let times = Rendered { text: "Which time?".into(), keyboard: list };
    let plain = Rendered { text: "See you!".into(), keyboard: Keyboard::None };
    let mut presses = Vec::new();
    for (body, press) in
        [(Body::Free(&question()), "v1:confirm"), (Body::Free(&times), "t:16"), (Body::Template(&reminder()), "bk:no")]
    {
        let sent = salon.send(ANNA, body).await.unwrap().vendor_message_id;
        salon.act(ANNA, Action::Press { message: Some(sent.clone()), press: press.into() });
        presses.push((press, sent));
    }
    let sent = salon.send(ANNA, Body::Free(&plain)).await.unwrap();
    assert_eq!(salon.sandbox.whatsapp.chat(NUMBER, ANNA).unwrap().bubbles.pop().unwrap().id, sent.vendor_message_id);
    for action in [
        Action::Text { text: "thanks".into(), reply_to: Some(sent.vendor_message_id.clone()), ad: Some("ad-17".into()) },
        Action::Contact { phone: None, name: None },
        Action::Contact { phone: Some("+1 (983) 555-2319".into()), name: None },
        Action::Image { caption: Some("like this".into()) },
        Action::Voice,
        Action::Location { latitude: 55.75, longitude: 37.61 },
        Action::Unsupported,
        Action::Sticker,
        Action::React { message: sent.vendor_message_id.clone(), emoji: None },
        Action::Edit { message: mine.clone(), text: "Hello".into() },
        Action::Delete { message: mine.clone() },
    ] {
        salon.act(ANNA, action);
    }
    let events = salon.events().await;
    let media = ["media"; 4];
    let rest = ["ignored", "ignored", "edited", "removed"];
    let expected = [&["text", "button", "button", "button", "text", "contact", "contact"][..], &media, &rest].concat();
    assert_eq!(names(&events), expected);
    assert_eq!(events[0].kind, EventKind::Text { text: "Здравствуйте 👋 a@b.co </script>".into(), referral: None });
    assert_eq!((events[0].vendor_event_id.as_str(), events[0].message_id.as_deref()), (mine.as_str(), Some(mine.as_str())));
    for (event, (press, message)) in events[1..4].iter().zip(&presses) {
        assert_eq!(pressed(event), (*press, Some(message.as_str())));
    }
    assert_eq!(events[4].kind, EventKind::Text { text: "thanks".into(), referral: Some("ad-17".into()) });
    assert_eq!(events[4].reply_to, Some(sent.vendor_message_id));
    assert_eq!(events[5].kind, EventKind::Contact { phone: "+16505551234".into(), own: true });
    assert_eq!(events[6].kind, EventKind::Contact { phone: "+1 (983) 555-2319".into(), own: false });
    let sorts = events.iter().filter_map(|event| match event.kind {
        EventKind::Media { media, .. } => Some(media),
        _ => None,
    });
    assert_eq!(sorts.collect::<Vec<_>>(), [MediaKind::Photo, MediaKind::Voice, MediaKind::Location, MediaKind::Unsupported]);
    assert_eq!(events[13].kind, EventKind::Edited { of: Some(mine.clone()), text: Some("Hello".into()) });
    assert_eq!(events[14].kind, EventKind::Removed { of: mine });
    let user_id = salon.sandbox.whatsapp.user_id(NUMBER, ANNA).unwrap();
    for event in &events {
        let sender = event.sender.as_ref().unwrap();
        assert_eq!((sender.chat_id.as_str(), sender.user_id.as_str()), (ANNA, user_id.as_str()));
        assert_eq!((sender.name.as_deref(), sender.phone.as_deref()), (Some("Anna K"), Some("+16505551234")));
        assert_eq!((event.account.as_deref(), event.at.is_some()), (Some(NUMBER), true));
    }
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn who_hides_the_number_is_known_and_answered_by_user_id() {
    let salon = Salon::connected().await;
    salon.says(VERA, "привет");
    let sender = salon.events().await.remove(0).sender.unwrap();
    let user_id = salon.sandbox.whatsapp.user_id(NUMBER, VERA).unwrap();
    assert_eq!((&sender.chat_id, &sender.user_id, sender.phone), (&user_id, &user_id, None));
    let sent = salon.ask(&sender.chat_id).await.unwrap();
    salon.act(VERA, Action::Press { message: Some(sent.vendor_message_id.clone()), press: "v1:cancel".into() });
    let events = salon.events().await;
    let press = events.iter().find(|event| event.kind.name() == "button").unwrap();
    assert_eq!(pressed(press), ("v1:cancel", Some(sent.vendor_message_id.as_str())));
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn reports_carry_our_key_even_if_the_answer_was_lost() {
    let salon = Salon::connected().await;
    salon.says(ANNA, "hello");
    salon.events().await;
    salon.fault(&Fault::Drop);
    assert_eq!(salon.ask(ANNA).await.unwrap_err().class, Class::Unknown);
    assert_eq!(salon.events().await, []);
    salon.fault(&Fault::DropAfterCommit);
    assert_eq!(salon.ask(ANNA).await.unwrap_err().class, Class::Unknown);
    salon.act(ANNA, Action::Read);
    let events = salon.events().await;
    let vendor = salon.sandbox.whatsapp.chat(NUMBER, ANNA).unwrap().bubbles.pop().unwrap().id;
    let report = |state| EventKind::Status { of: MessageRef::Both { vendor: vendor.clone(), key: KEY }, state };
    let kinds: Vec<_> = events.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [report(Delivery::Sent), report(Delivery::Delivered), report(Delivery::Read)]);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn the_client_sees_the_read_mark_and_the_typing() {
    let salon = Salon::connected().await;
    let message = salon.says(ANNA, "hello");
    let to = Recipient { chat_id: ANNA, user_id: ANNA, plain_buttons: false };
    whatsapp().attend(&salon.http, &salon.account, to, Some(&message)).await.unwrap();
    assert!(salon.sandbox.whatsapp.chat(NUMBER, ANNA).unwrap().typing);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn refusals_are_understood_in_answers_and_in_statuses() {
    let salon = Salon::connected().await;
    let failed = async || {
        let states = salon.events().await.into_iter().map(|event| match event.kind {
            EventKind::Status { of, state: Delivery::Failed { class, code } } => (of.key(), class, code),
            other => panic!("{other:?}"),
        });
        states.collect::<Vec<_>>()
    };
    // Anna never wrote, and behind the other number there is nobody.
    salon.ask(ANNA).await.unwrap();
    assert_eq!(failed().await, [(Some(KEY), FailedClass::NeedsTemplate, "131047:window_closed".to_owned())]);
    salon.ask("16505550000").await.unwrap();
    assert_eq!(failed().await, [(Some(KEY), FailedClass::Unreachable, "131026:undeliverable".to_owned())]);
    salon.settings(|manners| manners.refuse_at_once = true);
    assert_eq!(salon.ask(ANNA).await.unwrap_err(), Failure::new(Class::NeedsTemplate, "131047:window_closed"));
    salon.send(ANNA, Body::Template(&reminder())).await.unwrap();
    let short = TemplateCall { values: vec!["Anna".into()], ..reminder() };
    assert_eq!(salon.send(ANNA, Body::Template(&short)).await.unwrap_err().class, Class::Permanent);
    let missing = TemplateCall { name: "hologram".into(), ..reminder() };
    assert_eq!(salon.send(ANNA, Body::Template(&missing)).await.unwrap_err().code, "132001:template_missing");

    salon.says(ANNA, "hello");
    let fails = async |code: i64| {
        salon.office(json!({"do": "fail_next", "number": NUMBER, "failures": [{"code": code}]})).await;
        salon.ask(ANNA).await.unwrap_err().class
    };
    assert_eq!(fails(131_000).await, Class::Retry { after: None });
    assert_eq!(fails(130_429).await, Class::Retry { after: Some(Duration::from_secs(5)) });
    assert_eq!(fails(131_042).await, Class::Credential);
    salon.fault(&Fault::RateLimit { retry_after: 120 });
    assert!(matches!(salon.ask(ANNA).await.unwrap_err().class, Class::Retry { after: Some(wait) } if wait.as_secs() >= 60));
    salon.sandbox.clock.advance(TimeDelta::hours(25)).unwrap();
    assert_eq!(salon.ask(ANNA).await.unwrap_err().class, Class::NeedsTemplate);
    salon.office(json!({"do": "expire_token", "account": WABA})).await;
    assert_eq!(salon.ask(ANNA).await.unwrap_err(), Failure::new(Class::Credential, "190:token"));
}

#[tokio::test]
async fn a_callback_of_its_own_is_set_seen_and_set_again() {
    let salon = Salon::open().await;
    let inspect = || whatsapp().inspect(&salon.http, &salon.account, Some(&salon.hook.address));
    let before = inspect().await.unwrap();
    assert_eq!((before.name.as_str(), before.webhook_url, before.problems.len()), ("+1 555-078-3881", None, 1));
    let register = async || {
        whatsapp().register_webhook(&salon.http, &salon.account, &salon.hook.address).await.unwrap();
        let info = inspect().await.unwrap();
        assert_eq!((info.webhook_url.as_deref(), info.problems), (Some(salon.hook.address.as_str()), Vec::new()));
    };
    register().await;
    register().await;
    let mut stranger = salon.account.clone();
    stranger.secrets.handshake = Some("another".into());
    let elsewhere = salon.hook.address.join("else").unwrap();
    let failure = whatsapp().register_webhook(&salon.http, &stranger, &elsewhere).await.unwrap_err();
    assert_eq!(failure.class, Class::Permanent, "our own address does not greet who shows another token");
    salon.office(json!({"do": "number_status", "number": NUMBER, "quality": "RED"})).await;
    register_problem(&salon).await;
    assert_eq!(salon.violations(), Vec::<String>::new());
}

async fn register_problem(salon: &Salon) {
    let info = whatsapp().inspect(&salon.http, &salon.account, None).await.unwrap();
    assert!(info.problems.contains(&"the number's quality is RED".to_owned()), "{:?}", info.problems);
}

#[tokio::test]
async fn templates_are_listed_to_the_last_page() {
    let salon = Salon::connected().await;
    let templates = whatsapp().templates(&salon.http, &salon.account).await.unwrap();
    assert_eq!(templates.len(), 131);
    let reminder = templates.iter().find(|template| template.name == "visit_reminder").unwrap();
    assert_eq!((reminder.status, reminder.parameters, reminder.language.as_str()), (TemplateStatus::Approved, 2, "ru"));
    assert_eq!(salon.violations(), Vec::<String>::new());
}

/// Webhook overrides are for a few fields only; Meta tells the rest to the app, at its own callback.
#[tokio::test]
async fn what_only_the_app_is_told_is_understood_too() {
    let salon = Salon::connected().await;
    let fields = ["messages", "message_template_status_update", "user_preferences"];
    let callback = json!({"url": salon.hook.address.as_str(), "verify_token": "verify-me", "fields": fields});
    salon.office(json!({"do": "set_callback", "app": APP, "callback": callback})).await;
    let paused =
        json!({"do": "template_status", "account": WABA, "name": "visit_reminder", "language": "ru", "status": "PAUSED"});
    salon.office(paused).await;
    salon.act(ANNA, Action::Marketing { stop: true });
    salon.act(VERA, Action::Marketing { stop: false });
    let events = salon.events().await;
    let (name, language) = ("visit_reminder".to_owned(), "ru".to_owned());
    let notice = AccountNotice::Template { name, language, status: TemplateStatus::Paused };
    let consent = |signal| EventKind::Consent { signal };
    let kinds: Vec<_> = events.iter().map(|event| event.kind.clone()).collect();
    let expected = [EventKind::Account { notice }, consent(ConsentSignal::Unsubscribed), consent(ConsentSignal::Resubscribed)];
    assert_eq!(kinds, expected);
    let of: Vec<_> =
        events.iter().map(|event| (event.account.as_deref(), event.sender.as_ref().map(|one| one.chat_id.as_str()))).collect();
    let vera = salon.sandbox.whatsapp.user_id(NUMBER, VERA).unwrap();
    assert_eq!(of, [(None, None), (Some(NUMBER), Some(ANNA)), (Some(NUMBER), Some(vera.as_str()))]);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_delivery_for_two_salons_is_told_apart_and_a_repeated_one_is_the_same() {
    let salon = Salon::connected().await;
    salon.settings(|manners| (manners.meta.hold, manners.meta.batch) = (true, 100));
    let mut ids = vec![salon.says(ANNA, "one"), salon.says(VERA, "two")];
    ids.extend(salon.sandbox.whatsapp.act_in_chat(NUMBER_2, ANNA, Action::Voice).unwrap());
    salon.settings(|manners| manners.meta.hold = false);
    let events = salon.events().await;
    let mut found: Vec<_> = events.iter().map(|event| (event.account.as_deref(), event.vendor_event_id.clone())).collect();
    found.sort();
    let mut expected: Vec<_> = [NUMBER, NUMBER, NUMBER_2].map(Some).into_iter().zip(ids).collect();
    expected.sort();
    assert_eq!(found, expected);
    salon.settings(|manners| manners.meta.batch = 1);
    salon.fault(&Fault::Twice);
    salon.ask(ANNA).await.unwrap();
    let reports: Vec<_> = salon.events().await.into_iter().map(|event| event.vendor_event_id).collect();
    let different: std::collections::HashSet<_> = reports.iter().collect();
    assert_eq!((reports.len(), different.len()), (4, 2), "{reports:?}");
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_changed_number_and_what_the_staff_writes_are_told() {
    let salon = Salon::connected().await;
    salon.says(ANNA, "hello");
    let before = salon.events().await.remove(0).sender.unwrap();
    salon.office(json!({"do": "write", "number": NUMBER, "person": ANNA, "text": "We have 15:00"})).await;
    salon.act(ANNA, Action::ChangeNumber { to: "12195555358".into() });
    let events = salon.events().await;
    assert_eq!(names(&events), ["echo", "moved", "moved"]);
    let EventKind::Echo { text, operator, .. } = &events[0].kind else { panic!() };
    assert_eq!((text.as_deref(), operator), (Some("We have 15:00"), &Some(true)));
    assert_eq!(events[0].sender.as_ref().unwrap().chat_id, ANNA);
    let after = salon.sandbox.whatsapp.user_id(NUMBER, "12195555358").unwrap();
    let moved: Vec<_> = events[1..].iter().map(|event| (event.sender.as_ref().unwrap().user_id.as_str(), &event.kind)).collect();
    let to = |to: &str| EventKind::Moved { to: to.to_owned() };
    assert_eq!(moved, [(ANNA, &to("12195555358")), (before.user_id.as_str(), &to(&after))]);
    salon.office(json!({"do": "number_error", "number": NUMBER, "code": 130_429})).await;
    let alert = AccountNotice::Alert { code: "130429:throughput".to_owned() };
    assert_eq!(salon.events().await.remove(0).kind, EventKind::Account { notice: alert });
    assert_eq!(salon.violations(), Vec::<String>::new());
}
