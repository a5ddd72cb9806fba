//! What is alive right now, in memory: the table, what tokens share, and the highest time seen.
//! Written by the store, read by its validators; does no I/O.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use crate::clock::StoreClock;
use crate::digest::{Digest, DigestKey, DigestKeys};
use crate::inactive::Inactive;
#[cfg(feature = "jwt")]
use crate::keyring::{Denials, Keyring};
use crate::table::{
    self, CLIENT_DISABLED, Entry, Grant, Grants, Names, NotInserted, Place, ScopeSets, Table,
};
#[cfg(feature = "jwt")]
use crate::token_id::epoch_secs;
use crate::token_text;

/// Above every token id: nothing is alive. Set when the store is closed or forked away.
const NOTHING: u64 = u64::MAX;

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const FORKED: u8 = 2;

/// In front of an audience among what a grant is for: no scope begins with it (RFC 6749 section 3.3).
pub(crate) const AUDIENCE_MARK: char = '"';

/// Why a text is not among the tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It may be a token, and is none that is known here.
    Unknown,
    /// It has not the form of an opaque token.
    OtherForm,
}

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
        let now = self.now_secs();
        if entry.revoked
            || entry.id.as_u64() < self.epoch()
            || self.grants.refuses(entry.grant, entry.id)
        {
            return Err(self.why_dead(entry));
        }
        if entry.expires_at != u32::MAX && now >= u64::from(entry.expires_at) {
            return Err(Inactive::Expired);
        }
        if entry.deferred && now < u64::from(self.grant(entry.grant).not_before) {
            return Err(Inactive::NotYetValid);
        }
        Ok(())
    }

    #[cold]
    fn why_dead(&self, entry: &Entry) -> Inactive {
        if let Some(reason) = self.shut_reason() {
            return reason;
        }
        if self.is_revoked(entry) {
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

    /// The token with this text, for those who have time.
    pub(crate) fn find_text(&self, text: &[u8]) -> Option<Entry> {
        #[cfg(feature = "jwt")]
        if text.len() > token_text::TEXT_MAX_BYTES {
            return self.find_jwt(text);
        }
        let place = token_text::id_bytes(text).map(Place::of_id_text);
        self.find(place, self.digests.text(text))
    }

    /// The opaque token with this text, where its id says; else its digest, if the text has the form of
    /// one. For one caller only: with two the compiler puts the hold on the table's layout out of
    /// line, which makes a call 15 ns longer.
    #[inline(always)]
    pub(crate) fn find_opaque(&self, text: &[u8]) -> Result<Entry, Option<table::Digest>> {
        if text.len() > token_text::TEXT_MAX_BYTES {
            return Err(None);
        }
        let id = token_text::id_bytes(text).ok_or(None)?;
        // The form is looked at while the memory is on its way, and not when nothing was found: whatever
        // stands between one look-up and the next call's prefetch must fit in the processor's window
        // of some 200 instructions, or the two no longer overlap.
        let digest =
            || token_text::is_well_formed(text).then(|| self.digests.text(text).in_memory());
        self.table.get_meanwhile(Place::of_id_text(id), digest)
    }

    /// The token with this text that [`Live::find_opaque`] did not find, with what it yielded. Noise
    /// costs no digest and no look-up unless somebody chose a secret.
    #[inline]
    pub(crate) fn find_other(
        &self,
        text: &[u8],
        digest: Option<table::Digest>,
    ) -> Result<Entry, Missing> {
        match digest {
            Some(digest) => self.find_placed_by(digest).ok_or(Missing::Unknown),
            #[cfg(feature = "jwt")]
            None if text.len() > token_text::TEXT_MAX_BYTES => {
                self.find_jwt(text).ok_or(Missing::OtherForm)
            }
            // This thread is ending.
            None if token_text::is_well_formed(text) => {
                self.find_text(text).ok_or(Missing::Unknown)
            }
            None => self.find_chosen(text).ok_or(Missing::OtherForm),
        }
    }

    #[cold]
    fn find_chosen(&self, text: &[u8]) -> Option<Entry> {
        if self.has_placed_by_digest() {
            return self.find_placed_by(self.digests.text(text).in_memory());
        }
        None
    }

    /// The JWT with this text; or the token whose chosen secret looks like one, or is as long.
    #[cfg(feature = "jwt")]
    #[inline]
    fn find_jwt(&self, text: &[u8]) -> Option<Entry> {
        let place = crate::jwt::embedded_id(text).map(|id| Place::of_id_text(&id));
        if let Some(place) = place {
            let digest = || self.digests.jwt(text).in_memory();
            let found = match self.table.get_meanwhile(place, || Some(digest())) {
                Ok(found) => Some(found),
                Err(Some(_)) => None,
                // This thread is ending.
                Err(None) => self.table.get(place, digest()),
            };
            if found.is_some() {
                return found;
            }
        }
        self.find_long(place, text)
    }

    /// Whether this text is a JWT of the store, dead or alive. One that carries no id of ours is not
    /// digested for that.
    #[cfg(feature = "jwt")]
    #[cold]
    pub(crate) fn knows_jwt(&self, text: &[u8]) -> bool {
        let place = crate::jwt::embedded_id(text).map(|id| Place::of_id_text(&id));
        if place.is_none() && !self.has_placed_by_digest() {
            return false;
        }
        self.find(place, self.digests.jwt(text)).is_some() || self.find_long(place, text).is_some()
    }

    /// Stores made before JWTs had a digest of their own hold them by that of any long text.
    #[cfg(feature = "jwt")]
    #[cold]
    fn find_long(&self, place: Option<Place>, text: &[u8]) -> Option<Entry> {
        self.find(place, self.digests.text(text))
    }

    /// The token with this digest, at this place or at that of its digest.
    #[inline(always)]
    pub(crate) fn find(&self, place: Option<Place>, digest: Digest) -> Option<Entry> {
        let digest = digest.in_memory();
        place
            .and_then(|place| self.table.get(place, digest))
            .or_else(|| self.find_placed_by(digest))
    }

    /// The token whose secret its caller chose.
    #[inline]
    fn find_placed_by(&self, digest: table::Digest) -> Option<Entry> {
        if self.has_placed_by_digest() {
            return self.table.get(Place::of_digest(digest), digest);
        }
        None
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
                digest: Digest::ZERO.in_memory(),
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
