//! Which pages' scripts may send a form and read the answer (Fetch, "CORS protocol"). Never with credentials: an answer has nothing in it
//! that depends on who asks.

use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
        },
    },
    response::{IntoResponse, Response},
};

const HEADERS: HeaderValue = HeaderValue::from_static("content-type, idempotency-key, x-salon-form");
const TEN_MINUTES: HeaderValue = HeaderValue::from_static("600");

/// The page that a request comes from, as its browser says.
pub(super) fn origin(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(ORIGIN)
}

/// The answer to a preflight.
pub(super) fn preflight(allowed: Option<&HeaderValue>) -> Response {
    let mut response = opened(StatusCode::NO_CONTENT.into_response(), allowed);
    if allowed.is_some() {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, TEN_MINUTES);
    }
    response
}

/// An answer that scripts of this page may read; none may if there is no such page. In any case it is another answer for another page.
pub(super) fn opened(mut response: Response, allowed: Option<&HeaderValue>) -> Response {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    }
    response
}
