//! When the table grows or shrinks, and how the writer sees a move through.

use std::sync::Arc;

use super::chunk::Chunk;
use super::layout::{Layout, Memories, Memory};
use super::size::{full, grown, lines_for};
use super::span::{CHUNK_LINES, CHUNK_SHIFT, NoLine, TAIL_LINES};
use super::state::{Provided, State, Wait};
use super::supply::Supply;
use super::writer::{NotInserted, Writer};
use super::{Place, moving, next_stamp};

/// Lines moved at each insertion while the table grows, at the least. The new span is an eighth
/// larger, so six lines an insertion would be done in time.
const MOVE_LINES: usize = 16;
/// The most lines moved at one insertion, about half a millisecond of work if they are full.
const MOVE_LINES_MAX: usize = 4096;
/// Lines moved by one call of [`Writer::give_back`].
const GIVE_BACK_LINES: usize = 2048;
/// How often an insertion that finds no room may make the table grow.
const GROWTHS_MAX: usize = 3;

impl Writer<'_> {
    /// Does a little of giving memory back that the entries left do not need, and says whether
    /// there is more to do. To be called after removals until it returns false, if wished with a
    /// new writer each time, so that others get their turn.
    pub(crate) fn give_back(&mut self) -> bool {
        self.state.release();
        if !self.state.layout.is_moving() {
            let lines = lines_for(self.state.len + self.state.len / 16);
            let now = self.state.layout.memories().from.lines;
            // An eighth, so that a table that breathes does not move for ever.
            if lines > now - now / 8 {
                return !self.state.unused.is_empty();
            }
            self.begin_move(lines);
        }
        self.advance(GIVE_BACK_LINES, Wait::ForSupply).is_ok()
    }

    /// Does this insertion's share of a move, or begins one when the table is full.
    pub(super) fn make_room(&mut self) -> Result<(), NotInserted> {
        let len = self.state.len;
        let Memories { from, to } = self.state.layout.memories();
        let Some(to) = to else {
            if len >= full(from.lines) {
                self.begin_move(grown(from.lines));
            }
            return Ok(());
        };
        // Fast enough to be done when the new span is half as full as it may get.
        let room = full(to.lines).saturating_sub(len).max(1);
        let share = 2 * (from.lines - self.state.next) / room;
        let is_crowded = len >= full(from.lines) + full(from.lines) / 16 || len >= full(to.lines);
        let wait = if is_crowded {
            Wait::No
        } else {
            Wait::ForSupply
        };
        self.advance(share.clamp(MOVE_LINES, MOVE_LINES_MAX), wait)
    }

    /// Makes memory for a line that has none: by a chunk if it is in the new span, by growth if it
    /// is past the end.
    pub(super) fn provide(&mut self, line: usize, growths: &mut usize) -> Result<(), NotInserted> {
        let to = self.state.layout.memories().to.as_ref();
        if to
            .is_some_and(|to| line >> CHUNK_SHIFT < to.chunks.len() && line < to.lines + TAIL_LINES)
        {
            return self.add_chunk(line >> CHUNK_SHIFT, Wait::No).map(|_| ());
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
        if to.chunk_lines() == CHUNK_LINES {
            // The others come from the old span. One more is needed before the first of them is
            // clear, and the small chunk of a small table is of no use to a larger one.
            let more = to.chunks.len().saturating_sub(from.chunks.len()) + 1;
            self.state.supply = Supply::start(more);
        }
        self.state.next = 0;
        self.publish(Memories { from, to: Some(to) });
    }

    fn finish_move(&mut self) -> Result<(), NotInserted> {
        while self.state.layout.is_moving() {
            self.advance(MOVE_LINES_MAX, Wait::No)?;
        }
        Ok(())
    }

    /// Moves the next `count` lines, if entries are on the move and there is memory to move to.
    fn advance(&mut self, count: usize, wait: Wait) -> Result<(), NotInserted> {
        while self.state.layout.is_moving() {
            let view = self.state.layout.view();
            let (next, signals) = (self.state.next, &self.table.signals);
            // Memory for the last entry of the step first: to copy half of it is to copy in vain.
            let last = Place::from_u64(view.from.least_place(next.saturating_add(count)));
            let step = match view.to.line(view.to.home(last)) {
                Some(_) => moving::step(&view.from, &view.to, next, count, signals),
                None => Err(NoLine(view.to.home(last))),
            };
            match step {
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
                    if !self.add_chunk(line >> CHUNK_SHIFT, wait)? {
                        return Ok(());
                    }
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
            *missing = Some(Arc::new(Chunk::small(lines)?));
        }
        let State {
            next,
            spare,
            supply,
            unused,
            ..
        } = &mut *self.state;
        (*next, *supply) = (0, None);
        unused.append(spare);
        self.publish(Memories { from: to, to: None });
        self.table.signals.set_watermark(0);
        Ok(())
    }

    /// Gives the new span memory: lines of the old one that are clear, or new ones. False if there
    /// is none yet and there is time to wait.
    fn add_chunk(&mut self, index: usize, wait: Wait) -> Result<bool, NotInserted> {
        let mut memories = self.state.layout.memories().clone();
        let chunk = match self.state.chunk_for(&mut memories, wait)? {
            Provided::New(chunk) => Arc::new(chunk),
            Provided::Again(chunk) => {
                // A reader that is still in it will see that it was reused.
                self.table.signals.announce_reuse();
                chunk
            }
            Provided::Later => return Ok(false),
        };
        let to = memories.to.as_mut().and_then(|to| to.chunks.get_mut(index));
        if let Some(missing) = to {
            *missing = Some(chunk);
        }
        self.publish(memories);
        Ok(true)
    }

    /// Puts a layout in force.
    fn publish(&mut self, memories: Memories) {
        let layout = Arc::new(Layout::new(next_stamp(), memories));
        self.table.current.store(Arc::clone(&layout));
        self.table.signals.set_stamp(layout.stamp);
        self.state.replace_layout(layout);
    }
}
