//! What proves by which link a visitor came: the token in a chat's link, the code where a link can carry nothing out of sight, and the
//! cookie. All of them go through strangers' hands, so all of them are signed for one salon; what does not prove itself is nobody's.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::code;
use crate::{
    crypto::{KeyRing, sha256},
    ids::{TenantId, TouchId},
    lang::Lang,
};

/// How long a touch waits for its chat, and a browser remembers it.
pub const LIFE: TimeDelta = TimeDelta::days(30);

const TOKEN: &str = "touch token";
const CODE: &str = "touch code";
const COOKIE: &str = "touch cookie";

const ID: usize = 16;
const PROOF: usize = 16;
const COOKIE_VERSION: u8 = 1;

/// What is signed: the salon first, so that one salon's proof is none of another's.
fn message(tenant: TenantId, content: &[u8]) -> Vec<u8> {
    [tenant.0.as_bytes().as_slice(), content].concat()
}

fn signed(ring: &KeyRing, purpose: &str, tenant: TenantId, content: &[u8]) -> String {
    let proof = ring.sign(purpose, &message(tenant, content));
    URL_SAFE_NO_PAD.encode([content, proof.get(..PROOF).unwrap_or_default()].concat())
}

fn proven(ring: &KeyRing, purpose: &str, tenant: TenantId, text: &str, length: usize) -> Option<Vec<u8>> {
    // Nothing longer is ours; decoding takes no more time for it.
    if text.len() > (length + PROOF).div_ceil(3) * 4 {
        return None;
    }
    let mut content = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == length + PROOF)?;
    let proof = content.split_off(length);
    ring.proves(purpose, &message(tenant, &content), &proof).then_some(content)
}

/// What a chat's link carries: 43 of `A-Z a-z 0-9 _ -`, which every vendor takes (Bot API: at most 64 of these).
pub fn token(ring: &KeyRing, tenant: TenantId, touch: TouchId) -> String {
    signed(ring, TOKEN, tenant, touch.0.as_bytes())
}

/// The touch that a link's payload names. None for anything that is not a token of this salon's.
pub fn read_token(ring: &KeyRing, tenant: TenantId, payload: &str) -> Option<TouchId> {
    let content = proven(ring, TOKEN, tenant, payload, ID)?;
    Uuid::from_slice(&content).ok().map(TouchId)
}

/// What stands in a text for all to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// The code of a touch. Without the ring it can't be told from the touch's id.
    pub fn of(ring: &KeyRing, tenant: TenantId, touch: TouchId) -> Self {
        let [a, b, c, d, e, ..] = ring.sign(CODE, &message(tenant, touch.0.as_bytes()));
        Self(code::encode([a, b, c, d, e]))
    }

    /// The first code in a text: `#`, then eight symbols, then no further letter or digit. People type it in any case.
    pub fn in_text(text: &str) -> Option<Self> {
        text.match_indices('#').find_map(|(at, _)| {
            let mut rest = text.get(at + 1..)?.chars();
            let found: Option<String> = rest.by_ref().take(code::LENGTH).map(code::symbol).collect();
            let found = found.filter(|found| found.len() == code::LENGTH)?;
            (!rest.next().is_some_and(char::is_alphanumeric)).then_some(Self(found))
        })
    }

    /// The words that a chat begins with, to be sent by the visitor.
    pub fn greeting(&self, lang: Lang) -> String {
        match lang {
            Lang::Ru => format!("Здравствуйте! Мой код: #{}", self.0),
            Lang::En => format!("Hello! My code: #{}", self.0),
        }
    }

    /// As it is stored.
    pub fn hash(&self) -> [u8; 32] {
        sha256(self.0.as_bytes())
    }
}

/// What a browser remembers: by which link it first came, which stays, and by which last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trail {
    /// The first touch.
    pub first: TouchId,
    /// The last one; it may be the first.
    pub last: TouchId,
}

impl Trail {
    /// The trail after a further touch.
    pub fn then(trail: Option<Self>, touch: TouchId) -> Self {
        Self { first: trail.map_or(touch, |trail| trail.first), last: touch }
    }

    /// The value of the cookie.
    pub fn seal(&self, ring: &KeyRing, tenant: TenantId) -> String {
        let content = [&[COOKIE_VERSION], self.first.0.as_bytes().as_slice(), self.last.0.as_bytes()].concat();
        signed(ring, COOKIE, tenant, &content)
    }

    /// Reads a cookie. None for what is not this salon's, and for what is over: a browser need not keep to the time we gave it.
    pub fn open(ring: &KeyRing, tenant: TenantId, value: &str, now: DateTime<Utc>) -> Option<Self> {
        let content = proven(ring, COOKIE, tenant, value, 1 + 2 * ID)?;
        let (version, ids) = content.split_first()?;
        let (first, last) = ids.split_at_checked(ID)?;
        let trail = Self { first: TouchId(Uuid::from_slice(first).ok()?), last: TouchId(Uuid::from_slice(last).ok()?) };
        (*version == COOKIE_VERSION && made_at(trail.last)? > now - LIFE).then_some(trail)
    }
}

/// A touch's id tells when it was made (UUIDv7).
fn made_at(touch: TouchId) -> Option<DateTime<Utc>> {
    let (seconds, nanos) = touch.0.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        clock::ManualClock,
        ids::{Ids, RandomIds},
    };

    fn ring(fill: char) -> KeyRing {
        // 32 bytes in base64 are 43 characters and a pad.
        KeyRing::parse(&format!("k:{}A=", fill.to_string().repeat(42)).into()).unwrap()
    }

    fn now() -> DateTime<Utc> {
        "2026-03-02T09:00:00Z".parse().unwrap()
    }

    fn touch() -> TouchId {
        TouchId(RandomIds::default().next(&ManualClock::at(now())))
    }

    fn salon(number: u128) -> TenantId {
        TenantId(Uuid::from_u128(number))
    }

    #[test]
    fn a_token_is_of_one_salon_and_one_touch() {
        let (ring, touch) = (ring('B'), touch());
        let token = token(&ring, salon(1), touch);
        assert_eq!(token.len(), 43);
        assert!(crate::lead::is_referral(&token), "every vendor's deep link takes it: {token}");
        assert_eq!(read_token(&ring, salon(1), &token), Some(touch));
        assert_eq!(read_token(&ring, salon(2), &token), None);
        assert_eq!(read_token(&self::ring('C'), salon(1), &token), None);
    }

    #[test]
    fn a_changed_token_or_cookie_is_nobody_s() {
        let (ring, touch) = (ring('B'), touch());
        let token = token(&ring, salon(1), touch);
        let cookie = Trail::then(None, touch).seal(&ring, salon(1));
        for (text, is_token) in [(token, true), (cookie, false)] {
            for at in 0..text.len() {
                let mut changed = text.clone().into_bytes();
                changed[at] = if changed[at] == b'x' { b'y' } else { b'x' };
                let changed = String::from_utf8(changed).unwrap();
                assert_eq!(read_token(&ring, salon(1), &changed), None, "{at}");
                // The last character of unpadded base64 carries bits that decode to nothing; those are refused, too.
                assert_eq!(Trail::open(&ring, salon(1), &changed, now()), None, "{at}");
            }
            assert_eq!(read_token(&ring, salon(1), &text).is_some(), is_token, "one is not taken for the other");
            assert_eq!(Trail::open(&ring, salon(1), &text, now()).is_some(), !is_token);
        }
    }

    #[test]
    fn a_cookie_keeps_the_first_touch_and_ends_with_the_last() {
        let ring = ring('B');
        let (ids, clock) = (RandomIds::default(), ManualClock::at(now()));
        let first = TouchId(ids.next(&clock));
        let trail = Trail::then(None, first);
        assert_eq!((trail.first, trail.last), (first, first));
        let last = TouchId(ids.next(&ManualClock::at(now() + TimeDelta::days(20))));
        let trail = Trail::then(Some(trail), last);
        assert_eq!((trail.first, trail.last), (first, last));
        let open = |days| Trail::open(&ring, salon(1), &trail.seal(&ring, salon(1)), now() + TimeDelta::days(days));
        assert_eq!(open(49), Some(trail));
        assert_eq!(open(50), None);
        assert_eq!(Trail::open(&ring, salon(2), &trail.seal(&ring, salon(1)), now()), None);
    }

    #[test]
    fn a_code_is_found_where_people_leave_it() {
        let (ring, touch) = (ring('B'), touch());
        let code = Code::of(&ring, salon(1), touch);
        assert_ne!(code, Code::of(&ring, salon(2), touch));
        for lang in [Lang::Ru, Lang::En] {
            let text = code.greeting(lang);
            for text in [text.clone(), text.to_lowercase(), format!("{text}. Можно завтра?"), format!("#1 {text}\n")] {
                assert_eq!(Code::in_text(&text), Some(code.clone()), "{text}");
            }
        }
        assert_eq!(Code::in_text("#O0oIlLi1"), Some(Code("00011111".to_owned())));
        for none in ["", "#", "#1234567", "#123456789", "#1234567ю", "12345678", "#1234-5678", "#UUUUUUUU", "####"] {
            assert_eq!(Code::in_text(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn nothing_a_stranger_writes_is_a_proof(text in any::<String>(), known in "[A-Za-z0-9_-]{43}") {
            let ring = ring('B');
            for text in [&text, &known] {
                prop_assert_eq!(read_token(&ring, salon(1), text), None);
                prop_assert_eq!(Trail::open(&ring, salon(1), text, now()), None);
            }
            let _ = Code::in_text(&format!("#{text}"));
        }
    }
}
