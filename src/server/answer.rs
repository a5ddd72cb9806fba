//! What endpoints answer: JSON that nobody keeps, or the refusal that a failure of the store means.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use http::{HeaderValue, StatusCode};
use serde_json::Value;

use crate::error::Error;
use crate::inactive::Inactive;
use crate::web::{Fault, Reason, Refusal};

/// What a handler answers with.
pub(super) type Answer = Result<Response, Refusal>;

/// 200 with this. Not to be kept by anybody: most of it holds a secret, or is about one (RFC 6749
/// section 5.1).
pub(super) fn ok(told: &Value) -> Response {
    let mut response = Response::new(Body::from(told.to_string()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// 200 without a body.
pub(super) fn done() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What an assertion that is not taken means for who showed it: `no`. Why goes to the log alone.
#[cfg(feature = "jwt")]
pub(super) fn not_signed(why: Inactive, no: impl Into<Reason>) -> Refusal {
    if !why.is_client_fault() {
        return why.into();
    }
    let (code, num) = (why.code(), why.num());
    tracing::debug!(target: "hallpass", code, num, "assertion refused");
    Refusal::new(no)
}

/// What a failure of the store means for who asked. What the caller can mend it is told; the rest
/// goes to the log.
pub(super) fn failed(error: Error) -> Refusal {
    let fault = match &error {
        Error::Limit { .. } | Error::Invalid { .. } | Error::WeakSecret { .. } => {
            return Refusal::new(Fault::Unacceptable).detail(&error.to_string());
        }
        Error::AlreadyExists => Fault::Exists.into(),
        Error::ClientDisabled => Fault::ClientDisabled.into(),
        Error::Closed | Error::ReadOnly { .. } | Error::Io { .. } => {
            Reason::Inactive(Inactive::Unavailable)
        }
        // Told as 500, whatever it is: the server's to mend.
        _ => Reason::Inactive(Inactive::Forked),
    };
    if fault.public().http_status >= 500 {
        // An `Error` holds no secret, and no text of a client.
        tracing::error!(target: "hallpass", code = error.code(), %error, "the store failed");
    }
    Refusal::new(fault)
}
