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

mod peers;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use peers::{check_authorization, check_cookie, check_query};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

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
    let name = prop_oneof![3 => Just("t".to_owned()), 2 => "[a-z$ =]{0,4}"];
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
    let name = prop_oneof![4 => Just("k"), 1 => Just("%6b"), 2 => Just("kk"), 1 => Just("?k")];
    let start =
        prop_oneof![5 => Just("Bearer%20"), 1 => Just("Bearer+"), 1 => Just("bearer%20%20")];
    let text = prop_oneof![6 => "[A-Za-z0-9._~-]{1,20}", 1 => "[a-z]{1,4}[+][a-z]{1,4}", 2 => "(%[0-9a-fA-F]{2}|[ -~]){0,6}"];
    let pair = (name, start, text).prop_map(|(name, start, text)| format!("{name}={start}{text}"));
    (prop::bool::weighted(0.1), prop::collection::vec(pair, 0..3))
        .prop_map(|(mark, pairs)| format!("{}{}", if mark { "?" } else { "" }, pairs.join("&")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn authorization_is_read_alike(value in authorization()) {
        check_authorization(value.as_bytes());
    }

    #[test]
    fn any_authorization_is_read_alike(value in "\\PC{0,40}") {
        check_authorization(value.as_bytes());
    }

    #[test]
    fn cookies_are_read_alike(line in cookies()) {
        check_cookie(line.as_bytes());
    }

    #[test]
    fn queries_are_read_alike(query in queries()) {
        check_query(query.as_bytes());
    }
}

#[test]
fn the_generators_hit_and_miss() {
    type Check = fn(&[u8]) -> bool;
    fn accepted(check: Check, texts: impl Strategy<Value = String>) -> usize {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let mut texts = (0..1000).map(|_| texts.new_tree(&mut runner).expect("a text").current());
        (0..1000)
            .filter(|_| check(texts.next().expect("a text").as_bytes()))
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
