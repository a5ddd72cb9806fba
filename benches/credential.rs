//! What it costs to read a credential, beside the typed headers of the `headers` crate.
//!
//! Within a group every id starts from the same bytes, ends with the credential as a server uses
//! it (the token, or user-id and password, of which we hand out the bytes of UTF-8), and asserts the answer:
//!
//! * `value`: the value of the field, already looked up, to a credential. The scratch is reused
//!   and wiped when all is over.
//! * `find`: the same from a list of one field, so that the look-up of its name is in it.
//! * `headers`: the value of the field to `Authorization<_>`, then its accessors. What it allocates
//!   for a Basic pair is part of what it costs. It reads less strictly: any bytes are a bearer
//!   token, and a pair may hold control characters.
//!
//! `value` and `headers` are to be compared. On a noisy machine only ratios within one run count.

#![allow(clippy::unwrap_used, reason = "a bench may fail")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hallpass::credential::{
    AuthorizationValue, Credential, Headers, Profile, Request, Scheme, Scratch,
};
use headers::authorization::{Authorization, Basic, Bearer};
use headers::{Cookie, Header as _};
use http::HeaderValue;

const TOKEN: &str = "gt6P_zIqTnCngfHDCpWb48ob5EBt3PqunUhpofNCNnc=";
const USER: &str = "5f9c1c1e-7a0b-4c39-8a39-1f0a3c9b6d11";
const SECRET: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8";
const BASIC_LONG: &str = "NWY5YzFjMWUtN2EwYi00YzM5LThhMzktMWYwYTNjOWI2ZDExOklDRWlJeVFsSmljb0tTb3JMQzB1THpBeE1qTTBOVFkzT0RrNk96dzlQajg=";
/// The example of RFC 7617: Aladdin, open sesame.
const BASIC_SHORT: &str = "QWxhZGRpbjpvcGVuIHNlc2FtZQ==";

/// One field of any name and no look-up: `headers` is handed the value of a field whose name has
/// been found too.
struct One<'v>(&'v str, &'v [u8]);

impl Headers for One<'_> {
    fn values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        (self.0 == name).then_some(self.1).into_iter()
    }
}

/// How long the token is that a profile finds.
fn token<H: Headers + ?Sized>(profile: &Profile, headers: &H, scratch: &mut Scratch) -> usize {
    match profile.find(&Request::new(headers), scratch) {
        Ok(Credential::Token { text, .. }) => text.len(),
        _ => unreachable!("a token was sent"),
    }
}

/// How long user-id and password are that a profile finds.
fn pair<H: Headers + ?Sized>(
    profile: &Profile,
    headers: &H,
    scratch: &mut Scratch,
) -> (usize, usize) {
    match profile.find(&Request::new(headers), scratch) {
        Ok(Credential::Pair { id, secret, .. }) => (id.len(), secret.len()),
        _ => unreachable!("a pair was sent"),
    }
}

fn bearer(c: &mut Criterion) {
    let value = HeaderValue::from_str(&format!("Bearer {TOKEN}")).unwrap();
    let profile = Profile::strict();
    let mut scratch = Scratch::new();
    c.bench_function("bearer/value", |b| {
        b.iter(|| {
            let field = AuthorizationValue(black_box(&value).as_bytes());
            assert_eq!(token(&profile, &field, &mut scratch), TOKEN.len());
        });
    });
    c.bench_function("bearer/find", |b| {
        b.iter(|| {
            let fields = [("authorization", black_box(&value))];
            assert_eq!(token(&profile, &fields, &mut scratch), TOKEN.len());
        });
    });
    c.bench_function("bearer/headers", |b| {
        b.iter(|| {
            let mut values = std::iter::once(black_box(&value));
            let found = Authorization::<Bearer>::decode(&mut values).unwrap();
            assert_eq!(found.0.token().len(), TOKEN.len());
        });
    });
}

fn basic(c: &mut Criterion) {
    let long = (USER.len(), SECRET.len());
    let short = ("Aladdin".len(), "open sesame".len());
    for (name, encoded, want) in [
        ("basic_short", BASIC_SHORT, short),
        ("basic_long", BASIC_LONG, long),
    ] {
        let value = HeaderValue::from_str(&format!("Basic {encoded}")).unwrap();
        let profile = Profile::strict();
        let mut scratch = Scratch::new();
        c.bench_function(&format!("{name}/value"), |b| {
            b.iter(|| {
                let field = AuthorizationValue(black_box(&value).as_bytes());
                assert_eq!(pair(&profile, &field, &mut scratch), want);
            });
        });
        c.bench_function(&format!("{name}/find"), |b| {
            b.iter(|| {
                let fields = [("authorization", black_box(&value))];
                assert_eq!(pair(&profile, &fields, &mut scratch), want);
            });
        });
        c.bench_function(&format!("{name}/headers"), |b| {
            b.iter(|| {
                let mut values = std::iter::once(black_box(&value));
                let found = Authorization::<Basic>::decode(&mut values).unwrap();
                let (id, secret) = (found.0.username(), found.0.password());
                assert_eq!((id.len(), secret.len()), want);
            });
        });
    }
}

fn cookie(c: &mut Criterion) {
    let field = format!("theme=dark; lang=en-GB; session={TOKEN}; seen=1");
    let profile = Profile::strict().cookie("session").unwrap();
    let mut scratch = Scratch::new();
    c.bench_function("cookie/hallpass", |b| {
        b.iter(|| {
            let headers = One("cookie", black_box(field.as_bytes()));
            assert_eq!(token(&profile, &headers, &mut scratch), TOKEN.len());
        });
    });
    let value = HeaderValue::from_str(&field).unwrap();
    c.bench_function("cookie/headers", |b| {
        b.iter(|| {
            let mut values = std::iter::once(black_box(&value));
            let found = Cookie::decode(&mut values).unwrap();
            assert_eq!(found.get("session").unwrap().len(), TOKEN.len());
        });
    });
}

/// What has no peer: to be compared with itself, over time.
fn alone(c: &mut Criterion) {
    let query = format!("page=2&client_key=Bearer%20{TOKEN}");
    let profile = Profile::strict().query("client_key").unwrap();
    let mut scratch = Scratch::new();
    let none = One("", b"");
    c.bench_function("query/hallpass", |b| {
        b.iter(|| {
            let request = Request::new(&none).query(black_box(query.as_bytes()));
            let found = profile.find(&request, &mut scratch);
            assert!(found.is_ok_and(|found| found.scheme() == Scheme::Bearer));
        });
    });
    let field = format!("token {USER}:{SECRET}");
    c.bench_function("token_pair/hallpass", |b| {
        b.iter(|| {
            let headers = One("authorization", black_box(field.as_bytes()));
            let found = profile.find(&Request::new(&headers), &mut scratch);
            assert!(found.is_ok_and(|found| found.scheme() == Scheme::Token));
        });
    });
    let field = "x".repeat(1 << 20);
    c.bench_function("refused_for_its_size/hallpass", |b| {
        b.iter(|| {
            let headers = One("authorization", black_box(field.as_bytes()));
            let found = profile.find(&Request::new(&headers), &mut scratch);
            assert!(found.is_err());
        });
    });
}

criterion_group!(benches, bearer, basic, cookie, alone);
criterion_main!(benches);
