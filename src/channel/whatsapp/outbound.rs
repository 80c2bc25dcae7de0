//! Calls out.

use http::Method;
use secrecy::ExposeSecret;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use super::{
    error::ERRORS,
    inbound::template_status,
    wire::{
        ButtonAction, Choice, Component, InteractiveBody, Language, ListAction, MarkRead, NumberInfo, Outgoing, OverrideCallback,
        Page, Parameter, ReplyButton, Section, SendMessage, SentMessage, SentMessages, Subscribe, SubscribedApp, TemplateBody,
        TemplateEntry, TemplatePart, TextBody, To, TypingIndicator, Words, is_user_id, number,
    },
};
use crate::{
    channel::{
        Account, AccountInfo, Body, Outbound, Sent, TemplateCall, TemplateInfo, TemplateStatus,
        meta::{TIMEOUT, done, exchange, node, read},
        shown,
    },
    dialogue::{Button, Keyboard, Rendered},
    vendor::{Failure, Http, Request},
};

const PRODUCT: &str = "whatsapp";

/// Reply buttons: at most three. `render` keeps to that.
const MOST_BUTTONS: usize = 3;
/// List messages: at most ten rows.
const MOST_ROWS: usize = 10;

const PAGE: &str = "100";
/// Business accounts have 250 templates, large ones 6,000.
const MOST_PAGES: usize = 64;

pub(super) async fn send_message(http: &Http, account: &Account, out: &Outbound<'_>) -> Result<Sent, Failure> {
    let body = SendMessage {
        messaging_product: PRODUCT,
        recipient_type: "individual",
        to: recipient(out.to.chat_id)?,
        content: content(out.body)?,
        biz_opaque_callback_data: out.key.to_string(),
    };
    let sent: SentMessages = post(http, account, messages(account)?, &body).await?;
    let first = sent.messages.unwrap_or_default().first().map(read::<SentMessage>);
    match first.and_then(|message| message.id).filter(|id| !id.is_empty()) {
        Some(vendor_message_id) => Ok(Sent { vendor_message_id }),
        // Accepted, but not in a way we can read: it may well have been done.
        None => Err(Failure::unknown("unreadable_answer")),
    }
}

/// A chat is with a number, or, for somebody who shows none, with a user id.
fn recipient(chat_id: &str) -> Result<To<'_>, Failure> {
    match number(chat_id) {
        // Messages API: without the plus, the country code of the salon's own number may be put in front.
        Some(digits) => Ok(To::To(format!("+{digits}"))),
        None if is_user_id(chat_id) => Ok(To::Recipient(chat_id)),
        None => Err(Failure::permanent("chat_id_not_a_person")),
    }
}

fn content<'a>(body: Body<'a>) -> Result<Outgoing<'a>, Failure> {
    match body {
        Body::Free(message) => free(message),
        Body::Template(call) => Ok(Outgoing::Template { template: template(call) }),
    }
}

fn free(message: &Rendered) -> Result<Outgoing<'_>, Failure> {
    let body = Words { text: &message.text };
    match &message.keyboard {
        Keyboard::Inline(rows) => {
            let buttons: Vec<_> = rows.iter().flatten().map(|button| ReplyButton::Reply { reply: choice(button) }).collect();
            match buttons.len() {
                0 => Ok(plain(&message.text)),
                1..=MOST_BUTTONS => {
                    Ok(Outgoing::Interactive { interactive: InteractiveBody::Button { body, action: ButtonAction { buttons } } })
                }
                _ => Err(Failure::permanent("too_many_buttons")),
            }
        }
        Keyboard::List { open_label, rows } if (1..=MOST_ROWS).contains(&rows.len()) => {
            let sections = [Section { rows: rows.iter().map(choice).collect() }];
            let action = ListAction { button: open_label, sections };
            Ok(Outgoing::Interactive { interactive: InteractiveBody::List { body, action } })
        }
        Keyboard::List { .. } => Err(Failure::permanent("too_many_rows")),
        // WhatsApp has neither of the two buttons; `render` makes them only for a channel that declares them.
        Keyboard::None | Keyboard::Remove | Keyboard::RequestContact { .. } => Ok(plain(&message.text)),
    }
}

fn plain(text: &str) -> Outgoing<'_> {
    Outgoing::Text { text: TextBody { preview_url: false, body: text } }
}

fn choice(button: &Button) -> Choice<'_> {
    Choice { id: &button.payload, title: &button.label }
}

fn template(call: &TemplateCall) -> TemplateBody<'_> {
    let values: Vec<_> = call.values.iter().map(|text| Parameter::Text { text }).collect();
    let body = (!values.is_empty()).then_some(Component::Body { parameters: values });
    let buttons = call.payloads.iter().enumerate().map(|(index, payload)| Component::Button {
        sub_type: "quick_reply",
        index: index.to_string(),
        parameters: [Parameter::Payload { payload }],
    });
    let components = body.into_iter().chain(buttons).collect();
    TemplateBody { name: &call.name, language: Language { code: &call.language }, components }
}

/// Messages API: a read mark can carry a typing indicator, which goes out with our message.
pub(super) async fn mark_read(http: &Http, account: &Account, message_id: &str) -> Result<(), Failure> {
    let typing_indicator = TypingIndicator { r#type: "text" };
    let body = MarkRead { messaging_product: PRODUCT, status: "read", message_id, typing_indicator };
    done(&post(http, account, messages(account)?, &body).await?)
}

pub(super) async fn inspect(http: &Http, account: &Account, address: Option<&Url>) -> Result<AccountInfo, Failure> {
    let mut url = node(account, [external_id(account)?])?;
    url.query_pairs_mut().append_pair("fields", "display_phone_number,verified_name,quality_rating,name_status,status");
    let info: NumberInfo = get(http, account, url).await?;
    let mut problems = number_problems(&info);
    let mut callbacks = callbacks(http, account).await?;
    let webhook_url = match address {
        None => callbacks.next(),
        Some(address) => callbacks.find(|callback| is_same(callback, address)).map(|_| address.to_string()),
    };
    if webhook_url.is_none() {
        // Another app of the business account may have a callback of its own; which of the apps is ours we can't see.
        problems.push("no app of the business account has its webhooks sent to us".to_owned());
    }
    let name = info.display_phone_number.or(info.verified_name).unwrap_or_default();
    Ok(AccountInfo { name: shown(&name).into_owned(), webhook_url, pending_updates: None, problems })
}

/// Phone numbers: what keeps a number from sending, or soon will.
fn number_problems(info: &NumberInfo) -> Vec<String> {
    let bad = [
        ("quality", &info.quality_rating, ["RED"].as_slice()),
        ("display name", &info.name_status, &["DECLINED", "EXPIRED"]),
        (
            "status",
            &info.status,
            &["PENDING", "DELETED", "MIGRATED", "BANNED", "RESTRICTED", "FLAGGED", "DISCONNECTED", "UNLINKED"],
        ),
    ];
    let said = |(what, word, bad): (&str, &Option<String>, &[&str])| {
        let word = word.as_deref().filter(|word| bad.contains(word))?;
        Some(format!("the number's {what} is {word}"))
    };
    bad.into_iter().filter_map(said).collect()
}

/// The addresses that apps have set for this business account.
async fn callbacks(http: &Http, account: &Account) -> Result<impl Iterator<Item = String>, Failure> {
    let page: Page = get(http, account, subscribed_apps(account)?).await?;
    let apps = page.data.ok_or_else(|| Failure::unknown("unreadable_answer"))?;
    Ok(apps
        .into_iter()
        .filter_map(|app| read::<SubscribedApp>(&app).override_callback_uri)
        .filter(|callback| !callback.is_empty()))
}

fn is_same(callback: &str, address: &Url) -> bool {
    callback.parse::<Url>().is_ok_and(|callback| callback == *address)
}

/// Webhook overrides: an app must hear a business account before its callback can be overridden there, and subscribing it anew takes an
/// override away. So it is subscribed only if ours is not in place.
pub(super) async fn override_callback(http: &Http, account: &Account, address: &Url) -> Result<(), Failure> {
    let token = account.secrets.handshake.as_ref().ok_or_else(|| Failure::permanent("no_verify_token"))?;
    if !callbacks(http, account).await?.any(|callback| is_same(&callback, address)) {
        done(&post(http, account, subscribed_apps(account)?, &Subscribe {}).await?)?;
    }
    let body = OverrideCallback { override_callback_uri: address.as_str(), verify_token: token.expose_secret() };
    done(&post(http, account, subscribed_apps(account)?, &body).await?)
}

/// Every template of the business account, page by page.
pub(super) async fn templates(http: &Http, account: &Account) -> Result<Vec<TemplateInfo>, Failure> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let mut url = node(account, [business_account(account)?, "message_templates"])?;
        url.query_pairs_mut().append_pair("fields", "name,language,status,components").append_pair("limit", PAGE);
        if let Some(after) = &after {
            url.query_pairs_mut().append_pair("after", after);
        }
        let page: Page = get(http, account, url).await?;
        let entries = page.data.ok_or_else(|| Failure::unknown("unreadable_answer"))?;
        found.extend(entries.iter().filter_map(template_info));
        let paging = page.paging.unwrap_or_default();
        let more = paging.next.is_some_and(|next| next.is_string());
        let cursor = paging.cursors.and_then(|cursors| cursors.after).filter(|cursor| more && after.as_ref() != Some(cursor));
        match cursor {
            Some(cursor) => after = Some(cursor),
            None => return Ok(found),
        }
    }
    Err(Failure::permanent("too_many_templates"))
}

fn template_info(entry: &Value) -> Option<TemplateInfo> {
    let entry: TemplateEntry = read(entry);
    let parts = entry.components.unwrap_or_default();
    let body = parts.iter().map(read::<TemplatePart>).find(|part| part.r#type.as_deref() == Some("BODY"));
    Some(TemplateInfo {
        name: entry.name?,
        language: entry.language?,
        // A state we don't know is none in which we would rely on it.
        status: entry.status.as_deref().and_then(template_status).unwrap_or(TemplateStatus::Pending),
        parameters: body.and_then(|body| body.text).map_or(0, |text| placeholders(&text)),
    })
}

/// How many different `{{…}}` a text has.
fn placeholders(text: &str) -> usize {
    let names = text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")).map(|(name, _)| name.trim());
    names.collect::<std::collections::HashSet<_>>().len()
}

fn external_id(account: &Account) -> Result<&str, Failure> {
    Some(account.external_id.as_str()).filter(|id| !id.is_empty()).ok_or_else(|| Failure::permanent("no_phone_number_id"))
}

fn business_account(account: &Account) -> Result<&str, Failure> {
    account.parent_id.as_deref().filter(|id| !id.is_empty()).ok_or_else(|| Failure::permanent("no_business_account_id"))
}

fn messages(account: &Account) -> Result<Url, Failure> {
    node(account, [external_id(account)?, "messages"])
}

fn subscribed_apps(account: &Account) -> Result<Url, Failure> {
    node(account, [business_account(account)?, "subscribed_apps"])
}

async fn post<T: DeserializeOwned>(http: &Http, account: &Account, url: Url, body: &impl Serialize) -> Result<T, Failure> {
    exchange(http, account, Request::post_json(url, body, TIMEOUT), &ERRORS).await
}

async fn get<T: DeserializeOwned>(http: &Http, account: &Account, url: Url) -> Result<T, Failure> {
    exchange(http, account, Request::new(Method::GET, url, TIMEOUT), &ERRORS).await
}
