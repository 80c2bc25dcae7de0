//! Links by which a person opens a chat with an account.

use url::Url;

/// What a link is made of.
#[derive(Debug, Clone, Copy)]
pub struct ChatLink<'a> {
    /// The account's id at the vendor.
    pub external_id: &'a str,
    /// Its public name, as the vendor said when it was last asked ([`super::AccountInfo::name`]).
    pub public_name: Option<&'a str>,
    /// What the first event of the chat should bring back: `A-Z a-z 0-9 _ -`, at most 64.
    pub token: Option<&'a str>,
    /// The words that the person would send first, for where a link can carry nothing else.
    pub words: Option<&'a str>,
}

impl ChatLink<'_> {
    /// The public name, if `fits` every character of it.
    pub(super) fn name(&self, lengths: std::ops::RangeInclusive<usize>, fits: fn(char) -> bool) -> Option<&str> {
        self.public_name.filter(|name| lengths.contains(&name.len()) && name.chars().all(fits))
    }

    /// The link with the token as `parameter`.
    pub(super) fn with_token(&self, base: &str, name: &str, parameter: &str) -> Option<Url> {
        link(base, name, self.token.map(|token| (parameter, token)))
    }

    /// The link with the words as `parameter`.
    pub(super) fn with_words(&self, base: &str, name: &str, parameter: &str) -> Option<Url> {
        link(base, name, self.words.map(|words| (parameter, words)))
    }
}

fn link(base: &str, name: &str, pair: Option<(&str, &str)>) -> Option<Url> {
    let mut url = Url::parse(base).ok()?;
    url.path_segments_mut().ok()?.pop_if_empty().push(name);
    if let Some((parameter, value)) = pair {
        url.query_pairs_mut().append_pair(parameter, value);
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::super::{ChannelKind, adapter};
    use super::*;

    fn of(kind: ChannelKind, public_name: Option<&str>, bring: bool) -> Option<String> {
        let (token, words) = (bring.then_some("tok_en-1"), bring.then_some("Код: #12"));
        let link = ChatLink { external_id: "123456", public_name, token, words };
        adapter(kind).chat_link(&link).map(String::from)
    }

    #[test]
    fn each_vendor_has_its_own_link() {
        use ChannelKind::{Instagram, Max, Telegram, Vk, WhatsApp};
        for (kind, name, bare, bringing) in [
            (Telegram, "salon_bot", "https://t.me/salon_bot", "?start=tok_en-1"),
            (Max, "id770_bot", "https://max.ru/id770_bot", "?start=tok_en-1"),
            (Vk, "Салон «Лотос»", "https://vk.me/club123456", "?ref=tok_en-1"),
            (WhatsApp, "+7 900 123-45-67", "https://wa.me/79001234567", "?text=%D0%9A%D0%BE%D0%B4%3A+%2312"),
            (Instagram, "lotos.salon", "https://ig.me/m/lotos.salon", "?ref=tok_en-1"),
        ] {
            assert_eq!(of(kind, Some(name), false).as_deref(), Some(bare));
            assert_eq!(of(kind, Some(name), true), Some(format!("{bare}{bringing}")));
        }
    }

    #[test]
    fn what_is_no_public_name_makes_no_link() {
        for kind in ChannelKind::ALL.iter().copied().filter(|kind| *kind != ChannelKind::Vk) {
            for name in [None, Some(""), Some("../x"), Some("a b"), Some("Салон"), Some("a?b=c"), Some("a/b"), Some("+7")] {
                assert_eq!(of(kind, name, true), None, "{kind} {name:?}");
            }
        }
    }
}
