use serde_json::{Value, json};

use crate::{ANNA, GROUP, Product, SECRET, Salon};

fn of_group(more: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    [&[("group_id", GROUP.to_string())], more].concat()
}

async fn statuses(salon: &Salon) -> Vec<Value> {
    let servers = salon.ok("groups.getCallbackServers", &of_group(&[])).await;
    servers["items"].as_array().unwrap().iter().map(|server| server["status"].clone()).collect()
}

#[tokio::test]
async fn a_server_is_confirmed_at_once_by_the_code_alone() {
    let salon = Salon::open().await;
    let (product, url) = Product::listen().await;
    let id = salon.register(&product, &url).await;
    let confirmation = product.events("confirmation").pop().unwrap();
    assert_eq!((&confirmation["group_id"], &confirmation["secret"]), (&json!(GROUP), &json!(SECRET)));
    assert_eq!(confirmation.get("object"), None);
    let servers = salon.ok("groups.getCallbackServers", &of_group(&[("server_ids", id.to_string())])).await;
    let server = &servers["items"][0];
    assert_eq!((&server["status"], &server["url"], &server["secret_key"]), (&json!("ok"), &json!(url), &json!(SECRET)));

    // The code was used up; a server that gives the old one is not confirmed.
    let server = of_group(&[("url", url), ("title", "again".into())]);
    salon.ok("groups.addCallbackServer", &server).await;
    salon.settled().await;
    assert_eq!(statuses(&salon).await, ["ok", "failed"]);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_changed_server_is_asked_again() {
    let salon = Salon::open().await;
    let (product, url) = Product::listen().await;
    let id = salon.register(&product, &url).await;
    let change = of_group(&[("server_id", id.to_string()), ("url", url.clone()), ("title", "moved".into())]);
    assert_eq!(salon.ok("groups.editCallbackServer", &change).await, 1);
    salon.settled().await;
    assert_eq!(statuses(&salon).await, ["failed"]);
    let code = salon.ok("groups.getCallbackConfirmationCode", &of_group(&[])).await;
    *product.code.lock().unwrap() = code["code"].as_str().unwrap().to_owned();
    salon.ok("groups.editCallbackServer", &change).await;
    salon.settled().await;
    assert_eq!(statuses(&salon).await, ["ok"]);
    assert_eq!(product.events("confirmation").pop().unwrap().get("secret"), None, "a change without a secret removes it");
    assert_eq!(salon.ok("groups.deleteCallbackServer", &of_group(&[("server_id", id.to_string())])).await, 1);
    assert_eq!(salon.refused("groups.deleteCallbackServer", &of_group(&[("server_id", id.to_string())])).await, 104);
    assert_eq!(statuses(&salon).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_server_gets_the_events_it_was_told_to_get() {
    let salon = Salon::open().await;
    let (product, url) = Product::listen().await;
    let id = salon.register(&product, &url).await;
    let settings = of_group(&[("server_id", id.to_string())]);
    let fresh = salon.ok("groups.getCallbackSettings", &settings).await;
    assert_eq!((&fresh["api_version"], &fresh["events"]["message_new"]), (&json!("5.81"), &json!(0)));
    salon.text_unheard();
    salon.subscribe(id, &["message_new", "message_event"]).await;
    let set = salon.ok("groups.getCallbackSettings", &settings).await;
    assert_eq!(
        ["message_new", "message_event", "message_deny"].map(|kind| set["events"][kind].clone()),
        [json!(1), json!(1), json!(0)]
    );
    assert_eq!(set["api_version"], "5.199");
    salon.text("heard");
    salon.settled().await;
    assert_eq!(product.events("message_new").len(), 1);
    let off = [&settings[..], &[("message_new", "0".to_owned())]].concat();
    salon.ok("groups.setCallbackSettings", &off).await;
    salon.text_unheard();
    let wrong = [&settings[..], &[("api_version", "5.200".to_owned())]].concat();
    assert_eq!(salon.refused("groups.setCallbackSettings", &wrong).await, 100);
}

impl Salon {
    /// Anna writes, and no server wants to know.
    fn text_unheard(&self) {
        let events = self.act_as(ANNA, salon_sandbox::messenger::Act::Text { text: "unheard".into() });
        assert_eq!(events, Ok(vec![]));
    }
}

#[tokio::test]
async fn ten_servers_are_all() {
    let salon = Salon::open().await;
    let (_product, url) = Product::listen().await;
    let server = of_group(&[("url", url), ("title", "one of many".into())]);
    for _ in 0..10 {
        salon.ok("groups.addCallbackServer", &server).await;
    }
    assert_eq!(salon.refused("groups.addCallbackServer", &server).await, 2000);
    salon.settled().await;
}

#[tokio::test]
async fn a_key_tells_whose_it_is_and_what_it_may() {
    let salon = Salon::open().await;
    let group = salon.ok("groups.getById", &[]).await;
    assert_eq!((&group["groups"][0]["id"], &group["groups"][0]["name"]), (&json!(GROUP), &json!("Salon 42")));
    let rights = salon.ok("groups.getTokenPermissions", &[]).await;
    assert_eq!(rights["mask"], 4_096 + 262_144);
    assert_eq!(rights["permissions"][1], json!({"name": "manage", "setting": 262_144}));
    assert_eq!(salon.violations(), Vec::<String>::new());
    let strange = [("group_id", "7".to_owned())];
    assert_eq!(salon.refused("groups.getCallbackConfirmationCode", &strange).await, 203);
    assert_eq!(salon.violations().len(), 1, "a key that asks about another community mixes tenants up");
}
