//! An embedded token store for Rust servers.

mod inactive;
#[cfg(feature = "jwt")]
pub mod jwt;
mod public_answer;
mod token_id;

pub use inactive::{ClientFault, Inactive, Oversize};
pub use public_answer::{Challenge, PublicAnswer};
pub use token_id::{NotATokenId, TokenId};
