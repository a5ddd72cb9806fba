//! Any octets are a payload, under a good signature, at any time: what passes has not expired by
//! the plainest reading of the rule.
#![no_main]

use std::sync::LazyLock;

use hallpass::jwt::{Algorithm, Expect, KeySet, SigningKey, verify};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_secret_bytes(Algorithm::Hs256, &[7; 32]).unwrap());
static KEYS: LazyLock<KeySet> = LazyLock::new(|| KeySet::from(KEY.verifying_key().clone()));

fuzz_target!(|input: (u64, u64, &[u8])| {
    let (now, leeway, payload) = input;
    let Ok(token) = KEY.sign_payload("JWT", payload) else {
        return;
    };
    let expect = Expect::new();
    // Most inputs are no JSON, and end here.
    let Ok(claims) = serde_json::from_slice::<Value>(payload) else {
        assert!(verify(token.as_bytes(), &KEYS, &expect, now).is_err());
        return;
    };
    for lenient in [Expect::flipt(), Expect::new()] {
        let lenient = lenient.leeway_secs(leeway);
        let _ = verify(token.as_bytes(), &KEYS, &lenient, now);
    }
    let Ok(verified) = verify(token.as_bytes(), &KEYS, &expect, now) else {
        return;
    };

    assert!(claims["exp"].as_f64().unwrap() >= now as f64, "expired");
    assert!(verified.expires_at().unwrap() > now);
    for start in ["nbf", "iat"] {
        assert!(
            claims
                .get(start)
                .is_none_or(|start| start.as_f64().unwrap() <= now as f64)
        );
    }
    assert!(
        claims.get("aud").is_none(),
        "an audience that nobody asked for"
    );
    assert_eq!(
        claims.get("sub").and_then(Value::as_str),
        verified.subject()
    );
    // What was read can be written, signed and read again: the same names, the same times.
    let again = KEY.sign_payload("JWT", verified.to_json().to_string().as_bytes());
    let Ok(again) = again else { return };
    let again = verify(again.as_bytes(), &KEYS, &expect, now).unwrap();
    assert_eq!(again.expires_at(), verified.expires_at());
    let names =
        |claims: Value| -> Vec<String> { claims.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(names(again.to_json()), names(verified.to_json()));
});
