//! Promise: whatever is sent to an endpoint, it answers with the right status, does nothing, and takes
//! no credential of another kind than it says; a token gets nobody a token.

mod endpoints;

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use endpoints::{FORM, JSON, Served};
use hyper::body::Frame;
use serde_json::json;

/// What an API key is asked for, with a body that is good but for the kind of who asks.
const MANAGED: [(&str, &str, &str); 9] = [
    (
        "POST",
        "/generate_access_token",
        r#"{"client_id":"c","duration_secs":60}"#,
    ),
    ("POST", "/revoke_token", r#"{"access_token":"x"}"#),
    ("POST", "/revoke_client_tokens", r#"{"client_id":"c"}"#),
    ("POST", "/auth/v1/method/token", r#"{"name":"n"}"#),
    ("GET", "/auth/v1/tokens", ""),
    ("GET", "/auth/v1/tokens/02UQMcppmSX", ""),
    ("DELETE", "/auth/v1/tokens/02UQMcppmSX", ""),
    ("POST", "/v1beta1/serviceusers", r#"{"body":{"title":"t"}}"#),
    (
        "POST",
        "/api/method/frappe.core.doctype.user.user.generate_keys",
        r#"{"user":"u"}"#,
    ),
];

#[test]
fn nothing_but_an_api_key_manages() {
    let served = Served::plain();
    let (_, basic) = served.client("c", &["read"]);
    let bearer = format!("Bearer {}", served.token("c"));
    let before = served.store.stats().unwrap();
    for (method, path, body) in MANAGED {
        for other in [&basic, &bearer, "Bearer x", ""] {
            let fields = [("content-type", JSON), ("authorization", other)];
            let fields = if other.is_empty() {
                &fields[..1]
            } else {
                &fields[..]
            };
            let answer = served.ask(method, path, fields, body);
            assert_eq!(answer.status, 401, "{path} {other}: {answer:?}");
            assert!(answer.headers.contains_key("www-authenticate"));
        }
        // In a query or a cookie the key is not looked for.
        let key = served.key.strip_prefix("Bearer ").unwrap();
        let cookie = format!("sid={key}; flipt_client_token={key}");
        let elsewhere = format!("{path}?api_key=Bearer%20{key}");
        let fields = [("content-type", JSON), ("cookie", &cookie)];
        assert_eq!(
            served.ask(method, &elsewhere, &fields, body).status,
            401,
            "{path}"
        );
    }
    assert_eq!(served.store.stats().unwrap(), before);
    for (method, path, body) in MANAGED {
        let fields = [("content-type", JSON), ("authorization", &*served.key)];
        let status = served.ask(method, path, &fields, body).status;
        let unknown = path.ends_with("mSX");
        assert_eq!(status, if unknown { 404 } else { 200 }, "{path}");
    }
}

#[test]
fn a_token_gets_nobody_a_token() {
    let served = Served::plain();
    let bearer = format!("Bearer {}", served.token("c"));
    let form = "grant_type=client_credentials";
    for path in ["/oauth/token", "/v1beta1/auth/token"] {
        for other in [&bearer, &served.key] {
            let refused = served.form(path, other, form);
            assert_eq!(
                (refused.status, &refused.json()["error"]),
                (401, &json!("invalid_token"))
            );
        }
    }
    let fields = [("authorization", &*served.key)];
    assert_eq!(
        served
            .ask("PUT", "/auth/v1/self/expire", &fields, "")
            .status,
        401
    );
}

#[test]
fn a_body_is_one_strict_object_and_what_is_wrong_is_told() {
    let served = Served::plain();
    let path = "/generate_access_token";
    let before = served.store.stats().unwrap().tokens;
    let post = |body: &str| {
        let fields = [("content-type", JSON), ("authorization", &*served.key)];
        let answer = served.ask("POST", path, &fields, body.to_owned());
        (
            answer.status,
            answer.json()["detail"].as_str().unwrap().to_owned(),
        )
    };
    for (body, told) in [
        ("", "ends before"),
        (r#"{"client_id":"c","duration_secs":"#, "ends before"),
        ("{client_id: c}", "not one JSON"),
        ("{}{}", "not one JSON"),
        ("\u{feff}{}", "not one JSON"),
        ("[]", "not a JSON object"),
        (
            r#"{"client_id":"c","client_id":"d","duration_secs":1}"#,
            "a name twice",
        ),
        (r#"{"client_id":"c"}"#, "duration_secs is missing"),
        (r#"{"duration_secs":1}"#, "client_id is missing"),
        (
            r#"{"client_id":7,"duration_secs":1}"#,
            "client_id must be a text",
        ),
        (
            r#"{"client_id":null,"duration_secs":1}"#,
            "client_id must be a text",
        ),
        (
            r#"{"client_id":"c","duration_secs":"1"}"#,
            "whole number of seconds",
        ),
        (
            r#"{"client_id":"c","duration_secs":0}"#,
            "whole number of seconds",
        ),
        (
            r#"{"client_id":"c","duration_secs":-1}"#,
            "whole number of seconds",
        ),
        (
            r#"{"client_id":"c","duration_secs":1.5}"#,
            "whole number of seconds",
        ),
        (
            r#"{"client_id":"c","duration_secs":31536001}"#,
            "longest life",
        ),
        (
            r#"{"client_id":"c","duration_secs":18446744073709551615}"#,
            "longest life",
        ),
        (
            r#"{"client_id":"","duration_secs":1}"#,
            "at least one character",
        ),
        (
            r#"{"client_id":"a\u0000","duration_secs":1}"#,
            "control characters",
        ),
        (
            r#"{"client_id":"c","duration_secs":1,"metadata":[]}"#,
            "values are texts",
        ),
        (
            r#"{"client_id":"c","duration_secs":1,"metadata":{"a":1}}"#,
            "values are texts",
        ),
        (
            r#"{"client_id":"c","duration_secs":1,"admin":true}"#,
            "not known here",
        ),
    ] {
        let (status, detail) = post(body);
        assert_eq!(status, 400, "{body}: {detail}");
        assert!(detail.contains(told), "{body}: {detail}");
    }
    let long = format!(r#"{{"client_id":"{}","duration_secs":1}}"#, "c".repeat(129));
    assert!(post(&long).1.contains("client_id_max_bytes is 128"));
    let deep = format!("{}{}", r#"{"a":"#.repeat(30_000), "}".repeat(30_000));
    assert_eq!(post(&deep).0, 413);
    let deep = format!("{}1{}", r#"{"a":"#.repeat(17), "}".repeat(17));
    assert_eq!(post(&deep).0, 400);
    assert_eq!(served.store.stats().unwrap().tokens, before);
}

#[test]
fn a_refusal_repeats_nothing_that_was_sent() {
    let served = Served::plain();
    for body in [
        r#"{"canary":1}"#,
        r#"{"client_id":"c","duration_secs":"canary"}"#,
        r#"canary"#,
        "{\"client_id\":\"canary\u{1}\",\"duration_secs\":1}",
    ] {
        let fields = [("content-type", JSON), ("authorization", &*served.key)];
        let answer = served.ask("POST", "/generate_access_token", &fields, body);
        assert_eq!(answer.status, 400);
        assert!(!answer.body.contains("canary"), "{answer:?}");
    }
}

/// A body of pages of spaces, which may break off at its end.
struct Pieces {
    left: usize,
    broken: bool,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(match self.left {
            0 if self.broken => Some(Err(std::io::ErrorKind::UnexpectedEof.into())),
            0 => None,
            _ => {
                self.left -= 1;
                Some(Ok(Frame::data(Bytes::from_static(&[b' '; 4096]))))
            }
        })
    }
}

#[test]
fn types_and_sizes_are_held_to() {
    let served = Served::plain();
    let good = r#"{"client_id":"c","duration_secs":60}"#;
    let post = |fields: &[(&str, &str)], body: Body| {
        let key = [("authorization", &*served.key)];
        let fields = [&key[..], fields].concat();
        served
            .ask("POST", "/generate_access_token", &fields, body)
            .status
    };
    assert_eq!(post(&[("content-type", JSON)], good.into()), 200);
    for fields in [
        &[][..],
        &[("content-type", "text/plain")],
        &[("content-type", FORM)],
        &[("content-type", "application/json; charset=utf-16")],
        &[("content-type", JSON), ("content-type", JSON)],
        &[("content-type", JSON), ("content-encoding", "gzip")],
    ] {
        assert_eq!(post(fields, good.into()), 415, "{fields:?}");
    }
    let spaces = |bytes: usize| format!("{good}{}", " ".repeat(bytes - good.len()));
    let json = [("content-type", JSON)];
    assert_eq!(post(&json, spaces(64 * 1024).into()), 200);
    assert_eq!(post(&json, spaces(64 * 1024 + 1).into()), 413);
    // Without a length said beforehand, a piece at a time.
    let pieces = |broken: bool| {
        Body::new(Pieces {
            left: if broken { 2 } else { 17 },
            broken,
        })
    };
    assert_eq!(post(&json, pieces(false)), 413);
    assert_eq!(post(&json, pieces(true)), 400);

    let (_, basic) = served.client("c", &[]);
    let form = served.ask(
        "POST",
        "/oauth/token",
        &[("authorization", &basic), ("content-type", JSON)],
        "grant_type=client_credentials",
    );
    assert_eq!(form.status, 415);
    for bad in [
        "grant_type=client_credentials&grant_type=client_credentials",
        "grant_type=client_credentials&a=%zz",
        "grant_type=client_credentials&a=%ff",
    ] {
        assert_eq!(
            served.form("/oauth/token", &basic, bad).status,
            400,
            "{bad}"
        );
    }
    assert_eq!(served.get("/oauth/token", &basic).status, 405);
}

#[test]
fn two_credentials_are_one_too_many() {
    let served = Served::plain();
    let body = r#"{"client_id":"c"}"#;
    let key = &*served.key;
    let twice = [
        ("content-type", JSON),
        ("authorization", key),
        ("authorization", key),
    ];
    assert_eq!(
        served
            .ask("POST", "/revoke_client_tokens", &twice, body)
            .status,
        400
    );
    let (_, basic) = served.client("c", &[]);
    let form = [
        ("content-type", FORM),
        ("authorization", &*basic),
        ("authorization", key),
    ];
    let answer = served.ask(
        "POST",
        "/oauth/token",
        &form,
        "grant_type=client_credentials",
    );
    assert_eq!(answer.status, 400);
    let giant = format!("Bearer {}", "a".repeat(10_000));
    let giant = [("content-type", JSON), ("authorization", &*giant)];
    assert_eq!(
        served
            .ask("POST", "/revoke_client_tokens", &giant, body)
            .status,
        431
    );
}

#[test]
fn a_browser_on_another_page_is_refused() {
    let served = Served::plain();
    let (_, basic) = served.client("c", &[]);
    let fields = [
        ("content-type", FORM),
        ("authorization", &*basic),
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://elsewhere.example"),
    ];
    for path in ["/oauth/token", "/oauth/revoke"] {
        let body = "grant_type=client_credentials&token=x";
        assert_eq!(
            served.ask("POST", path, &fields, body).status,
            403,
            "{path}"
        );
    }
}

#[test]
fn a_disabled_client_is_given_nothing() {
    let served = Served::plain();
    let body = json!({"client_id": "c", "duration_secs": 60});
    served.store.disable_client("c").unwrap();
    let disabled = served.manage("/generate_access_token", &body);
    assert_eq!(
        (disabled.status, disabled.json()["detail"].as_str()),
        (409, Some("the client is disabled"))
    );
}

/// A failed write is the server's fault: 503, and what was revoked stays revoked all the same.
#[cfg(feature = "testkit")]
#[test]
fn a_store_that_cannot_write_says_so_and_revokes_nevertheless() {
    let disk = hallpass::testkit::FakeDisk::new();
    let store = hallpass::Options::new().open_fake(disk.clone()).unwrap();
    let served = Served::of(store, None, |_, endpoints| endpoints);
    let token = served.token("c");
    disk.fail_after(0);
    let form = format!("token={token}");
    for _ in 0..2 {
        let failed = served.form("/oauth/revoke", &served.key, &form);
        assert_eq!(failed.status, 503);
        assert_eq!(failed.field("retry-after"), "1");
        assert_eq!(failed.json()["error"], "temporarily_unavailable");
        assert!(served.store.validator().validate(&token).is_err());
    }
    let issue = served.manage(
        "/generate_access_token",
        &json!({"client_id": "c", "duration_secs": 9}),
    );
    assert_eq!(issue.status, 503);
    assert!(!issue.body.contains("disk"), "{issue:?}");
}
