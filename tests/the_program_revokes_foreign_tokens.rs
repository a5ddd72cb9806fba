//! The program's word on tokens of other issuers: one revoked by its `jti`, a client's by epoch.

mod program;

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use hallpass::jwt::{Algorithm, SigningKey};
use program::{issue, json, on, run, run_with};
use serde_json::{Value, json as value};

const ISS: &str = "https://other.example";

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

fn token(key: &SigningKey, client: &str, jti: &str, iat: u64) -> String {
    let claims = value!({ "iss": ISS, "sub": client, "jti": jti, "iat": iat, "exp": now() + 300 });
    key.sign_payload("JWT", claims.to_string().as_bytes())
        .unwrap()
}

fn validate(store: &Path, jwks: &Path, text: &str) -> (i32, Value) {
    let line = format!(
        "jwt foreign validate - --iss {ISS} --jwks {}",
        jwks.display()
    );
    json(store, &line, text)
}

#[test]
fn a_foreign_token_is_active_until_it_or_its_client_is_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let store = &dir.path().join("store");
    issue(store, "--lifetime 1h");
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let jwks = &dir.path().join("jwks.json");
    let jwk = key.verifying_key().to_jwk().unwrap();
    fs::write(jwks, format!(r#"{{"keys":[{jwk}]}}"#)).unwrap();

    let (one, two) = (
        token(&key, "alice", "1", now()),
        token(&key, "alice", "2", now()),
    );
    let (code, told) = validate(store, jwks, &one);
    assert_eq!(
        (code, &told["client_id"], &told["jti"]),
        (0, &"alice".into(), &"1".into())
    );

    let line = format!(
        "jwt foreign revoke --iss {ISS} --jti 1 --exp {}",
        now() + 300
    );
    let (code, told) = json(store, &line, "");
    assert_eq!((code, &told["outcome"]), (0, &"revoked".into()));
    let (code, told) = json(store, &line, "");
    assert_eq!((code, &told["outcome"]), (0, &"already_revoked".into()));
    let (code, told) = validate(store, jwks, &one);
    assert_eq!((code, &told["code"]), (1, &"token.revoked".into()));
    assert_eq!(validate(store, jwks, &two).0, 0);

    let (code, told) = json(store, "jwt foreign revoke-all --client alice", "");
    assert_eq!((code, &told["client_id"]), (0, &"alice".into()));
    let (code, told) = validate(store, jwks, &two);
    assert_eq!((code, &told["code"]), (1, &"token.revoked".into()));
    assert_eq!(validate(store, jwks, &token(&key, "bob", "3", now())).0, 0);

    let stranger = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let (code, told) = validate(store, jwks, &token(&stranger, "bob", "4", now()));
    assert_eq!((code, &told["code"]), (1, &"token.unknown_key".into()));
    fs::write(jwks, r#"{"keys":[{"kty":"oct"}]}"#).unwrap();
    let (code, told) = validate(store, jwks, &two);
    assert_eq!(
        (code, &told["error"]["code"]),
        (1, &"config.invalid".into())
    );
    assert_eq!(run(on(store, "verify")).code, 0);
}

#[test]
fn a_pem_of_the_issuer_will_do_for_one_algorithm() {
    let dir = tempfile::tempdir().unwrap();
    let store = &dir.path().join("store");
    issue(store, "--lifetime 1h");
    let key = fs::read_to_string("tests/cases/pem/ed.key").unwrap();
    let key = SigningKey::from_pem(&key).unwrap();
    let text = token(&key, "alice", "1", now());
    let pem = "--pem tests/cases/pem/ed.pem";
    let validate = format!("jwt foreign validate - --iss {ISS} {pem}");
    let (code, told) = json(store, &format!("{validate} --alg EdDSA"), &text);
    assert_eq!((code, &told["client_id"]), (0, &"alice".into()), "{told}");
    let (code, told) = json(store, &format!("{validate} --alg ES256"), &text);
    assert_eq!(
        (code, &told["error"]["code"]),
        (1, &"config.invalid".into())
    );
    assert_eq!(run(on(store, &validate)).code, 2, "without its algorithm");

    let verify = |alg: &str| {
        let line = format!("jwt verify {pem} --alg {alg}");
        run_with(line.split(' '), &text).code
    };
    assert_eq!((verify("EdDSA"), verify("RS256")), (0, 2));
}
