//! The languages a client can be answered in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A language of the client-facing texts, written as its ISO 639-1 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Russian.
    Ru,
    /// English.
    En,
}

/// The text is not the code of a language we have texts in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown language code")]
pub struct UnknownLang;

impl Lang {
    /// The language of a BCP 47 tag such as `ru-RU` or `en`; `None` for a language we have no texts in.
    pub fn from_tag(tag: &str) -> Option<Self> {
        tag.split(['-', '_']).next()?.parse().ok()
    }
}

impl FromStr for Lang {
    type Err = UnknownLang;

    fn from_str(code: &str) -> Result<Self, UnknownLang> {
        if code.eq_ignore_ascii_case("ru") {
            Ok(Self::Ru)
        } else if code.eq_ignore_ascii_case("en") {
            Ok(Self::En)
        } else {
            Err(UnknownLang)
        }
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ru => "ru",
            Self::En => "en",
        })
    }
}
