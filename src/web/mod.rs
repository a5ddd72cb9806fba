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

#[cfg(feature = "axum")]
mod extract;
mod manner;
mod reason;
mod refusal;

pub use manner::{Form, Manner};
pub use reason::Reason;
pub use refusal::Refusal;
