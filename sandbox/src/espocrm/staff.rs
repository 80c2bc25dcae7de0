//! What the salon's staff do in the vendor's own screens.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    EspoCrm, leads, multifield,
    records::{self, Writing},
    schema::{Kind, value_attribute},
    state::{By, Record, State},
};

/// An action, told by `do`.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Action {
    /// Makes a record.
    Create {
        #[serde(rename = "type")]
        scope: String,
        fields: Record,
    },
    /// Changes a record.
    Edit {
        #[serde(rename = "type")]
        scope: String,
        id: String,
        fields: Record,
    },
    /// Deletes a record.
    Delete {
        #[serde(rename = "type")]
        scope: String,
        id: String,
    },
    /// Turns a lead into a contact.
    Convert { id: String },
    /// Merges two contacts: `into` keeps its values, takes what it has none of, and all that is linked to `from`.
    Merge { into: String, from: String },
}

/// Who acts.
#[derive(Debug, Deserialize)]
struct Actor {
    by: Option<String>,
}

impl EspoCrm {
    /// Does what `action` says:
    ///
    /// ```json
    /// { "do": "create", "type": "Contact", "fields": { "lastName": "Anna" }, "by": "u1" }
    /// { "do": "edit", "type": "Meeting", "id": "...", "fields": { "status": "Held" } }
    /// { "do": "delete", "type": "Lead", "id": "..." }
    /// { "do": "convert", "id": "..." }
    /// { "do": "merge", "into": "...", "from": "..." }
    /// ```
    ///
    /// `by` is a user, `system` if it is left out. A lead is converted into a contact, a merge is of contacts. `create` answers
    /// `{"id"}`, `convert` `{"contact"}`, the others `{}`. Webhooks hear of it.
    ///
    /// # Errors
    ///
    /// Why it can't be done.
    pub fn act(&self, action: &Value) -> Result<Value, String> {
        let actor = Actor::deserialize(action).map_err(|error| error.to_string())?;
        let action = Action::deserialize(action).map_err(|error| error.to_string())?;
        let by = By { user: actor.by.unwrap_or_else(|| "system".to_owned()), now: self.world.now() };
        let mut state = self.state();
        if by.user != "system" && state.record("User", &by.user).is_none() {
            return Err(format!("user {} doesn't exist", by.user));
        }
        let mut ignored = Vec::new();
        let mut writing = Writing { by: &by, account: None, skip_duplicates: true, violations: &mut ignored };
        let answer = perform(&mut state, action, &mut writing);
        drop(state);
        self.wake();
        let answer = answer?;
        if ignored.is_empty() { Ok(answer) } else { Err(ignored.join("; ")) }
    }
}

fn perform(state: &mut State, action: Action, writing: &mut Writing<'_>) -> Result<Value, String> {
    let told = |refusal: super::answer::Refusal| refusal.text();
    match action {
        Action::Create { scope, fields } => {
            let made = records::create(state, &scope, &fields, writing).map_err(told)?;
            Ok(json!({"id": made.get("id")}))
        }
        Action::Edit { scope, id, fields } => {
            records::update(state, &scope, &id, &fields, writing).map(|_| json!({})).map_err(told)
        }
        Action::Delete { scope, id } => records::remove(state, &scope, &id, writing.by).map(|_| json!({})).map_err(told),
        Action::Convert { id } => {
            let offered = leads::attributes(state, &id).map_err(told)?;
            let contact = json!({"Contact": offered["Contact"]});
            let lead = leads::convert(state, &id, contact.as_object().ok_or("no contact")?, writing).map_err(told)?;
            Ok(json!({"contact": lead.get("createdContactId")}))
        }
        Action::Merge { into, from } => merge(state, &into, &from, writing.by).map(|()| json!({})),
    }
}

fn merge(state: &mut State, into: &str, from: &str, by: &By) -> Result<(), String> {
    if into == from {
        return Err("a record can't be merged with itself".to_owned());
    }
    let find = |id: &str| state.record("Contact", id).cloned().ok_or_else(|| format!("contact {id} doesn't exist"));
    let (before, lost) = (find(into)?, find(from)?);
    let mut kept = before.clone();
    for (name, value) in &lost {
        let empty = kept.get(name).is_none_or(|value| value.is_null() || *value == "" || *value == json!([]));
        if empty && !name.ends_with("Data") {
            kept.insert(name.clone(), value.clone());
        }
    }
    for name in ["phoneNumber", "emailAddress"] {
        let list = |record: &Record| record.get(&format!("{name}Data")).and_then(Value::as_array).cloned().unwrap_or_default();
        let mut all = list(&before);
        for mut entry in list(&lost) {
            if all.iter().all(|other| other[name] != entry[name]) {
                entry["primary"] = all.is_empty().into();
                all.push(entry);
            }
        }
        multifield::store(&mut kept, name, all);
    }
    relink(state, into, from);
    records::rewrite(state, "Contact", into, &before, kept, by);
    records::remove(state, "Contact", from, by).map(|_| ()).map_err(|refusal| refusal.text())
}

/// What led to one contact leads to the other.
fn relink(state: &mut State, into: &str, from: &str) {
    let name = state.name_of("Contact", into);
    let State { schema, records, .. } = state;
    for (scope, entity) in schema {
        for record in records.get_mut(scope).into_iter().flat_map(|records| records.values_mut()) {
            for (field, definition) in &entity.fields {
                let attribute = value_attribute(field, definition.kind);
                let to_contacts = definition.entity.as_deref() == Some("Contact");
                match definition.kind {
                    Kind::LinkParent if record.get(&format!("{field}Type")) == Some(&"Contact".into()) => {}
                    Kind::Link | Kind::LinkMultiple if to_contacts => {}
                    _ => continue,
                }
                match record.get_mut(&attribute) {
                    Some(Value::String(id)) if id == from => *id = into.to_owned(),
                    Some(Value::Array(ids)) if ids.iter().any(|id| id == from) => {
                        ids.retain(|id| id != from && id != into);
                        ids.push(into.into());
                        record.insert(format!("{field}Names"), json!({into: name}));
                        continue;
                    }
                    _ => continue,
                }
                record.insert(format!("{field}Name"), name.clone());
            }
        }
    }
}
