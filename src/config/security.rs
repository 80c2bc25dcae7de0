//! Keys, shared secrets, and the switches that must not be off in production.

use std::sync::Arc;

use secrecy::SecretString;

use super::{
    environment::Environment,
    reader::{Reader, switch},
    settings::{SALON_KEYRING, SALON_ROUTER_SECRET, STRICT_TENANT_CONFIG, STRICT_WEBHOOK_SIGNATURE, Setting},
};
use crate::crypto::KeyRing;

/// What keeps strangers out.
#[derive(Debug)]
pub struct Security {
    /// Opens and seals stored credentials.
    pub keyring: Arc<KeyRing>,
    /// What the erxes gateway proves itself with. None only in development: then nobody is asked for it.
    pub router_secret: Option<SecretString>,
    /// Whether a request whose tenant can't be told is refused.
    pub strict_tenant: bool,
    /// Whether a webhook without a valid signature is refused.
    pub strict_signature: bool,
}

impl Security {
    pub(super) fn read(from: &mut Reader<'_>, environment: Environment) -> Option<Self> {
        let keyring = Self::keyring(from);
        let router_secret = Self::router_secret(from, environment);
        let strict_tenant = strict(from, &STRICT_TENANT_CONFIG, environment);
        let strict_signature = strict(from, &STRICT_WEBHOOK_SIGNATURE, environment);
        Some(Self {
            keyring: keyring?,
            router_secret: router_secret?,
            strict_tenant: strict_tenant?,
            strict_signature: strict_signature?,
        })
    }

    fn keyring(from: &mut Reader<'_>) -> Option<Arc<KeyRing>> {
        let text: SecretString = from.required(&SALON_KEYRING, |text| Some(text.into()))?;
        // The ring's own error names the entry that breaks a rule, and no part of a key.
        KeyRing::parse(&text).map(Arc::new).map_err(|error| from.refuse(&SALON_KEYRING, error)).ok()
    }

    #[allow(clippy::option_option, reason = "three outcomes: wrong, absent, read")]
    fn router_secret(from: &mut Reader<'_>, environment: Environment) -> Option<Option<SecretString>> {
        let fits = |text: &str| text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_graphic());
        let read = from.optional(&SALON_ROUTER_SECRET, |text| fits(text).then(|| SecretString::from(text)))?;
        if read.is_none() && !environment.is_development() {
            from.refuse(&SALON_ROUTER_SECRET, "it is not set");
            return None;
        }
        Some(read)
    }
}

/// On unless the environment is development.
fn strict(from: &mut Reader<'_>, setting: &Setting, environment: Environment) -> Option<bool> {
    let wanted = from.optional(setting, switch)?;
    if wanted == Some(false) && !environment.is_development() {
        from.refuse(setting, "switching it off is refused in production");
        return None;
    }
    Some(wanted.unwrap_or(!environment.is_development()))
}
