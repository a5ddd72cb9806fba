//! What is kept of a credential in memory; knows nothing of how it was computed.

use core::fmt;
use core::num::NonZeroU64;

/// 128 bits of the keyed digest of what a client shows.
///
/// All 128 are compared: RFC 6749 section 10.10 wants the chance of guessing a token to be at most
/// 2^-128. The first word is never zero, since zero marks a free slot: an `Option` of it fits in two
/// registers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest(NonZeroU64, u64);

impl Digest {
    /// The first half of a hash function's output. A first word of zero (one digest in 2^64) becomes one,
    /// always, so that the same credential always comes to the same digest.
    #[inline]
    pub(crate) fn of_output(output: &[u8; 32]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = *output;
        let first = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        Self::of_words(first, u64::from_le_bytes([i, j, k, l, m, n, o, p]))
    }

    /// The digest made of these words, the first one moved off zero.
    pub(crate) const fn of_words(first: u64, second: u64) -> Self {
        match NonZeroU64::new(first) {
            Some(first) => Self(first, second),
            None => Self(NonZeroU64::MIN, second),
        }
    }

    /// The two words.
    pub(crate) const fn words(self) -> [u64; 2] {
        [self.0.get(), self.1]
    }

    /// Whether these words are this digest's: both are always looked at, and no branch is taken
    /// before both are.
    pub(crate) const fn is(self, first: u64, second: u64) -> bool {
        (self.0.get() ^ first) | (self.1 ^ second) == 0
    }
}

impl fmt::Debug for Digest {
    /// Prints nothing of the digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_word_of_zero_is_moved_to_one() {
        assert_eq!(Digest::of_output(&[0; 32]).words(), [1, 0]);
        let mut output = [0; 32];
        (output[8], output[15]) = (7, 1);
        assert_eq!(Digest::of_output(&output).words(), [1, 7 | 1 << 56]);
        output[0] = 9;
        assert_eq!(Digest::of_output(&output).words(), [9, 7 | 1 << 56]);
    }

    #[test]
    fn both_words_count() {
        let digest = Digest::of_words(5, 6);
        assert!(digest.is(5, 6));
        assert!(!digest.is(5, 7) && !digest.is(4, 6) && !digest.is(6, 5));
    }

    #[test]
    fn debug_shows_no_digest() {
        assert_eq!(format!("{:?}", Digest::of_words(5, 6)), "Digest(..)");
    }
}
