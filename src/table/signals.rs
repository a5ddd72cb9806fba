//! The three numbers by which the writer tells readers that what they read may have moved.

use super::sync::{AtomicU64, Ordering, fence};

/// Readers load these, the writer stores them. In a cache line pair of its own: every reader has it
/// in its nearest cache, and only the changes named here take it away.
#[derive(Debug)]
#[cfg_attr(not(hallpass_loom), repr(align(128)))]
pub(crate) struct Signals {
    /// The stamp of the layout now in force; only rises.
    stamp: AtomicU64,
    /// While entries move: those whose place is below live in the new span. Only rises during one
    /// move; goes back to zero after the stamp of the layout that ends the move is out.
    watermark: AtomicU64,
    /// How often memory that had held one entry was given to another.
    reuses: AtomicU64,
}

/// What the signals were when a reader began.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(super) stamp: u64,
    pub(super) watermark: u64,
    pub(super) reuses: u64,
}

impl Signals {
    pub(crate) fn new(stamp: u64) -> Self {
        Self {
            stamp: AtomicU64::new(stamp),
            watermark: AtomicU64::new(0),
            reuses: AtomicU64::new(0),
        }
    }

    /// The stamp of the layout in force. Loaded before the layout is, so that a layout newer than
    /// the stamp does no harm and an older one shows at the end.
    #[inline(always)]
    pub(super) fn stamp(&self) -> u64 {
        self.stamp.load(Ordering::Acquire)
    }

    /// What a reader must know before it reads the first slot.
    #[inline(always)]
    pub(super) fn seen(&self, stamp: u64) -> Seen {
        let reuses = self.reuses.load(Ordering::Acquire);
        Seen {
            stamp,
            watermark: self.watermark.load(Ordering::Acquire),
            reuses,
        }
    }

    /// Whether no slot has passed from one entry to another since `seen`. Call after an acquire
    /// fence that follows the reading of the slot.
    #[inline(always)]
    pub(super) fn no_reuse_since(&self, seen: Seen) -> bool {
        self.reuses.load(Ordering::Relaxed) == seen.reuses
    }

    /// Whether entries from `place` on still stand where they stood at `seen`. The watermark may
    /// have moved meanwhile, so long as it did not pass `place`. Call after an acquire fence that
    /// follows the reading of the slots.
    #[inline(always)]
    pub(super) fn not_moved_since(&self, seen: Seen, place: u64) -> bool {
        // The watermark first: to see it put back to zero is then to see the stamp that came before.
        let watermark = self.watermark.load(Ordering::Acquire);
        let same_side = place < seen.watermark || watermark <= place;
        same_side && self.stamp.load(Ordering::Relaxed) == seen.stamp
    }

    /// Writer: a layout with this stamp is in force from now on.
    pub(super) fn set_stamp(&self, stamp: u64) {
        self.stamp.store(stamp, Ordering::Release);
    }

    /// Writer: entries below `watermark` are all in the new span. What the writer does next, which
    /// is to clear the old slots, cannot be seen by anybody who could not see this.
    pub(super) fn set_watermark(&self, watermark: u64) {
        self.watermark.store(watermark, Ordering::Release);
        fence(Ordering::Release);
    }

    /// Writer: memory that held entries is about to be written again. What the writer writes next
    /// cannot be seen by anybody who could not see this.
    pub(super) fn announce_reuse(&self) {
        let reuses = self.reuses.load(Ordering::Relaxed);
        self.reuses.store(reuses.wrapping_add(1), Ordering::Release);
        fence(Ordering::Release);
    }
}
