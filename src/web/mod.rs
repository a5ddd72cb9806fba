//! In front of an HTTP, WebSocket or gRPC server (feature `http`; `axum` for handlers of axum).
//!
//! A [`Refusal`] is every answer "no" as a response: the status, one `WWW-Authenticate` line for
//! each scheme, a JSON body in the [`Form`] you choose, `Cache-Control: no-store`. What the log may
//! know and the client may not goes with the response as its [`Reason`], among the extensions, and
//! to [`tracing`], and is in none of the bytes.
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

mod body;
mod cookie;
mod csrf;
#[cfg(feature = "axum")]
mod extract;
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

pub use body::FromText;
pub use cookie::{NotACookieValue, SameSite, SessionCookie};
pub use csrf::{Csrf, NotAnOrigin};
#[cfg(feature = "axum")]
pub use extract::{FromCookie, FromHeader, Scope, Scoped};
#[cfg(feature = "tonic")]
pub use grpc::{Bearer, NotABearer};
pub use guard::Guard;
#[cfg(feature = "tower")]
pub use layer::{Guarded, ResponseFuture};
pub use manner::{Form, Manner};
pub use reason::Reason;
pub use refusal::Refusal;
pub use subprotocol::protocol_to_echo;
pub use ticket::Tickets;
