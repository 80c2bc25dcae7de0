//! The one place that names every adapter.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{ChannelAdapter, instagram, max, telegram, vk, whatsapp};

macro_rules! channels {
    ($($(#[$doc:meta])* $kind:ident = $name:literal => $adapter:expr),+ $(,)?) => {
        /// A messenger that has an adapter.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum ChannelKind { $($(#[$doc])* #[serde(rename = $name)] $kind),+ }

        impl ChannelKind {
            /// Every channel there is: what the conformance suite walks.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The name in addresses, files and metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }
        }

        /// The adapter of a messenger.
        pub fn adapter(kind: ChannelKind) -> &'static dyn ChannelAdapter {
            match kind { $(ChannelKind::$kind => &$adapter),+ }
        }
    };
}

channels! {
    /// Telegram Bot API.
    Telegram = "telegram" => telegram::Telegram,
    /// MAX Bot API.
    Max = "max" => max::Max,
    /// VK's messages to communities.
    Vk = "vk" => vk::Vk,
    /// WhatsApp Cloud API.
    WhatsApp = "whatsapp" => whatsapp::WhatsApp,
    /// Instagram API with Instagram Login.
    Instagram = "instagram" => instagram::Instagram,
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ChannelKind {
    type Err = UnknownChannel;

    fn from_str(name: &str) -> Result<Self, UnknownChannel> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name).ok_or(UnknownChannel)
    }
}

/// There is no adapter of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such channel")]
pub struct UnknownChannel;
