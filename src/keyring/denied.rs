//! Clients whose foreign tokens are refused: found by name, without a lock.
//!
//! In shards, each a map that is copied to be changed: a change copies one 64th of all denied
//! clients.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use arc_swap::ArcSwap;
use hashbrown::HashTable;

use super::Keyring;
use crate::inactive::Inactive;

const SHARDS: usize = 64;

type Shard = HashTable<(NameHash, Box<str>, Denial)>;

/// A client's name as it is looked up: computed once for a token that is remembered, so that a hit
/// reads the name itself only if there is a denial that may be its client's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct NameHash(u64);

/// Clients that are disabled, or whose tokens were revoked up to a time.
pub(super) struct Denied {
    hasher: RandomState,
    shards: [ArcSwap<Shard>; SHARDS],
}

/// What is refused of a client.
#[derive(Clone, Copy)]
struct Denial {
    disabled: bool,
    /// Tokens issued in this second or earlier.
    until_secs: Option<u64>,
}

impl Default for Denied {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| ArcSwap::default()),
        }
    }
}

impl Denied {
    pub(super) fn hash(&self, client: &str) -> NameHash {
        NameHash(self.hasher.hash_one(client))
    }

    fn shard(&self, NameHash(hash): NameHash) -> &ArcSwap<Shard> {
        // Not the bits that the shard's own table looks at.
        &self.shards[(hash >> 32) as usize % SHARDS]
    }

    /// Whether a token of `client` that says it was issued at `issued_at` is refused.
    pub(super) fn judge(
        &self,
        client: &str,
        hash: NameHash,
        issued_at: Option<u64>,
    ) -> Result<(), Inactive> {
        let shard = self.shard(hash).load();
        let is_client = |(_, name, _): &(_, Box<str>, _)| **name == *client;
        let Some((_, _, denial)) = shard.find(hash.0, is_client) else {
            return Ok(());
        };
        if is_revoked(denial.until_secs, issued_at) {
            return Err(Inactive::Revoked);
        }
        if denial.disabled {
            return Err(Inactive::ClientDisabled);
        }
        Ok(())
    }
}

/// A token that does not say when it was issued may be one of those that were revoked. So may one
/// that was issued in the same second.
pub(super) fn is_revoked(until_secs: Option<u64>, issued_at: Option<u64>) -> bool {
    until_secs.is_some_and(|until| issued_at.is_none_or(|at| at <= until))
}

impl Keyring {
    /// Says what is refused of a client's foreign tokens from now on. Called by one thread at a time.
    pub(crate) fn deny_client(&self, client: &str, disabled: bool, until_secs: Option<u64>) {
        if !self.takes_foreign() {
            return;
        }
        let hash = self.denied.hash(client);
        let shard = self.denied.shard(hash);
        let mut changed = Shard::clone(&shard.load());
        if let Ok(known) = changed.find_entry(hash.0, |(_, name, _)| **name == *client) {
            known.remove();
        }
        if disabled || until_secs.is_some() {
            let denial = Denial {
                disabled,
                until_secs,
            };
            let hash_of = |(hash, _, _): &(NameHash, _, _)| hash.0;
            changed.insert_unique(hash.0, (hash, client.into(), denial), hash_of);
        }
        shard.store(Arc::new(changed));
    }
}
