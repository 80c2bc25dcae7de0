//! `GET /go/{slug}/{channel}`: leads a visitor to a salon's chat, and has the chat know from where they came. Nothing here makes a client
//! or tells the CRM: previews and searchers follow links, too. A link leads on whatever fails behind it.

use std::sync::Arc;

use axum::{
    extract::{Path, Request, State, rejection::PathRejection},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{CACHE_CONTROL, LOCATION, REFERER, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use metrics::counter;
use url::{Url, form_urlencoded};

use super::{
    Ingress,
    kept::{Dated, LookUpFailed},
    openapi,
    sites::Chats,
    visitor,
};
use crate::{
    channel::{ChatLink, adapter},
    error::Code,
    ids::TouchId,
    lead::{
        self, NewTouch, Utm,
        attribution::{self, Code as TouchCode, Trail},
        is_referral,
    },
    ops::metrics::names,
    tenant::Chat,
    vendor::Rate,
};

/// What is over is led on without being noted: the table of touches must not be anybody's to fill.
const OF_A_SALON: Rate = Rate::per_minute(600, 1200);
const OF_A_VISITOR: Rate = Rate::per_minute(10, 20);
const LONGEST_LANDING: usize = 2000;

/// From where a visitor says they come.
struct Came {
    referral: Option<String>,
    utm: Utm,
    landing: Option<String>,
}

impl Came {
    /// None for a visitor who just comes.
    fn read(headers: &HeaderMap, query: &[(String, String)]) -> Option<Self> {
        let referral = query.iter().find(|(name, value)| name == "ref" && is_referral(value)).map(|(_, value)| value.clone());
        let utm = Utm::of_link(query);
        (referral.is_some() || !utm.is_empty()).then(|| Self { referral, utm, landing: landing(headers) })
    }
}

/// The page that led here, without its query, in which anything may stand.
fn landing(headers: &HeaderMap) -> Option<String> {
    let mut url: Url = headers.get(REFERER)?.to_str().ok()?.parse().ok()?;
    let is_page = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    url.set_query(None);
    url.set_fragment(None);
    Some(String::from(url)).filter(|page| is_page && page.len() <= LONGEST_LANDING)
}

/// Leads on. HEAD looks and leaves no trace.
#[utoipa::path(
    get,
    path = "/go/{slug}/{channel}",
    operation_id = "followLink",
    tag = "Leads",
    summary = "Follow a link to a chat",
    description = "Leads a visitor to a salon's chat, which then knows from where they came. The visitor's browser keeps a signed cookie for 30 days.",
    params(
        ("slug" = String, Path, description = "The salon"),
        ("channel" = String, Path, description = "`telegram`, `max`, `vk`, `whatsapp` or `instagram`, or the channel's name in the tenant file"),
        openapi::From,
    ),
    responses(
        (status = 302, description = "To the chat", headers(("Location" = String, description = "The messenger's own link"))),
        (status = 404, description = "No such salon or channel, or its public name is not known yet", body = openapi::Problem, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = openapi::Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds"))),
    ),
)]
pub(super) async fn lead_on(
    State(ingress): State<Arc<Ingress>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    // A path that is not UTF-8 names no salon.
    let (slug, channel) = path.map(|Path(parts)| parts).unwrap_or_default();
    let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect::<Vec<_>>();
    let Ok(_place) = ingress.place().await else { return unavailable() };
    let chats = match ingress.sites.chats(&slug, ingress.limits.commit_patience).await {
        Ok(Some(chats)) => chats,
        Ok(None) => return unknown(),
        Err(LookUpFailed) => return unavailable(),
    };
    match chats.value.named(&channel) {
        Some(chat) => ingress.lead_to(&chats, chat, &parts, &query).await.unwrap_or_else(unknown),
        None => unknown(),
    }
}

/// The same for a salon, a channel and a public name that we don't know.
fn unknown() -> Response {
    counter!(names::LINKS, "channel" => "other", "outcome" => "unknown").increment(1);
    Code::NotFound.into_response()
}

fn unavailable() -> Response {
    counter!(names::LINKS, "channel" => "other", "outcome" => "unavailable").increment(1);
    ([(RETRY_AFTER, 5)], Code::Unavailable).into_response()
}

impl Ingress {
    /// None if the account has no name that a link could be made of.
    async fn lead_to(&self, chats: &Dated<Chats>, chat: &Chat, parts: &Parts, query: &[(String, String)]) -> Option<Response> {
        let (headers, tenant, slug) = (&parts.headers, chats.tenant, &chats.value.slug);
        let is_a_person = parts.method == Method::GET && !visitor::is_a_program(headers);
        let bare = link(chat, None, None)?;
        let (trail, outcome) = match is_a_person {
            false => (None, "program"),
            true => {
                let known = visitor::trail(headers, &self.keyring, tenant, slug, self.db.clock().now());
                match Came::read(headers, query) {
                    Some(from) => match self.note(chats, chat, parts, &from, known).await {
                        Some(touch) => (Some(Trail::then(known, touch)), "noted"),
                        None => (known, "not_noted"),
                    },
                    None => (known, "plain"),
                }
            }
        };
        counter!(names::LINKS, "channel" => chat.kind.as_str(), "outcome" => outcome).increment(1);
        let location = trail.and_then(|trail| {
            let token = attribution::token(&self.keyring, tenant, trail.last);
            let words = TouchCode::of(&self.keyring, tenant, trail.last).greeting(chats.value.lang);
            link(chat, Some(&token), Some(&words))
        });
        let cookie = trail.map(|trail| visitor::cookie(&trail, &self.keyring, tenant, slug, self.visitors.https));
        Some(redirect(&location.unwrap_or(bare), cookie))
    }

    /// Notes that a visitor came. None if too many do, or the database is away: then nobody will know from where they came.
    async fn note(&self, chats: &Dated<Chats>, chat: &Chat, parts: &Parts, from: &Came, known: Option<Trail>) -> Option<TouchId> {
        let tenant = chats.tenant;
        let address = visitor::address(&parts.extensions, &parts.headers, &self.visitors.proxies);
        let limits = visitor::limits("go", tenant, address, &self.keyring, OF_A_SALON, OF_A_VISITOR);
        self.pacer.acquire(&limits).await.ok()?;
        let id = TouchId(self.db.ids().next(self.db.clock()));
        let touch = NewTouch {
            id,
            code: &TouchCode::of(&self.keyring, tenant, id),
            channel: chat.kind.as_str(),
            referral: from.referral.as_deref(),
            utm: &from.utm,
            landing: from.landing.as_deref(),
            first: known.map(|trail| trail.first),
        };
        match tokio::time::timeout(self.limits.commit_patience, lead::note_touch(&self.db, tenant, &touch)).await {
            Ok(Ok(made)) => made.then_some(id),
            Ok(Err(error)) => {
                tracing::error!(%error, "a touch was not stored");
                None
            }
            Err(_) => {
                tracing::error!("a touch was not stored: the database did not confirm in time");
                None
            }
        }
    }
}

fn link(chat: &Chat, token: Option<&str>, words: Option<&str>) -> Option<Url> {
    let link = ChatLink { external_id: &chat.external_id, public_name: chat.public_name.as_deref(), token, words };
    adapter(chat.kind).chat_link(&link)
}

fn redirect(location: &Url, cookie: Option<String>) -> Response {
    let mut response = StatusCode::FOUND.into_response();
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(location.as_str()) {
        headers.insert(LOCATION, location);
    }
    // A token is one visitor's.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
        headers.insert(SET_COOKIE, cookie);
    }
    response
}
