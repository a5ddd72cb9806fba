//! Promise: signed times are judged as Flipt, Frontier and RFC 7519 judge them, to the second.
//!
//! Only the cases that are JWTs: the rest of the file is about stored tokens.
#![cfg(feature = "jwt")]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

use hallpass::jwt::{Algorithm, Expect, KeySet, SigningKey, verify};
use serde_json::Value;

#[test]
fn the_expiry_cases_of_jwts_hold() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("cases/expiry_cases.json")).unwrap();
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let keys = KeySet::from(key.verifying_key().clone());
    let mut judged = 0;
    for case in &cases {
        let expect = match case["system"].as_str().unwrap() {
            "flipt_jwt" => Expect::flipt(),
            "frontier" if case["object"] == "access_token" => Expect::frontier(),
            _ => continue,
        };
        let mut claims = case["claims"].clone();
        // Frontier wants an id, and the case is about time.
        claims["jti"] = Value::from("an id");
        let token = key
            .sign_payload("JWT", claims.to_string().as_bytes())
            .unwrap();
        let now = case["now"].as_u64().unwrap();
        let answer = verify(token.as_bytes(), &keys, &expect, now);
        assert_eq!(
            answer.is_ok(),
            case["valid"].as_bool().unwrap(),
            "{case} {answer:?}"
        );
        judged += 1;
    }
    assert!(judged >= 10, "{judged} cases");
}
