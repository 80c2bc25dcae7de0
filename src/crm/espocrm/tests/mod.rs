mod clients;
mod conformance;
mod errors;
mod inbound;
mod notes;
mod reading;
mod records;
mod setup;
mod texts;

use chrono::{DateTime, Utc};
pub(in crate::crm) use conformance::conformance;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{EspoCrm, fields::FIELDS};
use crate::{
    crm::{
        ClientCard, Crm, CrmAccount, CrmCall, CrmSecrets, Entity, Fact, FieldMap, FieldSettings, HookSecret, Touched, UNATTENDED,
    },
    ids::ClientId,
    vendor::{
        Class, Failure,
        stub::{Seen, Step, Stub, http},
    },
};

const KEY: &str = "key_that_must_not_leak";
const RETRY: Class = Class::Retry { after: None };
const OURS: &str = "00000000-0000-0000-0000-000000000007";

fn account(stub: &Stub) -> CrmAccount {
    account_with(stub, &FieldSettings::default())
}

fn account_with(stub: &Stub, fields: &FieldSettings) -> CrmAccount {
    let settings = json!({
        "assigned_user_id": "owner", "team_id": "team", "staff": {"maria": "user_maria"}, "enabled": true,
    });
    CrmAccount {
        base_url: stub.base_url.clone(),
        settings,
        fields: FieldMap::new(FIELDS, fields),
        secrets: CrmSecrets { token: Some(KEY.into()), ..CrmSecrets::default() },
    }
}

/// A tenant file that leaves one fact out.
fn without(entity: Entity, fact: Fact) -> FieldSettings {
    FieldSettings { fields: [(entity, [(fact, None)].into())].into(), ..FieldSettings::default() }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_200_000 + seconds, 999_000_000).unwrap()
}

fn client() -> ClientCard {
    ClientCard {
        id: ClientId(Uuid::from_u128(7)),
        known: None,
        name: Some("Anna von Berg".to_owned()),
        phone: Some("+79001234567".to_owned()),
        claimed_phone: None,
        email: Some("anna@example.test".to_owned()),
        language: Some(crate::lang::Lang::Ru),
        channel: Some(crate::channel::ChannelKind::Telegram),
        handle: Some("@anna_b".to_owned()),
        first_touch: Some(Touched { referral: Some("maria10".to_owned()), at: at(0) }),
        last_referral: Some("olga5".to_owned()),
        no_shows: 2,
    }
}

/// A list of records.
fn listed(records: Value) -> Step {
    Step::json(200, &json!({"total": -1, "list": records}))
}

fn record(record: Value) -> Step {
    Step::json(200, &record)
}

fn none() -> Step {
    listed(json!([]))
}

/// Runs something against a scripted EspoCRM; every step must have been asked for.
async fn run<T>(script: Vec<Step>, ask: impl AsyncFnOnce(&CrmCall<'_>) -> T) -> (T, Vec<Seen>) {
    run_as(script, account, ask).await
}

async fn run_as<T>(
    script: Vec<Step>,
    account: impl FnOnce(&Stub) -> CrmAccount,
    ask: impl AsyncFnOnce(&CrmCall<'_>) -> T,
) -> (T, Vec<Seen>) {
    let steps = script.len();
    let stub = Stub::start("/crm", script).await;
    let account = account(&stub);
    let http = http();
    let result = ask(&CrmCall::new(&http, &account, UNATTENDED)).await;
    let seen = stub.seen();
    assert_eq!(seen.len(), steps, "asked for {:?}", seen.iter().map(|seen| &seen.path).collect::<Vec<_>>());
    (result, seen)
}

/// The request's method, path, and query without its encoding.
fn asked(seen: &Seen) -> (String, Vec<(String, String)>) {
    let url = url::Url::parse(&format!("http://crm.test{}", seen.path)).unwrap();
    (format!("{} {}", seen.method, url.path()), url.query_pairs().into_owned().collect())
}

/// Whether a request is `method path`, and with the query pairs given at least.
fn assert_asked(seen: &Seen, what: &str, pairs: &[(&str, &str)]) {
    let (asked, query) = asked(seen);
    assert_eq!(asked, what);
    for (name, value) in pairs {
        assert!(query.contains(&((*name).to_owned(), (*value).to_owned())), "{name}={value} is not in {query:?}");
    }
}

fn equals(attribute: &'static str, value: &'static str) -> [(&'static str, &'static str); 3] {
    [("where[0][type]", "equals"), ("where[0][attribute]", attribute), ("where[0][value]", value)]
}

fn hooks() -> Vec<HookSecret> {
    vec![
        HookSecret { id: "6470a1b2c3d4e5f60".to_owned(), event: "Contact.update".to_owned(), secret: "s3cr3t-key".into() },
        HookSecret { id: "hook2".to_owned(), event: "Meeting.delete".to_owned(), secret: "another".into() },
    ]
}

/// The note's vector: `apikey123`, `secret456`, `POST /Lead`.
#[test]
fn a_request_is_signed_as_espocrm_computes_it() {
    let signed = super::api::signature(&"apikey123".into(), &"secret456".into(), &http::Method::POST, "/Lead");
    let expected = "YXBpa2V5MTIzOjJiNTdiOGI5MDgwNWEzMWY4YzZhYjg0ZWVhOWRjZjA1Yjk5NjIxMDJmOWIwNjIzYTY5Y2EwN2JhNmZiMjUzY2U=";
    assert_eq!(secrecy::ExposeSecret::expose_secret(&signed), expected);
}

#[tokio::test]
async fn a_signing_key_signs_the_path_below_the_api_without_the_query() {
    let signing = |stub: &Stub| {
        let mut account = account(stub);
        account.secrets =
            CrmSecrets { token: Some("apikey123".into()), signing_key: Some("secret456".into()), ..CrmSecrets::default() };
        account
    };
    let ask = async |call: &CrmCall<'_>| EspoCrm.changes_since(call, Entity::Enquiry, at(0), None).await;
    let (result, seen) = run_as(vec![none()], signing, ask).await;
    assert!(result.unwrap().records.is_empty());
    let expected = super::api::signature(&"apikey123".into(), &"secret456".into(), &http::Method::GET, "/Lead");
    assert_eq!(seen[0].headers["x-hmac-authorization"], secrecy::ExposeSecret::expose_secret(&expected));
    assert!(!seen[0].headers.contains_key("x-api-key"));
}

#[tokio::test]
async fn without_a_key_nothing_is_sent() {
    let keyless = |stub: &Stub| CrmAccount { secrets: CrmSecrets::default(), ..account(stub) };
    let (result, _) = run_as(vec![], keyless, async |call: &CrmCall<'_>| EspoCrm.inspect(call).await).await;
    assert_eq!(result, Err(Failure::new(Class::Credential, "no_credential")));
}

#[tokio::test]
async fn the_secrets_are_in_nothing_that_is_printed() {
    let told = json!({"message": format!("wrong key {KEY}")});
    let (result, seen) = run(vec![Step::json(401, &told)], async |call: &CrmCall<'_>| {
        let mut account = call.account.clone();
        account.secrets.signing_key = Some("signing_secret".into());
        account.secrets.hooks = hooks();
        (EspoCrm.inspect(call).await.unwrap_err(), format!("{account:?} {call:?}"))
    })
    .await;
    assert_eq!(seen[0].headers["x-api-key"], KEY);
    let printed = format!("{} {:?} {}", result.0, result.0, result.1);
    for secret in [KEY, "signing_secret", "s3cr3t-key", "another"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
