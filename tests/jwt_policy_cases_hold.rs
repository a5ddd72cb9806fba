//! Promise: algorithms, issuers, subjects, audiences and claim names are judged as Flipt and
//! Frontier judge them, but for the differences listed here.
#![cfg(feature = "jwt")]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use hallpass::jwt::{
    Algorithm, ClaimsMapping, Expect, ForeignIssuer, ForeignIssuers, KeySet, SigningKey,
    VerifyingKey,
};
use serde_json::{Value, json};

/// Where we answer otherwise, on purpose.
const DIFFERENCES: [(&str, &str); 1] = [(
    "fjwt-alg-ES512",
    "no backend speaks P-521: such a key is refused when it is loaded",
)];

/// Cases that are not about a token's policy, and who answers for them.
const ELSEWHERE: [(&str, &str); 6] = [
    (
        "fjwt-cfg-1",
        "an issuer cannot be made without a key source: the type says so",
    ),
    (
        "fjwt-cfg-2",
        "an issuer has exactly one key source: the type says so",
    ),
    (
        "fro-jwt-1",
        "skipping to the next credential is the credential grammar's business",
    ),
    (
        "fro-jwt-3",
        "the same: a grant names its key in the payload, which we never read unverified",
    ),
    (
        "fro-jwt-11",
        "a deleted client is the store's business: client.disabled, not 500",
    ),
    ("fro-jwt-12", "a revoked token is the store's business"),
];

const NOW: u64 = 1_800_000_000;

fn signer(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm).unwrap()
}

/// Whether a token with this `alg` can pass in Flipt's profile: signed well where we can sign, and
/// for what only others sign, whether the profile would let a key of it verify at all.
fn algorithm_passes(name: &str) -> bool {
    let Some(algorithm) = Algorithm::from_name(name) else {
        return false;
    };
    let flipts = [
        Algorithm::Rs256,
        Algorithm::Rs512,
        Algorithm::Es256,
        Algorithm::EdDsa,
    ];
    let Ok(key) = SigningKey::generate(algorithm) else {
        return flipts.contains(&algorithm);
    };
    passes(
        &key,
        key.verifying_key().clone(),
        Expect::flipt(),
        &json!({}),
    )
}

fn passes(key: &SigningKey, verifying: VerifyingKey, expect: Expect, claims: &Value) -> bool {
    let mut claims = claims.clone();
    claims["iat"] = json!(NOW);
    let mapping = ClaimsMapping::client_from("/iat_text").metadata("m", "/sub");
    claims["iat_text"] = json!("client");
    let issuer = ForeignIssuer::new(Arc::new(KeySet::from(verifying)), expect, mapping);
    let issuers = ForeignIssuers::new(vec![issuer]).unwrap();
    let token = key
        .sign_payload("JWT", claims.to_string().as_bytes())
        .unwrap();
    issuers.verify(token.as_bytes(), NOW).is_ok()
}

fn expect_of(case: &Value) -> Expect {
    let mut expect = Expect::flipt();
    let expected = &case["expected"];
    if let Some(issuer) = expected["issuer"].as_str() {
        expect = expect.issuer(issuer);
    }
    if let Some(subject) = expected["subject"].as_str() {
        expect = expect.subject(subject);
    }
    for audience in expected["audiences"].as_array().into_iter().flatten() {
        expect = expect.audience(audience.as_str().unwrap());
    }
    expect
}

fn judge(case: &Value) -> Option<bool> {
    if ELSEWHERE.iter().any(|(id, _)| case["id"] == *id) {
        return None;
    }
    if let Some(name) = case["header"]["alg"].as_str() {
        return Some(algorithm_passes(name));
    }
    let (key, other) = (signer(Algorithm::EdDsa), signer(Algorithm::EdDsa));
    Some(match case["id"].as_str().unwrap() {
        "fro-jwt-5" => {
            let verifying = other.verifying_key().clone().with_kid(key.kid()).unwrap();
            passes(&key, verifying, Expect::flipt(), &json!({}))
        }
        "fro-jwt-14" => {
            let keys = vec![other.verifying_key().clone(), key.verifying_key().clone()];
            let keys = KeySet::new(keys).unwrap();
            let token = key.sign_payload(
                "JWT",
                format!(r#"{{"exp":{},"jti":"x"}}"#, NOW + 9).as_bytes(),
            );
            let answer =
                hallpass::jwt::verify(token.unwrap().as_bytes(), &keys, &Expect::frontier(), NOW);
            answer.is_ok()
        }
        _ => {
            let claims = case.get("claims").cloned().unwrap_or_else(|| json!({}));
            passes(&key, key.verifying_key().clone(), expect_of(case), &claims)
        }
    })
}

#[test]
fn the_policy_cases_hold_but_for_the_listed_differences() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("cases/jwt_policy_cases.json")).unwrap();
    let mut differing = BTreeMap::new();
    for case in &cases {
        let wanted = case["outcome"] == "ok";
        if judge(case).is_some_and(|passed| passed != wanted) {
            differing.insert(case["id"].as_str().unwrap(), case["description"].clone());
        }
    }
    let listed: Vec<&str> = DIFFERENCES.iter().map(|(id, _)| *id).collect();
    assert_eq!(
        differing.keys().copied().collect::<Vec<_>>(),
        listed,
        "{differing:#?}"
    );
}
