//! A key that signs what is issued here; it never prints itself and leaves only by being consumed.
//!
//! HS256, ES256 and EdDSA only. RSA never signs: the one pure Rust implementation leaks its key
//! through timing (the Marvin attack, RUSTSEC-2023-0071), which concerns private keys alone.

use core::fmt;

use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::backend::Signer;
use super::base64url;
use super::compact::TOKEN_BYTES_MAX;
use super::key::{PublicPart, VerifyingKey};
use super::key_error::KeyError;
use super::new_claims::NewClaims;
use super::pem;
use super::policy::ACCESS_TOKEN;
use crate::secret::{Secret, fill_random};

/// Names an HMAC secret. Its RFC 7638 thumbprint would be a plain hash of the secret.
const SECRET_KID_CONTEXT: &str = "hallpass 2026-11 kid of an HMAC secret";

/// Signs tokens with one algorithm: HS256, ES256 or EdDSA.
///
/// Its name, the `kid`, is the RFC 7638 thumbprint of the public key, so that it needs no keeping;
/// for HS256 it is derived from the secret one-way.
pub struct SigningKey {
    secret: Zeroizing<[u8; 32]>,
    signer: Signer,
    verifying: VerifyingKey,
    kid: String,
}

impl SigningKey {
    /// A new key from the system's random source.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let mut secret = Zeroizing::new([0; 32]);
        // A P-256 scalar is out of range once in 2^32 tries.
        for _ in 0..8 {
            fill_random(&mut secret[..]).map_err(|_| KeyError::Backend)?;
            match Self::from_secret_bytes(algorithm, &secret) {
                Err(KeyError::NotOnCurve) => {}
                done => return done,
            }
        }
        Err(KeyError::Backend)
    }

    /// The key with this HMAC secret, P-256 scalar (big-endian) or Ed25519 seed.
    pub fn from_secret_bytes(algorithm: Algorithm, secret: &[u8; 32]) -> Result<Self, KeyError> {
        let (signer, verifying) = match algorithm {
            Algorithm::Hs256 => {
                let key = VerifyingKey::from_secret(algorithm, secret)?;
                (Signer::new(algorithm, secret), key)
            }
            Algorithm::EdDsa | Algorithm::Es256 => {
                let bare = Signer::new(algorithm, &pem::pkcs8(algorithm, secret, None));
                let public = bare.public_bytes().ok_or(KeyError::NotOnCurve)?;
                let whole = pem::pkcs8(algorithm, secret, Some(&public));
                let key = match (algorithm, &public[..]) {
                    (Algorithm::Es256, [4, point @ ..]) => {
                        let (x, y) = point.split_at(point.len() / 2);
                        VerifyingKey::from_ec(algorithm, x, y)?
                    }
                    _ => VerifyingKey::from_ed25519(&public)?,
                };
                (Signer::new(algorithm, &whole), key)
            }
            _ => return Err(KeyError::Algorithm { algorithm }),
        };
        let kid = match verifying.thumbprint() {
            Some(thumbprint) => thumbprint,
            None => base64url::encode(&blake3::derive_key(SECRET_KID_CONTEXT, secret)),
        };
        let verifying = verifying.with_kid(&kid)?;
        Ok(Self {
            secret: Zeroizing::new(*secret),
            signer,
            verifying,
            kid,
        })
    }

    /// A PKCS#8 `PRIVATE KEY` on P-256 or Ed25519, such as [`SigningKey::into_pem`] gives.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let (algorithm, secret) = pem::private_key(text)?;
        Self::from_secret_bytes(algorithm, &secret)
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.verifying.algorithm()
    }

    /// The name that tokens carry.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key that verifies what this one signs. For HS256 it is as secret as this one.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// Signs an access token: `typ` is `at+jwt`, `jti` stands first.
    pub fn sign(&self, claims: &NewClaims) -> Result<String, KeyError> {
        self.sign_payload(ACCESS_TOKEN, claims.to_payload()?.as_bytes())
    }

    /// Signs any payload under any type: for grants and for tests of other parties. Nothing of the
    /// payload is looked at.
    pub fn sign_payload(&self, typ: &str, payload: &[u8]) -> Result<String, KeyError> {
        let typ = serde_json::Value::from(typ);
        let header = format!(
            r#"{{"alg":"{}","kid":"{}","typ":{typ}}}"#,
            self.algorithm(),
            self.kid
        );
        let mut token = base64url::encode(header.as_bytes());
        token.push('.');
        base64url::encode_into(payload, &mut token);
        let signature = self
            .signer
            .sign(token.as_bytes())
            .ok_or(KeyError::Backend)?;
        token.push('.');
        base64url::encode_into(&signature, &mut token);
        if token.len() > TOKEN_BYTES_MAX {
            Err(KeyError::TokenTooLarge)
        } else {
            Ok(token)
        }
    }

    /// The private key as PKCS#8 PEM, once: the key is used up. Nothing for HS256.
    pub fn into_pem(self) -> Option<Secret> {
        let public = match self.verifying.public() {
            PublicPart::Ec { x, y } => [&[4], &x[..], &y[..]].concat(),
            PublicPart::Okp { x } => x.clone(),
            _ => return None,
        };
        let der = pem::pkcs8(self.algorithm(), &self.secret, Some(&public));
        Some(pem::encode("PRIVATE KEY", &der))
    }

    /// The private key as a JWK, once: the key is used up.
    pub fn into_private_jwk(self) -> Secret {
        // Large enough not to move, which would leave a copy behind.
        let mut text = String::with_capacity(512);
        match self.verifying.to_jwk() {
            Some(public) => {
                text.push_str(public.trim_end_matches('}'));
                text.push_str(r#","d":""#);
            }
            None => {
                let (kid, alg) = (&self.kid, self.algorithm());
                text.push_str(r#"{"kty":"oct","use":"sig","alg":""#);
                text.push_str(alg.name());
                text.push_str(r#"","kid":""#);
                text.push_str(kid);
                text.push_str(r#"","k":""#);
            }
        }
        base64url::encode_into(&self.secret[..], &mut text);
        text.push_str("\"}");
        Secret::new(text)
    }

    /// What has to be kept so that [`SigningKey::from_secret_bytes`] makes the key again.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the store keeps signing keys by it")
    )]
    pub(crate) fn secret_bytes(&self) -> &[u8; 32] {
        &self.secret
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm())
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::{Expect, KeySet, embedded_id, verify};

    const SIGNERS: [Algorithm; 3] = [Algorithm::Hs256, Algorithm::Es256, Algorithm::EdDsa];

    fn claims() -> NewClaims {
        NewClaims::new("0123456789A".parse().unwrap(), "client", 100, 200)
    }

    #[test]
    fn what_is_signed_verifies_and_carries_its_id_in_place() {
        for algorithm in SIGNERS {
            let key = SigningKey::generate(algorithm).unwrap();
            let token = key.sign(&claims()).unwrap();
            let keys = KeySet::from(key.verifying_key().clone());
            let expect = Expect::new().typ("at+jwt").client("client");
            let verified = verify(token.as_bytes(), &keys, &expect, 150).unwrap();
            assert_eq!(verified.jti(), Some("0123456789A"));
            assert_eq!(verified.kid(), Some(key.kid()));
            assert_eq!(embedded_id(token.as_bytes()).as_ref(), Some(b"0123456789A"));
            assert_eq!(token.find('.'), Some(110));
        }
    }

    #[test]
    fn debug_does_not_leak_key() {
        for algorithm in SIGNERS {
            let key = SigningKey::from_secret_bytes(algorithm, &[0x5A; 32]).unwrap();
            let kid = key.kid().to_owned();
            assert_eq!(
                format!("{key:?}"),
                format!("SigningKey {{ algorithm: {algorithm:?}, kid: {kid:?}, .. }}")
            );
            assert_eq!(format!("{:?}", key.into_private_jwk()), "Secret(***)");
        }
    }

    #[test]
    fn a_private_key_leaves_as_pem_and_comes_back() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let key = SigningKey::generate(algorithm).unwrap();
            let (kid, secret) = (key.kid().to_owned(), *key.secret_bytes());
            let pem = key.into_pem().unwrap();
            assert!(pem.expose().lines().all(|line| line.len() <= 64));
            let again = SigningKey::from_pem(pem.expose()).unwrap();
            assert_eq!((again.kid(), again.secret_bytes()), (&kid[..], &secret));
        }
        assert!(
            SigningKey::generate(Algorithm::Hs256)
                .unwrap()
                .into_pem()
                .is_none()
        );
    }

    #[test]
    fn a_private_jwk_is_read_as_the_public_one() {
        for algorithm in SIGNERS {
            let key = SigningKey::generate(algorithm).unwrap();
            let kid = key.kid().to_owned();
            let jwk = key.into_private_jwk();
            let read = VerifyingKey::from_jwk(jwk.expose().as_bytes(), None).unwrap();
            assert_eq!((read.kid(), read.algorithm()), (Some(&kid[..]), algorithm));
        }
    }

    #[test]
    fn rsa_and_the_rest_never_sign() {
        for algorithm in Algorithm::ALL {
            assert_eq!(
                SigningKey::generate(algorithm).is_ok(),
                SIGNERS.contains(&algorithm)
            );
        }
    }

    #[test]
    fn scalars_out_of_range_are_refused() {
        for secret in [[0; 32], [0xff; 32]] {
            let refused = SigningKey::from_secret_bytes(Algorithm::Es256, &secret).unwrap_err();
            assert_eq!(refused, KeyError::NotOnCurve);
        }
    }

    #[test]
    fn a_token_too_long_to_verify_is_not_signed() {
        let key = SigningKey::generate(Algorithm::Hs256).unwrap();
        let claims = claims().claim("x", "y".repeat(8192).into());
        assert_eq!(key.sign(&claims), Err(KeyError::TokenTooLarge));
    }
}
