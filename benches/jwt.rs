//! JWTs: the full check against `jsonwebtoken::decode`, and a store's fast path and memory against
//! the digest of the text, which is the least they can cost. All in one run.
//!
//! `TOKENS` says how many JWTs the store of the fast path holds; without it a million, or 2,000 when
//! run with `--test`.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that fails should stop"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use hallpass::jwt::{
    Algorithm, ClaimsMapping, Expect, ForeignIssuer, ForeignIssuers, KeySet, NewClaims, SigningKey,
    VerifyingKey, embedded_id, verify,
};
use hallpass::{Inactive, Issued, NewToken, Options, TokenId};
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

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

/// Texts looked at in turn: enough that their lines of the table are not all in the cache.
const TEXTS: usize = 4096;

fn tokens() -> usize {
    let default = if std::env::args().any(|arg| arg == "--test") {
        2_000
    } else {
        1_000_000
    };
    let asked = std::env::var("TOKENS").ok();
    asked.map_or(default, |tokens| tokens.parse().unwrap())
}

/// A token that was issued by the store: digest and one look at the table, whatever signed it.
fn fast_path(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new().jwt_issuer("https://issuer.example");
    let store = options.open(dir.path()).unwrap();
    // The cheapest to sign; the fast path does not look.
    store.generate_signing_key(Algorithm::Hs256).unwrap();
    let tokens = tokens();
    let new = |n: usize| {
        NewToken::jwt(format!("client-{:03}", n % 1000)).lifetime(Duration::from_secs(7 * 86_400))
    };
    let (mut texts, mut seen) = (Vec::new(), 0);
    let keep = |issued: Issued| {
        if seen % (tokens / TEXTS).max(1) == 0 {
            texts.push(issued.secret.expose().to_owned());
        }
        seen += 1;
    };
    store.issue_many((0..tokens).map(new), keep).unwrap();
    // In a row: a server has just read the text that it validates, so it costs nobody a miss.
    let row = texts.concat();
    let texts: Vec<&str> = row
        .as_bytes()
        .chunks(texts[0].len())
        .map(|text| std::str::from_utf8(text).unwrap())
        .collect();
    let validator = store.validator();
    let mut group = criterion.benchmark_group(format!("store/{tokens} tokens"));
    group.throughput(criterion::Throughput::Elements(1));
    let secret_block = Sha256::new_with_prefix([7; 64]);
    let mut turn = texts.iter().cycle();
    group.bench_function(
        "floor: SHA-256 of the text behind a secret block",
        |bencher| {
            bencher.iter(|| {
                let text = black_box(turn.next().unwrap());
                black_box(secret_block.clone().chain_update(text).finalize())
            });
        },
    );
    let key = [7; 32];
    let mut turn = texts.iter().cycle();
    group.bench_function("keyed BLAKE3 of the text", |bencher| {
        bencher.iter(|| {
            black_box(blake3::keyed_hash(
                &key,
                black_box(turn.next().unwrap().as_bytes()),
            ))
        });
    });
    let mut turn = texts.iter().cycle();
    group.bench_function("fast path", |bencher| {
        bencher.iter(|| assert!(validator.validate(black_box(turn.next().unwrap())).is_ok()));
    });
    group.bench_function("fast path, one text", |bencher| {
        bencher.iter(|| assert!(validator.validate(black_box(texts[0])).is_ok()));
    });
    let mut tampered = texts[0].to_owned();
    tampered.replace_range(tampered.len() - 9..tampered.len() - 6, "AAA");
    group.bench_function("miss: tampered signature", |bencher| {
        bencher.iter(|| {
            let no = validator.validate(black_box(&tampered)).unwrap_err();
            assert_eq!(no, Inactive::Signature);
        });
    });
    group.finish();
}

/// A token of another issuer: verified each time, or remembered.
fn foreign(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("foreign");
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        for (what, entries) in [("verified each time", 0), ("remembered", 1 << 16)] {
            let dir = tempfile::tempdir().unwrap();
            let key = SigningKey::generate(algorithm).unwrap();
            let issuer = ForeignIssuer::new(
                Arc::new(KeySet::from(key.verifying_key().clone())),
                Expect::new().issuer("https://other.example"),
                ClaimsMapping::client_from("/sub"),
            );
            let store = Options::new()
                .foreign_issuers(ForeignIssuers::new(vec![issuer]).unwrap())
                .foreign_memo_entries(entries)
                .open(dir.path())
                .unwrap();
            let texts: Vec<String> = (0..TEXTS)
                .map(|n| {
                    let id = TokenId::from_u64(n as u64 + 1).unwrap();
                    let claims = NewClaims::new(id, "client-1", NOW, 4_000_000_000);
                    key.sign(&claims.issuer("https://other.example")).unwrap()
                })
                .collect();
            let validator = store.validator();
            if entries > 0 {
                // What is measured is a hit; the first look at each token is none.
                for text in &texts {
                    assert!(validator.validate_foreign(text).is_ok());
                }
            }
            let mut turn = texts.iter().cycle();
            group.bench_function(format!("{algorithm}, {what}"), |bencher| {
                bencher.iter(|| {
                    let active = validator.validate_foreign(black_box(turn.next().unwrap()));
                    assert_eq!(active.unwrap().client_id(), "client-1");
                });
            });
        }
    }
    group.finish();
}

criterion_group!(jwt, benches, fast_path, foreign);
criterion_main!(jwt);
