//! Any text is split: it never panics, and what verifies has exactly one spelling.
//!
//! The fuzzer cannot sign, so the text it writes is used as the payload of a good token first, and
//! a few bytes of that token are then replaced by its own.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass::jwt::{Algorithm, KeySet, SigningKey, embedded_id, verify_jws};
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_secret_bytes(Algorithm::Hs256, &[7; 32]).unwrap());
static KEYS: LazyLock<KeySet> = LazyLock::new(|| KeySet::from(KEY.verifying_key().clone()));

fuzz_target!(|input: (&[u8], u16, &[u8])| {
    let (payload, place, patch) = input;
    assert!(verify_jws(payload, &KEYS).is_err(), "forged");
    let _ = embedded_id(payload);

    let Ok(good) = KEY.sign_payload("JWT", payload) else {
        return;
    };
    assert_eq!(
        verify_jws(good.as_bytes(), &KEYS).unwrap().as_bytes(),
        payload
    );
    let mut bad = good.clone().into_bytes();
    for (slot, &byte) in bad.iter_mut().skip(usize::from(place)).zip(patch) {
        *slot = byte;
    }
    if bad != good.as_bytes() {
        assert!(verify_jws(&bad, &KEYS).is_err(), "a second spelling");
    }

    // The id found in place is the one that decoding the whole payload finds there.
    let after_dot = good.split('.').nth(1).unwrap();
    let decoded = URL_SAFE_NO_PAD.decode(after_dot).unwrap();
    let naive = decoded
        .strip_prefix(br#"{"jti":""#)
        .and_then(|rest| rest.get(..13))
        .filter(|rest| rest.ends_with(br#"","#))
        .map(|rest| rest[..11].to_vec());
    assert_eq!(embedded_id(good.as_bytes()).map(|id| id.to_vec()), naive);
});
