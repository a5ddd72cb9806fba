//! An embedded token store for Rust servers.

mod active;
mod client_id;
mod clock;
pub mod credential;
mod digest;
mod disk;
mod error;
mod inactive;
mod kind;
mod live;
mod new_token;
mod options;
mod public_answer;
mod record;
mod scope;
mod seal;
mod secret;
mod store;
mod table;
mod token_id;
mod token_text;
mod validator;

pub use active::Active;
pub use client_id::{ClientId, NotAClientId};
pub use clock::{Clock, SystemClock};
pub use digest::DigestKey;
#[cfg(feature = "testkit")]
pub use disk::fake::FakeDisk;
pub use error::Error;
pub use inactive::{ClientFault, Inactive, Oversize};
pub use kind::Kind;
pub use new_token::{Issued, NewToken};
pub use options::{Durability, Options, Progress};
pub use public_answer::{Challenge, PublicAnswer};
pub use scope::Scopes;
pub use secret::Secret;
pub use store::{
    ClientInfo, Page, Purged, Revocation, RevokeReason, Stats, Store, TokenInfo, TokenStatus,
    Verified,
};
pub use token_id::{NotATokenId, TokenId};
pub use validator::Validator;

/// The limits, in numbers. Whatever exceeds one is refused with an error that names it.
pub mod limits {
    pub use crate::client_id::CLIENT_ID_MAX_BYTES;
    pub use crate::new_token::{
        EXPIRES_AT_MAX, METADATA_MAX_BYTES, METADATA_MAX_ENTRIES, PAIR_ID_MAX_BYTES,
    };
    pub use crate::scope::{SCOPE_MAX_BYTES, SCOPES_MAX};
    pub use crate::token_text::PREFIX_MAX_BYTES;
}
