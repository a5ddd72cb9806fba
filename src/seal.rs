//! The seal: count, digest and generation of all records, committed with every group of writes.
//!
//! `open` adds up the MACs of the records it scans anyway and compares. A database that lost or
//! gained a record, however consistently, does not match.

use serde::{Deserialize, Serialize};

use crate::sidecar::Mark;

/// The key of the seal in the meta tree.
pub(crate) const SEAL_KEY: &[u8] = b"seal";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seal {
    /// Rises by one with every group of writes.
    pub(crate) generation: u64,
    /// How many token records there are.
    pub(crate) tokens: u64,
    /// How many client records there are.
    pub(crate) clients: u64,
    /// How many key records there are.
    pub(crate) keys: u64,
    /// The MACs of all records, added up modulo 2^128: independent of their order.
    pub(crate) digest: u128,
    /// The highest id ever given out; purged tokens never give theirs back.
    pub(crate) last_id: u64,
    /// The least token id alive in the whole store: the kill switch raises it.
    pub(crate) epoch: u64,
    /// The latest time the store has acted on, in Unix seconds.
    pub(crate) latest_secs: u64,
}

impl Seal {
    /// What the sidecar remembers of it.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            generation: self.generation,
            digest: self.digest,
        }
    }

    /// Takes a record's MAC in, and the one it replaces out.
    pub(crate) fn replace(&mut self, old: Option<u128>, new: Option<u128>) {
        self.digest = self
            .digest
            .wrapping_sub(old.unwrap_or(0))
            .wrapping_add(new.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_depends_on_what_is_there_and_not_on_the_order() {
        let mut one = Seal::default();
        one.replace(None, Some(u128::MAX));
        one.replace(None, Some(5));
        one.replace(Some(5), Some(9));
        let mut other = Seal::default();
        other.replace(None, Some(9));
        other.replace(None, Some(u128::MAX));
        assert_eq!(one, other);
        other.replace(Some(9), None);
        assert_ne!(one, other);
    }
}
