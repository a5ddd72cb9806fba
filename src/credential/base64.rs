//! Base64 (RFC 4648 section 4), read strictly and straight into the scratch; knows no credentials.
//!
//! ```text
//! text = *4digit [ 4digit / 3digit "=" / 2digit "==" ]
//! ```
//! Padding is required (section 3.2), nothing outside of the alphabet is skipped (section 3.3), and
//! the bits that padding leaves over are zero (section 3.5) unless a caller doesn't mind.
//!
//! Long texts go through `base64-simd`, as digits without padding; short ones and the last group
//! through tables of ours, without an early exit.

use base64_simd::{Out, STANDARD_NO_PAD};

use super::scratch::{Full, Scratch};

/// What becomes of the bits that padding leaves over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spare {
    /// They must be zero: one text for the same bytes.
    Zero,
    /// Nobody looks at them, as in Go's and Python's decoders.
    Any,
}

/// A digit that is none, padding that is missing, too much or in the wrong place, bits left over.
#[derive(Debug)]
pub(super) struct NotBase64;

impl From<Full> for NotBase64 {
    fn from(_: Full) -> Self {
        Self
    }
}

/// Empties the scratch and decodes `text` into it. What it holds after an error is of no use, and
/// is wiped like anything else in it.
#[inline(always)]
pub(super) fn decode(text: &[u8], spare: Spare, scratch: &mut Scratch) -> Result<(), NotBase64> {
    scratch.clear();
    let (groups, []) = text.as_chunks::<4>() else {
        return Err(NotBase64);
    };
    let Some((last, groups)) = groups.split_last() else {
        return Ok(());
    };
    let whole = 3 * groups.len();
    let room = scratch.room(whole + 3)?;
    if lanes_pay(groups) {
        let out = Out::from_slice(&mut room[..whole]);
        STANDARD_NO_PAD
            .decode(groups.as_flattened(), out)
            .map_err(|_| NotBase64)?;
    } else {
        decode_groups(groups, room)?;
    }
    let (group, pads) = match *last {
        [a, b, b'=', b'='] => ([a, b, b'A', b'A'], 2),
        [a, b, c, b'='] => ([a, b, c, b'A'], 1),
        group => (group, 0),
    };
    let group = bits(&group);
    let left_over = group & ((1 << (8 * pads)) - 1);
    if group & NONE != 0 || (left_over != 0 && spare == Spare::Zero) {
        return Err(NotBase64);
    }
    room[whole..].copy_from_slice(&three(group));
    scratch.set_len(whole + 3 - pads);
    Ok(())
}

/// From 38 digits on `base64-simd` reads 32 at once; less it reads as we do.
#[inline(always)]
fn lanes_pay(groups: &[[u8; 4]]) -> bool {
    4 * groups.len() >= 38
}

/// Two groups at a time, written as eight bytes of which the last two are overwritten by what
/// follows: `room` has three bytes more than the groups need.
#[inline(always)]
fn decode_groups(groups: &[[u8; 4]], room: &mut [u8]) -> Result<(), NotBase64> {
    let mut seen = 0;
    let (twos, rest) = groups.as_chunks::<2>();
    let mut at = 0;
    for [a, b] in twos {
        let [a, b] = [bits(a), bits(b)];
        seen |= a | b;
        let both = u64::from(a) << 40 | u64::from(b) << 16;
        room[at..at + 8].copy_from_slice(&both.to_be_bytes());
        at += 6;
    }
    if let [group] = rest {
        let group = bits(group);
        seen |= group;
        room[at..at + 4].copy_from_slice(&(group << 8).to_be_bytes());
    }
    if seen & NONE != 0 {
        return Err(NotBase64);
    }
    Ok(())
}

/// Set in the bits of a group in which some digit is none.
const NONE: u32 = 1 << 31;

/// The bits of each digit, by the place that it has in a group of four.
static DIGITS: [[u32; 256]; 4] = [digits(18), digits(12), digits(6), digits(0)];

const fn digits(shift: u32) -> [u32; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [NONE; 256];
    let mut i = 0;
    while i < alphabet.len() {
        table[alphabet[i] as usize] = (i as u32) << shift;
        i += 1;
    }
    table
}

/// Four digits make 24 bits.
#[inline]
fn bits(group: &[u8; 4]) -> u32 {
    DIGITS[0][usize::from(group[0])]
        | DIGITS[1][usize::from(group[1])]
        | DIGITS[2][usize::from(group[2])]
        | DIGITS[3][usize::from(group[3])]
}

#[inline]
const fn three(bits: u32) -> [u8; 3] {
    let [_, a, b, c] = bits.to_be_bytes();
    [a, b, c]
}

#[cfg(test)]
mod tests {
    use ::base64::Engine as _;
    use ::base64::alphabet::STANDARD;
    use ::base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
    use proptest::prelude::*;

    use super::*;

    /// The peer, which had this decoder's place before.
    fn peer(spare: Spare) -> GeneralPurpose {
        let loose = spare == Spare::Any;
        let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(loose);
        GeneralPurpose::new(&STANDARD, config)
    }

    fn ours(text: &[u8], spare: Spare, scratch: &mut Scratch) -> Option<Vec<u8>> {
        decode(text, spare, scratch).ok()?;
        Some(scratch.bytes().to_vec())
    }

    #[track_caller]
    fn agree(text: &[u8], scratch: &mut Scratch) {
        for spare in [Spare::Zero, Spare::Any] {
            let theirs = peer(spare).decode(text).ok();
            assert_eq!(ours(text, spare, scratch), theirs, "{spare:?} {text:?}");
        }
    }

    /// Digits at both ends of each run of the alphabet, some in between, their neighbours which
    /// are none, padding, and what the URL-safe alphabet has.
    const SEEN: &[u8] = b"ABQZabgwxz0189+/=-_*,.:@[`{ \0\n\x7f\x80\xff";

    #[test]
    fn every_group_is_read_as_the_peer_reads_it() {
        let mut scratch = Scratch::new();
        let [zero, any] = [peer(Spare::Zero), peer(Spare::Any)];
        let mut bytes = [0; 3];
        for &a in SEEN {
            for &b in SEEN {
                for &c in SEEN {
                    for &d in SEEN {
                        let text = [a, b, c, d];
                        for (spare, peer) in [(Spare::Zero, &zero), (Spare::Any, &any)] {
                            let theirs = peer.decode_slice(text, &mut bytes).ok();
                            let ours = decode(&text, spare, &mut scratch).ok();
                            let same =
                                ours.map(|()| scratch.bytes()) == theirs.map(|n| &bytes[..n]);
                            assert!(same, "{spare:?} {text:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_byte_counts_in_every_place() {
        let mut scratch = Scratch::new();
        for len in 0..=44 {
            let text = vec![b'Q'; len];
            agree(&text, &mut scratch);
            for at in 0..len {
                for byte in 0..=255 {
                    let mut text = text.clone();
                    text[at] = byte;
                    agree(&text, &mut scratch);
                }
            }
        }
    }

    #[test]
    fn every_length_and_padding_is_read_as_the_peer_reads_it() {
        let mut scratch = Scratch::new();
        for len in 0..200 {
            for pads in 0..=5 {
                for last in *b"Agw4/" {
                    let mut text = vec![b'z'; len];
                    if let Some(end) = text.last_mut() {
                        *end = last;
                    }
                    text.resize(len + pads, b'=');
                    agree(&text, &mut scratch);
                }
            }
        }
    }

    #[test]
    fn what_is_written_is_read_up_to_the_limit() {
        let mut scratch = Scratch::new();
        for len in (0..300).chain(6100..=6144) {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 7 + i / 256) as u8).collect();
            let text = peer(Spare::Zero).encode(&bytes);
            assert_eq!(
                ours(text.as_bytes(), Spare::Zero, &mut scratch),
                Some(bytes)
            );
        }
        let text = "A".repeat(12 * 1024);
        assert!(decode(text.as_bytes(), Spare::Zero, &mut scratch).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_the_peer_reads_it(
            text in proptest::collection::vec(any::<u8>(), 0..64),
            digits in "[A-Za-z0-9+/]{0,120}={0,3}",
            near in "[A-Za-z0-9+/=_-]{0,24}",
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut scratch = Scratch::new();
            let written = peer(Spare::Zero).encode(&bytes);
            for text in [&text[..], digits.as_bytes(), near.as_bytes(), written.as_bytes()] {
                agree(text, &mut scratch);
            }
        }
    }
}
