//! Calls out.

use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::{
    error::{ERRORS, is_about_a_parameter},
    wire::{
        Me, Page, Profile, QuickReply, SendMessage, SenderAction, SentMessage, SubscribedApp, To, Token, Words, is_scoped_id,
    },
};
use crate::{
    channel::{
        Account, AccountInfo, Outbound, Sent,
        meta::{Done, TIMEOUT, done, exchange, node, read, some},
        shown,
    },
    dialogue::{Button, Keyboard, Rendered},
    vendor::{Class, Failure, Http, Request},
};

/// Quick replies: at most 13. `render` keeps to that.
const MOST_REPLIES: usize = 13;

/// Without these nothing can be said to us.
const NEEDED: &[&str] = &["messages", "messaging_postbacks"];
/// What we make something of. The vendor's pages spell one of them in two ways, and name the echoes' and the edits' field on few.
const WANTED: &[&str] =
    &["messages", "messaging_postbacks", "messaging_seen", "messaging_referral", "message_echoes", "message_edit"];
/// Those that every page has, and spells alike.
const CERTAIN: &[&str] = &["messages", "messaging_postbacks", "messaging_seen"];

pub(super) async fn send_message(http: &Http, account: &Account, out: &Outbound<'_>) -> Result<Sent, Failure> {
    let rendered = out.body.free().ok_or_else(|| Failure::permanent("no_templates_here"))?;
    let body = SendMessage { recipient: recipient(out.to.chat_id)?, message: words(rendered)? };
    let request = Request::post_json(of_account(account, "messages")?, &body, TIMEOUT);
    let sent: SentMessage = exchange(http, account, request, &ERRORS).await?;
    match sent.message_id.filter(|id| !id.is_empty()) {
        Some(vendor_message_id) => Ok(Sent { vendor_message_id }),
        // Accepted, but not in a way we can read: it may well have been sent.
        None => Err(Failure::unknown("unreadable_answer")),
    }
}

fn recipient(chat_id: &str) -> Result<To<'_>, Failure> {
    if is_scoped_id(chat_id) { Ok(To { id: chat_id }) } else { Err(Failure::permanent("chat_id_not_a_person")) }
}

fn words(message: &Rendered) -> Result<Words<'_>, Failure> {
    let quick_replies: Vec<QuickReply<'_>> = match &message.keyboard {
        Keyboard::Inline(rows) => rows.iter().flatten().map(quick_reply).collect(),
        // Instagram has no lists; `render` makes one only for a channel that declares it.
        Keyboard::List { rows, .. } => rows.iter().map(quick_reply).collect(),
        Keyboard::RequestContact { .. } => vec![QuickReply::UserPhoneNumber],
        // Quick replies go away by themselves.
        Keyboard::None | Keyboard::Remove => Vec::new(),
    };
    if quick_replies.len() > MOST_REPLIES {
        return Err(Failure::permanent("too_many_buttons"));
    }
    Ok(Words { text: &message.text, quick_replies })
}

fn quick_reply(button: &Button) -> QuickReply<'_> {
    QuickReply::Text { title: &button.label, payload: &button.payload }
}

/// Sender actions are described for Messenger, with Instagram among its examples: the account may be refused them.
pub(super) async fn show_typing(http: &Http, account: &Account, chat_id: &str) -> Result<(), Failure> {
    let body = SenderAction { recipient: recipient(chat_id)?, sender_action: "typing_on" };
    let request = Request::post_json(of_account(account, "messages")?, &body, TIMEOUT);
    exchange::<Value>(http, account, request, &ERRORS).await.map(|_| ())
}

/// User Profile API: open for as long as the person wrote to the account, and did not block it.
pub(super) async fn name_of(http: &Http, account: &Account, user_id: &str) -> Result<Option<String>, Failure> {
    let mut url = node(account, [recipient(user_id)?.id])?;
    url.query_pairs_mut().append_pair("fields", "name,username");
    let profile: Profile = get(http, account, url).await?;
    let mut names = [&profile.name, &profile.username].into_iter().filter_map(some).map(str::trim);
    Ok(names.find(|name| !name.is_empty()).map(str::to_owned))
}

/// Whose token it is, and whether an app hears the account. At which address the app listens is not told.
pub(super) async fn inspect(http: &Http, account: &Account, address: Option<&Url>) -> Result<AccountInfo, Failure> {
    let mut url = node(account, ["me"])?;
    url.query_pairs_mut().append_pair("fields", "user_id,username,name");
    let me: Me = get(http, account, url).await?;
    // `id` is another one, the app's own for the account: webhooks and sends go by `user_id`.
    match me.user_id.as_ref().and_then(text_of) {
        None => return Err(Failure::retry("unreadable_answer")),
        Some(id) if id != account.external_id => return Err(Failure::new(Class::Credential, "another_account")),
        Some(_) => {}
    }
    let page: Page = get(http, account, of_account(account, "subscribed_apps")?).await?;
    let apps = page.data.ok_or_else(|| Failure::retry("unreadable_answer"))?;
    let unheard = apps.iter().map(unheard).min_by_key(Vec::len);
    let problems = match &unheard {
        None => vec!["no app hears the account".to_owned()],
        Some(unheard) if unheard.is_empty() => Vec::new(),
        Some(unheard) => vec![format!("the app does not hear {}", unheard.join(", "))],
    };
    let is_heard = unheard.is_some_and(|unheard| NEEDED.iter().all(|field| !unheard.contains(field)));
    let name = some(&me.username).or(some(&me.name)).unwrap_or_default();
    Ok(AccountInfo {
        name: shown(name).into_owned(),
        webhook_url: address.filter(|_| is_heard).map(Url::to_string),
        pending_updates: None,
        problems,
    })
}

fn text_of(id: &Value) -> Option<String> {
    id.as_str().map(str::to_owned).or_else(|| id.as_u64().map(|id| id.to_string()))
}

/// What an app that is subscribed to the account does not hear. One that lists no fields hears all of its own.
fn unheard(app: &Value) -> Vec<&'static str> {
    let Some(fields) = read::<SubscribedApp>(app).subscribed_fields else { return Vec::new() };
    let heard: Vec<&str> = fields.iter().filter_map(|field| field.as_str().or_else(|| field["name"].as_str())).collect();
    // `messaging_referral` is also written with an `s`.
    let is_same = |one: &str, other: &str| one.trim_end_matches('s') == other.trim_end_matches('s');
    WANTED.iter().copied().filter(|wanted| !heard.iter().any(|field| is_same(field, wanted))).collect()
}

/// Lets the app hear the account. A field that this version does not know must not cost us the others.
pub(super) async fn subscribe(http: &Http, account: &Account) -> Result<(), Failure> {
    match subscribe_to(http, account, WANTED).await {
        Err(failure) if is_about_a_parameter(&failure) => subscribe_to(http, account, CERTAIN).await,
        outcome => outcome,
    }
}

async fn subscribe_to(http: &Http, account: &Account, fields: &[&str]) -> Result<(), Failure> {
    let mut url = of_account(account, "subscribed_apps")?;
    url.query_pairs_mut().append_pair("subscribed_fields", &fields.join(","));
    let answer: Done = exchange(http, account, Request::new(Method::POST, url, TIMEOUT), &ERRORS).await?;
    done(&answer)
}

/// Refresh Access Token: for a token that is a day old and not yet over. The old one goes on to its end.
pub(super) async fn refresh_token(http: &Http, account: &Account) -> Result<SecretString, Failure> {
    let mut url = account.base_url.clone();
    // The one call without a version, and the one that takes the token in the address.
    url.path_segments_mut().map_err(|()| Failure::permanent("base_url"))?.pop_if_empty().push("refresh_access_token");
    let token = account.secrets.token.expose_secret();
    url.query_pairs_mut().append_pair("grant_type", "ig_refresh_token").append_pair("access_token", token);
    let fresh: Token = get(http, account, url).await?;
    fresh.access_token.filter(|token| !token.is_empty()).map(Into::into).ok_or_else(|| Failure::retry("unreadable_answer"))
}

/// A call that is about the account: under its own id, so that a token of another account is refused.
fn of_account(account: &Account, edge: &str) -> Result<Url, Failure> {
    let id = account.external_id.as_str();
    if id.is_empty() { Err(Failure::permanent("no_account_id")) } else { node(account, [id, edge]) }
}

async fn get<T: serde::de::DeserializeOwned>(http: &Http, account: &Account, url: Url) -> Result<T, Failure> {
    exchange(http, account, Request::new(Method::GET, url, TIMEOUT), &ERRORS).await
}
