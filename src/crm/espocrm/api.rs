//! Requests: their address, what proves us, and what an answer must hold.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderName, Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use super::{
    error::{self, NOT_FOUND},
    wire::{Body, List, Record, Where, query},
};
use crate::{
    crm::{
        CrmAccount, CrmCall, GONE, Person,
        meaning::{Effect, Meaning},
    },
    crypto::hmac_sha256,
    vendor::{Failure, Reply, Request},
};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const HMAC: HeaderName = HeaderName::from_static("x-hmac-authorization");
/// EspoCRM's own look for doubles takes people of one name for one person. We look ourselves.
const SKIP_DUPLICATE_CHECK: HeaderName = HeaderName::from_static("x-skip-duplicate-check");
/// Nobody reads the total, and counting is slow.
const NO_TOTAL: HeaderName = HeaderName::from_static("x-no-total");

/// One request.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    /// Below `api/v1`.
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a [(String, String)],
    pub(super) body: Option<&'a Body>,
    pub(super) header: Option<HeaderName>,
    pub(super) effect: Effect,
}

impl<'a> Ask<'a> {
    pub(super) const fn get(path: &'a [&'a str], query: &'a [(String, String)]) -> Self {
        Self { method: Method::GET, path, query, body: None, header: None, effect: Effect::Repeatable }
    }

    pub(super) fn delete(path: &'a [&'a str]) -> Self {
        Self { method: Method::DELETE, ..Self::get(path, &[]) }
    }
}

/// Asks; any answer but a success is a failure.
pub(super) async fn send(call: &CrmCall<'_>, ask: Ask<'_>) -> Result<Reply, Failure> {
    let effect = ask.effect;
    let request = request(call, ask)?;
    let reply = call.send(request).await.map_err(|unsent| effect.unanswered(unsent))?;
    if reply.is_success() { Ok(reply) } else { Err(error::classify(&reply, effect)) }
}

fn request(call: &CrmCall<'_>, ask: Ask<'_>) -> Result<Request, Failure> {
    let url = address(call.account, ask.path, ask.query)?;
    let (name, proof) = proof(call.account, &ask.method, &url)?;
    let mut request = Request::new(ask.method, url, call.patience).secret_header(name, proof.expose_secret());
    if let Some(body) = ask.body {
        request = request.json(body);
    }
    if let Some(name) = ask.header {
        request = request.header(name, "true");
    }
    Ok(request)
}

/// `<base>/api/v1/<path>`. The base may have a path: an installation may be in a folder.
fn address(account: &CrmAccount, path: &[&str], query: &[(String, String)]) -> Result<Url, Failure> {
    let mut url = account.base_url.clone();
    url.path_segments_mut().map_err(|()| Failure::permanent("base_url"))?.pop_if_empty().extend(["api", "v1"]).extend(path);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

/// The API key alone, or the key and a signature of the method and the path (since 8.4.1 in hexadecimal). The signature covers neither
/// query nor body. An API user is never an administrator, so that somebody who is may come with name and password (RFC 7617).
fn proof(account: &CrmAccount, method: &Method, url: &Url) -> Result<(HeaderName, SecretString), Failure> {
    if let Some(Person { user, password }) = &account.secrets.person {
        let both = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
        return Ok((header::AUTHORIZATION, format!("Basic {both}").into()));
    }
    let key = account.token()?;
    let Some(secret) = &account.secrets.signing_key else { return Ok((API_KEY, key.clone())) };
    let base = account.base_url.path().trim_end_matches('/');
    let path = url.path().strip_prefix(base).and_then(|path| path.strip_prefix("/api/v1")).unwrap_or_default();
    Ok((HMAC, signature(key, secret, method, path)))
}

/// `path` begins with a slash.
pub(super) fn signature(key: &SecretString, secret: &SecretString, method: &Method, path: &str) -> SecretString {
    let mac = hex::encode(hmac_sha256(secret.expose_secret().as_bytes(), format!("{method} {path}").as_bytes()));
    STANDARD.encode(format!("{}:{mac}", key.expose_secret())).into()
}

/// Reads what an answer holds.
pub(super) fn read<T: DeserializeOwned>(reply: &Reply, effect: Effect) -> Result<T, Failure> {
    reply.json().ok_or_else(|| error::classify(reply, effect))
}

/// A question.
pub(super) async fn get<T: DeserializeOwned>(
    call: &CrmCall<'_>,
    path: &[&str],
    query: &[(String, String)],
) -> Result<T, Failure> {
    read(&send(call, Ask::get(path, query)).await?, Effect::Repeatable)
}

/// A record by its id; none if there is none.
pub(super) async fn fetch(call: &CrmCall<'_>, scope: &str, id: &str) -> Result<Option<Record>, Failure> {
    match get::<Record>(call, &[scope, id], &[]).await {
        Ok(record) if record.id() == Some(id) => Ok(Some(record)),
        // An error told with 200, or somebody else's page.
        Ok(_) => Err(Failure::retry("no_id")),
        Err(failure) if failure.code == NOT_FOUND => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The records that all conditions hold for: the first `most`, in the order they were made.
pub(super) async fn search(
    call: &CrmCall<'_>,
    scope: &str,
    conditions: &[Where<'_>],
    select: &str,
    most: &str,
) -> Result<Vec<Record>, Failure> {
    let others = [("select", select), ("maxSize", most), ("offset", "0"), ("orderBy", "createdAt"), ("order", "asc")];
    list(call, &[scope], &query(conditions, &others)).await
}

/// A list. Without the count of all.
pub(super) async fn list(call: &CrmCall<'_>, path: &[&str], query: &[(String, String)]) -> Result<Vec<Record>, Failure> {
    let reply = send(call, Ask { header: Some(NO_TOTAL), ..Ask::get(path, query) }).await?;
    Ok(read::<List>(&reply, Effect::Repeatable)?.list)
}

/// Makes a record and returns it. That its id is there proves that it is.
pub(super) async fn create(call: &CrmCall<'_>, scope: &str, body: &Body, effect: Effect) -> Result<(String, Record), Failure> {
    let path = [scope];
    let ask = Ask { method: Method::POST, body: Some(body), header: Some(SKIP_DUPLICATE_CHECK), effect, ..Ask::get(&path, &[]) };
    let made: Record = read(&send(call, ask).await?, effect)?;
    match made.id() {
        Some(id) => Ok((id.to_owned(), made)),
        None => Err(Failure::new(Meaning::MayHaveRun.class(effect, None), "no_id")),
    }
}

/// Changes a record that is known: one that is no more is [`GONE`].
pub(super) async fn change(call: &CrmCall<'_>, scope: &str, id: &str, body: &Body) -> Result<(), Failure> {
    if body.is_empty() {
        return Ok(());
    }
    let path = [scope, id];
    let ask = Ask { method: Method::PATCH, body: Some(body), ..Ask::get(&path, &[]) };
    let reply = send(call, ask).await.map_err(gone)?;
    match read::<Record>(&reply, Effect::Repeatable)?.id() {
        Some(changed) if changed == id => Ok(()),
        _ => Err(Failure::retry("no_id")),
    }
}

/// Links two records that are known. Done again it does no harm; "not found" says of neither that it is the one.
pub(super) async fn relate(call: &CrmCall<'_>, scope: &str, id: &str, link: &str, other: &str) -> Result<(), Failure> {
    let mut body = Body::default();
    body.set("id", other);
    let path = [scope, id, link];
    send(call, Ask { method: Method::POST, body: Some(&body), ..Ask::get(&path, &[]) }).await?;
    Ok(())
}

/// What "not found" means under a record that a card names.
pub(super) fn gone(failure: Failure) -> Failure {
    if failure.code == NOT_FOUND { Failure { code: GONE.into(), ..failure } } else { failure }
}
