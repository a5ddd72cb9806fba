//! Signed tokens, verified whole by `jsonwebtoken`: no look-up, and so no revocation.

use hallpass::jwt::{Algorithm as Signs, NewClaims, SigningKey};
use hallpass::{Clock, SystemClock};
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

use crate::measure::{Candidate, Timed};

/// What a server would read.
#[derive(Deserialize)]
struct Claims {
    exp: u64,
    sub: String,
}

struct Jwt {
    name: &'static str,
    token: String,
    key: DecodingKey,
    validation: Validation,
}

impl Candidate for Jwt {
    fn name(&self) -> String {
        format!("jsonwebtoken {}", self.name)
    }

    #[inline(always)]
    fn check(&self, _text: &[u8]) -> Option<u64> {
        let claims = decode::<Claims>(&self.token, &self.key, &self.validation)
            .ok()?
            .claims;
        Some(claims.exp + claims.sub.len() as u64)
    }
}

/// One token of each algorithm.
pub fn all() -> Vec<Box<dyn Timed>> {
    let _ = DEFAULT_PROVIDER.install_default();
    [
        ("HS256", Signs::Hs256, Algorithm::HS256),
        ("EdDSA", Signs::EdDsa, Algorithm::EdDSA),
        ("ES256", Signs::Es256, Algorithm::ES256),
    ]
    .into_iter()
    .map(|(name, signs, algorithm)| Box::new(jwt(name, signs, algorithm)) as Box<dyn Timed>)
    .collect()
}

fn jwt(name: &'static str, signs: Signs, algorithm: Algorithm) -> Jwt {
    let now = SystemClock.now_secs();
    let key = SigningKey::from_secret_bytes(signs, &[7; 32]).expect("a key");
    let id = "0123456789A".parse().expect("an id");
    let claims = NewClaims::new(id, "client-1", now, now + 86_400).issuer("https://issuer.example");
    let token = key.sign(&claims).expect("signed");
    let jwk = key.into_private_jwk();
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_str(jwk.expose()).expect("a JWK");
    Jwt {
        name,
        token,
        key: DecodingKey::from_jwk(&jwk).expect("a key"),
        validation: Validation::new(algorithm),
    }
}
