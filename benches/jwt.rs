//! Full verification of a JWT, ours against `jsonwebtoken::decode` in the same run.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that fails should stop"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hallpass::jwt::{
    Algorithm, Expect, KeySet, NewClaims, SigningKey, VerifyingKey, embedded_id, verify,
};
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::Value;

const NOW: u64 = 1_300_819_379;

/// Names of RFC 7515 appendix A.2 in the vectors: we have no RSA key to sign with.
const RSA_CASE: &str = "rfc7515-A2";

struct Bench {
    name: &'static str,
    token: String,
    key: VerifyingKey,
    theirs: DecodingKey,
    algorithm: jsonwebtoken::Algorithm,
}

fn own(algorithm: Algorithm, theirs: jsonwebtoken::Algorithm) -> Bench {
    let secret = [7; 32];
    let key = SigningKey::from_secret_bytes(algorithm, &secret).unwrap();
    let claims = NewClaims::new("0123456789A".parse().unwrap(), "client-1", NOW, NOW + 3600);
    let token = key.sign(&claims.issuer("https://issuer.example")).unwrap();
    let verifying = key.verifying_key().clone();
    let jwk = key.into_private_jwk();
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_str(jwk.expose()).unwrap();
    Bench {
        name: algorithm.name(),
        token,
        key: verifying,
        theirs: DecodingKey::from_jwk(&jwk).unwrap(),
        algorithm: theirs,
    }
}

fn rsa() -> Bench {
    let file = include_str!("../tests/cases/jws/rfc_vectors.json");
    let file: Value = serde_json::from_str(file).unwrap();
    let cases = file["cases"].as_array().unwrap();
    let case = cases.iter().find(|case| case["id"] == RSA_CASE).unwrap();
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(case["jwk"].clone()).unwrap();
    Bench {
        name: "RS256",
        token: case["token"].as_str().unwrap().to_owned(),
        key: VerifyingKey::from_jwk(case["jwk"].to_string().as_bytes(), None).unwrap(),
        theirs: DecodingKey::from_jwk(&jwk).unwrap(),
        algorithm: jsonwebtoken::Algorithm::RS256,
    }
}

fn benches(criterion: &mut Criterion) {
    // With two backends compiled in there is no default until one is chosen.
    let _ = DEFAULT_PROVIDER.install_default();
    let cases = [
        own(Algorithm::Hs256, jsonwebtoken::Algorithm::HS256),
        own(Algorithm::EdDsa, jsonwebtoken::Algorithm::EdDSA),
        own(Algorithm::Es256, jsonwebtoken::Algorithm::ES256),
        rsa(),
    ];
    for case in &cases {
        let mut group = criterion.benchmark_group(format!("verify/{}", case.name));
        let (keys, expect) = (KeySet::from(case.key.clone()), Expect::new());
        group.bench_function("hallpass", |bencher| {
            bencher.iter(|| {
                let token = black_box(case.token.as_bytes());
                assert!(verify(token, &keys, &expect, NOW).is_ok());
            });
        });
        let mut rules = Validation::new(case.algorithm);
        rules.validate_exp = false;
        group.bench_function("jsonwebtoken", |bencher| {
            bencher.iter(|| {
                let token = black_box(case.token.as_bytes());
                let decoded = jsonwebtoken::decode::<Value>(token, &case.theirs, &rules);
                assert!(decoded.is_ok());
            });
        });
        group.finish();
    }
    let token = cases[0].token.as_bytes();
    criterion.bench_function("embedded_id", |bencher| {
        bencher.iter(|| assert!(embedded_id(black_box(token)).is_some()));
    });
    let (forged, keys) = (vec![b'A'; 400 * 1024], KeySet::from(cases[0].key.clone()));
    let expect = Expect::new();
    criterion.bench_function("forged 400 KiB", |bencher| {
        bencher.iter(|| assert!(verify(black_box(&forged), &keys, &expect, NOW).is_err()));
    });
}

criterion_group!(jwt, benches);
criterion_main!(jwt);
