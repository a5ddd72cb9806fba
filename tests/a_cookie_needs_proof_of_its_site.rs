//! A cookie passes an unsafe method, or opens a WebSocket, only when Fetch Metadata or `Origin` proves
//! that a page of this site asked. Held to tower-http's layer: whatever passes here passes there.

mod served;

use std::time::Duration;

use hallpass::credential::Profile;
use hallpass::web::{Csrf, Guard, Reason};
use hallpass::{NewToken, Store};
use http::{HeaderValue, Request};
use served::{answer, now, request, store};
use tower_layer::Layer;
use tower_service::Service;

const WHO: &str = "amy by Some(Cookie)";

fn guard(store: &Store) -> (Guard, String) {
    let hour = Duration::from_secs(3600);
    let token = store.issue(NewToken::new("amy").lifetime(hour)).unwrap();
    let profile = Profile::strict().cookie("sid").unwrap();
    let guard = Guard::new(store.validator(), profile);
    (guard, format!("sid={}", token.secret.expose()))
}

/// Method, fields, whether it passes.
type Case = (&'static str, &'static [(&'static str, &'static str)], bool);

/// Sent by a browser with a cookie to `https://api.example`.
const CASES: &[Case] = &[
    // Safe methods need no proof.
    ("GET", &[], true),
    ("HEAD", &[("sec-fetch-site", "cross-site")], true),
    ("OPTIONS", &[("origin", "https://evil.example")], true),
    // Unsafe ones do.
    ("POST", &[], false),
    ("DELETE", &[], false),
    ("PUT", &[], false),
    ("PATCH", &[], false),
    ("TRACE", &[], false),
    ("BREW", &[], false),
    ("POST", &[("sec-fetch-site", "same-origin")], true),
    ("POST", &[("sec-fetch-site", "none")], true),
    ("POST", &[("sec-fetch-site", "same-site")], false),
    ("POST", &[("sec-fetch-site", "cross-site")], false),
    // Values that no browser sends.
    ("POST", &[("sec-fetch-site", "")], false),
    ("POST", &[("sec-fetch-site", "Same-Origin")], false),
    ("POST", &[("sec-fetch-site", "same-origin, none")], false),
    ("POST", &[("sec-fetch-site", "same-origin;x")], false),
    (
        "POST",
        &[
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "cross-site"),
        ],
        false,
    ),
    // Older browsers send Origin alone.
    ("POST", &[("origin", "https://api.example")], true),
    ("POST", &[("origin", "http://api.example")], true),
    ("POST", &[("origin", "https://api.example:8443")], false),
    ("POST", &[("origin", "https://evil.example")], false),
    ("POST", &[("origin", "null")], false),
    ("POST", &[("origin", "")], false),
    ("POST", &[("origin", "api.example")], false),
    ("POST", &[("origin", "https://api.example/")], false),
    (
        "POST",
        &[("origin", "https://api.example.evil.example")],
        false,
    ),
    (
        "POST",
        &[("origin", "https://evil.example@api.example")],
        false,
    ),
    (
        "POST",
        &[("origin", "https://api.example https://api.example")],
        false,
    ),
    ("POST", &[("origin", "file://api.example")], false),
    (
        "POST",
        &[
            ("origin", "https://api.example"),
            ("origin", "https://api.example"),
        ],
        false,
    ),
    // Fetch Metadata says more than Origin.
    (
        "POST",
        &[
            ("origin", "https://api.example"),
            ("sec-fetch-site", "cross-site"),
        ],
        false,
    ),
    (
        "POST",
        &[("origin", "null"), ("sec-fetch-site", "same-origin")],
        true,
    ),
    // Referer proves nothing: it can be left out, and rewritten.
    ("POST", &[("referer", "https://api.example/form")], false),
    // The page of any site can open a WebSocket and read what comes.
    ("GET", &[("upgrade", "websocket")], false),
    (
        "GET",
        &[("upgrade", "WebSocket"), ("origin", "https://evil.example")],
        false,
    ),
    (
        "GET",
        &[("upgrade", "websocket"), ("origin", "https://api.example")],
        true,
    ),
    ("GET", &[("upgrade", "web socket")], false),
    ("GET", &[("sec-websocket-key", "x")], false),
    ("CONNECT", &[("sec-websocket-version", "13")], false),
    (
        "CONNECT",
        &[
            ("sec-websocket-version", "13"),
            ("sec-fetch-site", "same-origin"),
        ],
        true,
    ),
];

fn sent(method: &str, cookie: &str, fields: &[(&str, &str)]) -> Request<()> {
    let mut request = request(method, "/", fields);
    let host = HeaderValue::from_static("api.example");
    request.headers_mut().insert("host", host);
    let cookie = HeaderValue::from_str(cookie).unwrap();
    request.headers_mut().insert("cookie", cookie);
    request
}

#[test]
fn a_cookie_passes_only_with_proof() {
    let (_dir, store) = store();
    let (guard, cookie) = guard(&store);
    for &(method, fields, passes) in CASES {
        let response = answer(&guard, sent(method, &cookie, fields));
        if passes {
            assert_eq!(response.body(), WHO, "{method} {fields:?}");
        } else {
            assert_eq!(response.status(), 403, "{method} {fields:?}");
            let reason = response.extensions().get::<Reason>();
            assert_eq!(reason, Some(&Reason::CrossSite));
            // The cookie is good, so it is not taken away.
            assert!(!response.headers().contains_key("set-cookie"));
        }
    }
}

#[test]
fn whether_the_cookie_is_any_good_is_not_told_across_sites() {
    let (_dir, store) = store();
    let (guard, cookie) = guard(&store);
    let fields = [("sec-fetch-site", "cross-site")];
    let good = answer(&guard, sent("POST", &cookie, &fields));
    let bad = answer(&guard, sent("POST", "sid=hp_x", &fields));
    assert_eq!(good.status(), bad.status());
    assert_eq!(good.headers(), bad.headers());
    assert_eq!(good.body(), bad.body());
}

#[test]
fn the_host_may_stand_in_the_request_target_alone() {
    let (_dir, store) = store();
    let (guard, cookie) = guard(&store);
    let http2 = |origin: &str| {
        let fields = [("origin", origin), ("cookie", cookie.as_str())];
        answer(
            &guard,
            request("POST", "https://api.example:8443/x", &fields),
        )
        .status()
    };
    assert_eq!(http2("https://api.example:8443"), 200);
    assert_eq!(http2("https://api.example"), 403);
}

#[test]
fn a_header_needs_no_proof() {
    let (_dir, store) = store();
    let (guard, cookie) = guard(&store);
    let bearer = cookie.replace("sid=", "Bearer ");
    let fields = [
        ("authorization", bearer.as_str()),
        ("sec-fetch-site", "cross-site"),
    ];
    let response = answer(&guard, request("POST", "/", &fields));
    assert_eq!(response.body(), "amy by Some(Header)");
}

/// A browser adds `Basic` by itself as well, once its user has logged in; programs do so on purpose
/// and say nothing of where they are.
#[test]
fn basic_needs_proof_where_a_browser_is_at_work() {
    use base64::Engine as _;

    let (_dir, store) = store();
    let (guard, _) = guard(&store);
    let hour = Duration::from_secs(3600);
    let pair = NewToken::client_secret("amy").pair_id("key").lifetime(hour);
    let secret = store.issue(pair).unwrap();
    let pair = format!("key:{}", secret.secret.expose());
    let basic = base64::engine::general_purpose::STANDARD.encode(pair);
    let basic = format!("Basic {basic}");
    let status = |method: &str, fields: &[(&str, &str)]| {
        let host = ("host", "api.example");
        let fields = [&[("authorization", basic.as_str()), host], fields].concat();
        answer(&guard, request(method, "/", &fields)).status()
    };
    assert_eq!(status("POST", &[]), 200);
    assert_eq!(status("GET", &[("sec-fetch-site", "cross-site")]), 200);
    assert_eq!(status("POST", &[("sec-fetch-site", "same-origin")]), 200);
    assert_eq!(status("POST", &[("origin", "https://api.example")]), 200);
    assert_eq!(status("POST", &[("sec-fetch-site", "cross-site")]), 403);
    assert_eq!(status("POST", &[("origin", "https://evil.example")]), 403);
    assert_eq!(status("POST", &[("origin", "null")]), 403);
    let upgrade = ("upgrade", "websocket");
    assert_eq!(
        status("GET", &[upgrade, ("origin", "https://evil.example")]),
        403
    );
    assert_eq!(status("GET", &[upgrade]), 200);
}

#[test]
fn what_is_trusted_is_trusted_to_the_byte() {
    let (_dir, store) = store();
    let (guard, cookie) = guard(&store);
    let csrf = Csrf::new().trust_origin("https://app.example").unwrap();
    let trusting = guard.clone().csrf(csrf);
    let status = |guard: &Guard, fields: &[(&str, &str)]| {
        answer(guard, sent("POST", &cookie, fields)).status()
    };
    let cross = ("sec-fetch-site", "cross-site");
    assert_eq!(
        status(&trusting, &[("origin", "https://app.example"), cross]),
        200
    );
    assert_eq!(
        status(&trusting, &[("origin", "https://APP.example"), cross]),
        403
    );
    assert_eq!(
        status(&trusting, &[("origin", "http://app.example"), cross]),
        403
    );
    assert_eq!(
        status(&trusting, &[("origin", "https://app.example.evil"), cross]),
        403
    );
    let same_site = [("sec-fetch-site", "same-site")];
    assert_eq!(
        status(
            &guard.clone().csrf(Csrf::new().allow_same_site()),
            &same_site
        ),
        200
    );
    assert_eq!(status(&guard.csrf(Csrf::off()), &[cross]), 200);
    for bad in [
        "",
        "null",
        "app.example",
        "https://",
        "https://app.example/",
        "https://App.example",
        "https://app.example:443",
        "http://app.example:80",
        "https://a b",
        "https://a\r\nb",
        "ftp://app.example",
    ] {
        assert!(Csrf::new().trust_origin(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn whatever_passes_here_passes_at_the_peer() {
    let (_dir, store) = store();
    let (guard, cookie) = guard(&store);
    let peer = tower_http::csrf::CsrfLayer::new();
    let sites = [
        "",
        "same-origin",
        "same-site",
        "cross-site",
        "none",
        "x",
        "Same-Origin",
    ];
    let origins = [
        "",
        "null",
        "https://api.example",
        "http://api.example",
        "https://api.example:1",
        "https://evil.example",
        "https://api.example.",
        "https://api.example/",
        "//api.example",
    ];
    let hosts = [
        "api.example",
        "API.example",
        "api.example:1",
        "api.example:443",
        "",
    ];
    let (mut passed, mut tried) = (0, 0);
    for site in sites {
        for origin in origins {
            for host in hosts {
                for method in ["GET", "POST"] {
                    // An empty text stands for a field that is not there, and for an empty one.
                    for empty in [false, true] {
                        let fields = [("sec-fetch-site", site), ("origin", origin), ("host", host)];
                        let mut fields = fields.to_vec();
                        fields.retain(|(_, value)| empty || !value.is_empty());
                        fields.push(("cookie", &cookie));
                        let ours = answer(&guard, request(method, "/", &fields)).status();
                        let inner = served::Handler(served::who_am_i);
                        let theirs = now(peer.layer(inner).call(request(method, "/", &fields)));
                        let theirs = theirs.unwrap().status();
                        tried += 1;
                        if ours == 200 {
                            passed += 1;
                            assert_eq!(theirs, 200, "{method} {fields:?}");
                        }
                    }
                }
            }
        }
    }
    assert!(passed > 300 && tried - passed > 300, "{passed} of {tried}");
}
