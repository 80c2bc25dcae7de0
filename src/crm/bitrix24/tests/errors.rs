use std::time::Duration;

use http::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::{
    crm::{Crm, EXPIRED, GONE, meaning::Effect},
    vendor::{Reply, stub::http},
};

use super::super::error::{Fault, TABLE, Waits, classify};

const fn after(seconds: u64) -> Class {
    Class::Retry { after: Some(Duration::from_secs(seconds)) }
}

/// A status, `error`, `error_description`, and what they mean.
fn rows() -> Vec<(u16, Value, &'static str, &'static str, Class)> {
    let (denied, refused) = (Class::Credential, Class::Permanent);
    vec![
        (503, json!("QUERY_LIMIT_EXCEEDED"), "Too many requests", "query_limit_exceeded", after(2)),
        (503, json!("OVERLOAD_LIMIT"), "REST API is blocked due to overload.", "overload_limit", after(900)),
        (429, json!("OPERATION_TIME_LIMIT"), "Method is blocked due to operation time limit.", "operation_time_limit", after(60)),
        (401, json!("expired_token"), "The access token provided has expired.", EXPIRED, denied),
        (401, json!("NO_AUTH_FOUND"), "Wrong authorization data", "no_auth_found", denied),
        (403, json!("INVALID_CREDENTIALS"), "Invalid request credentials", "invalid_credentials", denied),
        (401, json!("invalid_token"), "Unable to get application by token", "invalid_token", denied),
        (403, json!("insufficient_scope"), "The request requires higher privileges", "insufficient_scope", denied),
        (403, json!("user_access_error"), "The user does not have access to the application.", "user_access_error", denied),
        (403, json!("allowed_only_intranet_user"), "", "intranet_users_only", denied),
        (402, json!("PAYMENT_REQUIRED"), "", "payment_required", denied),
        (403, json!("PORTAL_DELETED"), "", "portal_deleted", denied),
        (400, json!("invalid_grant"), "", "invalid_grant", denied),
        (400, json!("invalid_client"), "", "invalid_client", denied),
        (400, json!("INVALID_REQUEST"), "Https required.", "invalid_request", denied),
        (404, json!("ERROR_METHOD_NOT_FOUND"), "Method not found!", "method_not_found", denied),
        (403, json!("ACCESS_DENIED"), "REST API is available only on commercial plans.", "rest_not_in_plan", denied),
        (400, json!("ACCESS_DENIED"), "Access denied", "access_denied", refused),
        (400, json!("NOT_FOUND"), "Item not found", GONE, refused),
        (400, json!("OWNER_NOT_FOUND"), "", GONE, refused),
        (400, json!("CRM_FIELD_ERROR_VALUE_NOT_VALID"), "Invalid value for field \"name\"", "field_value", refused),
        (400, json!("CRM_FIELD_ERROR_REQUIRED"), "", "field_required", refused),
        (400, json!("WRONG_DATETIME_FORMAT"), "", "datetime_format", refused),
        (400, json!("INVALID_ARG_VALUE"), "Invalid filter", "argument", refused),
        (400, json!("ERROR_EVENT_NOT_FOUND"), "Event not found", "event_not_found", refused),
        (400, json!("CAN_NOT_UPDATE_COMPLETED_TODO"), "Can not update completed todo", "todo_completed", RETRY),
        (405, json!("ERROR_BATCH_METHOD_NOT_ALLOWED"), "", "batch_method", refused),
        (400, json!("ERROR_BATCH_LENGTH_EXCEEDED"), "Max batch length exceeded", "batch_length", refused),
        (400, json!(100), "Could not find value for parameter {fields}", "parameter_missing", refused),
        (500, json!("INTERNAL_SERVER_ERROR"), "Internal server error", "internal_server_error", Class::Unknown),
        (200, json!("ERROR_UNEXPECTED_ANSWER"), "", "unexpected_answer", Class::Unknown),
        (400, json!(""), "Access denied.", "access_denied", refused),
        (400, json!(""), "Not found", GONE, refused),
        (400, json!(""), "Activity is not found.", "todo_gone", RETRY),
        (400, json!("ERROR_CORE"), "Unable to set event handler: Handler already binded", "already_bound", RETRY),
        (400, json!("Communication type is not defined"), "Parameter 'type' is required.", "communication", refused),
        (302, Value::Null, "", "redirected", RETRY),
        (401, json!("something new"), "", "unauthorized", denied),
        (402, Value::Null, "", "payment_required", denied),
        (403, Value::Null, "", "forbidden", denied),
        (404, Value::Null, "", "not_found", RETRY),
        (408, Value::Null, "", "request_timeout", Class::Unknown),
        (429, Value::Null, "", "too_many_requests", after(60)),
        (422, json!(1021), "booking not found", "request_refused", refused),
        (502, Value::Null, "", "gateway_error", Class::Unknown),
        (200, json!("something new"), "", "unknown_error", Class::Unknown),
        (600, Value::Null, "", "unexpected_status", refused),
    ]
}

#[test]
fn every_row_of_the_error_table_is_reached_by_what_bitrix24_says() {
    assert_eq!(rows().len(), TABLE.len());
    for ((status, error, description, code, class), row) in rows().into_iter().zip(TABLE) {
        let fault = || Fault::read(Some(&error), Some(&json!(description)));
        let failure = classify(status, &fault(), Waits::default(), Effect::Once);
        assert_eq!(failure, Failure::new(class, code), "{status} {error} {description}");
        assert_eq!(row.code, code, "{status} {error} {description} belongs to another row");
        let repeatable = if class == Class::Unknown { RETRY } else { class };
        assert_eq!(classify(status, &fault(), Waits::default(), Effect::Repeatable).class, repeatable, "{error}");
    }
}

#[test]
fn version_3s_errors_and_spellings_are_read_too() {
    for (error, description) in [
        (json!({"code": "NOT_FOUND", "message": "x"}), json!(null)),
        (json!({"code": "", "message": "Not found."}), json!(null)),
        (json!("Not found"), json!(null)),
        (json!(" not_found "), json!(["x"])),
    ] {
        let failure = classify(400, &Fault::read(Some(&error), Some(&description)), Waits::default(), Effect::Once);
        assert_eq!(failure.code, GONE, "{error}");
    }
}

#[tokio::test]
async fn an_answer_is_an_error_whatever_its_status_says() {
    let html = |status| Step::Answer { status, headers: vec![], body: "<html>".to_owned() };
    let cases = [
        (Step::json(200, &json!({"error": "NOT_FOUND", "error_description": "x"})), refused(GONE)),
        (Step::json(200, &json!({"result": {}, "error": "ACCESS_DENIED"})), refused("access_denied")),
        (html(200), Failure::retry("unreadable_answer")),
        (html(503), Failure::retry("gateway_error")),
        (html(404), Failure::retry("not_found")),
        (html(403), Failure::retry("refused_page")),
        (Step::json(200, &json!({})), Failure::retry("unreadable_answer")),
        (Step::json(200, &json!([1])), Failure::retry("unreadable_answer")),
        (Step::CutOff, Failure::retry("no_answer")),
    ];
    for (step, expected) in cases {
        let stub = Stub::start("", vec![step.clone()]).await;
        let client = super::clients::client(None);
        let result = Bitrix24.find_client(&call(&http(), &account(&stub)), &client).await;
        assert_eq!(result, Err(expected), "{step:?}");
    }
}

#[tokio::test]
async fn an_account_without_a_credential_asks_nothing() {
    let stub = Stub::start("", vec![]).await;
    let client = super::clients::client(None);
    let mut account = account(&stub);
    account.settings["user_id"] = Value::Null;
    let result = Bitrix24.find_client(&call(&http(), &account), &client).await;
    assert_eq!(result, Err(Failure::new(Class::Credential, "user_id")));
    account.secrets.token = None;
    let result = Bitrix24.find_client(&call(&http(), &account), &client).await;
    assert_eq!(result, Err(Failure::new(Class::Credential, "no_credential")));
    account.settings = json!({"user_id": 7});
    account.secrets.token = Some(CODE.into());
    assert_eq!(Bitrix24.inspect(&call(&http(), &account)).await, Err(refused("settings")));
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn the_code_and_the_tokens_are_in_nothing_that_is_printed() {
    let said = json!({"error": format!("bad {CODE}"), "error_description": format!("access_1 refresh_1 app_secret {CODE}")});
    let stub = Stub::start("", vec![Step::json(400, &said), Step::json(400, &said), Step::json(400, &said)]).await;
    let http = http();
    for account in [account(&stub), application(&stub)] {
        let call = call(&http, &account);
        let failure = Bitrix24.inspect(&call).await.unwrap_err();
        let renewed = Bitrix24.renew(&call).await;
        let printed = format!("{account:?} {call:?} {failure} {failure:?} {renewed:?}");
        for secret in [CODE, "access_1", "refresh_1", "app_secret"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
    // What the stub saw did hold them.
    assert!(stub.seen()[0].path.contains(CODE) && stub.seen()[1].body["auth"] == "access_1");
    let reply = Reply { status: 400, headers: HeaderMap::new(), body: said.to_string().into_bytes() };
    assert!(!format!("{:?}", classify(reply.status, &Fault::default(), Waits::default(), Effect::Once)).contains(CODE));
}
