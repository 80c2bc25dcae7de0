//! A ring of keys. New blobs are sealed under the first key; any key of the ring opens the blobs that carry its id, so that keys
//! rotate without a stop.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use secrecy::{ExposeSecret, SecretString};

use super::{hmac_sha256, same};
use crate::ids::Ids;

const VERSION: u8 = 1;
const NONCE: usize = 24;
/// The shortest proof that counts: 128 bits.
const SHORTEST_PROOF: usize = 16;

/// An encrypted value: version, key id, nonce, ciphertext with tag (XChaCha20-Poly1305).
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl Sealed {
    /// The id of the key it lies under, whether that is in a ring or not.
    ///
    /// # Errors
    /// When it is not a sealed value.
    pub fn key_id(&self) -> Result<&str, SealError> {
        KeyRing::split(self).map(|(id, _)| id)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// Why a key ring's text was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyRingError {
    /// No key at all.
    #[error("expected at least one `id:key`")]
    Empty,
    /// An entry without a colon, or with an id that is empty or longer than 32 bytes.
    #[error("entry {0}: expected `id:key` with an id of 1 to 32 characters")]
    Entry(usize),
    /// A key that is not 32 bytes of base64.
    #[error("entry {0}: the key must be 32 bytes in base64 (`openssl rand -base64 32`)")]
    Key(usize),
    /// The same id twice.
    #[error("entry {0}: this id stands earlier in the ring")]
    Duplicate(usize),
}

/// Why a sealed value could not be opened or made.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum SealError {
    /// Too short, or of an unknown version.
    #[error("not a sealed value")]
    Malformed,
    /// Sealed under a key that is not in the ring.
    #[error("sealed under a key that is not in the ring: {0:?}")]
    UnknownKey(String),
    /// Changed, or sealed for another row.
    #[error("the sealed value was changed, or belongs to another row")]
    Tampered,
}

struct RingKey {
    id: String,
    cipher: XChaCha20Poly1305,
    /// What the keys of signatures are made of: never the key that seals.
    signing: [u8; 32],
}

/// The keys that seal credentials and sign what goes through strangers' hands, newest first.
pub struct KeyRing {
    first: RingKey,
    older: Vec<RingKey>,
}

impl RingKey {
    fn sign(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        hmac_sha256(&hmac_sha256(&self.signing, purpose.as_bytes()), message)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = self.ids().collect();
        f.debug_struct("KeyRing").field("ids", &ids).finish_non_exhaustive()
    }
}

impl KeyRing {
    /// Reads `id:base64key` entries separated by commas or white space; the first one seals.
    ///
    /// # Errors
    /// Names the entry that breaks a rule, by its position, never by its content.
    pub fn parse(text: &SecretString) -> Result<Self, KeyRingError> {
        let mut keys: Vec<RingKey> = Vec::new();
        let entries = text.expose_secret().split([',', ' ', '\n', '\t']).filter(|entry| !entry.is_empty());
        for (n, entry) in entries.enumerate().map(|(n, entry)| (n + 1, entry)) {
            let (id, key) = entry.split_once(':').ok_or(KeyRingError::Entry(n))?;
            if id.is_empty() || id.len() > 32 {
                return Err(KeyRingError::Entry(n));
            }
            if keys.iter().any(|known| known.id == id) {
                return Err(KeyRingError::Duplicate(n));
            }
            let bytes: [u8; 32] = BASE64.decode(key).ok().and_then(|b| b.try_into().ok()).ok_or(KeyRingError::Key(n))?;
            keys.push(RingKey {
                id: id.to_owned(),
                cipher: XChaCha20Poly1305::new(&Key::from(bytes)),
                signing: hmac_sha256(&bytes, b"salon-core signatures 1"),
            });
        }
        let mut keys = keys.into_iter();
        Ok(Self { first: keys.next().ok_or(KeyRingError::Empty)?, older: keys.collect() })
    }

    fn keys(&self) -> impl Iterator<Item = &RingKey> {
        std::iter::once(&self.first).chain(&self.older)
    }

    /// The id of the key that seals.
    pub fn current(&self) -> &str {
        &self.first.id
    }

    /// The ids of all keys, the one that seals first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys().map(|key| key.id.as_str())
    }

    /// Seals `plain` for the row `context` (for example `channel_account/<id>`): opened for another row it is refused.
    ///
    /// # Errors
    /// Only if the cipher refuses, which it does for values of many gigabytes.
    pub fn seal(&self, plain: &[u8], context: &str, ids: &dyn Ids) -> Result<Sealed, SealError> {
        let mut nonce = [0_u8; NONCE];
        ids.fill(&mut nonce);
        let payload = Payload { msg: plain, aad: context.as_bytes() };
        let ciphertext = self.first.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Malformed)?;
        let id = self.first.id.as_bytes();
        let mut blob = vec![VERSION, u8::try_from(id.len()).map_err(|_| SealError::Malformed)?];
        blob.extend_from_slice(id);
        blob.extend_from_slice(&nonce);
        blob.extend_from_slice(&ciphertext);
        Ok(Sealed(blob))
    }

    /// Opens what [`KeyRing::seal`] made for the same `context`.
    ///
    /// # Errors
    /// When the blob is not ours, its key is gone, or it was changed or moved to another row.
    pub fn open(&self, sealed: &Sealed, context: &str) -> Result<Vec<u8>, SealError> {
        let (id, rest) = Self::split(sealed)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>().ok_or(SealError::Malformed)?;
        let key = self.keys().find(|key| key.id == id).ok_or_else(|| SealError::UnknownKey(id.to_owned()))?;
        let payload = Payload { msg: ciphertext, aad: context.as_bytes() };
        key.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| SealError::Tampered)
    }

    /// Signs what will come back through a stranger's hands (HMAC-SHA256): for one `purpose`, so that what is signed for one is worth
    /// nothing for another.
    pub fn sign(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        self.first.sign(purpose, message)
    }

    /// Whether this is what [`KeyRing::sign`] made, or its first 16 bytes or more, under any key of the ring. In constant time.
    pub fn proves(&self, purpose: &str, message: &[u8], proof: &[u8]) -> bool {
        let fits = |key: &RingKey| {
            let whole = key.sign(purpose, message);
            whole.get(..proof.len()).is_some_and(|expected| same(expected, proof))
        };
        proof.len() >= SHORTEST_PROOF && self.keys().fold(false, |proven, key| proven | fits(key))
    }

    fn split(sealed: &Sealed) -> Result<(&str, &[u8]), SealError> {
        let [VERSION, length, rest @ ..] = sealed.0.as_slice() else { return Err(SealError::Malformed) };
        let (id, rest) = rest.split_at_checked(usize::from(*length)).ok_or(SealError::Malformed)?;
        Ok((std::str::from_utf8(id).map_err(|_| SealError::Malformed)?, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RandomIds;

    fn ring(ids: &[(&str, u8)]) -> KeyRing {
        let text: Vec<String> = ids.iter().map(|(id, fill)| format!("{id}:{}", BASE64.encode([*fill; 32]))).collect();
        KeyRing::parse(&text.join(",").into()).unwrap()
    }

    #[test]
    fn a_rotated_ring_opens_old_blobs_and_seals_under_the_new_key() {
        let ids = RandomIds::default();
        let old = ring(&[("k1", 1)]).seal(b"token", "row/1", &ids).unwrap();
        let rotated = ring(&[("k2", 2), ("k1", 1)]);
        assert_eq!(rotated.open(&old, "row/1").unwrap(), b"token");
        let new = rotated.seal(b"token", "row/1", &ids).unwrap();
        assert_eq!((old.key_id(), new.key_id()), (Ok("k1"), Ok("k2")));
        assert_eq!(ring(&[("k1", 1)]).open(&new, "row/1"), Err(SealError::UnknownKey("k2".into())));
    }

    #[test]
    fn a_blob_moved_to_another_row_or_changed_by_one_bit_is_refused() {
        let ring = ring(&[("k1", 1)]);
        let sealed = ring.seal(b"token", "row/1", &RandomIds::default()).unwrap();
        assert_eq!(ring.open(&sealed, "row/2"), Err(SealError::Tampered));
        for byte in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[byte] ^= 1;
            assert!(ring.open(&changed, "row/1").is_err(), "byte {byte}");
        }
    }

    #[test]
    fn a_signature_is_of_one_message_one_purpose_and_this_ring() {
        let ring = ring(&[("k2", 2), ("k1", 1)]);
        let proof = ring.sign("cookie", b"touch");
        assert!(ring.proves("cookie", b"touch", &proof) && ring.proves("cookie", b"touch", &proof[..16]));
        assert!(!ring.proves("cookie", b"touch", &proof[..15]) && !ring.proves("cookie", b"touch", b""));
        assert!(!ring.proves("token", b"touch", &proof) && !ring.proves("cookie", b"torch", &proof));
        assert!(!ring.proves("cookie", b"touch", &[proof.as_slice(), &[0]].concat()));
        let old = self::ring(&[("k1", 1)]).sign("cookie", b"touch");
        assert!(ring.proves("cookie", b"touch", &old), "an older key of the ring");
        assert!(!self::ring(&[("k3", 3)]).proves("cookie", b"touch", &old));
    }

    #[test]
    fn bad_rings_are_refused_by_position() {
        let parse = |text: &str| KeyRing::parse(&text.to_owned().into()).map(|_| ()).unwrap_err();
        let key = BASE64.encode([7; 32]);
        assert_eq!(parse("  "), KeyRingError::Empty);
        assert_eq!(parse("nocolon"), KeyRingError::Entry(1));
        assert_eq!(parse(&format!("a:{key},b:short")), KeyRingError::Key(2));
        assert_eq!(parse(&format!("a:{key},a:{key}")), KeyRingError::Duplicate(2));
    }
}
