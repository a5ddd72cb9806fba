//! Where in the table a token stands, computed without its secret, so that the line can be fetched early.

use super::Digest;
use crate::token_id::TokenId;

/// Odd constants from the digits of pi (as wyhash and its kin use them). Every byte of the first
/// has a high bit or is not base62, so `text ^ FIRST` is never zero, which would wipe out the product.
const FIRST: u64 = 0xa409_3822_299f_31d1;
const SECOND: u64 = 0x0824_6a3f_885a_308d;

/// A 64-bit, well-mixed, even number: the larger it is, the further back in the table.
///
/// Even, so that an exclusive upper bound of all places fits in 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(u64);

impl Place {
    /// The place of the token whose id stands in its text as these characters. They are not
    /// checked: text that is no id has a place too, and nothing is found there.
    #[inline(always)]
    pub(crate) fn of_id_text(text: &[u8; TokenId::TEXT_BYTES]) -> Self {
        // Two loads of eight bytes that overlap: named one by one, the bytes are loaded one by one.
        let [Some(front), Some(back)] = [text.first_chunk(), text.last_chunk()] else {
            unreachable!("eleven bytes have eight first and eight last");
        };
        let (front, back) = (u64::from_le_bytes(*front), u64::from_le_bytes(*back));
        let product = u128::from(front ^ FIRST) * u128::from(back ^ SECOND);
        Self(((product >> 64) as u64 ^ product as u64) & !1)
    }

    /// The place of the token with this id.
    pub(crate) fn of_id(id: TokenId) -> Self {
        Self::of_id_text(&id.to_text())
    }

    /// The place of a secret that the caller chose, which carries no id. The second word, because
    /// the first is what a slot is recognised by.
    pub(crate) fn of_digest(digest: Digest) -> Self {
        Self(digest.words()[1] & !1)
    }

    /// The place with this number.
    pub(crate) const fn from_u64(number: u64) -> Self {
        Self(number & !1)
    }

    /// The number.
    pub(crate) const fn as_u64(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How far the fill of `lines` lines by these ids is from what chance gives, as the statistic of
    /// a chi-squared test divided by its expectation.
    fn unevenness(ids: impl Iterator<Item = u64>, lines: usize) -> f64 {
        let mut fill = vec![0_u32; lines];
        let mut count = 0_u32;
        for id in ids {
            let place = Place::of_id(TokenId::from_u64(id).unwrap());
            fill[((u128::from(place.as_u64()) * lines as u128) >> 64) as usize] += 1;
            count += 1;
        }
        let mean = f64::from(count) / lines as f64;
        fill.iter()
            .map(|&n| (f64::from(n) - mean).powi(2) / mean)
            .sum::<f64>()
            / lines as f64
    }

    #[test]
    fn ids_as_they_are_issued_spread_no_worse_than_chance_would() {
        let start = 0x0123_4567_89ab_cdef;
        let (lines, count) = (1 << 12, 3 << 12);
        // One after the other in a burst; one each millisecond; ten each second; one each minute.
        for step in [1, 1 << 19, 100 << 19, 60_000 << 19] {
            let uneven = unevenness((0..count).map(|i| start + i * step), lines);
            // 4096 degrees of freedom: one standard deviation is 2.2 %, so this allows five. Ids of
            // a burst come out more even than chance, which does no harm.
            assert!(uneven < 1.11, "step {step}: {uneven}");
        }
    }

    #[test]
    fn a_place_is_even_and_the_same_from_id_and_text() {
        for raw in [1, 61, 62, 1 << 19, (1 << 60) - 1] {
            let id = TokenId::from_u64(raw).unwrap();
            let place = Place::of_id(id);
            assert!(place == Place::of_id_text(&id.to_text()));
            assert_eq!(place.as_u64() & 1, 0);
        }
        assert_eq!(Place::of_digest(Digest::of_words(8, 7)).as_u64(), 6);
    }
}
