//! Any octets are a header, under a good signature: what passes is plain, and names our algorithm.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass::jwt::{Algorithm, KeySet, VerifyingKey, verify_jws};
use jsonwebtoken::EncodingKey;
use jsonwebtoken::crypto::JwtSigner;
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
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
    KeySet::from(key.with_kid("k").unwrap())
});

fuzz_target!(|header: &[u8]| {
    let input = format!("{}.e30", URL_SAFE_NO_PAD.encode(header));
    let signature = URL_SAFE_NO_PAD.encode(SIGNER.with(|signer| signer.sign(input.as_bytes())));
    if verify_jws(format!("{input}.{signature}").as_bytes(), &KEYS).is_err() {
        return;
    }
    let members: Value = serde_json::from_slice(header).unwrap();
    assert_eq!(members["alg"], "HS256");
    assert!(members.get("kid").is_none_or(|kid| kid == "k"));
    for refused in ["crit", "b64", "zip", "enc", "jku", "jwk", "x5u", "x5c"] {
        assert!(members.get(refused).is_none(), "{refused}");
    }
});
