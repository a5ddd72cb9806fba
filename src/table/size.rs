//! How many lines a table has: the load it is kept at, and the steps in which it grows.

use super::span::{CHUNK_LINES, TAIL_LINES};

/// Entries for a hundred lines when the table grows: a load of 0.57. An unknown token then looks at
/// 1.4 lines, and one in ten at more than the two that are fetched early; at 0.72 it would be 2.2 and
/// one in four, which took half as long again. A token issued late stands as far from home.
const FULL_PERCENT: usize = 114;
/// The smallest table, in lines with their tail: 64 KiB of address space.
const LINES_MIN: usize = 1024;

/// How many entries fill this many lines.
pub(super) const fn full(lines: usize) -> usize {
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
pub(super) const fn grown(lines: usize) -> usize {
    let total = lines + TAIL_LINES;
    if total < CHUNK_LINES {
        return 2 * total - TAIL_LINES;
    }
    (total.div_ceil(CHUNK_LINES) * 9).div_ceil(8) * CHUNK_LINES - TAIL_LINES
}

#[cfg(all(test, not(hallpass_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_table_made_for_some_tokens_is_full_with_them_and_not_much_before() {
        for tokens in [
            0, 1, 550, 583, 584, 10_000, 36_700, 37_000, 1_000_000, 10_000_000,
        ] {
            let lines = lines_for(tokens);
            assert!(full(lines) >= tokens, "{tokens}");
            let bytes = (lines + TAIL_LINES) * 64;
            assert!(
                tokens < 1_000_000 || bytes <= tokens * 58,
                "{tokens}: {bytes}"
            );
        }
    }

    #[test]
    fn a_large_table_grows_by_an_eighth_and_every_size_is_whole_chunks() {
        let mut lines = lines_for(0);
        while lines < 1 << 28 {
            let next = grown(lines);
            let total = next + TAIL_LINES;
            assert!(
                total.is_power_of_two() && total <= CHUNK_LINES
                    || total.is_multiple_of(CHUNK_LINES)
            );
            assert!(next > lines);
            let chunks = lines / CHUNK_LINES + 1;
            assert!(chunks < 9 || next <= lines + lines / 8 + CHUNK_LINES);
            lines = next;
        }
    }
}
