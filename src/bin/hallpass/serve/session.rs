//! A token as a browser's session cookie: into the browser, and out of it again.

use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use hallpass::credential::{Credential, Profile, Scratch};
use hallpass::web::{FromCookie, Reason, SessionCookie};
use hallpass::{Auth, Clock as _, SystemClock};

/// Gives the browser the token that its page shows in `Authorization`, for as long as the token
/// lives. A page of another site can't set that field, so that nobody is logged in as somebody else.
pub(super) async fn login(auth: Auth, request: Request) -> Result<Response, Reason> {
    let shown = hallpass::web::request(request.method(), request.uri(), request.headers());
    let mut scratch = Scratch::new();
    let found = Profile::strict().find(&shown, &mut scratch)?;
    // A client's secret is for its server, and not for a browser.
    let Credential::Token { text, .. } = found else {
        return Err(Reason::Source);
    };
    let mut cookie = SessionCookie::new();
    if let Some(end) = auth.expires_at() {
        cookie = cookie.max_age_secs(end.saturating_sub(SystemClock.now_secs()));
    }
    let text = std::str::from_utf8(text).map_err(|_| Reason::Source)?;
    let set = cookie.write(text).map_err(|_| Reason::Source)?;
    Ok(done(set))
}

/// Takes the cookie away. The token lives on: to end it is `/oauth/revoke`'s.
pub(super) async fn logout(_: FromCookie) -> Response {
    done(SessionCookie::new().clear())
}

fn done(cookie: HeaderValue) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(SET_COOKIE, cookie);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
