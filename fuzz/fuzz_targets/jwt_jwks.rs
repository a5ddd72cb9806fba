//! Any text is a key set or a PEM: what loads is bounded, unique, and survives being published.
#![no_main]

use std::collections::HashSet;

use hallpass::jwt::{Algorithm, KeySet, VerifyingKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    if let Ok(text) = std::str::from_utf8(text) {
        for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
            let _ = VerifyingKey::from_pem(text, algorithm);
        }
    }
    if let Ok(key) = VerifyingKey::from_jwk(text, None) {
        assert_eq!(key.is_secret(), key.to_jwk().is_none());
    }
    let strict = KeySet::from_jwks(text, None);
    let Ok((keys, refused)) = KeySet::from_foreign_jwks(text, None) else {
        assert!(strict.is_err());
        return;
    };
    assert_eq!(strict.is_ok(), refused.is_empty());
    assert!((1..=64).contains(&keys.keys().len()));
    let names: Vec<&str> = keys.keys().iter().filter_map(VerifyingKey::kid).collect();
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    if keys.keys().iter().any(VerifyingKey::is_secret) {
        assert!(keys.keys().iter().all(VerifyingKey::is_secret), "mixed");
        assert_eq!(keys.to_jwks(), r#"{"keys":[]}"#, "a secret was published");
        return;
    }
    let again = KeySet::from_jwks(keys.to_jwks().as_bytes(), None).unwrap();
    let thumbprints = |keys: &KeySet| -> Vec<Option<String>> {
        keys.keys().iter().map(VerifyingKey::thumbprint).collect()
    };
    assert_eq!(thumbprints(&again), thumbprints(&keys));
});
