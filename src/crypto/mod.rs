//! Secrets at rest, and comparisons that tell nothing by their time.

mod keyring;

pub use keyring::{KeyRing, KeyRingError, SealError, Sealed};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// HMAC-SHA256 (RFC 2104) of `message`. A key of any length is valid.
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(message);
            mac.finalize().into_bytes().into()
        }
        // HMAC takes keys of any length, so this arm is never reached; a digest nobody can match keeps it closed anyway.
        Err(_) => sha256(message),
    }
}

/// SHA-256 of `message`.
pub fn sha256(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

/// Compares in a time that depends on the lengths only.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}
