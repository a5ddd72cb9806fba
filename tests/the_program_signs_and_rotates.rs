//! The program's signing keys: made, rotated, listed, exported, retired; what they sign is revocable.

mod program;

use std::fs;

use hallpass::jwt::{Algorithm, SigningKey};
use program::{issue, json, on, run, run_with};

#[test]
fn a_key_signs_verifies_after_rotation_and_dies_with_what_it_signed() {
    let dir = tempfile::tempdir().unwrap();
    let store = &dir.path().join("store");
    let (code, none) = json(store, "jwt issue --client c --lifetime 1h", "");
    assert_eq!(
        (code, &none["error"]["code"]),
        (2, &"store.not_found".into())
    );
    let (code, old) = json(store, "jwt keygen --alg eddsa", "");
    assert_eq!((code, &old["state"]), (0, &"signing".into()));
    let line = "jwt issue --client c --lifetime 1h --issuer i --audience api --metadata a=b";
    let (code, token) = json(store, line, "");
    assert_eq!((code, &token["kind"]), (0, &"jwt".into()));
    let text = token["secret"].as_str().unwrap();
    let validate = |expected: i32| {
        let ran = run_with(on(store, "validate -"), text);
        assert_eq!(ran.code, expected, "{ran:?}");
    };
    validate(0);

    let (code, new) = json(store, "jwt rotate --alg EdDSA", "");
    assert_eq!(code, 0);
    validate(0);
    let jwks = run(on(store, "jwt jwks")).stdout;
    for key in [&old, &new] {
        assert!(jwks.contains(key["kid"].as_str().unwrap()));
    }
    let file = dir.path().join("jwks.json");
    fs::write(&file, &jwks).unwrap();
    let file = file.to_str().unwrap();
    let verify = [
        "jwt", "verify", "--jwks", file, "--iss", "i", "--aud", "api",
    ];
    assert_eq!(run_with(verify, text).code, 0);
    let keys = run(on(store, "jwt keys")).stdout;
    assert!(
        keys.contains("verifying") && keys.contains("signing"),
        "{keys}"
    );

    let (_, opaque) = issue(store, "--lifetime 1h");
    let retire = format!("jwt retire --kid {}", old["kid"].as_str().unwrap());
    assert_eq!(run(on(store, &retire)).code, 0);
    validate(1);
    assert_eq!(run_with(on(store, "validate -"), &opaque).code, 0);
    let (code, unknown) = json(store, "jwt retire --kid nobody", "");
    assert_eq!(
        (code, &unknown["error"]["code"]),
        (1, &"key.unknown".into())
    );
    let (code, none) = json(store, "jwt issue --client c --lifetime 1h --alg hs256", "");
    assert_eq!((code, &none["error"]["code"]), (1, &"key.none".into()));
    assert_eq!(run(on(store, "verify")).code, 0);
}

#[test]
fn a_key_from_a_file_signs_and_no_output_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = &dir.path().join("store");
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let kid = key.kid().to_owned();
    let pem = key.into_pem().unwrap();
    let ran = run_with(on(store, "jwt keygen --pem-file -"), pem.expose());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains(&kid));
    let line = pem.expose().lines().nth(1).unwrap();
    assert!(!ran.stdout.contains(&line[..20]) && !ran.stderr.contains(&line[..20]));
    let again = run_with(on(store, "jwt keygen --pem-file -"), pem.expose());
    assert_eq!(again.code, 1, "{again:?}");
    let garbage = run_with(on(store, "jwt keygen --pem-file -"), "garbage-canary");
    assert_eq!(garbage.code, 1, "{garbage:?}");
    assert!(!garbage.stderr.contains("canary"));
}
