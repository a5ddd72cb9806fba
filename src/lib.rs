//! An embedded token store for Rust servers.

pub mod credential;
mod inactive;
mod public_answer;
mod token_id;

pub use inactive::{ClientFault, Inactive, Oversize};
pub use public_answer::{Challenge, PublicAnswer};
pub use token_id::{NotATokenId, TokenId};
