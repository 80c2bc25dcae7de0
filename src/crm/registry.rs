//! The one place that names every CRM.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Crm, bitrix24, erxes, espocrm};

macro_rules! crms {
    ($($(#[$doc:meta])* $kind:ident = $name:literal => $adapter:expr),+ $(,)?) => {
        /// A CRM that has an adapter.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum CrmKind { $($(#[$doc])* #[serde(rename = $name)] $kind),+ }

        impl CrmKind {
            /// Every CRM there is: what the conformance suite walks.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The name in the database, in addresses, files and metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }
        }

        /// The adapter of a CRM.
        pub fn crm(kind: CrmKind) -> &'static dyn Crm {
            match kind { $(CrmKind::$kind => &$adapter),+ }
        }
    };
}

crms! {
    /// erxes 3, through its federation gateway.
    Erxes = "erxes" => erxes::Erxes,
    /// EspoCRM, over its REST API.
    EspoCrm = "espocrm" => espocrm::EspoCrm,
    /// Bitrix24, in the cloud or on a box.
    Bitrix24 = "bitrix24" => bitrix24::Bitrix24,
}

impl fmt::Display for CrmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CrmKind {
    type Err = UnknownCrm;

    fn from_str(name: &str) -> Result<Self, UnknownCrm> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name).ok_or(UnknownCrm)
    }
}

/// There is no adapter of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such CRM")]
pub struct UnknownCrm;
