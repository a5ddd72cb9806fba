//! What is alive right now, in memory: the table, what tokens share, and the highest time seen.
//! Written by the store, read by its validators; does no I/O.

mod find;

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use crate::clock::StoreClock;
use crate::digest::{DigestKey, DigestKeys};
use crate::inactive::Inactive;
#[cfg(feature = "jwt")]
use crate::keyring::{Denials, Keyring};
use crate::table::{CLIENT_DISABLED, Entry, Grant, Grants, Names, NotInserted, ScopeSets, Table};
#[cfg(feature = "jwt")]
use crate::token_id::epoch_secs;
use crate::token_text;

pub(crate) use find::Missing;

/// Above every token id: nothing is alive. Set when the store is closed or forked away.
const NOTHING: u64 = u64::MAX;

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const FORKED: u8 = 2;

/// In front of an audience among what a grant is for: no scope begins with it (RFC 6749 section 3.3).
pub(crate) const AUDIENCE_MARK: char = '"';

pub(crate) struct Live {
    pub(crate) table: Table,
    pub(crate) grants: Grants,
    pub(crate) client_names: Names,
    pub(crate) scope_sets: ScopeSets,
    pub(crate) digests: DigestKeys,
    #[cfg(feature = "jwt")]
    pub(crate) keyring: Keyring,
    clock: StoreClock,
    /// The highest time seen. Written at most once a second, so readers share it in peace.
    latest_secs: CachePadded<AtomicU64>,
    /// The least token id alive in the whole store.
    epoch: CachePadded<AtomicU64>,
    /// How many tokens stand in the table by digest instead of id; usually none, and then the
    /// second look-up is not made.
    placed_by_digest: AtomicU64,
    state: AtomicU8,
    opened_by: u32,
}

impl Live {
    pub(crate) fn new(
        key: &DigestKey,
        clock: StoreClock,
        tokens: usize,
        latest_secs: u64,
        #[cfg(feature = "jwt")] keyring: Keyring,
    ) -> Result<Self, NotInserted> {
        token_text::prepare();
        Ok(Self {
            table: Table::with_capacity(tokens)?,
            grants: Grants::new(),
            client_names: Names::new(),
            scope_sets: ScopeSets::new(),
            digests: DigestKeys::new(key),
            #[cfg(feature = "jwt")]
            keyring,
            clock,
            latest_secs: CachePadded::new(AtomicU64::new(latest_secs)),
            epoch: CachePadded::new(AtomicU64::new(0)),
            placed_by_digest: AtomicU64::new(0),
            state: AtomicU8::new(OPEN),
            opened_by: std::process::id(),
        })
    }

    /// The time now, in Unix seconds. It never goes back, whatever the clock does.
    #[inline]
    pub(crate) fn now_secs(&self) -> u64 {
        let now = self.clock.now_secs();
        let latest = self.latest_secs.load(Ordering::Relaxed);
        if now <= latest {
            latest
        } else {
            self.advance(now)
        }
    }

    /// Once a second: remembers the new second, and looks whether this is still the process that
    /// opened the store. (Asking for the process id at every call would cost a system call.)
    #[cold]
    fn advance(&self, now: u64) -> u64 {
        if std::process::id() != self.opened_by {
            self.shut(FORKED);
        }
        self.latest_secs.fetch_max(now, Ordering::Relaxed).max(now)
    }

    /// The highest time seen so far.
    pub(crate) fn latest_secs(&self) -> u64 {
        self.latest_secs.load(Ordering::Relaxed)
    }

    pub(crate) fn opened_by(&self) -> u32 {
        self.opened_by
    }

    /// The least token id alive in the whole store.
    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Whether tokens of foreign issuers are taken here.
    pub(crate) fn takes_foreign(&self) -> bool {
        #[cfg(feature = "jwt")]
        return self.keyring.takes_foreign();
        #[cfg(not(feature = "jwt"))]
        return false;
    }

    /// Refuses all tokens of foreign issuers until the store is opened again: one of them was to be
    /// refused, and there was no room to say which.
    pub(crate) fn refuse_foreign(&self) {
        #[cfg(feature = "jwt")]
        self.keyring.refuse_foreign();
    }

    /// Raises the store's epoch; it never falls.
    pub(crate) fn raise_epoch(&self, epoch: u64) {
        self.epoch.fetch_max(epoch, Ordering::AcqRel);
    }

    pub(crate) fn close(&self) {
        self.shut(CLOSED);
    }

    fn shut(&self, state: u8) {
        self.state.store(state, Ordering::Release);
        self.raise_epoch(NOTHING);
    }

    /// Why nothing is alive, if that is so.
    pub(crate) fn shut_reason(&self) -> Option<Inactive> {
        match self.state.load(Ordering::Acquire) {
            OPEN => None,
            FORKED => Some(Inactive::Forked),
            _ => Some(Inactive::Unavailable),
        }
    }

    /// Whether what was found is alive. The order of the reasons is part of the promise: revoked
    /// comes before expired, because it does not go away by itself.
    #[inline(always)]
    pub(crate) fn judge(&self, entry: &Entry) -> Result<(), Inactive> {
        self.judge_at(entry, self.now_secs())
    }

    /// The same for those that looked at the clock before: `now` is [`Live::now_secs`], after the call began.
    #[inline(always)]
    pub(crate) fn judge_at(&self, entry: &Entry, now: u64) -> Result<(), Inactive> {
        if entry.revoked
            || entry.id.as_u64() < self.epoch()
            || self.grants.refuses(entry.grant, entry.id)
        {
            return Err(self.why_dead(*entry));
        }
        if entry.expires_at != u32::MAX && now >= u64::from(entry.expires_at) {
            return Err(Inactive::Expired);
        }
        if entry.deferred && now < u64::from(self.grant(entry.grant).not_before) {
            return Err(Inactive::NotYetValid);
        }
        Ok(())
    }

    /// By value: an entry lent here would be written to memory by every call.
    #[cold]
    fn why_dead(&self, entry: Entry) -> Inactive {
        if let Some(reason) = self.shut_reason() {
            return reason;
        }
        if self.is_revoked(&entry) {
            Inactive::Revoked
        } else {
            Inactive::ClientDisabled
        }
    }

    /// Revoked for good: by id, with its client's, or with everything. A disabled client's is not.
    pub(crate) fn is_revoked(&self, entry: &Entry) -> bool {
        let id = entry.id.as_u64();
        entry.revoked || id < self.epoch() || id < self.client_epoch(entry)
    }

    /// The least id alive of the client of this token.
    pub(crate) fn client_epoch(&self, entry: &Entry) -> u64 {
        self.grants.least_alive(entry.grant) & !CLIENT_DISABLED
    }

    /// What the token shares with others.
    pub(crate) fn grant(&self, number: u32) -> Grant {
        // An entry's grant is written before the entry is: it is always there.
        const NONE: Grant = Grant {
            client: u32::MAX,
            scopes: u32::MAX,
            kind: 0,
            not_before: u32::MAX,
            key: 0,
        };
        self.grants.get(number).unwrap_or(NONE)
    }

    /// The name of a client by its number.
    pub(crate) fn client_name(&self, number: u32) -> &str {
        self.client_names.get(number).unwrap_or_default()
    }

    /// What is known here of tokens that somebody else issued.
    #[cfg(feature = "jwt")]
    pub(crate) fn denials(&self) -> Denials<&Self> {
        Denials {
            digest: |live: &&Self, issuer, jti| live.digests.foreign(issuer, jti).in_memory(),
            is_denied: |live: &&Self, digest| live.find_placed_by(digest).is_some(),
            epoch_secs: Some(self.epoch())
                .filter(|epoch| *epoch != 0)
                .map(epoch_secs),
            of: self,
        }
    }

    #[inline]
    pub(crate) fn has_placed_by_digest(&self) -> bool {
        self.placed_by_digest.load(Ordering::Acquire) > 0
    }

    pub(crate) fn count_placed_by_digest(&self, more: bool) {
        if more {
            self.placed_by_digest.fetch_add(1, Ordering::AcqRel);
        } else {
            self.placed_by_digest.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::token_id::TokenId;

    /// An epoch is the least id alive: of the store, and of a client, disabled or not.
    #[test]
    fn an_epoch_spares_its_own_id() {
        let live = Live::new(
            &DigestKey::from_bytes([7; 32]),
            StoreClock::System,
            0,
            0,
            #[cfg(feature = "jwt")]
            Keyring::new(None, None, 0, 0),
        )
        .unwrap();
        let grant = Grant {
            client: 0,
            scopes: 0,
            kind: 0,
            not_before: 0,
            key: 0,
        };
        let grant = live.grants.intern(grant).unwrap();
        let verdict = |id: u64| {
            let entry = Entry {
                digest: Digest::from_bytes([0; 32]).in_memory(),
                id: TokenId::from_u64(id).unwrap(),
                expires_at: u32::MAX,
                grant,
                revoked: false,
                deferred: false,
                placed_by_digest: false,
            };
            assert_eq!(
                live.is_revoked(&entry),
                id < live.client_epoch(&entry).max(live.epoch())
            );
            live.judge(&entry)
        };
        live.raise_epoch(5);
        assert_eq!(verdict(4), Err(Inactive::Revoked));
        assert_eq!(verdict(5), Ok(()));
        live.raise_epoch(3);
        assert_eq!(verdict(4), Err(Inactive::Revoked), "an epoch fell");
        live.grants.set_least_alive(grant, 7);
        assert_eq!(verdict(6), Err(Inactive::Revoked));
        assert_eq!(verdict(7), Ok(()));
        live.grants.set_least_alive(grant, 7 | CLIENT_DISABLED);
        assert_eq!(verdict(6), Err(Inactive::Revoked));
        assert_eq!(verdict(7), Err(Inactive::ClientDisabled));
    }
}
