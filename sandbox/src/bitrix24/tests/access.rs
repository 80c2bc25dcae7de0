//! Who may call, and how tokens live.

use serde_json::{Value, json};

use super::{CODE, Portal, error};

async fn renew(portal: &Portal, token: &str) -> (u16, Value) {
    let query = [("grant_type", "refresh_token"), ("client_id", "app.1"), ("client_secret", "sss"), ("refresh_token", token)];
    portal.send(portal.client.get(format!("{}/oauth/token/", portal.base)).query(&query)).await
}

#[tokio::test]
async fn a_webhooks_code_is_the_credential() {
    let portal = Portal::open().await;
    let (status, body) = portal.call("profile.json", json!({})).await;
    assert_eq!((status, &body["result"]["ID"]), (200, &json!("1")));
    assert!(body["time"]["date_start"].is_string() && body["time"]["operating_reset_at"].is_i64(), "{body}");
    let ask = async |path: &str| error(portal.send(portal.client.post(format!("{}/rest/{path}", portal.base))).await);
    assert_eq!(ask("1/wrong/profile").await, (403, "INVALID_CREDENTIALS".to_owned()));
    assert_eq!(ask(&format!("2/{CODE}/profile")).await, (403, "INVALID_CREDENTIALS".to_owned()));
    assert_eq!(ask("profile").await, (401, "NO_AUTH_FOUND".to_owned()));
    assert_eq!(ask(&format!("1/{CODE}/no.such.method")).await, (404, "ERROR_METHOD_NOT_FOUND".to_owned()));
    assert_eq!(ask("3/readonly/user.current").await, (403, "insufficient_scope".to_owned()));
    let expired = portal.world.now() + chrono::TimeDelta::seconds(60);
    portal.seed(json!({"webhooks": [{"user": 1, "code": "short", "scopes": [], "expires": expired}]}));
    assert_eq!(portal.send(portal.client.post(format!("{}/rest/1/short/scope", portal.base))).await.0, 200);
    portal.advance(61);
    assert_eq!(ask("1/short/scope").await, (403, "INVALID_CREDENTIALS".to_owned()));
    let seen = serde_json::to_string(&portal.world.ledger.entries()).unwrap();
    assert!(!seen.contains(CODE) && !seen.contains("readonly"), "{seen}");
}

#[tokio::test]
async fn an_access_token_lives_for_an_hour_wherever_it_is_sent() {
    let portal = Portal::open().await;
    let url = format!("{}/rest/app.info", portal.base);
    for request in [
        portal.client.post(&url).json(&json!({"auth": "acc1"})),
        portal.client.post(&url).header("content-type", "application/x-www-form-urlencoded").body("auth=acc1"),
        portal.client.get(&url).query(&[("auth", "acc1")]),
        portal.client.post(&url).bearer_auth("acc1"),
    ] {
        assert_eq!(portal.send(request).await.0, 200);
    }
    assert_eq!(error(portal.app("other", "app.info", json!({})).await), (401, "NO_AUTH_FOUND".to_owned()));
    portal.advance(3601);
    assert_eq!(error(portal.app("acc1", "app.info", json!({})).await), (401, "expired_token".to_owned()));
    let seen = serde_json::to_string(&portal.world.ledger.entries()).unwrap();
    assert!(!seen.contains("acc1"), "{seen}");
}

#[tokio::test]
async fn a_refresh_token_works_once() {
    let portal = Portal::open().await;
    portal.advance(3601);
    let (one, two) = tokio::join!(renew(&portal, "ref1"), renew(&portal, "ref1"));
    let (good, bad) = if one.0 == 200 { (one, two) } else { (two, one) };
    assert_eq!(error(bad), (400, "invalid_grant".to_owned()));
    assert_eq!((&good.1["expires_in"], &good.1["client_endpoint"]), (&json!(3600), &json!(format!("{}/rest/", portal.base))));
    let token = good.1["access_token"].as_str().unwrap();
    assert_eq!(portal.app(token, "app.info", json!({})).await.0, 200);
    let next = good.1["refresh_token"].as_str().unwrap();
    portal.advance(181 * 86_400);
    assert_eq!(error(renew(&portal, next).await), (400, "invalid_grant".to_owned()));
    let seen = serde_json::to_string(&portal.world.ledger.entries()).unwrap();
    assert!(!seen.contains("ref1") && !seen.contains("sss"), "{seen}");
    assert_eq!(portal.bitrix.snapshot()["renewals"], 1);
}

#[tokio::test]
async fn a_code_gives_the_first_tokens_within_half_a_minute() {
    let portal = Portal::open().await;
    let exchange = async |code: &Value| {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("grant_type", "authorization_code"), ("client_id", "app.1"), ("client_secret", "sss")])
            .append_pair("code", code.as_str().unwrap())
            .finish();
        let request = portal.client.post(format!("{}/oauth/token", portal.base));
        portal.send(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await
    };
    let authorize = json!({"do": "authorize", "client_id": "app.1", "by": 2});
    let code = portal.bitrix.act(&authorize).unwrap()["code"].clone();
    let (status, body) = exchange(&code).await;
    assert_eq!((status, &body["user_id"]), (200, &json!(2)));
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(portal.app(token, "profile", json!({})).await.1["result"]["ID"], "2");
    assert_eq!(error(exchange(&code).await), (400, "invalid_grant".to_owned()), "it works once");
    let late = portal.bitrix.act(&authorize).unwrap()["code"].clone();
    portal.advance(31);
    assert_eq!(error(exchange(&late).await), (400, "invalid_grant".to_owned()));
    assert!(portal.bitrix.act(&json!({"do": "authorize", "client_id": "app.9"})).is_err());
    let seen = serde_json::to_string(&portal.world.ledger.entries()).unwrap();
    assert!(!seen.contains(code.as_str().unwrap()), "{seen}");
}

#[tokio::test]
async fn the_oauth_server_has_its_own_codes() {
    let portal = Portal::open().await;
    let ask =
        async |query: Value| error(portal.send(portal.client.get(format!("{}/oauth/token", portal.base)).query(&query)).await);
    let whole = json!({"grant_type": "refresh_token", "client_id": "app.1", "client_secret": "sss", "refresh_token": "ref1"});
    let with = |name: &str, value: &str| {
        let mut query = whole.clone();
        query[name] = value.into();
        query
    };
    assert_eq!(ask(with("client_secret", "no")).await, (400, "invalid_client".to_owned()));
    assert_eq!(ask(with("grant_type", "password")).await, (400, "invalid_request".to_owned()));
    assert_eq!(ask(with("refresh_token", "")).await, (400, "invalid_request".to_owned()));
    portal.seed(json!({"apps": [{"client_id": "app.2", "client_secret": "s", "user": 1, "scopes": [], "access_token": "acc2",
                                 "refresh_token": "ref2", "payment_required": true, "allowed": false}]}));
    let unpaid = json!({"grant_type": "refresh_token", "client_id": "app.2", "client_secret": "s", "refresh_token": "ref2"});
    assert_eq!(ask(unpaid).await, (402, "PAYMENT_REQUIRED".to_owned()));
    assert_eq!(error(portal.app("acc2", "scope", json!({})).await), (403, "user_access_error".to_owned()));
}

#[tokio::test]
async fn a_portal_may_answer_nobody() {
    let portal = Portal::open().await;
    for (setting, expected) in [
        (json!({"paid": false}), (403, "ACCESS_DENIED")),
        (json!({"overloaded": true}), (503, "OVERLOAD_LIMIT")),
        (json!({"deleted": true}), (403, "PORTAL_DELETED")),
    ] {
        portal.seed(json!({"portal": setting}));
        let (status, code) = portal.refused("profile", json!({})).await;
        assert_eq!((status, code.as_str()), expected);
    }
    assert!(portal.violations().is_empty());
}

#[tokio::test]
async fn some_methods_need_an_application() {
    let portal = Portal::open().await;
    for method in ["app.info", "event.get", "event.bind"] {
        assert_eq!(portal.refused(method, json!({"event": "X", "handler": "http://x"})).await, (400, "ACCESS_DENIED".to_owned()));
    }
}

#[tokio::test]
async fn users_and_scopes_are_told() {
    let portal = Portal::open().await;
    assert_eq!(portal.result("user.current", json!({})).await["NAME"], "Olga");
    let (_, body) = portal.call("user.get", json!({"FILTER": {"ACTIVE": true}, "sort": "ID", "order": "DESC"})).await;
    assert_eq!((&body["total"], &body["result"][0]["ID"]), (&json!(3), &json!("3")));
    assert_eq!(portal.result("user.get", json!({"ID": 2})).await[0]["NAME"], "Vera");
    assert_eq!(portal.result("scope", json!({})).await, json!(["crm", "user_brief", "userfieldconfig"]));
    assert!(portal.result("server.time", json!({})).await.as_str().unwrap().ends_with("+00:00"));
    assert!(portal.violations().is_empty(), "{:?}", portal.violations());
}

#[tokio::test]
async fn what_is_not_read_is_told() {
    let portal = Portal::open().await;
    let url = format!("{}/rest/1/{CODE}/crm.duplicate.findbycomm", portal.base);
    let request = portal.client.get(&url).json(&json!({"type": "PHONE", "values": ["+7900"]}));
    assert_eq!(error(portal.send(request).await).1, "Communication type is not defined");
    assert!(portal.complaints().contains("the body of a GET is not read"));
    let request = portal.client.post(format!("{}/rest/1/{CODE}/profile", portal.base)).header("idempotency-key", "k").body("x");
    assert_eq!(portal.send(request).await.0, 200);
    let told = portal.complaints();
    assert!(told.contains("Idempotency-Key") && told.contains("is not read"), "{told}");
}
