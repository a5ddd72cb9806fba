//! Which memory holds which lines at one time: replaced whole, never changed.

use std::sync::Arc;

use self_cell::self_cell;

use super::Place;
use super::chunk::Chunk;
use super::signals::Seen;
use super::span::{CHUNK_LINES, CHUNK_SHIFT, Span, TAIL_LINES};

/// The memory of a span.
#[derive(Clone)]
pub(super) struct Memory {
    /// How many lines are homes.
    pub(super) lines: usize,
    /// The chunks, `None` where there is none yet or no more.
    pub(super) chunks: Vec<Option<Arc<Chunk>>>,
}

impl Memory {
    /// A span of this many home lines, without memory.
    pub(super) fn without_chunks(lines: usize) -> Self {
        Self {
            lines,
            chunks: vec![None; (lines + TAIL_LINES).div_ceil(CHUNK_LINES)],
        }
    }

    /// How many lines a chunk of this span has: all are full, but a small span has one small chunk.
    pub(super) fn chunk_lines(&self) -> usize {
        (self.lines + TAIL_LINES).min(CHUNK_LINES)
    }

    /// Takes out the chunks of which every line is before `line`.
    pub(super) fn take_before(&mut self, line: usize) -> Vec<Arc<Chunk>> {
        let passed = (line >> CHUNK_SHIFT).min(self.chunks.len());
        self.chunks[..passed]
            .iter_mut()
            .filter_map(Option::take)
            .collect()
    }

    fn span(&self) -> Span<'_> {
        let chunks = self.chunks.iter();
        let chunks = chunks.map(|chunk| chunk.as_ref().map_or(&[][..], |chunk| chunk.lines()));
        Span {
            lines: self.lines,
            chunks: chunks.collect(),
        }
    }
}

/// The memory of both spans.
#[derive(Clone)]
pub(super) struct Memories {
    /// Where entries live whose place is not below the watermark.
    pub(super) from: Memory,
    /// Where the others live; `None` while nothing moves.
    pub(super) to: Option<Memory>,
}

/// What readers search.
pub(super) struct View<'a> {
    /// Where entries live whose place is not below the watermark.
    pub(super) from: Span<'a>,
    /// Where the others live; the same lines as `from` while nothing moves, so that a watermark
    /// left over from the last move misleads nobody.
    pub(super) to: Span<'a>,
}

impl<'a> View<'a> {
    /// The span in which entries of this place were when the reader began.
    #[inline(always)]
    pub(super) fn span(&self, place: Place, seen: Seen) -> &Span<'a> {
        if place.as_u64() < seen.watermark {
            &self.to
        } else {
            &self.from
        }
    }
}

self_cell!(
    struct Borrowed {
        owner: Memories,
        #[covariant]
        dependent: View,
    }
);

/// Memory and the spans that lie in it.
pub(super) struct Layout {
    /// Which layout this is, among all of this process.
    pub(super) stamp: u64,
    /// The memory and its view.
    borrowed: Borrowed,
}

impl Layout {
    pub(super) fn new(stamp: u64, memories: Memories) -> Self {
        let borrowed = Borrowed::new(memories, |memories| {
            let from = memories.from.span();
            let to = memories
                .to
                .as_ref()
                .map_or_else(|| from.clone(), Memory::span);
            View { from, to }
        });
        Self { stamp, borrowed }
    }

    #[inline(always)]
    pub(super) fn view(&self) -> &View<'_> {
        self.borrowed.borrow_dependent()
    }

    pub(super) fn memories(&self) -> &Memories {
        self.borrowed.borrow_owner()
    }

    /// Whether entries are on the move.
    pub(super) fn is_moving(&self) -> bool {
        self.memories().to.is_some()
    }

    /// The memory of its chunks.
    pub(super) fn chunks(&self) -> impl Iterator<Item = &Arc<Chunk>> {
        let Memories { from, to } = self.memories();
        from.chunks
            .iter()
            .chain(to.iter().flat_map(|to| &to.chunks))
            .flatten()
    }
}
