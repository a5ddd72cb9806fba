//! Assertions that were taken: each counts once (RFC 7523 section 3, item 7).
//!
//! In memory, in shards by client, each with a lock of its own: beside the signature that was just
//! verified, a lock costs nothing. What is full refuses, for a forgotten assertion could be taken
//! again; a client that fills its shard hurts one 64th of all, and for an hour at most.
//! What was taken before the store was opened is not known here: whoever asks refuses all that was
//! issued by then.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Mutex;

use crate::inactive::Inactive;

const SHARDS: usize = 64;
/// Assertions in a shard: 26 MB in all shards when they are full.
const SHARD_ENTRIES_MAX: usize = 8192;

/// What stands for a client and a `jti`: 128 bits that nobody can choose.
type Name = [u64; 2];

/// Assertions that were taken, with the seconds at which they expire.
pub(super) struct Used {
    hashers: [RandomState; 2],
    shards: [Mutex<HashMap<Name, u64>>; SHARDS],
}

impl Default for Used {
    fn default() -> Self {
        Self {
            hashers: std::array::from_fn(|_| RandomState::new()),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }
}

impl Used {
    /// Takes the assertion `jti` of `client`, which expires at `expires_at`; refused if it was taken
    /// before, or if there is no room to remember it.
    pub(super) fn take(
        &self,
        client: &str,
        jti: &str,
        expires_at: u64,
        now: u64,
    ) -> Result<(), Inactive> {
        let name = self
            .hashers
            .each_ref()
            .map(|with| with.hash_one((client, jti)));
        let shard = self.hashers[0].hash_one(client) as usize % SHARDS;
        // What a panic could have left behind is a whole map.
        let mut shard = self.shards[shard]
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if shard.contains_key(&name) {
            return Err(Inactive::Replayed);
        }
        if shard.len() >= SHARD_ENTRIES_MAX {
            shard.retain(|_, expires_at| *expires_at > now);
        }
        if shard.len() >= SHARD_ENTRIES_MAX {
            return Err(Inactive::Unavailable);
        }
        shard.insert(name, expires_at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_is_taken_once_whoever_asks() {
        let used = Used::default();
        let taken = std::thread::scope(|scope| {
            let take = || {
                (0..100)
                    .filter(|n| used.take("c", &n.to_string(), 10, 1).is_ok())
                    .count()
            };
            let threads = [(); 4].map(|()| scope.spawn(take));
            threads
                .map(|thread| thread.join().unwrap())
                .iter()
                .sum::<usize>()
        });
        assert_eq!(taken, 100);
        assert_eq!(used.take("d", "1", 10, 1), Ok(()), "another client's");
        assert_eq!(used.take("d", "1", 10, 1), Err(Inactive::Replayed));
        assert_eq!(used.take("c1", "", 10, 1), Ok(()));
        assert_eq!(used.take("c", "1", 10, 1), Err(Inactive::Replayed));
    }

    #[test]
    fn what_is_full_refuses_until_something_has_expired() {
        let used = Used::default();
        for n in 0..SHARD_ENTRIES_MAX {
            let end = if n < 5 { 10 } else { 20 };
            assert_eq!(used.take("c", &n.to_string(), end, 1), Ok(()));
        }
        assert_eq!(used.take("c", "x", 20, 9), Err(Inactive::Unavailable));
        assert_eq!(used.take("c", "7", 20, 9), Err(Inactive::Replayed));
        for n in 0..5 {
            assert_eq!(used.take("c", &format!("x{n}"), 20, 10), Ok(()), "{n}");
        }
        assert_eq!(used.take("c", "x5", 20, 10), Err(Inactive::Unavailable));
    }
}
