//! The "Outgoing webhook" action of an automation: a body as somebody typed it, with the trigger's values put in, and a token of fixed
//! claims that says nothing about the body.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    Erxes, Refused,
    state::{State, by_id},
};

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
        Ok((format!("Bearer {}", signed(&claims, &automation.secret)?), body))
    }
}

/// A value that is nothing but a placeholder stays as it is typed when there is nothing to put in; inside a longer one it becomes empty.
fn filled(state: &State, template: &str, customer: &str) -> Result<String, Refused> {
    let trigger = by_id(&state.customers, &json!(customer));
    let trigger = trigger.ok_or_else(|| Refused(format!("customer {customer} doesn't exist")))?;
    let mut typed: Value = serde_json::from_str(template).map_err(|error| Refused(error.to_string()))?;
    for value in typed.as_object_mut().into_iter().flat_map(|fields| fields.values_mut()) {
        let Some(text) = value.as_str() else { continue };
        let Some((before, rest)) = text.split_once("{{") else { continue };
        let Some((name, after)) = rest.split_once("}}") else { continue };
        let name = name.trim();
        let found = &trigger[name.strip_prefix("trigger.").unwrap_or(name)];
        *value = match (found, before.is_empty() && after.is_empty()) {
            (Value::Null, true) => continue,
            (found, true) => found.clone(),
            (found, false) => format!("{before}{}{after}", found.as_str().unwrap_or_default()).into(),
        };
    }
    Ok(typed.to_string())
}

fn signed(claims: &Value, secret: &str) -> Result<String, Refused> {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(claims));
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|error| Refused(error.to_string()))?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.chain_update(&text).finalize().into_bytes())))
}
