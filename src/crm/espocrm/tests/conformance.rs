//! The stand-in, for the suite that all CRMs go through.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use salon_sandbox::Sandbox;
use serde_json::{Map, Value, json};
use url::Url;

use super::super::{
    fields::{FIELDS, scope},
    wire::read_moment,
};
use crate::{
    crm::{
        CrmAccount, CrmSecrets, FieldKind, FieldMap, FieldSettings, Person,
        conformance::{Conformance, Hooks, Kept, LEAK, Planted, Post, Proof, Staff},
    },
    vendor::stub::Step,
};

const KEY: &str = "key-must-not-leak";
const ADMIN: &str = "admin-must-not-leak";

pub(in crate::crm) fn conformance() -> Conformance {
    let rule = json!({"label": "validationFailure", "scope": null, "data": {"field": "lastName", "type": "required"}});
    let invalid = Step::json(400, &json!({"messageTranslation": rule})).with_header("x-status-reason", "validationFailure");
    Conformance {
        vendor: "espocrm",
        path: "/espocrm",
        seed,
        account,
        administrator: Some(|account| {
            account.secrets.person = Some(Person { user: "root".to_owned(), password: ADMIN.into() });
        }),
        lists: true,
        snapshot: |sandbox| sandbox.espocrm.snapshot(),
        count: |snapshot, kept| kind(kept).map_or(0, |kind| written(snapshot, kind).count()),
        notes: |snapshot| written(snapshot, "Note").map(|note| note["post"].as_str().unwrap().to_owned()).collect(),
        value: |snapshot, entity, record, field| {
            let found = all(snapshot, scope(entity)).iter().find(|one| one["id"] == record);
            found.map(|one| one[field].clone()).unwrap_or_default()
        },
        due,
        writes: &[
            (Kept::Client, "POST Contact"),
            (Kept::Enquiry, "POST Lead"),
            (Kept::Booking, "POST Meeting"),
            (Kept::Task, "POST Task"),
            (Kept::Note, "POST Note"),
        ],
        change: "PATCH Contact",
        invalid: (invalid, "invalid_field:lastName:required"),
        staff,
        crowd,
        page: 200,
        hooks: Hooks {
            by_hand: |_, _| panic!("the adapter registers them"),
            post: None,
            proof: Proof::Headers(&["signature", "x-signature"]),
            covers_body: true,
            batch: Some(batch),
            unknown: of_nobody,
        },
    }
}

fn all<'a>(snapshot: &'a Value, kind: &str) -> &'a [Value] {
    snapshot["records"][kind].as_array().map_or(&[], Vec::as_slice)
}

/// The stream also tells of what people did: only what somebody wrote is a note.
fn written<'a>(snapshot: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    all(snapshot, kind).iter().filter(move |record| kind != "Note" || record["type"] == "Post")
}

fn kind(kept: Kept) -> Option<&'static str> {
    match kept {
        Kept::Client => Some("Contact"),
        Kept::Enquiry => Some("Lead"),
        Kept::Booking => Some("Meeting"),
        Kept::Task => Some("Task"),
        Kept::Note => Some("Note"),
        Kept::Message | Kept::Reply => None,
    }
}

fn seed(fields: &[Planted]) -> Value {
    let mut by_scope: Map<String, Value> = Map::new();
    for field in fields {
        let kind = match field.kind {
            FieldKind::Choice => {
                let words: Vec<&str> = std::iter::once("").chain(field.options.iter().map(String::as_str)).collect();
                json!({"type": "enum", "options": words})
            }
            FieldKind::Moment => json!({"type": "datetime"}),
            FieldKind::Number => json!({"type": "int"}),
            FieldKind::Text | FieldKind::Other => json!({"type": "varchar", "maxLength": 255}),
        };
        by_scope.entry(scope(field.entity)).or_insert_with(|| json!({}))[field.name.as_str()] = kind;
    }
    json!({
        "users": [{"id": "owner", "userName": "owner", "lastName": "O", "type": "regular", "isActive": true},
                  {"id": "u_olga", "userName": "olga", "lastName": "K", "type": "regular", "isActive": true}],
        "api_users": [{"id": "api1", "userName": "salon-core", "key": KEY}],
        "administrators": [{"id": "adm1", "userName": "root", "password": ADMIN}],
        "fields": by_scope,
    })
}

fn account(base_url: Url, fields: &FieldSettings) -> CrmAccount {
    assert!(KEY.contains(LEAK) && ADMIN.contains(LEAK));
    CrmAccount {
        base_url,
        settings: json!({"assigned_user_id": "owner", "staff": {"olga": "u_olga"}}),
        fields: FieldMap::new(FIELDS, fields),
        secrets: CrmSecrets { token: Some(KEY.into()), ..CrmSecrets::default() },
    }
}

fn due(snapshot: &Value) -> Option<DateTime<Utc>> {
    read_moment(all(snapshot, "Task").first()?["dateEnd"].as_str()?)
}

fn staff(sandbox: &Sandbox, action: Staff<'_>) -> String {
    let contact = |record: &str, fields: Value| json!({"do": "edit", "type": "Contact", "id": record, "fields": fields});
    let action = match action {
        Staff::Add { name, phone } => {
            let mut fields = json!({"lastName": name});
            if let Some(phone) = phone {
                fields["phoneNumber"] = phone.into();
            }
            json!({"do": "create", "type": "Contact", "fields": fields})
        }
        Staff::Rename { record, name } => contact(record, json!({"firstName": "", "lastName": name})),
        Staff::AddPhone { record, phone } => {
            let snapshot = sandbox.espocrm.snapshot();
            let there = all(&snapshot, "Contact").iter().find(|one| one["id"] == record).unwrap();
            let mut numbers = there["phoneNumberData"].as_array().unwrap().clone();
            numbers.push(json!({"phoneNumber": phone, "type": "Office", "primary": false}));
            contact(record, json!({"phoneNumberData": numbers}))
        }
        Staff::Delete { entity, record } => json!({"do": "delete", "type": scope(entity), "id": record}),
        Staff::Merge { into, from } => json!({"do": "merge", "into": into, "from": from}),
    };
    let answer = sandbox.espocrm.act(&action).unwrap();
    answer["id"].as_str().unwrap_or_default().to_owned()
}

fn crowd(from: usize, to: usize) -> Value {
    let contacts: Vec<Value> = (from..to).map(|number| json!({"lastName": format!("Seed {number}")})).collect();
    json!({"records": {"Contact": contacts}})
}

/// Two changes of two records in one.
fn batch((headers, body): Post) -> (Post, usize) {
    let mut elements: Vec<Value> = serde_json::from_slice(&body).unwrap();
    let mut another = elements[0].clone();
    another["id"] = "another".into();
    elements.push(another);
    let count = elements.len();
    ((headers, serde_json::to_vec(&elements).unwrap()), count)
}

/// The event stands in the webhook's id alone: of one nobody knows, nothing is known.
fn of_nobody((mut headers, body): Post) -> Post {
    headers.insert("signature", STANDARD.encode("nobody:00").parse().unwrap());
    (headers, body)
}
