//! Purging: forgetting tokens that are dead for good.

use std::sync::PoisonError;

use super::change::Change;
use super::{Core, Store};
use crate::error::Error;
use crate::kind::Kind;
use crate::options::Progress;
use crate::table::{Cursor, Entry};
use crate::token_id::{EPOCH_MS, TokenId};

/// How many records one group forgets: each group costs a sync, and others wait for it.
const GROUP: usize = 4096;
/// By how much the clock may be ahead of what the disk remembers of it, in seconds, after a purge that
/// found nothing.
const CLOCK_AHEAD_MAX_SECS: u64 = 60;

/// What a purge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Purged {
    /// How many records are gone.
    pub purged: u64,
    /// Whether there may be more to purge: the limit was reached.
    pub more: bool,
}

impl Store {
    /// Forgets up to `limit` tokens that have been dead for longer than
    /// [`Options::purge_grace`](crate::Options::purge_grace): expired, revoked, or killed with all of
    /// their client's. Until then a token is refused with its precise reason, afterwards as unknown.
    ///
    /// Tokens of a disabled client are not dead.
    ///
    /// A purge that finds nothing writes the time down, if that was last done a minute ago or more:
    /// a store that is purged now and then does not forget it when it is killed (see
    /// [`Store::flush`]).
    pub fn purge(&self, limit: usize) -> Result<Purged, Error> {
        // Two at once would find the same tokens and count them twice.
        let _alone = self
            .core
            .purging
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut purged = Purged::default();
        drop(self.core.writable()?);
        let mut dead = self.core.find_dead(limit)?;
        // In the order of the records on disk: neighbours share pages.
        dead.sort_unstable_by_key(|entry| entry.id);
        purged.more = dead.len() == limit;
        for group in dead.chunks(GROUP) {
            let mut control = self.core.writable()?;
            for entry in group {
                control.forget(self.core.live.grant(entry.grant).client);
            }
            self.core.commit(
                control,
                group.iter().map(|entry| Change::Purge { id: entry.id }),
            )?;
            self.core.remove(group);
            self.core.uses.forget(group.iter().map(|entry| entry.id));
            purged.purged += group.len() as u64;
            self.core.tell(Progress {
                doing: "purge",
                done: purged.purged,
                total: dead.len() as u64,
            });
        }
        if purged.purged > 0 {
            // With a new writer each time, so that others get their turn.
            while self.core.live.table.writer().give_back() {}
        } else {
            self.core.keep_time()?;
        }
        Ok(purged)
    }
}

impl Core {
    /// Makes the highest time seen durable, unless the disk knows it well enough.
    fn keep_time(&self) -> Result<(), Error> {
        let kept_secs = self.sealed().latest_secs;
        if self.live.now_secs() < kept_secs.saturating_add(CLOCK_AHEAD_MAX_SECS) {
            return Ok(());
        }
        self.commit(self.writable()?, [Change::Flush])
    }

    fn find_dead(&self, limit: usize) -> Result<Vec<Entry>, Error> {
        let horizon = self.live.now_secs().saturating_sub(self.purge_grace_secs);
        let mut dead = Vec::new();
        let mut cursor = Some(Cursor::START);
        let mut found = Vec::new();
        while let Some(at) = cursor {
            cursor = self.live.table.scan(at, &mut found);
            for entry in found.drain(..) {
                if dead.len() == limit {
                    return Ok(dead);
                }
                if self.is_dead_since(&entry, horizon)? {
                    dead.push(entry);
                }
            }
        }
        Ok(dead)
    }

    fn is_dead_since(&self, entry: &Entry, horizon: u64) -> Result<bool, Error> {
        if self.live.grant(entry.grant).kind == Kind::ForeignDenial.as_u8() {
            // What revokes tokens here does not revoke a denial: it stays as long as its token.
            return Ok(entry.expires_at != u32::MAX && u64::from(entry.expires_at) <= horizon);
        }
        if entry.expires_at != u32::MAX && u64::from(entry.expires_at) <= horizon
            || self.epoch_secs(entry).is_some_and(|at| at <= horizon)
        {
            return Ok(true);
        }
        if !entry.revoked {
            return Ok(false);
        }
        // When a single token was revoked stands in its record only.
        let revoked = self.record(entry.id)?.and_then(|record| record.revoked);
        Ok(revoked.is_some_and(|revoked| revoked.at <= horizon))
    }

    /// When an epoch killed the token, in Unix seconds: an epoch is an id, and ids tell the time.
    fn epoch_secs(&self, entry: &Entry) -> Option<u64> {
        let id = entry.id.as_u64();
        [self.live.epoch(), self.live.client_epoch(entry)]
            .into_iter()
            .filter(|epoch| id < *epoch)
            .map(|epoch| TokenId::from_u64(epoch).map_or(EPOCH_MS, TokenId::issued_at_ms) / 1000)
            .min()
    }

    fn remove(&self, entries: &[Entry]) {
        let mut writer = self.live.table.writer();
        for entry in entries {
            if writer.remove(entry.place(), entry.id) && entry.placed_by_digest {
                self.live.count_placed_by_digest(false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::clock::Hand;
    use crate::disk::fake::FakeDisk;
    use crate::inactive::Inactive;
    use crate::new_token::NewToken;
    use crate::options::Options;

    const START: u64 = 1_800_000_000;

    #[test]
    fn a_purge_that_finds_nothing_keeps_the_time() {
        for purges in [false, true] {
            let (disk, hand) = (FakeDisk::new(), Hand(Arc::new(AtomicU64::new(START))));
            let open = || {
                Options::new()
                    .clock(hand.clone())
                    .open_fake(disk.clone())
                    .unwrap()
            };
            let store = open();
            let token = NewToken::new("c").expires_at(START + 100);
            let secret = store.issue(token).unwrap().secret;
            hand.0.store(START + 1000, Ordering::Relaxed);
            let expired = |store: &Store| {
                store.validator().validate(secret.expose()).err() == Some(Inactive::Expired)
            };
            assert!(expired(&store));
            if purges {
                let generation = store.generation();
                assert_eq!(store.purge(10).unwrap(), Purged::default());
                hand.0.fetch_add(59, Ordering::Relaxed);
                assert_eq!(store.purge(10).unwrap(), Purged::default());
                assert_eq!(store.generation(), generation + 1, "once a minute, no more");
                hand.0.fetch_add(1, Ordering::Relaxed);
                assert_eq!(store.purge(10).unwrap(), Purged::default());
                assert_eq!(store.generation(), generation + 2);
            }
            // Killed, and the clock set back while it was down.
            disk.fail_after(0);
            drop(store);
            disk.crash(0);
            hand.0.store(START + 50, Ordering::Relaxed);
            assert_eq!(expired(&open()), purges);
        }
    }

    #[test]
    fn a_purge_gives_back_memory() {
        let hand = Hand(Arc::new(AtomicU64::new(START)));
        let options = Options::new().clock(hand.clone());
        let store = options.open_fake(FakeDisk::new()).unwrap();
        let tokens = vec![NewToken::new("c").expires_at(START + 1); 10_000];
        store.issue_many(tokens, |_| {}).unwrap();
        let table_bytes = || store.stats().unwrap().table_bytes;
        let full = table_bytes();
        hand.0.store(START + 3601, Ordering::Relaxed);
        assert_eq!(store.purge(10_000).unwrap().purged, 10_000);
        assert!(table_bytes() < full / 2);
    }
}
