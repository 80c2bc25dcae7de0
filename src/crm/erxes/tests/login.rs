//! The device flow and the renewal.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::json;

use super::{REFRESH, SECRET, account, users_account};
use crate::{
    crm::{Crm, CrmCall, EXPIRED, Login, UNATTENDED, erxes::Erxes},
    vendor::{
        Class, Failure,
        stub::{Step, Stub, http},
    },
};

fn refused(status: u16, error: &str) -> Step {
    Step::json(status, &json!({"error": error, "error_description": "…"}))
}

fn granted() -> Step {
    let user = json!({"_id": "u1", "email": "op@salon.example"});
    Step::json(200, &json!({"tokenType": "Bearer", "accessToken": "a2", "refreshToken": "r2", "expiresIn": 28800, "user": user}))
}

#[tokio::test]
async fn a_login_is_begun_under_the_gateways_address() {
    let asked = json!({"device_code": "dev1", "user_code": "ABCD-EFGH", "verification_uri": "https://erxes.example/device",
                       "verification_uri_complete": "https://erxes.example/device?user_code=ABCD-EFGH", "expires_in": 600, "interval": 5});
    let stub = Stub::start("/gateway", vec![Step::json(200, &asked)]).await;
    let (http, mut account) = (http(), users_account(&stub));
    account.secrets.token = None;
    let prompt = Erxes.begin_login(&CrmCall::new(&http, &account, UNATTENDED)).await.unwrap();
    assert_eq!(prompt.address.as_str(), "https://erxes.example/device");
    assert_eq!((prompt.user_code.as_deref(), prompt.interval), (Some("ABCD-EFGH"), 5));
    assert_eq!(prompt.device_code.as_ref().unwrap().expose_secret(), "dev1");
    assert!(!format!("{prompt:?}").contains("dev1"));
    let seen = stub.seen().remove(0);
    assert_eq!(seen.path, "/gateway/oauth/device/code");
    assert_eq!(seen.body, json!({"client_id": "salon-core", "client_secret": SECRET}));
    assert_eq!(seen.headers["oauth_secret"], SECRET);
}

#[tokio::test]
async fn a_login_waits_slows_down_and_ends() {
    let throttled = refused(429, "slow_down").with_header("retry-after", "60");
    let script = vec![refused(428, "authorization_pending"), refused(400, "slow_down"), throttled, granted()];
    let stub = Stub::start("", script).await;
    let (http, account) = (http(), users_account(&stub));
    let call = CrmCall::new(&http, &account, UNATTENDED);
    for seconds in [5, 10, 60] {
        let Login::Pending { interval } = Erxes.finish_login(&call, &"dev1".into()).await.unwrap() else { panic!("not yet") };
        assert_eq!(interval, seconds);
    }
    let Login::Done(tokens) = Erxes.finish_login(&call, &"dev1".into()).await.unwrap() else { panic!("it is done") };
    assert_eq!((tokens.access.expose_secret(), tokens.refresh.expose_secret()), ("a2", "r2"));
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let body = json!({"grant_type": grant, "device_code": "dev1", "client_id": "salon-core", "client_secret": SECRET});
    assert!(stub.seen().iter().all(|seen| seen.path == "/oauth/token" && seen.body == body));
}

#[tokio::test]
async fn a_login_that_failed_is_no_expired_access_token() {
    for (error, code) in [("expired_token", "device_code_expired"), ("access_denied", "access_denied")] {
        let stub = Stub::start("", vec![refused(400, error)]).await;
        let failure =
            Erxes.finish_login(&CrmCall::new(&http(), &users_account(&stub), UNATTENDED), &"dev1".into()).await.unwrap_err();
        assert_eq!(failure, Failure::new(Class::Credential, code));
        assert_ne!(failure.code, EXPIRED, "a renewal mends nothing here");
    }
}

#[tokio::test]
async fn a_renewal_is_asked_for_once_with_the_refresh_token() {
    let stub = Stub::start("", vec![granted(), refused(401, "invalid_grant"), Step::CutOff]).await;
    let (http, account) = (http(), users_account(&stub));
    let call = CrmCall::new(&http, &account, UNATTENDED);
    let tokens = Erxes.renew(&call).await.unwrap();
    assert_eq!((tokens.access.expose_secret(), tokens.refresh.expose_secret()), ("a2", "r2"));
    assert_eq!(Erxes.renew(&call).await.unwrap_err(), Failure::new(Class::Credential, "invalid_grant"));
    assert_eq!(Erxes.renew(&call).await.unwrap_err().class, Class::Unknown, "the old token may be dead");
    let body =
        json!({"grant_type": "refresh_token", "refresh_token": REFRESH, "client_id": "salon-core", "client_secret": SECRET});
    assert_eq!(stub.seen()[0].body, body);
    assert!(!stub.seen()[0].headers.contains_key("authorization"), "an access token that ran out proves nothing");
}

#[tokio::test]
async fn without_an_oauth_client_there_is_no_login() {
    let stub = Stub::start("", Vec::new()).await;
    let (http, mut app) = (http(), account(&stub, Some("sk_1")));
    let none = Failure::new(Class::Credential, "no_credential");
    let call = CrmCall::new(&http, &app, Duration::from_secs(1));
    assert_eq!(Erxes.begin_login(&call).await.unwrap_err(), none);
    assert_eq!(Erxes.renew(&call).await.unwrap_err(), none);
    app.secrets.oauth = serde_json::from_value(json!({"client_id": "c"})).unwrap();
    assert_eq!(Erxes.renew(&CrmCall::new(&http, &app, UNATTENDED)).await.unwrap_err(), none, "nobody has logged in yet");
}
