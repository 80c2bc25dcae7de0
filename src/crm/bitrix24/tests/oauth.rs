use serde_json::{Value, json};

use super::*;
use crate::{
    crm::{Crm, EXPIRED, Entity, Login},
    vendor::stub::http,
};
use secrecy::{ExposeSecret, SecretString};

fn granted() -> Step {
    let body = json!({"access_token": "access_2", "refresh_token": "refresh_2", "expires_in": 3600, "member_id": "m"});
    Step::json(200, &body)
}

#[tokio::test]
async fn an_applications_token_is_in_the_body_and_nowhere_else() {
    let stub = Stub::start("/portal", vec![good(&json!({"items": []}))]).await;
    let (http, account) = (http(), application(&stub));
    let page = Bitrix24.changes_since(&call(&http, &account), Entity::Client, at(0), None).await.unwrap();
    assert!(page.records.is_empty());
    let seen = stub.seen().remove(0);
    assert_eq!(seen.path, "/portal/rest/crm.item.list");
    assert_eq!(seen.body["auth"], "access_1");
    assert!(!seen.headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_token_that_has_run_out_is_told_apart() {
    let stub = Stub::start("", vec![bad(401, "expired_token")]).await;
    let failure = Bitrix24.inspect(&call(&http(), &application(&stub))).await.unwrap_err();
    assert_eq!(failure, Failure::new(Class::Credential, EXPIRED));
}

#[tokio::test]
async fn the_login_begins_on_the_portals_own_page() {
    let stub = Stub::start("/portal", vec![]).await;
    let prompt = Bitrix24.begin_login(&call(&http(), &application(&stub))).await.unwrap();
    assert_eq!(prompt.address.path(), "/portal/oauth/authorize/");
    assert_eq!(prompt.address.query(), Some("client_id=app.1"));
    assert!(prompt.user_code.is_none() && prompt.device_code.is_none());
    assert!(stub.seen().is_empty());
    let failure = Bitrix24.begin_login(&call(&http(), &account(&stub))).await.unwrap_err();
    assert_eq!(failure, refused("no_login"), "an inbound webhook has nothing to log in to");
}

#[tokio::test]
async fn a_code_and_a_refresh_token_are_exchanged_in_a_form() {
    let stub = Stub::start("/server", vec![granted(), granted()]).await;
    let (http, account) = (http(), application(&stub));
    let call = call(&http, &account);
    let Login::Done(tokens) = Bitrix24.finish_login(&call, &SecretString::from("code_1")).await.unwrap() else {
        panic!("pending")
    };
    assert_eq!((tokens.access.expose_secret(), tokens.refresh.expose_secret()), ("access_2", "refresh_2"));
    let tokens = Bitrix24.renew(&call).await.unwrap();
    assert_eq!((tokens.access.expose_secret(), tokens.refresh.expose_secret()), ("access_2", "refresh_2"));
    let seen = stub.seen();
    let form = |grant: &str, name: &str, value: &str| {
        let mut form = json!({"grant_type": grant, "client_id": "app.1", "client_secret": "app_secret"});
        form[name] = Value::from(value);
        form
    };
    assert_eq!(seen[0].path, "/server/oauth/token/", "nothing in the address");
    assert_eq!(seen[0].body, form("authorization_code", "code", "code_1"));
    assert_eq!(seen[1].body, form("refresh_token", "refresh_token", "refresh_1"));
}

#[tokio::test]
async fn an_exchange_is_made_once_and_its_errors_are_kept_apart() {
    let html = |status| Step::Answer { status, headers: vec![], body: "<html>".to_owned() };
    let cases = [
        (bad(400, "invalid_grant"), Failure::new(Class::Credential, "invalid_grant")),
        (bad(400, "invalid_client"), Failure::new(Class::Credential, "invalid_client")),
        (bad(400, "invalid_request"), Failure::new(Class::Credential, "invalid_request")),
        (bad(402, "PAYMENT_REQUIRED"), Failure::new(Class::Credential, "payment_required")),
        (bad(403, "insufficient_scope"), Failure::new(Class::Credential, "insufficient_scope")),
        (bad(200, "invalid_grant"), Failure::new(Class::Credential, "invalid_grant")),
        (Step::json(200, &json!({"access_token": "access_2"})), Failure::unknown("unreadable_answer")),
        (html(200), Failure::unknown("unreadable_answer")),
        (html(502), Failure::unknown("gateway_error")),
        (Step::Close, Failure::unknown("no_answer")),
        (Step::CutOff, Failure::unknown("no_answer")),
    ];
    for (step, expected) in cases {
        let stub = Stub::start("", vec![step.clone()]).await;
        let result = Bitrix24.renew(&call(&http(), &application(&stub))).await;
        assert_eq!(result.unwrap_err(), expected, "{step:?}");
        assert_eq!(stub.seen().len(), 1);
    }
    let stub = Stub::start("", vec![]).await;
    let mut fresh = application(&stub);
    fresh.secrets.oauth.as_mut().unwrap().refresh_token = None;
    let failure = Bitrix24.renew(&call(&http(), &fresh)).await.unwrap_err();
    assert_eq!(failure, Failure::new(Class::Credential, "no_refresh_token"));
}

#[test]
fn the_vendors_own_server_is_the_default() {
    let settings: super::super::settings::Settings = serde_json::from_value(json!({"responsible_id": 1})).unwrap();
    assert_eq!(settings.oauth_url().unwrap().as_str(), "https://oauth.bitrix.info/");
    assert_eq!(settings.source_id, "WEB");
}
