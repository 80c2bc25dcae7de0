//! The closed catalogue of public error codes. REST answers carry them as problem+json (RFC 9457), GraphQL errors as
//! `extensions.code`; nothing outside this table reaches a caller.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

macro_rules! codes {
    ($($name:ident, $code:literal, $status:ident, $title:literal;)+) => {
        /// A public error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $name,)+
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as callers see it: never changes its meaning once published.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// One sentence for a person.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }
        }
    };
}

codes! {
    InvalidArgument, "INVALID_ARGUMENT", BAD_REQUEST, "A value is missing or breaks a rule";
    SignatureInvalid, "SIGNATURE_INVALID", UNAUTHORIZED, "The webhook's signature is missing or wrong";
    HandshakeInvalid, "HANDSHAKE_INVALID", FORBIDDEN, "The vendor's handshake does not show what it must";
    Unauthenticated, "UNAUTHENTICATED", UNAUTHORIZED, "The caller is not identified";
    Forbidden, "FORBIDDEN", FORBIDDEN, "The caller may not do this";
    NotFound, "NOT_FOUND", NOT_FOUND, "There is no such thing, or it is another tenant's";
    MethodNotAllowed, "METHOD_NOT_ALLOWED", METHOD_NOT_ALLOWED, "This address does not take that method";
    Conflict, "CONFLICT", CONFLICT, "The change does not fit what is there now";
    KeyReused, "IDEMPOTENCY_KEY_REUSED", UNPROCESSABLE_ENTITY, "The same idempotency key came with another body";
    PayloadTooLarge, "PAYLOAD_TOO_LARGE", PAYLOAD_TOO_LARGE, "The body is larger than this address takes";
    RateLimited, "RATE_LIMITED", TOO_MANY_REQUESTS, "Too many requests";
    QueryTooComplex, "QUERY_TOO_COMPLEX", BAD_REQUEST, "The query is too deep or asks for too much";
    Unavailable, "UNAVAILABLE", SERVICE_UNAVAILABLE, "Not possible at the moment; the same request may succeed later";
    Internal, "INTERNAL", INTERNAL_SERVER_ERROR, "Something went wrong on our side";
}

/// A public error: a code and, where it helps the caller, what exactly is wrong. The detail never holds a secret, personal data or
/// an inner error's text.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
pub struct Problem {
    /// Which error it is.
    pub code: Code,
    /// What is wrong, naming the field and the rule.
    pub detail: String,
    /// Every field that breaks a rule, where the caller filled in several.
    pub fields: Vec<FieldProblem>,
}

/// A field that breaks a rule. Neither is of the caller's choosing, so that nothing a stranger wrote is repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// The field.
    pub field: &'static str,
    /// What was expected, to be read after the field.
    pub rule: String,
}

impl FieldProblem {
    /// A field and what was expected of it.
    pub fn new(field: &'static str, rule: impl Into<String>) -> Self {
        Self { field, rule: rule.into() }
    }
}

impl Problem {
    /// A problem with an explanation.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), fields: Vec::new() }
    }

    /// All that is wrong with what a caller filled in.
    pub fn of_fields(fields: Vec<FieldProblem>) -> Self {
        let said: Vec<String> = fields.iter().map(|problem| format!("{}: {}", problem.field, problem.rule)).collect();
        Self { code: Code::InvalidArgument, detail: said.join("; "), fields }
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code, code.title())
    }
}

#[derive(Serialize)]
struct ProblemBody<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldProblem],
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            r#type: format!("urn:salon-core:problem:{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: self.code.as_str(),
            detail: &self.detail,
            errors: &self.fields,
        };
        let mut response = (self.code.status(), Json(body)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl IntoResponse for Code {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}
