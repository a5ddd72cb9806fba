//! The layer: whoever the validator takes for active reaches the service, with an `Auth` that names
//! them, and nobody else does.

mod served;

use std::sync::OnceLock;
use std::time::Duration;

use hallpass::credential::{Profile, Source};
use hallpass::web::{Form, Guard, Manner, Reason, Refusal, Tickets};
use hallpass::{Inactive, NewToken, Store};
use http::{HeaderValue, Request, Response};
use proptest::prelude::*;
use served::{Handler, answer, field, get, now, request, store};
use tower_layer::Layer;
use tower_service::Service;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn who_shows_a_token_passes_and_who_shows_a_bad_one_does_not() {
    let (_dir, store) = store();
    let token = store.issue(NewToken::new("amy").lifetime(HOUR)).unwrap();
    let bearer = format!("Bearer {}", token.secret.expose());
    let guard = Guard::new(store.validator(), Profile::strict()).realm("api");

    let response = answer(&guard, get(&[("authorization", &bearer)]));
    assert_eq!(response.status(), 200);
    assert_eq!(response.body(), "amy by Some(Header)");

    store.revoke(token.id).unwrap();
    let response = answer(&guard, get(&[("authorization", &bearer)]));
    assert_eq!(response.status(), 401);
    assert_eq!(
        field(&response, "www-authenticate"),
        [r#"Bearer realm="api", error="invalid_token", error_description="revoked""#]
    );
    let reason = response.extensions().get::<Reason>();
    assert_eq!(reason, Some(&Reason::Inactive(Inactive::Revoked)));
}

#[test]
fn bad_input_is_refused_with_its_own_status() {
    let (_dir, store) = store();
    let token = store.issue(NewToken::new("amy").lifetime(HOUR)).unwrap();
    let bearer = format!("Bearer {}", token.secret.expose());
    let guard = Guard::new(store.validator(), Profile::strict());
    let long = format!("Bearer {}", "a".repeat(9000));
    let cases: [(&[(&str, &str)], u16); 10] = [
        (&[], 401),
        (&[("authorization", "")], 400),
        (&[("authorization", "Bearer")], 400),
        (&[("authorization", "Bearer a\tb")], 400),
        (&[("authorization", "Digest x")], 401),
        (&[("authorization", "Bearer hp_x")], 401),
        (&[("authorization", &long)], 431),
        // Twice, also where both say the same, and where a proxy would join them.
        (
            &[("authorization", &bearer), ("authorization", &bearer)],
            400,
        ),
        (&[("authorization", &bearer), ("authorization", "")], 400),
        (&[("authorization", &format!("{bearer}, {bearer}"))], 400),
    ];
    for (fields, status) in cases {
        let response = answer(&guard, get(fields));
        let (names, values): (Vec<_>, Vec<_>) = fields.iter().copied().unzip();
        assert_eq!(response.status(), status, "{names:?} {values:?}");
        assert!(response.body().starts_with('{'));
        assert_eq!(field(&response, "cache-control"), ["no-store"]);
    }
    let mut raw = get(&[]);
    let bytes = HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap();
    raw.headers_mut().insert("authorization", bytes);
    assert_eq!(answer(&guard, raw).status(), 400);
}

#[test]
fn an_optional_guard_lets_nobody_pass_as_nobody_and_refuses_what_is_bad() {
    let (_dir, store) = store();
    let guard = Guard::new(store.validator(), Profile::strict()).optional();
    assert_eq!(answer(&guard, get(&[])).body(), "nobody");
    let bad = answer(&guard, get(&[("authorization", "Bearer hp_x")]));
    assert_eq!(bad.status(), 401);
    let other = answer(&guard, get(&[("authorization", "Digest x")]));
    assert_eq!(other.status(), 401);
}

#[test]
fn the_innermost_guard_decides() {
    let (_dir, store) = store();
    let token = store.issue(NewToken::new("amy").lifetime(HOUR)).unwrap();
    let outer = Guard::new(store.validator(), Profile::strict());
    let keys = Profile::strict()
        .prefer(&[Source::Cookie])
        .cookie("sid")
        .unwrap();
    let inner = Guard::new(store.validator(), keys).optional();
    let bearer = format!("Bearer {}", token.secret.expose());
    let mut service = outer.layer(inner.layer(Handler(served::who_am_i)));
    let Ok(response) = now(service.call(get(&[("authorization", &bearer)])));
    assert_eq!(response.body(), "nobody");
}

#[test]
fn a_missing_scope_is_answered_403() {
    let (_dir, store) = store();
    let new = NewToken::new("amy").lifetime(HOUR).scopes(["read"]);
    let token = store.issue(new).unwrap();
    let bearer = format!("Bearer {}", token.secret.expose());
    let guard = |scope| Guard::new(store.validator(), Profile::strict()).scope(scope);
    let fields = [("authorization", bearer.as_str())];
    assert_eq!(answer(&guard("read"), get(&fields)).status(), 200);
    let response = answer(&guard("write"), get(&fields));
    assert_eq!(response.status(), 403);
    assert_eq!(
        field(&response, "www-authenticate"),
        [r#"Bearer realm="hallpass", error="insufficient_scope", scope="write""#]
    );
}

/// Names that something here looks at, and values put together from what they look for.
fn fields() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    let name = prop::sample::select(vec![
        "authorization",
        "cookie",
        "origin",
        "host",
        "referer",
        "sec-fetch-site",
        "upgrade",
        "connection",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "content-type",
        "x-key",
    ]);
    let part = prop_oneof![
        prop::sample::select(vec![
            "Bearer ",
            "bearer",
            "Basic ",
            "token ",
            "sid=",
            "hp_",
            "; ",
            ", ",
            "=",
            ":",
            "\"",
            "https://",
            "a.example",
            "null",
            "same-origin",
            "websocket",
            "application/grpc",
            "%20",
            "eyJ",
            ".",
            "a:b",
            "YTpi",
            "\t",
            "13",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
        prop::collection::vec(prop::sample::select(b"aZ09_-".to_vec()), 0..60),
    ];
    let value = prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat());
    prop::collection::vec((name, value), 0..6)
}

proptest! {
    /// Whatever is sent: an answer, and never "yes" to what no store has issued.
    #[test]
    fn no_request_without_a_token_passes(
        fields in fields(),
        method in prop::sample::select(vec!["GET", "POST", "CONNECT", "OPTIONS", "X"]),
        query in "([a-z&=%+?.0-9_]|key=|Bearer%20|ticket=|hpt_){0,12}",
    ) {
        let guard = strangers();
        let mut sent = Request::new(());
        *sent.method_mut() = method.parse().unwrap();
        let uri = match method {
            "CONNECT" => "a.example:443".to_owned(),
            _ => format!("/path?{query}"),
        };
        *sent.uri_mut() = uri.parse().unwrap();
        for (name, value) in fields {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                sent.headers_mut().append(name, value);
            }
        }
        let response = answer(guard, sent);
        let grpc = response.headers().get("grpc-status");
        prop_assert!(response.status() != 200 || grpc.is_some_and(|status| status != "0"));
        prop_assert!(response.extensions().get::<Reason>().is_some());
    }
}

/// A guard that looks everywhere, and knows one token that nobody shows.
fn strangers() -> &'static Guard {
    static GUARD: OnceLock<(tempfile::TempDir, Store, Guard)> = OnceLock::new();
    let (_, _, guard) = GUARD.get_or_init(|| {
        let (dir, store) = store();
        store.issue(NewToken::new("amy").lifetime(HOUR)).unwrap();
        let profile = Profile::strict()
            .cookie("sid")
            .and_then(|profile| profile.query("key"))
            .and_then(|profile| profile.api_key_header("x-key"))
            .unwrap()
            .query_bare(true)
            .subprotocol(true);
        let guard = Guard::new(store.validator(), profile).tickets(Tickets::new());
        (dir, store, guard)
    });
    guard
}

/// Refuses by itself, as an extractor does.
fn refuses(_: Request<()>) -> Response<String> {
    let cookie = HeaderValue::from_static("a=b");
    let refusal = Refusal::needs_scope("write").set_cookie(cookie);
    let mut response: Response<String> = refusal.defer();
    // What a layer on the way may add: some of it is about the body that goes.
    for (name, value) in [
        ("x-request-id", "7"),
        ("content-length", "1"),
        ("content-encoding", "gzip"),
        ("etag", "\"x\""),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

#[test]
fn a_refusal_from_further_in_is_told_in_the_guards_manner() {
    let (_dir, store) = store();
    let token = store.issue(NewToken::new("amy").lifetime(HOUR)).unwrap();
    let bearer = format!("Bearer {}", token.secret.expose());
    let manner = Manner::new().realm("inner").form(Form::Problem);
    let inner = Guard::new(store.validator(), Profile::strict()).manner(manner);
    // A guard further out leaves it as the nearest one told it.
    let outer = Guard::new(store.validator(), Profile::strict()).realm("outer");
    let mut service = outer.layer(inner.layer(Handler(refuses)));
    let Ok(response) = now(service.call(get(&[("authorization", &bearer)])));
    assert_eq!(response.status(), 403);
    assert_eq!(
        field(&response, "content-type"),
        ["application/problem+json"]
    );
    assert_eq!(
        field(&response, "www-authenticate"),
        [r#"Bearer realm="inner", error="insufficient_scope", scope="write""#]
    );
    assert_eq!(field(&response, "x-request-id"), ["7"]);
    assert_eq!(field(&response, "set-cookie"), ["a=b"]);
    for gone in ["content-length", "content-encoding", "etag"] {
        assert!(field(&response, gone).is_empty(), "{gone}");
    }
    // A gRPC call is answered in gRPC.
    let grpc = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/grpc+proto"),
    ];
    let Ok(response) = now(service.call(request("POST", "/a/b", &grpc)));
    assert_eq!(response.status(), 200);
    assert_eq!(field(&response, "grpc-status"), ["7"]);
    assert_eq!(field(&response, "grpc-message"), ["insufficient scope"]);
    assert_eq!(response.body(), "");
}

/// Counts who reaches it, is not always ready, and fails.
#[derive(Clone, Debug, Default)]
struct Fails {
    calls: usize,
    is_ready: bool,
}

/// A body that can't be read at all.
struct Untouchable;

impl Service<Request<Untouchable>> for Fails {
    type Response = Response<String>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Response<String>, Self::Error>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        match self.is_ready {
            true => std::task::Poll::Ready(Err("not ready")),
            false => std::task::Poll::Pending,
        }
    }

    fn call(&mut self, _: Request<Untouchable>) -> Self::Future {
        self.calls += 1;
        std::future::ready(Err("failed"))
    }
}

#[test]
fn the_service_behind_it_is_asked_only_for_those_who_pass() {
    let (_dir, store) = store();
    let token = store.issue(NewToken::new("amy").lifetime(HOUR)).unwrap();
    let bearer = format!("Bearer {}", token.secret.expose());
    let guard = Guard::new(store.validator(), Profile::strict());
    let sent = |fields: &[(&str, &str)]| get(fields).map(|()| Untouchable);

    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut service = guard.layer(Fails::default());
    assert!(service.poll_ready(&mut context).is_pending());
    assert_eq!(now(service.call(sent(&[]))).unwrap().status(), 401);
    let failed = now(service.call(sent(&[("authorization", &bearer)])));
    assert_eq!(failed.unwrap_err(), "failed");
    assert!(format!("{service:?}").contains("calls: 1"));

    let mut service = guard.layer(Fails {
        is_ready: true,
        ..Fails::default()
    });
    let ready = service.poll_ready(&mut context);
    assert_eq!(ready, std::task::Poll::Ready(Err("not ready")));
}

#[test]
fn a_closed_store_is_answered_503() {
    let (_dir, store) = store();
    let token = store.issue(NewToken::new("amy").lifetime(HOUR)).unwrap();
    let bearer = format!("Bearer {}", token.secret.expose());
    let guard = Guard::new(store.validator(), Profile::strict());
    store.close().unwrap();
    let response = answer(&guard, get(&[("authorization", &bearer)]));
    assert_eq!(response.status(), 503);
    assert_eq!(field(&response, "retry-after"), ["1"]);
    assert!(field(&response, "www-authenticate").is_empty());
}
