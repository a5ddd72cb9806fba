//! Every live token in memory: a digest looked up gives an entry, without a lock, in one cache miss.

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
pub(crate) use entry::Entry;
pub(crate) use grants::{CLIENT_DISABLED, Grant, Grants};
pub(crate) use interned::{Names, ScopeSets};
pub(crate) use pages::CELLS_MAX;
pub(crate) use place::Place;
pub(crate) use scan::Cursor;
pub(crate) use writer::{NotInserted, Writer};

use chunk::Chunk;
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
    pub(crate) fn with_capacity(tokens: usize) -> Result<Self, NotInserted> {
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

    /// The entry with this digest, if there is one at this place.
    #[inline(always)]
    pub(crate) fn get(&self, place: Place, digest: Digest) -> Option<Entry> {
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

/// One attempt to find a digest; `None` if what was read may have been changing.
#[inline(always)]
fn look(
    view: &View<'_>,
    signals: &Signals,
    stamp: u64,
    place: Place,
    digest: Digest,
) -> Option<Option<Entry>> {
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
