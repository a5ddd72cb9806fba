//! An embedded token store for Rust servers.

#[cfg_attr(
    any(not(test), loom),
    expect(
        dead_code,
        unused_imports,
        reason = "the store and the validator use it when they come"
    )
)]
mod table;
mod token_id;

pub use token_id::{NotATokenId, TokenId};
