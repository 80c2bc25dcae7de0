//! What Meta's messengers, WhatsApp and Instagram, have in common: the Graph API they are called by, its errors, and the way its JSON is
//! read. Everything we read is optional, unknown fields are passed over, and a field of another shape than expected is as good as none: one
//! delivery holds the messages of many, and none of them may go down with another.

use std::time::Duration;

use http::header;
use secrecy::ExposeSecret;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use super::Account;
use crate::{
    crypto::sha256,
    vendor::{Class, Failure, Http, Reply, Request},
};

/// Graph API: v26.0 is served until 2028 at least.
const VERSION: &str = "v26.0";
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);

/// Longer waits than a day are no waits: the back-off may ask again.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);
/// Names of new kinds are as long as the vendor likes.
pub(super) const LONGEST_NAME: usize = 64;

pub(super) fn or_nothing<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

/// Reads an object; of anything else, one without fields.
pub(super) fn read<T: DeserializeOwned + Default>(value: &Value) -> T {
    if value.is_object() { T::deserialize(value).unwrap_or_default() } else { T::default() }
}

macro_rules! lenient {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),+ $(,)? })+) => {
        $(
            $(#[$doc])*
            #[derive(serde::Deserialize, Default)]
            pub(super) struct $name {
                $(#[serde(default, deserialize_with = "crate::channel::meta::or_nothing")] pub(super) $field: Option<$type>),+
            }
        )+
    };
}
pub(super) use lenient;

lenient! {
    /// What an answer says about a failure.
    ErrorBody { error: Fault }

    /// An error, in an answer or in a webhook.
    Fault { code: Value, error_subcode: Value, is_transient: bool }

    Done { success: bool }
}

impl Fault {
    /// The code, which Meta writes as a number.
    pub(super) fn code(&self) -> Option<i64> {
        whole(self.code.as_ref()?)
    }

    /// The subcode, if there is one.
    pub(super) fn subcode(&self) -> Option<i64> {
        whole(self.error_subcode.as_ref()?)
    }
}

/// A whole number, or the text of one.
pub(super) fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

pub(super) fn some(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

pub(super) fn list(items: &Option<Vec<Value>>) -> &[Value] {
    items.as_deref().unwrap_or_default()
}

pub(super) fn short(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}

/// An id for what has none of the vendor's: the same content is the same event.
pub(super) fn named(parts: &[&Value]) -> String {
    let content: Vec<String> = parts.iter().map(ToString::to_string).collect();
    format!("sha256:{}", hex::encode(sha256(content.join("\n").as_bytes())))
}

/// What a product makes of Meta's codes.
pub(super) struct Errors {
    /// What an error means, by the product's table; none if it is not in there.
    pub(super) known: fn(&Fault) -> Option<Failure>,
    /// The codes of limits whose end is in a header.
    pub(super) usage_limits: &'static [i64],
}

impl Errors {
    /// The refusal in an answer, if it is one.
    pub(super) fn refusal(&self, reply: &Reply) -> Option<Failure> {
        let error = reply.json::<Value>().and_then(|body| read::<ErrorBody>(&body).error);
        if reply.is_success() && error.is_none() {
            return None;
        }
        let fault = error.unwrap_or_default();
        Some(match fault.code().map(|code| (code, (self.known)(&fault))) {
            Some((code, Some(known))) => self.stated(known, code, reply),
            Some((code, None)) => unknown_code(code, &fault, reply),
            None => without_code(reply),
        })
    }

    /// A retry after the wait that the answer names, if it names one.
    fn stated(&self, known: Failure, code: i64, reply: &Reply) -> Failure {
        let Class::Retry { after } = known.class else { return known };
        let usage = self.usage_limits.contains(&code).then(|| regain(reply)).flatten();
        let named = usage.or_else(|| reply.seconds_header("retry-after")).map(|wait| wait.min(LONGEST_WAIT));
        Failure { class: Class::Retry { after: named.or(after) }, ..known }
    }
}

/// Graph API, rate limits: the header `X-Business-Use-Case-Usage` says for each kind of use in how many minutes it is open again.
fn regain(reply: &Reply) -> Option<Duration> {
    let usage: Value = serde_json::from_slice(reply.headers.get("x-business-use-case-usage")?.as_bytes()).ok()?;
    let uses = usage.as_object()?.values().filter_map(Value::as_array).flatten();
    let minutes = uses.filter_map(|one| one["estimated_time_to_regain_access"].as_u64()).max().filter(|minutes| *minutes > 0)?;
    Some(Duration::from_secs(minutes.saturating_mul(60)))
}

fn unknown_code(code: i64, fault: &Fault, reply: &Reply) -> Failure {
    match reply.status {
        _ if fault.is_transient == Some(true) => Failure::retry(format!("{code}:transient")),
        401 => Failure::new(Class::Credential, format!("{code}:unauthorized")),
        429 => too_many(format!("{code}:too_many_requests"), reply),
        500..=599 => Failure::unknown(format!("{code}:server_error")),
        _ => not_listed(code),
    }
}

/// A code that is not in the table is not worth another try.
pub(super) fn not_listed(code: i64) -> Failure {
    Failure::permanent(format!("{code}:other"))
}

/// An answer of something between the vendor and us, or of the vendor in trouble. Whether a message was taken nobody knows.
fn without_code(reply: &Reply) -> Failure {
    match reply.status {
        401 => Failure::new(Class::Credential, "unauthorized"),
        429 => too_many("too_many_requests".to_owned(), reply),
        408 | 500..=599 => Failure::unknown("server_error"),
        _ => Failure::permanent("unexpected_status"),
    }
}

fn too_many(code: String, reply: &Reply) -> Failure {
    let after = reply.seconds_header("retry-after").map(|wait| wait.min(LONGEST_WAIT));
    Failure::new(Class::Retry { after }, code)
}

/// `<base>/v26.0/<path>`. The base may have a path of its own (a proxy).
pub(super) fn node<const N: usize>(account: &Account, path: [&str; N]) -> Result<Url, Failure> {
    let mut url = account.base_url.clone();
    url.path_segments_mut().map_err(|()| Failure::permanent("base_url"))?.pop_if_empty().push(VERSION).extend(path);
    Ok(url)
}

/// Makes a call under the account's token.
pub(super) async fn exchange<T: DeserializeOwned>(
    http: &Http,
    account: &Account,
    request: Request,
    errors: &Errors,
) -> Result<T, Failure> {
    let bearer = format!("Bearer {}", account.secrets.token.expose_secret());
    let reply = http.send(request.secret_header(header::AUTHORIZATION, &bearer)).await?;
    match errors.refusal(&reply) {
        Some(refusal) => Err(refusal),
        None => reply.json().ok_or_else(|| Failure::unknown("unreadable_answer")),
    }
}

pub(super) fn done(answer: &Done) -> Result<(), Failure> {
    match answer.success {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::permanent("not_done")),
        None => Err(Failure::unknown("unreadable_answer")),
    }
}
