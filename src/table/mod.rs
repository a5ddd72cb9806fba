//! Every live token in memory: a digest looked up gives an entry, without a lock, in one cache miss.
//!
//! # What there is
//! An entry is four words: the key and the check, which are the digest; the term, which is expiry
//! and grant; the facts, which are id, flags, and in the first slot of a line the overflow bit. Two
//! slots make a line of 64 bytes. A token's home is line `place * lines / 2^64`; it stands there or
//! in a later line, and the overflow bit of each line that it passed over says so. Lines lie in
//! chunks of 2 MiB, and a [`layout`](layout::Layout) says which chunks are the table. Only one
//! [`Writer`](writer::Writer) writes; readers write nothing.
//!
//! # States of a slot
//! *Free*: the key is zero. *Held*: it is not. A free slot is *fresh* (all of it zero) or *used*
//! (the other words are those of the last entry).
//!
//! # Who writes what, in which order
//! - Insert: if the slot is used, the count of reuses rises, and a release fence follows; then check,
//!   term, facts; the key last, released. The overflow bits on the way are set before.
//! - Remove: the key becomes zero. The rest stays. Then overflow bits that no entry needs any more
//!   are cleared; they are left set only behind runs longer than any that chance makes, until the
//!   next move.
//! - Revoke, set expiry: one word each, so each is there or not. Facts only grow stricter.
//! - Move, some lines at a time: copy the entries to the new span; raise the watermark; release
//!   fence; clear the old lines, keys first, release fence, then the rest. A whole chunk that has
//!   become clear is given to the new span after the count of reuses has risen.
//! - A new layout is put in place before its stamp is. The watermark goes back to zero after the
//!   stamp of the layout that ends the move; in that layout both sides of it are the same span.
//!
//! # What a reader does
//! It loads the stamp, takes its layout, loads reuses and watermark, and searches the span on the
//! side of the watermark where the place is. In each slot it loads the key (acquire) and the check,
//! and compares both with the digest at once. If they are equal it loads the term (acquire), then
//! the facts; acquire fence; then the key again (acquire) and the count of reuses. **A hit counts if
//! neither changed, whatever else moved. A miss counts if, after an acquire fence, the watermark has
//! not passed the place and the stamp is the same.** Otherwise the reader begins again, which
//! happens only when a writer has got something done.
//!
//! # Why one token's digest never comes with another's expiry
//! For the words of a slot to change owner, one of two things is written. Either the slot was
//! filled again: who sees one of the new words, or the new key, sees the count of reuses raised
//! before them. Or its line was cleared: who sees a cleared word sees at the second look a key that
//! is zero, or one filled in after it, which is the first case. That holds also when the same key
//! comes back, be it the same token with another expiry (the count tells, not the key) or another
//! token with the same 64 bits: of two tokens with equal keys only the one whose check is equal too
//! is a hit, and nothing else in the table assumes that keys differ.
//!
//! # Why a revocation is never lost or late
//! The writer holds the lock while it copies, raises the watermark and clears, so between two of
//! its operations an entry stands in one place, which is where it revokes. Who starts after that sees
//! the watermark and the stamp at least as they were then, so looks there and not at a copy.
//! The term is read before the facts, so that an expiry extended after a revocation is not seen
//! without it.
//!
//! # Held by
//! `tests/protocol.rs` (loom: every schedule within bounds, with the reorderings of weak memory),
//! `tests/model.rs` (against a `HashMap`), `tests/stress.rs` (threads), `tests/memory.rs`.
//!
//! # Costs
//! 56 to 63 bytes a token from a million on. A look-up is compiled into its caller by force: left to
//! the compiler, the answer went through the stack twice and cost 37 ns in the cache instead of 23.

mod chunk;
mod digest;
mod entry;
mod filter;
mod grants;
mod growth;
mod index;
mod interned;
mod layout;
mod line;
mod moving;
mod pages;
mod place;
mod remembered;
mod scan;
mod signals;
mod size;
mod span;
mod state;
mod supply;
mod sync;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

pub(crate) use digest::Digest;
pub(crate) use entry::{Entry, Packed};
pub(crate) use grants::{CLIENT_DISABLED, Grant, Grants};
pub(crate) use interned::{Names, ScopeSets};
pub(crate) use pages::CELLS_MAX;
pub(crate) use place::Place;
pub(crate) use scan::Cursor;
pub(crate) use writer::{NotInserted, Writer};

use chunk::{Chunk, NoMemory};
use layout::{Layout, Memories, Memory, View};
use signals::Signals;

/// Digests and what is known of their tokens.
pub(crate) struct Table {
    /// What readers must notice.
    signals: Signals,
    /// Which table of this process this is: tells threads where to remember its layout.
    number: usize,
    /// The layout in force.
    current: ArcSwap<Layout>,
    /// What only the writer knows.
    state: Mutex<state::State>,
    /// How many entries there are, for those who only want to know.
    len: AtomicUsize,
}

impl Table {
    /// An empty table that need not grow before it holds this many tokens.
    pub(crate) fn with_capacity(tokens: usize) -> Result<Self, NoMemory> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let mut memory = Memory::without_chunks(size::lines_for(tokens));
        let lines = memory.chunk_lines();
        for chunk in &mut memory.chunks {
            *chunk = Some(Arc::new(Chunk::new(lines)?));
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let layout = Arc::new(Layout::new(
            next_stamp(),
            Memories {
                from: memory,
                to: None,
            },
        ));
        Ok(Self {
            signals: Signals::new(layout.stamp),
            number,
            current: ArcSwap::new(Arc::clone(&layout)),
            state: Mutex::new(state::State::new(number, layout)),
            len: AtomicUsize::new(0),
        })
    }

    /// Starts the memory of `place` on its way to this processor.
    #[inline(always)]
    pub(crate) fn prefetch(&self, place: Place) {
        let stamp = self.signals.stamp();
        self.with_layout(stamp, |layout| {
            let seen = self.signals.seen(stamp);
            layout.view().span(place, seen).prefetch(place);
        });
    }

    /// The same for many places, by one hold on the layout.
    #[inline(always)]
    pub(crate) fn prefetch_homes(&self, places: impl IntoIterator<Item = Place>) {
        let stamp = self.signals.stamp();
        self.with_layout(stamp, |layout| {
            let (view, seen) = (layout.view(), self.signals.seen(stamp));
            for place in places {
                view.span(place, seen).prefetch_home(place);
            }
        });
    }

    /// The entry with this digest, if there is one at this place.
    #[inline(always)]
    pub(crate) fn get(&self, place: Place, digest: Digest) -> Option<Entry> {
        self.read(|view, signals, stamp| look(view, signals, stamp, place, digest))
            .map(|found| found.unpack(digest))
    }

    /// What [`Table::get`] finds for each, in order, by one hold on the layout.
    #[inline(always)]
    pub(crate) fn get_all<const N: usize>(
        &self,
        wanted: impl Iterator<Item = (Place, Digest)> + Clone,
    ) -> [Option<Packed>; N] {
        let mut found = [None; N];
        let stamp = self.signals.stamp();
        let looked = self.with_layout(stamp, |layout| {
            for (found, (place, digest)) in found.iter_mut().zip(wanted.clone()) {
                let looked = look(layout.view(), &self.signals, stamp, place, digest);
                *found = looked.unwrap_or_else(|| self.get_again(place, digest));
            }
        });
        if looked.is_none() {
            // This thread is ending.
            for (found, (place, digest)) in found.iter_mut().zip(wanted) {
                *found = self.get_again(place, digest);
            }
        }
        found
    }

    /// Computes a digest while the memory of `place` is on its way, then looks for the entry with it
    /// there. One hold on the layout serves both. Where nothing is found, yields the digest; `None` if there
    /// was none to look for, or this thread is ending and holds nothing more: then nothing was looked for.
    #[inline(always)]
    pub(crate) fn get_meanwhile(
        &self,
        place: Place,
        digest: impl FnOnce() -> Option<Digest>,
    ) -> Result<Entry, Option<Digest>> {
        let stamp = self.signals.stamp();
        let attempt = self.with_layout(stamp, |layout| {
            let view = layout.view();
            view.span(place, self.signals.seen(stamp)).prefetch(place);
            let digest = digest()?;
            Some((digest, look(view, &self.signals, stamp, place, digest)))
        });
        let (digest, found) = attempt.flatten().ok_or(None)?;
        let found = found.unwrap_or_else(|| self.get_again(place, digest));
        found.map(|found| found.unpack(digest)).ok_or(Some(digest))
    }

    /// Out of line, and answers in registers.
    #[cold]
    #[inline(never)]
    fn get_again(&self, place: Place, digest: Digest) -> Option<Packed> {
        self.read(|view, signals, stamp| look(view, signals, stamp, place, digest))
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// The memory of all lines, also of those that some thread's last look still holds.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.writer().state.memory_bytes()
    }

    /// Reads until an attempt succeeds. One fails only if a writer got something done meanwhile.
    #[inline(always)]
    fn read<R>(&self, attempt: impl Fn(&View<'_>, &Signals, u64) -> Option<R>) -> R {
        loop {
            let stamp = self.signals.stamp();
            let read = |layout: &Layout| attempt(layout.view(), &self.signals, stamp);
            let answer = self.with_layout(stamp, read);
            // Out of line, so that there is one place where an attempt is compiled in: measured,
            // that is a fifth of a look-up in a small table.
            match answer.unwrap_or_else(|| self.read_once(&attempt, stamp)) {
                Some(answer) => return answer,
                None => core::hint::spin_loop(),
            }
        }
    }

    /// Reads without holding on to the layout, which costs some 50 ns more.
    #[cold]
    fn read_once<R>(
        &self,
        attempt: &dyn Fn(&View<'_>, &Signals, u64) -> Option<R>,
        stamp: u64,
    ) -> Option<R> {
        attempt(self.current.load_full().view(), &self.signals, stamp)
    }

    #[inline(always)]
    fn with_layout<R>(&self, stamp: u64, read: impl FnOnce(&Layout) -> R) -> Option<R> {
        remembered::with_layout(self.number, stamp, || self.layout(), read)
    }

    #[cold]
    fn layout(&self) -> Arc<Layout> {
        self.current.load_full()
    }
}

impl Drop for Table {
    /// This thread need not hold the memory until it looks into another table.
    fn drop(&mut self) {
        remembered::forget_former(self.number, 0);
    }
}

/// One attempt to find a digest; `None` if what was read may have been changing.
#[inline(always)]
fn look(
    view: &View<'_>,
    signals: &Signals,
    stamp: u64,
    place: Place,
    digest: Digest,
) -> Option<Option<Packed>> {
    let seen = signals.seen(stamp);
    let entry = view
        .span(place, seen)
        .look(place, digest, signals, seen)
        .ok()?;
    if entry.is_none() {
        sync::fence(sync::Ordering::Acquire);
        if !signals.not_moved_since(seen, place.as_u64()) {
            return None;
        }
    }
    Some(entry)
}

/// A number that no layout of this process has had.
fn next_stamp() -> u64 {
    static STAMP: AtomicU64 = AtomicU64::new(1);
    STAMP.fetch_add(1, Ordering::Relaxed)
}
