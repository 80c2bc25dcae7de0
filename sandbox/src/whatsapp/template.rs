//! Message templates: what there is of one, and whether a call fills it in rightly.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::refusal_with;
use crate::{
    messenger::{Button, ButtonKind},
    meta::graph::Refusal,
};

/// Error 132005: what a body may be long after its parameters were put in.
const MAX_BODY: usize = 1024;

/// A template as it was made in WhatsApp Manager.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Id; made up when left out.
    #[serde(default)]
    pub id: String,
    /// Lower case and underscores.
    pub name: String,
    /// Language and locale: `ru`, `en_US`.
    pub language: String,
    /// `APPROVED`, `PENDING`, `REJECTED`, `PAUSED`, `DISABLED`.
    #[serde(default = "approved")]
    pub status: String,
    /// `UTILITY`, `MARKETING`, `AUTHENTICATION`.
    #[serde(default = "utility")]
    pub category: String,
    /// `POSITIONAL` for `{{1}}`, `NAMED` for `{{first_name}}`.
    #[serde(default = "positional")]
    pub parameter_format: String,
    /// `HEADER`, `BODY`, `FOOTER`, `BUTTONS`, as the vendor lists them.
    pub components: Vec<Value>,
}

fn approved() -> String {
    "APPROVED".to_owned()
}

fn utility() -> String {
    "UTILITY".to_owned()
}

fn positional() -> String {
    "POSITIONAL".to_owned()
}

/// A template with its parameters put in.
#[derive(Debug, PartialEq)]
pub(super) struct Filled {
    pub(super) text: String,
    pub(super) buttons: Vec<Vec<Button>>,
}

impl Template {
    fn component(&self, kind: &str) -> Option<&Value> {
        self.components.iter().find(|component| component["type"] == kind)
    }

    /// Finds the template that a call names, if it may be sent.
    pub(super) fn find<'a>(templates: &'a [Self], message: &Value) -> Result<&'a Self, Refusal> {
        let name = message["name"].as_str().unwrap_or_default();
        let language = message["language"]["code"].as_str().unwrap_or_default();
        let found = templates.iter().find(|template| template.name == name && template.language == language);
        let missing = || refusal_with(132_001, format!("template name ({name}) does not exist in {language}"));
        let found = found.ok_or_else(missing)?;
        match found.status.as_str() {
            "APPROVED" => Ok(found),
            "PAUSED" => Err(refusal_with(132_015, format!("template ({name}) is paused"))),
            "DISABLED" => Err(refusal_with(132_016, format!("template ({name}) is disabled"))),
            _ => Err(missing()),
        }
    }

    /// Puts a call's parameters in.
    ///
    /// Each mistake here is one of whoever wrote template and call, so that it counts against the caller.
    pub(super) fn fill(&self, message: &Value) -> Result<Filled, Refusal> {
        let given = message["components"].as_array().map(Vec::as_slice).unwrap_or_default();
        let of = |kind: &str| given.iter().find(|component| component["type"] == kind);
        let filled = self.fill_header(of("header")).and_then(|header| {
            let body = self.component("BODY").and_then(|body| body["text"].as_str()).unwrap_or_default();
            let body = self.put_in("body", body, of("body"))?;
            if body.chars().count() > MAX_BODY {
                return Err(refusal_with(132_005, format!("body: {} characters after translation", body.chars().count())));
            }
            let footer = self.component("FOOTER").and_then(|footer| footer["text"].as_str()).map(str::to_owned);
            let text = [header, Some(body), footer].into_iter().flatten().collect::<Vec<_>>().join("\n");
            Ok(Filled { text, buttons: self.fill_buttons(given)? })
        });
        filled.map_err(Refusal::violation)
    }

    fn fill_header(&self, given: Option<&Value>) -> Result<Option<String>, Refusal> {
        let Some(header) = self.component("HEADER") else {
            return self.put_in("header", "", given).map(|_| None);
        };
        let format = header["format"].as_str().unwrap_or("TEXT");
        if format == "TEXT" {
            return self.put_in("header", header["text"].as_str().unwrap_or_default(), given).map(Some);
        }
        let sent = given.and_then(|given| given["parameters"][0]["type"].as_str()).unwrap_or("unknown").to_uppercase();
        if sent != format {
            return Err(refusal_with(132_012, format!("header: Format mismatch, expected {format}, received {sent}")));
        }
        Ok(Some(format!("[{}]", format.to_lowercase())))
    }

    /// A text with its variables replaced by a component's parameters.
    fn put_in(&self, place: &str, text: &str, given: Option<&Value>) -> Result<String, Refusal> {
        let variables = variables(text);
        let parameters = given.and_then(|given| given["parameters"].as_array()).map(Vec::as_slice).unwrap_or_default();
        if parameters.len() != variables.len() {
            let (is, should) = (parameters.len(), variables.len());
            let details =
                format!("{place}: number of localizable_params ({is}) does not match the expected number of params ({should})");
            return Err(refusal_with(132_000, details));
        }
        let named = self.parameter_format.eq_ignore_ascii_case("NAMED");
        let mut text = text.to_owned();
        for (position, parameter) in parameters.iter().enumerate() {
            let variable = match parameter["parameter_name"].as_str() {
                Some(name) if named => variables.iter().find(|variable| **variable == name).ok_or_else(|| {
                    refusal_with(132_012, format!("{place}: the template has no parameter of the name at {position}"))
                })?,
                _ if named => return Err(refusal_with(100, format!("{place}: Parameter name is missing or empty"))),
                _ => variables.get(position).ok_or_else(|| refusal_with(132_000, format!("{place}: too many parameters")))?,
            };
            text = text.replace(&format!("{{{{{variable}}}}}"), value_of(place, parameter)?);
        }
        Ok(text)
    }

    fn fill_buttons(&self, given: &[Value]) -> Result<Vec<Vec<Button>>, Refusal> {
        let defined = self.component("BUTTONS").and_then(|buttons| buttons["buttons"].as_array());
        let defined = defined.map(Vec::as_slice).unwrap_or_default();
        let index = |component: &Value| {
            let index = &component["index"];
            index.as_u64().or_else(|| index.as_str()?.parse().ok()).and_then(|index| usize::try_from(index).ok())
        };
        let given: Vec<&Value> = given.iter().filter(|component| component["type"] == "button").collect();
        for component in &given {
            let button = index(component).and_then(|index| defined.get(index));
            let kind = component["sub_type"].as_str().unwrap_or_default();
            if button.is_none_or(|button| !button["type"].as_str().unwrap_or_default().eq_ignore_ascii_case(kind)) {
                let details = format!("buttons: the template has no button of type {kind} at that index");
                return Err(refusal_with(132_012, details));
            }
        }
        let rows = defined.iter().enumerate().map(|(position, button)| {
            let given = given.iter().find(|component| index(component) == Some(position));
            self.fill_button(position, button, given.map(|component| &component["parameters"][0]))
        });
        rows.collect()
    }

    fn fill_button(&self, position: usize, button: &Value, parameter: Option<&Value>) -> Result<Vec<Button>, Refusal> {
        let label = button["text"].as_str().unwrap_or_default().to_owned();
        let (kind, press) = match button["type"].as_str() {
            Some("URL") => {
                let url = button["url"].as_str().unwrap_or_default();
                let variable = parameter.and_then(|parameter| parameter["text"].as_str());
                if url.contains("{{1}}") && variable.is_none() {
                    let details = format!("buttons: Button at index {position} of type Url requires a parameter");
                    return Err(refusal_with(131_008, details));
                }
                (ButtonKind::Link, url.replace("{{1}}", variable.unwrap_or_default()))
            }
            // A quick reply that was given no payload answers with its label.
            Some("QUICK_REPLY") => {
                let payload = parameter.and_then(|parameter| parameter["payload"].as_str());
                (ButtonKind::Reply, payload.unwrap_or(&label).to_owned())
            }
            _ => (ButtonKind::Link, String::new()),
        };
        Ok(vec![Button { label, press, kind }])
    }
}

/// The names between double braces, each once, in order.
fn variables(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else { break };
        if !found.contains(&name) {
            found.push(name);
        }
        rest = after;
    }
    found
}

/// What a text, a currency or a time reads. Media have no place in a text.
fn value_of<'a>(place: &str, parameter: &'a Value) -> Result<&'a str, Refusal> {
    let kind = parameter["type"].as_str().unwrap_or_default();
    let value = match kind {
        "text" => parameter["text"].as_str(),
        "currency" | "date_time" => parameter[kind]["fallback_value"].as_str(),
        _ => None,
    };
    let value = value.ok_or_else(|| {
        refusal_with(132_012, format!("{place}: Format mismatch, expected TEXT, received {}", kind.to_uppercase()))
    })?;
    if value.contains(['\n', '\r', '\t']) || value.contains("     ") {
        let details = "Param text cannot have new-line/tab characters or more than 4 consecutive spaces";
        return Err(refusal_with(132_018, details));
    }
    if value.is_empty() {
        return Err(refusal_with(131_008, format!("{place}: Param text cannot be empty")));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reminder() -> Template {
        serde_json::from_value(json!({"name": "visit", "language": "ru", "components": [
            {"type": "HEADER", "format": "TEXT", "text": "Salon {{1}}"},
            {"type": "BODY", "text": "{{1}}, we wait for you on {{2}}. See you, {{1}}!"},
            {"type": "FOOTER", "text": "Salon"},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Yes"}, {"type": "QUICK_REPLY", "text": "No"},
                {"type": "URL", "text": "Map", "url": "https://maps.example.org/{{1}}"}]}]}))
        .unwrap()
    }

    fn text(text: &str) -> Value {
        json!({"type": "text", "text": text})
    }

    fn filled_in() -> Value {
        json!({"name": "visit", "language": {"code": "ru"}, "components": [
            {"type": "header", "parameters": [text("42")]},
            {"type": "body", "parameters": [text("Anna"), text("24 Nov")]},
            {"type": "button", "sub_type": "quick_reply", "index": "0", "parameters": [{"type": "payload", "payload": "ok"}]},
            {"type": "button", "sub_type": "url", "index": 2, "parameters": [text("s17")]}]})
    }

    #[test]
    fn parameters_are_put_in() {
        let filled = reminder().fill(&filled_in()).unwrap();
        assert_eq!(filled.text, "Salon 42\nAnna, we wait for you on 24 Nov. See you, Anna!\nSalon");
        let buttons: Vec<_> =
            filled.buttons.concat().into_iter().map(|button| (button.label, button.press, button.kind)).collect();
        let button = |label: &str, press: &str, kind| (label.to_owned(), press.to_owned(), kind);
        assert_eq!(
            buttons,
            [
                button("Yes", "ok", ButtonKind::Reply),
                button("No", "No", ButtonKind::Reply),
                button("Map", "https://maps.example.org/s17", ButtonKind::Link),
            ]
        );
    }

    #[test]
    fn what_does_not_fit_the_template_is_refused_with_its_code() {
        let with = |pointer: &str, value: Value| {
            let mut message = filled_in();
            *message.pointer_mut(pointer).unwrap() = value;
            reminder().fill(&message).unwrap_err()
        };
        let cases = [
            (with("/components/1/parameters", json!([text("Anna")])), 132_000),
            (with("/components/1/parameters", json!([text("Anna"), text("a"), text("b")])), 132_000),
            (with("/components/0/parameters", json!([])), 132_000),
            (with("/components/1/parameters/0", json!({"type": "image", "image": {"id": "1"}})), 132_012),
            (with("/components/2/index", json!("2")), 132_012),
            (with("/components/2/index", json!("7")), 132_012),
            (with("/components/3/index", json!("0")), 132_012),
            (with("/components/1/parameters/0/text", json!("An\nna")), 132_018),
            (with("/components/1/parameters/0/text", json!("An     na")), 132_018),
            (with("/components/1/parameters/0/text", json!("a".repeat(600))), 132_005),
            (with("/components/1/parameters/0/text", json!("")), 131_008),
        ];
        for (refusal, code) in cases {
            assert_eq!(refusal.code, code, "{refusal:?}");
            assert!(refusal.violation);
        }
        let mut without_link = filled_in();
        without_link["components"].as_array_mut().unwrap().pop();
        let refusal = reminder().fill(&without_link).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.details.as_deref()),
            (131_008, Some("buttons: Button at index 2 of type Url requires a parameter"))
        );
    }

    #[test]
    fn named_parameters_go_by_their_names() {
        let template: Template = serde_json::from_value(json!({"name": "hi", "language": "en", "parameter_format": "NAMED",
            "components": [{"type": "BODY", "text": "Hi {{first}}, {{when}}"}]}))
        .unwrap();
        let fill = |parameters: Value| template.fill(&json!({"components": [{"type": "body", "parameters": parameters}]}));
        let named = |name: &str, text: &str| json!({"type": "text", "parameter_name": name, "text": text});
        assert_eq!(fill(json!([named("when", "today"), named("first", "Anna")])).unwrap().text, "Hi Anna, today");
        assert_eq!(fill(json!([text("Anna"), text("today")])).unwrap_err().code, 100);
        assert_eq!(fill(json!([named("first", "Anna"), named("last", "K")])).unwrap_err().code, 132_012);
    }

    #[test]
    fn a_header_of_media_wants_that_media() {
        let template: Template = serde_json::from_value(json!({"name": "hi", "language": "en", "components": [
            {"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Hi"}]}))
        .unwrap();
        let fill = |components: Value| template.fill(&json!({"components": components}));
        let image = json!([{"type": "header", "parameters": [{"type": "image", "image": {"id": "1"}}]}]);
        assert_eq!(fill(image).unwrap().text, "[image]\nHi");
        let refusal = fill(json!([])).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.details.as_deref()),
            (132_012, Some("header: Format mismatch, expected IMAGE, received UNKNOWN"))
        );
    }

    #[test]
    fn only_what_is_approved_may_be_sent() {
        let mut templates = vec![reminder()];
        let find = |templates: &[Template], language: &str| {
            Template::find(templates, &json!({"name": "visit", "language": {"code": language}}))
                .map(|_| ())
                .map_err(|refusal| refusal.code)
        };
        assert_eq!((find(&templates, "ru"), find(&templates, "en_US")), (Ok(()), Err(132_001)));
        for (status, code) in [("PENDING", 132_001), ("REJECTED", 132_001), ("PAUSED", 132_015), ("DISABLED", 132_016)] {
            templates[0].status = status.to_owned();
            assert_eq!(find(&templates, "ru"), Err(code));
        }
    }
}
