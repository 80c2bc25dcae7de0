use std::time::Duration;

use http::HeaderMap;

use super::{super::error, *};
use crate::crm::meaning::Effect;
use crate::vendor::Reply;

fn reply(status: u16, reason: Option<&str>, body: &str) -> Reply {
    let headers: HeaderMap =
        reason.into_iter().map(|reason| ("x-status-reason".parse().unwrap(), reason.parse().unwrap())).collect();
    Reply { status, headers, body: body.as_bytes().to_vec() }
}

const INVALID: &str =
    r#"{"messageTranslation":{"label":"validationFailure","scope":null,"data":{"field":"phoneNumber","type":"valid"}}}"#;

#[test]
fn every_row_of_the_error_table_is_reached_by_what_espocrm_says() {
    let minute = Class::Retry { after: Some(Duration::from_secs(60)) };
    let rows = [
        (reply(400, None, INVALID), "invalid_field", Class::Permanent),
        (reply(400, Some("Not existing attribute 'cExternalId' in where."), ""), "no_such_field", Class::Credential),
        (reply(400, Some("Bad value"), ""), "bad_request", Class::Permanent),
        (reply(301, None, ""), "redirected", RETRY),
        (reply(401, None, "<html>log in</html>"), "unauthorized_page", RETRY),
        (reply(401, Some("error"), ""), "api_key", Class::Credential),
        (reply(403, Some("Max failed login attempts exceeded."), ""), "locked_out", minute),
        (reply(403, Some("Assignment failure: assigned user or team not allowed."), ""), "assignment", Class::Credential),
        (reply(403, None, r#"{"message":"No create access."}"#), "scope", Class::Credential),
        (reply(403, Some("No access to 'Meeting'."), ""), "scope", Class::Credential),
        (reply(403, Some("Max size should not exceed 200. Use offset and limit."), ""), "max_size", Class::Permanent),
        (reply(403, None, "<html>blocked</html>"), "forbidden_page", RETRY),
        (reply(403, Some("No edit access."), ""), "forbidden", Class::Permanent),
        (reply(404, None, "\n<!DOCTYPE html>"), "not_found_page", RETRY),
        (reply(404, None, ""), "not_found", Class::Permanent),
        (reply(409, None, r#"[{"id":"c1"}]"#), "duplicate", Class::Permanent),
        (reply(409, Some("duplicate"), ""), "duplicate", Class::Permanent),
        (reply(409, Some("modified"), r#"{"id":"c1","versionNumber":3}"#), "modified", RETRY),
        (reply(409, None, r#"{"message":"Field exists"}"#), "conflict", Class::Permanent),
        (reply(429, None, ""), "too_many_requests", RETRY),
        (reply(405, None, ""), "request_refused", Class::Permanent),
        (reply(503, Some("Maintenance mode"), ""), "maintenance", RETRY),
        (reply(502, None, "<html>bad gateway</html>"), "gateway_error", Class::Unknown),
        (reply(500, None, ""), "server_error", Class::Unknown),
        (reply(200, None, "<html>log in</html>"), "page_instead_of_answer", Class::Unknown),
        (reply(200, None, r#"{"id":"c"#), "unreadable_answer", Class::Unknown),
        (reply(600, None, ""), "unexpected_status", Class::Permanent),
    ];
    assert_eq!(rows.len(), error::TABLE.len());
    for ((reply, code, class), row) in rows.into_iter().zip(error::TABLE) {
        let failure = error::classify(&reply, Effect::Once);
        assert_eq!(failure.class, class, "{code}");
        assert_eq!(failure.code.split(':').next(), Some(code));
        assert_eq!(row.code, code, "{code} belongs to another row");
        let repeatable = if class == Class::Unknown { RETRY } else { class };
        assert_eq!(error::classify(&reply, Effect::Repeatable).class, repeatable, "{code}");
    }
}

#[test]
fn the_field_that_is_refused_is_named_and_nothing_else_is() {
    let code = |body: &str| error::classify(&reply(400, Some("validationFailure"), body), Effect::Once).code.into_owned();
    assert_eq!(code(INVALID), "invalid_field:phoneNumber:valid");
    assert_eq!(code(r#"{"messageTranslation":{"data":{"field":"cPrice"}}}"#), "invalid_field:cPrice");
    assert_eq!(code(""), "invalid_field");
    for personal in ["anna@example.test", "+79001234567", "", "a field"] {
        let body = json!({"messageTranslation": {"label": "validationFailure", "data": {"field": personal, "type": "valid"}}});
        assert_eq!(code(&body.to_string()), "invalid_field", "{personal}");
    }
}

#[tokio::test]
async fn a_rate_limits_own_time_is_kept() {
    let limited = Step::json(429, &json!({})).with_header("retry-after", "30");
    let forever = Step::json(429, &json!({})).with_header("retry-after", "999999");
    for (step, seconds) in [(limited, 30), (forever, 3600)] {
        let (result, _) = run(vec![step], async |call: &CrmCall<'_>| EspoCrm.inspect(call).await).await;
        assert_eq!(result.unwrap_err().class, Class::Retry { after: Some(Duration::from_secs(seconds)) });
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_not_sent() {
    let nobody = |stub: &Stub| CrmAccount { base_url: "http://127.0.0.1:1".parse().unwrap(), ..account(stub) };
    let (result, _) = run_as(vec![], nobody, async |call: &CrmCall<'_>| EspoCrm.inspect(call).await).await;
    assert_eq!(result, Err(Failure::retry("not_sent")));
}

#[tokio::test]
async fn settings_that_are_missing_are_said_and_nothing_is_sent() {
    let bare = |stub: &Stub| CrmAccount { settings: json!({"enabled": true}), ..account(stub) };
    let (result, _) = run_as(vec![], bare, async |call: &CrmCall<'_>| EspoCrm.inspect(call).await).await;
    assert_eq!(result, Err(Failure::permanent("settings")));
}
