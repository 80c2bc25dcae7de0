//! Calls out.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::{Method, header};
use secrecy::ExposeSecret;
use serde::{Serialize, de::DeserializeOwned};
use url::Url;

use super::{
    NAME, error,
    wire::{
        ActionRequestBody, Button, CallbackAnswer, Keyboard, KeyboardAttachment, Me, Message, MessageBody, MessageList,
        NewMessageBody, SendMessageResult, SimpleResult, Subscription, SubscriptionRequestBody, Subscriptions,
    },
};
use crate::{
    channel::{Account, AccountInfo, Outbound, Recipient, Sent},
    dialogue::{self, Rendered},
    vendor::{Class, Failure, Http, Reply, Request},
};

/// MAX's own clients wait so long.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What we ask for. Left out, MAX would send what it likes.
const UPDATE_TYPES: &[&str] = &[
    "message_created",
    "message_callback",
    "message_edited",
    "message_removed",
    "bot_started",
    "bot_stopped",
    "dialog_removed",
    "dialog_muted",
    "dialog_unmuted",
    "dialog_cleared",
];

/// How many messages of a chat are read to find one again: the most that MAX gives at once.
const LOOKED_THROUGH: &str = "100";
/// How far MAX's clock may be behind ours.
const SKEW: TimeDelta = TimeDelta::seconds(30);

/// An answer to a press must say something, in any language.
const SEEN: &str = "✓";

/// To the person and not to the chat: MAX takes both in a dialogue, and the person's id is known from every event.
pub(super) async fn send_message(http: &Http, account: &Account, out: &Outbound<'_>) -> Result<Sent, Failure> {
    let user = number(out.to.user_id)?;
    let message = out.body.free().ok_or_else(|| Failure::permanent("no_templates_here"))?;
    let body = NewMessageBody { text: &message.text, attachments: keyboard(&message.keyboard) };
    let query = [("user_id", user.as_str()), ("disable_link_preview", "true")];
    let reply = call(http, account, Method::POST, &["messages"], &query, Some(&body)).await?;
    if !reply.is_success() {
        return Err(error::classify_send(&reply));
    }
    let sent = reply.json::<SendMessageResult>().and_then(|sent| sent.message.body.0?.mid.0).filter(|mid| !mid.is_empty());
    match (sent, reply.json::<SimpleResult>()) {
        (Some(vendor_message_id), _) => Ok(Sent { vendor_message_id }),
        (None, Some(SimpleResult { success: false })) => Err(error::classify_send(&reply)),
        // Accepted, but not in a way we can read: it may well have been sent.
        (None, _) => Err(Failure::unknown("unreadable_answer")),
    }
}

/// Ids are whole numbers.
fn number(id: &str) -> Result<String, Failure> {
    id.parse::<i64>().map(|id| id.to_string()).map_err(|_| Failure::permanent("id_not_a_number"))
}

fn keyboard(keyboard: &dialogue::Keyboard) -> Option<[KeyboardAttachment<'_>; 1]> {
    use dialogue::Keyboard as Ours;
    let buttons = match keyboard {
        // MAX has no keyboard under the input field that could be taken away.
        Ours::None | Ours::Remove => return None,
        Ours::Inline(rows) => rows.iter().map(|row| row.iter().map(callback).collect()).collect(),
        // Nor lists; `render` makes one only for a channel that declares it.
        Ours::List { rows, .. } => rows.iter().map(|button| vec![callback(button)]).collect(),
        Ours::RequestContact { label } => vec![vec![Button::RequestContact { text: label }]],
    };
    Some([KeyboardAttachment { r#type: "inline_keyboard", payload: Keyboard { buttons } }])
}

fn callback(button: &dialogue::Button) -> Button<'_> {
    Button::Callback { text: &button.label, payload: &button.payload }
}

/// Reads the chat, newest message first. Its bounds of time are left out: MAX's document and its clients disagree on which is which.
pub(super) async fn find_message(
    http: &Http,
    account: &Account,
    to: Recipient<'_>,
    message: &Rendered,
    begun: DateTime<Utc>,
) -> Result<Option<Sent>, Failure> {
    let chat = number(to.chat_id)?;
    let query = [("chat_id", chat.as_str()), ("count", LOOKED_THROUGH)];
    let list: MessageList = match read(http, account, &["messages"], &query).await {
        // A dialogue that is closed to us holds nothing we could find, and the send will hear the same.
        Err(failure) if failure.class == Class::Unreachable => return Ok(None),
        list => list?,
    };
    let since = (begun - SKEW).timestamp_millis();
    let same = |found: &Message| {
        let by_us = found.sender.0.as_ref().is_some_and(|sender| sender.is_bot.0 == Some(true));
        let body = found.body.0.as_ref().filter(|_| by_us && found.timestamp.0.is_some_and(|at| at >= since));
        body.is_some_and(|body| says(body, message))
    };
    let found = list.messages.into_iter().filter_map(|message| message.0).find(same);
    let mid = found.and_then(|message| message.body.0?.mid.0);
    Ok(mid.map(|vendor_message_id| Sent { vendor_message_id }))
}

/// The same text over the same buttons.
fn says(body: &MessageBody, message: &Rendered) -> bool {
    let attachments = body.attachments.0.iter().flatten().filter_map(|attachment| attachment.0.as_ref());
    let rows = attachments.filter_map(|attachment| attachment.payload.0.as_ref()?.buttons.0.as_ref()).flatten();
    let buttons = rows.flatten().filter_map(|button| button.0.as_ref()?.payload.0.as_deref());
    let wanted: Vec<&str> = match &message.keyboard {
        dialogue::Keyboard::Inline(rows) => rows.iter().flatten().map(|button| button.payload.as_str()).collect(),
        dialogue::Keyboard::List { rows, .. } => rows.iter().map(|button| button.payload.as_str()).collect(),
        dialogue::Keyboard::None | dialogue::Keyboard::Remove | dialogue::Keyboard::RequestContact { .. } => Vec::new(),
    };
    body.text.0.as_deref().unwrap_or_default().trim() == message.text.trim() && buttons.eq(wanted)
}

pub(super) async fn answer_callback(http: &Http, account: &Account, callback_id: &str) -> Result<(), Failure> {
    let body = CallbackAnswer { notification: SEEN };
    let answered = order(http, account, Method::POST, &["answers"], &[("callback_id", callback_id)], Some(&body)).await;
    match answered {
        Err(failure) if !error::is_done(&failure) => Err(failure),
        _ => Ok(()),
    }
}

pub(super) async fn show_typing(http: &Http, account: &Account, chat_id: &str) -> Result<(), Failure> {
    let chat = number(chat_id)?;
    let body = ActionRequestBody { action: "typing_on" };
    order(http, account, Method::POST, &["chats", &chat, "actions"], &[], Some(&body)).await
}

pub(super) async fn inspect(http: &Http, account: &Account, address: Option<&Url>) -> Result<AccountInfo, Failure> {
    let me: Me = read(http, account, &["me"], &[]).await?;
    let listed = subscriptions(http, account).await?;
    let own = address.and_then(|address| listed.iter().find(|one| one.url == address.as_str()));
    let first = listed.first().filter(|_| address.is_none());
    let mut problems = Vec::new();
    if own.is_some_and(|one| !asks_for_all(one)) {
        problems.push("the subscription does not ask for every kind of event".to_owned());
    }
    let others = listed.iter().filter(|one| address.is_some_and(|address| one.url != address.as_str())).count();
    if others > 0 {
        problems.push(format!("events go to {others} more addresses"));
    }
    Ok(AccountInfo {
        name: me.username.0.or(me.first_name.0).unwrap_or_default(),
        webhook_url: own.filter(|one| asks_for_all(one)).or(first).map(|one| one.url.clone()),
        pending_updates: None,
        problems,
    })
}

fn asks_for_all(subscription: &Subscription) -> bool {
    let kinds = subscription.update_types.0.as_ref();
    kinds.is_none_or(|kinds| UPDATE_TYPES.iter().all(|wanted| kinds.iter().any(|kind| kind == wanted)))
}

/// Subscriptions add up. Ours of earlier times would get every event as well, and refuse it; those of the salon's other tools stay.
pub(super) async fn subscribe(http: &Http, account: &Account, address: &Url) -> Result<(), Failure> {
    let body = SubscriptionRequestBody {
        url: address.as_str(),
        update_types: UPDATE_TYPES,
        secret: account.secrets.webhook_secret.expose_secret(),
    };
    order(http, account, Method::POST, &["subscriptions"], &[], Some(&body)).await?;
    let listed = subscriptions(http, account).await?;
    if !listed.iter().any(|one| one.url == address.as_str()) {
        return Err(Failure::permanent("not_subscribed"));
    }
    for stale in listed.iter().filter(|one| is_stale(&one.url, address)) {
        match order(http, account, Method::DELETE, &["subscriptions"], &[("url", &stale.url)], None::<&()>).await {
            Err(failure) if !error::is_done(&failure) => return Err(failure),
            _ => {}
        }
    }
    Ok(())
}

/// Another address of the same server.
fn is_stale(url: &str, address: &Url) -> bool {
    url != address.as_str() && Url::parse(url).is_ok_and(|url| url.origin() == address.origin())
}

async fn subscriptions(http: &Http, account: &Account) -> Result<Vec<Subscription>, Failure> {
    Ok(read::<Subscriptions>(http, account, &["subscriptions"], &[]).await?.subscriptions)
}

/// A GET.
async fn read<T: DeserializeOwned>(http: &Http, account: &Account, path: &[&str], query: &[(&str, &str)]) -> Result<T, Failure> {
    let reply = call(http, account, Method::GET, path, query, None::<&()>).await?;
    let read = reply.json().filter(|_| reply.is_success());
    read.ok_or_else(|| if reply.is_success() { Failure::retry("unreadable_answer") } else { error::classify(&reply) })
}

/// A call that is answered with `success`, which may be false though the status is 200.
async fn order<B: Serialize>(
    http: &Http,
    account: &Account,
    method: Method,
    path: &[&str],
    query: &[(&str, &str)],
    body: Option<&B>,
) -> Result<(), Failure> {
    let reply = call(http, account, method, path, query, body).await?;
    match reply.json::<SimpleResult>() {
        Some(SimpleResult { success: true }) if reply.is_success() => Ok(()),
        None if reply.is_success() => Err(Failure::unknown("unreadable_answer")),
        _ => Err(error::classify(&reply)),
    }
}

/// MAX: the token itself in `Authorization`, without a scheme and never in the address.
async fn call<B: Serialize>(
    http: &Http,
    account: &Account,
    method: Method,
    path: &[&str],
    query: &[(&str, &str)],
    body: Option<&B>,
) -> Result<Reply, Failure> {
    let mut url = account.base_url.clone();
    url.path_segments_mut().map_err(|()| Failure::permanent("base_url"))?.pop_if_empty().extend(path);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let request = Request::new(method, url, TIMEOUT)
        .own_roots(NAME)
        .secret_header(header::AUTHORIZATION, account.secrets.token.expose_secret());
    Ok(http
        .send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await?)
}
