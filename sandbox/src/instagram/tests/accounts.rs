use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{ANNA, APP, FIELDS, META_SECRET, SALON, SALON_2, SECRET, Salon, TOKEN};
use crate::{
    meta::testing::{Product, VERIFY_TOKEN},
    vendor::Vendor,
};

#[tokio::test]
async fn an_account_asked_for_itself_has_two_ids() {
    let (salon, _product) = Salon::connected().await;
    let (_, me) = salon.get("me?fields=user_id,username,name").await;
    assert_eq!((&me["user_id"], &me["username"]), (&json!(SALON), &json!("salon42")));
    assert_ne!(me["id"], me["user_id"]);
    assert_eq!(salon.get(&format!("{SALON}?fields=id,user_id,username,name")).await.1, me);
    assert_eq!(salon.get("me?fields=shoe_size").await.1["error"]["code"], 100);
    assert_eq!(salon.get("me?colour=red").await.0, 200);
    assert_eq!(salon.violations().len(), 2);
}

#[tokio::test]
async fn a_person_is_shown_once_they_wrote() {
    let (salon, _product) = Salon::connected().await;
    let path = format!("{}?fields=name,username", salon.id(ANNA));
    assert_eq!(salon.get(&path).await.1["error"]["error_subcode"], 33);
    salon.says(ANNA, "hi");
    assert_eq!(salon.get(&path).await, (200, json!({"id": salon.id(ANNA), "name": "Анна К", "username": ANNA})));
    let other = salon.instagram().scoped_id(SALON_2, ANNA);
    assert_eq!(salon.get(&other).await.0, 400, "the id that another account knows");
}

#[tokio::test]
async fn subscribing_wants_known_fields() {
    let salon = Salon::open().await;
    let subscribe = async |fields: &str| salon.post_as(TOKEN, &format!("me/subscribed_apps{fields}"), json!({})).await;
    assert_eq!(subscribe("").await.1["error"]["code"], 100);
    assert_eq!(subscribe("?subscribed_fields=messages,colour").await.1["error"]["code"], 100);
    assert_eq!(salon.get("me/subscribed_apps").await.1, json!({"data": []}));
    assert_eq!(subscribe(&format!("?subscribed_fields={FIELDS}")).await, (200, json!({"success": true})));
    let (_, shown) = salon.get(&format!("{SALON}/subscribed_apps")).await;
    assert_eq!((&shown["data"][0]["id"], shown["data"][0]["subscribed_fields"].as_array().map(Vec::len)), (&json!(APP), Some(6)));
    let in_body = json!({"subscribed_fields": ["messages", "messaging_reactions", "messaging_referrals"]});
    assert_eq!(salon.post_as(TOKEN, "me/subscribed_apps", in_body).await.0, 200, "the other page's spelling");
    assert_eq!(salon.ask(salon.client.delete(salon.url("me/subscribed_apps")).bearer_auth(TOKEN)).await.0, 200);
    assert_eq!(salon.get("me/subscribed_apps").await.1, json!({"data": []}));
}

#[tokio::test]
async fn a_token_lives_sixty_days_and_can_be_refreshed_meanwhile() {
    let (salon, _product) = Salon::connected().await;
    salon.says(ANNA, "hi");
    let refresh = async |token: &str| {
        let url =
            format!("{}/instagram/refresh_access_token?grant_type=ig_refresh_token&access_token={token}", salon.sandbox.base_url);
        salon.ask(salon.client.get(url)).await
    };
    let (status, fresh) = refresh(TOKEN).await;
    assert_eq!((status, &fresh["token_type"], &fresh["expires_in"]), (200, &json!("bearer"), &json!(5_184_000)));
    let fresh = fresh["access_token"].as_str().unwrap().to_owned();
    assert_eq!(refresh(&fresh).await.0, 400, "not a day old");
    let bare = salon.client.get(salon.url("refresh_access_token")).query(&[("access_token", TOKEN)]);
    assert_eq!(salon.ask(bare).await.1["error"]["code"], 100, "no grant type");
    let works = async |token: &str| {
        let message = json!({"recipient": {"id": salon.id(ANNA)}, "sender_action": "mark_seen"});
        let (status, answer) = salon.post_as(token, "me/messages", message).await;
        (status, answer["error"]["error_subcode"].as_i64())
    };
    assert_eq!((works(TOKEN).await, works(&fresh).await), ((200, None), (200, None)));
    salon.sandbox.clock.advance(TimeDelta::days(31)).unwrap();
    assert_eq!((works(TOKEN).await, works(&fresh).await), ((401, Some(463)), (200, None)));
    assert_eq!(refresh(TOKEN).await.1["error"]["code"], 190, "too late");
    salon.office(json!({"do": "expire_tokens", "account": SALON})).await;
    assert_eq!(works(&fresh).await, (401, Some(463)));
    salon.office(json!({"do": "add_token", "account": SALON, "token": "IGAA-new"})).await;
    assert_eq!(works("IGAA-new").await, (200, None));
    assert_eq!(salon.violations().len(), 2);
}

#[tokio::test]
async fn the_app_saves_its_callback_with_its_own_token() {
    let salon = Salon::open().await;
    let (product, url) = Product::listen().await;
    let save = async |token: String, verify: &str| {
        let body = json!({"object": "instagram", "callback_url": url, "verify_token": verify, "fields": "messages"});
        salon.post_as(&token, &format!("{APP}/subscriptions"), body).await
    };
    assert_eq!(save(TOKEN.to_owned(), VERIFY_TOKEN).await.1["error"]["code"], 15);
    assert_eq!(save(format!("{APP}|{META_SECRET}"), "guess").await.1["error"]["code"], 2200);
    assert_eq!(save(format!("{APP}|{META_SECRET}"), VERIFY_TOKEN).await.0, 200);
    salon.post_as(TOKEN, &format!("me/subscribed_apps?subscribed_fields={FIELDS}"), json!({})).await;
    salon.says(ANNA, "hi");
    salon.sent(ANNA, json!({"text": "unheard: the app did not ask for echoes"})).await;
    salon.settled().await;
    assert_eq!(product.hooks().len(), 1);
    assert!(product.hooks()[0].is_signed_with(SECRET), "Instagram's webhooks are signed with the product's own secret");
    assert!(!product.hooks()[0].is_signed_with(META_SECRET));
}

#[tokio::test]
async fn a_seed_that_does_not_fit_is_refused() {
    let salon = Salon::open().await;
    let account = json!({"id": "1", "username": "a", "name": "a", "app": "unknown", "token": "t"});
    for wrong in [json!({"accounts": [account]}), json!({"people": [{"name": "a"}]}), json!({"colour": "red"})] {
        assert!(salon.instagram().seed(&wrong).is_err(), "{wrong}");
    }
    let snapshot: Value = salon.instagram().snapshot();
    assert_eq!(snapshot["accounts"].as_array().map(Vec::len), Some(2));
    for secret in [TOKEN, SECRET, META_SECRET] {
        assert!(!snapshot.to_string().contains(secret));
    }
}
