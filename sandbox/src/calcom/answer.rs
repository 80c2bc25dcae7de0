//! cal.com's error bodies: two families, and which situation uses which is part of the contract.

use axum::http::StatusCode;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

/// A refused request.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: u16,
    body: Body,
    /// Set when cal.com's input rules forbid the request, as opposed to the state of its calendar.
    pub(super) violations: Vec<String>,
}

#[derive(Debug, Clone)]
enum Body {
    /// Envelope A and its relatives B and D: `{status, timestamp, path, error}`.
    Envelope { code: &'static str, message: String },
    /// Families F and G: `{statusCode, message}`.
    Bare { message: String },
}

impl Refusal {
    /// Envelope A: a Nest exception.
    pub(super) fn nest(status: u16, message: impl Into<String>) -> Self {
        let code = match status {
            401 => "UnauthorizedException",
            403 => "ForbiddenException",
            404 => "NotFoundException",
            409 => "ConflictException",
            413 => "PayloadTooLargeException",
            422 => "UnprocessableEntityException",
            429 => "ThrottlerException",
            _ => "BadRequestException",
        };
        Self { status, body: Body::Envelope { code, message: message.into() }, violations: Vec::new() }
    }

    /// Envelope A for input that the request's own rules forbid.
    pub(super) fn input(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { violations: vec![message.clone()], ..Self::nest(400, message) }
    }

    /// Envelope B: the core's Zod schemas, behind the input rules.
    pub(super) fn zod(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status: 400, body: Body::Envelope { code: "BAD_REQUEST", message: message.clone() }, violations: vec![message] }
    }

    /// Envelope D: a tRPC error.
    pub(super) fn trpc(status: u16, message: impl Into<String>) -> Self {
        Self { status, body: Body::Envelope { code: "TRPCError", message: message.into() }, violations: Vec::new() }
    }

    /// Families F (cal.com's own `HttpError`) and G (any other error): a bare body.
    pub(super) fn bare(status: u16, message: impl Into<String>) -> Self {
        Self { status, body: Body::Bare { message: message.into() }, violations: Vec::new() }
    }

    /// Family G.
    pub(super) fn crash() -> Self {
        Self::bare(500, "Internal server error")
    }

    /// The same refusal, recorded as forbidden by the specification.
    pub(super) fn forbidden(mut self, why: impl Into<String>) -> Self {
        self.violations.push(why.into());
        self
    }

    pub(super) fn body(&self, path: &str, now: DateTime<Utc>) -> Value {
        match &self.body {
            Body::Bare { message } => json!({"statusCode": self.status, "message": message}),
            Body::Envelope { code, message } => {
                let reason = StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
                let mut error = json!({"code": code, "message": message});
                if code.ends_with("Exception") {
                    error["details"] = json!({"message": message, "error": reason, "statusCode": self.status});
                }
                json!({"status": "error", "timestamp": now.to_rfc3339_opts(SecondsFormat::Millis, true),
                       "path": path, "error": error})
            }
        }
    }
}
