//! What it costs to read a credential, beside the typed headers of the `headers` crate.
//!
//! Each pair of ids answers the same question of the same bytes, and asserts the answer.

#![allow(clippy::unwrap_used, reason = "a bench may fail")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hallpass::credential::{Credential, Headers, Profile, Request, Scheme, Scratch};
use headers::authorization::{Authorization, Basic, Bearer};
use headers::{Cookie, Header as _};
use http::HeaderValue;

const TOKEN: &str = "gt6P_zIqTnCngfHDCpWb48ob5EBt3PqunUhpofNCNnc=";
const USER: &str = "5f9c1c1e-7a0b-4c39-8a39-1f0a3c9b6d11";
const SECRET: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8";
const BASIC: &str = "NWY5YzFjMWUtN2EwYi00YzM5LThhMzktMWYwYTNjOWI2ZDExOklDRWlJeVFsSmljb0tTb3JMQzB1THpBeE1qTTBOVFkzT0RrNk96dzlQajg=";

/// One field and no look-up, so that both sides measure the grammar: `headers` is handed the value
/// of a field whose name has been found too.
struct One<'v>(&'v str, &'v [u8]);

impl Headers for One<'_> {
    fn values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        (self.0 == name).then_some(self.1).into_iter()
    }
}

fn bearer(c: &mut Criterion) {
    let field = format!("Bearer {TOKEN}");
    let profile = Profile::strict();
    let mut scratch = Scratch::new();
    c.bench_function("bearer/hallpass", |b| {
        b.iter(|| {
            let headers = One("authorization", black_box(field.as_bytes()));
            let found = profile.find(&Request::new(&headers), &mut scratch);
            let Ok(Credential::Token { text, .. }) = found else {
                unreachable!()
            };
            assert_eq!(text.len(), TOKEN.len());
        });
    });
    let value = HeaderValue::from_str(&field).unwrap();
    c.bench_function("bearer/headers", |b| {
        b.iter(|| {
            let mut values = std::iter::once(black_box(&value));
            let found = Authorization::<Bearer>::decode(&mut values).unwrap();
            assert_eq!(found.0.token().len(), TOKEN.len());
        });
    });
}

fn basic(c: &mut Criterion) {
    let field = format!("Basic {BASIC}");
    let profile = Profile::strict();
    let mut scratch = Scratch::new();
    c.bench_function("basic/hallpass", |b| {
        b.iter(|| {
            let headers = One("authorization", black_box(field.as_bytes()));
            let found = profile.find(&Request::new(&headers), &mut scratch);
            let Ok(Credential::Pair { id, secret, .. }) = found else {
                unreachable!()
            };
            assert!(id.len() == USER.len() && secret.len() == SECRET.len());
        });
    });
    let value = HeaderValue::from_str(&field).unwrap();
    c.bench_function("basic/headers", |b| {
        b.iter(|| {
            let mut values = std::iter::once(black_box(&value));
            let found = Authorization::<Basic>::decode(&mut values).unwrap();
            let (id, secret) = (found.0.username(), found.0.password());
            assert!(id.len() == USER.len() && secret.len() == SECRET.len());
        });
    });
}

fn cookie(c: &mut Criterion) {
    let field = format!("theme=dark; lang=en-GB; session={TOKEN}; seen=1");
    let profile = Profile::strict().cookie("session").unwrap();
    let mut scratch = Scratch::new();
    c.bench_function("cookie/hallpass", |b| {
        b.iter(|| {
            let headers = One("cookie", black_box(field.as_bytes()));
            let found = profile.find(&Request::new(&headers), &mut scratch);
            let Ok(Credential::Token { text, .. }) = found else {
                unreachable!()
            };
            assert_eq!(text.len(), TOKEN.len());
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
