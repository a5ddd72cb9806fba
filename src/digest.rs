//! Keyed digests of what clients show, and the keys they are made with: BLAKE3, and of JWTs SHA-256.
//!
//! Each way of showing a credential has a key of its own, derived from the store's digest key, so
//! that one cannot be shown as another. What is kept on disk is the full 32 bytes.

use core::fmt;

use blake3::platform::Platform;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

#[cfg(feature = "jwt")]
use crate::keyed_sha256::KeyedSha256;
use crate::table;

/// One BLAKE3 block.
pub(crate) const BLOCK_BYTES: usize = 64;
/// How many blocks are hashed at once: the lanes of AVX-512, and a whole number of those of less.
pub(crate) const LANES: usize = 16;

// The flags of BLAKE3 (section 2.1 of its paper), and those of a message of one block.
const CHUNK_START: u8 = 1;
const CHUNK_END: u8 = 1 << 1;
const ROOT: u8 = 1 << 3;
const KEYED_HASH: u8 = 1 << 4;
const ONE_BLOCK: u8 = CHUNK_START | CHUNK_END | ROOT | KEYED_HASH;

/// A keyed digest of a credential. Not a secret by itself, yet never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The part that is kept in memory.
    #[inline]
    pub(crate) fn in_memory(&self) -> table::Digest {
        table::Digest::of_output(&self.0)
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
    /// What this processor does best, found out once.
    #[zeroize(skip)]
    platform: Platform,
    /// Of texts of up to 63 bytes, by words.
    short: [u32; 8],
    long: [u8; 32],
    pair: [u8; 32],
    #[cfg(feature = "jwt")]
    jwt: KeyedSha256,
    #[cfg(feature = "jwt")]
    foreign: [u8; 32],
}

impl DigestKeys {
    pub(crate) fn new(key: &DigestKey) -> Self {
        let short = key.derive("hallpass 2026-11-22 format 1 digest of a short text");
        Self {
            platform: Platform::detect(),
            short: words_of(&short),
            long: *key.derive("hallpass 2026-11-22 format 1 digest of a long text"),
            pair: *key.derive("hallpass 2026-11-22 format 1 digest of an id and secret pair"),
            #[cfg(feature = "jwt")]
            jwt: KeyedSha256::new(&key.derive("hallpass 2026-11-22 format 1 digest of a JWT")),
            #[cfg(feature = "jwt")]
            foreign: *key.derive("hallpass 2026-11-22 format 1 denial of a foreign token"),
        }
    }

    /// The digest of a text shown alone.
    ///
    /// Up to 63 bytes fill one BLAKE3 block: the text, zeros, and its length in the last byte, so
    /// that no two texts share a block. One whole block is cheaper than the odd length, and batches
    /// hash sixteen of them at once. Longer texts have a key of their own.
    #[inline(always)]
    pub(crate) fn text(&self, text: &[u8]) -> Digest {
        match block(text) {
            Some(block) => {
                let mut words = self.short;
                self.platform.compress_in_place(
                    &mut words,
                    &block,
                    BLOCK_BYTES as u8,
                    0,
                    ONE_BLOCK,
                );
                Digest(bytes_of(&words))
            }
            None => Digest(*blake3::keyed_hash(&self.long, text).as_bytes()),
        }
    }

    /// The digests of up to [`LANES`] blocks at once, each what [`DigestKeys::text`] makes of its
    /// text: one lane of the processor's vectors a block, a sixth of the cost each.
    ///
    /// BLAKE3 hides this door from its documentation. A test holds that both doors agree.
    pub(crate) fn blocks(&self, blocks: &[[u8; BLOCK_BYTES]], outputs: &mut [[u8; 32]; LANES]) {
        let blocks = blocks.get(..LANES).unwrap_or(blocks);
        let mut inputs = [&[0; BLOCK_BYTES]; LANES];
        for (input, block) in inputs.iter_mut().zip(blocks) {
            *input = block;
        }
        self.platform.hash_many(
            inputs.get(..blocks.len()).unwrap_or(&[]),
            &self.short,
            0,
            blake3::IncrementCounter::No,
            KEYED_HASH,
            CHUNK_START,
            CHUNK_END | ROOT,
            outputs.as_flattened_mut(),
        );
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

/// A text of up to 63 bytes as its block; `None` if it is longer.
#[inline(always)]
pub(crate) fn block(text: &[u8]) -> Option<[u8; BLOCK_BYTES]> {
    /// What is copied whole of a text that is as long as tokens are.
    const HEAD: usize = 48;
    let mut block = [0; BLOCK_BYTES];
    if let (Some(head), Some(end)) = (text.first_chunk::<HEAD>(), text.last_chunk::<16>())
        && text.len() < BLOCK_BYTES
    {
        // What BLAKE3 loads is what was stored, in the same pieces: a copy of an odd length, and a
        // byte stored into it, would have it wait for the stores.
        let rest = (text.len() - HEAD) as u32;
        let tail = u128::from_le_bytes(*end).checked_shr(8 * (16 - rest));
        let tail = tail.unwrap_or(0) | (text.len() as u128) << 120;
        let (first, last) = block.split_at_mut(HEAD);
        first.copy_from_slice(head);
        last.copy_from_slice(&tail.to_le_bytes());
        return Some(block);
    }
    let (last, head) = block.split_last_mut()?;
    head.get_mut(..text.len())?.copy_from_slice(text);
    *last = text.len() as u8;
    Some(block)
}

fn words_of(key: &[u8; 32]) -> [u32; 8] {
    let mut words = [0; 8];
    for (word, bytes) in words.iter_mut().zip(key.as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    words
}

fn bytes_of(words: &[u32; 8]) -> [u8; 32] {
    let mut all = [0; 32];
    for (bytes, word) in all.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    all
}

#[cfg(feature = "jwt")]
impl DigestKeys {
    /// The digest of a JWT, issued here or elsewhere: of another function than
    /// [`DigestKeys::text`], which is meant for shorter texts.
    #[inline]
    pub(crate) fn jwt(&self, text: &[u8]) -> Digest {
        Digest(self.jwt.digest(text))
    }

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
        assert_ne!(keys.text(b"six"), keys.text(&block(b"six").unwrap()));
    }

    #[test]
    fn a_block_is_text_zeros_and_length() {
        let text: Vec<u8> = (1..=64).collect();
        for length in 0..64 {
            let mut plain = [0; 64];
            plain[..length].copy_from_slice(&text[..length]);
            plain[63] = length as u8;
            assert_eq!(block(&text[..length]), Some(plain), "{length}");
        }
        assert_eq!(block(&text), None);
    }

    #[test]
    fn one_block_digests_as_blake3_says() {
        let (keys, key) = (keys(), bytes_of(&keys().short));
        for length in [0, 1, 47, 48, 54, 63] {
            let text = vec![b'a'; length];
            let said = blake3::keyed_hash(&key, &block(&text).unwrap());
            assert_eq!(keys.text(&text).as_bytes(), said.as_bytes(), "{length}");
        }
    }

    #[test]
    fn a_batch_digests_as_one_by_one() {
        let keys = keys();
        let texts: Vec<Vec<u8>> = (0..LANES as u8)
            .map(|n| vec![n; 4 * usize::from(n)])
            .collect();
        let blocks: Vec<_> = texts
            .iter()
            .map(|text| block(text).unwrap_or([0; 64]))
            .collect();
        for count in 0..=LANES {
            let mut outputs = [[0; 32]; LANES];
            keys.blocks(&blocks[..count], &mut outputs);
            for at in 0..LANES {
                let alone = if at < count {
                    *keys.text(&texts[at]).as_bytes()
                } else {
                    [0; 32]
                };
                assert_eq!(outputs[at], alone, "{at} of {count}");
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
        #[cfg(feature = "jwt")]
        assert_eq!(hex(keys().jwt(b"e30.e30.")), PINNED_JWT);
    }

    const PINNED_TEXT: &str = "c84ace7db2f70025b059845f75676d0ecf99f2120432a3368dd0328d6e1fb11c";
    #[cfg(feature = "jwt")]
    const PINNED_JWT: &str = "dbae0cefd4d2b0127ce80adeb1228a36a035d010d0548a9a87c383ed368b1a23";
    const PINNED_PAIR: &str = "b8cb0b8efd4567042443676320baa7249c6c2053ff5e980ee6d307facb65029d";
}
