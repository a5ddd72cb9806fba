//! axum: `Auth` as an extractor, refusals as responses.

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use super::manner::Manner;
use super::reason::Reason;
use super::refusal::Refusal;
use crate::auth::Auth;
use crate::inactive::Inactive;

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.respond::<Body>(&Manner::new())
    }
}

impl IntoResponse for Inactive {
    fn into_response(self) -> Response {
        Refusal::from(self).into_response()
    }
}

/// The token that the guard in front of the handler validated.
impl<S: Sync> FromRequestParts<S> for Auth {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts
            .extensions
            .get::<Auth>()
            .cloned()
            .ok_or_else(|| Refusal::new(Reason::Unguarded))
    }
}

/// `None` if the guard is optional and the request shows no credential.
impl<S: Sync> OptionalFromRequestParts<S> for Auth {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Refusal> {
        Ok(parts.extensions.get::<Auth>().cloned())
    }
}
