//! Promise: every signature vector of the RFCs and of Wycheproof is judged as our rules say.
//!
//! `our_expect` stands where our verdict is stricter than the vector's own, with `our_why`:
//! one algorithm per key, no ES512, no `none`, one spelling of base64url.
#![cfg(feature = "jwt")]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

use hallpass::jwt::{Algorithm, KeySet, VerifyingKey, verify_jws};
use serde_json::Value;

/// Pins the key to the case's algorithm; a name we do not know makes the key unusable.
fn is_valid(case: &Value) -> bool {
    let algorithm = match case["alg"].as_str().map(Algorithm::from_name) {
        None => None,
        Some(Some(algorithm)) => Some(algorithm),
        Some(None) => return false,
    };
    let Ok(key) = VerifyingKey::from_jwk(case["jwk"].to_string().as_bytes(), algorithm) else {
        return false;
    };
    verify_jws(
        case["token"].as_str().unwrap().as_bytes(),
        &KeySet::from(key),
    )
    .is_ok()
}

fn check(text: &str, cases_min: usize, valid_min: usize) {
    let file: Value = serde_json::from_str(text).unwrap();
    let cases = file["cases"].as_array().unwrap();
    let (mut misses, mut valid) = (Vec::new(), 0);
    for case in cases {
        let expect = case
            .get("our_expect")
            .unwrap_or(&case["expect"])
            .as_str()
            .unwrap();
        let wanted = expect == "valid";
        valid += usize::from(wanted);
        if is_valid(case) != wanted {
            misses.push(format!("{} {}: want {expect}", case["id"], case["name"]));
        }
    }
    assert!(misses.is_empty(), "{misses:#?}");
    assert!(
        cases.len() >= cases_min && valid >= valid_min,
        "{} cases, {valid}",
        cases.len()
    );
}

#[test]
fn the_vectors_of_the_rfcs_hold() {
    check(include_str!("cases/jws/rfc_vectors.json"), 13, 7);
}

#[test]
fn the_vectors_of_wycheproof_hold() {
    check(include_str!("cases/jws/wycheproof_jws.json"), 211, 18);
}

#[test]
fn the_vectors_of_a_peer_hold_for_every_algorithm() {
    check(include_str!("cases/jws/peer_vectors.json"), 36, 12);
}
