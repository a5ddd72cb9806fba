//! Each profile does with a request what its system does: all recorded cases, but for the listed
//! differences. A difference that no longer differs fails too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use hallpass::credential::{Explanation, Profile, Request, Scratch, Transport};
use serde_json::Value;

/// The recorded clock is any instant of 2026.
const NOW: u64 = 1_780_000_000;

/// `(case, how our answer starts, why)`: none among the recorded cases. Those that the rustdoc of
/// the profiles names are in `profiles_refuse_where_their_systems_guess.rs`.
const DIFFERENCES: &[(&str, &str, &str)] = &[];

#[test]
fn every_system_is_reproduced_by_its_profile() {
    let mut seen = Vec::new();
    let mut wrong = Vec::new();
    for case in cases() {
        let profile = match text(&case["system"]) {
            "flipt_token" => Profile::flipt(),
            "flipt_jwt" => Profile::flipt_jwt(),
            "frontier" => Profile::frontier(),
            "frappe" => Profile::frappe(),
            "wispr" if text(&case["endpoint"]).starts_with("/client") => Profile::wispr_client(),
            "wispr" => Profile::wispr(),
            "rfc" => strict(),
            system => panic!("a system without a profile: {system}"),
        };
        let id = text(&case["id"]).to_owned();
        let (want, got) = compare(&profile, &case, &case["expect"]);
        match DIFFERENCES.iter().find(|(listed, ..)| *listed == id) {
            Some((_, ours, _)) if got == want || !got.starts_with(ours) => {
                wrong.push(format!(
                    "{id}: listed as {ours}\n  want {want}\n  got  {got}"
                ));
            }
            None if got != want => wrong.push(format!("{id}:\n  want {want}\n  got  {got}")),
            _ => {}
        }
        seen.push(id);
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        seen.len(),
        wrong.join("\n")
    );
    for (listed, ..) in DIFFERENCES {
        assert!(seen.iter().any(|id| id == listed), "{listed} is no case");
    }
}

#[test]
fn the_strict_profile_reads_as_the_rfcs_do() {
    let mut wrong = Vec::new();
    let mut n = 0;
    for case in cases().iter().filter(|case| case["rfc_expect"].is_object()) {
        let (want, got) = compare(&strict(), case, &case["rfc_expect"]);
        if want != got {
            wrong.push(format!("{}:\n  want {want}\n  got  {got}", case["id"]));
        }
        n += 1;
    }
    assert!(wrong.is_empty() && n > 10, "of {n}:\n{}", wrong.join("\n"));
}

/// What a case can expect, and what we answer, as one line each; a field that the case does not
/// name is left out of both.
fn compare(profile: &Profile, case: &Value, expect: &Value) -> (String, String) {
    let headers: Vec<(Vec<u8>, Vec<u8>)> = case["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| (octets(text(&field[0])), octets(text(&field[1]))))
        .collect();
    let query = case["query"].as_str().map(octets);
    let transport = match text(&case["transport"]) {
        "http1" => Transport::Http,
        "grpc" => Transport::Grpc,
        "websocket" => Transport::WebSocket,
        other => panic!("{other}"),
    };
    let mut request = Request::new(&headers).transport(transport).at(NOW);
    if let Some(query) = &query {
        request = request.query(query);
    }
    let mut scratch = Scratch::new();
    let told = profile.explain(&request, &mut scratch);
    let mut again = Scratch::new();
    let found = profile.find(&request, &mut again);
    assert_eq!(found.err(), told.inactive(), "{}", case["id"]);
    (wanted(expect), shown(&told, expect))
}

fn wanted(expect: &Value) -> String {
    let (outcome, refused) = match text(&expect["outcome"]) {
        "ok" | "unknown" | "expired" | "revoked" | "forbidden" => ("credential", false),
        "transport_error" if expect["http_status"] == 431 => ("too_large", true),
        "transport_error" => ("malformed", true),
        other => (other, true),
    };
    let mut line = outcome.to_owned();
    for name in ["scheme", "token", "client_id", "secret", "via"] {
        if let Some(value) = expect.get(name) {
            line.push_str(&format!(" {name}={:?}", value.as_str()));
        }
    }
    if let Some(status) = expect.get("http_status").filter(|_| refused) {
        line.push_str(&format!(" http_status={status}"));
    }
    line
}

fn shown(told: &Explanation<'_>, expect: &Value) -> String {
    let token = told.token().map(|token| match &*token {
        // Stands in for a sealed cookie: opening it is the application's.
        "VALIDSECURECOOKIE" => "0b6f1f52-2c0f-4a55-9a57-0b0f5c1f7c11".into(),
        _ => token,
    });
    // What a JWT claims, which nobody has verified: the cases have it of good JWTs only.
    let unverified = token.is_some() && expect["client_id"].is_null();
    let client = told.client_id().filter(|_| !unverified);
    let mut line = told.outcome().name().to_owned();
    for (name, value) in [
        ("scheme", told.scheme().as_deref()),
        ("token", token.as_deref()),
        ("client_id", client),
        ("secret", told.secret()),
        ("via", told.source()),
    ] {
        if expect.get(name).is_some() {
            line.push_str(&format!(" {name}={value:?}"));
        }
    }
    if let Some(status) = told
        .http_status()
        .filter(|_| !expect["http_status"].is_null())
    {
        line.push_str(&format!(" http_status={status}"));
    }
    line
}

fn strict() -> Profile {
    let profile = Profile::strict().cookie("flipt_client_token").unwrap();
    profile.query("client_key").unwrap()
}

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("cases/header_cases.json")).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// One character of a case file is one octet.
fn octets(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect()
}
