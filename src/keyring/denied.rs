//! Clients whose foreign tokens are refused: found by name, without a lock.
//!
//! In shards, each a map that is copied to be changed: a change copies one 64th of all denied
//! clients.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Keyring;
use crate::inactive::Inactive;

const SHARDS: usize = 64;

type Shard = HashMap<Box<str>, Denial>;

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
    fn shard(&self, client: &str) -> &ArcSwap<Shard> {
        let hash = self.hasher.hash_one(client);
        &self.shards[hash as usize % SHARDS]
    }

    /// Whether a token of `client` that says it was issued at `issued_at` is refused.
    pub(super) fn judge(&self, client: &str, issued_at: Option<u64>) -> Result<(), Inactive> {
        let shard = self.shard(client).load();
        let Some(denial) = shard.get(client) else {
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
        let shard = self.denied.shard(client);
        let mut changed = Shard::clone(&shard.load());
        if disabled || until_secs.is_some() {
            let denial = Denial {
                disabled,
                until_secs,
            };
            changed.insert(client.into(), denial);
        } else {
            changed.remove(client);
        }
        shard.store(Arc::new(changed));
    }
}
