//! Todos: `crm.activity.todo.*`. Bitrix24 keeps no id of ours on them, so ours stands at the end of the description, and that is how an
//! earlier one is found.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    batch::Command,
    fields::{line, plain},
    items::{Kind, numeric},
    settings::Settings,
    wire,
};
use crate::{
    crm::{CrmCall, TaskCard, meaning::Effect},
    vendor::Failure,
};

const TITLE_CHARS: usize = 255;

/// On whose card a todo stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    pub(super) kind: Kind,
    pub(super) id: u64,
}

/// A todo to add.
pub(super) struct New<'a> {
    pub(super) ours: Uuid,
    pub(super) title: &'a str,
    pub(super) text: &'a str,
    /// With its offset.
    pub(super) deadline: String,
    pub(super) responsible: u64,
}

impl New<'_> {
    /// `crm.activity.todo.add`, but for its owner's id.
    pub(super) fn params(&self, kind: Kind) -> Value {
        let text = plain(self.text.trim());
        let gap = if text.is_empty() { "" } else { "\n\n" };
        json!({
            "ownerTypeId": kind.type_id(),
            "deadline": self.deadline,
            "title": line(self.title, TITLE_CHARS).unwrap_or_default(),
            "description": format!("{text}{gap}{}", mark(self.ours)),
            "responsibleId": self.responsible,
        })
    }

    /// The same on a card that is there.
    pub(super) fn on(&self, owner: Owner) -> Command {
        let mut params = self.params(owner.kind);
        params["ownerId"] = json!(owner.id);
        Command::new("crm.activity.todo.add", params)
    }
}

/// A todo that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Todo {
    pub(super) id: u64,
    pub(super) deadline: Option<DateTime<Utc>>,
    pub(super) done: bool,
}

fn mark(ours: Uuid) -> String {
    format!("salon-core {ours}")
}

/// The newest fifty activities of a card. More than that don't come between two attempts, and a visit's deal hasn't so many.
pub(super) fn list(owner: Owner) -> Command {
    let params = json!({
        "filter": {"OWNER_TYPE_ID": owner.kind.type_id(), "OWNER_ID": owner.id},
        "order": {"ID": "DESC"},
        "select": ["ID", "DESCRIPTION", "DEADLINE", "COMPLETED"],
    });
    Command::new("crm.activity.list", params)
}

/// Ours among them.
pub(super) fn ours(listed: &Value, id: Uuid) -> Option<Todo> {
    let mark = mark(id);
    let is_ours = |activity: &&Value| wire::field(activity, "DESCRIPTION").is_some_and(|text| text.contains(&mark));
    let found = wire::members(listed).into_iter().find(is_ours)?;
    Some(Todo {
        id: found.get("ID").and_then(wire::number).and_then(|id| u64::try_from(id).ok())?,
        deadline: wire::moment(found, "DEADLINE"),
        done: wire::field(found, "COMPLETED").as_deref() == Some("Y"),
    })
}

/// Moves a todo.
pub(super) fn postpone(owner: Owner, id: u64, deadline: String) -> Command {
    let params = json!({"ownerTypeId": owner.kind.type_id(), "ownerId": owner.id, "id": id, "value": deadline});
    Command::new("crm.activity.todo.updateDeadline", params)
}

/// Ticks a todo off. There is no todo method for that.
pub(super) fn complete(id: u64) -> Command {
    Command::new("crm.activity.update", json!({"id": id, "fields": {"COMPLETED": "Y"}}))
}

/// Gives somebody a task on a client's card, unless an earlier attempt has.
pub(super) async fn ensure(crm: &CrmCall<'_>, task: &TaskCard) -> Result<String, Failure> {
    let settings = Settings::of(crm.account)?;
    let owner = Owner { kind: Kind::Contact, id: numeric(&task.client)? };
    let listed = list(owner).alone(crm, Effect::Repeatable).await?;
    if let Some(there) = ours(&listed, task.id.0) {
        return Ok(there.id.to_string());
    }
    let new = New {
        ours: task.id.0,
        title: &task.title,
        text: &task.text,
        deadline: wire::at(&task.due),
        responsible: settings.responsible_id,
    };
    let added = new.on(owner).alone(crm, Effect::Repeatable).await?;
    added.get("id").and_then(wire::id).ok_or_else(|| Effect::Repeatable.unreadable())
}
