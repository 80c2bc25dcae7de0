//! Calls out: messages, and the community's callback server, which is VK's own record of where its events go.

use std::time::Duration;

use http::header;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use url::{Url, form_urlencoded};
use uuid::Uuid;

use super::{
    error,
    wire::{self, AddedServer, Answer, ConfirmationCode, Groups, Permissions, Profile, SentTo, Server, Servers, Settings},
};
use crate::{
    channel::{Account, AccountInfo, Outbound, Press, Sent},
    crypto::sha256,
    dialogue::{Button, Keyboard},
    vendor::{Failure, Http, Request},
};

const TIMEOUT: Duration = Duration::from_secs(20);
/// VK: every call names the version it was written for.
const VERSION: &str = "5.199";
/// VK: more than 2 KB go as multipart/form-data.
const LARGE: usize = 2 * 1024;

/// VK: at most 14 characters.
const TITLE: &str = "salon-core";
/// The version our reader was written for.
const EVENTS_VERSION: &str = "5.199";
/// What we want to hear of. VK has a flag for each kind, for each server apart.
const EVENTS: &[&str] = &[
    "message_new",
    "message_event",
    "message_allow",
    "message_deny",
    "message_edit",
    "message_reply",
    "group_join",
    "group_leave",
    "user_block",
    "user_unblock",
];
/// What the key must be allowed.
const RIGHTS: &[&str] = &["messages", "manage"];

const CONFIRMED: &str = "ok";
/// VK asks a server for the code while it is being added, and says later how that went.
const LOOKS: u32 = 12;
const PAUSE: Duration = Duration::from_millis(50);

/// A call's parameters.
type Fields<'a> = Vec<(&'a str, String)>;

pub(super) async fn send(http: &Http, account: &Account, out: &Outbound<'_>) -> Result<Sent, Failure> {
    let message = out.body.free().ok_or_else(|| Failure::permanent("no_templates_here"))?;
    let keyboard = keyboard(&message.keyboard, out.to.plain_buttons)?;
    let buttons = keyboard.is_some();
    match send_once(http, account, out, &message.text, keyboard).await {
        // Nothing was sent: what the message says is worth more than its buttons.
        Err(failure) if buttons && error::is_of_the_keyboard(&failure) => {
            send_once(http, account, out, &message.text, None).await
        }
        sent => sent,
    }
}

async fn send_once(
    http: &Http,
    account: &Account,
    out: &Outbound<'_>,
    text: &str,
    keyboard: Option<String>,
) -> Result<Sent, Failure> {
    let peer = peer(out.to.chat_id)?;
    let mut fields = vec![
        // The plural, even for one: only then both of a message's ids come back.
        ("peer_ids", peer.to_string()),
        ("random_id", random_id(out.key).to_string()),
        ("message", text.to_owned()),
        ("dont_parse_links", "1".to_owned()),
        ("disable_mentions", "1".to_owned()),
    ];
    fields.extend(keyboard.map(|keyboard| ("keyboard", keyboard)));
    let sent: Vec<SentTo> = call(http, account, "messages.send", fields).await?;
    let ours = sent.into_iter().find(|sent| sent.peer_id == Some(peer));
    match ours {
        Some(SentTo { error: Some(refusal), .. }) => Err(error::classify(refusal.code)),
        Some(SentTo { message_id: Some(id), .. }) if id > 0 => Ok(Sent { vendor_message_id: id.to_string() }),
        _ => Err(Failure::unknown("unreadable_answer")),
    }
}

fn peer(chat_id: &str) -> Result<i64, Failure> {
    chat_id.parse().map_err(|_| Failure::permanent("chat_id_not_a_number"))
}

/// VK: an int32 by which it knows a message that is sent again.
pub(super) fn random_id(key: Uuid) -> i32 {
    let [a, b, c, d, ..] = sha256(key.as_bytes());
    nonzero([a, b, c, d])
}

/// VK: 0 would mean that it is not to look.
pub(super) const fn nonzero(bytes: [u8; 4]) -> i32 {
    match i32::from_be_bytes(bytes) {
        0 => 1,
        id => id,
    }
}

/// The keyboard as the text that VK takes. An app that can't press a `callback` button gets buttons that write for the client.
fn keyboard(keyboard: &Keyboard, plain: bool) -> Result<Option<String>, Failure> {
    let kind = if plain { "text" } else { "callback" };
    let button = |button| wire_button(button, kind);
    let rows = match keyboard {
        // VK has no button that shares a number; `render` makes one only for a channel that declares it.
        Keyboard::None | Keyboard::RequestContact { .. } => return Ok(None),
        Keyboard::Inline(rows) => rows.iter().map(|row| row.iter().map(button).collect()).collect::<Result<_, _>>()?,
        Keyboard::List { rows, .. } => rows.iter().map(|row| Ok(vec![button(row)?])).collect::<Result<_, Failure>>()?,
        // VK: an empty keyboard takes the one under the input field away.
        Keyboard::Remove => return Ok(Some(r#"{"buttons":[]}"#.to_owned())),
    };
    json(&wire::Keyboard { inline: true, buttons: rows }).map(Some)
}

fn wire_button<'a>(button: &'a Button, kind: &'static str) -> Result<wire::Button<'a>, Failure> {
    let payload = json(&wire::Payload { t: &button.payload })?;
    Ok(wire::Button { action: wire::Action { r#type: kind, label: &button.label, payload } })
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|_| Failure::permanent("keyboard"))
}

/// Stops the spinner on the button. VK: a press can be answered for a minute.
pub(super) async fn answer_press(http: &Http, account: &Account, press: &Press<'_>) -> Result<(), Failure> {
    let fields = vec![
        ("event_id", press.callback_id.to_owned()),
        ("user_id", press.user_id.to_owned()),
        ("peer_id", press.chat_id.to_owned()),
    ];
    match call::<i64>(http, account, "messages.sendMessageEventAnswer", fields).await {
        Err(failure) if !error::is_too_late(&failure) => Err(failure),
        _ => Ok(()),
    }
}

/// VK: the sign lasts 10 s, or until the message.
pub(super) async fn show_typing(http: &Http, account: &Account, chat_id: &str) -> Result<(), Failure> {
    let fields = vec![("peer_id", peer(chat_id)?.to_string()), ("type", "typing".to_owned())];
    call::<i64>(http, account, "messages.setActivity", fields).await.map(|_| ())
}

pub(super) async fn confirmation_code(http: &Http, account: &Account) -> Result<SecretString, Failure> {
    let fields = vec![group(account)?];
    let ConfirmationCode { code } = call(http, account, "groups.getCallbackConfirmationCode", fields).await?;
    Ok(code.into())
}

/// Adds our server or changes it until VK has confirmed it with our secret, then says again what it is to be told of.
pub(super) async fn register(http: &Http, account: &Account, address: &Url) -> Result<(), Failure> {
    let secret = account.secrets.webhook_secret.expose_secret();
    let of_server = |mut fields: Fields<'static>| -> Result<Fields<'static>, Failure> {
        fields.insert(0, group(account)?);
        fields.extend([("url", address.to_string()), ("title", TITLE.to_owned()), ("secret_key", secret.to_owned())]);
        Ok(fields)
    };
    let server = match find(http, account, Some(address)).await? {
        Some(server) if server.status == CONFIRMED && server.secret_key == secret => server.id,
        Some(server) => {
            let fields = of_server(vec![("server_id", server.id.to_string())])?;
            call::<i64>(http, account, "groups.editCallbackServer", fields).await?;
            server.id
        }
        None => call::<AddedServer>(http, account, "groups.addCallbackServer", of_server(Vec::new())?).await?.server_id,
    };
    confirmed(http, account, server).await?;
    let mut settings = vec![group(account)?, ("server_id", server.to_string()), ("api_version", EVENTS_VERSION.to_owned())];
    settings.extend(EVENTS.iter().map(|event| (*event, "1".to_owned())));
    call::<i64>(http, account, "groups.setCallbackSettings", settings).await.map(|_| ())
}

/// Waits until VK has seen the code, for some seconds.
async fn confirmed(http: &Http, account: &Account, server: i64) -> Result<(), Failure> {
    for look in 0..LOOKS {
        let found = servers(http, account).await?.into_iter().find(|found| found.id == server);
        match found.as_ref().map(|server| server.status.as_str()) {
            Some(CONFIRMED) => return Ok(()),
            Some("failed") => return Err(Failure::permanent("confirmation_failed")),
            Some(_) => tokio::time::sleep(PAUSE * (look + 1)).await,
            None => break,
        }
    }
    Err(Failure::permanent("not_confirmed"))
}

pub(super) async fn inspect(http: &Http, account: &Account, address: Option<&Url>) -> Result<AccountInfo, Failure> {
    let Groups { groups } = call(http, account, "groups.getById", Vec::new()).await?;
    let own = groups.into_iter().next().ok_or_else(|| Failure::unknown("unreadable_answer"))?;
    if own.id.to_string() != account.external_id {
        return Err(Failure::permanent("key_of_another_community"));
    }
    let Permissions { permissions } = call(http, account, "groups.getTokenPermissions", Vec::new()).await?;
    let lacks = |right: &&&str| !permissions.iter().any(|held| held.name == **right);
    let mut problems: Vec<String> =
        RIGHTS.iter().filter(lacks).map(|right| format!("the key lacks the right `{right}`")).collect();
    let mut webhook_url = None;
    if problems.is_empty()
        && let Some(server) = find(http, account, address).await?
    {
        let mut wrong = faults(http, account, &server).await?;
        if wrong.is_empty() {
            webhook_url = Some(server.url);
        }
        problems.append(&mut wrong);
    }
    Ok(AccountInfo { name: own.name.unwrap_or_default(), webhook_url, pending_updates: None, problems })
}

/// What keeps a server from being told all that we want to hear of.
async fn faults(http: &Http, account: &Account, server: &Server) -> Result<Vec<String>, Failure> {
    let mut faults = Vec::new();
    if server.status != CONFIRMED {
        let status: String = server.status.chars().filter(char::is_ascii_lowercase).take(20).collect();
        faults.push(format!("the callback server's status is `{status}`"));
    }
    if server.secret_key != account.secrets.webhook_secret.expose_secret() {
        faults.push("the callback server has another secret".to_owned());
    }
    let fields = vec![group(account)?, ("server_id", server.id.to_string())];
    let settings: Settings = call(http, account, "groups.getCallbackSettings", fields).await?;
    if settings.api_version.as_deref() != Some(EVENTS_VERSION) {
        faults.push(format!("the callback server's events are not of version {EVENTS_VERSION}"));
    }
    let silent = |event: &&&str| settings.events.get(**event).and_then(serde_json::Value::as_i64) == Some(0);
    let silent: Vec<&str> = EVENTS.iter().filter(silent).copied().collect();
    if !silent.is_empty() {
        faults.push(format!("the callback server is not told of {}", silent.join(", ")));
    }
    Ok(faults)
}

/// The server of this address; without one, the server that bears our name.
async fn find(http: &Http, account: &Account, address: Option<&Url>) -> Result<Option<Server>, Failure> {
    let ours = |server: &Server| match address {
        Some(address) => server.url == address.as_str(),
        None => server.title == TITLE,
    };
    Ok(servers(http, account).await?.into_iter().find(ours))
}

async fn servers(http: &Http, account: &Account) -> Result<Vec<Server>, Failure> {
    let Servers { items } = call(http, account, "groups.getCallbackServers", vec![group(account)?]).await?;
    Ok(items)
}

fn group(account: &Account) -> Result<(&'static str, String), Failure> {
    let known = account.external_id.parse::<i64>().is_ok_and(|id| id > 0);
    if known { Ok(("group_id", account.external_id.clone())) } else { Err(Failure::permanent("group_id_not_a_number")) }
}

/// Calls a method. What came of it is in the body, whatever the HTTP status.
/// VK's events name nobody: `users.get` does.
pub(super) async fn name_of(http: &Http, account: &Account, user_id: &str) -> Result<Option<String>, Failure> {
    let users: Vec<Profile> = call(http, account, "users.get", vec![("user_ids", user_id.to_owned())]).await?;
    let names = users.into_iter().next().map(|user| [user.first_name, user.last_name]).unwrap_or_default();
    let names: Vec<String> = names.into_iter().flatten().filter(|name| !name.trim().is_empty()).collect();
    Ok((!names.is_empty()).then(|| names.join(" ")))
}

async fn call<T: DeserializeOwned>(http: &Http, account: &Account, method: &str, mut fields: Fields<'_>) -> Result<T, Failure> {
    fields.push(("v", VERSION.to_owned()));
    let url = address(account, method)?;
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    let request = match encoded.len() {
        0..=LARGE => Request::post_form(url, encoded, TIMEOUT),
        _ => Request::post_multipart(url, &fields, TIMEOUT),
    };
    let token = format!("Bearer {}", account.secrets.token.expose_secret());
    let reply = http.send(request.secret_header(header::AUTHORIZATION, &token)).await?;
    match reply.json::<Answer<T>>() {
        Some(Answer { error: Some(refusal), .. }) => Err(error::classify(refusal.error_code)),
        Some(Answer { response: Some(response), .. }) if reply.is_success() => Ok(response),
        _ => Err(error::foreign(&reply)),
    }
}

/// `<base>/method/<method>`. The base may have a path of its own (a proxy, a stand-in).
fn address(account: &Account, method: &str) -> Result<Url, Failure> {
    let mut url = account.base_url.clone();
    url.path_segments_mut().map_err(|()| Failure::permanent("base_url"))?.pop_if_empty().extend(["method", method]);
    Ok(url)
}
