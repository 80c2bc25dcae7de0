//! What operators answer in erxes' inbox. erxes posts it to nobody: it is polled.
//!
//! Redis carries it too (`conversationMessageInserted:<id>`), at most once and only to who was listening; a poll is needed beside that
//! anyway, and is all there is here.

use chrono::{DateTime, Utc};

use super::{access::Access, inspect, notes::written_since, text::plain, wire::Message};
use crate::{
    crm::{CrmCall, InboxReply, RepliedBy},
    vendor::Failure,
};

/// The principal of an app token has an id of this form.
const APP: &str = "app:";

/// Messages of operators and of erxes' own bot since then, oldest first. What applications wrote, and what was written under our own
/// token, is ours: it is no answer. So the user who gives us access must be nobody who answers clients.
pub(super) async fn replies_since(
    crm: &CrmCall<'_>,
    conversation: &str,
    since: DateTime<Utc>,
) -> Result<Vec<InboxReply>, Failure> {
    let ours = if Access::of(crm.account).is_user() { inspect::user(crm).await?.id } else { None };
    let mut replies: Vec<InboxReply> = Vec::new();
    for message in written_since(crm, conversation, since).await? {
        if let Some(reply) = reply(message, ours.as_deref())
            && reply.at >= since
            && !replies.iter().any(|known| known.id == reply.id)
        {
            replies.push(reply);
        }
    }
    replies.sort_by(|left, right| (left.at, &left.id).cmp(&(right.at, &right.id)));
    Ok(replies)
}

fn reply(message: Message, ours: Option<&str>) -> Option<InboxReply> {
    let some = |id: Option<String>| id.filter(|id| !id.is_empty());
    if message.internal == Some(true) || some(message.customer_id).is_some() {
        return None;
    }
    let by = match (some(message.user_id), message.from_bot) {
        (Some(user), _) if user.starts_with(APP) || Some(user.as_str()) == ours => return None,
        (Some(_), _) => RepliedBy::Operator,
        (None, Some(true)) => RepliedBy::Bot,
        (None, _) => return None,
    };
    let text = plain(message.content.as_deref().unwrap_or_default());
    Some(InboxReply { id: message.id?, text, at: message.created_at?, by })
}
