//! One client, two messengers.

use salon_sandbox::{
    Scenario,
    fault::Fault,
    messenger::{Act, Bubble, Messenger},
    telegram::Action,
    vendor::Vendor,
};
use serde_json::{Value, json};

use super::{Chain, PATIENCE, RU, Request, minutes, telegram::about_to_be_reminded};

const MAX_BOT: &str = "6200000001";
const MAX_TOKEN: &str = "max-demo-token-of-the-lotos-salon";
/// Anna's account at MAX. Her number is the one she has in Telegram.
const ANNA: &str = "700200201";

/// State, code of failure and place of the salon's reminders as messages, oldest first.
async fn reminders(chain: &Chain) -> Vec<(String, Option<String>, i16, bool)> {
    let query =
        "select state, error_code, hop, hop_of is not null from message where tenant_id = $1 and kind = 'reminder' order by id";
    chain.rows(&chain.lotos, query).await
}

/// A phone with MAX.
struct Phone<'a> {
    chain: &'a Chain,
}

impl<'a> Phone<'a> {
    /// Anna opens the salon's chat in MAX, too, and shares her number: MAX vouches for it, so that she is one client in both.
    async fn of_anna(chain: &'a Chain) -> Self {
        let person = json!({"id": 700_200_201, "first_name": "Анна", "last_name": "К", "locale": "ru", "phone": "79161234567"});
        let seed = [("max".to_owned(), json!({ "people": [person] }))].into();
        chain.sandbox.plant(&Scenario { seed }).unwrap();
        let phone = Self { chain };
        phone.act(Act::Open { payload: None });
        phone.press("Русский").await;
        phone.press("Отправить мой номер").await;
        phone.act(Act::Contact { own: true });
        phone.with_button(RU.book).await;
        chain.idle().await;
        phone
    }

    fn act(&self, act: Act) {
        self.chain.sandbox.max.act_as(MAX_BOT, ANNA, act).unwrap();
    }

    fn bubbles(&self) -> Vec<Bubble> {
        self.chain.sandbox.max.chat(MAX_BOT, ANNA).map(|chat| chat.bubbles).unwrap_or_default()
    }

    fn count(&self, text: &str) -> usize {
        self.bubbles().iter().filter(|bubble| bubble.text.contains(text)).count()
    }

    async fn with_button(&self, label: &str) -> (String, String) {
        let look = |bubble: Bubble| {
            let button = bubble.buttons.iter().flatten().find(|button| button.label.starts_with(label))?;
            Some((bubble.id.clone(), button.press.clone()))
        };
        let found = self.chain.sandbox.max.wait_for(PATIENCE, |_| self.bubbles().into_iter().rev().find_map(look));
        found.await.unwrap_or_else(|| panic!("no button {label:?}: {:#?}", self.bubbles()))
    }

    async fn press(&self, label: &str) {
        let (message, press) = self.with_button(label).await;
        // The button that shares the number is pressed by sharing it.
        if !press.is_empty() {
            self.chain.sandbox.max.act_as(MAX_BOT, ANNA, Act::Press { message: Some(message), press }).ok();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reminder_that_one_messenger_refuses_goes_to_the_next() {
    let chain = Chain::new().await;
    about_to_be_reminded(&chain).await;
    let max = Phone::of_anna(&chain).await;
    // A deleted account tells the bot nothing: it is learnt from the refusal.
    chain.anna().act(Action::Deactivate).await;
    chain.pass(minutes(2)).await;
    let failed = ("failed".to_owned(), Some("deactivated".to_owned()), 0, false);
    assert_eq!(reminders(&chain).await, [failed, ("sent".to_owned(), None, 1, true)]);
    assert_eq!((chain.anna().count(RU.reminder), max.count(RU.reminder)), (0, 1));
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_messenger_that_is_away_is_waited_for_some_minutes_and_then_not_at_all() {
    let chain = Chain::new().await;
    about_to_be_reminded(&chain).await;
    let max = Phone::of_anna(&chain).await;
    chain.plan("telegram", "sendMessage", Fault::Status { code: 500 }, 1000);
    chain.pass(minutes(9)).await;
    assert_eq!(max.count(RU.reminder), 0, "it may come back yet");
    chain.pass(minutes(6)).await;
    let states: Vec<String> = reminders(&chain).await.into_iter().map(|(state, ..)| state).collect();
    assert_eq!((states, max.count(RU.reminder)), (vec!["superseded".to_owned(), "sent".to_owned()], 1));
    chain.sandbox.world.faults.clear();
    chain.pass(minutes(30)).await;
    assert_eq!(chain.anna().count(RU.reminder), 0, "the first one is out of the way");
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_nobody_knows_goes_nowhere_else() {
    let chain = Chain::new().await;
    about_to_be_reminded(&chain).await;
    let max = Phone::of_anna(&chain).await;
    chain.plan("telegram", "sendMessage", Fault::DropAfterCommit, 10);
    chain.pass(minutes(60)).await;
    let states: Vec<String> = reminders(&chain).await.into_iter().map(|(state, ..)| state).collect();
    assert_eq!((states, max.count(RU.reminder)), (vec!["unknown".to_owned()], 0));
    assert_eq!(chain.anna().count(RU.reminder), 2);
    chain.sandbox.world.faults.clear();
    chain.finish().await;
}

/// Whether some worker has seen that the turn was due. The schedule is looked at now and then, and a clock that leaps does not hurry it.
async fn watch_planned(chain: &Chain) -> bool {
    let mut owner = chain.world.owner().await;
    let query = "select next_at > $1 from schedule where name = 'watch'";
    sqlx::query_scalar(query).bind(chain.now()).fetch_one(&mut owner).await.unwrap()
}

/// MAX drops a webhook after 8 hours without a 200, and says nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_fell_off_is_registered_again() {
    let chain = Chain::new().await;
    let subscribed = || chain.sandbox.max.snapshot().to_string().matches("/webhooks/max/").count();
    let before = subscribed();
    let url = |value: &Value| value["url"].as_str().map(str::to_owned);
    let address = format!("{}/max/subscriptions", chain.sandbox.base_url);
    let ask = |method: axum::http::Method, address: &str| {
        let request = Request::new(method, address.parse().unwrap(), PATIENCE);
        request.secret_header(axum::http::header::AUTHORIZATION, MAX_TOKEN)
    };
    let list: Value = chain.http.send(ask(axum::http::Method::GET, &address)).await.unwrap().json().unwrap();
    let registered = list["subscriptions"].as_array().unwrap().iter().find_map(url).unwrap();
    let mut removal: url::Url = address.parse().unwrap();
    removal.query_pairs_mut().append_pair("url", &registered);
    assert!(chain.http.send(ask(axum::http::Method::DELETE, removal.as_str())).await.unwrap().is_success());
    assert!(subscribed() < before);
    // A turn every ten minutes, and each salon's look at a random moment of the eight that follow it.
    for _ in 0..30 {
        chain.until("the turn is taken", async || watch_planned(&chain).await.then_some(())).await;
        chain.pass(minutes(1)).await;
    }
    assert_eq!(subscribed(), before);
    let watched: Vec<(String, bool)> =
        chain.rows(&chain.lotos, "select kind, watched_at is not null from channel_account where tenant_id = $1").await;
    assert!(watched.iter().all(|(_, watched)| *watched), "{watched:?}");
    chain.finish().await;
}
