//! Button payloads: `v1|<screen 2>|<choice>|<session version base36>|<mac 8>`, at most 64 bytes on every channel
//! (Bot API: callback_data is 1-64 bytes). They carry no personal data, and a payload that we did not make for this
//! very conversation does not open.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::ids::BookingId;
use super::session::State;

/// The longest payload we make, in bytes.
pub const MAX_PAYLOAD: usize = 64;

/// 48 bits: a guess is one chance in 2^48 per webhook, and a forged press could only do what its own client may do.
const MAC_BYTES: usize = 6;
const PREFIX: &str = "v1";
const BOUND_SCREEN: &str = "bk";

/// What a press of a button means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Token {
    /// A choice on the screen that this session version showed; worthless once the session has moved on.
    Session {
        /// The screen it was on.
        screen: State,
        /// The choice.
        choice: ChoiceId,
        /// The session version that showed it.
        version: u64,
    },
    /// A request that holds at any time, as on reminders. It only ever opens a screen; acting takes a second press.
    Bound(Bound),
}

/// A choice on a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChoiceId {
    /// The n-th offer of the session, from 0.
    Offer(u16),
    /// The next page of the same choices.
    More,
    /// One step back.
    Back,
    /// The home screen.
    Home,
}

/// A request that does not depend on the session's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The home screen.
    Home,
    /// The list of visits.
    MyVisits,
    /// One visit.
    Visit(BookingId),
    /// The question whether to cancel the visit.
    Cancel(BookingId),
}

/// The key is too short to make tokens with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token key needs at least {} bytes", TokenSealer::MIN_KEY)]
pub struct ShortKey;

/// Makes and opens the tokens of one conversation.
#[derive(Clone)]
pub struct TokenSealer {
    mac: Hmac<Sha256>,
}

impl fmt::Debug for TokenSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSealer(..)")
    }
}

impl TokenSealer {
    /// The shortest accepted key, in bytes.
    pub const MIN_KEY: usize = 16;

    /// A sealer for the conversation named by `conversation` (any bytes that name it among all conversations).
    ///
    /// # Errors
    /// [`ShortKey`] when the key has fewer than [`TokenSealer::MIN_KEY`] bytes.
    pub fn new(key: &[u8], conversation: &[u8]) -> Result<Self, ShortKey> {
        if key.len() < Self::MIN_KEY {
            return Err(ShortKey);
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| ShortKey)?;
        // The length keeps (conversation, token) pairs apart whatever bytes the conversation's name has.
        mac.update(&(conversation.len() as u64).to_be_bytes());
        mac.update(conversation);
        Ok(Self { mac })
    }

    /// The payload for a button.
    pub fn seal(&self, token: &Token) -> String {
        let body = match token {
            Token::Session { screen, choice, version } => {
                format!("{PREFIX}|{}|{}|{}", screen.code(), encode_choice(*choice), base36(*version))
            }
            Token::Bound(bound) => format!("{PREFIX}|{BOUND_SCREEN}|{}|0", encode_bound(*bound)),
        };
        let mac = self.tag(&body);
        format!("{body}|{mac}")
    }

    /// The token in `payload`; `None` for anything we did not make for this conversation.
    pub fn open(&self, payload: &str) -> Option<Token> {
        if payload.len() > MAX_PAYLOAD {
            return None;
        }
        let (body, mac) = payload.rsplit_once('|')?;
        if !bool::from(self.tag(body).as_bytes().ct_eq(mac.as_bytes())) {
            return None;
        }
        let mut parts = body.split('|');
        let (version_mark, screen, choice) = (parts.next()?, parts.next()?, parts.next()?);
        let version = u64::from_str_radix(parts.next()?, 36).ok()?;
        if version_mark != PREFIX || parts.next().is_some() {
            return None;
        }
        if screen == BOUND_SCREEN {
            return decode_bound(choice).map(Token::Bound);
        }
        Some(Token::Session { screen: State::from_code(screen)?, choice: decode_choice(choice)?, version })
    }

    fn tag(&self, body: &str) -> String {
        let digest = self.mac.clone().chain_update(body.as_bytes()).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode(digest.get(..MAC_BYTES).unwrap_or(&digest))
    }
}

fn encode_choice(choice: ChoiceId) -> String {
    match choice {
        ChoiceId::Offer(n) => base36(u64::from(n)),
        ChoiceId::More => ">".to_owned(),
        ChoiceId::Back => "<".to_owned(),
        ChoiceId::Home => "^".to_owned(),
    }
}

fn decode_choice(text: &str) -> Option<ChoiceId> {
    match text {
        ">" => Some(ChoiceId::More),
        "<" => Some(ChoiceId::Back),
        "^" => Some(ChoiceId::Home),
        digits => u16::from_str_radix(digits, 36).ok().map(ChoiceId::Offer),
    }
}

fn encode_bound(bound: Bound) -> String {
    let with_id = |letter: char, id: BookingId| format!("{letter}{}", URL_SAFE_NO_PAD.encode(id.0.as_bytes()));
    match bound {
        Bound::Home => "h".to_owned(),
        Bound::MyVisits => "m".to_owned(),
        Bound::Visit(id) => with_id('v', id),
        Bound::Cancel(id) => with_id('c', id),
    }
}

fn decode_bound(text: &str) -> Option<Bound> {
    let id = |encoded: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        Uuid::from_slice(&bytes).ok().map(BookingId)
    };
    match text {
        "h" => Some(Bound::Home),
        "m" => Some(Bound::MyVisits),
        _ => match text.strip_prefix('v') {
            Some(rest) => id(rest).map(Bound::Visit),
            None => id(text.strip_prefix('c')?).map(Bound::Cancel),
        },
    }
}

fn base36(mut n: u64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(n % 36).unwrap_or_default();
        digits.push(char::from_digit(digit, 36).unwrap_or('0'));
        n /= 36;
        if n == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealer(conversation: &str) -> TokenSealer {
        TokenSealer::new(b"0123456789abcdef", conversation.as_bytes()).unwrap()
    }

    fn any_token() -> impl Strategy<Value = Token> {
        let choice =
            prop_oneof![any::<u16>().prop_map(ChoiceId::Offer), Just(ChoiceId::More), Just(ChoiceId::Back), Just(ChoiceId::Home)];
        let id = any::<u128>().prop_map(|n| BookingId(Uuid::from_u128(n)));
        prop_oneof![
            (proptest::sample::select(State::ALL.to_vec()), choice, any::<u64>())
                .prop_map(|(screen, choice, version)| Token::Session { screen, choice, version }),
            id.clone().prop_map(|id| Token::Bound(Bound::Visit(id))),
            id.prop_map(|id| Token::Bound(Bound::Cancel(id))),
            Just(Token::Bound(Bound::Home)),
            Just(Token::Bound(Bound::MyVisits)),
        ]
    }

    proptest! {
        #[test]
        fn opens_what_it_sealed_within_64_bytes(token in any_token()) {
            let payload = sealer("a").seal(&token);
            prop_assert!(payload.len() <= MAX_PAYLOAD, "{}", payload);
            prop_assert_eq!(sealer("a").open(&payload), Some(token));
            prop_assert_eq!(sealer("b").open(&payload), None);
        }

        #[test]
        fn a_changed_byte_does_not_open(token in any_token(), at in any::<prop::sample::Index>(), with in 0x20u8..0x7f) {
            let payload = sealer("a").seal(&token);
            let mut bytes = payload.clone().into_bytes();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != with);
            bytes[at] = with;
            prop_assert_eq!(sealer("a").open(&String::from_utf8(bytes).unwrap()), None);
        }

        #[test]
        fn any_text_is_refused_without_a_panic(text in "\\PC{0,80}") {
            prop_assert_eq!(sealer("a").open(&text), None);
        }
    }

    #[test]
    fn a_short_key_is_refused() {
        assert!(TokenSealer::new(b"short", b"a").is_err());
    }

    #[test]
    fn the_wire_form_is_stable() {
        let token = Token::Session { screen: State::Home, choice: ChoiceId::Offer(11), version: 1_296 };
        assert!(sealer("a").seal(&token).starts_with("v1|hm|b|100|"));
    }
}
