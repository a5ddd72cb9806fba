//! When tokens were last used and how often: gathered in memory beside validation, and handed out to
//! whoever keeps it, the store for one. It writes nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_utils::CachePadded;

use crate::auth::Auth;
use crate::token_id::TokenId;
use crate::used::Used;

/// So many that threads seldom meet; 2 to the power of [`SHARD_BITS`].
const SHARDS: usize = 1 << SHARD_BITS;
const SHARD_BITS: u32 = 6;

/// Gathers which tokens pass a [`Guard`](super::Guard), for [`Guard::usage`](super::Guard::usage).
/// Clones share one book.
///
/// A token that is used a thousand times between two calls of [`take`](Self::take) is one entry, so
/// the period between them is the granularity of what is kept, and what is lost if the process dies.
/// A use takes a short lock that is shared with a sixty-fourth of the tokens; validation itself stays
/// as it is.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let store = hallpass::Store::open(dir.path())?;
/// use hallpass::credential::Profile;
/// use hallpass::web::{Guard, Usage};
///
/// let usage = Usage::new();
/// let guard = Guard::new(store.validator(), Profile::strict()).usage(usage.clone());
/// // Every minute, say, and before the store is closed; `get` and `list` show it from then on:
/// store.keep_uses(usage.take())?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Usage {
    shards: Arc<[CachePadded<Shard>]>,
    missed: Arc<AtomicU64>,
    tokens_max: usize,
}

type Shard = Mutex<HashMap<TokenId, Used>>;

impl Usage {
    /// Remembers up to about a million tokens between two calls of [`take`](Self::take).
    #[must_use]
    pub fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| CachePadded::default()).collect(),
            missed: Arc::default(),
            tokens_max: 1 << 20,
        }
    }

    /// Remembers up to about this many. To be said before it is used.
    #[must_use]
    pub fn tokens_max(mut self, tokens: usize) -> Self {
        self.tokens_max = tokens;
        self
    }

    /// Counts a use, now. A token of a foreign issuer is not counted: it has no [`TokenId`].
    pub fn note(&self, auth: &Auth) {
        let Some(id) = auth.token_id() else {
            return;
        };
        let now = auth.now_secs();
        let Some(shard) = self.shards.get(shard_of(id)) else {
            return;
        };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = shard.get_mut(&id) {
            used.add(Used::new(now, 1));
        } else if shard.len() < self.tokens_max.div_ceil(SHARDS) {
            shard.insert(id, Used::new(now, 1));
        } else {
            self.missed.fetch_add(1, Relaxed);
        }
    }

    /// What has gathered since the last call. Every use is in exactly one answer.
    #[must_use = "what is taken is not handed out again"]
    pub fn take(&self) -> Vec<(TokenId, Used)> {
        let mut all = Vec::new();
        for shard in self.shards.iter() {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = std::mem::take(&mut *shard);
            drop(shard);
            all.extend(taken);
        }
        all
    }

    /// How many uses were not counted, ever, because too many tokens were in use at once.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed.load(Relaxed)
    }
}

/// Ids differ in their lowest bits if they were issued in one second, else only in higher ones: a
/// multiplication by the golden ratio's bits carries both to the top.
fn shard_of(id: TokenId) -> usize {
    let mixed = id.as_u64().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (u64::BITS - SHARD_BITS)) as usize
}

impl Default for Usage {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Usage")
            .field("tokens_max", &self.tokens_max)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_second_and_of_many_are_spread_alike() {
        for step in [1, 1000 << 19, 60_000 << 19] {
            let mut shards = [0; SHARDS];
            for number in 1..=6400 {
                let id = TokenId::from_u64(number * step).unwrap();
                shards[shard_of(id)] += 1;
            }
            assert!(
                shards.iter().all(|ids| (50..=200).contains(ids)),
                "{shards:?}"
            );
        }
    }
}
