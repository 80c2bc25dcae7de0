//! What the portal tells about itself: users, directories, fields, the CRM's mode, the application.

use serde_json::{Map, Value, json};

use super::{
    answer::{Outcome, Refusal},
    camel,
    fields::{Type, standard},
    listing,
    methods::Call,
    seed::{Mode, User},
    state::{Item, State, UserField},
};

/// `crm.item.fields`.
pub(super) fn fields(state: &mut State, call: &mut Call) -> Outcome {
    let (kind, original) = (call.kind()?, call.original_names());
    let mut fields = Map::new();
    for field in standard(kind) {
        let mut about = json!({
            "type": field.of.name(), "isRequired": false, "isReadOnly": field.read_only, "isImmutable": false,
            "isMultiple": field.multiple, "isDynamic": false, "title": field.name, "upperName": camel::upper(field.name),
        });
        if let Type::Status(entity) = field.of {
            about["statusType"] = entity.into();
        }
        fields.insert(field.name.to_owned(), about);
    }
    for field in state.user_fields(kind) {
        let name = if original { field.name.clone() } else { camel::of(&field.name) };
        fields.insert(name, custom(field));
    }
    Ok(json!({"fields": fields}).into())
}

fn custom(field: &UserField) -> Value {
    let mut about = json!({
        "type": field.user_type, "isRequired": field.mandatory, "isReadOnly": false, "isImmutable": false,
        "isMultiple": field.multiple, "isDynamic": true, "title": field.label, "upperName": field.name,
    });
    if field.user_type == "enumeration" {
        let items = field.options.iter().map(|(id, value)| json!({"ID": id.to_string(), "VALUE": value}));
        about["items"] = items.collect();
    }
    about
}

const STATUS_FIELDS: &[&str] = &["ID", "ENTITY_ID", "STATUS_ID", "NAME", "SORT", "SYSTEM", "SEMANTICS", "CATEGORY_ID"];

/// `crm.status.list`.
pub(super) fn statuses(state: &mut State, call: &mut Call) -> Outcome {
    call.must_read(state)?;
    let rows = state.statuses.iter().enumerate().map(|(index, status)| {
        let row = json!({
            "ID": (index + 1).to_string(), "ENTITY_ID": status.entity, "STATUS_ID": status.id, "NAME": status.name,
            "NAME_INIT": "", "SORT": ((index + 1) * 10).to_string(), "SYSTEM": "N", "CATEGORY_ID": null, "COLOR": "",
            "SEMANTICS": status.semantics,
        });
        row.as_object().cloned().unwrap_or_default()
    });
    let rows: Vec<Item> = rows.collect();
    listing::plain(state, call, &rows, STATUS_FIELDS)
}

/// `crm.settings.mode.get`: 1 is classic, 2 is simple.
pub(super) fn mode(state: &State) -> Outcome {
    Ok(json!(if state.portal.mode == Mode::Classic { 1 } else { 2 }).into())
}

fn user(user: &User) -> Item {
    let row = json!({
        "ID": user.id.to_string(), "ACTIVE": user.active, "NAME": user.name, "LAST_NAME": user.last_name,
        "SECOND_NAME": "", "EMAIL": user.email, "TIME_ZONE": "", "PERSONAL_GENDER": "", "WORK_POSITION": "",
        "UF_DEPARTMENT": [1], "USER_TYPE": "employee",
    });
    row.as_object().cloned().unwrap_or_default()
}

fn caller<'a>(state: &'a State, call: &Call) -> Result<&'a User, Refusal> {
    state.users.get(&call.caller.user).ok_or_else(Refusal::access_denied)
}

/// `user.current`.
pub(super) fn current_user(state: &mut State, call: &mut Call) -> Outcome {
    Ok(Value::Object(user(caller(state, call)?)).into())
}

/// `user.get`.
pub(super) fn users(state: &mut State, call: &mut Call) -> Outcome {
    let only = call.parameters.number("ID");
    let rows = state.users.values().filter(|user| only.is_none_or(|id| user.id == id)).map(user);
    let rows: Vec<Item> = rows.collect();
    // Its order is one field's name and one direction.
    let sort = call.parameters.values.remove("sort");
    if let Some(direction) = call.parameters.values.remove("order")
        && let Some(field) = sort.as_ref().and_then(Value::as_str)
    {
        call.parameters.values.insert("order".to_owned(), json!({field: direction}));
    }
    listing::plain(state, call, &rows, &["ID", "ACTIVE", "NAME", "LAST_NAME", "EMAIL", "USER_TYPE", "UF_DEPARTMENT"])
}

/// `profile`.
pub(super) fn profile(state: &mut State, call: &mut Call) -> Outcome {
    let user = caller(state, call)?;
    Ok(json!({"ID": user.id.to_string(), "ADMIN": user.admin, "NAME": user.name, "LAST_NAME": user.last_name,
              "PERSONAL_GENDER": "", "TIME_ZONE": ""})
    .into())
}

/// `app.info`.
pub(super) fn app(state: &mut State, call: &mut Call) -> Outcome {
    let denied = || Refusal::wrong(400, "ACCESS_DENIED", "Access denied! Application context required");
    let client_id = call.caller.app.as_deref().ok_or_else(denied)?;
    let app = state.app(client_id).ok_or_else(denied)?;
    let expired = if app.payment_required { "Y" } else { "N" };
    Ok(json!({"ID": 1, "CODE": client_id, "VERSION": 1, "STATUS": "L", "INSTALLED": true, "PAYMENT_EXPIRED": expired,
              "DAYS": null, "LANGUAGE_ID": "en", "LICENSE": "en_std", "LICENSE_TYPE": "std", "LICENSE_FAMILY": "std"})
    .into())
}
