//! Promise: another implementation reads what we sign, and we read what it signs.
//!
//! The peer is joserfc (Python). `HALLPASS_PEER_PYTHON` names an interpreter that has it, else
//! `python3` is asked. Without it the test is skipped and says so, unless `HALLPASS_PEER=required`.
#![cfg(feature = "jwt")]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

use std::io::Write;
use std::process::{Command, Stdio};

use hallpass::jwt::{Algorithm, Expect, KeySet, NewClaims, SigningKey, VerifyingKey, verify};
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000;

fn python() -> Option<String> {
    let python = std::env::var("HALLPASS_PEER_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let asked = Command::new(&python)
        .args(["-c", "import joserfc"])
        .output();
    if asked.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    let required = std::env::var("HALLPASS_PEER").is_ok_and(|value| value == "required");
    assert!(
        !required,
        "HALLPASS_PEER=required, but {python} has no joserfc"
    );
    eprintln!("SKIPPED: {python} has no joserfc; set HALLPASS_PEER_PYTHON to one that has");
    None
}

fn ask(python: &str, request: &Value) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/jose_peer.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(request.to_string().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the peer failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_peer_and_we_read_each_other() {
    let Some(python) = python() else { return };
    let mut signed = Vec::new();
    for algorithm in [Algorithm::Hs256, Algorithm::Es256, Algorithm::EdDsa] {
        let key = SigningKey::generate(algorithm).unwrap();
        let claims = NewClaims::new("0123456789A".parse().unwrap(), "c\"é", NOW, NOW + 60)
            .issuer("https://issuer.example")
            .claim("nested", json!({"a": [1, 2.5, null]}));
        let (token, kid) = (key.sign(&claims).unwrap(), key.kid().to_owned());
        let public = key.verifying_key().to_jwk();
        let jwk = public.unwrap_or_else(|| key.into_private_jwk().expose().to_owned());
        let jwk: Value = serde_json::from_str(&jwk).unwrap();
        signed.push(json!({"jwk": jwk, "token": token, "kid": kid}));
    }
    let answer = ask(&python, &json!({"signed": signed, "now": NOW}));

    for (ours, read) in signed.iter().zip(answer["read"].as_array().unwrap()) {
        assert_eq!(read["header"]["typ"], "at+jwt");
        assert_eq!(read["claims"]["jti"], "0123456789A");
        assert_eq!(read["claims"]["client_id"], "c\"é");
        assert_eq!(read["claims"]["nested"], json!({"a": [1, 2.5, null]}));
        if ours["jwk"]["kty"] != "oct" {
            assert_eq!(read["kid"], ours["kid"], "thumbprint");
        }
    }
    let written = answer["written"].as_array().unwrap();
    assert_eq!(written.len(), Algorithm::ALL.len());
    for theirs in written {
        let algorithm = Algorithm::from_name(theirs["alg"].as_str().unwrap());
        let key = VerifyingKey::from_jwk(theirs["jwk"].to_string().as_bytes(), algorithm).unwrap();
        if !key.is_secret() {
            assert_eq!(key.thumbprint().as_deref(), theirs["kid"].as_str());
        }
        let keys = KeySet::from(key.with_kid(theirs["kid"].as_str().unwrap()).unwrap());
        let expect = Expect::new().typ("at+jwt").audience("api").client("c");
        let token = theirs["token"].as_str().unwrap().as_bytes();
        let verified = verify(token, &keys, &expect, NOW).unwrap();
        assert_eq!(verified.extra()["name"], "é\0");
        assert!(verify(token, &keys, &expect, NOW + 60).is_err());
    }
}
