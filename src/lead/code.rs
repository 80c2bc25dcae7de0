//! Codes for people: Crockford's base 32, which has no letter that is read as a digit, and no U.

use std::fmt;

const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Symbols of a code: 40 bits.
pub(super) const LENGTH: usize = 8;

/// 40 bits as eight symbols.
pub(super) fn encode(bits: [u8; 5]) -> String {
    let whole = bits.iter().fold(0_u64, |whole, byte| whole << 8 | u64::from(*byte));
    let symbol = |place: usize| {
        let index = (whole >> (5 * place)) & 31;
        char::from(SYMBOLS.get(usize::try_from(index).unwrap_or(0)).copied().unwrap_or(b'0'))
    };
    (0..LENGTH).rev().map(symbol).collect()
}

/// The symbol that was meant: in any case, and the letters that are taken for digits.
pub(super) fn symbol(c: char) -> Option<char> {
    let c = match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        c => c,
    };
    (c.is_ascii() && SYMBOLS.contains(&u8::try_from(c).unwrap_or(0))).then_some(c)
}

/// What a visitor can name an enquiry by: `K7QM-2ZXP`, unique within a salon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackingCode(String);

impl TrackingCode {
    /// A code of these random bits.
    pub fn of(bits: [u8; 5]) -> Self {
        let mut code = encode(bits);
        code.insert(LENGTH / 2, '-');
        Self(code)
    }

    pub(super) const fn stored(code: String) -> Self {
        Self(code)
    }

    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrackingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_bits_are_eight_symbols() {
        assert_eq!(encode([0; 5]), "00000000");
        assert_eq!(encode([0xff; 5]), "ZZZZZZZZ");
        assert_eq!(encode([0, 0, 0, 0, 33]), "00000011");
        assert_eq!(TrackingCode::of([0xff, 0, 0, 0, 0]).as_str(), "ZW00-0000");
    }

    #[test]
    fn what_people_read_wrongly_is_the_same_symbol() {
        let read = |text: &str| text.chars().map(symbol).collect::<Option<String>>();
        assert_eq!(read("oO0iIlL1zZ").as_deref(), Some("00011111ZZ"));
        assert_eq!((read("u"), read("Ж"), read("-")), (None, None, None));
    }
}
