//! The one line that is written about a webhook, and what never stands in it.

use std::{
    io,
    sync::{Mutex, Once, PoisonError},
};

use tracing::{Level, subscriber::DefaultGuard};
use tracing_subscriber::fmt::MakeWriter;

use super::{leads::Forms, *};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Lines {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl Lines {
    /// Takes down what this thread's tasks do from now on.
    fn listen() -> (Self, DefaultGuard) {
        let lines = Self::default();
        let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_max_level(Level::TRACE);
        let guard = tracing::subscriber::set_default(subscriber.with_writer(lines.clone()).finish());
        (lines, guard)
    }
}

/// A line that another test's thread, which nobody listens to, writes first at the very moment when somebody begins to listen here may be
/// marked as of interest to nobody for good. So somebody hears everything from the beginning.
fn hear_everything() {
    static HEARING: Once = Once::new();
    HEARING.call_once(|| tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap());
}

/// On one thread, so that the subscriber sees what all tasks of the test do, and nothing of other tests.
#[tokio::test]
async fn a_webhook_is_one_line_without_anything_secret_or_personal() {
    hear_everything();
    let site = Site::new().await;
    let hook = site.lotos.telegram.clone();
    let body = |update: u64| text_update(update, 79_261_234_567, "запишите меня");
    assert_eq!(site.status(hook.post(body(1))).await, 200);

    let (lines, _guard) = Lines::listen();
    let forged = Request::post(hook.path()).header("x-telegram-bot-api-secret-token", "forged").body(body(3).into()).unwrap();
    let cases = [
        (hook.post(body(2)), "stored", 200, 1, 1),
        (hook.post(body(2)), "duplicate", 200, 0, 1),
        (forged, "unauthorized", 401, 0, 0),
    ];
    for (request, outcome, status, new, queries) in cases {
        site.send(request).await;
        let written = lines.take();
        let ours: Vec<Value> = written
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|line: &Value| line["target"].as_str().is_some_and(|target| target.starts_with("salon_core")))
            .collect();
        let [line] = ours.as_slice() else { panic!("one line per webhook: {ours:#?}") };
        assert_eq!((line["outcome"].as_str(), line["status"].as_u64()), (Some(outcome), Some(status)), "{line}");
        assert_eq!((line["new"].as_u64(), line["queries"].as_u64()), (Some(new), Some(queries)), "{line}");
        assert_eq!(
            (line["channel"].as_str(), line["tenant"].as_str()),
            (Some("telegram"), Some(&*site.lotos.tenant.to_string()))
        );
        assert_eq!(line["account"].as_str(), Some(&*hook.target.to_string()));
        assert!(line["duration_ms"].is_number() && line["trace"].as_str().is_some_and(|trace| trace.len() == 32));
        for private in [hook.key.as_str(), &hook.secret, "запишите", "Мария", "79261234567", "forged"] {
            assert!(!ours.iter().any(|line| line.to_string().contains(private)), "{private} in {written}");
        }
    }
}

#[tokio::test]
async fn a_form_is_one_line_without_anything_of_the_visitors() {
    hear_everything();
    let forms = Forms::new().await;
    let (lines, _guard) = Lines::listen();
    let form = |name: &str, phone: &str| {
        let body =
            json!({ "name": name, "phone": phone, "email": "anna@example.com", "message": "запишите меня", "ref": "vera" });
        let request = Request::post("/v1/leads?from=anna").header("content-type", "application/json");
        let request = request.header("x-salon-form", &forms.lotos).header("x-forwarded-for", "198.51.100.7");
        request.header("idempotency-key", "anna-key").body(Body::from(body.to_string())).unwrap()
    };
    for (request, outcome, status) in [
        (form("Мария", "+79261234567"), "stored", 201),
        (form("Мария", "+79261234567"), "repeated", 201),
        (form("Мария", "+79261234568"), "IDEMPOTENCY_KEY_REUSED", 422),
        (form("", "79261234567 ext"), "INVALID_ARGUMENT", 400),
    ] {
        forms.site.send(request).await;
        let written = lines.take();
        let ours: Vec<Value> = written
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|line: &Value| line["target"].as_str().is_some_and(|target| target.starts_with("salon_core")))
            .collect();
        let [line] = ours.as_slice() else { panic!("one line per form: {ours:#?}") };
        assert_eq!((line["outcome"].as_str(), line["status"].as_u64()), (Some(outcome), Some(status)), "{line}");
        assert_eq!(line["tenant"].as_str(), Some(&*forms.site.lotos.tenant.to_string()));
        assert!(line["trace"].as_str().is_some_and(|trace| trace.len() == 32));
        for private in ["Мария", "7926123", "anna", "запишите", "vera", "198.51.100.7"] {
            assert!(!line.to_string().contains(private), "{private} in {line}");
        }
    }
}
