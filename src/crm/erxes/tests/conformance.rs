//! The stand-in, for the suite that all CRMs go through.

use std::collections::BTreeSet;

use http::{HeaderMap, header};
use salon_sandbox::{Sandbox, erxes::Automation};
use serde_json::{Value, json};
use url::Url;

use super::super::{Erxes, webhook::AUDIENCE};
use crate::{
    crm::{
        Crm, CrmAccount, CrmSecrets, Entity, FieldMap, FieldSettings, OAuth,
        conformance::{Conformance, Hooks, Kept, LEAK, Planted, Post, Proof, Staff},
    },
    vendor::stub::Step,
};

const USER: &str = "user-must-not-leak";
const HOOK: &str = "hook-must-not-leak";

pub(in crate::crm) fn conformance() -> Conformance {
    Conformance {
        vendor: "erxes",
        path: "",
        seed,
        account,
        administrator: None,
        lists: false,
        snapshot: |sandbox| sandbox.erxes.snapshot(),
        count,
        notes: |snapshot| {
            snapshot["notes"].as_array().unwrap().iter().map(|note| note["content"].as_str().unwrap().to_owned()).collect()
        },
        value,
        due: |_| None,
        writes: &[
            (Kept::Client, "customersAdd"),
            (Kept::Note, "internalNotesAdd"),
            (Kept::Message, "widgetsInsertMessage"),
            (Kept::Reply, "conversationMessageAdd"),
        ],
        change: "customersEdit",
        invalid: (Step::json(400, &json!({"errors": [{"message": "Variable \"$phone\" got invalid value"}]})), "request_refused"),
        staff,
        crowd: |_, _| json!({}),
        page: 0,
        hooks: Hooks {
            by_hand: |_, _| {},
            post: Some(automation),
            proof: Proof::Headers(&["authorization"]),
            covers_body: false,
            batch: None,
            unknown: |(headers, _)| (headers, br#"{"type":"invoice","customerId":"c1"}"#.to_vec()),
        },
    }
}

/// A user for us with what such a user should be allowed.
fn seed(fields: &[Planted]) -> Value {
    let codes: BTreeSet<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    json!({
        "users": [{"_id": "op", "email": "op@salon.example", "token": "op"},
                  {"_id": "robot", "email": "robot@salon.example", "token": USER,
                   "permissions": ["contactsCreate", "contactsUpdate", "internalNotesManage"]}],
        "properties": codes,
        "channels": [{"_id": "ch1", "name": "Salon"}],
        "integrations": [{"_id": "int1", "kind": "messenger", "name": "Telegram", "channelId": "ch1", "brandId": "b1"}],
    })
}

fn account(base_url: Url, fields: &FieldSettings) -> CrmAccount {
    assert!(USER.contains(LEAK) && HOOK.contains(LEAK));
    let oauth = OAuth { client_id: "salon-core".to_owned(), client_secret: Some(USER.into()), refresh_token: Some(USER.into()) };
    CrmAccount {
        base_url,
        settings: json!({"integration_id": "int1"}),
        fields: FieldMap::new(Erxes.fields(), fields),
        secrets: CrmSecrets {
            token: Some(USER.into()),
            oauth: Some(oauth),
            webhook_secret: Some(HOOK.into()),
            ..CrmSecrets::default()
        },
    }
}

fn count(snapshot: &Value, kept: Kept) -> usize {
    let all = |name: &str| snapshot[name].as_array().unwrap().iter();
    match kept {
        Kept::Client => all("customers").filter(|customer| customer["status"] != "deleted").count(),
        Kept::Note => all("notes").count(),
        Kept::Message | Kept::Reply => all("messages").count(),
        Kept::Enquiry | Kept::Booking | Kept::Task => 0,
    }
}

fn value(snapshot: &Value, _: Entity, record: &str, field: &str) -> Value {
    let found = snapshot["customers"].as_array().unwrap().iter().find(|customer| customer["_id"] == record);
    found.map(|customer| customer["propertiesData"][field].clone()).unwrap_or_default()
}

fn staff(sandbox: &Sandbox, action: Staff<'_>) -> String {
    let erxes = &sandbox.erxes;
    match action {
        Staff::Add { name, phone } => {
            let id = format!("c{}", erxes.snapshot()["customers"].as_array().unwrap().len());
            let phones: Vec<&str> = phone.into_iter().collect();
            let text = format!("{name} {}", phones.join(" "));
            let customer = json!({"_id": id, "status": "active", "state": "lead", "firstName": name, "primaryPhone": phone, "phones": phones,
                "emails": [], "searchText": text, "relatedIntegrationIds": []});
            erxes.seed(&json!({"customers": [customer]})).unwrap();
            return id;
        }
        Staff::Rename { record, name } => erxes.edit_customer(record, &json!({"firstName": name, "lastName": null})),
        Staff::AddPhone { record, phone } => {
            let all = erxes.snapshot()["customers"].clone();
            let record_of = all.as_array().unwrap().iter().find(|one| one["_id"] == record).unwrap().clone();
            let mut phones = record_of["phones"].as_array().unwrap().clone();
            phones.push(phone.into());
            erxes.edit_customer(record, &json!({"phones": phones}))
        }
        Staff::Delete { record, .. } => erxes.delete_customer(record),
        Staff::Merge { into, from } => erxes.merge_customers(into, from),
    }
    .unwrap();
    String::new()
}

fn automation(sandbox: &Sandbox, record: &str) -> Post {
    let automation = Automation {
        body: r#"{"type":"customer","customerId":"{{ trigger._id }}"}"#.to_owned(),
        secret: HOOK.to_owned(),
        audience: AUDIENCE.to_owned(),
        expires_in: 60,
    };
    let (proof, body) = sandbox.erxes.automation(&automation, record).unwrap();
    (HeaderMap::from_iter([(header::AUTHORIZATION, proof.parse().unwrap())]), body.into_bytes())
}
