//! The well-known parsers, and that they read a credential as the strict profile did: shared by
//! tests and the fuzzer. Each check panics if they do not, and tells whether there was one to read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hallpass::credential::{Credential, Profile, Request, Scheme, Scratch};
use headers::authorization::{Authorization, Basic, Bearer};
use headers::{Cookie, Header};
use http::HeaderValue;

const COOKIE: &str = "t";
const PARAMETER: &str = "k";

static PROFILE: LazyLock<Profile> = LazyLock::new(|| {
    let named = Profile::strict()
        .cookie(COOKIE)
        .and_then(|p| p.query(PARAMETER));
    named.expect("these are names")
});

#[derive(Debug, PartialEq)]
enum Read {
    Token(String),
    Pair(String, String),
}

fn strict(headers: &[(&str, &[u8])], query: &[u8]) -> Option<(Read, Scheme)> {
    let request = Request::new(headers).query(query);
    let mut scratch = Scratch::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("credentials are UTF-8");
    match PROFILE.find(&request, &mut scratch).ok()? {
        Credential::Token {
            text: token,
            scheme,
            ..
        } => Some((Read::Token(text(token)), scheme)),
        Credential::Pair {
            id, secret, scheme, ..
        } => Some((Read::Pair(text(id), text(secret)), scheme)),
        _ => None,
    }
}

/// As a server hands a field to its application: without the white space around it.
fn typed<T: Header>(value: &[u8]) -> Option<T> {
    let value = HeaderValue::from_bytes(trim(value)).ok()?;
    T::decode(&mut std::iter::once(&value)).ok()
}

fn trim(value: &[u8]) -> &[u8] {
    let is_space = |b: &u8| matches!(b, b' ' | b'\t');
    let start = value.iter().position(|b| !is_space(b));
    let end = value.iter().rposition(|b| !is_space(b));
    start
        .zip(end)
        .map_or(b"", |(start, end)| &value[start..=end])
}

/// A value of `Authorization`.
pub(crate) fn check_authorization(value: &[u8]) -> bool {
    let Some((read, scheme)) = strict(&[("authorization", value)], b"") else {
        return false;
    };
    match (read, scheme) {
        (Read::Token(text), Scheme::Bearer) => {
            let peer = typed::<Authorization<Bearer>>(value);
            assert_eq!(peer.as_ref().map(|a| a.0.token()), Some(&*text));
        }
        (Read::Pair(id, secret), Scheme::Basic) => {
            let peer = typed::<Authorization<Basic>>(value).expect("refused by the peer");
            assert_eq!((peer.0.username(), peer.0.password()), (&*id, &*secret));
            let encoded = trim(value).rsplit(|&b| b == b' ').next();
            let again = STANDARD.encode(format!("{id}:{secret}"));
            assert_eq!(Some(again.as_bytes()), encoded);
        }
        _ => {}
    }
    true
}

/// A line of `Cookie`.
pub(crate) fn check_cookie(line: &[u8]) -> bool {
    let Some((Read::Token(text), _)) = strict(&[("cookie", line)], b"") else {
        return false;
    };
    let unquoted = |value: &str| {
        let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        inner.unwrap_or(value).to_owned()
    };
    // `headers` lets quotes hide separators, and sees nothing in a line with octets beyond ASCII,
    // which other cookies may hold; it never sees another one.
    let peer = typed::<Cookie>(line).expect("refused by the peer");
    match peer.get(COOKIE) {
        None => assert!(line.contains(&b'"') || !line.is_ascii()),
        Some(value) => assert_eq!(unquoted(value), text),
    }
    let line = String::from_utf8_lossy(line);
    let all: Vec<String> = cookie::Cookie::split_parse(&*line)
        .filter_map(Result::ok)
        .filter(|cookie| cookie.name() == COOKIE)
        .map(|cookie| cookie.value_trimmed().to_owned())
        .collect();
    assert_eq!(all, [text]);
    true
}

/// A query, with its question mark or without.
pub(crate) fn check_query(query: &[u8]) -> bool {
    let Some((Read::Token(text), _)) = strict(&[], query) else {
        return false;
    };
    let bare = query.strip_prefix(b"?").unwrap_or(query);
    let all: Vec<_> = form_urlencoded::parse(bare)
        .filter(|(name, _)| name == PARAMETER)
        .map(|(_, value)| value.into_owned())
        .collect();
    assert_eq!(all.len(), 1);
    let (scheme, token) = all[0].split_at("Bearer".len());
    assert!(scheme.eq_ignore_ascii_case("bearer"));
    assert_eq!(token.trim_start_matches(' '), text);
    true
}
