//! An embedded token store for Rust servers: issue, validate and revoke tokens in your own process.
//!
//! # What it is
//! hallpass keeps digests of tokens, client ids, expiry and revocation flags in [sled] trees, with
//! a secondary index per client, and answers [`Validator::validate`] from memory: no network, no
//! I/O, no lock, no allocation. *Memory answers, disk remembers.* Two handles share one store:
//!
//! * [`Store`], the control plane: open, issue, revoke, list, purge. It does I/O and can fail, with
//!   [`Error`].
//! * [`Validator`], the data plane: cheap to clone, for any thread. It answers [`Active`] or
//!   [`Inactive`], and has no `Error` in its types because it cannot fail.
//!
//! [`credential`] finds what is to be validated in a request: `Authorization`, cookie, query, gRPC
//! metadata, WebSocket subprotocol, by the RFCs or exactly as five existing systems do. `web`
//! (feature `http`) puts both in front of hyper, axum and tonic.
//!
//! # What it is not
//! No identity provider, no login page, no session framework, no policy engine, and no database for
//! several processes: one process opens a store, and a second one gets [`Error::Locked`].
//!
//! # Example
//! ```
//! use std::time::Duration;
//! use hallpass::{Inactive, NewToken, Store};
//!
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path();
//! let store = Store::open(path)?;
//! let hour = Duration::from_secs(3600);
//! let issued = store.issue(NewToken::new("client123").lifetime(hour).scopes(["read"]))?;
//!
//! let validator = store.validator(); // clone it into every thread
//! let active = validator.validate(issued.secret.expose())?;
//! assert_eq!(active.client_id(), "client123");
//! assert!(active.has_scope("read"));
//!
//! store.revoke_all("client123")?;
//! let refused = validator.validate(issued.secret.expose());
//! assert_eq!(refused.unwrap_err(), Inactive::Revoked);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//! Each has a test that fails when it is broken.
//!
//! 1. Once `revoke`, `revoke_all`, `revoke_everything`, `disable_client` or (with the feature `jwt`)
//!    `retire_key`, `revoke_foreign` or `revoke_client_key` has returned, with `Ok`
//!    **or** `Err`, no `validate` that starts later on any thread accepts that token.
//! 2. What returned `Ok` survives the death of the process and the loss of power, on a disk that
//!    honours `fdatasync`. A relaxed mode must be asked for by name ([`Durability::Buffered`]).
//! 3. What did not return `Ok` is, after a crash, wholly there or wholly absent.
//! 4. A damaged store is never opened silently: the same content, or [`Error::Corrupt`].
//! 5. `validate` never fails, blocks, allocates, logs or writes, and takes time linear in the length
//!    of its input. (A thread's first call keeps a reference to the table for the thread; it is
//!    renewed when the table has been laid out anew.)
//! 6. A token is active if and only if `now < expires_at` (RFC 7519 section 4.1.4). Within one
//!    opening of the store, and from one clean close to the next opening, time never goes back,
//!    whatever the clock does. A store that is killed remembers the time of its last write, or of
//!    its last [`Store::purge`] but for a minute; see [`Store::flush`].
//! 7. No secret on disk, in errors, in `Debug`. Comparison takes the same time whatever the secret.
//! 8. A format once released opens for ever.
//! 9. A second opener gets [`Error::Locked`]. A forked child is refused: by the store at once, by its
//!    validators from the clock's next second on.
//!
//! Not promised: durability on disks that lie; that a store can be opened after the power failed in
//! the very milliseconds in which it was being opened (it may be refused as damaged: sled overwrites
//! what its old snapshot needs before the name of the new one is durable); detection of a roll-back of the whole directory
//! (unless [`Options::least_generation`] is used), secrecy against root. Bearer tokens can be
//! replayed by whoever sees them; that is their nature.
//!
//! # When something goes wrong
//! [`Store::backup`] copies a store that serves, and [`Store::restore`] makes a store of it;
//! [`Store::repair`] makes one of what of a damaged store is provably intact; [`Store::compact`]
//! gives back the room that sled keeps. With the feature `export`, a store is written as JSON Lines
//! and read again. None of them writes over a store, and none brings back what was revoked unless
//! that is asked for in a word: [`LostRevocations`].
//!
//! # Limits
//! In numbers, in [`limits`]. Whatever exceeds one is refused with an error that names it.
//!
//! [sled]: https://docs.rs/sled/0.34.7

#![cfg_attr(docsrs, feature(doc_cfg))]
// A server's front door does not panic. Tests and benches may.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod active;
mod auth;
mod challenge;
mod client_id;
mod clock;
pub mod credential;
mod digest;
mod disk;
mod error;
mod inactive;
#[cfg(any(feature = "jwt", feature = "server"))]
mod json;
#[cfg(feature = "jwt")]
pub mod jwt;
#[cfg(feature = "jwt")]
mod keyed_sha256;
#[cfg(feature = "jwt")]
mod keyring;
mod kind;
mod live;
mod new_token;
mod options;
mod public_answer;
mod record;
mod scope;
mod seal;
mod secret;
#[cfg(feature = "server")]
pub mod server;
mod sidecar;
mod store;
mod table;
#[cfg(feature = "testkit")]
pub mod testkit;
mod token_id;
mod token_text;
mod used;
mod validator;
#[cfg(feature = "http")]
pub mod web;

pub use active::Active;
pub use auth::Auth;
pub use challenge::Challenge;
pub use client_id::{ClientId, NotAClientId};
pub use clock::{Clock, SystemClock};
pub use digest::DigestKey;
pub use error::Error;
pub use inactive::{ClientFault, Inactive, Oversize};
#[cfg(feature = "jwt")]
pub use keyring::{ActiveForeign, ClientAssertion};
pub use kind::Kind;
pub use new_token::{Issued, NewToken};
pub use options::{Durability, Options, Progress};
pub use public_answer::PublicAnswer;
pub use scope::Scopes;
pub use secret::Secret;
pub use store::{
    BackedUp, ClientInfo, Compacted, LostRevocations, Page, Purged, Repaired, Restored, Revocation,
    RevokeReason, Stats, Store, TokenInfo, TokenStatus, Verified,
};
#[cfg(feature = "export")]
pub use store::{Digests, Exported, Imported};
#[cfg(feature = "jwt")]
pub use store::{KeyInfo, KeyState, NewClientKey};
pub use token_id::{NotATokenId, TokenId};
pub use used::Used;
pub use validator::Validator;

/// The limits, in numbers. Whatever exceeds one is refused with an error that names it.
pub mod limits {
    pub use crate::client_id::CLIENT_ID_MAX_BYTES;
    pub use crate::credential::{
        COOKIE_BYTES_MAX, COOKIE_PAIRS_MAX, CREDENTIAL_BYTES_MAX, QUERY_BYTES_MAX,
    };
    pub use crate::new_token::{
        AUDIENCE_MAX_BYTES, AUDIENCES_MAX, EXPIRES_AT_MAX, METADATA_MAX_BYTES,
        METADATA_MAX_ENTRIES, PAIR_ID_MAX_BYTES,
    };
    pub use crate::scope::{SCOPE_MAX_BYTES, SCOPES_MAX};
    pub use crate::token_text::PREFIX_MAX_BYTES;
}

/// Compiles what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
