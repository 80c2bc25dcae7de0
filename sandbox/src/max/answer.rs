//! MAX's answers: the result itself, or `{"code":..,"message":..}`, or a success that says it was none.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use serde_json::{Value, json};

/// An answer of MAX's that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status; 200 for `{"success":false}`.
    pub status: u16,
    /// `code`, the key of the error.
    pub code: &'static str,
    /// `message`.
    pub message: String,
    /// `Retry-After` in seconds.
    pub retry_after: Option<u64>,
    /// Whether a correct product never meets this refusal, so that it counts against the caller.
    pub violation: bool,
}

impl Refusal {
    /// 400 for a call that is wrong in itself.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self { violation: true, ..Self::new(400, "proto.payload", message) }
    }

    /// 200 with `success:false`, for what could not be done though the call is right.
    pub fn in_vain(message: impl Into<String>) -> Self {
        Self::new(200, "", message)
    }

    /// 401.
    pub fn token(message: &str) -> Self {
        Self::new(401, "verify.token", message)
    }

    /// 403: the person stopped the bot or deleted the dialogue.
    pub fn suspended() -> Self {
        Self::new(403, "chat.denied", "error.dialog.suspended")
    }

    /// 404: nobody there, or nobody who ever started the bot.
    pub fn no_chat(message: &str) -> Self {
        Self::new(404, "chat.not.found", message)
    }

    /// 404: no such message, or none that the bot can see.
    pub fn no_message() -> Self {
        Self::new(404, "message.not.found", "Message not found")
    }

    /// 429. Nobody has seen MAX say when to come back; a planned fault does.
    pub fn flood(retry_after: Option<u64>) -> Self {
        Self { retry_after, ..Self::new(429, "too.many.requests", "Too many requests") }
    }

    /// What MAX says with this status when nothing more is known.
    pub fn of_status(status: u16) -> Self {
        match status {
            200 => Self::in_vain("Request failed"),
            401 => Self::token("Invalid access_token"),
            403 => Self::suspended(),
            404 => Self::no_chat("dialog.not.found"),
            405 => Self::new(405, "method.not.allowed", "Method not allowed"),
            429 => Self::flood(None),
            503 => Self::new(503, "service.unavailable", "Service unavailable"),
            500.. => Self::new(status, "internal.error", "Internal server error"),
            _ => Self::new(status, "proto.payload", "Invalid request"),
        }
    }

    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None, violation: false }
    }

    fn body(&self) -> Value {
        match self.status {
            200 => json!({"success": false, "message": self.message}),
            _ => json!({"code": self.code, "message": self.message}),
        }
    }
}

/// A call's result, or the refusal.
pub(super) type Outcome = Result<Value, Refusal>;

/// The HTTP form of an outcome.
pub(super) fn response(outcome: &Outcome) -> Response<Body> {
    let (status, body) = match outcome {
        Ok(result) => (200, result.to_string()),
        Err(refusal) => (refusal.status, refusal.body().to_string()),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    if let Err(Refusal { retry_after: Some(seconds), .. }) = outcome {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn written(refusal: Refusal) -> (u16, Option<String>, Value) {
        let response = response(&Err(refusal));
        let header = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
        (status, header, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn refusals_wear_maxs_envelope() {
        let flood = json!({"code": "too.many.requests", "message": "Too many requests"});
        assert_eq!(written(Refusal::flood(Some(7))).await, (429, Some("7".to_owned()), flood.clone()));
        assert_eq!(written(Refusal::of_status(429)).await, (429, None, flood));
        let suspended = json!({"code": "chat.denied", "message": "error.dialog.suspended"});
        assert_eq!(written(Refusal::of_status(403)).await, (403, None, suspended));
        let in_vain = json!({"success": false, "message": "Request failed"});
        assert_eq!(written(Refusal::of_status(200)).await, (200, None, in_vain));
    }
}
