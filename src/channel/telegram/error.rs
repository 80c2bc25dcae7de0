//! What Telegram's refusals mean. The texts are those of Telegram's own Bot API server (`tdlib/telegram-bot-api`); an error is known
//! by its status and the beginning of its lower-cased description, because new details are added to the end.

use std::time::Duration;

use super::wire::Refusal;
use crate::vendor::{Class, Failure, Reply};

/// A press that is too old to be answered.
const QUERY_TOO_OLD: &str = "query_too_old";
/// An edit that changes nothing.
const NOT_MODIFIED: &str = "not_modified";

/// Longer waits than a day are no waits: the bot is banned in effect, and the back-off may ask again.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

const RETRY: Class = Class::Retry { after: None };

/// Statuses from..=to, the description after its `Bad Request: `, the meaning, our code. The first row that fits counts.
type Row = (u16, u16, &'static str, Class, &'static str);

#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
    (429, 429, "", RETRY, "too_many_requests"),
    (403, 403, "bot was blocked by the user", Class::Unreachable, "blocked"),
    (403, 403, "user is deactivated", Class::Unreachable, "deactivated"),
    (403, 403, "bot can't initiate conversation with a user", Class::Unreachable, "not_started"),
    (403, 403, "bot was kicked from", Class::Unreachable, "kicked"),
    (403, 403, "bot is not a member of", Class::Unreachable, "not_a_member"),
    (403, 403, "the group chat was deleted", Class::Unreachable, "chat_deleted"),
    (403, 403, "", Class::Unreachable, "403:other"),
    (400, 400, "group chat was upgraded to a supergroup chat", Class::Unreachable, "migrated"),
    (400, 400, "chat not found", Class::Unreachable, "chat_not_found"),
    (400, 400, "private chat not found", Class::Unreachable, "chat_not_found"),
    (400, 400, "message is not modified", Class::Permanent, NOT_MODIFIED),
    (400, 400, "query is too old and response timeout expired or query id is invalid", Class::Permanent, QUERY_TOO_OLD),
    (400, 400, "message text is empty", Class::Permanent, "text_empty"),
    (400, 400, "message is too long", Class::Permanent, "text_too_long"),
    (400, 400, "can't parse entities", Class::Permanent, "entities"),
    (400, 400, "button_data_invalid", Class::Permanent, "button_data"),
    (400, 400, "chat_id is empty", Class::Permanent, "chat_id_empty"),
    (400, 400, "reply markup is too long", Class::Permanent, "markup_too_long"),
    (400, 400, "logged out", Class::Credential, "logged_out"),
    (400, 400, "", Class::Permanent, "400:other"),
    (401, 401, "", Class::Credential, "unauthorized"),
    (404, 404, "method not found", Class::Permanent, "no_such_method"),
    // The address is ours but for the token, so a bare "Not Found" is a malformed token.
    (404, 404, "", Class::Credential, "not_found"),
    // Another setWebhook at the same time.
    (409, 409, "", RETRY, "conflict"),
    // A self-hosted server that is told which bots to serve.
    (421, 421, "", Class::Permanent, "misdirected"),
    (500, 599, "", RETRY, "server_error"),
    (0, u16::MAX, "", Class::Permanent, "unexpected_status"),
];

/// Classifies an answer that is not a success.
pub(super) fn classify(reply: &Reply) -> Failure {
    let refusal: Refusal = reply.json().unwrap_or_default();
    let status = if reply.is_success() { refusal.error_code.unwrap_or(reply.status) } else { reply.status };
    let text = refusal.description.unwrap_or_default().to_lowercase();
    let detail = text.split_once(": ").map_or(text.as_str(), |(_, detail)| detail);
    let row = TABLE
        .iter()
        .find(|(from, to, start, ..)| (*from..=*to).contains(&status) && (detail.starts_with(start) || text.starts_with(start)));
    let Some(&(.., class, code)) = row else { return Failure::permanent("unexpected_status") };
    let stated = refusal.parameters.and_then(|parameters| parameters.retry_after).map(Duration::from_secs);
    match class {
        Class::Retry { .. } => {
            let after = stated.or_else(|| reply.seconds_header("retry-after")).map(|wait| wait.min(LONGEST_WAIT));
            Failure::new(Class::Retry { after }, code)
        }
        class => Failure::new(class, code),
    }
}

/// True where the refusal says that there is nothing left to do.
pub(super) fn is_done(failure: &Failure) -> bool {
    [QUERY_TOO_OLD, NOT_MODIFIED].contains(&failure.code.as_ref())
}
