//! Notes are comments on a contact's timeline.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{call::call, fields::plain, items::numeric, wire};
use crate::{
    crm::{CrmCall, NoteCard, Noted, meaning::Effect},
    vendor::Failure,
};

/// How far their clock may be behind ours; they keep whole seconds.
const SKEW: TimeDelta = TimeDelta::seconds(3);
/// Pages of 50 after which a look-up gives up: nobody writes so much between two attempts.
const PAGES: usize = 20;

/// Adds a note. Each call adds one. The parameter's name must be in lower case (Bitrix24 note, 3.2).
pub(super) async fn add(crm: &CrmCall<'_>, note: &NoteCard) -> Result<Noted, Failure> {
    let fields = json!({"ENTITY_ID": numeric(&note.client)?, "ENTITY_TYPE": "contact", "COMMENT": plain(&note.text)});
    let answer = call(crm, "crm.timeline.comment.add", json!({"fields": fields}), Effect::Once).await?;
    let note = wire::id(&answer.result).ok_or_else(|| Effect::Once.unreadable())?;
    Ok(Noted { conversation: None, note })
}

/// The earliest comment since then that an attempt to add `note` may have left.
pub(super) async fn find(
    crm: &CrmCall<'_>,
    note: &NoteCard,
    since: DateTime<Utc>,
    taken: &[String],
) -> Result<Option<Noted>, Failure> {
    let since = since.checked_sub_signed(SKEW).unwrap_or(since);
    let wanted = unified(&plain(&note.text));
    let mut found = None;
    for page in 0..PAGES {
        let params = json!({
            "filter": {"ENTITY_ID": numeric(&note.client)?, "ENTITY_TYPE": "contact"},
            "order": {"ID": "DESC"},
            "select": ["ID", "CREATED", "COMMENT"],
            "start": page * 50,
        });
        let answer = call(crm, "crm.timeline.comment.list", params, Effect::Repeatable).await?;
        let comments = wire::members(&answer.result);
        for comment in &comments {
            let Some(id) = comment.get("ID").and_then(wire::id) else { continue };
            let recent = wire::moment(comment, "CREATED").is_some_and(|at| at >= since);
            if recent && !taken.contains(&id) && text(comment) == wanted {
                found = Some(Noted { conversation: None, note: id });
            }
        }
        let older = comments.iter().any(|comment| wire::moment(comment, "CREATED").is_some_and(|at| at < since));
        if older || comments.is_empty() || !answer.next {
            return Ok(found);
        }
    }
    // Not "not there": saying so would make a double.
    Err(Failure::retry("too_many_comments"))
}

fn text(comment: &Value) -> String {
    unified(comment.get("COMMENT").and_then(Value::as_str).unwrap_or_default())
}

/// PHP may write lines' ends in its own way.
fn unified(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}
