//! What VK's refusals mean. An error is known by its code, which is in the body: the HTTP status says nothing.

use std::time::Duration;

use crate::vendor::{Class, Failure, Reply};

/// The keyboard is refused, and nothing was sent.
const KEYBOARD: i64 = 911;
/// A parameter is missing or wrong.
const PARAMETER: i64 = 100;

const RETRY: Class = Class::Retry { after: None };

/// VK names no waits; these are ours.
const fn wait(seconds: u64) -> Class {
    Class::Retry { after: Some(Duration::from_secs(seconds)) }
}

/// VK's code, the meaning, our name.
type Row = (i64, Class, &'static str);

/// VK: errors.json of the API's schema, and messages.send for those that are not in it.
#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
    (1, RETRY, "1:unknown"),
    (5, Class::Credential, "5:authorization"),
    (6, wait(1), "6:too_many_per_second"),
    (7, Class::Permanent, "7:permission"),
    (8, Class::Permanent, "8:invalid_request"),
    // Many actions of one kind. Sent again at once, it would only last longer.
    (9, wait(120), "9:flood"),
    (10, RETRY, "10:internal"),
    // A person would have to read a picture. Slower it may pass.
    (14, wait(900), "14:captcha"),
    (15, Class::Permanent, "15:access"),
    (17, Class::Credential, "17:validation"),
    (18, Class::Unreachable, "18:deleted"),
    (20, Class::Permanent, "20:not_for_this_app"),
    (21, Class::Permanent, "21:not_for_this_app"),
    (23, Class::Permanent, "23:disabled"),
    (24, Class::Credential, "24:confirmation"),
    (25, Class::Credential, "25:token_confirmation"),
    (27, Class::Credential, "27:group_authorization"),
    (28, Class::Credential, "28:app_authorization"),
    // The quota of a method, of secret size, over hours.
    (29, wait(3_600), "29:quota"),
    // The work was cut off somewhere in the middle.
    (36, Class::Unknown, "36:timed_out"),
    (37, Class::Unreachable, "37:banned"),
    (42, Class::Permanent, "42:address_not_allowed"),
    (43, RETRY, "43:unavailable"),
    (PARAMETER, Class::Permanent, "100:parameter"),
    (104, Class::Permanent, "104:not_found"),
    (113, Class::Permanent, "113:user_id"),
    (125, Class::Permanent, "125:group_id"),
    (203, Class::Permanent, "203:group_access"),
    (900, Class::Unreachable, "900:blacklisted"),
    (901, Class::Unreachable, "901:denied"),
    (902, Class::Unreachable, "902:privacy"),
    (909, Class::Permanent, "909:edit_too_late"),
    (910, Class::Permanent, "910:too_big"),
    (KEYBOARD, Class::Permanent, "911:keyboard"),
    (912, Class::Permanent, "912:bots_off"),
    (913, Class::Permanent, "913:too_many_forwards"),
    (914, Class::Permanent, "914:too_long"),
    (917, Class::Permanent, "917:chat_access"),
    (920, Class::Permanent, "920:edit_kind"),
    (922, Class::Permanent, "922:chat_left"),
    (925, Class::Permanent, "925:chat_admin"),
    (927, Class::Permanent, "927:no_chat"),
    (932, Class::Permanent, "932:chat_with_group"),
    (935, Class::Permanent, "935:chat_member"),
    (936, Class::Permanent, "936:no_contact"),
    (940, Class::Permanent, "940:too_many_posts"),
    (943, Class::Permanent, "943:intent"),
    (944, Class::Permanent, "944:intent_limit"),
    (945, Class::Permanent, "945:chat_disabled"),
    (946, Class::Permanent, "946:chat_unsupported"),
    (949, Class::Permanent, "949:pinned"),
    (950, Class::Permanent, "950:reply_timed_out"),
    (962, Class::Permanent, "962:chat_closed"),
    (969, Class::Permanent, "969:not_forwardable"),
    (979, Class::Permanent, "979:special_chat"),
    (983, Class::Permanent, "983:writing_disabled"),
    // VK takes the community for a spammer: everything else it sends makes it worse.
    (984, Class::Credential, "984:spam"),
    (985, Class::Permanent, "985:notifications_only"),
    (987, Class::Permanent, "987:message_request"),
    (988, Class::Permanent, "988:message_request"),
    (1012, Class::Permanent, "1012:chat"),
    (1021, Class::Unreachable, "1021:no_conversation"),
    (1105, wait(900), "1105:auth_flood"),
    (1117, Class::Credential, "1117:token_expired"),
    (2000, Class::Permanent, "2000:servers_limit"),
    (3300, Class::Credential, "3300:captcha_needed"),
    (3301, Class::Credential, "3301:phone_needed"),
    (3302, Class::Credential, "3302:password_needed"),
    (3303, Class::Credential, "3303:code_needed"),
    (3304, Class::Credential, "3304:mail_needed"),
    (3609, Class::Credential, "3609:token_extension"),
    (3610, Class::Unreachable, "3610:deactivated"),
    (9999, Class::Permanent, "9999:http_method"),
    (11_500, Class::Credential, "11500:user_check"),
];

/// Classifies an error by its code.
pub(super) fn classify(code: i64) -> Failure {
    match TABLE.iter().find(|(known, ..)| *known == code) {
        Some(&(_, class, name)) => Failure::new(class, name),
        None => Failure::permanent(format!("{code}:other")),
    }
}

/// Classifies an answer that is not VK's: somebody in between spoke.
pub(super) fn foreign(reply: &Reply) -> Failure {
    match reply.status {
        // Accepted, but not in a way we can read: it may well have been done.
        200..=299 => Failure::unknown("unreadable_answer"),
        429 => Failure::new(Class::Retry { after: reply.seconds_header("retry-after") }, "429"),
        500..=599 => Failure::unknown("server_error"),
        _ => Failure::permanent("unexpected_status"),
    }
}

/// True where the refusal is of the keyboard alone.
pub(super) fn is_of_the_keyboard(failure: &Failure) -> bool {
    failure.code == classify(KEYBOARD).code
}

/// True where a press can no longer be answered: everything else we say of it is VK's own word.
pub(super) fn is_too_late(failure: &Failure) -> bool {
    failure.code == classify(PARAMETER).code
}
