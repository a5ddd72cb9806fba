//! An embedded token store for Rust servers.

mod challenge;
pub mod credential;
mod inactive;
mod public_answer;
mod token_id;

pub use challenge::Challenge;
pub use inactive::{ClientFault, Inactive, Oversize};
pub use public_answer::PublicAnswer;
pub use token_id::{NotATokenId, TokenId};
