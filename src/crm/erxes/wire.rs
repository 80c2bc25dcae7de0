//! erxes' JSON, as far as we read or write it. Every field we read is nullable upstream or may become so.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// A GraphQL request.
#[derive(Serialize)]
pub(super) struct Call<V> {
    pub(super) query: &'static str,
    pub(super) variables: V,
}

/// A GraphQL answer, or what the gateway says in its stead.
#[derive(Deserialize, Default)]
pub(super) struct Answer {
    pub(super) data: Option<Value>,
    pub(super) errors: Option<Vec<GraphError>>,
    /// The gateway's own refusals: `{"error":"Invalid app token"}`.
    pub(super) error: Option<String>,
    pub(super) code: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct GraphError {
    pub(super) message: Option<String>,
    pub(super) extensions: Option<Extensions>,
}

#[derive(Deserialize)]
pub(super) struct Extensions {
    pub(super) category: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConnectVariables<'a> {
    pub(super) integration_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    pub(super) is_user: bool,
    pub(super) data: Profile<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cached_customer_id: Option<&'a str>,
}

/// Keys that are paths of erxes' customer schema are set as they are.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Profile<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_name: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Connected {
    pub(super) customer_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InsertVariables<'a> {
    pub(super) integration_id: &'a str,
    pub(super) customer_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) conversation_id: Option<&'a str>,
    pub(super) message: &'a str,
    pub(super) content_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AddVariables<'a> {
    pub(super) conversation_id: &'a str,
    pub(super) content: &'a str,
    pub(super) internal: bool,
    pub(super) content_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConversationsVariables<'a> {
    pub(super) integration_id: &'a str,
    pub(super) customer_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessagesVariables<'a> {
    pub(super) conversation_id: &'a str,
    pub(super) skip: usize,
    pub(super) limit: usize,
}

#[derive(Serialize)]
pub(super) struct ById<'a> {
    #[serde(rename = "_id")]
    pub(super) id: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Conversation {
    #[serde(rename = "_id")]
    pub(super) id: Option<String>,
    #[serde(default, deserialize_with = "date")]
    pub(super) created_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    #[serde(rename = "_id")]
    pub(super) id: Option<String>,
    pub(super) conversation_id: Option<String>,
    pub(super) content: Option<String>,
    pub(super) customer_id: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) internal: Option<bool>,
    pub(super) from_bot: Option<bool>,
    #[serde(default, deserialize_with = "date")]
    pub(super) created_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
pub(super) struct Integration {
    pub(super) kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    #[serde(rename = "_id")]
    pub(super) id: Option<String>,
    pub(super) is_owner: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SearchVariables {
    pub(super) search_value: String,
    pub(super) limit: usize,
}

#[derive(Deserialize)]
pub(super) struct CustomerList {
    pub(super) list: Option<Vec<Option<Customer>>>,
}

#[derive(Deserialize, Debug, Clone, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Customer {
    #[serde(rename = "_id")]
    pub(super) id: Option<String>,
    pub(super) state: Option<String>,
    pub(super) status: Option<String>,
    #[serde(deserialize_with = "date")]
    pub(super) updated_at: Option<DateTime<Utc>>,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) primary_email: Option<String>,
    pub(super) emails: Option<Vec<Option<String>>>,
    pub(super) primary_phone: Option<String>,
    pub(super) phones: Option<Vec<Option<String>>>,
    pub(super) code: Option<String>,
    pub(super) properties_data: Option<Map<String, Value>>,
}

/// What is written of a customer; what is none is left as it is.
#[derive(Serialize, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) struct CustomerFields {
    #[serde(rename = "_id", skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) primary_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) primary_phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phones: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) properties_data: Map<String, Value>,
}

#[derive(Serialize)]
pub(super) struct StateVariables<'a> {
    #[serde(rename = "_id")]
    pub(super) id: &'a str,
    pub(super) value: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NoteVariables<'a> {
    pub(super) content_type: &'static str,
    pub(super) content_type_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Note {
    #[serde(rename = "_id")]
    pub(super) id: Option<String>,
    pub(super) content: Option<String>,
    #[serde(default, deserialize_with = "date")]
    pub(super) created_at: Option<DateTime<Utc>>,
}

/// An answer of the OAuth routes that begins a login (RFC 8628, 3.2).
#[derive(Deserialize)]
pub(super) struct DeviceCode {
    pub(super) device_code: SecretString,
    pub(super) user_code: String,
    pub(super) verification_uri: String,
    pub(super) interval: Option<u64>,
}

/// New tokens: in camel case, unlike the questions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Granted {
    pub(super) access_token: SecretString,
    pub(super) refresh_token: SecretString,
}

/// The scalar `Date` is an ISO 8601 string; some resolvers of erxes hand milliseconds through.
fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_i64().and_then(DateTime::from_timestamp_millis),
        _ => None,
    })
}
