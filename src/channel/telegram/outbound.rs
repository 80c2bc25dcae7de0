//! Calls out.

use std::time::Duration;

use http::Method;
use secrecy::ExposeSecret;
use serde::{Serialize, de::DeserializeOwned};
use url::Url;

use super::{
    error,
    wire::{
        Answer, AnswerCallbackQuery, ContactButton, InlineButton, LinkPreviewOptions, Me, ReplyMarkup, SendChatAction,
        SendMessage, SentMessage, SetWebhook, WebhookInfo,
    },
};
use crate::{
    channel::{Account, AccountInfo, Outbound, Sent, shown},
    dialogue::{Button, Keyboard},
    vendor::{Failure, Http, Request},
};

const TIMEOUT: Duration = Duration::from_secs(20);

/// What we ask for. Left out, the vendor would keep the list of an earlier call.
const ALLOWED_UPDATES: &[&str] = &["message", "edited_message", "callback_query", "my_chat_member"];

/// The vendor's default, sent because the vendor resets what a call leaves out.
const MAX_CONNECTIONS: u8 = 40;

pub(super) async fn send_message(http: &Http, account: &Account, out: &Outbound<'_>) -> Result<Sent, Failure> {
    let chat_id = chat_number(out.to.chat_id)?;
    let message = out.body.free().ok_or_else(|| Failure::permanent("no_templates_here"))?;
    let body = SendMessage {
        chat_id,
        text: &message.text,
        link_preview_options: LinkPreviewOptions { is_disabled: true },
        reply_markup: reply_markup(&message.keyboard),
    };
    let sent: SentMessage = call(http, account, "sendMessage", &body).await?;
    Ok(Sent { vendor_message_id: sent.message_id.to_string() })
}

fn chat_number(chat_id: &str) -> Result<i64, Failure> {
    chat_id.parse().map_err(|_| Failure::permanent("chat_id_not_a_number"))
}

/// Bot API: `sendChatAction` lasts 5 s, or until our message.
pub(super) async fn send_typing(http: &Http, account: &Account, chat_id: &str) -> Result<(), Failure> {
    let body = SendChatAction { chat_id: chat_number(chat_id)?, action: "typing" };
    call::<bool>(http, account, "sendChatAction", &body).await.map(|_| ())
}

fn reply_markup(keyboard: &Keyboard) -> Option<ReplyMarkup<'_>> {
    match keyboard {
        Keyboard::None => None,
        Keyboard::Inline(rows) => Some(ReplyMarkup::Inline {
            inline_keyboard: rows.iter().map(|row| row.iter().map(inline_button).collect()).collect(),
        }),
        // Telegram has no lists; `render` makes one only for a channel that declares it.
        Keyboard::List { rows, .. } => {
            Some(ReplyMarkup::Inline { inline_keyboard: rows.iter().map(|button| vec![inline_button(button)]).collect() })
        }
        Keyboard::RequestContact { label } => Some(ReplyMarkup::Reply {
            keyboard: [[ContactButton { text: label, request_contact: true }]],
            one_time_keyboard: true,
            resize_keyboard: true,
        }),
        Keyboard::Remove => Some(ReplyMarkup::Remove { remove_keyboard: true }),
    }
}

fn inline_button(button: &Button) -> InlineButton<'_> {
    InlineButton { text: &button.label, callback_data: &button.payload }
}

pub(super) async fn answer_callback_query(http: &Http, account: &Account, callback_id: &str) -> Result<(), Failure> {
    let body = AnswerCallbackQuery { callback_query_id: callback_id };
    match call::<bool>(http, account, "answerCallbackQuery", &body).await {
        Err(failure) if !error::is_done(&failure) => Err(failure),
        _ => Ok(()),
    }
}

pub(super) async fn inspect(http: &Http, account: &Account, address: Option<&Url>) -> Result<AccountInfo, Failure> {
    let me: Me = get(http, account, "getMe").await?;
    let info: WebhookInfo = get(http, account, "getWebhookInfo").await?;
    // Bot API: an empty string when there is none.
    let registered = info.url.filter(|url| !url.is_empty());
    // A salon that pastes its token into some other tool loses the webhook without a word.
    let taken = registered.is_some() && address.is_some_and(|address| registered.as_deref() != Some(address.as_str()));
    let mut problems: Vec<String> = info.last_error_message.iter().map(|text| shown(text).into_owned()).collect();
    if taken {
        problems.push("the webhook goes to another address".to_owned());
    }
    Ok(AccountInfo {
        name: me.username.or(me.first_name).unwrap_or_default(),
        webhook_url: registered.filter(|_| !taken),
        pending_updates: info.pending_update_count,
        problems,
    })
}

pub(super) async fn set_webhook(http: &Http, account: &Account, address: &Url) -> Result<(), Failure> {
    let body = SetWebhook {
        url: address.as_str(),
        // Left out, it would be removed and every webhook refused.
        secret_token: account.secrets.webhook_secret.expose_secret(),
        max_connections: MAX_CONNECTIONS,
        allowed_updates: ALLOWED_UPDATES,
        drop_pending_updates: false,
    };
    call::<bool>(http, account, "setWebhook", &body).await.map(|_| ())
}

async fn call<T: DeserializeOwned>(http: &Http, account: &Account, method: &str, body: &impl Serialize) -> Result<T, Failure> {
    exchange(http, Request::post_json(address(account, method)?, body, TIMEOUT)).await
}

async fn get<T: DeserializeOwned>(http: &Http, account: &Account, method: &str) -> Result<T, Failure> {
    exchange(http, Request::new(Method::GET, address(account, method)?, TIMEOUT)).await
}

async fn exchange<T: DeserializeOwned>(http: &Http, request: Request) -> Result<T, Failure> {
    let reply = http.send(request).await?;
    if !reply.is_success() {
        return Err(error::classify(&reply));
    }
    match reply.json::<Answer<T>>() {
        Some(Answer { ok: true, result: Some(result) }) => Ok(result),
        Some(Answer { ok: false, .. }) => Err(error::classify(&reply)),
        // Accepted, but not in a way we can read: it may well have been done.
        _ => Err(Failure::unknown("unreadable_answer")),
    }
}

/// `<base>/bot<token>/<method>`. The base may have a path of its own (a self-hosted server, a proxy).
fn address(account: &Account, method: &str) -> Result<Url, Failure> {
    let mut url = account.base_url.clone();
    let token = account.secrets.token.expose_secret();
    url.path_segments_mut()
        .map_err(|()| Failure::permanent("base_url"))?
        .pop_if_empty()
        .push(&format!("bot{token}"))
        .push(method);
    Ok(url)
}
