//! SHA-256 behind a secret first block: the digest of a JWT.
//!
//! A JWT has some 350 bytes. BLAKE3 works through its six blocks one after the other (500 ns), as
//! its lanes are for texts of kilobytes; SHA-256 is an instruction of nearly every processor that
//! serves, and takes 200 ns. It is for speed only: both resist collisions, and both are keyed.
//!
//! ```text
//! digest = SHA-256(key (32) || zeros (32) || text)
//! ```
//! That is a pseudorandom function of the text as long as no padded text begins another (Bellare,
//! Canetti, Krawczyk 1996: the cascade). None does: padding begins with the octet 0x80, and what is
//! issued is base64url and dots. So SHA-256's known weakness, that who has a digest can compute that
//! of a longer text, is of no use: the longer text is not one that was issued, and a digest proves
//! nothing unless the store holds it. Should the key be stolen too, a second text for a digest still
//! costs what it costs to invert SHA-256; that is why this is no polynomial hash (POLYVAL), which
//! is no faster here with the block that has to follow it (180 ns).

use sha2::block_api::compress256;
use zeroize::{Zeroize as _, ZeroizeOnDrop};

const BLOCK_BYTES: usize = 64;

/// FIPS 180-4 section 5.3.3.
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The state after the secret block.
#[derive(ZeroizeOnDrop)]
pub(crate) struct KeyedSha256([u32; 8]);

impl KeyedSha256 {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let mut block = [0; BLOCK_BYTES];
        block[..32].copy_from_slice(key);
        let mut state = INITIAL;
        compress256(&mut state, core::slice::from_ref(&block));
        block.zeroize();
        Self(state)
    }

    #[inline]
    pub(crate) fn digest(&self, text: &[u8]) -> [u8; 32] {
        let (blocks, rest) = text.as_chunks::<BLOCK_BYTES>();
        let mut state = self.0;
        compress256(&mut state, blocks);
        // FIPS 180-4 section 5.1.1: the octet 0x80, zeros, and the number of bits, secret block
        // included, at the end of a block.
        let mut last = [0; 2 * BLOCK_BYTES];
        let bits = 8 * (BLOCK_BYTES + text.len()) as u64;
        last[..rest.len()].copy_from_slice(rest);
        last[rest.len()] = 0x80;
        let end = if rest.len() < BLOCK_BYTES - 8 { 1 } else { 2 } * BLOCK_BYTES;
        last[end - 8..end].copy_from_slice(&bits.to_be_bytes());
        compress256(&mut state, last[..end].as_chunks().0);
        let mut digest = [0; 32];
        for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
            *bytes = word.to_be_bytes();
        }
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest as _, Sha256};

    #[test]
    fn it_is_sha_256_behind_a_secret_block() {
        let keyed = KeyedSha256::new(&[7; 32]);
        let text: Vec<u8> = (0..1000).map(|n| n as u8).collect();
        for length in 0..text.len() {
            let whole = Sha256::new_with_prefix([7; 32])
                .chain_update([0; 32])
                .chain_update(&text[..length])
                .finalize();
            assert_eq!(keyed.digest(&text[..length])[..], whole[..], "{length}");
        }
    }

    #[test]
    fn another_key_or_text_has_another_digest() {
        let (one, two) = (KeyedSha256::new(&[1; 32]), KeyedSha256::new(&[2; 32]));
        assert_ne!(one.digest(b"a"), two.digest(b"a"));
        for length in 0..200 {
            let text = vec![0; length + 1];
            assert_ne!(one.digest(&text[..length]), one.digest(&text), "{length}");
        }
    }
}
