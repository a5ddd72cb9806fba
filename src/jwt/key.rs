//! A key that verifies: one algorithm, one name, checked when it was loaded; it never prints itself.

use core::fmt;

use super::algorithm::{Algorithm, KeyType};
use super::backend::{RSA_BITS_MAX, Verifier};
use super::header::{UnverifiedHeader, is_key_id};
use super::key_error::KeyError;
use super::{jwk, pem, rsa_check};

/// A key that verifies signatures of exactly one [`Algorithm`] (RFC 8725 section 3.1).
///
/// A key that has a name verifies tokens of that `kid`, and tokens that name none. A key without a
/// name verifies only tokens that name none, unless [`VerifyingKey::for_any_kid`] was called.
#[derive(Clone)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    kid: Option<String>,
    any_kid: bool,
    public: PublicPart,
    verifier: Verifier,
}

/// What of a key may be shown: nothing of a secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum PublicPart {
    Secret,
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ec { x: Vec<u8>, y: Vec<u8> },
    Okp { x: Vec<u8> },
}

impl VerifyingKey {
    /// An HMAC secret, at least as long as the hash: 32, 48 or 64 bytes. A password is not a key.
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        want(algorithm, KeyType::Oct)?;
        let bytes_min = algorithm.secret_bytes_min();
        if secret.len() < bytes_min {
            return Err(KeyError::WeakSecret {
                bytes: secret.len(),
                bytes_min,
            });
        }
        Ok(Self::new(
            algorithm,
            PublicPart::Secret,
            Verifier::from_bytes(algorithm, secret),
        ))
    }

    /// An RSA public key: modulus and exponent, big-endian, without leading zeros. The modulus has
    /// 2048 to 4096 bits (8192 with `aws_lc_rs`), the exponent is odd and at least 65537.
    pub fn from_rsa(algorithm: Algorithm, n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        want(algorithm, KeyType::Rsa)?;
        rsa_check::check(n, e, RSA_BITS_MAX)?;
        let public = PublicPart::Rsa {
            n: n.to_vec(),
            e: e.to_vec(),
        };
        Ok(Self::new(
            algorithm,
            public,
            Verifier::from_rsa(algorithm, n, e),
        ))
    }

    /// A point on P-256 or P-384: both coordinates big-endian in full length.
    pub fn from_ec(algorithm: Algorithm, x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        want(algorithm, KeyType::Ec)?;
        for (member, coordinate) in [("x", x), ("y", y)] {
            if coordinate.len() != algorithm.coordinate_bytes() {
                return Err(KeyError::Member { member });
            }
        }
        let verifier = Verifier::from_bytes(algorithm, &[&[4], x, y].concat());
        let key = Self::new(
            algorithm,
            PublicPart::Ec {
                x: x.to_vec(),
                y: y.to_vec(),
            },
            verifier,
        );
        if key.verifier.is_on_curve() {
            Ok(key)
        } else {
            Err(KeyError::NotOnCurve)
        }
    }

    /// An Ed25519 public key of exactly 32 bytes. Points of small order are refused: under such a
    /// key one signature can verify for any message.
    pub fn from_ed25519(x: &[u8]) -> Result<Self, KeyError> {
        let algorithm = Algorithm::EdDsa;
        if x.len() != algorithm.coordinate_bytes() {
            return Err(KeyError::Member { member: "x" });
        }
        let key = Self::new(
            algorithm,
            PublicPart::Okp { x: x.to_vec() },
            Verifier::from_bytes(algorithm, x),
        );
        if has_small_order(x) || !key.verifier.is_on_curve() {
            return Err(KeyError::NotOnCurve);
        }
        Ok(key)
    }

    /// One JWK (RFC 7517) as JSON text. `use`, `key_ops`, `alg`, `crv` and `kid` are heeded.
    ///
    /// The key is pinned to `algorithm`, or to its own `alg`; both must agree. When neither is
    /// given: P-256, P-384 and Ed25519 have only one algorithm each, RSA becomes RS256 and a secret
    /// HS256 (the ones RFC 7518 section 3.1 recommends and requires). Private members are ignored.
    pub fn from_jwk(json: &[u8], algorithm: Option<Algorithm>) -> Result<Self, KeyError> {
        jwk::parse(json, algorithm)
    }

    /// A PEM block: `PUBLIC KEY` (SPKI), `RSA PUBLIC KEY` (PKCS#1) or `CERTIFICATE` (X.509). Of a
    /// certificate only the key is taken: chain, names and dates are not looked at.
    ///
    /// A PEM has no `kid`: add [`VerifyingKey::with_kid`] or [`VerifyingKey::for_any_kid`].
    pub fn from_pem(text: &str, algorithm: Algorithm) -> Result<Self, KeyError> {
        pem::verifying_key(text, algorithm)
    }

    /// Names the key.
    pub fn with_kid(mut self, kid: &str) -> Result<Self, KeyError> {
        if !is_key_id(kid) {
            return Err(KeyError::KeyId);
        }
        self.kid = Some(kid.to_owned());
        Ok(self)
    }

    /// Lets the key verify tokens whatever `kid` they name: for a single key from a PEM file whose
    /// issuer names it in a way you do not know. In a set such a key catches what no other claims.
    pub fn for_any_kid(mut self) -> Self {
        self.any_kid = true;
        self
    }

    /// The one algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The name, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether this is an HMAC secret, which must never be published.
    pub fn is_secret(&self) -> bool {
        self.public == PublicPart::Secret
    }

    /// The public JWK as JSON text, members in the order `kty`, `crv`, `x`, `y`, `n`, `e`, `kid`,
    /// `alg`, `use`; nothing for an HMAC secret.
    pub fn to_jwk(&self) -> Option<String> {
        jwk::public(self)
    }

    /// The thumbprint of RFC 7638 (SHA-256, base64url); nothing for an HMAC secret, whose
    /// thumbprint would let anyone test guesses of it.
    pub fn thumbprint(&self) -> Option<String> {
        super::thumbprint::of(&self.public)
    }

    pub(crate) fn public(&self) -> &PublicPart {
        &self.public
    }

    /// Whether the key answers to the `kid` of a header.
    pub(crate) fn answers_to(&self, header: &UnverifiedHeader) -> bool {
        match (&header.kid, &self.kid) {
            (None, _) => true,
            (Some(wanted), Some(kid)) => wanted == kid || self.any_kid,
            (Some(_), None) => self.any_kid,
        }
    }

    pub(crate) fn verify(&self, message: &[u8], signature: Vec<u8>) -> bool {
        self.verifier.verify(message, signature)
    }

    fn new(algorithm: Algorithm, public: PublicPart, verifier: Verifier) -> Self {
        Self {
            algorithm,
            kid: None,
            any_kid: false,
            public,
            verifier,
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

fn want(algorithm: Algorithm, key_type: KeyType) -> Result<(), KeyError> {
    if algorithm.key_type() == key_type {
        Ok(())
    } else {
        Err(KeyError::Algorithm { algorithm })
    }
}

/// Whether the point has order 1, 2, 4 or 8. The y-coordinates of these points, and the two that
/// are 0 and 1 again modulo p; the sign of x in the last bit does not matter.
fn has_small_order(x: &[u8]) -> bool {
    const Y: [[u8; 32]; 7] = [
        [0; 32],
        little(1, 0, 0),
        little(0xec, 0xff, 0x7f),
        little(0xed, 0xff, 0x7f),
        little(0xee, 0xff, 0x7f),
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let Ok(mut y) = <[u8; 32]>::try_from(x) else {
        return false;
    };
    y[31] &= 0x7f;
    Y.contains(&y)
}

const fn little(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut octets = [middle; 32];
    octets[0] = first;
    octets[31] = last;
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_leak_key() {
        let key = VerifyingKey::from_secret(Algorithm::Hs256, &[0xAB; 32]).unwrap();
        let text = format!("{:?}", key.with_kid("k1").unwrap());
        assert_eq!(
            text,
            r#"VerifyingKey { algorithm: Hs256, kid: Some("k1"), .. }"#
        );
    }

    #[test]
    fn weak_secrets_are_refused() {
        for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
            let least = algorithm.secret_bytes_min();
            assert!(VerifyingKey::from_secret(algorithm, &vec![1; least]).is_ok());
            for bytes in [0, 1, least - 1] {
                let refused = VerifyingKey::from_secret(algorithm, &vec![1; bytes]).unwrap_err();
                assert_eq!(
                    refused,
                    KeyError::WeakSecret {
                        bytes,
                        bytes_min: least
                    }
                );
            }
        }
    }

    #[test]
    fn a_key_is_made_only_for_an_algorithm_of_its_type() {
        let secret = [1; 64];
        for algorithm in Algorithm::ALL {
            let fits = algorithm.key_type() == KeyType::Oct;
            assert_eq!(
                VerifyingKey::from_secret(algorithm, &secret).is_ok(),
                fits,
                "{algorithm}"
            );
            if algorithm.key_type() != KeyType::Ec {
                assert!(VerifyingKey::from_ec(algorithm, &[1; 32], &[1; 32]).is_err());
            }
        }
    }

    #[test]
    fn short_long_and_small_order_ed25519_keys_are_refused() {
        for bytes in [0, 1, 31, 33, 64] {
            assert!(
                VerifyingKey::from_ed25519(&vec![9; bytes]).is_err(),
                "{bytes}"
            );
        }
        for first in [0, 1] {
            for last in [0, 0x80] {
                let key = little(first, 0, last);
                assert_eq!(
                    VerifyingKey::from_ed25519(&key).unwrap_err(),
                    KeyError::NotOnCurve
                );
            }
        }
    }

    #[test]
    fn a_point_off_the_curve_is_refused() {
        assert_eq!(
            VerifyingKey::from_ec(Algorithm::Es256, &[1; 32], &[1; 32]).unwrap_err(),
            KeyError::NotOnCurve
        );
        assert_eq!(
            VerifyingKey::from_ec(Algorithm::Es384, &[1; 32], &[1; 48]).unwrap_err(),
            KeyError::Member { member: "x" }
        );
    }
}
