//! Sixty-four bytes of memory: two slots, and the order in which their words are read and written.

use super::Digest;
use super::entry::{Entry, OVERFLOW, Packed, REVOKED, id_of};
use super::signals::{Seen, Signals};
use super::sync::{AtomicU64, Ordering, fence};
use crate::token_id::TokenId;

/// The words of a line: twice (key, check, term, facts).
pub(crate) type Words = [AtomicU64; 8];

/// Slots in a line.
pub(super) const SLOTS: usize = 2;

const KEY: usize = 0;
const CHECK: usize = 1;
const TERM: usize = 2;
const FACTS: usize = 3;

/// One line of the table.
#[derive(Clone, Copy)]
pub(super) struct Line<'a>(pub(super) &'a Words);

/// A slot was changing while it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Torn;

impl<'a> Line<'a> {
    #[inline(always)]
    fn word(self, slot: usize, which: usize) -> &'a AtomicU64 {
        // `% 8` tells the compiler what callers know: there are two slots of four words.
        &self.0[(slot * 4 + which) % 8]
    }

    /// Reader: the entry with this digest in `slot`, if it is there.
    #[inline(always)]
    pub(super) fn look(
        self,
        slot: usize,
        digest: Digest,
        signals: &Signals,
        seen: Seen,
    ) -> Result<Option<Packed>, Torn> {
        let key = self.word(slot, KEY).load(Ordering::Acquire);
        let check = self.word(slot, CHECK).load(Ordering::Relaxed);
        if digest.is(key, check) {
            self.read_rest(slot, key, signals, seen).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Reader: whatever entry `slot` holds.
    pub(super) fn read(
        self,
        slot: usize,
        signals: &Signals,
        seen: Seen,
    ) -> Result<Option<Entry>, Torn> {
        let key = self.word(slot, KEY).load(Ordering::Acquire);
        if key == 0 {
            return Ok(None);
        }
        let check = self.word(slot, CHECK).load(Ordering::Relaxed);
        let digest = Digest::of_words(key, check);
        let rest = self.read_rest(slot, key, signals, seen)?;
        Ok(Some(rest.unpack(digest)))
    }

    /// The term before the facts: facts only grow stricter, so the pair is never laxer than the
    /// entry was at the moment its term was read.
    #[inline(always)]
    fn read_rest(
        self,
        slot: usize,
        key: u64,
        signals: &Signals,
        seen: Seen,
    ) -> Result<Packed, Torn> {
        let term = self.word(slot, TERM).load(Ordering::Acquire);
        let facts = self.word(slot, FACTS).load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        // Acquire here too: should the same key have been put back, the reuse must show.
        let unchanged = self.word(slot, KEY).load(Ordering::Acquire) == key;
        if unchanged && signals.no_reuse_since(seen) {
            Packed::new(term, facts).ok_or(Torn)
        } else {
            Err(Torn)
        }
    }

    /// Whether a search must go on to the next line.
    #[inline(always)]
    pub(super) fn overflowed(self) -> bool {
        self.word(0, FACTS).load(Ordering::Acquire) & OVERFLOW != 0
    }

    /// Writer: what `slot` holds. Nobody else writes, so nothing can tear.
    pub(super) fn held(self, slot: usize) -> Option<Entry> {
        let words =
            [KEY, CHECK, TERM, FACTS].map(|which| self.word(slot, which).load(Ordering::Relaxed));
        (words[KEY] != 0).then(|| Entry::of_words(words))
    }

    /// Writer: whether `slot` is free.
    pub(super) fn is_free(self, slot: usize) -> bool {
        self.word(slot, KEY).load(Ordering::Relaxed) == 0
    }

    /// Writer: whether `slot` holds the token with this id.
    pub(super) fn holds_id(self, slot: usize, id: TokenId) -> bool {
        !self.is_free(slot) && id_of(self.word(slot, FACTS).load(Ordering::Relaxed)) == id
    }

    /// Writer: whether `slot` holds this digest.
    pub(super) fn holds_digest(self, slot: usize, digest: Digest) -> bool {
        let [key, check] = [KEY, CHECK].map(|which| self.word(slot, which).load(Ordering::Relaxed));
        digest.is(key, check)
    }

    /// Writer: fills the free `slot`. The key goes last: who sees it sees all of the entry.
    pub(super) fn fill(self, slot: usize, entry: &Entry, signals: &Signals) {
        let facts_before = self.word(slot, FACTS).load(Ordering::Relaxed);
        if facts_before & !OVERFLOW != 0 {
            signals.announce_reuse();
        }
        let [key, check, term, facts] = entry.to_words();
        self.word(slot, CHECK).store(check, Ordering::Relaxed);
        self.word(slot, TERM).store(term, Ordering::Relaxed);
        self.word(slot, FACTS)
            .store(facts | facts_before & OVERFLOW, Ordering::Relaxed);
        self.word(slot, KEY).store(key, Ordering::Release);
    }

    /// Writer: frees `slot`. The other words stay: a reader that has begun may still finish, and
    /// the next entry in this slot announces itself.
    pub(super) fn free(self, slot: usize) {
        self.word(slot, KEY).store(0, Ordering::Release);
    }

    /// Writer: revokes the token in `slot`.
    pub(super) fn revoke(self, slot: usize) {
        let facts = self.word(slot, FACTS).load(Ordering::Relaxed);
        self.word(slot, FACTS)
            .store(facts | REVOKED, Ordering::Release);
    }

    /// Writer: replaces expiry and grant of the token in `slot`.
    pub(super) fn set_term(self, slot: usize, term: u64) {
        self.word(slot, TERM).store(term, Ordering::Release);
    }

    /// Writer: says whether a search must go on to the next line.
    pub(super) fn set_overflowed(self, overflowed: bool) {
        let facts = self.word(0, FACTS).load(Ordering::Relaxed);
        let facts = if overflowed {
            facts | OVERFLOW
        } else {
            facts & !OVERFLOW
        };
        self.word(0, FACTS).store(facts, Ordering::Release);
    }

    /// Writer: makes the line as new. Keys first: a reader that sees one of the other words gone
    /// then sees at its second look that the key is gone too.
    pub(super) fn clear(self) {
        for slot in 0..SLOTS {
            self.word(slot, KEY).store(0, Ordering::Relaxed);
        }
        fence(Ordering::Release);
        for slot in 0..SLOTS {
            for which in [CHECK, TERM, FACTS] {
                self.word(slot, which).store(0, Ordering::Relaxed);
            }
        }
    }
}
