//! Foreign tokens that were verified, so that the next look costs a digest instead of a signature.
//!
//! A set-associative array: a digest has four slots that may hold it, found by its bits. Only what
//! was accepted is remembered, and what is remembered is judged again at every hit.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::denied::NameHash;
use crate::jwt::Vouched;
use crate::table::Digest;

/// Slots that may hold one digest.
const WAYS: usize = 4;
/// The most slots: 128 MiB of pointers.
const ENTRIES_MAX: usize = 1 << 24;

/// A verified token with the digest of its text.
pub(super) struct Remembered {
    pub(super) digest: Digest,
    pub(super) vouched: Vouched,
    /// What stands for the token in the table if it was revoked.
    pub(super) denial: Option<Digest>,
    /// Of its client.
    pub(super) name_hash: NameHash,
}

pub(super) struct Memo {
    slots: Box<[ArcSwapOption<Remembered>]>,
}

impl Memo {
    /// With this many slots, up to the next power of two.
    pub(super) fn new(entries: usize) -> Self {
        let slots = match entries {
            0 => 0,
            _ => entries.min(ENTRIES_MAX).next_power_of_two().max(WAYS),
        };
        Self {
            slots: std::iter::repeat_with(ArcSwapOption::empty)
                .take(slots)
                .collect(),
        }
    }

    pub(super) fn get(&self, digest: Digest) -> Option<Arc<Remembered>> {
        self.ways(digest).iter().find_map(|slot| {
            let held = slot.load();
            let one = held.as_ref()?;
            (one.digest == digest).then(|| Arc::clone(one))
        })
    }

    /// Remembers a token: in the slot that has its digest, in an empty one, or in one that chance
    /// picks.
    pub(super) fn put(&self, one: &Arc<Remembered>) {
        let ways = self.ways(one.digest);
        let same = |slot: &&ArcSwapOption<Remembered>| {
            slot.load()
                .as_ref()
                .is_none_or(|held| held.digest == one.digest)
        };
        let [first, _] = one.digest.words();
        let chosen = ways
            .iter()
            .find(same)
            .or_else(|| ways.get((first >> 32) as usize % WAYS));
        if let Some(slot) = chosen {
            slot.store(Some(Arc::clone(one)));
        }
    }

    fn ways(&self, digest: Digest) -> &[ArcSwapOption<Remembered>] {
        let sets = self.slots.len() / WAYS;
        if sets == 0 {
            return &[];
        }
        let [first, _] = digest.words();
        let set = first as usize % sets;
        &self.slots[set * WAYS..(set + 1) * WAYS]
    }
}
