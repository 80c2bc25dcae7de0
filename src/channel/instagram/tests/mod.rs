mod errors;
mod inbound;
mod outbound;

use std::time::Duration;

use http::HeaderMap;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::Instagram;
use crate::{
    channel::{
        Account, ChannelAdapter, ChannelEvent, Handshake, SignatureInvalid,
        conformance::{HANDSHAKE, Proof, Samples, secrets},
    },
    crypto::hmac_sha256,
    vendor::stub::Step,
};

const SALON: &str = "17841400000000001";
const ANNA: &str = "6512345678901234";

const PROOF: &str = "x-hub-signature-256";

macro_rules! fixtures {
    ($($name:ident),+ $(,)?) => {
        /// Every recorded webhook with one event, by the name of its file.
        const FIXTURES: &[(&str, &str)] = &[$((stringify!($name), include_str!(concat!("../fixtures/", stringify!($name), ".json")))),+];
    };
}

fixtures!(
    audio,
    comment,
    dashboard_test,
    deleted,
    echo,
    edit,
    ephemeral,
    image,
    inline_reply,
    phone_number,
    postback,
    quick_reply,
    reaction,
    referral,
    seen,
    story_mention,
    story_reply,
    text,
    text_from_ad,
    unreact,
    unsupported,
);

const BATCH: &str = include_str!("../fixtures/batch.json");

/// This adapter's samples for the suite that runs over all of them.
pub(in crate::channel) fn conformance() -> Samples {
    Samples {
        account,
        sign,
        proof: Proof::Header(PROOF),
        webhooks: FIXTURES.iter().map(|(_, body)| (*body, 1)).collect(),
        batch: Some((BATCH, 7)),
        unknown_kind: r#"{"object":"instagram","entry":[{"id":"17841400000000001","time":1795200000500,"messaging":[
            {"sender":{"id":"6512345678901234"},"recipient":{"id":"17841400000000001"},"timestamp":1795200000123,"hologram":{"mid":"m"}}]}]}"#,
        foreign: r#"{"object":"whatsapp_business_account","entry":[]}"#,
        text_webhook: |text| said(&json!({"text": text})),
        chat_id: ANNA,
        sent: (Step::json(200, &json!({"recipient_id": ANNA, "message_id": "aWdfOUT1"})), "aWdfOUT1"),
        limited_for: (
            Step::json(400, &refusal(613, None)).with_header(
                "x-business-use-case-usage",
                r#"{"17841400000000001":[{"type":"instagram","call_count":100,"estimated_time_to_regain_access":7}]}"#,
            ),
            Duration::from_secs(7 * 60),
        ),
        limited: (Step::json(400, &refusal(613, Some(2_534_040))), Some(Duration::from_secs(5))),
        errors: errors::documented()
            .into_iter()
            .map(|(code, subcode, class)| (Step::json(400, &refusal(code, subcode)), class))
            .collect(),
        refused: Step::json(401, &refusal(190, Some(460))),
        unreachable: Step::json(400, &refusal(551, Some(1_545_041))),
        garbled: Step::json(200, &json!({"recipient_id": ANNA})),
    }
}

fn account(base_url: url::Url) -> Account {
    Account { base_url, external_id: SALON.to_owned(), parent_id: None, secrets: secrets() }
}

fn somewhere() -> Account {
    account("https://graph.example/".parse().unwrap())
}

fn sign(account: &Account, body: &[u8]) -> (HeaderMap, Vec<u8>) {
    let mac = hmac_sha256(account.secrets.webhook_secret.expose_secret().as_bytes(), body);
    let signature = format!("sha256={}", hex::encode(mac)).parse().unwrap();
    (HeaderMap::from_iter([(PROOF.parse().unwrap(), signature)]), body.to_vec())
}

fn refusal(code: i64, subcode: Option<i64>) -> Value {
    let mut error = json!({
        "message": "Anna can't be written to", "type": "IGApiException", "code": code, "fbtrace_id": "AXsgnV2Cm3ZMGF3dF_cfYIn",
    });
    if let Some(subcode) = subcode {
        error["error_subcode"] = json!(subcode);
    }
    json!({ "error": error })
}

/// Something that Anna does in her chat with the salon.
fn done(what: &Value) -> Value {
    let mut item = json!({"sender": {"id": ANNA}, "recipient": {"id": SALON}, "timestamp": 1_795_200_000_123_i64});
    for (name, part) in what.as_object().unwrap() {
        item[name] = part.clone();
    }
    item
}

fn delivery(item: &Value) -> String {
    json!({"object": "instagram", "entry": [{"id": SALON, "time": 1_795_200_000_500_i64, "messaging": [item]}]}).to_string()
}

/// A webhook with a message of Anna's.
fn said(content: &Value) -> String {
    let mut message = json!({"mid": "aWdfTEST"});
    for (name, part) in content.as_object().unwrap() {
        message[name] = part.clone();
    }
    delivery(&done(&json!({ "message": message })))
}

fn parse(body: &str) -> Vec<ChannelEvent> {
    Instagram.parse(body.as_bytes(), &somewhere()).unwrap()
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
        Instagram.handshake(request, &somewhere())
    }
    assert_eq!(greet(Handshake::Query(&query(HANDSHAKE))), Some(Ok("1158201444".to_owned())));
    assert_eq!(greet(Handshake::Query(&query("another"))), Some(Err(SignatureInvalid)));
    assert_eq!(greet(Handshake::Body(b"{}")), None);
}

#[test]
fn either_of_the_two_app_secrets_signs() {
    let mut account = somewhere();
    account.secrets.also_valid = vec!["meta-app-secret".into()];
    let body = br#"{"object":"instagram","entry":[{"text":"caf\u00e9 \/ a\u0040b"}]}"#;
    let signed_by = |secret: &str| {
        let mut signer = account.clone();
        signer.secrets.webhook_secret = secret.into();
        sign(&signer, body).0
    };
    let own = account.secrets.webhook_secret.expose_secret().to_owned();
    for (secret, expected) in [(own.as_str(), Ok(())), ("meta-app-secret", Ok(())), ("another", Err(SignatureInvalid))] {
        assert_eq!(Instagram.verify(&signed_by(secret), body, &account), expected, "{secret}");
    }
    let rewritten = serde_json::from_slice::<Value>(body).unwrap().to_string();
    assert_eq!(Instagram.verify(&signed_by(&own), rewritten.as_bytes(), &account), Err(SignatureInvalid));
}

#[test]
fn the_window_and_the_limits_are_those_of_the_vendor() {
    let capabilities = Instagram.capabilities();
    let wrote = chrono::DateTime::from_timestamp(1_795_200_000, 0).unwrap();
    let takes = |minutes: i64| capabilities.takes_free_text(Some(wrote), wrote + chrono::TimeDelta::minutes(minutes));
    assert!(takes(0) && takes(23 * 60 + 54) && !takes(23 * 60 + 56));
    // No page lets a program write for the seven days that a person may.
    assert!(!takes(25 * 60) && !capabilities.takes_free_text(None, wrote));
    let cyrillic = "ы".repeat(500);
    assert!(capabilities.text_limit.fits(&cyrillic) && !capabilities.text_limit.fits(&format!("{cyrillic}.")));
    let days = |days: u64| Some(Duration::from_secs(days * 86_400));
    assert_eq!((capabilities.credential_life, capabilities.session_window), (days(60), days(1)));
}
