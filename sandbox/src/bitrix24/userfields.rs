//! Custom fields: `userfieldconfig.*`, and `crm.{lead,deal,contact}.userfield.*` with upper-case names.

use serde_json::{Map, Value, json};

use super::{
    answer::{Outcome, Refusal},
    listing,
    methods::Call,
    state::{Item, Kind, State, UserField},
};

/// The types of custom fields.
pub(super) const TYPES: &[&str] = &[
    "string",
    "integer",
    "double",
    "boolean",
    "date",
    "datetime",
    "money",
    "url",
    "address",
    "file",
    "enumeration",
    "iblock_section",
    "iblock_element",
    "crm_status",
    "crm",
    "employee",
];

const LONGEST_NAME: usize = 50;

fn wrong(text: impl Into<String>) -> Refusal {
    Refusal::wrong(400, "", text)
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn yes(fields: &Map<String, Value>, name: &str) -> bool {
    matches!(fields.get(name), Some(Value::String(flag)) if flag == "Y") || fields.get(name) == Some(&Value::Bool(true))
}

fn drop_unknown(call: &mut Call, fields: &Map<String, Value>, known: &[&str]) {
    let unknown = fields.keys().filter(|name| !known.contains(&name.as_str()));
    call.violations.extend(unknown.map(|name| format!("\"{name}\" is not known and ignored")));
}

/// What both ways of making a field say.
struct New<'a> {
    kind: Kind,
    name: String,
    user_type: &'a str,
    multiple: bool,
    mandatory: bool,
    options: Vec<String>,
    label: Value,
    xml_id: Value,
    sort: i64,
}

fn make(state: &mut State, user: i64, new: New<'_>) -> Result<UserField, Refusal> {
    if !state.is_admin(user) {
        return Err(Refusal::happens(400, "", "Access denied."));
    }
    let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if !new.name.bytes().all(legal) {
        return Err(wrong("Field name contains invalid characters. Allowed characters are: A-Z, 0-9 and _"));
    }
    if new.name.len() > LONGEST_NAME {
        return Err(wrong("Field name is too long (more than 50 characters)"));
    }
    if new.user_type.is_empty() {
        return Err(wrong("The 'USER_TYPE_ID' field is not found."));
    }
    if !TYPES.contains(&new.user_type) {
        return Err(wrong("Incorrect custom type specified"));
    }
    if state.user_fields(new.kind).any(|field| field.name == new.name) {
        // Another process may have been first.
        return Err(Refusal::happens(400, "", format!("Field {} already exists", new.name)));
    }
    let id = state.next_id("userfield");
    let options = new.options.into_iter().map(|option| (state.next_id("option"), option)).collect();
    let field = UserField {
        id,
        kind: new.kind,
        name: new.name,
        user_type: new.user_type.to_owned(),
        multiple: new.multiple,
        mandatory: new.mandatory,
        options,
        label: new.label,
        xml_id: new.xml_id,
        sort: new.sort,
    };
    state.user_fields.push(field.clone());
    Ok(field)
}

fn options(fields: &Map<String, Value>, list: &str, value: &str) -> Vec<String> {
    let list = fields.get(list).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|option| option[value].as_str()).map(str::to_owned).collect()
}

/// What `userfieldconfig.add` reads.
const CONFIG: &[&str] = &[
    "entityId",
    "fieldName",
    "userTypeId",
    "xmlId",
    "sort",
    "multiple",
    "mandatory",
    "showFilter",
    "editInList",
    "isSearchable",
    "settings",
    "editFormLabel",
    "helpMessage",
    "enum",
];

/// `userfieldconfig.add`: the name must begin with `UF_{entityId}_`, as in `UF_CRM_CONTACT_SALON_ID`.
pub(super) fn add_config(state: &mut State, call: &mut Call) -> Outcome {
    let fields = call.parameters.object("field");
    drop_unknown(call, &fields, CONFIG);
    let entity = text(&fields, "entityId");
    let kind = crm_kind(call, entity)?;
    let name = text(&fields, "fieldName").to_owned();
    if name.is_empty() {
        return Err(wrong("The 'FIELD_NAME' field is not found."));
    }
    if !name.starts_with(&format!("UF_{entity}_")) {
        return Err(wrong("You cannot create custom fields"));
    }
    let new = New {
        kind,
        name,
        user_type: text(&fields, "userTypeId"),
        multiple: yes(&fields, "multiple"),
        mandatory: yes(&fields, "mandatory"),
        options: options(&fields, "enum", "value"),
        label: fields.get("editFormLabel").cloned().unwrap_or_default(),
        xml_id: fields.get("xmlId").cloned().unwrap_or_default(),
        sort: fields.get("sort").and_then(super::form::number).unwrap_or(100),
    };
    let field = make(state, call.caller.user, new)?;
    Ok(json!({"field": config(&field)}).into())
}

fn crm_kind(call: &Call, entity: &str) -> Result<Kind, Refusal> {
    if call.parameters.text("moduleId") != "crm" {
        return Err(wrong("No settings for UserFieldAccess"));
    }
    entity.strip_prefix("CRM_").and_then(Kind::by_name).ok_or_else(|| wrong("You cannot create custom fields"))
}

fn config(field: &UserField) -> Item {
    let flag = |flag: bool| if flag { "Y" } else { "N" };
    let mut shown = json!({
        "id": field.id.to_string(), "entityId": format!("CRM_{}", field.kind.name()), "fieldName": field.name,
        "userTypeId": field.user_type, "xmlId": field.xml_id, "sort": field.sort.to_string(),
        "multiple": flag(field.multiple), "mandatory": flag(field.mandatory), "showFilter": "N", "showInList": "Y",
        "editInList": "Y", "isSearchable": "N", "settings": {}, "editFormLabel": field.label,
    });
    if field.user_type == "enumeration" {
        let option = |(id, value): &(i64, String)| json!({"id": id.to_string(), "userFieldId": field.id.to_string(), "value": value, "def": "N"});
        shown["enum"] = field.options.iter().map(option).collect();
    }
    shown.as_object().cloned().unwrap_or_default()
}

/// What `userfieldconfig.list` knows in its filter.
const LISTED: &[&str] = &[
    "id",
    "entityId",
    "fieldName",
    "userTypeId",
    "xmlId",
    "sort",
    "multiple",
    "mandatory",
    "showFilter",
    "showInList",
    "editInList",
    "isSearchable",
    "settings",
    "editFormLabel",
    "enum",
    "language",
];

/// `userfieldconfig.list`.
pub(super) fn list_config(state: &mut State, call: &mut Call) -> Outcome {
    if call.parameters.text("moduleId") != "crm" {
        return Err(wrong("No settings for UserFieldAccess"));
    }
    let rows: Vec<Item> = state.user_fields.iter().map(config).collect();
    // Its `select` names a language among the fields; the labels here have none.
    call.parameters.values.remove("select");
    let page = listing::plain(state, call, &rows, LISTED)?;
    Ok(super::answer::Success { result: json!({"fields": page.result}), ..page })
}

/// The kind that a method of the family `crm.{kind}.userfield.*` is about.
fn family(call: &Call) -> Result<Kind, Refusal> {
    let kind = call.method.split('.').nth(1).and_then(Kind::by_name);
    kind.ok_or_else(|| Refusal::wrong(404, "ERROR_METHOD_NOT_FOUND", "Method not found!"))
}

/// What the old methods read.
const FIELDS: &[&str] = &[
    "FIELD_NAME",
    "USER_TYPE_ID",
    "XML_ID",
    "SORT",
    "MULTIPLE",
    "MANDATORY",
    "SHOW_FILTER",
    "SHOW_IN_LIST",
    "EDIT_IN_LIST",
    "IS_SEARCHABLE",
    "LABEL",
    "EDIT_FORM_LABEL",
    "LIST_COLUMN_LABEL",
    "LIST_FILTER_LABEL",
    "ERROR_MESSAGE",
    "HELP_MESSAGE",
    "LIST",
    "SETTINGS",
];

/// `crm.{kind}.userfield.add`: `UF_CRM_` is put before a name without it.
pub(super) fn add(state: &mut State, call: &mut Call) -> Outcome {
    let (kind, fields) = (family(call)?, call.parameters.object("fields"));
    drop_unknown(call, &fields, FIELDS);
    let name = text(&fields, "FIELD_NAME");
    if name.is_empty() {
        return Err(wrong("The 'FIELD_NAME' field is not found."));
    }
    let label = fields.get("EDIT_FORM_LABEL").or_else(|| fields.get("LABEL")).cloned().unwrap_or_default();
    let new = New {
        kind,
        name: if name.starts_with("UF_CRM_") { name.to_owned() } else { format!("UF_CRM_{name}") },
        user_type: text(&fields, "USER_TYPE_ID"),
        multiple: yes(&fields, "MULTIPLE"),
        mandatory: yes(&fields, "MANDATORY"),
        options: options(&fields, "LIST", "VALUE"),
        label,
        xml_id: fields.get("XML_ID").cloned().unwrap_or_default(),
        sort: fields.get("SORT").and_then(super::form::number).unwrap_or(100),
    };
    let field = make(state, call.caller.user, new)?;
    Ok(json!(field.id).into())
}

/// `crm.{kind}.userfield.list`.
pub(super) fn list(state: &mut State, call: &mut Call) -> Outcome {
    let kind = family(call)?;
    if !state.is_admin(call.caller.user) {
        return Err(Refusal::happens(400, "", "Access denied."));
    }
    let flag = |flag: bool| if flag { "Y" } else { "N" };
    let row = |field: &UserField| {
        let mut row = json!({
            "ID": field.id.to_string(), "ENTITY_ID": format!("CRM_{}", kind.name()), "FIELD_NAME": field.name,
            "USER_TYPE_ID": field.user_type, "XML_ID": field.xml_id, "SORT": field.sort.to_string(),
            "MULTIPLE": flag(field.multiple), "MANDATORY": flag(field.mandatory), "SHOW_FILTER": "N", "SHOW_IN_LIST": "Y",
            "EDIT_IN_LIST": "Y", "IS_SEARCHABLE": "N", "SETTINGS": {},
        });
        if field.user_type == "enumeration" {
            let option = |(id, value): &(i64, String)| json!({"ID": id.to_string(), "VALUE": value, "DEF": "N"});
            row["LIST"] = field.options.iter().map(option).collect();
        }
        row.as_object().cloned().unwrap_or_default()
    };
    let rows: Vec<Item> = state.user_fields(kind).map(row).collect();
    listing::plain(state, call, &rows, &["ID", "FIELD_NAME", "USER_TYPE_ID", "XML_ID", "SORT", "MULTIPLE", "MANDATORY"])
}
