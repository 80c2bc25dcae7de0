//! The stand-in, for the suite that all CRMs go through. Its portal is not in the salon's zone.

use chrono::{DateTime, Utc};
use salon_sandbox::{Sandbox, Scenario};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::super::{enquiries, fields::FIELDS};
use crate::{
    crm::{
        CrmAccount, CrmSecrets, Entity, FieldKind, FieldMap, FieldSettings,
        conformance::{Conformance, Hooks, Kept, LEAK, Planted, Post, Proof, Staff},
    },
    vendor::stub::Step,
};

const CODE: &str = "code-must-not-leak";
const HOOK: &str = "hook-must-not-leak";

pub(in crate::crm) fn conformance() -> Conformance {
    let refused = json!({"error": "CRM_FIELD_ERROR_VALUE_NOT_VALID", "error_description": "Invalid value of the field \"Name\""});
    Conformance {
        vendor: "bitrix24",
        path: "/bitrix24",
        seed,
        account,
        administrator: Some(|_| {}),
        lists: false,
        snapshot: |sandbox| sandbox.bitrix24.snapshot(),
        count,
        notes: |snapshot| all(snapshot, "comments").iter().map(|note| note["COMMENT"].as_str().unwrap().to_owned()).collect(),
        value,
        due: |snapshot| moment(&all(snapshot, "activities").first()?["DEADLINE"]),
        writes: &[
            (Kept::Client, "crm.item.add"),
            (Kept::Enquiry, "crm.item.add"),
            (Kept::Task, "crm.activity.todo.add"),
            (Kept::Note, "crm.timeline.comment.add"),
            // Last: the visit's own todo comes with it.
            (Kept::Booking, "batch"),
        ],
        change: "crm.item.update",
        invalid: (Step::json(400, &refused), "field_value"),
        staff,
        crowd,
        page: 50,
        hooks: Hooks {
            by_hand,
            post: None,
            proof: Proof::Form("auth[application_token]"),
            covers_body: false,
            batch: None,
            unknown,
        },
    }
}

fn all<'a>(snapshot: &'a Value, name: &str) -> &'a [Value] {
    snapshot[name].as_array().map_or(&[], Vec::as_slice)
}

fn moment(value: &Value) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(value.as_str()?).ok()?.to_utc())
}

const fn entity(entity: Entity) -> &'static str {
    match entity {
        Entity::Client => "contact",
        Entity::Enquiry => "lead",
        Entity::Booking => "deal",
    }
}

fn seed(fields: &[Planted]) -> Value {
    let planted = |field: &Planted| {
        let kind = match field.kind {
            FieldKind::Choice => "enumeration",
            FieldKind::Moment => "datetime",
            FieldKind::Number => "integer",
            FieldKind::Text | FieldKind::Other => "string",
        };
        let options = if kind == "enumeration" { field.options.as_slice() } else { &[] };
        json!({"entity": entity(field.entity), "name": field.name, "type": kind, "options": options})
    };
    let fields: Vec<Value> = fields.iter().map(planted).collect();
    json!({
        "portal": {"utc_offset": "+05:00"},
        "limits": {"rate": false, "operating": false},
        "users": [{"id": 1, "name": "Olga", "admin": true}, {"id": 5, "name": "Vera"}],
        "webhooks": [{"user": 1, "code": CODE, "scopes": ["crm", "user_brief"]}],
        "user_fields": fields,
    })
}

fn account(base_url: Url, fields: &FieldSettings) -> CrmAccount {
    assert!(CODE.contains(LEAK) && HOOK.contains(LEAK));
    CrmAccount {
        base_url,
        settings: json!({"user_id": 1, "responsible_id": 1, "staff": {"olga": 5}, "stages": {"no_show": "LOSE"}}),
        fields: FieldMap::new(FIELDS, fields),
        secrets: CrmSecrets { token: Some(CODE.into()), webhook_secret: Some(HOOK.into()), ..CrmSecrets::default() },
    }
}

/// A task is a todo on a contact: one on a deal is a part of the visit.
fn count(snapshot: &Value, kept: Kept) -> usize {
    match kept {
        Kept::Client => all(snapshot, "contacts").len(),
        Kept::Enquiry => all(snapshot, "leads").len(),
        Kept::Booking => all(snapshot, "deals").len(),
        Kept::Task => all(snapshot, "activities").iter().filter(|todo| todo["OWNER_TYPE_ID"] == "3").count(),
        Kept::Note => all(snapshot, "comments").len(),
        Kept::Message | Kept::Reply => 0,
    }
}

fn id(kind: Entity, record: &str) -> i64 {
    let id = if kind == Entity::Enquiry { enquiries::parts(record).unwrap().1.to_string() } else { record.to_owned() };
    id.parse().unwrap()
}

fn value(snapshot: &Value, kind: Entity, record: &str, field: &str) -> Value {
    let id = id(kind, record);
    let found = all(snapshot, &format!("{}s", entity(kind))).iter().find(|item| item["id"] == id);
    found.map(|item| item[stored(field)].clone()).unwrap_or_default()
}

/// The stand-in keeps custom fields under their other name: `ufCrmSalonPrice`.
fn stored(field: &str) -> String {
    if !field.starts_with("UF_") {
        return field.to_owned();
    }
    let lower = field.to_lowercase();
    let mut parts = lower.split('_');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |name, part| name + &part[..1].to_uppercase() + &part[1..])
}

fn staff(sandbox: &Sandbox, action: Staff<'_>) -> String {
    let contact = |record: &str, fields: Value| json!({"do": "edit", "entity": "contact", "id": id(Entity::Client, record), "fields": fields});
    let way = |phone: &str| json!({"typeId": "PHONE", "valueType": "WORK", "value": phone});
    let action = match action {
        Staff::Add { name, phone } => {
            let ways: Vec<Value> = phone.into_iter().map(way).collect();
            json!({"do": "add", "entity": "contact", "fields": {"name": name, "fm": ways}})
        }
        Staff::Rename { record, name } => contact(record, json!({"name": name})),
        Staff::AddPhone { record, phone } => contact(record, json!({"fm": {"n0": way(phone)}})),
        Staff::Delete { entity: kind, record } => json!({"do": "delete", "entity": entity(kind), "id": id(kind, record)}),
        Staff::Merge { into, from } => {
            json!({"do": "merge", "entity": "contact", "into": id(Entity::Client, into), "from": id(Entity::Client, from)})
        }
    };
    sandbox.bitrix24.act(&action).unwrap()["id"].as_i64().map(|id| id.to_string()).unwrap_or_default()
}

fn crowd(from: usize, to: usize) -> Value {
    let contacts: Vec<Value> = (from..to).map(|number| json!({"name": format!("Seed {number}")})).collect();
    json!({"records": {"contacts": contacts}})
}

/// An inbound webhook's owner makes an outgoing one beside it.
fn by_hand(sandbox: &Sandbox, address: &Url) {
    let hook = json!({"events": super::super::hooks::EVENTS, "url": address.as_str(), "token": HOOK});
    let seed = [("bitrix24".to_owned(), json!({"outgoing_webhooks": [hook]}))].into();
    sandbox.plant(&Scenario { seed }).unwrap();
}

fn unknown((headers, body): Post) -> Post {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(&body) {
        form.append_pair(&name, if name == "event" { "ONCRMINVOICEUPDATE" } else { &value });
    }
    (headers, form.finish().into_bytes())
}
