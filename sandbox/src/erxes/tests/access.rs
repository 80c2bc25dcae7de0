//! Who may do what, and how tokens are had.

use serde_json::{Value, json};

use super::{APP, Crm, USER, error};
use crate::fault::Fault;

#[tokio::test]
async fn an_app_token_logs_in_and_may_nothing() {
    let crm = Crm::open().await;
    let add = "mutation($p: String) { customersAdd(primaryPhone: $p) { _id state } }";
    let variables = json!({"p": "+79991234567"});
    let (status, body) = crm.ask(Some(APP), add, variables.clone()).await;
    assert_eq!((status, error(&body)), (200, ("Permission required", "EXPECTED")));
    assert_eq!(crm.ask(None, add, variables.clone()).await.1["errors"][0]["message"], "Login required");
    let bad = crm.ask(Some(("erxes-app-token", "sk_other")), add, variables.clone()).await;
    assert_eq!(bad, (401, json!({"error": "Invalid app token"})));
    assert_eq!(
        crm.ask(Some(("authorization", "Bearer no")), "{ currentUser { _id } }", json!({})).await.1,
        json!({"data": {"currentUser": null}})
    );
    let (_, body) = crm.ask(Some(USER), add, variables.clone()).await;
    assert_eq!(body["data"]["customersAdd"]["state"], "lead");
    let (_, body) = crm.ask(Some(USER), add, variables).await;
    assert_eq!(error(&body), ("Duplicated phone", "EXPECTED"));
    let note =
        "mutation { internalNotesAdd(contentType: \"core:customer\", contentTypeId: \"x\", content: \"booked\") { content } }";
    assert_eq!(crm.ask(Some(USER), note, json!({})).await.1["data"]["internalNotesAdd"]["content"], "booked");
}

#[tokio::test]
async fn a_device_is_approved_and_its_refresh_token_dies_by_its_use() {
    let crm = Crm::open().await;
    let client = json!({"client_id": "salon-core", "client_secret": "shared"});
    let stranger = crm.oauth("/oauth/device/code", json!({"client_id": "salon-core"})).await;
    assert_eq!((stranger.0, &stranger.1["error"]), (401, &json!("invalid_client")));
    let (_, asked) = crm.oauth("/oauth/device/code", client.clone()).await;
    let with = |more: Value| {
        let mut body = client.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let poll = with(json!({"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": asked["device_code"]}));
    let said = async || {
        let (status, body) = crm.oauth("/oauth/token", poll.clone()).await;
        (status, body["error"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(said().await, (428, "authorization_pending".to_owned()));
    assert_eq!(said().await, (400, "slow_down".to_owned()));
    assert!(crm.erxes.approve("NONE", "u1").is_err() && crm.erxes.approve(asked["user_code"].as_str().unwrap(), "u9").is_err());
    crm.erxes.approve(asked["user_code"].as_str().unwrap(), "u1").unwrap();
    crm.world.advance(chrono::TimeDelta::seconds(5));
    let (status, tokens) = crm.oauth("/oauth/token", poll.clone()).await;
    assert_eq!((status, &tokens["tokenType"]), (200, &json!("Bearer")));
    let who = async |token: &Value| {
        let header = format!("Bearer {}", token.as_str().unwrap());
        crm.ask(Some(("authorization", &header)), "{ currentUser { _id } }", json!({})).await.1["data"]["currentUser"]["_id"]
            .clone()
    };
    assert_eq!(who(&tokens["accessToken"]).await, "u1");
    let refresh = with(json!({"grant_type": "refresh_token", "refresh_token": tokens["refreshToken"]}));
    let (_, renewed) = crm.oauth("/oauth/token", refresh.clone()).await;
    assert_eq!(who(&renewed["accessToken"]).await, "u1");
    let (status, body) = crm.oauth("/oauth/token", refresh).await;
    assert_eq!((status, &body["error"]), (401, &json!("invalid_grant")));
    crm.erxes.expire_tokens();
    assert_eq!(who(&renewed["accessToken"]).await, Value::Null, "silently nobody");
}

#[tokio::test]
async fn a_scoped_token_may_less_than_its_user() {
    let crm = Crm::open().await;
    let client = json!({"client_id": "salon-core", "client_secret": "shared"});
    let (_, asked) = crm.oauth("/oauth/device/code", client.clone()).await;
    crm.erxes.approve_scopes(asked["user_code"].as_str().unwrap(), "u1", &["contacts:create"]).unwrap();
    let mut redeem = client.clone();
    redeem["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code".into();
    redeem["device_code"] = asked["device_code"].clone();
    let (_, tokens) = crm.oauth("/oauth/token", redeem).await;
    let mut refresh = client;
    refresh["grant_type"] = "refresh_token".into();
    refresh["refresh_token"] = tokens["refreshToken"].clone();
    let (_, renewed) = crm.oauth("/oauth/token", refresh).await;
    let note = "mutation { internalNotesAdd(contentType: \"core:customer\", contentTypeId: \"x\", content: \"booked\") { _id } }";
    let edit = "mutation($i: String!) { customersEdit(_id: $i, firstName: \"Anna\") { _id } }";
    for token in [&tokens["accessToken"], &renewed["accessToken"]] {
        let header = format!("Bearer {}", token.as_str().unwrap());
        let who = Some(("authorization", header.as_str()));
        let (_, made) = crm.ask(who, "mutation { customersAdd(firstName: \"Anna\") { _id } }", json!({})).await;
        let id = &made["data"]["customersAdd"]["_id"];
        assert!(id.is_string(), "{made}");
        let refused = json!({"i": id});
        for (query, variables) in [(note, json!({})), (edit, refused)] {
            let (_, body) = crm.ask(who, query, variables).await;
            assert_eq!(error(&body), ("OAuth scope required", "EXPECTED"));
        }
    }
}

#[tokio::test]
async fn a_lost_answer_leaves_the_old_refresh_token_dead() {
    let crm = Crm::open().await;
    crm.erxes.seed(&json!({"oauthClients": [{"clientId": "cli"}]})).unwrap();
    let (_, asked) = crm.oauth("/oauth/device/code", json!({"client_id": "cli"})).await;
    crm.erxes.approve(asked["user_code"].as_str().unwrap(), "u1").unwrap();
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let redeem = json!({"client_id": "cli", "grant_type": grant, "device_code": asked["device_code"]});
    let (_, tokens) = crm.oauth("/oauth/token", redeem).await;
    let refresh = json!({"client_id": "cli", "grant_type": "refresh_token", "refresh_token": tokens["refreshToken"]});
    crm.world.advance(chrono::TimeDelta::days(89));
    crm.plan("oauth/token", &Fault::Status { code: 502 });
    assert_eq!(crm.oauth("/oauth/token", refresh.clone()).await.0, 502, "nothing was done");
    crm.plan("oauth/token", &Fault::AnswerAfterCommit { ms: 0, code: Some(500) });
    assert_eq!(crm.oauth("/oauth/token", refresh.clone()).await.0, 500, "a public client's token lives for ninety days");
    assert_eq!(crm.oauth("/oauth/token", refresh).await.0, 401);
}

#[tokio::test]
async fn five_codes_are_shown_in_ten_minutes() {
    let crm = Crm::open().await;
    let client = json!({"client_id": "salon-core", "client_secret": "shared"});
    for _ in 0..5 {
        assert_eq!(crm.oauth("/oauth/device/code", client.clone()).await.0, 200);
    }
    let (status, body) = crm.oauth("/oauth/device/code", client.clone()).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_request")));
    crm.world.advance(chrono::TimeDelta::seconds(601));
    assert_eq!(crm.oauth("/oauth/device/code", client).await.0, 200);
}
