//! The chat page: a person plays the client and sees the calendar, the CRM and the ledger beside the chat.

use axum::{
    Router,
    http::header,
    response::IntoResponse,
    routing::{MethodRouter, get},
};

/// Texts of clients and vendors are shown here: nothing but the page's own files may run.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn router() -> Router {
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("../page/index.html")))
        .route("/page/style.css", file("text/css; charset=utf-8", include_str!("../page/style.css")))
        .route("/page/app.js", file(SCRIPT, include_str!("../page/app.js")))
        .route("/page/chat.js", file(SCRIPT, include_str!("../page/chat.js")))
        .route("/page/dom.js", file(SCRIPT, include_str!("../page/dom.js")))
        .route("/page/panels.js", file(SCRIPT, include_str!("../page/panels.js")))
}

fn file(kind: &'static str, text: &'static str) -> MethodRouter {
    get(move || async move {
        let headers = [
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        (headers, text).into_response()
    })
}
