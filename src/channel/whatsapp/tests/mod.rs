mod errors;
mod inbound;
mod outbound;
mod totality;

use std::time::Duration;

use http::HeaderMap;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::WhatsApp;
use crate::{
    channel::{
        Account, ChannelAdapter, ChannelEvent, Handshake, SignatureInvalid,
        conformance::{HANDSHAKE, Proof, Samples, secrets},
    },
    crypto::hmac_sha256,
    vendor::stub::Step,
};

const NUMBER: &str = "106540352242922";
const WABA: &str = "102290129340398";
const ANNA: &str = "16505551234";
const ANNA_USER_ID: &str = "US.13491208655302741918";

const PROOF: &str = "x-hub-signature-256";

macro_rules! fixtures {
    ($($name:ident),+ $(,)?) => {
        /// Every recorded webhook, by the name of its file.
        const FIXTURES: &[(&str, &str)] = &[$((stringify!($name), include_str!(concat!("../fixtures/", stringify!($name), ".json")))),+];
    };
}

fixtures!(
    account_alert,
    account_update,
    button_reply,
    capability,
    contacts,
    edit,
    errors_value_level,
    image,
    list_reply,
    location,
    number_and_user_id,
    number_quality,
    reaction,
    revoke,
    smb_message_echo,
    status_delivered,
    status_failed,
    status_read,
    status_sent,
    template_category,
    template_quick_reply,
    template_status,
    text,
    text_from_ad,
    unsupported,
    user_changed_number,
    user_preferences,
    username_only,
    voice,
);

const BATCH: &str = include_str!("../fixtures/batch.json");

/// This adapter's samples for the suite that runs over all of them.
pub(in crate::channel) fn conformance() -> Samples {
    Samples {
        account,
        sign,
        proof: Proof::Header(PROOF),
        webhooks: FIXTURES.iter().map(|(_, body)| (*body, 1)).collect(),
        batch: Some((BATCH, 8)),
        unknown_kind: r#"{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"hologram","value":{}}]}]}"#,
        foreign: r#"{"object":"instagram","entry":[]}"#,
        text_webhook: |text| said(&json!({"type": "text", "text": {"body": text}})),
        chat_id: ANNA,
        sent: (Step::json(200, &taken("wamid.OUT0001")), "wamid.OUT0001"),
        limited_for: (
            Step::json(400, &refusal(80_007)).with_header(
                "x-business-use-case-usage",
                r#"{"102290129340398":[{"type":"whatsapp","call_count":100,"estimated_time_to_regain_access":7}]}"#,
            ),
            Duration::from_secs(7 * 60),
        ),
        limited: (Step::json(400, &refusal(130_429)), Some(Duration::from_secs(5))),
        errors: errors::documented().into_iter().map(|(code, class)| (Step::json(400, &refusal(code)), class)).collect(),
        refused: Step::json(401, &refusal(190)),
        unreachable: Step::json(400, &refusal(131_026)),
        garbled: Step::json(200, &json!({"messaging_product": "whatsapp", "messages": "sent"})),
    }
}

fn account(base_url: url::Url) -> Account {
    Account { base_url, external_id: NUMBER.to_owned(), parent_id: Some(WABA.to_owned()), secrets: secrets() }
}

fn somewhere() -> Account {
    account("https://graph.example/".parse().unwrap())
}

fn sign(account: &Account, body: &[u8]) -> (HeaderMap, Vec<u8>) {
    let mac = hmac_sha256(account.secrets.webhook_secret.expose_secret().as_bytes(), body);
    let signature = format!("sha256={}", hex::encode(mac)).parse().unwrap();
    (HeaderMap::from_iter([(PROOF.parse().unwrap(), signature)]), body.to_vec())
}

/// What a send that was taken is answered with.
fn taken(id: &str) -> Value {
    json!({
        "messaging_product": "whatsapp", "contacts": [{"input": "+16505551234", "wa_id": ANNA}],
        "messages": [{"id": id, "message_status": "accepted"}],
    })
}

fn refusal(code: i64) -> Value {
    json!({"error": {
        "message": format!("(#{code}) Something"), "type": "OAuthException", "code": code,
        "error_data": {"messaging_product": "whatsapp", "details": "..."}, "fbtrace_id": "AXsgnV2Cm3ZMGF3dF_cfYIn",
    }})
}

/// A delivery of one change.
fn delivery(field: &str, value: &Value) -> String {
    json!({"object": "whatsapp_business_account", "entry": [{"id": WABA, "changes": [{"field": field, "value": value}]}]})
        .to_string()
}

/// The value of a change that is about our number.
fn about_number(content: &Value) -> Value {
    let mut value =
        json!({"messaging_product": "whatsapp", "metadata": {"display_phone_number": "15550783881", "phone_number_id": NUMBER}});
    for (name, part) in content.as_object().unwrap() {
        value[name] = part.clone();
    }
    value
}

/// A webhook with one message of Anna's.
fn said(content: &Value) -> String {
    let mut message = json!({"from": ANNA, "id": "wamid.TEST", "timestamp": "1795200001"});
    for (name, part) in content.as_object().unwrap() {
        message[name] = part.clone();
    }
    let contacts = json!([{"profile": {"name": "Anna K"}, "wa_id": ANNA}]);
    delivery("messages", &about_number(&json!({"contacts": contacts, "messages": [message]})))
}

fn parse(body: &str) -> Vec<ChannelEvent> {
    WhatsApp.parse(body.as_bytes(), &somewhere()).unwrap()
}

#[track_caller]
fn parse_one(body: &str) -> ChannelEvent {
    let mut events = parse(body);
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

#[test]
fn the_handshake_is_a_query_that_shows_our_token() {
    let query = |token: &str| {
        [("hub.mode", "subscribe"), ("hub.challenge", "1158201444"), ("hub.verify_token", token)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    fn greet(request: Handshake<'_>) -> Option<Result<String, SignatureInvalid>> {
        WhatsApp.handshake(request, &somewhere())
    }
    assert_eq!(greet(Handshake::Query(&query(HANDSHAKE))), Some(Ok("1158201444".to_owned())));
    assert_eq!(greet(Handshake::Query(&query("another"))), Some(Err(SignatureInvalid)));
    assert_eq!(greet(Handshake::Query(&[])), Some(Err(SignatureInvalid)));
    assert_eq!(greet(Handshake::Body(b"{}")), None);
}

#[test]
fn the_window_and_the_limits_are_those_of_the_vendor() {
    let capabilities = WhatsApp.capabilities();
    let wrote = chrono::DateTime::from_timestamp(1_795_200_000, 0);
    let takes = |hours: i64, minutes: i64| {
        let now = wrote.unwrap() + chrono::TimeDelta::hours(hours) + chrono::TimeDelta::minutes(minutes);
        capabilities.takes_free_text(wrote, now)
    };
    assert!(takes(0, 0) && takes(23, 54) && !takes(23, 56) && !takes(25, 0));
    assert!(!capabilities.takes_free_text(None, wrote.unwrap()), "nobody who never wrote is written to in free text");
    let pacing = WhatsApp.pacing();
    assert_eq!((pacing.account.count, pacing.account.per), (70, Duration::from_secs(1)));
    assert_eq!((pacing.chat.count, pacing.chat.per, pacing.chat.burst), (1, Duration::from_secs(6), 10));
}
