//! Finds the number of a thing by its hash: the writer's side of interning.

use std::hash::{BuildHasher, Hash, RandomState};

use hashbrown::HashTable;

/// Parts that grow one by one, so that the longest pause with 10 million things in all is that of
/// moving 40 thousand.
const PARTS: usize = 256;

/// Where a thing is: the low half of its hash, so that growth need not look at the thing itself,
/// and its number.
type Known = (u32, u32);

/// Numbers by hash. Names come from outside, so the hash is keyed.
pub(super) struct Index {
    /// The key of the hash.
    hasher: RandomState,
    /// Numbers, by the high bits of the hash.
    parts: Box<[HashTable<Known>]>,
    /// The next number.
    next: u32,
}

impl Index {
    pub(super) fn new() -> Self {
        let parts = core::iter::repeat_with(HashTable::new)
            .take(PARTS)
            .collect();
        Self {
            hasher: RandomState::new(),
            parts,
            next: 0,
        }
    }

    /// The number of the thing with this key for which `is_it` holds; a new one, after `keep` has
    /// put it in its place, if there is none. `None` if `keep` has no place.
    pub(super) fn number(
        &mut self,
        key: &(impl Hash + ?Sized),
        is_it: impl Fn(u32) -> bool,
        keep: impl FnOnce(u32) -> Option<()>,
    ) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        let short = hash as u32;
        let part = self.parts.get_mut((hash >> 56) as usize % PARTS)?;
        let is_it = |known: &Known| known.0 == short && is_it(known.1);
        if let Some(&(_, number)) = part.find(spread(short), is_it) {
            return Some(number);
        }
        let number = self.next;
        keep(number)?;
        self.next = number.checked_add(1)?;
        part.insert_unique(spread(short), (short, number), |known| spread(known.0));
        Some(number)
    }

    /// How many things there are.
    pub(super) fn len(&self) -> usize {
        self.next as usize
    }
}

/// Puts 32 bits of hash where a hash table looks for them: some at the top, some at the bottom.
const fn spread(short: u32) -> u64 {
    (short as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
