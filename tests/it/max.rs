//! MAX's adapter and MAX's stand-in, which is judged by the vendor's own document: what one sends the other understands.

use std::time::Duration;

use chrono::TimeDelta;
use salon_core::{
    channel::{
        Account, AccountSecrets, Body, ChannelAdapter, ChannelEvent, ChannelKind, ConsentSignal, EventKind, MediaKind, Outbound,
        Press, Recipient, Sent, adapter,
    },
    dialogue::{Button, Keyboard, Rendered},
    vendor::{AddressGuard, Class, Failure, Http},
};
use salon_sandbox::{
    Options, Sandbox, Scenario,
    fault::{Fault, Target},
    max::{GroupAction, Manners},
    messenger::{Act, Media, Messenger},
};
use serde_json::json;
use uuid::Uuid;

use crate::hook::{Hook, violations};

const BOT: &str = "229229229";
const ANNA: &str = "700100200";
const PATIENCE: Duration = Duration::from_secs(20);

/// A salon with a bot at MAX, and Anna, who has opened its dialogue.
struct Salon {
    sandbox: Sandbox,
    http: Http,
    account: Account,
    hook: Hook,
}

impl Salon {
    async fn open() -> Self {
        let seed = json!({
            "bots": [{"id": 229_229_229, "token": "max-token", "name": "Salon", "username": "id7700000000_bot"}],
            "people": [{"id": 700_100_200, "first_name": "Anna", "last_name": "P.", "locale": "kk", "phone": "79001234567"},
                       {"id": 700_100_201, "first_name": "Olga"}]});
        let scenario = Scenario { seed: [("max".to_owned(), seed)].into() };
        let sandbox = Sandbox::start(Options { scenario, ..Options::default() }).await.unwrap();
        let account = Account {
            base_url: format!("{}/max", sandbox.base_url).parse().unwrap(),
            external_id: String::new(),
            parent_id: None,
            secrets: AccountSecrets::new("max-token".into(), "secret-of-the-webhook".into()),
        };
        let http = Http::new(AddressGuard { allow_private: true }).unwrap();
        let hook = Hook::open(ChannelKind::Max, &account).await;
        let salon = Self { sandbox, http, account, hook };
        salon.act(Act::Open { payload: None });
        salon
    }

    async fn connected() -> Self {
        let salon = Self::open().await;
        max().register_webhook(&salon.http, &salon.account, &salon.hook.address).await.unwrap();
        salon
    }

    fn act(&self, act: Act) -> Vec<String> {
        self.sandbox.max.act_as(BOT, ANNA, act).unwrap()
    }

    /// What arrived since the last time, read as the product reads it.
    async fn events(&self) -> Vec<ChannelEvent> {
        let settled = self.sandbox.max.wait_for(PATIENCE, |max| Messenger::is_settled(max, BOT).then_some(()));
        settled.await.expect("the events arrive");
        self.hook.events()
    }

    async fn send(&self, message: &Rendered) -> Result<Sent, Failure> {
        self.send_to(ANNA, message).await
    }

    async fn send_to(&self, user_id: &str, message: &Rendered) -> Result<Sent, Failure> {
        let to = Recipient { chat_id: user_id, user_id, plain_buttons: false };
        let out = Outbound { to, body: Body::Free(message), key: Uuid::nil() };
        max().send(&self.http, &self.account, &out).await
    }

    fn violations(&self) -> Vec<String> {
        violations(&self.sandbox)
    }

    fn last_message(&self) -> String {
        self.sandbox.max.chat(BOT, ANNA).unwrap().bubbles.pop().unwrap().id
    }
}

fn max() -> &'static dyn ChannelAdapter {
    adapter(ChannelKind::Max)
}

fn question() -> Rendered {
    let button = |label: &str, payload: &str| Button { label: label.to_owned(), payload: payload.to_owned() };
    let rows = vec![vec![button("Confirm", "v1:confirm"), button("Cancel", "v1:cancel")]];
    Rendered { text: "Tomorrow at 15:00. Confirm?".to_owned(), keyboard: Keyboard::Inline(rows) }
}

#[tokio::test]
async fn a_conversation_is_understood_on_both_sides() {
    let salon = Salon::connected().await;
    let mut ids = salon.act(Act::Open { payload: Some("bk_8f3c2a".into()) });
    ids.extend(salon.act(Act::Text { text: "hello".into() }));
    let mine = salon.last_message();
    let sent = salon.send(&question()).await.unwrap();
    assert_eq!(sent.vendor_message_id, salon.last_message());
    let press = Act::Press { message: Some(sent.vendor_message_id), press: "v1:confirm".into() };
    ids.extend(salon.act(press));
    let ask = Rendered { text: "Your number?".into(), keyboard: Keyboard::RequestContact { label: "My number".into() } };
    salon.send(&ask).await.unwrap();
    for act in [
        Act::Contact { own: true },
        Act::Contact { own: false },
        Act::Media { media: Media::Photo, caption: Some("like this".into()) },
        Act::Media { media: Media::Voice, caption: None },
        Act::Media { media: Media::Location, caption: None },
        Act::Media { media: Media::Sticker, caption: None },
        Act::Edit { message: mine.clone(), text: "hello!".into() },
        Act::Delete { message: mine.clone() },
        Act::Block,
        Act::Unblock,
    ] {
        ids.extend(salon.act(act));
    }
    let events = salon.events().await;
    assert_eq!(events.iter().map(|event| event.vendor_event_id.clone()).collect::<Vec<_>>(), ids);
    let chat = salon.sandbox.max.dialogue(229_229_229, 700_100_200).unwrap().to_string();
    assert!(events.iter().all(|event| event.sender.as_ref().is_some_and(|one| one.user_id == ANNA && one.chat_id == chat)));
    let sender = events[1].sender.clone().unwrap();
    assert_eq!((sender.name.as_deref(), sender.language.as_deref()), (Some("Anna P."), Some("kk")));
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.name()).collect();
    let media = ["media"; 4];
    let expected =
        [&["start", "text", "button", "contact", "contact"][..], &media, &["edited", "removed", "consent", "start"]].concat();
    assert_eq!(kinds, expected);
    assert_eq!(events[0].kind, EventKind::Start { payload: Some("bk_8f3c2a".to_owned()) });
    assert_eq!(events[3].kind, EventKind::Contact { phone: "79001234567".to_owned(), own: true });
    assert_eq!(events[4].kind, EventKind::Contact { phone: "79990000000".to_owned(), own: false });
    let sorts: Vec<MediaKind> = events.iter().filter_map(sort).collect();
    assert_eq!(sorts, [MediaKind::Photo, MediaKind::Voice, MediaKind::Location, MediaKind::Sticker]);
    assert_eq!(events[9].kind, EventKind::Edited { of: Some(mine), text: Some("hello!".to_owned()) });
    assert_eq!(events[11].kind, EventKind::Consent { signal: ConsentSignal::Stopped });
    assert_eq!(salon.violations(), Vec::<String>::new());
}

fn sort(event: &ChannelEvent) -> Option<MediaKind> {
    match event.kind {
        EventKind::Media { media, .. } => Some(media),
        _ => None,
    }
}

#[tokio::test]
async fn presses_are_acknowledged_and_writing_is_shown() {
    let salon = Salon::connected().await;
    salon.send(&question()).await.unwrap();
    salon.act(Act::Press { message: None, press: "v1:cancel".into() });
    let event = salon.events().await.remove(0);
    let EventKind::Button { payload, callback_id: Some(callback_id) } = &event.kind else { panic!("{event:?}") };
    assert_eq!(payload, "v1:cancel");
    let sender = event.sender.unwrap();
    let press = Press { callback_id, chat_id: &sender.chat_id, user_id: &sender.user_id };
    max().acknowledge(&salon.http, &salon.account, &press).await.unwrap();
    assert_eq!(salon.sandbox.max.notices(229_229_229, 700_100_200).len(), 1);
    max().acknowledge(&salon.http, &salon.account, &Press { callback_id: "of last year", ..press }).await.unwrap();
    let to = Recipient { chat_id: &sender.chat_id, user_id: &sender.user_id, plain_buttons: false };
    max().attend(&salon.http, &salon.account, to, None).await.unwrap();
    assert!(salon.sandbox.max.chat(BOT, ANNA).unwrap().typing);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_lost_answer_is_found_in_the_chat_and_a_lost_question_is_not() {
    let salon = Salon::connected().await;
    let chat = salon.sandbox.max.dialogue(229_229_229, 700_100_200).unwrap().to_string();
    let to = Recipient { chat_id: &chat, user_id: ANNA, plain_buttons: false };
    let find = async |message: &Rendered| {
        let begun = salon.sandbox.world.now() - TimeDelta::seconds(5);
        max().find(&salon.http, &salon.account, to, message, begun).await.unwrap()
    };
    let plan = |fault: &Fault| {
        let target = Target { vendor: "max".into(), operation: "POST /messages".into() };
        salon.sandbox.world.faults.plan(target, fault, 1);
    };
    plan(&Fault::Drop);
    assert_eq!(salon.send(&question()).await.unwrap_err().class, Class::Unknown);
    assert_eq!(find(&question()).await, None);
    plan(&Fault::DropAfterCommit);
    assert_eq!(salon.send(&question()).await.unwrap_err().class, Class::Unknown);
    let found = find(&question()).await.unwrap();
    assert_eq!(found.vendor_message_id, salon.last_message());
    let other = Rendered { keyboard: Keyboard::None, ..question() };
    assert_eq!(find(&other).await, None);
    plan(&Fault::Status { code: 503 });
    assert_eq!(salon.send(&question()).await.unwrap_err().class, Class::Unknown);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn refusals_are_understood() {
    let salon = Salon::connected().await;
    let class = async |user: &str| salon.send_to(user, &question()).await.unwrap_err().class;
    assert_eq!(class("700100201").await, Class::Unreachable, "Olga never began a dialogue");
    salon.act(Act::Block);
    assert_eq!(class(ANNA).await, Class::Unreachable);
    salon.act(Act::Unblock);
    salon.send(&question()).await.unwrap();
    let manners = salon.sandbox.max.manners();
    salon.sandbox.max.set_manners(Manners { real_limits: true, ..manners });
    let mut last = Ok(Sent { vendor_message_id: String::new() });
    for _ in 0..3 {
        last = salon.send(&question()).await;
    }
    assert!(matches!(last.unwrap_err().class, Class::Retry { after: Some(_) }));
    salon.sandbox.max.set_manners(manners);
    let plan = |code| {
        let target = Target { vendor: "max".into(), operation: "*".into() };
        salon.sandbox.world.faults.plan(target, &Fault::Status { code }, 1);
    };
    plan(200);
    assert_eq!(salon.send(&question()).await.unwrap_err().class, Class::Permanent);
    plan(401);
    assert_eq!(salon.send(&question()).await.unwrap_err().class, Class::Credential);
    salon.sandbox.max.revoke_bot(229_229_229);
    let gone = max().inspect(&salon.http, &salon.account, Some(&salon.hook.address)).await.unwrap_err();
    assert_eq!(gone.class, Class::Credential);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_subscription_that_max_dropped_is_seen_and_made_again() {
    let salon = Salon::open().await;
    let before = salon.hook.address.join("before").unwrap();
    let inspect = || max().inspect(&salon.http, &salon.account, Some(&salon.hook.address));
    max().register_webhook(&salon.http, &salon.account, &before).await.unwrap();
    assert_eq!(inspect().await.unwrap().webhook_url, None);
    max().register_webhook(&salon.http, &salon.account, &salon.hook.address).await.unwrap();
    let info = inspect().await.unwrap();
    assert_eq!((info.name.as_str(), info.webhook_url.as_deref()), ("id7700000000_bot", Some(salon.hook.address.as_str())));
    assert_eq!(info.problems, Vec::<String>::new(), "the address of before gets nothing any more");

    let lost = Fault::Drop;
    let target = Target { vendor: "max".into(), operation: "webhook".into() };
    salon.sandbox.world.faults.plan(target, &lost, 1);
    salon.act(Act::Text { text: "unheard".into() });
    salon.sandbox.max.wait_for(PATIENCE, |max| max.deliveries().pop()).await.unwrap();
    salon.sandbox.clock.advance(TimeDelta::hours(9)).unwrap();
    assert_eq!(inspect().await.unwrap().webhook_url, None);
    max().register_webhook(&salon.http, &salon.account, &salon.hook.address).await.unwrap();
    salon.act(Act::Text { text: "heard".into() });
    assert_eq!(salon.events().await.len(), 1);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_not_about_a_dialogue_is_ignored() {
    let salon = Salon::connected().await;
    let group = |action| salon.sandbox.max.act_in_group(229_229_229, -70_801_090_403_050, 700_100_200, action);
    assert_eq!(group(GroupAction::AddBot { title: "Staff".into() }).unwrap().events, Vec::<String>::new(), "not asked for");
    group(GroupAction::Say { text: "hello all".into() }).unwrap();
    let mute = salon_sandbox::max::Action::Mute { hours: 8 };
    salon.sandbox.max.act(229_229_229, 700_100_200, mute).unwrap();
    let events = salon.events().await;
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| matches!(event.kind, EventKind::Ignored { .. })), "{events:?}");
}
