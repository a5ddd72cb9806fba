//! A run of lines that holds every entry, or half of them while they move: positions and searches.

use super::entry::{Entry, Packed, term};
use super::line::{Line, SLOTS, Torn, Words};
use super::signals::{Seen, Signals};
use super::{Digest, Place};
use crate::token_id::TokenId;

/// Lines in a chunk of memory, as a power of two: 2 MiB, the size of a huge page.
pub(super) const CHUNK_SHIFT: u32 = if cfg!(hallpass_loom) { 1 } else { 15 };
/// Lines in a full chunk.
pub(super) const CHUNK_LINES: usize = 1 << CHUNK_SHIFT;
/// Lines after the last home line, for what overflows there. At load 0.72 the longest run seen in
/// 10 million entries was about a hundred lines.
pub(super) const TAIL_LINES: usize = if cfg!(hallpass_loom) { 1 } else { 512 };
/// How far behind its home an entry may stand for its removal to look for overflow bits to clear.
/// Runs this long come only of forced collisions, where the search would be quadratic.
const SETTLE_LINES: usize = 64;

/// Lines in chunks. Where a chunk is not there, its slice is empty and nothing is found.
#[derive(Clone)]
pub(super) struct Span<'a> {
    /// How many lines are homes; [`TAIL_LINES`] more follow.
    pub(super) lines: usize,
    /// The memory, [`CHUNK_LINES`] a chunk.
    pub(super) chunks: Box<[&'a [Words]]>,
}

/// There is no free slot before this line, and the line has no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoLine(pub(super) usize);

impl<'a> Span<'a> {
    /// The line where the search for `place` begins. Monotone, so that a span of another length
    /// holds the same entries in the same order.
    #[inline(always)]
    pub(super) fn home(&self, place: Place) -> usize {
        ((u128::from(place.as_u64()) * self.lines as u128) >> 64) as usize
    }

    /// The least number whose home is `line` or a later one; `u64::MAX` past the end.
    pub(super) fn least_place(&self, line: usize) -> u64 {
        if line >= self.lines {
            return u64::MAX;
        }
        ((line as u128) << 64).div_ceil(self.lines as u128) as u64
    }

    #[inline(always)]
    pub(super) fn line(&self, at: usize) -> Option<Line<'a>> {
        Some(Line(
            self.chunks
                .get(at >> CHUNK_SHIFT)?
                .get(at & (CHUNK_LINES - 1))?,
        ))
    }

    /// Starts the line of `place` on its way to the nearest cache, and the next one, where one entry
    /// in five stands.
    #[inline(always)]
    pub(super) fn prefetch(&self, place: Place) {
        let at = self.home(place);
        if let Some(chunk) = self.chunks.get(at >> CHUNK_SHIFT) {
            let at = at & (CHUNK_LINES - 1);
            prefetch_index::prefetch_index(chunk, at);
            // Past the end of a chunk it is the hint that goes astray, nothing else.
            prefetch_index::prefetch_index(chunk, at + 1);
        }
    }

    /// The line of `place` alone: of many that come at once each costs its share of the way, measured 20 ns
    /// at a million tokens, which is more than to wait for the next one where it is needed.
    #[inline(always)]
    pub(super) fn prefetch_home(&self, place: Place) {
        let at = self.home(place);
        if let Some(chunk) = self.chunks.get(at >> CHUNK_SHIFT) {
            prefetch_index::prefetch_index(chunk, at & (CHUNK_LINES - 1));
        }
    }

    /// Reader: the entry with this digest.
    #[inline(always)]
    pub(super) fn look(
        &self,
        place: Place,
        digest: Digest,
        signals: &Signals,
        seen: Seen,
    ) -> Result<Option<Packed>, Torn> {
        let mut at = self.home(place);
        while let Some(line) = self.line(at) {
            for slot in 0..SLOTS {
                if let Some(entry) = line.look(slot, digest, signals, seen)? {
                    return Ok(Some(entry));
                }
            }
            if !line.overflowed() {
                break;
            }
            at += 1;
        }
        Ok(None)
    }

    /// Writer: where the token with this id stands.
    fn position(&self, place: Place, id: TokenId) -> Option<(usize, Line<'a>, usize)> {
        let mut at = self.home(place);
        while let Some(line) = self.line(at) {
            if let Some(slot) = (0..SLOTS).find(|&slot| line.holds_id(slot, id)) {
                return Some((at, line, slot));
            }
            if !line.overflowed() {
                break;
            }
            at += 1;
        }
        None
    }

    /// Writer: the token with this id.
    pub(super) fn find(&self, place: Place, id: TokenId) -> Option<Entry> {
        let (_, line, slot) = self.position(place, id)?;
        line.held(slot)
    }

    /// Writer: revokes the token with this id.
    pub(super) fn revoke(&self, place: Place, id: TokenId) -> bool {
        self.position(place, id)
            .map(|(_, line, slot)| line.revoke(slot))
            .is_some()
    }

    /// Writer: sets when the token with this id expires.
    pub(super) fn set_expiry(&self, place: Place, id: TokenId, expires_at: u32) -> bool {
        let Some((_, line, slot)) = self.position(place, id) else {
            return false;
        };
        let Some(entry) = line.held(slot) else {
            return false;
        };
        line.set_term(slot, term(expires_at, entry.grant));
        true
    }

    /// Writer: whether a token of the same place has the same digest or the same id.
    pub(super) fn has_twin(&self, place: Place, entry: &Entry) -> bool {
        let mut at = self.home(place);
        while let Some(line) = self.line(at) {
            let is_twin = |slot| {
                line.holds_id(slot, entry.id)
                    || line.holds_digest(slot, entry.digest)
                        && line.held(slot).is_some_and(|held| held.place() == place)
            };
            if (0..SLOTS).any(is_twin) {
                return true;
            }
            if !line.overflowed() {
                break;
            }
            at += 1;
        }
        false
    }

    /// Writer: puts an entry into the first free slot from its home on.
    pub(super) fn put(&self, place: Place, entry: &Entry, signals: &Signals) -> Result<(), NoLine> {
        let mut at = self.home(place);
        loop {
            let line = self.line(at).ok_or(NoLine(at))?;
            if let Some(slot) = (0..SLOTS).find(|&slot| line.is_free(slot)) {
                line.fill(slot, entry, signals);
                return Ok(());
            }
            // Readers are led on before there is anything to find.
            if !line.overflowed() {
                line.set_overflowed(true);
            }
            at += 1;
        }
    }

    /// Writer: removes the token with this id, and the overflow bits that only it needed.
    pub(super) fn remove(&self, place: Place, id: TokenId) -> bool {
        let Some((at, line, slot)) = self.position(place, id) else {
            return false;
        };
        line.free(slot);
        let home = self.home(place);
        if at - home <= SETTLE_LINES {
            for before in (home..at).rev() {
                if let Some(line) = self.line(before)
                    && !self.is_passed(before)
                {
                    line.set_overflowed(false);
                }
            }
        }
        true
    }

    /// Writer: whether an entry whose home is `line` or earlier stands after it.
    fn is_passed(&self, line: usize) -> bool {
        let mut at = line;
        while self.line(at).is_some_and(Line::overflowed) {
            at += 1;
            let Some(next) = self.line(at) else { break };
            let homes = (0..SLOTS)
                .filter_map(|slot| next.held(slot))
                .map(|e| self.home(e.place()));
            if homes.into_iter().any(|home| home <= line) {
                return true;
            }
        }
        false
    }
}
