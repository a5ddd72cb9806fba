//! Tests of the whole table, one promise a file.

#[cfg(not(hallpass_loom))]
mod memory;
#[cfg(not(hallpass_loom))]
mod model;
#[cfg(hallpass_loom)]
mod protocol;
#[cfg(not(hallpass_loom))]
mod stress;

use super::{Digest, Entry};
use crate::token_id::TokenId;

/// A number that looks random, and is another one for each `n` (splitmix64).
pub(super) fn scramble(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

pub(super) fn id(n: u64) -> TokenId {
    TokenId::from_u64(n).unwrap()
}

/// The `n`-th of a row of entries as a store would issue them; every field follows from `n`.
pub(super) fn issued(n: u64) -> Entry {
    Entry {
        digest: Digest::of_words(scramble(2 * n), scramble(2 * n + 1)),
        id: id(n + 1),
        expires_at: scramble(n) as u32,
        grant: (scramble(n) >> 32) as u32,
        revoked: false,
        deferred: n.is_multiple_of(3),
        placed_by_digest: n.is_multiple_of(5),
    }
}
