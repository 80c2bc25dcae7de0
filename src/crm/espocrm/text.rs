//! Names and texts, as EspoCRM takes them.

/// Stands where a contact must have a surname and we know none. "-" would make everybody without one the same person to EspoCRM's own
/// look for doubles (EspoCRM note, finding 1).
pub(super) const NO_SURNAME: &str = "(no surname)";

/// `firstName` and `lastName` hold this many characters.
const NAME: usize = 100;

/// A line of text holds this many: `Meeting.name` as it comes, our own fields as we make them.
pub(super) const LINE: usize = 255;

/// A name in two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) first: Option<String>,
    /// Never empty, never "-".
    pub(super) last: String,
}

impl Names {
    /// The first word, and the rest. What holds neither a letter nor a digit is no surname.
    pub(super) fn of(name: Option<&str>) -> Self {
        let clean: String = name.unwrap_or_default().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let clean = clean.trim();
        let (first, rest) = clean.split_once(char::is_whitespace).unwrap_or((clean, ""));
        let rest = rest.split_whitespace().collect::<Vec<_>>().join(" ");
        let last = if rest.chars().any(char::is_alphanumeric) { cut(&rest, NAME) } else { NO_SURNAME.to_owned() };
        Self { first: Some(cut(first, NAME)).filter(|first| !first.is_empty()), last }
    }
}

/// An e-mail that EspoCRM takes: it checks them by PHP's `FILTER_VALIDATE_EMAIL`, which knows no mailbox beyond ASCII.
pub(super) fn taken(email: &Option<String>) -> Option<&str> {
    email.as_deref().filter(|email| email.is_ascii())
}

/// Another one, in a line for people to read.
pub(super) fn spelt_out(email: &Option<String>) -> Option<String> {
    email.as_deref().filter(|email| !email.is_ascii()).map(|email| format!("E-mail: {}", plain(email)))
}

/// The first `most` characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect::<String>().trim().to_owned()
}

/// Shows a text as it was written where Markdown is read. A web address stays one: a backslash within it would break the link.
pub(super) fn plain(text: &str) -> String {
    text.lines().map(plain_line).collect::<Vec<_>>().join("\n")
}

fn plain_line(line: &str) -> String {
    let content = line.trim_start();
    // Four columns would make a block of code.
    let indent: String = line.chars().take_while(|c| c.is_whitespace()).map(|_| ' ').take(3).collect();
    let mut shown = indent;
    let digits = content.bytes().take_while(u8::is_ascii_digit).count();
    let (number, content) = match content.as_bytes().get(digits) {
        // "1. " would begin a list.
        Some(b'.' | b')') if digits > 0 => content.split_at(digits),
        _ => ("", content),
    };
    shown.push_str(number);
    for (index, word) in content.split_inclusive(char::is_whitespace).enumerate() {
        if is_address(word.trim_end()) {
            shown.push_str(word);
            continue;
        }
        for (at, c) in word.char_indices() {
            let begins = index == 0 && at == 0;
            if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '~' | '|' | '&')
                || (begins && matches!(c, '#' | '+' | '-' | '=' | '.' | ')'))
            {
                shown.push('\\');
            }
            shown.push(c);
        }
    }
    shown
}

fn is_address(word: &str) -> bool {
    (word.starts_with("https://") || word.starts_with("http://"))
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=%".contains(&byte))
}
