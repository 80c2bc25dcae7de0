//! An operator's editor writes HTML; messengers are given plain text.

/// The text of a piece of HTML, with its line breaks. What only looks like markup (`5 < 6`) is text.
pub(super) fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        match tag(rest) {
            Some((name, length)) => {
                if matches!(name.to_ascii_lowercase().as_str(), "br" | "/p" | "/div" | "/li" | "/tr" | "/h1" | "/h2" | "/h3") {
                    text.push('\n');
                }
                rest = &rest[length..];
            }
            None => {
                text.push('<');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
    tidy(&entities(&text))
}

/// The name of the tag that a text begins with, and the length of the tag.
fn tag(text: &str) -> Option<(&str, usize)> {
    let inside = text.strip_prefix('<')?;
    let named = inside.strip_prefix('/').unwrap_or(inside);
    if !named.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let end = inside.find('>')?;
    let name = inside[..end].split(|c: char| c.is_whitespace()).next()?.trim_end_matches('/');
    Some((name, end + 2))
}

fn entities(text: &str) -> String {
    const ENTITIES: &[(&str, &str)] =
        &[("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    // The ampersand last: what it yields is text.
    ENTITIES.iter().fold(text.to_owned(), |text, (entity, means)| text.replace(entity, means))
}

/// No blanks at the ends of lines, and no more than one empty line in a row.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines().map(str::trim_end) {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            tidy.push_str(line);
            tidy.push('\n');
        }
    }
    tidy.trim().to_owned()
}
