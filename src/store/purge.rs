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
        }
        Ok(purged)
    }
}

impl Core {
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
