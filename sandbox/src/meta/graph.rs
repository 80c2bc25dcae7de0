//! The Graph API's answers: an object, or an error in Meta's envelope.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

/// A call's answer, or the refusal.
pub(crate) type Outcome = Result<Value, Refusal>;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// HTTP status.
    pub(crate) status: u16,
    /// `OAuthException`, `GraphMethodException`, `IGApiException`.
    pub(crate) kind: &'static str,
    pub(crate) code: i64,
    pub(crate) subcode: Option<i64>,
    /// Beginning with `(#code)` where Meta does so.
    pub(crate) message: String,
    /// `error_data.details`, which WhatsApp gives.
    pub(crate) details: Option<String>,
    pub(crate) transient: bool,
    /// Seconds until calls are accepted again. Meta tells it in a header, in minutes.
    pub(crate) regain: Option<u64>,
    /// A correct product never meets this refusal: it counts against the caller.
    pub(crate) violation: bool,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: i64, message: impl Into<String>) -> Self {
        Self {
            status,
            kind: "OAuthException",
            code,
            subcode: None,
            message: message.into(),
            details: None,
            transient: false,
            regain: None,
            violation: false,
        }
    }

    /// `(#code) title`.
    pub(crate) fn titled(status: u16, code: i64, title: &str) -> Self {
        Self::new(status, code, format!("(#{code}) {title}"))
    }

    pub(crate) fn subcode(self, subcode: i64) -> Self {
        Self { subcode: Some(subcode), ..self }
    }

    pub(crate) fn details(self, details: impl Into<String>) -> Self {
        Self { details: Some(details.into()), ..self }
    }

    pub(crate) fn transient(self) -> Self {
        Self { transient: true, ..self }
    }

    /// The same refusal as one that a correct product never meets.
    pub(crate) fn violation(self) -> Self {
        Self { violation: true, ..self }
    }

    /// What the caller did wrong, if it is to blame.
    pub(crate) fn blame(&self) -> Option<String> {
        self.violation.then(|| self.details.clone().unwrap_or_else(|| self.message.clone()))
    }

    /// Graph API: the call names no object that this token can see, or an operation it doesn't have.
    pub(crate) fn no_such_object(verb: &str, id: &str) -> Self {
        let message = format!(
            "Unsupported {verb} request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or does \
             not support this operation. Please read the Graph API documentation at \
             https://developers.facebook.com/docs/graph-api"
        );
        Self { kind: "GraphMethodException", ..Self::new(400, 100, message) }.subcode(33)
    }

    /// No token came with the call.
    pub(crate) fn no_token() -> Self {
        Self::titled(400, 200, "Provide valid app ID").violation()
    }

    /// The token is none, or of somebody else.
    pub(crate) fn bad_token() -> Self {
        Self::new(401, 190, "Invalid OAuth access token - Cannot parse access token")
    }

    /// The token's time is over.
    pub(crate) fn expired_token() -> Self {
        Self::new(401, 190, "Error validating access token: Session has expired.").subcode(463)
    }

    fn body(&self) -> Value {
        let mut error = json!({
            "message": self.message, "type": self.kind, "code": self.code, "fbtrace_id": trace_id(),
        });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = json!(subcode);
        }
        if let Some(details) = &self.details {
            error["error_data"] = json!({"messaging_product": "whatsapp", "details": details});
        }
        if self.transient {
            error["is_transient"] = json!(true);
        }
        json!({"error": error})
    }
}

/// 18 bytes in Base64, as Meta's look.
fn trace_id() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 18]>())
}

/// The HTTP form of an outcome; `usage` is what the header on rates speaks of: the account's id and the use case.
pub(crate) fn envelope(outcome: &Outcome, usage: (&str, &str)) -> Response<Body> {
    let (status, body) = match outcome {
        Ok(answer) => (200, answer.clone()),
        Err(refusal) => (refusal.status, refusal.body()),
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8"));
    if let Err(Refusal { regain: Some(seconds), .. }) = outcome {
        let (account, case) = usage;
        let full = json!([{"type": case, "call_count": 100, "total_cputime": 25, "total_time": 25,
            "estimated_time_to_regain_access": seconds.div_ceil(60)}]);
        let usage = Map::from_iter([(account.to_owned(), full)]);
        if let Ok(usage) = HeaderValue::from_str(&Value::Object(usage).to_string()) {
            headers.insert("x-business-use-case-usage", usage);
        }
    }
    response
}

/// Graph API: `fields` picks from an object; the id always comes. A field that doesn't exist fails the call.
pub(crate) fn pick(object: &Value, fields: Option<&str>, default: &[&str], node: &str) -> Outcome {
    let wanted: Vec<&str> = match fields {
        Some(fields) => fields.split(',').map(str::trim).filter(|name| !name.is_empty()).collect(),
        None => default.to_vec(),
    };
    let mut picked = Map::new();
    for name in std::iter::once("id").chain(wanted) {
        let value = object.get(name).ok_or_else(|| {
            Refusal::titled(400, 100, &format!("Tried accessing nonexisting field ({name}) on node type ({node})")).violation()
        })?;
        if !value.is_null() {
            picked.insert(name.to_owned(), value.clone());
        }
    }
    Ok(Value::Object(picked))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(response: Response<Body>) -> Value {
        let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn an_error_has_metas_shape() {
        let refusal = Refusal::titled(400, 131_047, "Re-engagement message").details("More than 24 hours have passed.");
        let response = envelope(&Err(refusal), ("1", "whatsapp"));
        assert_eq!(response.status(), 400);
        let mut body = body(response).await;
        assert!(body["error"]["fbtrace_id"].take().is_string());
        assert_eq!(
            body,
            json!({"error": {"message": "(#131047) Re-engagement message", "type": "OAuthException", "code": 131047, "fbtrace_id": null,
                "error_data": {"messaging_product": "whatsapp", "details": "More than 24 hours have passed."}}})
        );
    }

    #[test]
    fn a_rate_names_its_delay_in_minutes_in_a_header() {
        let limited = Refusal { regain: Some(61), ..Refusal::titled(400, 80_007, "Rate limit issues") };
        let response = envelope(&Err(limited), ("1022", "whatsapp"));
        let usage: Value = serde_json::from_str(response.headers()["x-business-use-case-usage"].to_str().unwrap()).unwrap();
        assert_eq!(usage["1022"][0]["estimated_time_to_regain_access"], 2);
    }

    #[test]
    fn fields_pick_and_unknown_ones_fail() {
        let object = json!({"id": "1", "name": "a", "quality": "GREEN", "nothing": null});
        assert_eq!(pick(&object, None, &["name"], "N").unwrap(), json!({"id": "1", "name": "a"}));
        assert_eq!(pick(&object, Some("quality, nothing"), &["name"], "N").unwrap(), json!({"id": "1", "quality": "GREEN"}));
        let refused = pick(&object, Some("colour"), &[], "N").unwrap_err();
        assert_eq!(
            (refused.code, refused.message.as_str()),
            (100, "(#100) Tried accessing nonexisting field (colour) on node type (N)")
        );
    }
}
