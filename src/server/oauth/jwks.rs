//! The public keys that verify what this server signs (RFC 7517).

use axum::extract::State;
use axum::response::Response;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::server::Shares;
use crate::server::answer::failed;

/// Public: whoever asks may keep them for five minutes.
pub(super) async fn jwks(State(shared): Shares) -> Response {
    let keys = shared.store.jwks().map_err(failed);
    shared.told(keys.map(|keys| {
        let mut response = Response::new(keys.into());
        let headers = response.headers_mut();
        // Section 8.5.
        let kind = HeaderValue::from_static("application/jwk-set+json");
        headers.insert(CONTENT_TYPE, kind);
        let keep = HeaderValue::from_static("public, max-age=300");
        headers.insert(CACHE_CONTROL, keep);
        response
    }))
}
