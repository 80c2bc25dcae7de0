//! Damaged webhooks: whatever arrives under a valid signature, no parser panics. `SALON_MUTATIONS=1000000 cargo test --lib mutations`
//! tries that many for each adapter; without it a few thousand.
#![allow(clippy::disallowed_methods, reason = "a test's own setting, not the product's")]

use proptest::prelude::*;

use super::{samples, somewhere};
use crate::channel::{ChannelKind, adapter};

fn parse(kind: ChannelKind, bytes: &[u8]) {
    adapter(kind).parse(bytes, &(samples(kind).account)(somewhere())).ok();
}

proptest! {
    #[test]
    fn no_bytes_make_an_adapter_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        for &kind in ChannelKind::ALL {
            parse(kind, &bytes);
        }
    }
}

/// A cheap stream of decisions (splitmix64); the seed is printed with a failure.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(sides.max(1)).unwrap_or(1)).unwrap_or(0)
    }
}

/// What a hostile or broken sender would put in the place of a value.
const ODD: &[&str] = &[
    "null",
    "true",
    "-1",
    "0",
    "1e400",
    "9223372036854775808",
    "-9223372036854775809",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\"",
    "[]",
    "{}",
    "[[[[[[[[]]]]]]]]",
    "\"9999999999999999999999\"",
    "{\"id\":{}}",
    "\"\\u202e\"",
    "0.5",
    "[null]",
];

/// One to four changes: a byte, a cut, a repeated or missing piece, an odd value in the place of another.
fn mutate(webhook: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = webhook.to_vec();
    for _ in 0..=dice.roll(4) {
        if bytes.is_empty() {
            break;
        }
        let at = dice.roll(bytes.len());
        match dice.roll(6) {
            0 => bytes[at] = u8::try_from(dice.roll(256)).unwrap_or(0),
            1 => bytes.truncate(at),
            2 => {
                let end = (at + dice.roll(40)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => drop(bytes.drain(at..(at + dice.roll(12)).min(bytes.len()))),
            _ => swap_value(&mut bytes, at, ODD[dice.roll(ODD.len())]),
        }
    }
    bytes
}

/// Replaces the JSON value that follows the next colon by another: the result is often still JSON, of another shape.
fn swap_value(bytes: &mut Vec<u8>, from: usize, value: &str) {
    let Some(colon) = bytes[from..].iter().position(|byte| *byte == b':').map(|found| from + found) else { return };
    let (mut depth, mut quoted, mut end) = (0_i32, false, bytes.len());
    for (index, byte) in bytes.iter().enumerate().skip(colon + 1) {
        match byte {
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' | b',' if !quoted && depth == 0 => {
                end = index;
                break;
            }
            b'}' | b']' if !quoted => depth -= 1,
            _ => {}
        }
    }
    bytes.splice(colon + 1..end, value.bytes());
}

#[test]
fn no_damage_to_a_webhook_makes_an_adapter_panic() {
    let runs = std::env::var("SALON_MUTATIONS").ok().map_or(3_000, |runs| runs.parse::<u64>().unwrap());
    for &kind in ChannelKind::ALL {
        let samples = samples(kind);
        let account = (samples.account)(somewhere());
        for run in 0..runs {
            let mut dice = Dice(run);
            let webhook = samples.webhooks[dice.roll(samples.webhooks.len())].0;
            let damaged = mutate(webhook.as_bytes(), &mut dice);
            let outcome = std::panic::catch_unwind(|| _ = adapter(kind).parse(&damaged, &account));
            assert!(outcome.is_ok(), "{kind}, run {run}: {}", String::from_utf8_lossy(&damaged));
        }
    }
}
