//! What erxes' errors mean, and what inspection sees.

use std::time::Duration;

use http::HeaderMap;
use serde_json::json;

use super::{REFRESH, RETRY, SECRET, TOKEN, account, data, graph_error, messages::message, users_account};
use crate::{
    crm::{
        Author, Crm, CrmCall, EXPIRED, UNATTENDED,
        erxes::{Erxes, error},
        meaning::Effect,
    },
    vendor::{
        Class, Failure, Reply,
        stub::{Step, Stub, http},
    },
};

#[tokio::test]
async fn inspection_wants_a_messenger_integration() {
    let steps = vec![
        data("integrationDetail", json!({"kind": "messenger"})),
        data("integrationDetail", json!({"kind": "lead"})),
        data("integrationDetail", json!(null)),
        Step::json(401, &json!({"error": "Invalid app token"})),
    ];
    let stub = Stub::start("", steps).await;
    let (http, account) = (http(), account(&stub, Some(TOKEN)));
    let call = CrmCall::new(&http, &account, UNATTENDED);
    assert_eq!(Erxes.inspect(&call).await.unwrap().known_as, "an app token");
    for code in ["integration_not_messenger", "integration_not_found", "app_token"] {
        assert_eq!(Erxes.inspect(&call).await, Err(Failure::new(Class::Credential, code)));
    }
    assert_eq!(stub.seen()[0].body["variables"], json!({"_id": "int1"}));
}

const ANONYMOUS: &str = "Failed to add message to conversation: Cannot destructure property '_id' of 'user' as it is undefined.";

#[test]
fn every_row_of_the_error_table_is_reached_by_what_erxes_says() {
    let resolver = |text: &str| graph_error(text, "EXPECTED");
    let rows = [
        (429, json!({"error": "Too many requests"}), "too_many_requests", RETRY),
        (302, json!(null), "redirected", RETRY),
        (401, json!({"error": "Invalid app token"}), "app_token", Class::Credential),
        (403, json!("<html>"), "forbidden", Class::Credential),
        (404, json!("<html>"), "not_found", RETRY),
        (400, json!({"error": "Hostname is required"}), "request_refused", Class::Permanent),
        (502, json!({"error": "Gateway proxy error", "code": "ECONNREFUSED"}), "upstream_down", RETRY),
        (502, json!({"error": "Gateway proxy error", "code": "ECONNRESET"}), "gateway_error", Class::Unknown),
        (200, resolver("Login required"), "login_required", Class::Credential),
        (200, resolver("User not authenticated"), "login_required", Class::Credential),
        (200, graph_error(ANONYMOUS, "SYSTEM"), "login_required", Class::Credential),
        (200, resolver("Invalid app token"), "app_token", Class::Credential),
        (200, resolver("Permission required"), "permission_required", Class::Credential),
        (200, resolver("OAuth scope required: contacts:update"), "scope_required", Class::Credential),
        (200, resolver("Integration not found"), "integration_not_found", Class::Credential),
        (200, resolver("Channel not found"), "channel_not_found", Class::Credential),
        (200, resolver("Customer not found"), "customer_not_found", Class::Permanent),
        (200, resolver("Duplicated phone"), "duplicated", Class::Permanent),
        (200, resolver("Something else"), "expected_error", Class::Permanent),
        (200, graph_error("Cannot read properties of undefined", "SYSTEM"), "system_error", Class::Unknown),
        (200, graph_error("sendgrid", "PROVIDER"), "provider_error", Class::Unknown),
        (200, graph_error("?", "UNKNOWN"), "unknown_error", Class::Unknown),
        (600, json!(null), "unexpected_status", Class::Permanent),
    ];
    assert_eq!(rows.len(), error::TABLE.len());
    for ((status, body, code, class), row) in rows.into_iter().zip(error::TABLE) {
        let reply = Reply { status, headers: HeaderMap::new(), body: body.to_string().into_bytes() };
        assert_eq!(error::classify(&reply, Effect::Once), Failure::new(class, code), "{body}");
        assert_eq!(row.code, code, "{body} belongs to another row");
        let repeatable = if class == Class::Unknown { RETRY } else { class };
        assert_eq!(error::classify(&reply, Effect::Repeatable).class, repeatable, "{body}");
    }
}

#[tokio::test]
async fn a_rate_limits_own_time_is_kept() {
    let limited = Step::json(429, &json!({"error": "Too many requests"})).with_header("retry-after", "30");
    let stub = Stub::start("", vec![limited]).await;
    let failure = Erxes
        .append_note(&CrmCall::new(&http(), &account(&stub, None), UNATTENDED), &message(Author::Client, None))
        .await
        .unwrap_err();
    assert_eq!(failure.class, Class::Retry { after: Some(Duration::from_secs(30)) });
}

#[test]
fn every_row_of_the_oauth_table_is_reached() {
    let rows = [
        (428, "authorization_pending", "authorization_pending", RETRY),
        (400, "slow_down", "slow_down", RETRY),
        (503, "temporarily_unavailable", "temporarily_unavailable", RETRY),
        (400, "access_denied", "access_denied", Class::Credential),
        (400, "expired_token", "device_code_expired", Class::Credential),
        (401, "invalid_client", "invalid_client", Class::Credential),
        (401, "invalid_grant", "invalid_grant", Class::Credential),
        (400, "invalid_request", "invalid_request", Class::Permanent),
    ];
    assert_eq!(rows.len(), error::OAUTH.len());
    for ((status, said, code, class), row) in rows.into_iter().zip(error::OAUTH) {
        assert_eq!(said, row.0);
        let body = json!({"error": said, "error_description": "…"}).to_string().into_bytes();
        let reply = Reply { status, headers: HeaderMap::new(), body };
        assert_eq!(error::classify_oauth(&reply, Effect::Once), Failure::new(class, code), "{said}");
    }
    let reply = Reply { status: 502, headers: HeaderMap::new(), body: b"<html>".to_vec() };
    assert_eq!(error::classify_oauth(&reply, Effect::Once), Failure::unknown("gateway_error"), "anything else is the gateway's");
}

#[tokio::test]
async fn a_users_token_that_ran_out_is_to_be_renewed_and_an_app_token_never() {
    for said in ["Login required", "User not authenticated", ANONYMOUS] {
        let stub = Stub::start("", vec![Step::json(200, &graph_error(said, "SYSTEM")); 2]).await;
        let note = message(Author::Salon, Some("con1"));
        let (http, user, app) = (http(), users_account(&stub), account(&stub, Some(TOKEN)));
        let failure = Erxes.append_note(&CrmCall::new(&http, &user, UNATTENDED), &note).await.unwrap_err();
        assert_eq!(failure, Failure::new(Class::Credential, EXPIRED), "{said}");
        let failure = Erxes.append_note(&CrmCall::new(&http, &app, UNATTENDED), &note).await.unwrap_err();
        assert_eq!(failure, Failure::new(Class::Credential, "login_required"), "{said}");
        let seen = stub.seen();
        assert_eq!(seen[0].headers["authorization"], format!("Bearer {TOKEN}"));
        assert!(!seen[0].headers.contains_key("erxes-app-token"));
        assert!(!seen[1].headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn inspection_says_what_a_user_may_not_and_changes_nothing() {
    let messenger = || data("integrationDetail", json!({"kind": "messenger"}));
    let user = |owner: bool| data("currentUser", json!({"_id": "u1", "isOwner": owner}));
    let refused = || Step::json(200, &graph_error("Permission required", "EXPECTED"));
    let missing = || Step::json(200, &graph_error("Customer not found", "EXPECTED"));
    let script = vec![
        messenger(),
        user(false),
        missing(),
        data("internalNotesAdd", json!(null)),
        messenger(),
        user(true),
        refused(),
        refused(),
        messenger(),
        data("currentUser", json!(null)),
    ];
    let stub = Stub::start("", script).await;
    let (http, account) = (http(), users_account(&stub));
    let call = CrmCall::new(&http, &account, UNATTENDED);
    let health = Erxes.inspect(&call).await.unwrap();
    assert_eq!((health.known_as.as_str(), health.remarks.len()), ("a user", 0));
    let remarks = Erxes.inspect(&call).await.unwrap().remarks;
    assert_eq!(remarks.len(), 3, "{remarks:?}");
    assert!(remarks[0].contains("owner") && remarks[1].contains("contactsUpdate") && remarks[2].contains("internalNotesManage"));
    assert_eq!(Erxes.inspect(&call).await, Err(Failure::new(Class::Credential, EXPIRED)));
    let seen = stub.seen();
    assert_eq!(seen[2].body["variables"], json!({"_id": "salon-core:nobody"}), "nothing to write, and nobody to write it to");
}

#[tokio::test]
async fn the_token_is_in_nothing_that_is_printed() {
    let stub = Stub::start("", vec![Step::json(401, &json!({"error": format!("Invalid app token {TOKEN}")}))]).await;
    let account = users_account(&stub);
    let failure = Erxes.inspect(&CrmCall::new(&http(), &account, UNATTENDED)).await.unwrap_err();
    let printed = format!("{account:?} {failure} {failure:?}");
    for secret in [TOKEN, SECRET, REFRESH] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
