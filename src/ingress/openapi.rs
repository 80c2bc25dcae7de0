//! The public HTTP interface in OpenAPI 3.1, for who builds a form or looks at a proxy's rules (schema/openapi.json). What is said of a path
//! stands at its handler.
#![allow(dead_code, reason = "forms and answers are described here, and read and written elsewhere")]

use utoipa::{
    IntoParams, OpenApi, PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{ObjectBuilder, OneOfBuilder, Type},
    },
};

use super::{go, leads, webhook};
use crate::error::Code;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "salon-core",
        description = "The addresses that are open to the internet: forms of salons' sites, links to their chats, and the webhooks of messengers, calendars and CRMs.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(leads::receive, go::lead_on, webhook::receive, webhook::greet),
    components(schemas(Lead, Filed, Problem))
)]
struct Public;

/// The document, as it is published.
///
/// # Errors
/// None, unless the document can't be written as JSON.
pub fn document() -> Result<String, serde_json::Error> {
    Public::openapi().to_pretty_json()
}

/// Whose webhook it is.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct WebhookAddress {
    /// Which vendor: `telegram`, `max`, `vk`, `whatsapp`, `instagram`, `calcom`, `erxes`, `espocrm` or `bitrix24`
    source: String,
    /// Names the account; `salon-core tenant show` prints the whole address
    endpoint_key: String,
}

/// From where a visitor of a link came.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct From {
    /// Who sent the visitor
    #[param(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    r#ref: Option<String>,
    #[param(max_length = 200)]
    utm_source: Option<String>,
    #[param(max_length = 200)]
    utm_medium: Option<String>,
    #[param(max_length = 200)]
    utm_campaign: Option<String>,
    #[param(max_length = 200)]
    utm_content: Option<String>,
    #[param(max_length = 200)]
    utm_term: Option<String>,
}

/// What a visitor fills in. Empty fields count as left out, and fields that are not named here are ignored.
#[derive(ToSchema)]
#[schema(examples(json!({ "name": "Anna", "phone": "+7 916 123-45-67", "service": "haircut", "consent": true, "utm_source": "maps" })))]
pub(super) struct Lead {
    /// The form's key, unless it is in `X-Salon-Form`
    form: Option<String>,
    /// How the visitor wants to be called, in one line
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// A number that can exist; without a country code it is one of the salon's region. This or `email` is required
    phone: Option<String>,
    /// An address that can exist
    #[schema(max_length = 254)]
    email: Option<String>,
    /// The key of one of the salon's services
    service: Option<String>,
    /// In the visitor's own words
    #[schema(max_length = 2000)]
    message: Option<String>,
    /// Who sent the visitor
    #[schema(pattern = "^[A-Za-z0-9_-]{0,64}$")]
    r#ref: Option<String>,
    /// From where the visitor came, in one line
    #[schema(max_length = 200)]
    utm_source: Option<String>,
    /// Likewise
    #[schema(max_length = 200)]
    utm_medium: Option<String>,
    /// Likewise
    #[schema(max_length = 200)]
    utm_campaign: Option<String>,
    /// Likewise
    #[schema(max_length = 200)]
    utm_content: Option<String>,
    /// Likewise
    #[schema(max_length = 200)]
    utm_term: Option<String>,
    /// The page on which the form stands, http or https; its query is not kept
    #[schema(max_length = 2000)]
    page: Option<String>,
    /// Must be true if the salon wants consent
    #[schema(schema_with = ticked)]
    consent: Option<bool>,
    /// A trap for programs: hidden from people, and to be left empty
    #[schema(max_length = 0)]
    website: Option<String>,
}

/// A box, as scripts and pages write it.
fn ticked() -> Schema {
    let words = ["true", "on", "yes", "1", "false", "off", "no", "0", ""];
    let word = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words));
    OneOfBuilder::new().item(ObjectBuilder::new().schema_type(Type::Boolean)).item(word).into()
}

/// An enquiry that is stored.
#[derive(ToSchema)]
pub(super) struct Filed {
    /// Names the enquiry, to be shown to the visitor
    #[schema(pattern = "^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$", example = "K7QM-2ZXP")]
    tracking_code: String,
}

/// Why something was not done (RFC 9457).
#[derive(ToSchema)]
pub(super) struct Problem {
    /// `urn:salon-core:problem:` and the code
    r#type: String,
    /// The code in a sentence
    title: String,
    /// The answer's status
    status: u16,
    code: Code,
    /// What is wrong, naming the field and the rule
    detail: String,
    /// Every field that breaks a rule
    errors: Option<Vec<FieldProblem>>,
}

/// A field that breaks a rule.
#[derive(ToSchema)]
struct FieldProblem {
    /// The field
    field: String,
    /// What was expected, to be read after the field
    rule: String,
}

impl ToSchema for Code {}

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let codes = Self::ALL.iter().map(|code| code.as_str());
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("Never changes its meaning"))
            .enum_values(Some(codes))
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_this_one() {
        let committed = include_str!("../../schema/openapi.json");
        assert_eq!(committed.trim_end(), document().unwrap(), "schema/openapi.json is out of date: run `make schema`");
    }
}
