//! What is answered is what `schema/openapi.json` says: whoever builds a form works from that.

use axum::http::Method;
use jsonschema::Validator;
use salon_core::ops::server::Peer;

use super::{leads::Forms, *};

fn document() -> Value {
    serde_json::from_str(&salon_core::ingress::openapi().unwrap()).unwrap()
}

/// A validator of one of the document's schemas.
fn validator(document: &Value, schema: &Value) -> Validator {
    let mut schema = schema.clone();
    schema["components"] = document["components"].clone();
    jsonschema::validator_for(&schema).unwrap()
}

/// Fails unless the document knows this answer of the operation: its status, its content type and its body.
async fn is_described(document: &Value, path: &str, method: &Method, answer: Response<Body>) -> u16 {
    let status = answer.status().as_u16();
    let content_type = answer.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    let described = &document["paths"][path][method.as_str().to_lowercase()]["responses"][status.to_string()];
    assert!(described.is_object(), "{method} {path} answered {status}, which is not in the document");
    for header in described["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
        assert!(answer.headers().contains_key(header), "{method} {path} {status} without {header}");
    }
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    if let Some(content) = described["content"].as_object() {
        let described = &content[content_type.as_deref().unwrap_or_default()];
        let body: Value = serde_json::from_slice(&body).unwrap();
        let schema = validator(document, &described["schema"]);
        assert!(schema.is_valid(&body), "{method} {path} {status}: {body}");
    }
    status
}

/// Forms from visitors of their own, so that none is one too many.
fn lead(forms: &Forms, visitor: u8, body: &Value) -> Request<Body> {
    let request = Request::post("/v1/leads").header("content-type", "application/json").header("x-salon-form", &forms.lotos);
    let mut request = request.body(body.to_string().into()).unwrap();
    request.extensions_mut().insert(Peer([203, 0, 113, visitor].into()));
    request
}

#[tokio::test]
async fn a_form_is_taken_if_the_document_allows_it_and_refused_if_it_does_not() {
    let (document, forms) = (document(), Forms::new().await);
    let schema = validator(&document, &json!({ "$ref": "#/components/schemas/Lead" }));
    let anna = json!({ "name": "Anna", "phone": "+79001234567", "consent": true });
    let changes = [
        json!({}),
        json!({ "name": "x".repeat(100), "message": "y".repeat(2000), "utm_term": "z".repeat(200), "ref": "a-B_9" }),
        json!({ "phone": null, "email": "anna@example.com", "consent": "on", "website": "" }),
        json!({ "name": "x".repeat(101) }),
        json!({ "name": 7 }),
        json!({ "name": null }),
        json!({ "message": "y".repeat(2001) }),
        json!({ "email": format!("a@{}.ru", "b".repeat(300)) }),
        json!({ "ref": "a b" }),
        json!({ "utm_source": "z".repeat(201) }),
        json!({ "utm_campaign": ["maps"] }),
        json!({ "page": format!("https://lotos.example/{}", "p".repeat(2000)) }),
        json!({ "consent": "perhaps" }),
        json!({ "website": "https://spam.example" }),
    ];
    for (visitor, change) in (1..).zip(changes) {
        let mut form = anna.clone();
        form.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = forms.site.send(lead(&forms, visitor, &form)).await;
        let status = is_described(&document, "/v1/leads", &Method::POST, answer).await;
        assert_eq!(status, if schema.is_valid(&form) { 201 } else { 400 }, "{form}");
    }
}

#[tokio::test]
async fn refusals_are_described_too() {
    let (document, forms) = (document(), Forms::new().await);
    let anna = json!({ "name": "Anna", "phone": "+79001234567" });
    let mut cases = vec![
        ("/go/{slug}/{channel}", Request::get("/go/nobody/telegram").body(Body::empty()).unwrap(), 404),
        ("/webhooks/{source}/{endpoint_key}", Request::get("/webhooks/whatsapp/nobody").body(Body::empty()).unwrap(), 404),
        ("/webhooks/{source}/{endpoint_key}", Request::get("/webhooks/telegram/nobody").body(Body::empty()).unwrap(), 405),
        ("/webhooks/{source}/{endpoint_key}", Request::post("/webhooks/telegram/nobody").body(Body::empty()).unwrap(), 404),
    ];
    let named = |name: &'static str, value: &'static str| {
        let mut request = lead(&forms, 1, &anna);
        request.headers_mut().insert(name, value.parse().unwrap());
        ("/v1/leads", request)
    };
    for (status, (path, request)) in [
        (404, named("x-salon-form", "nobodys")),
        (403, named("origin", "https://elsewhere.example")),
        (413, ("/v1/leads", lead(&forms, 1, &json!({ "name": "x".repeat(20_000) })))),
        (201, named("idempotency-key", "one")),
        (422, {
            let mut request = lead(&forms, 1, &json!({ "name": "Vera", "phone": "+79001234567" }));
            request.headers_mut().insert("idempotency-key", "one".parse().unwrap());
            ("/v1/leads", request)
        }),
    ] {
        cases.push((path, request, status));
    }
    for (path, request, expected) in cases {
        let method = request.method().clone();
        let answer = forms.site.send(request).await;
        assert_eq!(is_described(&document, path, &method, answer).await, expected, "{method} {path}");
    }
    for _ in 0..200 {
        let answer = forms.site.send(lead(&forms, 2, &anna)).await;
        if is_described(&document, "/v1/leads", &Method::POST, answer).await == 429 {
            return;
        }
    }
    panic!("nothing was refused");
}
