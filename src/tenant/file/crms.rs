//! The CRMs of the file: one section each, and what they have in common.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::TenantFile;

/// The salon's place in erxes.
#[derive(Clone, Debug, Deserialize)]
pub struct Erxes {
    /// Address of the gateway.
    pub base_url: String,
    /// `_id` of the messenger integration (`widgetsMessengerConnect(integrationId!)`).
    pub integration_id: String,
    /// `_id` of the brand.
    pub brand_id: String,
    /// Without it only the public widget operations are used.
    pub app_token: Option<SecretString>,
    /// An OAuth client of erxes; somebody then logs in with `salon-core crm login`.
    pub client_id: Option<String>,
    /// Its secret; `None` for a public client.
    pub client_secret: Option<SecretString>,
    /// Signs the tokens of automations' webhooks (HS256). `None`: the caller makes one and keeps it.
    pub webhook_secret: Option<SecretString>,
    /// `false` keeps what was said in the messengers out of erxes.
    #[serde(default = "yes")]
    pub transcripts: bool,
    /// Calls in a second, 1 to 1000; `None`: as the adapter says.
    pub per_second: Option<u16>,
    /// `false` keeps the connection but sends nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// The salon's EspoCRM.
#[derive(Clone, Debug, Deserialize)]
pub struct Espocrm {
    /// Address of EspoCRM, without `/api/v1`.
    pub base_url: String,
    /// Key of the API user.
    pub api_key: SecretString,
    /// With it requests are signed (HMAC authentication).
    pub secret_key: Option<SecretString>,
    /// Id of the user whose visits and tasks they are, unless `staff` says another.
    pub assigned_user_id: String,
    /// Id of the team that sees the records.
    pub team_id: Option<String>,
    /// By a master's key: the id of the user that master is in EspoCRM.
    #[serde(default)]
    pub staff: BTreeMap<String, String>,
    /// `source` of leads from the web. `None`: the adapter's own.
    pub lead_source: Option<String>,
    /// Which fields hold what.
    #[serde(default)]
    pub fields: Value,
    /// Their words for ours.
    #[serde(default)]
    pub values: Value,
    /// `false` keeps what was said in the messengers out of EspoCRM.
    #[serde(default = "yes")]
    pub transcripts: bool,
    /// Calls in a second, 1 to 1000; `None`: as the adapter says.
    pub per_second: Option<u16>,
    /// `false` keeps the connection but sends nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// The salon's Bitrix24.
#[derive(Clone, Debug, Deserialize)]
pub struct Bitrix24 {
    /// Address of the portal.
    pub base_url: String,
    /// The user of an inbound webhook.
    pub user_id: Option<i64>,
    /// The code of an inbound webhook.
    pub webhook_code: Option<SecretString>,
    /// A local application instead; somebody then logs in with `salon-core crm login`.
    pub client_id: Option<String>,
    /// The application's key.
    pub client_secret: Option<SecretString>,
    /// What the portal's own webhooks prove themselves with.
    pub application_token: Option<SecretString>,
    /// The portal's id: its webhooks must name it.
    pub member_id: Option<String>,
    /// Id of the user whose records they are, unless `staff` says another.
    pub responsible_id: i64,
    /// By a master's key: the id of the user that master is in Bitrix24.
    #[serde(default)]
    pub staff: BTreeMap<String, i64>,
    /// `sourceId` of leads from the web. `None`: the adapter's own.
    pub source_id: Option<String>,
    /// The funnel of visits. `None`: the portal's first.
    pub category_id: Option<i64>,
    /// By how a visit stands: the stage of its deal. Without it stages are left alone.
    #[serde(default)]
    pub stages: BTreeMap<String, String>,
    /// Address of Bitrix24's authorization server. `None`: the vendor's own.
    pub oauth_url: Option<String>,
    /// Which fields hold what.
    #[serde(default)]
    pub fields: Value,
    /// Their words for ours.
    #[serde(default)]
    pub values: Value,
    /// `false` keeps what was said in the messengers out of Bitrix24.
    #[serde(default = "yes")]
    pub transcripts: bool,
    /// Calls in a second, 1 to 1000; `None`: as the adapter says.
    pub per_second: Option<u16>,
    /// `false` keeps the connection but sends nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// A CRM as it is stored, whichever it is.
pub(in crate::tenant) struct CrmSpec<'a> {
    pub(in crate::tenant) kind: &'static str,
    pub(in crate::tenant) base_url: &'a str,
    pub(in crate::tenant) settings: Value,
    pub(in crate::tenant) token: Option<&'a SecretString>,
    pub(in crate::tenant) signing_key: Option<&'a SecretString>,
    pub(in crate::tenant) oauth: Option<(&'a str, Option<&'a SecretString>)>,
    pub(in crate::tenant) webhook_secret: Proof<'a>,
    /// Whose its webhooks must say they are.
    pub(in crate::tenant) member_id: Option<&'a str>,
}

/// What a CRM's webhooks prove themselves with.
pub(in crate::tenant) enum Proof<'a> {
    /// A secret of ours. None: made once and kept.
    Ours(Option<&'a SecretString>),
    /// A secret of theirs. None: nothing is believed until the file says it.
    Theirs(Option<&'a SecretString>),
}

impl TenantFile {
    /// Every CRM of the file.
    pub(in crate::tenant) fn crms(&self) -> Vec<CrmSpec<'_>> {
        let erxes = self.erxes.as_ref().map(Erxes::spec);
        let espocrm = self.espocrm.as_ref().map(Espocrm::spec);
        let bitrix24 = self.bitrix24.as_ref().map(Bitrix24::spec);
        [erxes, espocrm, bitrix24].into_iter().flatten().collect()
    }
}

impl TenantFile {
    /// Every address of a CRM's that the file has, with its field.
    pub fn crm_addresses(&self) -> Vec<(&'static str, &str)> {
        let erxes = self.erxes.iter().map(|erxes| ("erxes.base_url", erxes.base_url.as_str()));
        let espocrm = self.espocrm.iter().map(|espocrm| ("espocrm.base_url", espocrm.base_url.as_str()));
        let bitrix24 = self.bitrix24.iter().map(|bitrix24| ("bitrix24.base_url", bitrix24.base_url.as_str()));
        let logins = self.bitrix24.iter().filter_map(|bitrix24| Some(("bitrix24.oauth_url", bitrix24.oauth_url.as_deref()?)));
        erxes.chain(espocrm).chain(bitrix24).chain(logins).collect()
    }
}

impl Erxes {
    fn spec(&self) -> CrmSpec<'_> {
        CrmSpec {
            kind: "erxes",
            base_url: &self.base_url,
            settings: bare(json!({
                "integration_id": self.integration_id, "per_second": self.per_second, "transcripts": self.transcripts,
                "enabled": self.enabled,
            })),
            token: self.app_token.as_ref(),
            signing_key: None,
            oauth: self.client_id.as_deref().map(|id| (id, self.client_secret.as_ref())),
            webhook_secret: Proof::Ours(self.webhook_secret.as_ref()),
            member_id: None,
        }
    }
}

impl Espocrm {
    fn spec(&self) -> CrmSpec<'_> {
        let settings = json!({
            "assigned_user_id": self.assigned_user_id, "team_id": self.team_id, "staff": self.staff, "lead_source": self.lead_source,
            "fields": map(&self.fields), "values": map(&self.values), "per_second": self.per_second, "transcripts": self.transcripts, "enabled": self.enabled,
        });
        CrmSpec {
            kind: "espocrm",
            base_url: &self.base_url,
            settings: bare(settings),
            token: Some(&self.api_key),
            signing_key: self.secret_key.as_ref(),
            oauth: None,
            webhook_secret: Proof::Theirs(None),
            member_id: None,
        }
    }
}

impl Bitrix24 {
    fn spec(&self) -> CrmSpec<'_> {
        let settings = json!({
            "user_id": self.user_id, "responsible_id": self.responsible_id, "staff": self.staff,
            "source_id": self.source_id, "category_id": self.category_id, "stages": self.stages, "oauth_url": self.oauth_url,
            "fields": map(&self.fields), "values": map(&self.values), "per_second": self.per_second, "transcripts": self.transcripts, "enabled": self.enabled,
        });
        CrmSpec {
            kind: "bitrix24",
            base_url: &self.base_url,
            settings: bare(settings),
            token: self.webhook_code.as_ref(),
            signing_key: None,
            oauth: self.client_id.as_deref().map(|id| (id, self.client_secret.as_ref())),
            webhook_secret: Proof::Theirs(self.application_token.as_ref()),
            member_id: self.member_id.as_deref(),
        }
    }
}

/// What is left out of the file is left out of the row, so that a new build's new setting changes no row.
fn bare(settings: Value) -> Value {
    match settings {
        Value::Object(fields) => Value::Object(fields.into_iter().filter(|(_, value)| !is_empty(value)).collect::<Map<_, _>>()),
        other => other,
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Map::is_empty)
}

fn map(given: &Value) -> Value {
    if given.is_null() { json!({}) } else { given.clone() }
}

fn yes() -> bool {
    true
}
