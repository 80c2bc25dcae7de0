//! The vendor's rules for what is sent that its OpenAPI document states only in prose, or not at all.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::answer::refusal_with;
use crate::meta::graph::Refusal;

/// Text messages: 4096 characters.
const MAX_TEXT: usize = 4096;
/// Interactive list messages: ten rows in all sections together.
const MAX_ROWS: usize = 10;

/// What the document complains of, as WhatsApp answers it.
pub(super) fn unspecified(complaint: &str) -> Refusal {
    let code = if complaint.contains("required property") {
        131_008
    } else if complaint.contains("should not exist") || complaint.starts_with("/type:") {
        100
    } else {
        131_009
    };
    refusal_with(code, complaint)
}

/// Checks a message that the document allows.
pub(super) fn check(message: &Map<String, Value>) -> Result<(), Refusal> {
    let text = message.get("text").and_then(|text| text["body"].as_str());
    if let Some(body) = text
        && !(1..=MAX_TEXT).contains(&body.trim().chars().count())
    {
        return Err(wrong("Param text['body'] must be at least 1 and at most 4096 characters long"));
    }
    match message.get("interactive") {
        Some(interactive) => check_interactive(interactive).map_err(Refusal::violation),
        None => Ok(()),
    }
}

fn wrong(details: &str) -> Refusal {
    refusal_with(131_009, details).violation()
}

fn check_interactive(interactive: &Value) -> Result<(), Refusal> {
    if interactive["body"]["text"].as_str().is_some_and(|text| text.trim().is_empty()) {
        return Err(refusal_with(131_009, "Body text is empty"));
    }
    match interactive["type"].as_str() {
        Some("button") => {
            let replies: Vec<&Value> = list(&interactive["action"]["buttons"]).iter().map(|button| &button["reply"]).collect();
            check_choices("Button", "Duplicated reply button", &replies)
        }
        Some("list") => {
            if interactive["action"]["button"].as_str().is_some_and(|text| text.trim().is_empty()) {
                return Err(refusal_with(131_009, "List button text is empty"));
            }
            check_sections(list(&interactive["action"]["sections"]))
        }
        _ => Ok(()),
    }
}

fn check_sections(sections: &[Value]) -> Result<(), Refusal> {
    let untitled = |section: &&Value| section["title"].as_str().is_none_or(|title| title.trim().is_empty());
    if sections.len() > 1 && sections.iter().any(|section| untitled(&section)) {
        return Err(refusal_with(131_009, "Section title is required when there is more than one section"));
    }
    let rows: Vec<&Value> = sections.iter().flat_map(|section| list(&section["rows"])).collect();
    if !(1..=MAX_ROWS).contains(&rows.len()) {
        return Err(refusal_with(131_009, format!("Total row count exceed max allowed count: {MAX_ROWS}")));
    }
    check_choices("Row", "Duplicated row", &rows)
}

/// Ids and titles of what one message offers: none empty, no two alike.
fn check_choices(what: &str, duplicated: &str, choices: &[&Value]) -> Result<(), Refusal> {
    for part in ["id", "title"] {
        let mut seen = HashSet::new();
        // Rows may share a title: they differ by their descriptions.
        let may_repeat = what == "Row" && part == "title";
        for choice in choices {
            let value = choice[part].as_str().unwrap_or_default();
            if value.trim().is_empty() {
                return Err(refusal_with(131_009, format!("{what} {part} is empty")));
            }
            if !seen.insert(value) && !may_repeat {
                return Err(refusal_with(131_009, format!("{duplicated} {part}")));
            }
        }
    }
    Ok(())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn details(message: Value) -> Option<String> {
        check(message.as_object().unwrap()).err().and_then(|refusal| refusal.details)
    }

    #[test]
    fn texts_have_a_length() {
        let text = |body: &str| details(json!({"text": {"body": body}}));
        assert_eq!((text("a"), text(&"я".repeat(4096))), (None, None));
        for body in ["", " \n", &"я".repeat(4097)] {
            assert!(text(body).is_some_and(|details| details.starts_with("Param text['body']")));
        }
    }

    #[test]
    fn buttons_differ() {
        let buttons = |choices: &[(&str, &str)]| {
            let buttons: Vec<Value> =
                choices.iter().map(|(id, title)| json!({"type": "reply", "reply": {"id": id, "title": title}})).collect();
            details(json!({"interactive": {"type": "button", "body": {"text": "?"}, "action": {"buttons": buttons}}}))
        };
        assert_eq!(buttons(&[("a", "Yes"), ("b", "No")]), None);
        assert_eq!(buttons(&[("a", "Yes"), ("b", "Yes")]).as_deref(), Some("Duplicated reply button title"));
        assert_eq!(buttons(&[("a", "Yes"), ("a", "No")]).as_deref(), Some("Duplicated reply button id"));
        assert_eq!(buttons(&[("a", " ")]).as_deref(), Some("Button title is empty"));
    }

    #[test]
    fn lists_have_ten_rows_and_titled_sections() {
        let list = |sections: &[(Option<&str>, usize)]| {
            let mut number = 0;
            let sections: Vec<Value> = sections
                .iter()
                .map(|(title, rows)| {
                    let rows: Vec<Value> = (0..*rows)
                        .map(|_| {
                            number += 1;
                            json!({"id": number.to_string(), "title": "15:00"})
                        })
                        .collect();
                    let mut section = json!({"rows": rows});
                    if let Some(title) = title {
                        section["title"] = json!(title);
                    }
                    section
                })
                .collect();
            details(
                json!({"interactive": {"type": "list", "body": {"text": "?"}, "action": {"button": "Times", "sections": sections}}}),
            )
        };
        assert_eq!(list(&[(None, 10)]), None);
        assert_eq!(list(&[(Some("a"), 5), (Some("b"), 5)]), None);
        for wrong in [&[(None, 11)][..], &[(Some("a"), 6), (Some("b"), 5)], &[(None, 1), (Some("b"), 1)], &[(None, 0)]] {
            assert!(list(wrong).is_some(), "{wrong:?}");
        }
    }
}
