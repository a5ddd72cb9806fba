//! An embedded token store for Rust servers.

mod token_id;

pub use token_id::{NotATokenId, TokenId};
