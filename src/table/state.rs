//! What only the writer knows, and the memory that is on its way in or out.

use std::collections::HashMap;
use std::sync::Arc;

use super::chunk::{Chunk, NoMemory};
use super::layout::{Layout, Memories};
use super::remembered;
use super::span::CHUNK_LINES;
use super::supply::{Supplied, Supply};

/// Chunks given back by one operation of a writer: some 50 microseconds each.
const UNMAPPED_AT_ONCE: usize = 4;

/// What only the writer knows.
pub(super) struct State {
    /// The number of the table.
    table: usize,
    /// The layout in force.
    pub(super) layout: Arc<Layout>,
    /// The next line of the old span to move, while entries move.
    pub(super) next: usize,
    /// How many entries there are.
    pub(super) len: usize,
    /// Clear chunks taken from the old span, for the new one.
    pub(super) spare: Vec<Arc<Chunk>>,
    /// Makes the chunks that the new span needs beyond those.
    pub(super) supply: Option<Supply>,
    /// Layouts no more in force that threads may still hold. The writer holds them too, so that it
    /// is not a reader who must give their memory back.
    pub(super) retired: Vec<Arc<Layout>>,
    /// Chunks that nobody uses, to be given back a few at a time.
    pub(super) unused: Vec<Arc<Chunk>>,
}

impl State {
    pub(super) fn new(table: usize, layout: Arc<Layout>) -> Self {
        let (spare, retired, unused) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            table,
            layout,
            next: 0,
            len: 0,
            spare,
            supply: None,
            retired,
            unused,
        }
    }

    /// The memory of all lines in use, spare, or held by readers.
    pub(super) fn memory_bytes(&self) -> usize {
        let Self {
            layout,
            spare,
            retired,
            unused,
            ..
        } = self;
        let layouts = retired.iter().chain([layout]);
        let chunks = layouts
            .flat_map(|layout| layout.chunks())
            .chain(spare)
            .chain(unused);
        let chunks: HashMap<_, _> = chunks
            .map(|chunk| (Arc::as_ptr(chunk), chunk.bytes()))
            .collect();
        chunks.values().sum()
    }

    /// Puts a layout in force, as far as the writer is concerned.
    pub(super) fn replace_layout(&mut self, layout: Arc<Layout>) {
        self.retired
            .push(core::mem::replace(&mut self.layout, layout));
        self.release();
    }

    /// Gives up what readers no longer hold of former layouts, a little at a time.
    pub(super) fn release(&mut self) {
        let Self {
            table,
            layout,
            retired,
            unused,
            ..
        } = self;
        if !retired.is_empty() {
            remembered::forget_former(*table, layout.stamp);
            for layout in retired.extract_if(.., |layout| Arc::strong_count(layout) == 1) {
                let last = layout
                    .chunks()
                    .filter(|chunk| Arc::strong_count(chunk) == 1);
                unused.extend(last.cloned());
            }
        }
        unused.truncate(unused.len().saturating_sub(UNMAPPED_AT_ONCE));
    }

    /// Memory for one chunk of the new span: lines of the old one that are clear, which `memories`
    /// then has no more, or new ones.
    pub(super) fn chunk_for(
        &mut self,
        memories: &mut Memories,
        wait: Wait,
    ) -> Result<Provided, NoMemory> {
        let Some(to) = &memories.to else {
            return Ok(Provided::Later);
        };
        let lines = to.chunk_lines();
        let wanted = to.chunks.iter().filter(|chunk| chunk.is_none()).count();
        if lines < CHUNK_LINES {
            return Chunk::small(lines).map(Provided::New);
        }
        self.spare.extend(memories.from.take_before(self.next));
        if let Some(chunk) = self.spare.pop() {
            let kept = self.spare.len().min(wanted - 1);
            self.unused.extend(self.spare.drain(kept..));
            return Ok(Provided::Again(chunk));
        }
        match self.supply.as_ref().map_or(Supplied::Nothing, Supply::take) {
            Supplied::Chunk(chunk) => Ok(Provided::New(chunk)),
            Supplied::NotYet if wait == Wait::ForSupply => Ok(Provided::Later),
            _ => Chunk::small(lines).map(Provided::New),
        }
    }
}

/// Where the memory of a chunk comes from.
pub(super) enum Provided {
    /// From the system.
    New(Chunk),
    /// From the old span. Readers may still be in it.
    Again(Arc<Chunk>),
    /// There is none yet.
    Later,
}

/// Whether a move may pause until memory for it is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// There is room to insert meanwhile.
    ForSupply,
    /// Small pages, which are there at once, must do.
    No,
}
