//! One call: always a POST with a JSON body. A GET loses nested parameters and leaves the credential in logs (Bitrix24 note, 3.1).

use std::time::Duration;

use secrecy::ExposeSecret;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, json};
use url::Url;

use super::{
    error::{self, Fault, Waits},
    settings::Settings,
    wire::{Body, Operating},
};
use crate::{
    crm::{CrmAccount, CrmCall, meaning::Effect},
    vendor::{Class, Failure, Reply, Request},
};

/// The documented limit is 480 s of one method's work in ten minutes, a box's 420 s: before that the whole account rests.
const OPERATING_MARGIN: f64 = 400.0;
/// The window of that limit: nothing has to rest for longer.
const OPERATING_WINDOW: Duration = Duration::from_secs(600);

/// A good answer.
pub(super) struct Answer {
    pub(super) result: Value,
    /// Whether a list has another page.
    pub(super) next: bool,
}

/// Calls a method.
pub(super) async fn call(crm: &CrmCall<'_>, method: &str, params: Value, effect: Effect) -> Result<Answer, Failure> {
    let request = request(crm, method, params)?;
    let reply = crm.send(request).await.map_err(|unsent| effect.unanswered(unsent))?;
    let outcome = read(&reply, effect);
    match &outcome {
        Ok((_, operating)) => rest(crm, *operating).await,
        Err(failure) => ease(crm, failure).await,
    }
    outcome.map(|(answer, _)| answer)
}

/// An application's token goes into the body. A webhook's code is a part of the address, and nothing else will do; nothing of ours
/// prints addresses of requests.
fn request(crm: &CrmCall<'_>, method: &str, mut params: Value) -> Result<Request, Failure> {
    let token = crm.account.token()?.expose_secret();
    let application = is_application(crm.account);
    let mut url = crm.account.base_url.clone();
    let mut path = url.path_segments_mut().map_err(|()| Failure::permanent("base_url"))?;
    path.pop_if_empty().push("rest");
    if application {
        params["auth"] = json!(token);
    } else {
        let user = Settings::of(crm.account)?.user_id.ok_or_else(|| Failure::new(Class::Credential, "user_id"))?;
        path.push(&user.to_string()).push(token);
    }
    path.push(method);
    drop(path);
    Ok(Request::post_json(url, &Sent(&params), crm.patience))
}

/// Parameters on the wire. The keys of `order` are sorted by in their own order, and an object's keys are sorted in a [`Value`]: so an order
/// of several fields is a list of pairs until here.
pub(super) struct Sent<'a>(pub(super) &'a Value);

impl Serialize for Sent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Value::Object(params) = self.0 else { return self.0.serialize(serializer) };
        let mut out = serializer.serialize_map(Some(params.len()))?;
        for (name, value) in params {
            match value {
                Value::Array(pairs) if name == "order" => out.serialize_entry(name, &Order(pairs))?,
                other => out.serialize_entry(name, other)?,
            }
        }
        out.end()
    }
}

struct Order<'a>(&'a [Value]);

impl Serialize for Order<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().filter_map(|pair| Some((pair.get(0)?.as_str()?, pair.get(1)?))))
    }
}

/// Whether an application calls, and no inbound webhook.
pub(super) const fn is_application(account: &CrmAccount) -> bool {
    account.secrets.oauth.is_some()
}

/// An address of the portal's or of the OAuth server's, below its base.
pub(super) fn below(base: &Url, segments: &[&str]) -> Result<Url, Failure> {
    let mut url = base.clone();
    // The vendor's addresses end with a slash, and without it answer with a redirect.
    url.path_segments_mut().map_err(|()| Failure::permanent("base_url"))?.pop_if_empty().extend(segments).push("");
    Ok(url)
}

fn read(reply: &Reply, effect: Effect) -> Result<(Answer, Operating), Failure> {
    let body = Body::of(reply);
    let operating = body.as_ref().map(Body::operating).unwrap_or_default();
    match body {
        Some(Body { result: Some(result), error: None, next, .. }) if reply.is_success() => {
            Ok((Answer { result, next: next.is_some_and(|next| !next.is_null()) }, operating))
        }
        None if reply.is_success() => Err(effect.unreadable().quoting(reply)),
        Some(Body { error: None, .. }) if reply.is_success() => Err(effect.unreadable().quoting(reply)),
        body => {
            let read = |body: Body| Fault::read(body.error.as_ref(), body.error_description.as_ref());
            let fault = body.map_or_else(|| Fault::wordless(reply), read);
            let waits = Waits { header: reply.seconds_header("retry-after"), reset: resets_in(operating) };
            Err(error::classify(reply.status, &fault, waits, effect).quoting(reply))
        }
    }
}

/// When a method's counter is reset, within its window.
pub(super) fn resets_in(operating: Operating) -> Option<Duration> {
    // A moment more, so that the clocks' fractions don't matter.
    let wait = Duration::try_from_secs_f64(operating.resets_in? + 1.0).ok()?;
    Some(wait.min(OPERATING_WINDOW))
}

/// Lets the account rest when a method is near its limit: beyond it every call of the method is refused, and each retry of each job
/// would be one more.
pub(super) async fn rest(crm: &CrmCall<'_>, operating: Operating) {
    if operating.spent >= OPERATING_MARGIN {
        crm.ease(resets_in(operating).unwrap_or(Duration::from_secs(60))).await;
    }
}

/// Lets the account rest when a limit was hit: the whole account, not the one job.
pub(super) async fn ease(crm: &CrmCall<'_>, failure: &Failure) {
    if let Class::Retry { after: Some(wait) } = failure.class {
        crm.ease(wait).await;
    }
}
