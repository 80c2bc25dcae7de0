//! The languages that clients are spoken to in.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A language of the texts that clients read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Russian.
    #[default]
    Ru,
    /// English.
    En,
}

/// A language code that we have no texts in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no texts in language {0:?}: use \"ru\" or \"en\"")]
pub struct UnknownLang(String);

impl Lang {
    /// Every language there are texts in.
    pub const ALL: [Self; 2] = [Self::Ru, Self::En];

    /// The ISO 639-1 code: what is stored and what the API speaks.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ru => "ru",
            Self::En => "en",
        }
    }

    /// The language of a BCP 47 tag as messengers report it (`ru`, `ru-RU`, `en_US`), by its primary subtag.
    ///
    /// `None` for a language without texts: the caller then asks the client or takes the salon's default.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next()?;
        Self::ALL.into_iter().find(|lang| primary.eq_ignore_ascii_case(lang.code()))
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Lang {
    type Err = UnknownLang;

    /// Reads an exact [`Lang::code`]; what a messenger reports goes through [`Lang::from_tag`].
    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|lang| lang.code() == code).ok_or_else(|| UnknownLang(code.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_by_their_primary_subtag() {
        for (tag, lang) in [
            ("ru", Some(Lang::Ru)),
            ("ru-RU", Some(Lang::Ru)),
            ("EN_us", Some(Lang::En)),
            ("en-Latn-GB", Some(Lang::En)),
            ("kk", None),
            ("run", None),
            ("rus", None),
            ("", None),
            ("-ru", None),
        ] {
            assert_eq!(Lang::from_tag(tag), lang, "{tag}");
        }
    }

    #[test]
    fn code_display_parse_and_serde_agree() {
        for lang in Lang::ALL {
            assert_eq!(lang.to_string().parse(), Ok(lang));
            assert_eq!(serde_json::to_value(lang).unwrap(), serde_json::json!(lang.code()));
            assert_eq!(serde_json::from_value::<Lang>(serde_json::json!(lang.code())).unwrap(), lang);
        }
        assert!("RU".parse::<Lang>().is_err());
        assert!("de".parse::<Lang>().unwrap_err().to_string().contains("\"de\""));
    }
}
