//! Keyed BLAKE3 digests of what clients show, and the keys they are made with.
//!
//! Each way of showing a credential has a key of its own, derived from the store's digest key, so
//! that one cannot be shown as another. What is kept on disk is the full 32 bytes.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::table;
use crate::token_text::TEXT_MAX_BYTES;

/// A keyed BLAKE3 digest of a credential. Not a secret by itself, yet never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The part that is kept in memory.
    pub(crate) fn in_memory(&self) -> table::Digest {
        table::Digest::of_blake3(&self.0)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(***)")
    }
}

/// The 32-byte key that belongs to one store. Without it, a stolen directory validates nothing.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DigestKey([u8; 32]);

impl DigestKey {
    /// A key from bytes that the caller keeps: 32 bytes from a cryptographic random source.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A key for one purpose. The purpose names the format it belongs to, so that a later format
    /// can change its keys without touching this one's.
    pub(crate) fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(purpose, &self.0))
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(***)")
    }
}

/// The derived keys, one for each way in which a credential is shown.
#[derive(ZeroizeOnDrop)]
pub(crate) struct DigestKeys {
    text: [u8; 32],
    pair: [u8; 32],
    #[cfg(feature = "jwt")]
    foreign: [u8; 32],
}

impl DigestKeys {
    pub(crate) fn new(key: &DigestKey) -> Self {
        Self {
            text: *key.derive("hallpass 2026-11-22 format 1 digest of a text"),
            pair: *key.derive("hallpass 2026-11-22 format 1 digest of an id and secret pair"),
            #[cfg(feature = "jwt")]
            foreign: *key.derive("hallpass 2026-11-22 format 1 denial of a foreign token"),
        }
    }

    /// The digest of a text shown alone. Up to 64 bytes are padded with zeros to one BLAKE3 block,
    /// which is cheaper than the odd length and lets batches share one definition. A text that
    /// itself ends with a NUL, which no issued token does, is padded past one block, or it would be
    /// taken for the one without.
    #[inline]
    pub(crate) fn text(&self, text: &[u8]) -> Digest {
        let mut block = [0u8; TEXT_MAX_BYTES];
        match block.get_mut(..text.len()) {
            Some(head) if text.last() != Some(&0) => {
                head.copy_from_slice(text);
                Digest(*blake3::keyed_hash(&self.text, &block).as_bytes())
            }
            _ if text.last() == Some(&0) => {
                let mut hasher = blake3::Hasher::new_keyed(&self.text);
                hasher.update(text).update(&[0; TEXT_MAX_BYTES]);
                Digest(*hasher.finalize().as_bytes())
            }
            _ => Digest(*blake3::keyed_hash(&self.text, text).as_bytes()),
        }
    }

    /// The digest of an id and secret shown together: each with its length in front, so that no
    /// other split of the same characters has the same digest.
    pub(crate) fn pair(&self, id: &[u8], secret: &[u8]) -> Digest {
        let mut hasher = blake3::Hasher::new_keyed(&self.pair);
        hasher.update(&(id.len() as u64).to_be_bytes());
        hasher.update(id);
        hasher.update(secret);
        Digest(*hasher.finalize().as_bytes())
    }
}

#[cfg(feature = "jwt")]
impl DigestKeys {
    /// What stands for a foreign token in the store that was revoked: its issuer and its `jti`, the
    /// first with its length in front.
    pub(crate) fn foreign(&self, issuer: &str, jti: &str) -> Digest {
        let mut hasher = blake3::Hasher::new_keyed(&self.foreign);
        hasher.update(&(issuer.len() as u64).to_be_bytes());
        hasher.update(issuer.as_bytes());
        hasher.update(jti.as_bytes());
        Digest(*hasher.finalize().as_bytes())
    }
}

impl fmt::Debug for DigestKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKeys(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> DigestKeys {
        DigestKeys::new(&DigestKey::from_bytes([7; 32]))
    }

    #[test]
    fn debug_does_not_leak_key_or_digest() {
        let key = DigestKey::from_bytes([0xAB; 32]);
        for text in [
            format!("{key:?}"),
            format!("{:?}", DigestKeys::new(&key)),
            format!("{:?}", keys().text(b"a")),
        ] {
            assert!(text.ends_with("(***)"), "{text}");
        }
    }

    #[test]
    fn ways_of_showing_do_not_mix() {
        let keys = keys();
        assert_ne!(keys.text(b"a"), keys.pair(b"", b"a"));
        assert_ne!(keys.pair(b"a", b"bc"), keys.pair(b"ab", b"c"));
        assert_ne!(keys.text(&[b'a'; 64]), keys.text(&[b'a'; 65]));
    }

    #[test]
    fn padding_joins_no_two_texts() {
        let keys = keys();
        for length in [1, 54, 62, 63, 64, 65] {
            for nuls in 1..200 {
                let text = vec![b'a'; length];
                let longer = [&text[..], &vec![0; nuls]].concat();
                assert_ne!(keys.text(&text), keys.text(&longer), "{length} and {nuls}");
            }
        }
    }

    #[test]
    fn digests_are_pinned_by_known_answers() {
        // A change here makes every token of every store unknown: never change these lines.
        let hex = |digest: Digest| {
            blake3::Hash::from_bytes(*digest.as_bytes())
                .to_hex()
                .to_string()
        };
        assert_eq!(hex(keys().text(b"hp_token")), PINNED_TEXT);
        assert_eq!(hex(keys().pair(b"client", b"secret")), PINNED_PAIR);
    }

    const PINNED_TEXT: &str = "7f01b9bcb70ca9af1362e1ac257b806fdeb414da9dc2634cbe3c54439d0d469e";
    const PINNED_PAIR: &str = "b8cb0b8efd4567042443676320baa7249c6c2053ff5e980ee6d307facb65029d";
}
