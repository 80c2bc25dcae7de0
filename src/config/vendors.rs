//! How vendors are called.

use super::{
    environment::Environment,
    reader::{Reader, switch},
    settings::SALON_ALLOW_PRIVATE_VENDORS,
};
use crate::vendor::AddressGuard;

/// How vendors are called.
#[derive(Debug, Clone, Copy)]
pub struct Vendors {
    /// Which addresses may be called.
    pub guard: AddressGuard,
}

impl Vendors {
    /// A self-hosted cal.com or erxes may lie in our own network, in production too, but only if that is said explicitly:
    /// a tenant's base URL could point at anything in there.
    pub(super) fn read(from: &mut Reader<'_>, environment: Environment) -> Option<Self> {
        let allowed = from.optional(&SALON_ALLOW_PRIVATE_VENDORS, switch)?;
        Some(Self { guard: AddressGuard { allow_private: allowed.unwrap_or(environment.is_development()) } })
    }
}
