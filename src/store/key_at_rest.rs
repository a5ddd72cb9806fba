//! Private keys on disk: encrypted under a key derived from the store's digest key. The only file
//! that knows the cipher.
//!
//! ```text
//! private = nonce (24) || XChaCha20-Poly1305(secret (32)) || tag (16)
//! ```
//! The nonce is random: 192 bits never meet again. The tree and the key's name are authenticated
//! with it, so that no record's secret can be put into another's place.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::digest::DigestKey;
use crate::disk::Tree;
use crate::error::Error;

const NONCE_BYTES: usize = 24;

pub(super) struct KeyAtRest(XChaCha20Poly1305);

impl KeyAtRest {
    pub(super) fn new(key: &DigestKey) -> Self {
        let key = key.derive("hallpass 2026-11-22 format 1 signing keys at rest");
        Self(XChaCha20Poly1305::new((&*key).into()))
    }

    /// What goes to disk.
    pub(super) fn lock(&self, kid: &str, secret: &[u8; 32]) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE_BYTES];
        crate::secret::fill_random(&mut nonce).map_err(|source| Error::Io {
            doing: "drawing a nonce",
            consequence: "no key was stored",
            source,
        })?;
        let bound = bound(kid);
        let message = Payload {
            msg: secret,
            aad: &bound,
        };
        let locked = self.0.encrypt(&XNonce::from(nonce), message);
        let locked = locked.map_err(|_| Error::corrupt("a key could not be encrypted"))?;
        Ok([&nonce[..], &locked].concat())
    }

    /// What came from disk.
    pub(super) fn unlock(&self, kid: &str, locked: &[u8]) -> Result<Zeroizing<[u8; 32]>, Error> {
        let damaged = || Error::corrupt("a signing key cannot be decrypted");
        let (nonce, locked) = locked
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or_else(damaged)?;
        let bound = bound(kid);
        let message = Payload {
            msg: locked,
            aad: &bound,
        };
        let secret = self.0.decrypt(&XNonce::from(*nonce), message);
        let secret = Zeroizing::new(secret.map_err(|_| damaged())?);
        let secret: &[u8; 32] = secret.as_slice().try_into().map_err(|_| damaged())?;
        Ok(Zeroizing::new(*secret))
    }
}

fn bound(kid: &str) -> Vec<u8> {
    [&[Tree::Keys as u8], kid.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_name_and_bytes_unlock() {
        let at_rest = KeyAtRest::new(&DigestKey::from_bytes([1; 32]));
        let locked = at_rest.lock("a", &[7; 32]).unwrap();
        assert_eq!(*at_rest.unlock("a", &locked).unwrap(), [7; 32]);
        assert!(!locked.windows(8).any(|piece| piece == [7; 8]));
        assert_ne!(at_rest.lock("a", &[7; 32]).unwrap(), locked);
        assert!(at_rest.unlock("b", &locked).is_err());
        let other = KeyAtRest::new(&DigestKey::from_bytes([2; 32]));
        assert!(other.unlock("a", &locked).is_err());
        for at in 0..locked.len() {
            let mut damaged = locked.clone();
            damaged[at] ^= 1;
            assert!(at_rest.unlock("a", &damaged).is_err(), "{at}");
            assert!(at_rest.unlock("a", &locked[..at]).is_err(), "{at}");
        }
    }
}
