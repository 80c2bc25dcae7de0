//! Secrets of the file: where they stand, where they come from, what they must look like.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::parse::join;
use super::problem::Report;

/// Where a secret is kept when it is not in the file itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file; the reader drops a line end after the secret.
    File(String),
}

/// Why a secret could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is no such variable or file.
    #[error("does not exist")]
    Missing,
    /// It is there but cannot be read: the reason, without the secret.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

/// Looks secrets up on behalf of [`super::load`], which reads neither environment nor disk. A closure will do.
pub trait SecretSource {
    /// The secret behind `reference`.
    ///
    /// # Errors
    ///
    /// [`SecretError`], which becomes a problem of the field that refers to it.
    fn get(&self, reference: &SecretRef) -> Result<SecretString, SecretError>;
}

impl<F: Fn(&SecretRef) -> Result<SecretString, SecretError>> SecretSource for F {
    fn get(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        self(reference)
    }
}

struct Kind {
    field: &'static str,
    /// The section it is in; a list stands for all its entries.
    section: &'static str,
    rule: &'static str,
    fits: fn(&str) -> bool,
}

/// Every secret of the file. That these are the schema's fields of `#/$defs/secret` is kept true by a test.
const KINDS: [Kind; 18] = [
    Kind { field: "app_token", section: "erxes", rule: HEADER_RULE, fits: fits_header },
    Kind { field: "client_secret", section: "erxes", rule: HEADER_RULE, fits: fits_header },
    Kind { field: "webhook_secret", section: "erxes", rule: LONG_RULE, fits: fits_long },
    Kind { field: "api_key", section: "espocrm", rule: HEADER_RULE, fits: fits_header },
    Kind { field: "secret_key", section: "espocrm", rule: HEADER_RULE, fits: fits_header },
    Kind {
        field: "webhook_code",
        section: "bitrix24",
        rule: "must be the code of an inbound webhook: A-Z, a-z, 0-9, _ and -",
        fits: |secret| !secret.is_empty() && is_url_safe(secret),
    },
    Kind { field: "client_secret", section: "bitrix24", rule: HEADER_RULE, fits: fits_header },
    Kind { field: "application_token", section: "bitrix24", rule: HEADER_RULE, fits: fits_header },
    Kind { field: "api_key", section: "calcom", rule: HEADER_RULE, fits: fits_header },
    Kind { field: "webhook_secret", section: "calcom", rule: LONG_RULE, fits: fits_long },
    Kind {
        field: "bot_token",
        section: "channels",
        rule: "must be a bot token as BotFather gives it: digits, a colon, then A-Z, a-z, 0-9, _ and -",
        fits: fits_bot_token,
    },
    Kind {
        field: "secret_token",
        section: "channels",
        rule: "must be 1 to 256 characters of A-Z, a-z, 0-9, _ and -",
        fits: |secret| (1..=256).contains(&secret.len()) && is_url_safe(secret),
    },
    Kind {
        field: "webhook_secret",
        section: "channels",
        rule: "must be 5 to 256 characters of A-Z, a-z, 0-9, _ and -",
        fits: |secret| (5..=256).contains(&secret.len()) && is_url_safe(secret),
    },
    Kind {
        field: "secret_key",
        section: "channels",
        rule: "must be 1 to 50 characters of A-Z, a-z, 0-9, _ and -",
        fits: |secret| (1..=50).contains(&secret.len()) && is_url_safe(secret),
    },
    Kind { field: "access_token", section: "channels", rule: HEADER_RULE, fits: fits_header },
    Kind { field: "app_secret", section: "channels", rule: HEADER_RULE, fits: fits_header },
    Kind { field: "other_app_secret", section: "channels", rule: HEADER_RULE, fits: fits_header },
    Kind { field: "verify_token", section: "channels", rule: HEADER_RULE, fits: fits_header },
];

// The vendors take these in HTTP headers, where a space or a line end would change the request.
const HEADER_RULE: &str = "must be ASCII without spaces or line ends";

const LONG_RULE: &str = "must be at least 32 characters without spaces";

fn fits_long(secret: &str) -> bool {
    secret.len() >= 32 && fits_header(secret)
}

fn fits_header(secret: &str) -> bool {
    !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic())
}

// It becomes part of a URL path (Bot API: /bot<token>/method), so nothing else may be in it.
fn fits_bot_token(secret: &str) -> bool {
    secret.split_once(':').is_some_and(|(id, rest)| {
        !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) && !rest.is_empty() && is_url_safe(rest)
    })
}

fn is_url_safe(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Whether a field of this name holds a secret.
pub(super) fn is_secret(field: &str) -> bool {
    KINDS.iter().any(|kind| kind.field == field)
}

/// Whether a message may repeat the value at `pointer`. Addresses are not repeated because they may carry credentials.
pub(super) fn may_be_shown(pointer: &str) -> bool {
    pointer.split('/').all(|token| !is_secret(token) && !["base_url", "oauth_url", "origins"].contains(&token))
}

/// Puts every secret in the place of what refers to it, and checks what it looks like.
pub(super) fn inline(root: &mut Value, source: &dyn SecretSource, report: &mut Report) {
    for kind in &KINDS {
        let pointer = join("", kind.section);
        match root.get_mut(kind.section) {
            Some(Value::Array(entries)) => {
                for (index, entry) in entries.iter_mut().enumerate() {
                    inline_one(entry, &join(&pointer, &index.to_string()), kind, source, report);
                }
            }
            Some(section) => inline_one(section, &pointer, kind, source, report),
            None => {}
        }
    }
}

fn inline_one(section: &mut Value, pointer: &str, kind: &Kind, source: &dyn SecretSource, report: &mut Report) {
    let Some(place) = section.get_mut(kind.field) else {
        return;
    };
    let pointer = join(pointer, kind.field);
    if let Some(reference) = reference(place) {
        match source.get(&reference) {
            Ok(secret) => *place = Value::String(tidy(&reference, &secret).to_owned()),
            Err(error) => {
                let what = match reference {
                    SecretRef::Env(_) => "environment variable",
                    SecretRef::File(_) => "file",
                };
                report.add(pointer, format!("the {what} it names {error}"));
                return;
            }
        }
    }
    // What is neither text nor a reference is the schema's to refuse, as is empty text written in the file.
    if let Value::String(secret) = place
        && !(kind.fits)(secret)
    {
        report.add(pointer, kind.rule);
    }
}

fn reference(value: &Value) -> Option<SecretRef> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    let (key, Value::String(target)) = fields.iter().next()? else {
        return None;
    };
    match key.as_str() {
        "env" => Some(SecretRef::Env(target.clone())),
        "file" => Some(SecretRef::File(target.clone())),
        _ => None,
    }
}

fn tidy<'a>(reference: &SecretRef, secret: &'a SecretString) -> &'a str {
    let secret = secret.expose_secret();
    match reference {
        SecretRef::Env(_) => secret,
        SecretRef::File(_) => secret.trim_end_matches(['\r', '\n']),
    }
}
