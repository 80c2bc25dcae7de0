//! The tenant file: one YAML or JSON document that says everything about a salon.
//!
//! [`load`] is pure: the text and the secrets it refers to are passed in, and nothing is written anywhere. A file is taken
//! whole or refused with every problem it has, each with its line, its field and the rule it breaks. The rules are in
//! `schema/tenant.schema.json` (which editors read too, so their hints and our refusals are the same texts); what a schema
//! cannot say (a service key that no service has, a zone that does not exist) is in `rules.rs`.
//!
//! No problem ever repeats a secret or an address, not even when it was written in the wrong place under a secret's name.

pub(super) mod channels;
pub(super) mod crms;
mod model;
mod parse;
mod problem;
mod rules;
mod secret;
mod suggest;
mod validate;

#[cfg(test)]
mod tests;

pub use channels::{Channel, Instagram, Max, MessageTemplate, Telegram, Vk, Whatsapp};
pub use crms::{Bitrix24, Erxes, Espocrm};
pub use model::{
    Calcom, DayBefore, Fallback, Language, LocalText, QuietHours, Reminders, Service, Site, Staff, StaffService, TenantFile,
};
pub use parse::{MAX_BYTES, MAX_DEPTH};
pub use problem::{FileErrors, Problem};
pub use secret::{SecretError, SecretRef, SecretSource};

use problem::Report;

/// The JSON Schema (2020-12) of the file, as published in `schema/tenant.schema.json`.
pub const SCHEMA: &str = include_str!("../../../schema/tenant.schema.json");

/// Reads a tenant file and checks it.
///
/// `{ env: NAME }` and `{ file: path }` are looked up in `secrets`; a file without problems has all its secrets inline.
///
/// # Errors
///
/// All problems of the file, in the order of their lines. A file that is not YAML has one: where reading stopped.
pub fn load(text: &str, secrets: &dyn SecretSource) -> Result<TenantFile, FileErrors> {
    let mut document = parse::parse(text).map_err(FileErrors::from)?;
    let mut report = Report::default();
    validate::check(&document, &mut report);
    rules::check(&document, &mut report);
    secret::inline(&mut document.value, secrets, &mut report);
    rules::check_identities(&document, &mut report);
    let problems = report.into_problems(&document);
    if !problems.is_empty() {
        return Err(FileErrors::new(problems));
    }
    // What serde says could repeat a secret, so it is not passed on. That it has nothing to say after the checks
    // above is kept true by a test.
    serde_json::from_value(document.value).map_err(|_| {
        FileErrors::from(Problem::of_file(1, "passes schema/tenant.schema.json but does not fit the program's model of it"))
    })
}

/// [`load`] for bytes as read from disk.
///
/// # Errors
///
/// As [`load`]; bytes that are not UTF-8 are a problem with the line they are on.
pub fn load_bytes(bytes: &[u8], secrets: &dyn SecretSource) -> Result<TenantFile, FileErrors> {
    match str::from_utf8(bytes) {
        Ok(text) => load(text, secrets),
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            Err(Problem::of_file(line, "must be text in UTF-8").into())
        }
    }
}
