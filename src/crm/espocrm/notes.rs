//! What was said, and what is to be done.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Settings, api,
    fields::scope,
    text::{LINE, cut, plain},
    wire::{Body, Where, Whoami, moment, parent},
};
use crate::{
    crm::{CrmCall, Entity, NoteCard, Noted, TaskCard, meaning::Effect},
    vendor::Failure,
};

/// How far their clock may be behind ours, and the part of a second that theirs does not tell.
const SKEW: TimeDelta = TimeDelta::seconds(3);
/// Entries of a stream read at once in a look-up.
const PAGE: usize = 100;
/// Pages after which a look-up gives up: nobody writes so much between two attempts.
const PAGES: usize = 20;

/// A note is an entry of the stream on the contact's record.
pub(super) async fn append(call: &CrmCall<'_>, note: &NoteCard) -> Result<Noted, Failure> {
    let mut body = Body::default();
    body.set("type", "Post");
    parent(&mut body, Entity::Client, &note.client);
    body.set("post", plain(&note.text));
    let (id, _) = api::create(call, "Note", &body, Effect::Once).await?;
    Ok(Noted { conversation: None, note: id })
}

/// The earliest entry since then that an attempt to add this note may have left: ours, on this record, with this text.
pub(super) async fn find(
    call: &CrmCall<'_>,
    note: &NoteCard,
    since: DateTime<Utc>,
    taken: &[String],
) -> Result<Option<Noted>, Failure> {
    let since = since.checked_sub_signed(SKEW).unwrap_or(since);
    let me: Whoami = api::get(call, &["App", "user"], &[]).await?;
    let me = me.user.id().ok_or_else(|| Failure::retry("no_user"))?;
    let post = plain(&note.text);
    let mut found: Vec<(DateTime<Utc>, String)> = Vec::new();
    for page in 0..PAGES {
        let query = [("offset".to_owned(), (page * PAGE).to_string()), ("maxSize".to_owned(), PAGE.to_string())];
        let entries = api::list(call, &[scope(Entity::Client), &note.client, "stream"], &query).await.map_err(api::gone)?;
        let times: Vec<Option<DateTime<Utc>>> = entries.iter().map(|entry| entry.moment("createdAt")).collect();
        for (entry, at) in entries.iter().zip(&times) {
            // The stream of a contact shows what is on its meetings as well.
            let here = entry.text("parentId").is_none_or(|parent| parent == note.client);
            let ours = entry.text("type") == Some("Post") && entry.text("createdById") == Some(me);
            if let (Some(at), Some(id)) = (*at, entry.id())
                && at >= since
                && here
                && ours
                && entry.text("post") == Some(post.trim())
                && taken.iter().all(|other| other != id)
            {
                found.push((at, id.to_owned()));
            }
        }
        // Newest first.
        if entries.len() < PAGE || times.iter().flatten().any(|at| *at < since) {
            let earliest = found.into_iter().min_by_key(|(at, _)| *at);
            return Ok(earliest.map(|(_, note)| Noted { conversation: None, note }));
        }
    }
    // Not "not there": saying so would make a double.
    Err(Failure::retry("too_many_notes"))
}

/// A task has no field of ours, so our id stands at the end of its description and is looked for there.
pub(super) async fn task(call: &CrmCall<'_>, task: &TaskCard) -> Result<String, Failure> {
    let settings: Settings = call.account.settings()?;
    let ours = task.id.to_string();
    let conditions = [
        Where { kind: "equals", attribute: "parentId", value: &task.client },
        Where { kind: "contains", attribute: "description", value: &ours },
    ];
    let found = api::search(call, "Task", &conditions, "id", "2").await?;
    if let Some(id) = found.first().and_then(|record| record.id()) {
        return Ok(id.to_owned());
    }
    // The next attempt finds it by our id.
    Ok(api::create(call, "Task", &new_task(&settings, task, &ours), Effect::Repeatable).await?.0)
}

fn new_task(settings: &Settings, task: &TaskCard, ours: &str) -> Body {
    let mut body = Body::default();
    body.set("name", Some(cut(&task.title, LINE)).filter(|name| !name.is_empty()).unwrap_or_else(|| "To do".to_owned()));
    body.set("description", format!("{}\n\n{ours}", plain(&task.text)).trim_start().to_owned());
    body.set("priority", "Urgent");
    body.set("dateEnd", moment(task.due));
    parent(&mut body, Entity::Client, &task.client);
    body.set("assignedUserId", settings.assigned_user_id.as_str());
    settings.team(&mut body);
    body
}
