//! Telegram's answers: `{"ok":true,"result":..}` or an error in its own envelope.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use serde_json::{Value, json};

/// An error answer of the Bot API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `error_code`, and the HTTP status.
    pub code: u16,
    /// `description`, with the prefix Telegram gives it.
    pub description: String,
    /// `parameters.retry_after` in seconds.
    pub retry_after: Option<u64>,
    /// Whether a correct product never meets this refusal, so that it counts against the caller.
    pub violation: bool,
}

impl Refusal {
    /// `400 Bad Request: ..` for a call that is wrong in itself.
    pub fn bad_request(what: impl std::fmt::Display) -> Self {
        Self { violation: true, ..Self::happens(what) }
    }

    /// `400 Bad Request: ..` for a call that the state of the chat makes impossible.
    pub fn happens(what: impl std::fmt::Display) -> Self {
        Self::new(400, format!("Bad Request: {what}"))
    }

    /// `403 Forbidden: ..`.
    pub fn forbidden(what: &str) -> Self {
        Self::new(403, format!("Forbidden: {what}"))
    }

    /// `429 Too Many Requests: retry after N`.
    pub fn flood(retry_after: u64) -> Self {
        Self {
            code: 429,
            description: format!("Too Many Requests: retry after {retry_after}"),
            retry_after: Some(retry_after),
            violation: false,
        }
    }

    /// What Telegram says with this status when nothing more is known.
    pub fn of_status(code: u16) -> Self {
        let description = match code {
            401 => "Unauthorized",
            403 => "Forbidden: bot was blocked by the user",
            404 => "Not Found",
            409 => "Conflict: terminated by other setWebhook",
            429 => return Self::flood(1),
            500 => "Internal Server Error: restart",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            504 => "Gateway Timeout",
            _ => "Bad Request",
        };
        Self::new(code, description.to_owned())
    }

    pub(super) fn new(code: u16, description: String) -> Self {
        Self { code, description, retry_after: None, violation: false }
    }
}

/// A call's result with the `description` that some successes carry, as `Webhook is already set`; or the refusal.
pub(super) type Outcome = Result<(Value, Option<&'static str>), Refusal>;

/// The HTTP form of an outcome.
pub(super) fn envelope(outcome: &Outcome) -> Response<Body> {
    let (status, body) = match outcome {
        Ok((result, None)) => (200, json!({"ok": true, "result": result})),
        Ok((result, Some(description))) => (200, json!({"ok": true, "result": result, "description": description})),
        Err(refusal) => {
            let mut body = json!({"ok": false, "error_code": refusal.code, "description": refusal.description});
            if let Some(seconds) = refusal.retry_after {
                body["parameters"] = json!({"retry_after": seconds});
            }
            (refusal.code, body)
        }
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Err(Refusal { retry_after: Some(seconds), .. }) = outcome {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_names_its_delay_in_body_and_header() {
        let response = envelope(&Err(Refusal::flood(7)));
        assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (429, "7"));
        let body = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body,
            json!({"ok": false, "error_code": 429, "description": "Too Many Requests: retry after 7", "parameters": {"retry_after": 7}})
        );
    }
}
