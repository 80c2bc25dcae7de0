//! The chat page: a person plays the clients in their messengers, and sees what the salon sees beneath.

use axum::{
    Router,
    http::header,
    response::IntoResponse,
    routing::{MethodRouter, get},
};

/// Texts of clients and vendors are shown here: nothing but the page's own files may run.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const SCRIPTS: [(&str, &str); 8] = [
    ("/page/app.js", include_str!("../page/app.js")),
    ("/page/bubbles.js", include_str!("../page/bubbles.js")),
    ("/page/dom.js", include_str!("../page/dom.js")),
    ("/page/ledger.js", include_str!("../page/ledger.js")),
    ("/page/messengers.js", include_str!("../page/messengers.js")),
    ("/page/panels.js", include_str!("../page/panels.js")),
    ("/page/phone.js", include_str!("../page/phone.js")),
    ("/page/phones.js", include_str!("../page/phones.js")),
];

pub(crate) fn router() -> Router {
    let page = Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("../page/index.html")))
        .route("/page/style.css", file("text/css; charset=utf-8", include_str!("../page/style.css")));
    SCRIPTS.into_iter().fold(page, |page, (path, text)| page.route(path, file("text/javascript; charset=utf-8", text)))
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
