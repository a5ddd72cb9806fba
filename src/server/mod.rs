//! Endpoints that issue, revoke and list, as an axum [`Router`] to mount: OAuth 2.0's, and those of
//! the systems that [`Profile`] knows.
//!
//! | group | endpoints | who may ask |
//! |---|---|---|
//! | [`wispr`](Endpoints::wispr) | `POST /generate_access_token`, `/revoke_token`, `/revoke_client_tokens` | API key |
//! | [`oauth`](Endpoints::oauth) | `POST /oauth/token` | client id and secret, or an assertion that the client signed |
//! | | `POST /oauth/introspect`, `/oauth/revoke` | client id and secret, API key |
//! | | `GET /.well-known/jwks.json` (feature `jwt`) | anybody |
//! | [`flipt`](Endpoints::flipt) | `POST /auth/v1/method/token`, `GET /auth/v1/tokens`, `GET` and `DELETE /auth/v1/tokens/{id}` | API key |
//! | | `GET /auth/v1/self`, `PUT /auth/v1/self/expire` | the token itself |
//! | [`frontier`](Endpoints::frontier) | `POST /v1beta1/serviceusers`, `/v1beta1/serviceusers/{id}/secrets`, `/v1beta1/serviceusers/{id}/keys` (feature `jwt`), `GET /v1beta1/serviceusers/{id}/keys/{kid}` (feature `jwt`) | API key |
//! | | `POST /v1beta1/auth/token` | as `/oauth/token` |
//! | [`frappe`](Endpoints::frappe) | `POST /api/method/frappe.core.doctype.user.user.generate_keys` | API key |
//! | | `GET /api/method/frappe.auth.get_logged_user` | api-key and api-secret, token |
//!
//! ```no_run
//! # #[cfg(feature = "server")] async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use hallpass::{Store, server::Endpoints};
//!
//! let store = Arc::new(Store::open("tokens")?);
//! let endpoints = Endpoints::new(Arc::clone(&store));
//! let app: axum::Router = endpoints.wispr().merge(endpoints.oauth());
//! # Ok(()) }
//! ```
//!
//! # Tokens issue no tokens
//! A credential of a kind that an endpoint does not take is refused there, however good it is: a
//! leaked access token gets nobody a second one. An **API key manages the whole store**: what it
//! issues and revokes by the name of a client may be anybody's. Several organisations need a store
//! each. (Flipt's tokens and Frontier's service users are an exception: a key sees those of its own
//! client only.) To let only some API keys manage, ask for a scope: [`Endpoints::manage_scope`].
//!
//! # Requests
//! Who asks is checked before a body is read. A body has at most 64 KiB and one media type (415
//! otherwise, 413 if it is larger); JSON is one object without a name twice and without members that
//! are not known; a form has no parameter twice. What is wrong is told with 400, and nothing was
//! done. How long a client may take is the server's to limit.
//!
//! # The disk
//! A change to the store waits for a sync. That is done on a thread of
//! [`tokio::task::spawn_blocking`], so that the runtime goes on: the router needs a tokio runtime.
//! When a client goes away or is cut off in the middle, the change is made all the same.

mod answer;
mod body;
mod caller;
mod flipt;
mod frappe;
mod frontier;
mod oauth;
mod wispr;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;

use crate::credential::Profile;
use crate::error::Error;
use crate::inactive::Inactive;
use crate::new_token::NewToken;
use crate::store::Store;
use crate::web::{Fault, Form, Guard, Manner, Refusal};
use answer::failed;

/// The most that is read of a body, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The endpoints over one store, a router for each system; see the [module](self).
///
/// Every router stands by itself: mount those that you need, under a path of your choice. They keep
/// the store open; [`Store::revoke_all`] and the others can be called beside them.
#[derive(Clone)]
pub struct Endpoints {
    shared: Arc<Shared>,
}

#[derive(Clone)]
struct Shared {
    store: Arc<Store>,
    manner: Manner,
    body_bytes_max: usize,
    lifetime_max: Duration,
    access_token_lifetime: Duration,
    manage_scope: Option<String>,
    #[cfg(feature = "jwt")]
    signed: bool,
    #[cfg(feature = "jwt")]
    assertion_audience: Option<String>,
}

/// What every handler gets.
type Shares = axum::extract::State<Arc<Shared>>;

impl Endpoints {
    /// With the defaults: bodies of 64 KiB, tokens of an hour from OAuth's endpoints and of a year at
    /// most from the others, opaque ones, no assertions.
    #[must_use]
    pub fn new(store: Arc<Store>) -> Self {
        Self {
            shared: Arc::new(Shared {
                store,
                manner: Manner::new(),
                body_bytes_max: BODY_BYTES_MAX,
                lifetime_max: Duration::from_secs(8760 * 3600),
                access_token_lifetime: Duration::from_secs(3600),
                manage_scope: None,
                #[cfg(feature = "jwt")]
                signed: false,
                #[cfg(feature = "jwt")]
                assertion_audience: None,
            }),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        change(Arc::make_mut(&mut self.shared));
        self
    }

    /// How refusals are told. Wispr's endpoints answer in Wispr's form, OAuth's in OAuth's, whatever
    /// the form in it.
    #[must_use]
    pub fn manner(self, manner: Manner) -> Self {
        self.with(|shared| shared.manner = manner)
    }

    /// The most that is read of a body, in bytes.
    #[must_use]
    pub fn body_bytes_max(self, bytes: usize) -> Self {
        self.with(|shared| shared.body_bytes_max = bytes)
    }

    /// The longest life that may be asked for. Longer is refused, not cut.
    #[must_use]
    pub fn lifetime_max(self, lifetime: Duration) -> Self {
        self.with(|shared| shared.lifetime_max = lifetime)
    }

    /// How long an access token of `/oauth/token` and `/v1beta1/auth/token` lives.
    #[must_use]
    pub fn access_token_lifetime(self, lifetime: Duration) -> Self {
        self.with(|shared| shared.access_token_lifetime = lifetime)
    }

    /// Asks for this scope wherever an API key is asked for.
    #[must_use]
    pub fn manage_scope(self, scope: &str) -> Self {
        self.with(|shared| shared.manage_scope = Some(scope.to_owned()))
    }

    /// Issues JWTs for clients in place of opaque tokens, at Wispr's endpoint and at OAuth's. The
    /// store needs a signing key.
    #[cfg(feature = "jwt")]
    #[must_use]
    pub fn jwt(self) -> Self {
        self.with(|shared| shared.signed = true)
    }

    /// Takes assertions that clients sign with their own keys, for an access token or as proof of
    /// who asks (RFC 7523 sections 2.1 and 2.2). `audience` is what they must be for: by custom, the
    /// URL of the token endpoint as clients know it. Without it there are none.
    ///
    /// Each is taken once, and so needs `jti` and `iat`, as
    /// [`Validator::validate_client_assertion`](crate::Validator::validate_client_assertion) has it;
    /// when the server has started anew, a client signs another. When no more can be remembered, the
    /// answer is 503. Frontier's own SDK shows one text for twelve hours, and names neither its client
    /// as `iss` nor an audience, so it gets nothing here.
    #[cfg(feature = "jwt")]
    #[must_use]
    pub fn assertion_audience(self, audience: &str) -> Self {
        self.with(|shared| shared.assertion_audience = Some(audience.to_owned()))
    }

    /// Wispr Flow's management endpoints. Refusals are `{"detail": "..."}`.
    ///
    /// * `POST /generate_access_token` with `client_id`, `duration_secs`, and if need be `metadata`,
    ///   a dictionary of texts: `{"access_token", "expires_in"}`.
    /// * `POST /revoke_token` with `access_token`, and `POST /revoke_client_tokens` with
    ///   `client_id`: `{"status": "success", "message"}`, also when there was nothing to revoke. The
    ///   client of the API key is a client like others: its key ends with the rest.
    pub fn wispr(&self) -> Router {
        self.shared.guarded(wispr::router(), Form::Wispr)
    }

    /// OAuth 2.0: the token endpoint (RFC 6749 section 4.4; RFC 7523), introspection (RFC 7662),
    /// revocation (RFC 7009), and the public keys (RFC 7517).
    ///
    /// * A client proves who it is by Basic (its id and secret as they are, or form-encoded as
    ///   section 2.3.1 has it), by `client_id` and `client_secret` in the body, or by
    ///   `client_assertion`; by two of them at once, it is refused.
    /// * A token has the scopes that are asked for, at most those of the client's secret, and all of
    ///   them if none is asked for. A client that signs has none.
    /// * Introspection answers whatever is not active, or not the client's own, with exactly
    ///   `{"active":false}`. API keys, and client secrets with the scope `introspect`, are told of
    ///   everybody's tokens.
    /// * Revocation answers 200 also for what is unknown; a client that shows another's token is told
    ///   `invalid_grant`, and nothing is revoked. An API key may revoke every token.
    pub fn oauth(&self) -> Router {
        oauth::router().with_state(Arc::clone(&self.shared))
    }

    /// Flipt's endpoints for client tokens. A token is the API key's client's; an expiry can only be
    /// brought forward.
    pub fn flipt(&self) -> Router {
        let managed = self.shared.guarded(flipt::managed(), self.shared.form());
        let own = Guard::new(self.shared.store.validator(), Profile::flipt());
        let own = own.manner(self.shared.manner.clone());
        let of_token = flipt::of_token().with_state(Arc::clone(&self.shared));
        managed.merge(of_token.layer(own))
    }

    /// Frontier's endpoints for service users. One is the API key's client's, and known to the store
    /// from its first secret or key on.
    pub fn frontier(&self) -> Router {
        let managed = self.shared.guarded(frontier::managed(), self.shared.form());
        managed.merge(frontier::open().with_state(Arc::clone(&self.shared)))
    }

    /// Frappe's endpoints for api-key and api-secret. A user has one pair; a new secret ends the old.
    pub fn frappe(&self) -> Router {
        let managed = self.shared.guarded(frappe::managed(), self.shared.form());
        let own = Guard::new(self.shared.store.validator(), Profile::frappe());
        let own = own.manner(self.shared.manner.clone());
        managed.merge(frappe::of_user().layer(own))
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints")
            .field("manner", &self.shared.manner)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// With a guard in front that reads `Authorization` alone.
    fn guarded(self: &Arc<Self>, router: Router<Arc<Self>>, form: Form) -> Router {
        let mut guard = Guard::new(self.store.validator(), Profile::strict())
            .manner(self.manner.clone().form(form));
        if let Some(scope) = &self.manage_scope {
            guard = guard.scope(scope);
        }
        router.with_state(Arc::clone(self)).layer(guard)
    }

    fn form(&self) -> Form {
        self.manner.form
    }

    /// Does something that may wait for the disk where nobody waits for it.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Refusal> {
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(done) => done.map_err(failed),
            // It panicked, or the runtime is shutting down.
            Err(_) => Err(Inactive::Unavailable.into()),
        }
    }

    /// Refuses a life that is longer than may be asked for.
    fn check_lifetime(&self, lifetime: Duration) -> Result<(), Refusal> {
        let (max, asked) = (self.lifetime_max.as_secs(), lifetime.as_secs());
        if asked <= max {
            return Ok(());
        }
        let told = format!("the longest life is {max} seconds, and {asked} were asked for");
        Err(Refusal::new(Fault::Unacceptable).detail(&told))
    }

    /// A token for a client to show: signed, if that was asked for.
    fn access_token(&self, client: &str) -> NewToken {
        #[cfg(feature = "jwt")]
        if self.signed {
            return NewToken::jwt(client).token_id_claim();
        }
        NewToken::new(client)
    }
}
