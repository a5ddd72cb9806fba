//! The program's keys of clients: made, taken in, listed, revoked; what they sign proves who it is.

mod program;

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use hallpass::jwt::{Algorithm, SigningKey};
use program::{issue, json, on, run, run_with};
use serde_json::{Value, json as value};

const AUD: &str = "https://issuer.example/token";

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

fn assertion(key: &SigningKey, client: &str) -> String {
    let claims = value!({ "iss": client, "sub": client, "aud": AUD, "exp": now() + 300 });
    key.sign_payload("JWT", claims.to_string().as_bytes())
        .unwrap()
}

fn verify(store: &Path, text: &str) -> (i32, Value) {
    json(
        store,
        &format!("jwt client verify - --audience {AUD}"),
        text,
    )
}

#[test]
fn a_key_pair_is_made_shown_once_and_revoked() {
    for alg in ["EdDSA", "ES256"] {
        let dir = tempfile::tempdir().unwrap();
        let store = &dir.path().join("store");
        let (code, none) = json(store, "jwt client keygen --client robot", "");
        assert_eq!(
            (code, &none["error"]["code"]),
            (2, &"store.not_found".into())
        );
        issue(store, "--lifetime 1h");
        let line = format!("jwt client keygen --client robot --alg {alg}");
        let (code, made) = json(store, &line, "");
        assert_eq!((code, &made["client_id"]), (0, &"robot".into()));
        assert_eq!(made["algorithm"], alg);
        let key = SigningKey::from_pem(made["pem"].as_str().unwrap()).unwrap();
        assert_eq!(made["kid"], key.kid());
        let jwk: Value = serde_json::from_str(made["jwk"].as_str().unwrap()).unwrap();
        assert_eq!(jwk["kid"], key.kid());

        let text = assertion(&key, "robot");
        let (code, proof) = verify(store, &text);
        assert_eq!((code, &proof["client_id"]), (0, &"robot".into()), "{proof}");
        assert_eq!(proof["kid"], key.kid());
        assert!(
            run_with(
                on(store, &format!("jwt client verify - --audience {AUD}")),
                &text
            )
            .stdout
            .starts_with("active\n")
        );
        let (code, no) = json(store, "jwt client verify - --audience elsewhere", &text);
        assert_eq!((code, &no["code"]), (1, &"token.audience".into()));
        let (code, no) = verify(store, &assertion(&key, "acme"));
        assert_eq!((code, &no["code"]), (1, &"token.issuer".into()));

        // The private part is in no later output, and the key is none of the store's own.
        let keys = run(on(store, "jwt client keys --client robot --json"));
        let listed: Value = serde_json::from_str(&keys.stdout).unwrap();
        assert_eq!(
            (&listed["kid"], &listed["client_id"]),
            (&made["kid"], &"robot".into())
        );
        let secret = jwk["d"].as_str().unwrap();
        for line in [
            "jwt client keys --client robot",
            "jwt keys",
            "jwt jwks",
            "list",
        ] {
            let ran = run(on(store, line));
            assert_eq!(ran.code, 0, "{ran:?}");
            assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret));
            let shows = ran.stdout.contains(key.kid());
            assert_eq!(shows, line.contains("client"), "{ran:?}");
        }
        assert_eq!(run(on(store, "jwt client keys --client acme")).code, 0);

        let line = format!("jwt client revoke --kid {}", key.kid());
        let (code, told) = json(store, &line, "");
        assert_eq!((code, &told["outcome"]), (0, &"revoked".into()));
        let (code, no) = verify(store, &text);
        assert_eq!((code, &no["code"]), (1, &"token.unknown_key".into()));
        let (code, unknown) = json(store, &line, "");
        assert_eq!(
            (code, &unknown["error"]["code"]),
            (1, &"key.unknown".into())
        );
        assert_eq!(run(on(store, "verify")).code, 0);
    }
}

#[test]
fn people_get_the_private_key_in_the_form_they_ask_for() {
    let dir = tempfile::tempdir().unwrap();
    let store = &dir.path().join("store");
    issue(store, "--lifetime 1h");
    let pem = run(on(store, "jwt client keygen --client a")).stdout;
    let at = pem.find("-----BEGIN PRIVATE KEY-----").unwrap();
    SigningKey::from_pem(&pem[at..]).unwrap();
    let jwk = run(on(store, "jwt client keygen --client a --form jwk")).stdout;
    let jwk: Value = serde_json::from_str(jwk.lines().last().unwrap()).unwrap();
    assert!(jwk["d"].is_string());
    let shared = run(on(store, "jwt client keygen --client a --alg HS256"));
    assert_eq!(
        shared.code, 1,
        "a secret that both sides know is no key pair"
    );
    assert_eq!(run(on(store, "disable --client a")).code, 0);
    assert_eq!(run(on(store, "jwt client keygen --client a")).code, 1);
}

#[test]
fn a_clients_own_public_key_is_taken_in_by_pem_or_jwk() {
    let dir = tempfile::tempdir().unwrap();
    let store = &dir.path().join("store");
    issue(store, "--lifetime 1h");
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let jwk = key.verifying_key().to_jwk().unwrap();
    let file = dir.path().join("key.jwk");
    fs::write(&file, &jwk).unwrap();
    let line = format!("jwt client import --client b --jwk-file {}", file.display());
    let (code, info) = json(store, &line, "");
    assert_eq!((code, &info["kid"]), (0, &key.kid().into()), "{info}");
    assert_eq!(verify(store, &assertion(&key, "b")).0, 0);
    let (code, again) = json(store, &line, "");
    assert_eq!(
        (code, &again["error"]["code"]),
        (1, &"conflict.exists".into())
    );

    let pem = fs::read_to_string("tests/cases/pem/rsa.spki.pem").unwrap();
    let line = "jwt client import --client b --pem-file - --alg RS256 --kid by-name";
    let (code, info) = json(store, line, &pem);
    assert_eq!((code, &info["kid"]), (0, &"by-name".into()), "{info}");
    let no_alg = run_with(on(store, "jwt client import --client b --pem-file -"), &pem);
    assert_eq!(no_alg.code, 2);
    for (line, input) in [
        ("--pem-file - --alg ES256", &pem[..]),
        ("--pem-file - --alg none", &pem),
        ("--pem-file - --alg RS256", "garbage-canary"),
        ("--jwk-file -", "garbage-canary"),
        (
            "--jwk-file -",
            r#"{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","alg":"HS256"}"#,
        ),
    ] {
        let ran = run_with(
            on(store, &format!("jwt client import --client b {line}")),
            input,
        );
        assert_eq!(ran.code, 1, "{line}: {ran:?}");
        assert!(!ran.stderr.contains("canary"));
    }
}
