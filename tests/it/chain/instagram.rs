//! A messenger that gives back whatever goes out through the salon's account.

use chrono::TimeDelta;
use salon_core::tenant;
use salon_sandbox::{
    fault::Fault,
    instagram::Action,
    messenger::{Author, Bubble, Messenger},
    vendor::Vendor,
};
use secrecy::ExposeSecret;
use serde_json::json;

use super::{Chain, PATIENCE};

const ACCOUNT: &str = "17841400000000001";
const LISA: &str = "lisa.n";
const APP: &str = "650000000000000";
const SEND: &str = "POST /{Version}/{IG-ID}/messages";
/// What a client is asked first.
const LANGUAGE: &str = "Русский";

/// Two salons with an account each, and the app's one address entered in the App Dashboard: the first one's.
async fn chain() -> Chain {
    let chain = Chain::new().await;
    let mut tx = chain.db.tenant(chain.lotos.tenant).await.unwrap();
    let webhooks = tenant::webhooks(&mut tx, &chain.keyring).await.unwrap();
    drop(tx);
    let key = webhooks.into_iter().find(|webhook| webhook.source == "instagram").unwrap().key.unwrap();
    let address = chain.base.join(&format!("/webhooks/instagram/{}", key.expose_secret())).unwrap();
    let callback = json!({"url": address.as_str(), "verify_token": "demo-verify-token"});
    chain.sandbox.instagram.act(json!({"do": "set_callback", "app": APP, "callback": callback})).await.unwrap();
    chain
}

fn says(chain: &Chain, text: &str) {
    chain.sandbox.instagram.act_in_chat(ACCOUNT, LISA, Action::Text { text: text.into(), reply_to: None }).unwrap();
}

/// What the salon wrote, oldest first.
fn written(chain: &Chain) -> Vec<Bubble> {
    let bubbles = chain.sandbox.instagram.chat(ACCOUNT, LISA).unwrap().bubbles;
    bubbles.into_iter().filter(|bubble| bubble.author != Author::Person).collect()
}

/// Waits until the salon has written so many messages and is at rest.
async fn at_rest(chain: &Chain, count: usize) {
    let all = chain.sandbox.instagram.wait_for(PATIENCE, |_| (written(chain).len() >= count).then_some(()));
    all.await.unwrap_or_else(|| panic!("no {count} messages: {:#?}", written(chain)));
    settled(chain).await;
}

async fn settled(chain: &Chain) {
    let delivered =
        chain.sandbox.instagram.wait_for(PATIENCE, |instagram| Messenger::is_settled(instagram, ACCOUNT).then_some(()));
    delivered.await.unwrap();
    chain.pass(TimeDelta::minutes(2)).await;
}

/// Kind, state and number of resends of what the salon wrote, and whether the vendor's id is known.
async fn logged(chain: &Chain) -> Vec<(String, String, i32, bool)> {
    let query = "select kind, state, resends, vendor_message_id is not null from message
                 where tenant_id = $1 and direction = 'out' order by id";
    chain.rows(&chain.lotos, query).await
}

fn sent(kind: &str, resends: i32) -> (String, String, i32, bool) {
    (kind.to_owned(), "sent".to_owned(), resends, true)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_echo_settles_a_message_whose_answer_was_lost() {
    let chain = chain().await;
    chain.plan("instagram", SEND, Fault::DropAfterCommit, 1);
    says(&chain, "Здравствуйте");
    at_rest(&chain, 1).await;
    assert!(chain.faults_are_used_up());
    assert_eq!(logged(&chain).await, [sent("answer", 0)]);
    assert_eq!(written(&chain).len(), 1);
    let shown = chain.sandbox.instagram.chat(ACCOUNT, LISA).unwrap();
    assert!(shown.keyboard.concat().iter().any(|button| button.label == LANGUAGE));
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_no_echo_comes_of_is_sent_once_more() {
    let chain = chain().await;
    chain.plan("instagram", SEND, Fault::Drop, 1);
    says(&chain, "Здравствуйте");
    chain.until("the send is lost", async || chain.faults_are_used_up().then_some(())).await;
    chain.pass(TimeDelta::seconds(5)).await;
    assert_eq!(written(&chain).len(), 0, "an echo may come yet");
    chain.pass(TimeDelta::minutes(1)).await;
    at_rest(&chain, 1).await;
    assert_eq!((written(&chain).len(), logged(&chain).await), (1, vec![sent("answer", 1)]));
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_staff_writes_on_the_phone_is_logged_as_theirs() {
    let chain = chain().await;
    says(&chain, "Здравствуйте");
    at_rest(&chain, 1).await;
    let write = json!({"do": "write", "account": ACCOUNT, "person": LISA, "text": "Ждём вас!"});
    chain.sandbox.instagram.act(write).await.unwrap();
    settled(&chain).await;
    assert_eq!(logged(&chain).await, [sent("answer", 0), sent("operator", 0)]);
    assert_eq!(chain.crm_texts().iter().filter(|text| text.contains("Ждём вас!")).count(), 1);
    chain.finish().await;
}
