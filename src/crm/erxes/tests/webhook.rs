//! An automation's webhook: its proof, and what it says.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::at;
use crate::{
    channel::SignatureInvalid,
    crm::{Crm, CrmSecrets, Entity, erxes::Erxes},
    crypto::hmac_sha256,
};

const SECRET: &str = "a-secret-shared-with-one-automation";

fn signed(head: &Value, claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(head), part(claims));
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(hmac_sha256(secret.as_bytes(), text.as_bytes())))
}

fn head() -> Value {
    json!({"alg": "HS256", "typ": "JWT"})
}

/// Claims of a token that runs out so many seconds from now.
fn claims(seconds: i64) -> Value {
    json!({"iss": "erxes", "aud": "salon-core", "exp": at(seconds).timestamp()})
}

fn bearer(token: &str) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    HeaderMap::from_iter([(header::AUTHORIZATION, value)])
}

fn checked(headers: &HeaderMap, secret: Option<&str>) -> Result<(), SignatureInvalid> {
    let secrets = CrmSecrets { webhook_secret: secret.map(Into::into), ..CrmSecrets::default() };
    Erxes.verify(headers, b"{}", &secrets, at(0))
}

fn token_is_valid(head: &Value, claims: &Value) -> bool {
    checked(&bearer(&signed(head, claims, SECRET)), Some(SECRET)).is_ok()
}

/// RFC 7515, A.1: the token and the key of the standard itself. Its claims are not for us; that its signature holds is seen by a token of
/// our claims under the same key.
#[test]
fn a_signature_is_the_standards() {
    let text = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let key =
        URL_SAFE_NO_PAD.decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow").unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(hmac_sha256(&key, text.as_bytes())), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

#[test]
fn a_token_is_for_us_signed_by_us_and_short_lived() {
    assert!(token_is_valid(&head(), &claims(300)));
    assert!(token_is_valid(&head(), &json!({"aud": ["x", "salon-core"], "exp": at(1).timestamp(), "nbf": at(0).timestamp()})));
    let wrong_claims = [
        json!({"aud": "salon-core"}),
        claims(301),
        claims(0),
        json!({"aud": "another", "exp": at(60).timestamp()}),
        json!({"aud": [], "exp": at(60).timestamp()}),
        json!({"exp": at(60).timestamp()}),
        json!({"aud": "salon-core", "exp": "soon"}),
        json!({"aud": "salon-core", "exp": at(60).timestamp(), "nbf": at(30).timestamp()}),
        json!("salon-core"),
    ];
    for claims in wrong_claims {
        assert!(!token_is_valid(&head(), &claims), "{claims}");
    }
}

#[test]
fn no_algorithm_but_one_is_taken() {
    for head in [
        json!({"alg": "none"}),
        json!({"alg": "HS384"}),
        json!({"alg": "hs256"}),
        json!({"alg": "RS256"}),
        json!({}),
        json!({"alg": "HS256", "crit": ["exp"]}),
    ] {
        assert!(!token_is_valid(&head, &claims(60)), "{head}");
    }
    let unsigned = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(claims(60).to_string()));
    assert!(checked(&bearer(&unsigned), Some(SECRET)).is_err());
}

#[test]
fn a_proof_comes_once_and_under_a_secret_that_is_one() {
    let valid = signed(&head(), &claims(60), SECRET);
    assert!(checked(&HeaderMap::new(), Some(SECRET)).is_err());
    assert!(checked(&bearer(&valid), None).is_err());
    assert!(checked(&bearer(&signed(&head(), &claims(60), "")), Some("")).is_err());
    assert!(checked(&bearer(&valid), Some("another")).is_err());
    let mut twice = bearer(&valid);
    twice.append(header::AUTHORIZATION, twice[header::AUTHORIZATION].clone());
    assert!(checked(&twice, Some(SECRET)).is_err());
    let basic = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_str(&format!("Basic {valid}")).unwrap())]);
    assert!(checked(&basic, Some(SECRET)).is_err());
}

/// What is read, what happened, and the event's id.
type Said = (Option<(Entity, String)>, String, String);

fn parsed(body: &str) -> Option<Said> {
    let mut hints = Erxes.parse(&HeaderMap::new(), body.as_bytes(), &CrmSecrets::default()).ok()?;
    assert_eq!(hints.len(), 1);
    let hint = hints.remove(0);
    Some((hint.about, hint.what, hint.vendor_event_id))
}

#[test]
fn a_customer_is_read_and_a_campaign_is_noted_once() {
    let (about, what, _) = parsed(r#"{"type":"customer","customerId":"cus1"}"#).unwrap();
    assert_eq!((about, what.as_str()), (Some((Entity::Client, "cus1".to_owned())), "customer"));
    let campaign = |campaign: &str, customer: &str, phone: &str| {
        let body = json!({"type": "campaign", "campaignId": campaign, "customerId": customer, "phone": phone});
        parsed(&body.to_string()).unwrap()
    };
    let (about, what, id) = campaign("spring", "cus1", "+7");
    assert_eq!((about, what.as_str()), (None, "campaign"));
    assert_eq!(campaign("spring", "cus1", "+8").2, id, "the same for the same customer, whatever else it says");
    assert_ne!(campaign("spring", "cus2", "+7").2, id);
    assert_ne!(campaign("springc", "us1", "+7").2, id);
    let (about, what, _) = parsed(r#"{"type":"something new"}"#).unwrap();
    assert_eq!((about, what.as_str()), (None, "something new"));
}

/// Nothing else tells a repeated delivery from a second change.
#[test]
fn a_second_change_of_a_customer_is_another_event() {
    let body = br#"{"type":"customer","customerId":"cus1"}"#;
    let id = |token: &str| Erxes.parse(&bearer(token), body, &CrmSecrets::default()).unwrap().remove(0).vendor_event_id;
    let (first, second) = (signed(&head(), &claims(60), SECRET), signed(&head(), &claims(61), SECRET));
    assert_eq!(id(&first), id(&first));
    assert_ne!(id(&first), id(&second));
    assert!(!id(&first).contains(&first));
}

#[test]
fn what_is_not_filled_in_or_not_ours_is_no_webhook() {
    let refused = [
        r#"{"type":"customer","customerId":"{{ trigger._id }}"}"#,
        r#"{"type":"campaign","campaignId":"spring","customerId":"c","phone":"{{ trigger.primaryPhone }}"}"#,
        r#"{"type":"campaign","campaignId":"spring"}"#,
        r#"{"type":"campaign","customerId":"c"}"#,
        r#"{"type":"customer","customerId":""}"#,
        r#"{"type":"customer","customerId":5}"#,
        r#"{"type":""}"#,
        "{}",
        "[]",
        "",
        "\u{feff}{}",
    ];
    for body in refused {
        assert!(parsed(body).is_none(), "{body}");
    }
    assert!(Erxes.parse(&HeaderMap::new(), &[0xff, 0xfe], &CrmSecrets::default()).is_err());
}

proptest! {
    #[test]
    fn any_change_of_a_token_breaks_it(index in any::<proptest::sample::Index>(), to in proptest::char::range('!', '~')) {
        let token = signed(&head(), &claims(60), SECRET);
        let at = index.index(token.len());
        let mut changed: Vec<char> = token.chars().collect();
        prop_assume!(changed[at] != to);
        changed[at] = to;
        let changed: String = changed.into_iter().collect();
        prop_assert!(checked(&bearer(&changed), Some(SECRET)).is_err(), "{}", changed);
    }

    #[test]
    fn nothing_that_comes_in_is_too_odd(token in "[ -~]{0,80}", body in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(checked(&bearer(&token), Some(SECRET)).is_err());
        Erxes.parse(&bearer(&token), &body, &CrmSecrets::default()).ok();
    }
}
