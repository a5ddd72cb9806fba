//! Whatever the strict profile accepts, the well-known parsers accept too and read alike: so no
//! proxy in front of a server can see another credential than the server does.
//!
//! The generators stay close to the grammar and leave it often: the last test counts that a good
//! part of what they make is accepted, and a good part refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hallpass::credential::{Credential, Profile, Request, Scheme, Scratch};
use headers::authorization::{Authorization, Basic, Bearer};
use headers::{Cookie, Header};
use http::HeaderValue;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

#[derive(Debug, PartialEq)]
enum Read {
    Token(String),
    Pair(String, String),
}

fn profile() -> Profile {
    let named = Profile::strict()
        .cookie("session")
        .and_then(|p| p.query("key"));
    named.expect("these are names")
}

fn strict(headers: &[(&str, &str)], query: &str) -> Option<(Read, Scheme)> {
    let request = Request::new(headers).query(query);
    let mut scratch = Scratch::new();
    match profile().find(&request, &mut scratch).ok()? {
        Credential::Token { text, scheme, .. } => {
            Some((Read::Token(String::from_utf8(text.to_vec()).ok()?), scheme))
        }
        Credential::Pair {
            id, secret, scheme, ..
        } => {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("a pair is UTF-8");
            Some((Read::Pair(text(id), text(secret)), scheme))
        }
        _ => None,
    }
}

/// As a server hands a field to its application: without the white space around it.
fn typed<T: Header>(value: &str) -> Option<T> {
    let value = HeaderValue::from_str(value.trim_matches([' ', '\t'])).ok()?;
    T::decode(&mut std::iter::once(&value)).ok()
}

fn authorization() -> impl Strategy<Value = String> {
    let scheme = prop_oneof!["[Bb][Ee]arer", "[Bb]asic", "JWT", "token", "[a-z]{1,8}"];
    let space = prop_oneof![4 => Just(" ".to_owned()), 1 => "[ \t]{0,3}"];
    let encoded = "[a-z\u{e9}]{0,9}:[ -~]{0,30}".prop_map(|text| STANDARD.encode(text));
    let text = prop_oneof!["[A-Za-z0-9._~+/-]{1,50}={0,2}", "[ -~\t]{0,20}", encoded];
    (space.clone(), scheme, space.clone(), text, space).prop_map(|(a, scheme, b, text, c)| match a
        .len()
    {
        1 => format!("{scheme}{b}{text}"),
        _ => format!("{a}{scheme}{b}{text}{c}"),
    })
}

fn cookies() -> impl Strategy<Value = String> {
    let name = prop_oneof![3 => Just("session".to_owned()), 2 => "[a-z$ =]{0,4}"];
    let value = prop_oneof![3 => "[!-~]{0,12}", 1 => "\"[a-z]{0,5}\"", 1 => "[ -~\t]{0,12}"];
    let separator = prop_oneof![4 => Just("; "), 1 => Just(";"), 1 => Just(" ;; ")];
    let pair = (
        name,
        prop_oneof![9 => Just("="), 1 => Just("")],
        value,
        separator,
    );
    prop::collection::vec(pair, 0..4).prop_map(|pairs| {
        pairs
            .into_iter()
            .map(|(name, eq, value, end)| format!("{name}{eq}{value}{end}"))
            .collect()
    })
}

fn queries() -> impl Strategy<Value = String> {
    let name = prop_oneof![4 => Just("key"), 1 => Just("%6bey"), 2 => Just("k"), 1 => Just("?key")];
    let start =
        prop_oneof![5 => Just("Bearer%20"), 1 => Just("Bearer+"), 1 => Just("bearer%20%20")];
    let text = prop_oneof![6 => "[A-Za-z0-9._~-]{1,20}", 1 => "[a-z]{1,4}[+][a-z]{1,4}", 2 => "(%[0-9a-fA-F]{2}|[ -~]){0,6}"];
    let pair = (name, start, text).prop_map(|(name, start, text)| format!("{name}={start}{text}"));
    (prop::bool::weighted(0.1), prop::collection::vec(pair, 0..3))
        .prop_map(|(mark, pairs)| format!("{}{}", if mark { "?" } else { "" }, pairs.join("&")))
}

fn check_authorization(value: &str) -> Result<bool, TestCaseError> {
    let Some((read, scheme)) = strict(&[("authorization", value)], "") else {
        return Ok(false);
    };
    match (read, scheme) {
        (Read::Token(text), Scheme::Bearer) => {
            let peer = typed::<Authorization<Bearer>>(value);
            prop_assert_eq!(peer.as_ref().map(|a| a.0.token()), Some(&*text));
        }
        (Read::Pair(id, secret), Scheme::Basic) => {
            let peer = typed::<Authorization<Basic>>(value).expect("refused by the peer");
            prop_assert_eq!((peer.0.username(), peer.0.password()), (&*id, &*secret));
            let encoded = value.trim().rsplit(' ').next().unwrap_or_default();
            prop_assert_eq!(STANDARD.encode(format!("{id}:{secret}")), encoded);
        }
        _ => {}
    }
    Ok(true)
}

fn check_cookie(line: &str) -> Result<bool, TestCaseError> {
    let Some((Read::Token(text), _)) = strict(&[("cookie", line)], "") else {
        return Ok(false);
    };
    let unquoted = |value: &str| {
        let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        inner.unwrap_or(value).to_owned()
    };
    let peer = typed::<Cookie>(line).expect("refused by the peer");
    // `headers` lets quotes hide separators, so that it may see no cookie; never another one.
    match peer.get("session") {
        None => prop_assert!(line.contains('"')),
        Some(value) => prop_assert_eq!(unquoted(value), text.clone()),
    }
    let all: Vec<String> = cookie::Cookie::split_parse(line)
        .filter_map(Result::ok)
        .filter(|cookie| cookie.name() == "session")
        .map(|cookie| cookie.value_trimmed().to_owned())
        .collect();
    prop_assert_eq!(all, [text]);
    Ok(true)
}

fn check_query(query: &str) -> Result<bool, TestCaseError> {
    let Some((Read::Token(text), _)) = strict(&[], query) else {
        return Ok(false);
    };
    let bare = query.strip_prefix('?').unwrap_or(query);
    let all: Vec<_> = form_urlencoded::parse(bare.as_bytes())
        .filter(|(name, _)| name == "key")
        .map(|(_, value)| value.into_owned())
        .collect();
    prop_assert_eq!(all.len(), 1);
    let (scheme, token) = all[0].split_at("Bearer".len());
    prop_assert!(scheme.eq_ignore_ascii_case("bearer"));
    prop_assert_eq!(token.trim_start_matches(' '), text);
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn authorization_is_read_alike(value in authorization()) {
        check_authorization(&value)?;
    }

    #[test]
    fn any_authorization_is_read_alike(value in "\\PC{0,40}") {
        check_authorization(&value)?;
    }

    #[test]
    fn cookies_are_read_alike(line in cookies()) {
        check_cookie(&line)?;
    }

    #[test]
    fn queries_are_read_alike(query in queries()) {
        check_query(&query)?;
    }
}

#[test]
fn the_generators_hit_and_miss() {
    type Check = fn(&str) -> Result<bool, TestCaseError>;
    fn accepted(check: Check, texts: impl Strategy<Value = String>) -> usize {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let mut texts = (0..1000).map(|_| texts.new_tree(&mut runner).expect("a text").current());
        (0..1000)
            .filter(|_| check(&texts.next().expect("a text")).expect("alike"))
            .count()
    }
    for (name, n) in [
        (
            "authorization",
            accepted(check_authorization, authorization()),
        ),
        ("cookie", accepted(check_cookie, cookies())),
        ("query", accepted(check_query, queries())),
    ] {
        assert!((100..900).contains(&n), "{name}: {n} of 1000 are accepted");
    }
}
