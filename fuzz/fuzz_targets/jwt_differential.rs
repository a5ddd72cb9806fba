//! Any header and payload, under a good signature: whatever we take, jsonwebtoken takes too.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass::jwt::{Algorithm, Expect, KeySet, VerifyingKey, verify};
use jsonwebtoken::crypto::JwtSigner;
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{DecodingKey, EncodingKey, Validation, decode};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const SECRET: [u8; 32] = [7; 32];

thread_local! {
    static SIGNER: Box<dyn JwtSigner> = {
        let key = EncodingKey::from_secret(&SECRET);
        (DEFAULT_PROVIDER.signer_factory)(&jsonwebtoken::Algorithm::HS256, &key).unwrap()
    };
}
static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    let key = VerifyingKey::from_secret(Algorithm::Hs256, &SECRET).unwrap();
    KeySet::from(key.for_any_kid())
});

fuzz_target!(|input: (&[u8], &[u8])| {
    let (header, payload) = input;
    let input = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let token = format!(
        "{input}.{}",
        URL_SAFE_NO_PAD.encode(SIGNER.with(|signer| signer.sign(input.as_bytes())))
    );
    if verify(token.as_bytes(), &KEYS, &Expect::new(), 0).is_err() {
        return;
    }
    let mut rules = Validation::new(jsonwebtoken::Algorithm::HS256);
    // Its clock cannot be set; ours was, to 0.
    rules.validate_exp = false;
    let theirs = decode::<Value>(&token, &DecodingKey::from_secret(&SECRET), &rules);
    assert!(theirs.is_ok(), "{theirs:?}");
});
