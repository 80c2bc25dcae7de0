//! How vendors are called.

use super::{
    environment::Environment,
    reader::{Reader, switch},
    settings::{SALON_ALLOW_PRIVATE_VENDORS, SALON_MAX_CA_FILE},
};
use crate::vendor::{AddressGuard, Roots};

/// How vendors are called.
#[derive(Debug, Clone)]
pub struct Vendors {
    /// Which addresses may be called.
    pub guard: AddressGuard,
    /// The authority behind MAX's certificate: trusted for calls to MAX alone.
    pub max_roots: Option<Roots>,
}

impl Vendors {
    /// A self-hosted cal.com or erxes may lie in our own network, in production too, but only if that is said explicitly:
    /// a tenant's base URL could point at anything in there.
    pub(super) fn read(from: &mut Reader<'_>, environment: Environment) -> Option<Self> {
        let allowed = from.optional(&SALON_ALLOW_PRIVATE_VENDORS, switch);
        let max_roots = from.file(&SALON_MAX_CA_FILE, Roots::from_pem);
        let guard = AddressGuard { allow_private: allowed?.unwrap_or(environment.is_development()) };
        Some(Self { guard, max_roots: max_roots? })
    }
}
