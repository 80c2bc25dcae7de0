//! What every address of ours answers to what it does not know.

use axum::{Router, response::IntoResponse};
use tower_http::catch_panic::CatchPanicLayer;

use crate::error::Code;

/// Closes a router: unknown paths, wrong methods and panics of handlers are answered with problem+json.
pub fn closed(routes: Router) -> Router {
    routes
        .fallback(|| async { Code::NotFound })
        .method_not_allowed_fallback(|| async { Code::MethodNotAllowed })
        // The panic's text was logged where it happened; it is for nobody else.
        .layer(CatchPanicLayer::custom(|_| Code::Internal.into_response()))
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request, routing::post};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn whatever_is_not_answered_is_a_problem() {
        async fn fails() -> &'static str {
            panic!("on purpose")
        }
        let routes = closed(Router::new().route("/fails", post(fails)));
        let cases =
            [("POST", "/fails", 500, "INTERNAL"), ("GET", "/fails", 405, "METHOD_NOT_ALLOWED"), ("POST", "/", 404, "NOT_FOUND")];
        for (method, path, status, code) in cases {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            let response = routes.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{method} {path}");
            assert_eq!(response.headers()["content-type"], "application/problem+json");
            let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
            let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(problem["code"], code);
            assert!(!String::from_utf8_lossy(&body).contains("purpose"));
        }
    }
}
