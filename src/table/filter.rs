//! A small set of numbers that may say yes wrongly, never no: what keeps rare facts out of the hot path.

use std::sync::atomic::{AtomicU64, Ordering};

/// 32 KiB: it stays in the second-level cache of whoever validates.
const WORDS: usize = 4096;

/// Numbers that were ever put in, and some others.
pub(super) struct Filter {
    /// A bit for all numbers that are equal modulo 262,144. Numbers are given out in a row, so the
    /// low bits are as good as a hash, and a small store has no false answers.
    words: Box<[AtomicU64]>,
}

impl Filter {
    pub(super) fn new() -> Self {
        Self {
            words: core::iter::repeat_with(AtomicU64::default)
                .take(WORDS)
                .collect(),
        }
    }

    #[inline]
    fn word(&self, number: u32) -> &AtomicU64 {
        &self.words[number as usize / 64 % WORDS]
    }

    /// Whether `number` may have been put in. Who sees it also sees what was written before.
    #[inline]
    pub(super) fn may_hold(&self, number: u32) -> bool {
        self.word(number).load(Ordering::Acquire) >> (number % 64) & 1 != 0
    }

    pub(super) fn put(&self, number: u32) {
        self.word(number)
            .fetch_or(1 << (number % 64), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_held_and_its_neighbours_are_not() {
        let filter = Filter::new();
        for number in [0, 63, 64, 262_143, 262_144 + 100, u32::MAX - 500] {
            assert!(!filter.may_hold(number));
            filter.put(number);
            assert!(filter.may_hold(number));
            assert!(!filter.may_hold(number + 1) || number == 63 || number == 262_143);
        }
    }
}
