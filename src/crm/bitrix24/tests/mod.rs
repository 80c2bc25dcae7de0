mod changes;
mod clients;
mod conformance;
mod describe;
mod errors;
mod inbound;
mod limits;
mod notes;
mod oauth;
mod portal;
mod properties;
mod records;

use chrono::{DateTime, Utc};
pub(in crate::crm) use conformance::conformance;
use serde_json::{Map, Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::{Bitrix24, fields::FIELDS};
use crate::{
    crm::{CrmAccount, CrmCall, CrmSecrets, FieldMap, FieldSettings, OAuth, UNATTENDED},
    vendor::{
        Class, Failure, Http,
        stub::{Seen, Step, Stub},
    },
};

const CODE: &str = "c0de_that_must_not_leak";
/// Again, after an ordinary wait.
const RETRY: Class = Class::Retry { after: None };
/// The id of what a test is about.
const OURS: &str = "00000000-0000-0000-0000-000000000007";

fn ours() -> Uuid {
    Uuid::from_u128(7)
}

fn account(stub: &Stub) -> CrmAccount {
    CrmAccount {
        base_url: stub.base_url.clone(),
        settings: json!({"user_id": 7, "responsible_id": 1, "staff": {"olga": 5}, "enabled": true}),
        fields: FieldMap::new(FIELDS, &FieldSettings::default()),
        secrets: CrmSecrets { token: Some(CODE.into()), ..CrmSecrets::default() },
    }
}

/// The same portal through an application.
fn application(stub: &Stub) -> CrmAccount {
    let oauth = OAuth {
        client_id: "app.1".to_owned(),
        client_secret: Some("app_secret".into()),
        refresh_token: Some("refresh_1".into()),
    };
    let mut account = account(stub);
    account.secrets = CrmSecrets { token: Some("access_1".into()), oauth: Some(oauth), ..CrmSecrets::default() };
    account.settings["oauth_url"] = json!(stub.base_url.as_str());
    account
}

fn call<'a>(http: &'a Http, account: &'a CrmAccount) -> CrmCall<'a> {
    CrmCall::new(http, account, UNATTENDED)
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_200_000 + seconds, 0).unwrap()
}

fn good(result: &Value) -> Step {
    Step::json(200, &json!({"result": result, "time": {"operating": 0.1}}))
}

fn bad(status: u16, error: &str) -> Step {
    Step::json(status, &json!({"error": error, "error_description": "?"}))
}

/// PHP's arrays: a list when no key is left out, and an empty one for nothing.
fn php(parts: Vec<(usize, Value)>) -> Value {
    if parts.iter().enumerate().all(|(at, (key, _))| at == *key) {
        return parts.into_iter().map(|(_, value)| value).collect();
    }
    Value::Object(parts.into_iter().map(|(key, value)| (key.to_string(), value)).collect::<Map<_, _>>())
}

/// The answer of a batch: each command's result, its error, or nothing of one that was not run.
fn batched(outcomes: &[Result<Value, Option<&str>>]) -> Step {
    let all = || outcomes.iter().enumerate();
    let results = all().filter_map(|(at, outcome)| Some((at, outcome.clone().ok()?))).collect();
    let error = |error: &str| json!({"error": error, "error_description": "?"});
    let errors = all().filter_map(|(at, outcome)| Some((at, error((*outcome).as_ref().err().copied().flatten()?)))).collect();
    good(&json!({
        "result": php(results), "result_error": php(errors), "result_total": [], "result_next": [], "result_time": [],
    }))
}

/// A batch's commands: methods, and parameters under their bracket keys.
fn commands(seen: &Seen) -> Vec<(String, Value)> {
    assert!(seen.path.ends_with("/batch"), "{}", seen.path);
    let read = |command: &Value| {
        let (method, query) = command.as_str().unwrap().split_once('?').unwrap();
        let parameters: Map<String, Value> = form_urlencoded::parse(query.as_bytes())
            .map(|(key, value)| (key.into_owned(), Value::from(value.into_owned())))
            .collect();
        (method.to_owned(), Value::Object(parameters))
    };
    seen.body["cmd"].as_array().unwrap().iter().map(read).collect()
}

/// The method of a request that is no batch.
fn method(seen: &Seen) -> &str {
    seen.path.strip_prefix(&format!("/rest/7/{CODE}/")).unwrap()
}

fn refused(code: &'static str) -> Failure {
    Failure::permanent(code)
}
