//! Promise: `hallpass jwt verify` answers every line, in order, and its exit status tells the rest.
#![cfg(all(feature = "jwt", feature = "cli"))]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use hallpass::jwt::{Algorithm, KeySet, NewClaims, SigningKey};
use serde_json::{Value, json};

fn run(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hallpass"))
        .args(["jwt", "verify"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A run that fails early closes its input first.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn key_and_token() -> (SigningKey, String) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let claims = NewClaims::new("0123456789A".parse().unwrap(), "c", 100, 200).audience("api");
    let token = key.sign(&claims).unwrap();
    (key, token)
}

#[test]
fn a_batch_answers_every_line_and_goes_on_after_a_bad_one() {
    let (key, token) = key_and_token();
    let jwk: Value = serde_json::from_str(&key.verifying_key().to_jwk().unwrap()).unwrap();
    let jwks = json!({"keys": [jwk]});
    let good = json!({"id": 1, "jwk": jwk, "alg": null, "token": token, "now": 150, "aud": "api"});
    let with = |changes: Value| {
        let mut case = good.clone();
        case.as_object_mut()
            .unwrap()
            .append(&mut changes.as_object().unwrap().clone());
        case.to_string()
    };
    let long = format!("\"{}\"", "x".repeat(300_000));
    let input = [
        good.to_string(),
        with(json!({"id": "b", "now": 200})),
        "not json".to_owned(),
        String::new(),
        with(json!({"id": [2], "jwk": null, "jwks": jwks, "typ": "at+jwt", "leeway": 60, "now": 259})),
        long,
        with(json!({"alg": "ES384"})),
        with(json!({"alg": "none"})),
        with(json!({"token": {"payload": "", "signatures": []}})),
        with(json!({"jwk": null})),
        with(json!({"aud": ["x", "y"]})),
        with(json!({"iss": "x"})),
        with(json!({"now": "soon"})),
        with(json!({"now": -1})),
        with(json!({"now": 1e30, "leeway": 0})),
    ]
    .join("\n");
    let output = run(&["--batch"], input.as_bytes());
    let no = |id: Value, code: &str| json!({"id": id, "valid": false, "code": code});
    let bad = |line: u64, error: &str| json!({"line": line, "error": error});
    let expected = [
        json!({"id": 1, "valid": true, "code": null}),
        no(json!("b"), "token.expired.jwt"),
        bad(3, "not a JSON object"),
        json!({"id": [2], "valid": true, "code": null}),
        bad(6, "longer than 262144 bytes"),
        no(json!(1), "config.invalid"),
        no(json!(1), "config.invalid"),
        no(json!(1), "token.format"),
        no(json!(1), "config.invalid"),
        no(json!(1), "token.audience"),
        no(json!(1), "token.fields_missing"),
        bad(13, "now is not a number"),
        no(json!(1), "token.not_yet_valid"),
        no(json!(1), "token.expired.jwt"),
    ];
    assert_eq!(lines(&output), expected);
    assert_eq!(output.status.code(), Some(1), "a line was no case");
    let all_read = [good.to_string(), with(json!({"now": 200}))].join("\n");
    let output = run(&["--batch"], all_read.as_bytes());
    assert_eq!(output.status.code(), Some(0), "whatever the answers");
}

#[test]
fn one_token_is_active_inactive_or_the_run_has_failed() {
    let (key, token) = key_and_token();
    let path = std::env::temp_dir().join(format!("hallpass-jwks-{}.json", std::process::id()));
    let keys = KeySet::from(key.verifying_key().clone());
    std::fs::write(&path, keys.to_jwks()).unwrap();
    let file = path.to_str().unwrap();
    let with = |more: &[&str], token: &str| {
        let output = run(&[&["--jwks", file][..], more].concat(), token.as_bytes());
        (
            output.status.code(),
            lines(&output).first().map(|line| line["code"].clone()),
        )
    };
    let line = format!("{token}\n");
    assert_eq!(
        with(&["--now", "150", "--aud", "api"], &line),
        (Some(0), Some(Value::Null))
    );
    assert_eq!(
        with(&["--now", "150", "--aud", "other"], &token),
        (Some(1), Some(json!("token.audience")))
    );
    assert_eq!(
        with(&["--jws", "--alg", "ES256"], &token),
        (Some(0), Some(Value::Null))
    );
    assert_eq!(with(&["--alg", "EdDSA"], &token), (Some(2), None));
    assert_eq!(with(&["--alg", "nothing"], &token), (Some(2), None));
    assert_eq!(with(&["--now", "x"], &token), (Some(2), None));
    std::fs::write(&path, "{}").unwrap();
    assert_eq!(with(&[], &token), (Some(2), None));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(with(&[], &token), (Some(2), None));
}
