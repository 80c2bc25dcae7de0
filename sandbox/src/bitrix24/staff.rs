//! What the salon's staff do in the portal's own screens.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Bitrix24,
    delivery::Event,
    fields::{self, Change},
    items::{self, By, Item},
    oauth,
    seed::strict,
    state::{Kind, State, is_about, is_owned},
};

/// An action, told by `do`.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Action {
    /// Makes a record.
    Add { entity: Kind, fields: Item },
    /// Changes fields or the stage of a record.
    Edit { entity: Kind, id: i64, fields: Item },
    /// Deletes a record.
    Delete { entity: Kind, id: i64 },
    /// Merges two records: `into` keeps its values, takes what it has none of, and all that is linked to `from`.
    Merge { entity: Kind, into: i64, from: i64 },
    /// Lets an application in: the code for its first tokens.
    Authorize { client_id: String },
    /// Completes an activity.
    Complete { activity: i64 },
}

/// Who acts.
#[derive(Debug, Deserialize)]
struct Actor {
    /// A user; the first one when left out.
    by: Option<i64>,
    /// A robot does it: the events carry no tokens.
    #[serde(default)]
    robot: bool,
}

impl Bitrix24 {
    /// Does what `action` says:
    ///
    /// ```json
    /// { "do": "add", "entity": "contact", "fields": { "name": "Anna" }, "by": 1, "robot": false }
    /// { "do": "edit", "entity": "deal", "id": 3, "fields": { "stageId": "WON" } }
    /// { "do": "delete", "entity": "lead", "id": 3 }
    /// { "do": "merge", "entity": "contact", "into": 3, "from": 4 }
    /// { "do": "complete", "activity": 5 }
    /// { "do": "authorize", "client_id": "app.1" }
    /// ```
    ///
    /// The last answers `{"code": ...}`, which lives for 30 seconds. `entity` is `lead`, `deal` or `contact`; fields are named as in
    /// `crm.item.update`. Handlers hear of it.
    ///
    /// # Errors
    ///
    /// Why it can't be done.
    pub fn act(&self, action: &Value) -> Result<Value, String> {
        let actor = Actor::deserialize(action).map_err(|error| error.to_string())?;
        let action = Action::deserialize(action).map_err(|error| error.to_string())?;
        let mut state = self.state();
        let user = actor.by.or_else(|| state.users.keys().next().copied()).ok_or("the portal has no users")?;
        if !state.users.contains_key(&user) {
            return Err(format!("user {user} doesn't exist"));
        }
        let by = By { user, now: self.world.now() };
        let (answer, happened) = perform(&mut state, action, by)?;
        drop(state);
        let user = (!actor.robot).then_some(user);
        self.post(happened.into_iter().map(|(event, id)| Event { event, id, user, twice: false }).collect());
        Ok(answer)
    }
}

type Happened = Vec<(String, i64)>;

fn event(kind: Kind, what: &str) -> String {
    format!("ONCRM{}{what}", kind.name())
}

fn perform(state: &mut State, action: Action, by: By) -> Result<(Value, Happened), String> {
    match action {
        Action::Add { entity, fields } => {
            let (id, _) = items::create(state, entity, change(state, entity, &fields)?, by, None);
            Ok((json!({"id": id}), vec![(event(entity, "ADD"), id)]))
        }
        Action::Edit { entity, id, fields } => {
            exists(state, entity, id)?;
            let (changed, ignored) = items::edit(state, entity, id, change(state, entity, &fields)?, by);
            if !ignored.is_empty() {
                return Err(ignored.join("; "));
            }
            Ok((json!({"changed": changed}), changed.then(|| (event(entity, "UPDATE"), id)).into_iter().collect()))
        }
        Action::Delete { entity, id } => {
            exists(state, entity, id)?;
            items::remove(state, entity, id);
            Ok((json!({}), vec![(event(entity, "DELETE"), id)]))
        }
        Action::Merge { entity, into, from } => {
            exists(state, entity, into)?;
            exists(state, entity, from)?;
            if into == from {
                return Err("a record can't be merged with itself".to_owned());
            }
            merge(state, entity, into, from, by);
            Ok((json!({}), vec![(event(entity, "UPDATE"), into), (event(entity, "DELETE"), from)]))
        }
        Action::Authorize { client_id } => {
            let code = oauth::authorize(state, &client_id, by.user, by.now)?;
            Ok((json!({"code": code}), Vec::new()))
        }
        Action::Complete { activity } => complete(state, activity, by),
    }
}

fn change(state: &State, kind: Kind, fields: &Item) -> Result<Change, String> {
    let change = fields::read(state, kind, fields, false).map_err(|refusal| refusal.text())?;
    strict(&change)?;
    Ok(change)
}

fn complete(state: &mut State, activity: i64, by: By) -> Result<(Value, Happened), String> {
    let stamp = state.stamp(by.now);
    let kept = state.activities.get_mut(&activity).ok_or_else(|| format!("activity {activity} doesn't exist"))?;
    kept.extend([
        ("COMPLETED".to_owned(), json!("Y")),
        ("STATUS".to_owned(), json!("2")),
        ("EDITOR_ID".to_owned(), json!(by.user.to_string())),
        ("LAST_UPDATED".to_owned(), stamp),
    ]);
    Ok((json!({}), vec![("ONCRMACTIVITYUPDATE".to_owned(), activity)]))
}

fn exists(state: &State, kind: Kind, id: i64) -> Result<(), String> {
    state.item(kind, id).map(|_| ()).ok_or_else(|| format!("{} {id} doesn't exist", kind.name().to_lowercase()))
}

fn merge(state: &mut State, kind: Kind, into: i64, from: i64, by: By) {
    let (Some(mut kept), Some(lost)) = (state.item(kind, into).cloned(), state.item(kind, from).cloned()) else { return };
    let now = state.stamp(by.now);
    for (name, value) in lost {
        let empty = |value: &Value| value.is_null() || *value == json!("") || *value == json!([]);
        match kept.get_mut(&name) {
            Some(Value::Array(list)) if name == "fm" => {
                let more = value.as_array().cloned().unwrap_or_default();
                let new = more.into_iter().filter(|one| list.iter().all(|old| old["value"] != one["value"])).collect::<Vec<_>>();
                list.extend(new);
            }
            Some(old) if empty(old) => *old = value,
            _ => {}
        }
    }
    super::multifield::aliases_of(kind, &mut kept);
    kept.insert("updatedTime".to_owned(), now);
    kept.insert("updatedBy".to_owned(), by.user.into());
    if let Some(item) = state.item_mut(kind, into) {
        *item = kept;
    }
    for activity in state.activities.values_mut() {
        if is_owned(activity, kind, from) {
            activity.insert("OWNER_ID".to_owned(), into.to_string().into());
        }
    }
    for comment in state.comments.values_mut() {
        if is_about(comment, kind, from) {
            comment.insert("ENTITY_ID".to_owned(), into.to_string().into());
        }
    }
    items::relink(state, kind, from, Some(into));
    items::remove(state, kind, from);
}
