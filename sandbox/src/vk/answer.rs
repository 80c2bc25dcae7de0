//! VK's answers: `{"response":..}` or an error in its own envelope, nearly always with HTTP 200.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use serde_json::{Value, json};

use super::spec::spec;

/// VK: one of the parameters is missing or wrong.
const PARAMETER: i64 = 100;

/// An error answer of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `error_code`.
    pub code: i64,
    /// What VK adds to the code's own text.
    pub detail: String,
    /// Whether a correct product never meets this refusal, so that it counts against the caller.
    pub violation: bool,
    /// HTTP status; 200 but for planned faults.
    pub(super) status: u16,
}

impl Refusal {
    /// An error that the state of the world makes, whatever the caller does.
    pub fn happens(code: i64) -> Self {
        Self { code, detail: String::new(), violation: false, status: 200 }
    }

    /// An error of the caller's own making.
    pub fn wrong(code: i64, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), violation: true, ..Self::happens(code) }
    }

    /// Error 100.
    pub fn parameter(detail: impl std::fmt::Display) -> Self {
        Self::wrong(PARAMETER, detail.to_string())
    }

    /// The same, with an addition to the code's text.
    pub fn because(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }

    /// What a planned [`crate::fault::Fault::Status`] is answered with: an HTTP status with VK's error for it, or, outside of the
    /// statuses for errors, one of VK's own codes (5, 9, 912, ...) in the usual envelope.
    pub fn of_status(code: u16) -> Self {
        let error = match code {
            401 => 5,
            403 => 15,
            400 => 8,
            404 => 3,
            429 => 6,
            http if (400..600).contains(&http) => 10,
            own => return Self::happens(own.into()),
        };
        Self { status: code, ..Self::happens(error) }
    }

    /// What a planned [`crate::fault::Fault::RateLimit`] is answered with. VK names no delay: the code alone tells how long.
    pub fn limited(retry_after: u64) -> Self {
        Self::happens(match retry_after {
            0..=5 => 6,
            6..=3_599 => 9,
            _ => 29,
        })
    }

    /// The whole text of the error.
    pub fn text(&self) -> String {
        let own = spec().error(self.code);
        if self.detail.is_empty() { own.to_owned() } else { format!("{own}: {}", self.detail) }
    }

    /// The error of one recipient, inside an answer to many.
    pub(super) fn of_recipient(&self) -> Value {
        json!({"code": self.code, "description": self.text()})
    }
}

/// A call's result or its refusal.
pub(super) type Outcome = Result<Value, Refusal>;

/// The HTTP form of an outcome. An error repeats what was asked, without the token.
pub(super) fn envelope(outcome: &Outcome, method: &str, parameters: &BTreeMap<String, String>) -> Response<Body> {
    let (status, body) = match outcome {
        Ok(result) => (200, json!({"response": result}).to_string()),
        // A gateway in front of the API speaks no JSON.
        Err(refusal) if refusal.status > 500 => (refusal.status, "<html><body>nginx</body></html>".to_owned()),
        Err(refusal) => {
            let asked = parameters.iter().filter(|(name, _)| *name != "access_token");
            let asked = [("oauth", "1"), ("method", method)].into_iter().chain(asked.map(|(name, value)| (&**name, &**value)));
            let asked: Vec<Value> = asked.map(|(key, value)| json!({"key": key, "value": value})).collect();
            let error = json!({"error_code": refusal.code, "error_msg": refusal.text(), "request_params": asked});
            (refusal.status, json!({"error": error}).to_string())
        }
    };
    let kind = if body.starts_with('{') { "application/json; charset=utf-8" } else { "text/html" };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(outcome: Outcome) -> (u16, String) {
        let asked =
            BTreeMap::from([("access_token".to_owned(), "vk1.a.secret".to_owned()), ("v".to_owned(), "5.199".to_owned())]);
        let response = envelope(&outcome, "messages.send", &asked);
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn an_error_comes_with_200_and_repeats_all_but_the_token() {
        let (status, text) = body(Err(Refusal::happens(6))).await;
        let error: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(status, 200);
        assert_eq!(
            error,
            json!({"error": {"error_code": 6, "error_msg": "Too many requests per second", "request_params": [
                {"key": "oauth", "value": "1"}, {"key": "method", "value": "messages.send"}, {"key": "v", "value": "5.199"}]}})
        );
    }

    #[tokio::test]
    async fn planned_statuses_are_https_or_vks_own() {
        assert_eq!(body(Err(Refusal::of_status(502))).await, (502, "<html><body>nginx</body></html>".to_owned()));
        let code = async |planned: u16| {
            let (status, text) = body(Err(Refusal::of_status(planned))).await;
            let error: Value = serde_json::from_str(&text).unwrap();
            (status, error["error"]["error_code"].as_i64().unwrap())
        };
        assert_eq!(code(401).await, (401, 5));
        assert_eq!(code(27).await, (200, 27));
        assert_eq!(code(912).await, (200, 912));
        assert_eq!([1, 60, 7_200].map(|seconds| Refusal::limited(seconds).code), [6, 9, 29]);
    }
}
