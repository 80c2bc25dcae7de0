//! The "Outgoing webhook" action of an automation: a body as somebody typed it, with the trigger's values put in, and a token of fixed
//! claims that says nothing about the body.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    Erxes, Refused,
    state::{State, by_id},
};
use crate::wire::hmac_sha256;

/// An action, as an administrator set it up.
#[derive(Debug, Clone)]
pub struct Automation {
    /// The body, with its placeholders: `{{ trigger._id }}`.
    pub body: String,
    /// The `jwt` option's shared secret.
    pub secret: String,
    /// Its audience.
    pub audience: String,
    /// After how many seconds its tokens run out.
    pub expires_in: i64,
}

impl Erxes {
    /// The `Authorization` header and the body that the action posts for a customer.
    ///
    /// # Errors
    /// When there is no such customer.
    pub fn automation(&self, automation: &Automation, customer: &str) -> Result<(String, String), Refused> {
        let state = self.state();
        let body = filled(&state, &automation.body, customer)?;
        let now = self.world.now().timestamp();
        let claims = json!({"aud": automation.audience, "iat": now, "exp": now + automation.expires_in});
        Ok((format!("Bearer {}", signed(&claims, &automation.secret)), body))
    }
}

/// The body with the trigger's values in the place of its placeholders.
fn filled(state: &State, template: &str, customer: &str) -> Result<String, Refused> {
    let trigger = by_id(&state.customers, &json!(customer));
    let trigger = trigger.ok_or_else(|| Refused(format!("customer {customer} doesn't exist")))?;
    let mut typed: Value = serde_json::from_str(template).map_err(|error| Refused(error.to_string()))?;
    fill(&mut typed, trigger);
    Ok(typed.to_string())
}

/// A value that is nothing but a placeholder keeps its type, and stays as it is typed when there is nothing to put in; inside a longer text
/// it becomes empty (erxes note, 4.1).
fn fill(value: &mut Value, trigger: &Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|one| fill(one, trigger)),
        Value::Object(map) => map.values_mut().for_each(|one| fill(one, trigger)),
        Value::String(text) => {
            let named = |name: &str| &trigger[name.trim().strip_prefix("trigger.").unwrap_or(name.trim())];
            let alone = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).filter(|name| !name.contains("}}"));
            match alone.map(named) {
                Some(Value::Null) => {}
                Some(found) => *value = found.clone(),
                None => *text = inlined(text, named),
            }
        }
        _ => {}
    }
}

/// A text with each placeholder replaced.
fn inlined<'a>(text: &str, named: impl Fn(&str) -> &'a Value) -> String {
    let mut parts = text.split("{{");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once("}}") {
            None => out.extend(["{{", part]),
            Some((name, after)) => {
                let found = match named(name) {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                out.extend([found.as_str(), after]);
            }
        }
    }
    out
}

fn signed(claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(claims));
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(hmac_sha256(secret, text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_wherever_they_stand() {
        let trigger = json!({"_id": "c1", "firstName": "Anna", "bonus": 5});
        let mut body = json!({"id": "{{ trigger._id }}", "bonus": "{{ bonus }}", "lost": "{{ trigger.phone }}",
                              "text": "Dear {{ trigger.firstName }} {{ trigger.lastName }}, {{bonus}}", "more": [{"of": "{{ _id }}"}]});
        fill(&mut body, &trigger);
        let expected =
            json!({"id": "c1", "bonus": 5, "lost": "{{ trigger.phone }}", "text": "Dear Anna , 5", "more": [{"of": "c1"}]});
        assert_eq!(body, expected);
    }
}
