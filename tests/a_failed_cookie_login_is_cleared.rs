//! The session cookie: written so that no page and no other host can read or set it, and taken from
//! the browser again when it does not log in.

mod served;

use std::time::Duration;

use hallpass::NewToken;
use hallpass::credential::Profile;
use hallpass::web::{Guard, SameSite, SessionCookie};
use served::{answer, field, get, request, store};

fn text(value: &http::HeaderValue) -> String {
    value.to_str().unwrap().to_owned()
}

#[test]
fn it_is_written_with_every_attribute_and_kept_out_of_debug() {
    let cookie = SessionCookie::new()
        .same_site(SameSite::Strict)
        .max_age_secs(60);
    let value = cookie.write("hp_x").unwrap();
    let written = "__Host-session=hp_x; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Strict";
    assert_eq!(text(&value), written);
    assert_eq!(format!("{value:?}"), "Sensitive");
    let read = cookie::Cookie::parse(written).unwrap();
    assert_eq!(
        (read.secure(), read.http_only(), read.domain()),
        (Some(true), Some(true), None)
    );
    assert_eq!(read.path(), Some("/"));
}

#[test]
fn what_no_cookie_can_carry_is_refused() {
    for bad in [
        "", "a b", "a;b", "a,b", "a\"b", "a\\b", "a\r\nb", "\u{e9}", "a\0",
    ] {
        assert!(SessionCookie::new().write(bad).is_err(), "{bad:?}");
    }
    for bad in ["", "a b", "a=b", "a;b", "\u{e9}", "a\r\nSet-Cookie: b"] {
        assert!(SessionCookie::named(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_written_cookie_logs_in() {
    let (_dir, store) = store();
    let hour = Duration::from_secs(3600);
    let token = store.issue(NewToken::new("amy").lifetime(hour)).unwrap();
    let profile = Profile::strict().cookie(SessionCookie::NAME).unwrap();
    let cookie = SessionCookie::of_profile(&profile).unwrap();
    let set = text(&cookie.write(token.secret.expose()).unwrap());
    let sent = set.split(';').next().unwrap();
    let guard = Guard::new(store.validator(), profile);
    let response = answer(&guard, get(&[("cookie", sent)]));
    assert_eq!(response.body(), "amy by Some(Cookie)");
    assert!(field(&response, "set-cookie").is_empty());
}

#[test]
fn a_cookie_that_does_not_log_in_is_cleared() {
    let (_dir, store) = store();
    let hour = Duration::from_secs(3600);
    let dead = store.issue(NewToken::new("amy").lifetime(hour)).unwrap();
    store.revoke(dead.id).unwrap();
    let early = NewToken::new("amy")
        .never_expires()
        .not_before(4_000_000_000);
    let early = store.issue(early).unwrap();
    let profile = Profile::strict().cookie("sid").unwrap();
    let guard = Guard::new(store.validator(), profile);
    let cleared = ["sid=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"];
    let of = |cookie: String| field(&answer(&guard, get(&[("cookie", &cookie)])), "set-cookie");

    assert_eq!(of(format!("sid={}", dead.secret.expose())), cleared);
    assert_eq!(of("sid=nonsense".to_owned()), cleared);
    // Also what can't be read, or the browser would be stuck with it.
    assert_eq!(of("sid=\"quoted\"".to_owned()), cleared);
    assert_eq!(of("sid=a; sid=b".to_owned()), cleared);
    // No cookie of ours, and one that will be good later.
    assert!(of("other=x".to_owned()).is_empty());
    assert!(of(format!("sid={}", early.secret.expose())).is_empty());
    let bearer = format!("Bearer {}", dead.secret.expose());
    let by_header = answer(&guard, get(&[("authorization", &bearer)]));
    assert!(field(&by_header, "set-cookie").is_empty());
    // The server's own fault takes nobody's session away.
    store.close().unwrap();
    assert!(of("sid=nonsense".to_owned()).is_empty());
}

#[test]
fn flipts_cookie_goes_by_its_profile() {
    let (_dir, store) = store();
    let profile = Profile::flipt();
    let cookie = SessionCookie::of_profile(&profile).unwrap();
    assert_eq!(cookie.name(), "flipt_client_token");
    let fields = [("cookie", "flipt_client_token=nonsense")];
    // Flipt's own test: the state of a login under way goes with the token.
    let guard = Guard::new(store.validator(), profile);
    assert_eq!(
        field(&answer(&guard, request("GET", "/", &fields)), "set-cookie"),
        [
            "flipt_client_token=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax",
            "flipt_client_state=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"
        ]
    );
    // It is cleared and never read.
    let state = [("cookie", "flipt_client_state=nonsense")];
    let nobody = answer(&guard, request("GET", "/", &state));
    assert!(field(&nobody, "set-cookie").is_empty());

    let guard = guard.session_cookie(cookie.same_site(SameSite::Strict));
    let response = answer(&guard, request("GET", "/", &fields));
    assert_eq!(
        field(&response, "set-cookie"),
        ["flipt_client_token=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict"]
    );
    // None of Flipt's own "WWW-Authenticate: request was not authenticated", which is no challenge.
    assert_eq!(
        field(&response, "www-authenticate"),
        [r#"Bearer realm="hallpass", error="invalid_token""#]
    );
}
