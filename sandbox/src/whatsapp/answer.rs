//! WhatsApp's error codes, as far as the stand-in gives them: in the answer of a call, in a failed status, or about a number.

use serde_json::{Value, json};

use crate::meta::graph::Refusal;

/// WhatsApp, error codes: code, HTTP status, title, details. "Build on `code` and `details`", the page says: the statuses are the ones
/// commonly seen.
const ERRORS: &[(i64, u16, &str, &str)] = &[
    (1, 400, "An unknown error occurred", "Invalid request or possible server error"),
    (2, 503, "Service temporarily unavailable", "Temporary due to downtime or due to being overloaded"),
    (3, 500, "Application does not have the capability to make this API call", "Capability or permissions issue"),
    (4, 400, "Application request limit reached", "The app has reached its API call rate limit"),
    (10, 403, "Application does not have permission for this action", "Permission is either not granted or has been removed"),
    (33, 400, "Parameter value is not valid", "The business phone number has been deleted"),
    (100, 400, "Invalid parameter", "The request included one or more unsupported or misspelled parameters"),
    (190, 401, "Error validating access token", "Your access token has expired"),
    (368, 403, "Temporarily blocked for policies violations", "The WhatsApp Business Account has been restricted or disabled"),
    (80_007, 400, "Rate limit issues", "The WhatsApp Business Account has reached its rate limit"),
    (130_403, 400, "Message blocked", "The business has blocked this user"),
    (
        130_429,
        400,
        "Rate limit hit",
        "Message failed to send because there were too many messages sent from this phone number in a short period of time",
    ),
    (
        130_472,
        400,
        "User's number is part of an experiment",
        "Failed to send message because this user's phone number is part of an experiment",
    ),
    (130_497, 403, "Business account is restricted from messaging users in this country", "The country's policies forbid it"),
    (131_000, 500, "Something went wrong", "Message failed to send due to an unknown error"),
    (131_005, 403, "Access denied", "Permission is either not granted or has been removed"),
    (131_008, 400, "Required parameter is missing", "The request is missing a required parameter"),
    (131_009, 400, "Parameter value is not valid", "One or more parameter values are invalid"),
    (131_016, 500, "Service unavailable", "A service is temporarily unavailable"),
    (131_021, 400, "Recipient cannot be sender", "Sender and recipient phone number is the same"),
    (131_026, 400, "Message undeliverable", "Message Undeliverable."),
    (131_031, 403, "Account has been locked", "Account has been locked"),
    (131_037, 400, "Display name approval needed", "The phone number needs an approved display name"),
    (
        131_042,
        400,
        "Business eligibility payment issue",
        "Message failed to send because of one or more errors related to your payment method",
    ),
    (131_045, 500, "Incorrect certificate", "Message failed to send due to a phone number registration error"),
    (
        131_047,
        400,
        "Re-engagement message",
        "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
    ),
    (
        131_048,
        400,
        "Spam rate limit hit",
        "Message failed to send because there are restrictions on how many messages can be sent from this phone number. This may be \
         because too many previous messages were blocked or flagged as spam.",
    ),
    (131_049, 400, "Message not delivered", "This message was not delivered to maintain healthy ecosystem engagement."),
    (131_050, 400, "User has stopped marketing messages", "The recipient has chosen to stop receiving marketing messages"),
    (131_051, 400, "Unsupported message type", "Message type is currently not supported."),
    (131_052, 400, "Media download error", "Unable to download the media sent by the user"),
    (131_053, 400, "Media upload error", "Unable to upload the media used in the message"),
    (
        131_056,
        400,
        "(Business Account, Consumer Account) pair rate limit hit",
        "Too many messages sent from the sender phone number to the same recipient phone number in a short period of time.",
    ),
    (131_057, 500, "Account in maintenance mode", "Business Account is in maintenance mode"),
    (
        131_064,
        400,
        "Messaging limit reached",
        "Message failed to send because the account is limited after template misclassification",
    ),
    (
        132_000,
        400,
        "Number of parameters does not match the expected number of params",
        "The number of variable parameter values is wrong",
    ),
    (
        132_001,
        404,
        "Template name does not exist in the translation",
        "The template does not exist in the language or is not approved",
    ),
    (132_005, 400, "Translated text too long", "The translated text is too long"),
    (132_007, 400, "Template format character policy violated", "The template content violates a WhatsApp policy"),
    (
        132_012,
        400,
        "Parameter format does not match format in the created template",
        "Variable parameter values formatted incorrectly",
    ),
    (132_015, 400, "Template is paused", "Template is paused due to low quality so it cannot be sent in a template message"),
    (
        132_016,
        400,
        "Template is disabled",
        "Template has been paused too many times due to low quality and is now permanently disabled",
    ),
    (132_018, 400, "There is an issue with the parameters in your template", "A parameter of the template is malformed"),
    (133_004, 503, "Server temporarily unavailable", "Server is temporarily unavailable"),
    (133_010, 400, "Phone number not registered", "Phone number not registered on the WhatsApp Business Platform"),
    (135_000, 400, "Generic user error", "Message failed to send because of an unknown error with your request parameters"),
];

/// A code's title and details; those of a code that is not in the table are empty words.
fn known(code: i64) -> (u16, &'static str, &'static str) {
    let found = ERRORS.iter().find(|(known, ..)| *known == code);
    found.map_or((400, "Unknown error", "No details"), |(_, status, title, details)| (*status, title, details))
}

/// The answer that refuses a call with this code.
pub(super) fn refusal(code: i64) -> Refusal {
    let (status, title, details) = known(code);
    let refusal = Refusal::titled(status, code, title).details(details);
    if matches!(code, 1 | 2 | 131_000 | 131_016 | 133_004) { refusal.transient() } else { refusal }
}

/// The same with details of its own.
pub(super) fn refusal_with(code: i64, details: impl Into<String>) -> Refusal {
    refusal(code).details(details)
}

/// The error as a failed status or a number's `errors` carry it.
pub(super) fn in_webhook(code: i64) -> Value {
    let (_, title, details) = known(code);
    json!({
        "code": code, "title": title, "message": title, "error_data": {"details": details},
        "href": "/documentation/business-messaging/whatsapp/support/error-codes",
    })
}
