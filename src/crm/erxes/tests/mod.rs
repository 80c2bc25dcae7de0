use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Erxes;
use crate::{
    crm::{ClientCard, Crm, CrmAccount, CrmSecrets, FieldMap, FieldSettings, OAuth},
    ids::ClientId,
    vendor::{
        Class,
        stub::{Step, Stub},
    },
};

mod conformance;
mod contacts;
mod errors;
mod inbox;
mod login;
mod messages;
mod schema;
mod stand_in;
mod webhook;

pub(in crate::crm) use conformance::conformance;

const TOKEN: &str = "sk_that_must_not_leak";
const REFRESH: &str = "refresh-that-must-not-leak";
const SECRET: &str = "client-secret-that-must-not-leak";
const RETRY: Class = Class::Retry { after: None };

fn account(stub: &Stub, token: Option<&str>) -> CrmAccount {
    let secrets = CrmSecrets { token: token.map(Into::into), ..CrmSecrets::default() };
    let settings = json!({"integration_id": "int1", "enabled": true});
    CrmAccount {
        base_url: stub.base_url.clone(),
        settings,
        fields: FieldMap::new(Erxes.fields(), &FieldSettings::default()),
        secrets,
    }
}

fn client(known_as: Option<&str>) -> ClientCard {
    ClientCard {
        id: ClientId(Uuid::from_u128(7)),
        known: known_as.map(str::to_owned),
        name: Some("Anna K".to_owned()),
        phone: Some("+79001234567".to_owned()),
        claimed_phone: None,
        email: None,
        language: None,
        channel: None,
        handle: None,
        first_touch: None,
        last_referral: None,
        no_shows: 0,
    }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_200_000 + seconds, 0).unwrap()
}

fn data(field: &str, result: Value) -> Step {
    Step::json(200, &json!({"data": {field: result}}))
}

fn graph_error(message: &str, category: &str) -> Value {
    json!({"errors": [{"message": message, "extensions": {"code": "INTERNAL_SERVER_ERROR", "category": category}}], "data": null})
}

/// The account of a salon where somebody has logged in.
fn users_account(stub: &Stub) -> CrmAccount {
    let mut account = account(stub, Some(TOKEN));
    account.secrets.oauth = Some(OAuth {
        client_id: "salon-core".to_owned(),
        client_secret: Some(SECRET.into()),
        refresh_token: Some(REFRESH.into()),
    });
    account
}
