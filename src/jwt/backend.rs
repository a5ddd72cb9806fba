//! The only file that knows jsonwebtoken; it computes signatures and judges nothing.
//!
//! The factories of one backend are called directly, never through the process-wide provider: that
//! one panics when two backends are compiled in, and belongs to the program, not to us.

#[cfg(feature = "aws_lc_rs")]
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::crypto::rust_crypto;
#[cfg(not(feature = "aws_lc_rs"))]
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::{EllipticCurve, ThumbprintHash};
use jsonwebtoken::{Algorithm as Upstream, DecodingKey, EncodingKey};

use super::algorithm::Algorithm;

/// RSA moduli above this are refused by the backend itself, so we refuse them at load.
pub(crate) const RSA_BITS_MAX: usize = if cfg!(feature = "aws_lc_rs") {
    8192
} else {
    4096
};

/// A public key or HMAC secret in the backend's own form; wiped when dropped.
#[derive(Clone)]
pub(crate) struct Verifier {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Verifier {
    /// From an HMAC secret, an Ed25519 public key, or an uncompressed EC point.
    pub(crate) fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let key = match upstream(algorithm) {
            Upstream::ES256 | Upstream::ES384 => DecodingKey::from_ec_der(bytes),
            Upstream::EdDSA => DecodingKey::from_ed_der(bytes),
            _ => DecodingKey::from_secret(bytes),
        };
        Self { algorithm, key }
    }

    /// From modulus and exponent, big-endian.
    pub(crate) fn from_rsa(algorithm: Algorithm, n: &[u8], e: &[u8]) -> Self {
        Self {
            algorithm,
            key: DecodingKey::from_rsa_raw_components(n, e),
        }
    }

    /// Whether the point is one. Always asked of RustCrypto: AWS-LC looks only when it verifies.
    pub(crate) fn is_on_curve(&self) -> bool {
        (rust_crypto::DEFAULT_PROVIDER.verifier_factory)(&upstream(self.algorithm), &self.key)
            .is_ok()
    }

    /// Whether `signature` is the key's over `message`. Any failure of the backend is a "no".
    pub(crate) fn verify(&self, message: &[u8], signature: Vec<u8>) -> bool {
        (DEFAULT_PROVIDER.verifier_factory)(&upstream(self.algorithm), &self.key)
            .is_ok_and(|verifier| verifier.verify(message, &signature).is_ok())
    }
}

/// An HMAC secret or a PKCS#8 private key in the backend's own form; wiped when dropped.
pub(crate) struct Signer {
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    /// From an HMAC secret, or from the DER of a PKCS#8 private key.
    pub(crate) fn new(algorithm: Algorithm, secret_or_pkcs8: &[u8]) -> Self {
        let key = match upstream(algorithm) {
            Upstream::ES256 => EncodingKey::from_ec_der(secret_or_pkcs8),
            Upstream::EdDSA => EncodingKey::from_ed_der(secret_or_pkcs8),
            _ => EncodingKey::from_secret(secret_or_pkcs8),
        };
        Self { algorithm, key }
    }

    /// The signature over `message`, or nothing if the backend cannot make one.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let signer =
            (DEFAULT_PROVIDER.signer_factory)(&upstream(self.algorithm), &self.key).ok()?;
        signer.try_sign(message).ok()
    }

    /// The public half: the uncompressed point of ES256, or the 32 bytes of Ed25519.
    pub(crate) fn public_bytes(&self) -> Option<Vec<u8>> {
        let utils = &DEFAULT_PROVIDER.key_utils;
        let pkcs8 = self.key.as_bytes();
        match upstream(self.algorithm) {
            Upstream::EdDSA => {
                (utils.ed_pub_components_from_private_key)(pkcs8, &EllipticCurve::Ed25519).ok()
            }
            Upstream::ES256 => {
                let (_, x, y) =
                    (utils.ec_pub_components_from_private_key)(pkcs8, Upstream::ES256).ok()?;
                Some([&[4], &x[..], &y[..]].concat())
            }
            _ => None,
        }
    }
}

/// SHA-256, which RFC 7638 thumbprints need.
pub(crate) fn sha256(data: &[u8]) -> Option<Vec<u8>> {
    (DEFAULT_PROVIDER.key_utils.compute_digest)(data, ThumbprintHash::SHA256).ok()
}

const fn upstream(algorithm: Algorithm) -> Upstream {
    match algorithm {
        Algorithm::Hs256 => Upstream::HS256,
        Algorithm::Hs384 => Upstream::HS384,
        Algorithm::Hs512 => Upstream::HS512,
        Algorithm::Rs256 => Upstream::RS256,
        Algorithm::Rs384 => Upstream::RS384,
        Algorithm::Rs512 => Upstream::RS512,
        Algorithm::Ps256 => Upstream::PS256,
        Algorithm::Ps384 => Upstream::PS384,
        Algorithm::Ps512 => Upstream::PS512,
        Algorithm::Es256 => Upstream::ES256,
        Algorithm::Es384 => Upstream::ES384,
        Algorithm::EdDsa => Upstream::EdDSA,
    }
}
