//! What MAX's refusals mean. There is no public list of them: the codes are those that MAX's documents, its clients and their users show.
//! An error is known by its status and its `code`; its `message` is for people and may name them.

use std::time::Duration;

use super::wire::Refusal;
use crate::vendor::{Class, Failure, Reply};

/// `{"success":false}` with the status 200.
pub(super) const NOT_DONE: &str = "not_done";

/// Nobody has seen MAX say when to come back, and whoever did not slow down was refused altogether for a time: everything of the bot's
/// waits for so long.
pub(super) const FLOOD_PAUSE: Duration = Duration::from_secs(10);

/// Longer waits than a day are no waits.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

const RETRY: Class = Class::Retry { after: None };

/// Statuses from..=to, the code, the meaning, our code. The first row that fits counts; an empty code fits all.
type Row = (u16, u16, &'static str, Class, &'static str);

#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
    (429, 429, "", Class::Retry { after: Some(FLOOD_PAUSE) }, "too_many_requests"),
    // Tokens are also withdrawn, for breaking the rules.
    (401, 401, "", Class::Credential, "unauthorized"),
    // The person stopped the bot or deleted the dialogue; `bot_started` opens it again.
    (403, 403, "chat.denied", Class::Unreachable, "chat_denied"),
    (403, 403, "deprecated.token", Class::Permanent, "token_in_query"),
    // The bot's trouble, not this person's: nobody is marked as unreachable because of it.
    (403, 403, "", Class::Permanent, "403:other"),
    // Nobody ever began a dialogue, or the id is wrong.
    (404, 404, "chat.not.found", Class::Unreachable, "chat_not_found"),
    (404, 404, "dialog.not.found", Class::Unreachable, "chat_not_found"),
    (404, 404, "", Class::Permanent, "404:other"),
    // An upload that MAX is still working on.
    (400, 499, "attachment.not.ready", RETRY, "attachment_not_ready"),
    (400, 400, "proto.payload", Class::Permanent, "proto_payload"),
    (400, 400, "", Class::Permanent, "400:other"),
    (405, 405, "", Class::Permanent, "method_not_allowed"),
    (500, 599, "", RETRY, "server_error"),
    (200, 299, "", Class::Permanent, NOT_DONE),
    (0, u16::MAX, "", Class::Permanent, "unexpected_status"),
];

/// Classifies an answer that is no success.
pub(super) fn classify(reply: &Reply) -> Failure {
    let refusal = reply.json::<Refusal>();
    // MAX answers in JSON. What is none comes from something in between, which may let the next call through.
    if refusal.is_none() && !matches!(reply.status, 200..=399 | 401 | 429 | 500..=599) {
        return Failure::retry("not_json");
    }
    let code = refusal.and_then(|refusal| refusal.code.0).unwrap_or_default();
    let row = TABLE
        .iter()
        .find(|(from, to, wanted, ..)| (*from..=*to).contains(&reply.status) && (wanted.is_empty() || *wanted == code));
    let Some(&(.., class, ours)) = row else { return Failure::permanent("unexpected_status") };
    match class {
        Class::Retry { after } => {
            let stated = reply.seconds_header("retry-after").map(|wait| wait.min(LONGEST_WAIT));
            Failure::new(Class::Retry { after: stated.or(after) }, ours)
        }
        class => Failure::new(class, ours),
    }
}

/// Classifies the answer to a send. MAX recognises no repetition: after an error of its servers the message may have been sent.
pub(super) fn classify_send(reply: &Reply) -> Failure {
    let failure = classify(reply);
    if reply.status >= 500 { Failure::unknown(failure.code) } else { failure }
}

/// True where the refusal says that nothing is left to do: the press is too old, its message or its dialogue gone.
pub(super) fn is_done(failure: &Failure) -> bool {
    [NOT_DONE, "proto_payload", "400:other", "404:other", "chat_not_found", "chat_denied"].contains(&failure.code.as_ref())
}
