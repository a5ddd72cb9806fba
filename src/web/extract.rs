//! axum: extractors for what the guard validated, and refusals as responses.

use std::marker::PhantomData;
use std::ops::Deref;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use super::reason::Reason;
use super::refusal::{Anonymous, Refusal};
use crate::auth::Auth;
use crate::credential::Source;
use crate::inactive::Inactive;

/// Told in the manner of the nearest [`Guard`](super::Guard) around the handler.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.defer()
    }
}

impl IntoResponse for Inactive {
    fn into_response(self) -> Response {
        Refusal::from(self).defer()
    }
}

impl IntoResponse for Reason {
    fn into_response(self) -> Response {
        Refusal::from(self).defer()
    }
}

/// What the guard found; [`Reason::Unguarded`] if there is no guard.
fn found(parts: &Parts) -> Result<Option<&Auth>, Refusal> {
    match parts.extensions.get::<Auth>() {
        Some(auth) => Ok(Some(auth)),
        None if parts.extensions.get::<Anonymous>().is_some() => Ok(None),
        None => Err(Reason::Unguarded.into()),
    }
}

/// The token that the [`Guard`](super::Guard) in front of the handler validated. Behind an optional
/// guard, a request that shows none is answered 401; without a guard every request is answered 500.
impl<S: Sync> FromRequestParts<S> for Auth {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let auth = found(parts)?.ok_or(Inactive::Missing)?;
        Ok(auth.clone())
    }
}

/// `None` if the guard is optional and the request shows no credential. A bad credential is the
/// guard's to refuse, and no guard at all is answered 500.
impl<S: Sync> OptionalFromRequestParts<S> for Auth {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Refusal> {
        Ok(found(parts)?.cloned())
    }
}

/// A scope, named by a type, for [`Scoped`].
pub trait Scope {
    /// The scope, to the byte.
    const NAME: &'static str;
}

/// The token, if it has the scope; otherwise 403, and the challenge names the scope.
///
/// ```
/// use hallpass::web::{Scope, Scoped};
///
/// struct Write;
/// impl Scope for Write {
///     const NAME: &'static str = "write";
/// }
///
/// async fn put(auth: Scoped<Write>) -> String {
///     auth.client_id().to_owned()
/// }
/// ```
pub struct Scoped<N> {
    auth: Auth,
    scope: PhantomData<fn() -> N>,
}

impl<S: Sync, N: Scope> FromRequestParts<S> for Scoped<N> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let auth = found(parts)?.ok_or(Inactive::Missing)?;
        if !auth.has_scope(N::NAME) {
            return Err(Refusal::needs_scope(N::NAME));
        }
        Ok(Self {
            auth: auth.clone(),
            scope: PhantomData,
        })
    }
}

impl<N> Deref for Scoped<N> {
    type Target = Auth;

    fn deref(&self) -> &Auth {
        &self.auth
    }
}

/// The token, if it came in a header field or in gRPC metadata: what a program sends on purpose
/// and a browser never by itself. Otherwise 401.
#[derive(Clone, Debug)]
pub struct FromHeader(pub Auth);

/// The token, if it came in a cookie: what a browser sends. Otherwise 401.
#[derive(Clone, Debug)]
pub struct FromCookie(pub Auth);

impl<S: Sync> FromRequestParts<S> for FromHeader {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let is_header = |source| matches!(source, Source::Header | Source::Metadata);
        shown_in(parts, is_header).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for FromCookie {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        shown_in(parts, |source| source == Source::Cookie).map(Self)
    }
}

fn shown_in(parts: &Parts, allowed: impl Fn(Source) -> bool) -> Result<Auth, Refusal> {
    let auth = found(parts)?.ok_or(Inactive::Missing)?;
    match auth.source().is_some_and(allowed) {
        true => Ok(auth.clone()),
        false => Err(Reason::Source.into()),
    }
}
