//! All changes to the table, made by one writer at a time.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::chunk::{Chunk, NoMemory};
use super::entry::Entry;
use super::layout::{Layout, Memories, Memory};
use super::moving;
use super::span::{CHUNK_LINES, CHUNK_SHIFT, NoLine, Span, TAIL_LINES};
use super::{Place, Table, next_stamp};
use crate::token_id::TokenId;

/// Entries for a hundred lines when the table grows: a load of 0.72. Hits cost the same up to 0.8,
/// but an unknown token looks at 1.5 lines at 0.7, 1.9 at 0.8, and 3.1 at 0.9.
const FULL_PERCENT: usize = 144;
/// Lines moved at each insertion while the table grows, at the least. The new span is an eighth
/// larger, so six lines an insertion would be done in time.
const MOVE_LINES: usize = 16;
/// The most lines moved at one insertion, about half a millisecond of work if they are full.
const MOVE_LINES_MAX: usize = 4096;
/// Lines moved by one call of [`Writer::give_back`].
const GIVE_BACK_LINES: usize = 2048;
/// The smallest table, in lines with their tail: 64 KiB of address space.
const LINES_MIN: usize = 1024;
/// How often an insertion that finds no room may make the table grow.
const GROWTHS_MAX: usize = 3;
/// How many insertions ahead [`Writer::insert_all`] fetches lines.
const AHEAD: usize = 16;

/// Why an entry was not inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotInserted {
    /// A token of the same place has the same digest or the same id.
    Twin,
    /// The system gave no memory.
    NoMemory,
}

impl From<NoMemory> for NotInserted {
    fn from(NoMemory: NoMemory) -> Self {
        Self::NoMemory
    }
}

/// What only the writer knows.
pub(super) struct State {
    /// The layout in force.
    pub(super) layout: Arc<Layout>,
    /// The next line of the old span to move, while entries move.
    pub(super) next: usize,
    /// How many entries there are.
    pub(super) len: usize,
    /// Clear chunks taken from the old span, for the new one.
    pub(super) spare: Vec<Arc<Chunk>>,
    /// Layouts no more in force that threads may still hold. The writer holds them too, so that it
    /// is not a reader who must give their memory back.
    pub(super) retired: Vec<Arc<Layout>>,
}

/// The right to change the table.
pub(crate) struct Writer<'a> {
    table: &'a Table,
    state: MutexGuard<'a, State>,
}

impl Table {
    /// Waits until no other writer is at work.
    pub(crate) fn writer(&self) -> Writer<'_> {
        // A writer that panicked left the table consistent for readers: each store is a step.
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writer = Writer { table: self, state };
        writer.release();
        writer
    }
}

impl Writer<'_> {
    /// Puts an entry in. Readers that start after the return see it.
    pub(crate) fn insert(&mut self, entry: Entry) -> Result<(), NotInserted> {
        self.make_room()?;
        let place = entry.place();
        let mut growths = 0;
        if self.span(place).has_twin(place, &entry) {
            return Err(NotInserted::Twin);
        }
        while let Err(NoLine(line)) = self.span(place).put(place, &entry, &self.table.signals) {
            self.provide(line, &mut growths)?;
        }
        self.set_len(self.state.len + 1);
        Ok(())
    }

    /// Puts many entries in, fetching the lines of the next ones meanwhile: two to three times as
    /// fast as one by one. Stops at the first that cannot go in.
    pub(crate) fn insert_all(
        &mut self,
        entries: impl IntoIterator<Item = Entry>,
    ) -> Result<(), NotInserted> {
        let mut entries = entries.into_iter();
        let mut ahead = std::collections::VecDeque::with_capacity(AHEAD);
        loop {
            let entry = entries.next();
            if let Some(entry) = entry {
                self.span(entry.place()).prefetch(entry.place());
                ahead.push_back(entry);
            }
            if ahead.len() == AHEAD || entry.is_none() {
                let Some(first) = ahead.pop_front() else {
                    return Ok(());
                };
                self.insert(first)?;
            }
        }
    }

    /// The token with this id.
    pub(crate) fn find(&self, place: Place, id: TokenId) -> Option<Entry> {
        self.span(place).find(place, id)
    }

    /// Removes the token with this id; false if it was not there.
    pub(crate) fn remove(&mut self, place: Place, id: TokenId) -> bool {
        let was_there = self.span(place).remove(place, id);
        if was_there {
            self.set_len(self.state.len - 1);
        }
        was_there
    }

    /// Revokes the token with this id: no reader that starts after the return sees it otherwise.
    /// False if it is not there.
    pub(crate) fn revoke(&mut self, place: Place, id: TokenId) -> bool {
        self.span(place).revoke(place, id)
    }

    /// Sets when the token with this id expires; false if it is not there.
    pub(crate) fn set_expiry(&mut self, place: Place, id: TokenId, expires_at: u32) -> bool {
        self.span(place).set_expiry(place, id, expires_at)
    }

    /// Does a little of giving memory back that the entries left do not need, and says whether
    /// there is more to do. To be called after removals until it returns false, if wished with a
    /// new writer each time, so that others get their turn.
    pub(crate) fn give_back(&mut self) -> bool {
        self.release();
        if !self.state.layout.is_moving() {
            let lines = lines_for(self.state.len + self.state.len / 16);
            let now = self.state.layout.memories().from.lines;
            // An eighth, so that a table that breathes does not move for ever.
            if lines > now - now / 8 {
                return false;
            }
            self.begin_move(lines);
        }
        self.advance(GIVE_BACK_LINES).is_ok()
    }

    /// The memory of all lines in use, spare, or held by readers.
    pub(super) fn memory_bytes(&self) -> usize {
        let State {
            layout,
            spare,
            retired,
            ..
        } = &*self.state;
        let layouts = retired.iter().chain([layout]);
        let chunks = layouts.flat_map(|layout| layout.chunks()).chain(spare);
        let chunks: std::collections::HashMap<_, _> = chunks
            .map(|chunk| (Arc::as_ptr(chunk), chunk.bytes()))
            .collect();
        chunks.values().sum()
    }

    /// Gives up what readers no longer hold of former layouts.
    fn release(&mut self) {
        super::remembered::forget_dead();
        self.state
            .retired
            .retain(|layout| Arc::strong_count(layout) > 1);
    }

    fn set_len(&mut self, len: usize) {
        self.state.len = len;
        self.table.len.store(len, Ordering::Relaxed);
    }

    /// Where entries of this place are now.
    fn span(&self, place: Place) -> &Span<'_> {
        let layout = &self.state.layout;
        let view = layout.view();
        let is_moved = layout.is_moving() && view.from.home(place) < self.state.next;
        if is_moved { &view.to } else { &view.from }
    }

    /// Does this insertion's share of a move, or begins one when the table is full.
    fn make_room(&mut self) -> Result<(), NotInserted> {
        let Memories { from, to } = self.state.layout.memories();
        let Some(to) = to else {
            if self.state.len < full(from.lines) {
                return Ok(());
            }
            self.begin_move(grown(from.lines));
            return self.advance(MOVE_LINES);
        };
        // Fast enough to be done when the new span is half as full as it may get.
        let room = full(to.lines).saturating_sub(self.state.len).max(1);
        let share = 2 * (from.lines - self.state.next) / room;
        self.advance(share.clamp(MOVE_LINES, MOVE_LINES_MAX))
    }

    /// Makes memory for a line that has none: by a chunk if it is in the new span, by growth if it
    /// is past the end.
    fn provide(&mut self, line: usize, growths: &mut usize) -> Result<(), NotInserted> {
        let to = self.state.layout.memories().to.as_ref();
        if to
            .is_some_and(|to| line >> CHUNK_SHIFT < to.chunks.len() && line < to.lines + TAIL_LINES)
        {
            return self.add_chunk(line >> CHUNK_SHIFT);
        }
        // A run of entries reaches past the end of the tail. Only forced collisions do that.
        *growths += 1;
        if *growths > GROWTHS_MAX {
            return Err(NotInserted::NoMemory);
        }
        self.finish_move()?;
        self.begin_move(2 * self.state.layout.memories().from.lines);
        self.finish_move()
    }

    fn begin_move(&mut self, lines: usize) {
        let from = self.state.layout.memories().from.clone();
        let to = Memory::without_chunks(lines);
        self.state.next = 0;
        self.publish(Memories { from, to: Some(to) });
    }

    fn finish_move(&mut self) -> Result<(), NotInserted> {
        while self.state.layout.is_moving() {
            self.advance(MOVE_LINES_MAX)?;
        }
        Ok(())
    }

    /// Moves the next `count` lines, if entries are on the move.
    fn advance(&mut self, count: usize) -> Result<(), NotInserted> {
        while self.state.layout.is_moving() {
            let view = self.state.layout.view();
            let (next, signals) = (self.state.next, &self.table.signals);
            match moving::step(&view.from, &view.to, next, count, signals) {
                Ok(next) => {
                    let is_last = next == view.from.lines;
                    self.state.next = next;
                    return if is_last { self.end_move() } else { Ok(()) };
                }
                Err(NoLine(line)) => {
                    let to = self.state.layout.memories().to.as_ref();
                    if to.is_none_or(|to| line >= to.lines + TAIL_LINES) {
                        return Err(NotInserted::NoMemory);
                    }
                    self.add_chunk(line >> CHUNK_SHIFT)?;
                }
            }
        }
        Ok(())
    }

    fn end_move(&mut self) -> Result<(), NotInserted> {
        let Some(mut to) = self.state.layout.memories().to.clone() else {
            return Ok(());
        };
        // Where no entry came to stand there may be no memory yet.
        let lines = to.chunk_lines();
        for missing in to.chunks.iter_mut().filter(|chunk| chunk.is_none()) {
            *missing = Some(Arc::new(Chunk::new(lines)?));
        }
        self.state.next = 0;
        self.state.spare.clear();
        self.publish(Memories { from: to, to: None });
        self.table.signals.set_watermark(0);
        Ok(())
    }

    /// Gives the new span memory, from the lines of the old one that are clear if there are enough.
    fn add_chunk(&mut self, index: usize) -> Result<(), NotInserted> {
        let mut memories = self.state.layout.memories().clone();
        let passed = memories.from.take_before(self.state.next);
        let Some(to) = &mut memories.to else {
            return Ok(());
        };
        let wanted = to.chunks.iter().filter(|chunk| chunk.is_none()).count();
        self.state.spare.extend(passed);
        self.state.spare.truncate(wanted);
        let full = to.chunk_lines() == CHUNK_LINES;
        let chunk = match self.state.spare.pop() {
            Some(spare) if full => {
                // Readers of the old span may still be in it; they will see that it was reused.
                self.table.signals.announce_reuse();
                spare
            }
            _ => Arc::new(Chunk::new(to.chunk_lines())?),
        };
        if let Some(missing) = to.chunks.get_mut(index) {
            *missing = Some(chunk);
        }
        self.publish(memories);
        Ok(())
    }

    /// Puts a layout in force.
    fn publish(&mut self, memories: Memories) {
        let layout = Arc::new(Layout::new(next_stamp(), memories));
        self.table.current.store(Arc::clone(&layout));
        self.table.signals.set_stamp(layout.stamp);
        let former = core::mem::replace(&mut self.state.layout, layout);
        self.state.retired.push(former);
        self.release();
    }
}

/// How many entries fill this many lines.
const fn full(lines: usize) -> usize {
    lines / 100 * FULL_PERCENT + lines % 100 * FULL_PERCENT / 100
}

/// The home lines of a table for this many entries.
pub(super) const fn lines_for(entries: usize) -> usize {
    let lines = entries / FULL_PERCENT * 100 + 101 + TAIL_LINES;
    if lines > CHUNK_LINES {
        return lines.div_ceil(CHUNK_LINES) * CHUNK_LINES - TAIL_LINES;
    }
    let lines = lines.next_power_of_two();
    (if lines < LINES_MIN { LINES_MIN } else { lines }) - TAIL_LINES
}

/// The home lines of the next larger table: twice while it fits in a chunk, then an eighth more.
const fn grown(lines: usize) -> usize {
    let total = lines + TAIL_LINES;
    if total < CHUNK_LINES {
        return 2 * total - TAIL_LINES;
    }
    (total.div_ceil(CHUNK_LINES) * 9).div_ceil(8) * CHUNK_LINES - TAIL_LINES
}
