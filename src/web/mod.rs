//! In front of an HTTP, WebSocket or gRPC server.
//!
//! A [`Guard`] decides who may pass: it finds the credential by a profile, validates it, and answers
//! the others. It is a `tower` layer, a tonic interceptor and a plain function, whichever the server
//! has a place for:
//!
//! | feature | gives | for |
//! |---|---|---|
//! | `http` | [`Guard::check`], [`request`], [`Refusal`], [`SessionCookie`], [`Tickets`] | any server that speaks the `http` crate |
//! | `tower` | the guard as a layer | hyper, axum and tonic |
//! | `axum` | [`Auth`](crate::Auth), `Option<Auth>`, `Scoped`, `FromHeader`, `FromCookie` as extractors; refusals as responses | axum 0.8 |
//! | `tonic` | the guard as an interceptor, refusals as statuses, `Bearer` for clients | tonic 0.14 |
//!
//! It reads the head of a request and never its body. Behind it a request has an
//! [`Auth`](crate::Auth) among its extensions, and the field that carried the credential is marked
//! sensitive. A layer that answers for CORS belongs in front of it: a browser's preflight request
//! shows no credential.
//!
//! ```
//! # #[cfg(feature = "axum")] fn app(store: hallpass::Store) -> axum::Router {
//! use axum::{Router, routing::get};
//! use hallpass::{Auth, credential::Profile, web::Guard};
//!
//! let app = Router::new()
//!     .route("/me", get(async |auth: Auth| auth.client_id().to_owned()))
//!     .layer(Guard::new(store.validator(), Profile::strict()));
//! # app }
//! ```
//!
//! # Refusals
//! A [`Refusal`] is every answer "no" as a response: the status, one `WWW-Authenticate` line for
//! each scheme, a JSON body in the [`Form`] you choose, `Cache-Control: no-store`; to a gRPC call,
//! its status in trailers. What the log may know and the client may not goes with the response as
//! its [`Reason`], among the extensions, and to [`tracing`] (target `hallpass`: errors are this
//! server's fault, warnings look like attacks, the rest is debug), and is in none of the bytes.
//!
//! ```
//! use hallpass::{Inactive, web::{Manner, Reason, Refusal}};
//!
//! let refusal = Refusal::from(Inactive::ClientMismatch);
//! let response: http::Response<String> = refusal.respond(&Manner::new().realm("api"));
//! assert_eq!(response.status(), 401);
//! let challenge = &response.headers()["www-authenticate"];
//! assert_eq!(challenge, r#"Bearer realm="api", error="invalid_token""#);
//! // For the log only: the client can't tell this from an unknown token.
//! let why = response.extensions().get::<Reason>().copied();
//! assert_eq!(why.map(Reason::code), Some("token.client_mismatch"));
//! ```
//!
//! # Browsers
//! What a browser adds to a request by itself, a cookie above all, passes an unsafe method only with
//! proof that a page of this site made the request ([`Csrf`]). A cookie that does not log in is
//! cleared. A WebSocket, on which a browser can set no header field, is best opened with a ticket
//! ([`Tickets`]); the subprotocol `bearer, <token>` and a query parameter work too, where the
//! profile allows them. A connection outlives its request: ask
//! [`Auth::revalidate`](crate::Auth::revalidate) now and then.
//!
//! # Last used
//! Validation writes nothing, so nobody knows when a token was last used unless the guard is told to
//! gather it ([`Usage`]), and [`Store::keep_uses`](crate::Store::keep_uses) to keep it.
//!
//! # Foreign issuers
//! Tokens that somebody else issued pass a guard that was told so (`Guard::foreign`, feature `jwt`),
//! under the same rules, and can be revoked as the store's own can.
//!
//! # Not here
//! No rate is limited but that of tickets.

mod body;
mod cookie;
mod csrf;
#[cfg(feature = "axum")]
mod extract;
mod fault;
#[cfg(feature = "tonic")]
mod grpc;
mod guard;
mod headers;
#[cfg(feature = "tower")]
mod layer;
mod manner;
mod reason;
mod refusal;
mod subprotocol;
mod ticket;
mod usage;

pub use body::FromText;
pub use cookie::{NotACookieValue, SameSite, SessionCookie};
pub use csrf::{Csrf, NotAnOrigin};
#[cfg(feature = "axum")]
pub use extract::{FromCookie, FromHeader, Scope, Scoped};
pub use fault::Fault;
#[cfg(feature = "tonic")]
pub use grpc::{Bearer, NotABearer};
pub use guard::Guard;
pub use headers::request;
#[cfg(feature = "tower")]
pub use layer::{Guarded, ResponseFuture};
pub use manner::{Form, Manner};
pub use reason::Reason;
pub use refusal::Refusal;
pub use subprotocol::protocol_to_echo;
pub use ticket::Tickets;
pub use usage::Usage;
