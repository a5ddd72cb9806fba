//! The strict profile's verdict on each of the recorded fields, cookies and queries.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hallpass::credential::{Credential, Profile, Request, Scratch};
use serde_json::{Value, json};

#[test]
fn every_verdict_is_the_recorded_one() {
    let file: Value = serde_json::from_str(include_str!("cases/header_strict_cases.json")).unwrap();
    let profile = Profile::strict().cookie("flipt_client_token").unwrap();
    let profile = profile.query("client_key").unwrap();
    let mut wrong = Vec::new();
    let cases = file["cases"].as_array().unwrap();
    for case in cases {
        let values: Vec<Vec<u8>> = case["values_b64"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| STANDARD.decode(value.as_str().unwrap()).unwrap())
            .collect();
        let got = verdict(&profile, case["kind"].as_str().unwrap(), &values);
        if got != case["expect"] {
            wrong.push(format!("{} {}: {got}", case["id"], case["name"]));
        }
    }
    assert!(wrong.is_empty() && cases.len() > 30, "{}", wrong.join("\n"));
}

fn verdict(profile: &Profile, kind: &str, values: &[Vec<u8>]) -> Value {
    let headers: Vec<(&str, &[u8])> = match kind {
        "query" => Vec::new(),
        name => values.iter().map(|value| (name, &value[..])).collect(),
    };
    let mut request = Request::new(&headers);
    if kind == "query" {
        request = request.query(&values[0]);
    }
    let mut scratch = Scratch::new();
    let text = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap();
    match profile.find(&request, &mut scratch) {
        Ok(Credential::Token { text: token, .. }) if kind == "cookie" => {
            json!({ "cookie": text(token) })
        }
        Ok(Credential::Token {
            text: token,
            scheme,
            ..
        }) => {
            json!({ scheme.name().to_lowercase(): text(token) })
        }
        Ok(Credential::Pair {
            id, secret, scheme, ..
        }) => {
            json!({ scheme.name().to_lowercase(): [text(id), text(secret)] })
        }
        Ok(_) => panic!("another kind of credential"),
        Err(_) => json!("reject"),
    }
}
