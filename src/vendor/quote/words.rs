//! Which words may be shown. A name can't be told from a word by its shape, so a word is shown if it is on the list, or if it is put
//! together as only programmers put words together and all of its parts are on the list: secrets are put together like that too.

/// Longer texts are cut before they are looked at.
const READ: usize = 2_000;
/// Longer words are tokens.
const LONGEST_PART: usize = 20;
const LONGEST_NAME: usize = 48;

/// The words of vendors' errors and the parts of their codes and field names, in lower case, sorted. No word that is a given name.
#[rustfmt::skip]
const KNOWN: &[&str] = &[
    "a", "absent", "accepted", "access", "account", "action", "active", "activity", "address", "agent", "allowed", "already", "an", "and",
    "api", "app", "application", "are", "arg", "args", "argument", "array", "as", "assigned", "assignment", "at", "attempting", "attendee",
    "attribute", "attributes", "auth", "authenticated", "authentication", "authorization", "available", "bad", "batch", "be", "because",
    "been", "before", "body", "book", "booked", "booking", "brand", "busy", "by", "c", "calendar", "call", "can", "cancel", "cancelled",
    "cannot", "category", "cause", "channel", "check", "client", "cloud", "code", "column", "command", "company", "completed", "conflict",
    "connect", "connection", "contact", "contain", "content", "context", "could", "create", "created", "credentials", "crm", "currency",
    "custom", "customer", "data", "database", "date", "datetime", "deal", "deleted", "denied", "description", "detail", "details",
    "disabled", "does", "duplicate", "duplicated", "edit", "email", "empty", "end", "entity", "enum", "errno", "error", "errors", "event",
    "exceed", "exceeded", "exception", "exist", "existing", "exists", "expected", "expired", "extensions", "external", "fail", "failed",
    "failure", "fault", "field", "fields", "fixed", "for", "forbidden", "format", "found", "from", "gateway", "grant", "guest", "handler",
    "has", "have", "header", "host", "hosts", "id", "in", "incorrect", "info", "input", "insufficient", "integer", "integration",
    "internal", "invalid", "is", "it", "item", "json", "key", "label", "last", "lead", "length", "limit", "limited", "line", "link", "list",
    "location", "locations", "locked", "login", "maintenance", "managed", "match", "max", "maximum", "meeting", "message", "metadata",
    "method", "min", "minimum", "missing", "modified", "module", "must", "name", "new", "no", "not", "notice", "null", "number", "oauth",
    "object", "of", "on", "operation", "option", "or", "order", "overload", "owner", "page", "param", "parameter", "password", "past",
    "path", "payment", "pending", "period", "permission", "permissions", "phone", "place", "plan", "portal", "primary", "properties",
    "property", "provider", "query", "range", "rate", "read", "reason", "record", "ref", "refused", "request", "requests", "require",
    "required", "requires", "resource", "response", "rest", "result", "results", "retry", "rule", "same", "schema", "scope", "seats",
    "select", "server", "service", "session", "set", "should", "size", "slot", "source", "stack", "stage", "start", "state", "status",
    "string", "subscription", "success", "suspended", "system", "tag", "taken", "tariff", "task", "team", "than", "that", "the", "this",
    "time", "timeline", "timeout", "title", "to", "todo", "token", "too", "trace", "translation", "type", "unable", "unauthorized",
    "undefined", "unexpected", "unique", "unknown", "unsupported", "update", "url", "use", "used", "user", "valid", "validation", "value",
    "version", "warning", "was", "webhook", "website", "where", "with", "wrong", "yet", "you", "your", "zone",
];

fn is_known(part: &str) -> bool {
    KNOWN.binary_search(&part.to_ascii_lowercase().as_str()).is_ok()
}

/// True for digits alone.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The text with every word that may not be shown put as one mark, however many there are in a row.
pub(super) fn text(text: &str) -> String {
    let cut: String = text.chars().take(READ).collect();
    let mut kept: Vec<&str> = Vec::new();
    for word in cut.split_whitespace() {
        let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
        match shown(word) {
            Some(word) => kept.push(word),
            None if kept.last() == Some(&super::DROPPED) => {}
            None => kept.push(super::DROPPED),
        }
    }
    kept.join(" ")
}

/// The word, if it may be shown: known, or a code.
fn shown(word: &str) -> Option<&str> {
    (is_known(word) || name(word).is_some_and(|name| name.parts > 1 && name.known)).then_some(word)
}

/// The name of a field, where the name of a field stands, or the key of an object: some answers are keyed by what was sent.
pub(super) fn field(text: &str) -> Option<&str> {
    (is_known(text) || name(text).is_some_and(|name| name.parts > 1 && (name.known || (name.camel && name.any)))).then_some(text)
}

/// A text that has the shape of a name in a program.
struct Name {
    /// Of how many words it is put together.
    parts: usize,
    /// All of them are known.
    known: bool,
    /// One of them is.
    any: bool,
    /// It is in one piece and begins with a small letter.
    camel: bool,
}

fn name(text: &str) -> Option<Name> {
    let first = text.bytes().next()?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-');
    if text.len() > LONGEST_NAME || !first.is_ascii_alphabetic() || !text.bytes().all(allowed) {
        return None;
    }
    // A digit or two number a field; more are somebody's.
    if text.bytes().filter(u8::is_ascii_digit).count() > 2 {
        return None;
    }
    let parts = parts(text);
    if parts.iter().any(|part| part.len() > LONGEST_PART) {
        return None;
    }
    // Humps at every second letter are a token's.
    if parts.len() > 8 || parts.iter().filter(|part| part.len() == 1).count() > 2 {
        return None;
    }
    let camel = first.is_ascii_lowercase() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Some(Name {
        parts: parts.len(),
        known: parts.iter().all(|part| is_known(part)),
        any: parts.iter().any(|part| part.len() > 1 && is_known(part)),
        camel,
    })
}

/// `validationFailure`, `ACCESS_DENIED`, `contacts:update`: their words.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for piece in text.split(['_', '.', ':', '-']).filter(|piece| !piece.is_empty()) {
        let bytes = piece.as_bytes();
        let mut start = 0;
        for at in 1..bytes.len() {
            if bytes[at].is_ascii_uppercase() && !bytes[at - 1].is_ascii_uppercase() {
                parts.push(&piece[start..at]);
                start = at;
            }
        }
        parts.push(&piece[start..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_words_are_sorted_and_each_there_once() {
        let unsorted: Vec<_> = KNOWN.windows(2).filter(|pair| pair[0] >= pair[1]).collect();
        assert!(unsorted.is_empty(), "{unsorted:?}");
    }

    #[test]
    fn codes_and_the_names_of_fields_are_shown_and_the_names_of_people_are_not() {
        for code in ["validationFailure", "ACCESS_DENIED", "CRM_FIELD_ERROR_VALUE_NOT_VALID", "cExternalId", "required"] {
            assert_eq!(text(code), code);
        }
        for name in [
            "Anna",
            "anna",
            "McDonald",
            "DeSouza",
            "Jean-Paul",
            "ANNA_PETROVA",
            "Анна",
            "sk_that_must_not_leak",
            "access_1",
            "app_secret",
            "a1b2c3d4e5f6",
            "ghp_AbCdEfGhIjKl",
        ] {
            assert_eq!((text(name).as_str(), field(name)), ("…", None), "{name}");
        }
        assert_eq!(text("Not existing attribute 'cExternalId' in where."), "Not existing attribute cExternalId in where");
        assert_eq!(text("+7 916 123 45 67 is not a valid phone, see https://crm.salon.ru/a@b.ru"), "… is not a valid phone …");
        assert_eq!(
            (field("website"), field("cLoyaltyNumber"), field("translation")),
            (Some("website"), Some("cLoyaltyNumber"), Some("translation"))
        );
    }
}
