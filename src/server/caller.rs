//! Who asks, as a type: a handler that has an [`ApiKey`] was called with one.

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::auth::Auth;
use crate::inactive::Inactive;
use crate::kind::Kind;
use crate::web::Refusal;

/// An organisation's API key, shown in `Authorization`. Nothing else manages.
pub(super) struct ApiKey(pub(super) Auth);

impl<S: Sync> FromRequestParts<S> for ApiKey {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        of_kind(parts, state, &[Kind::ApiKey]).await.map(Self)
    }
}

/// The token of a client, opaque or signed.
pub(super) struct ClientToken(pub(super) Auth);

impl<S: Sync> FromRequestParts<S> for ClientToken {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let kinds = [Kind::Token, Kind::Jwt];
        of_kind(parts, state, &kinds).await.map(Self)
    }
}

async fn of_kind<S: Sync>(parts: &mut Parts, state: &S, kinds: &[Kind]) -> Result<Auth, Refusal> {
    let auth = <Auth as FromRequestParts<S>>::from_request_parts(parts, state).await?;
    match auth.kind() {
        Some(kind) if kinds.contains(&kind) => Ok(auth),
        _ => Err(Inactive::Kind.into()),
    }
}

/// A caller's name in the log of what it revokes.
pub(super) fn name(auth: &Auth) -> String {
    match auth.token_id() {
        Some(id) => id.to_string(),
        None => shortened(auth.client_id()),
    }
}

/// As long as a name in that log may be.
pub(super) fn shortened(client: &str) -> String {
    client.chars().take(64).collect()
}
