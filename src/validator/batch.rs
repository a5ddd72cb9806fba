//! Many texts at once: their memory fetched together, their digests computed sixteen at a time.

use super::Validator;
use crate::active::Active;
use crate::digest::{BLOCK_BYTES, Digest, LANES, block};
use crate::inactive::Inactive;
use crate::table::Place;
use crate::token_text;

/// Texts that are on their way at the same time.
struct Lanes {
    /// Where in the batch each text stands.
    at: [usize; LANES],
    places: [Option<Place>; LANES],
    blocks: [[u8; BLOCK_BYTES]; LANES],
    filled: usize,
}

impl Lanes {
    const EMPTY: Self = Self {
        at: [0; LANES],
        places: [None; LANES],
        blocks: [[0; BLOCK_BYTES]; LANES],
        filled: 0,
    };
}

impl Validator {
    /// Validates many texts at once, for gateways and log scanners: the same verdicts as
    /// [`Validator::validate`] one by one, at a fraction of the cost each from some sixteen texts
    /// on. `verdict` is called once for each text with its position, not in order.
    ///
    /// Allocates nothing, whatever the number of texts, but for JWTs that the store does not know.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let store = hallpass::Store::open(dir.path())?;
    /// # let validator = store.validator();
    /// let lines = ["hp_one", "hp_two"];
    /// let mut active = 0;
    /// validator.validate_batch(&lines, |_line, verdict| active += usize::from(verdict.is_ok()));
    /// assert_eq!(active, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn validate_batch<'v, T: AsRef<[u8]>>(
        &'v self,
        texts: &[T],
        mut verdict: impl FnMut(usize, Result<Active<'v>, Inactive>),
    ) {
        // Two sets in turn: while one is hashed and looked up, the lines of the next are coming.
        let (mut now, mut next) = (Lanes::EMPTY, Lanes::EMPTY);
        let mut texts_left = texts.iter().enumerate();
        self.fill(&mut texts_left, &mut now, &mut verdict);
        while now.filled > 0 {
            self.fill(&mut texts_left, &mut next, &mut verdict);
            self.answer(&now, texts, &mut verdict);
            core::mem::swap(&mut now, &mut next);
        }
    }

    /// Fills the lanes with the next texts and starts their memory on its way. Texts that do not
    /// fit in a block, and what no store made, are answered at once.
    fn fill<'v, 't, T: AsRef<[u8]> + 't>(
        &'v self,
        texts: &mut impl Iterator<Item = (usize, &'t T)>,
        lanes: &mut Lanes,
        verdict: &mut impl FnMut(usize, Result<Active<'v>, Inactive>),
    ) {
        lanes.filled = 0;
        let Lanes {
            at,
            places,
            blocks,
            filled,
        } = lanes;
        for ((at, place), lane) in at.iter_mut().zip(places).zip(blocks) {
            let (number, text) = loop {
                let Some((number, text)) = texts.next() else {
                    return;
                };
                match block(text.as_ref()) {
                    Some(block) if token_text::has_body(text.as_ref()) => {
                        *lane = block;
                        break (number, text.as_ref());
                    }
                    _ => verdict(number, self.validate(text)),
                }
            };
            *at = number;
            *place = token_text::id_bytes(text).map(Place::of_id_text);
            if let Some(place) = *place {
                self.live.table.prefetch(place);
            }
            *filled += 1;
        }
    }

    fn answer<'v, T: AsRef<[u8]>>(
        &'v self,
        lanes: &Lanes,
        texts: &[T],
        verdict: &mut impl FnMut(usize, Result<Active<'v>, Inactive>),
    ) {
        let mut digests = [Digest::ZERO; LANES];
        let blocks = lanes.blocks.get(..lanes.filled).unwrap_or(&lanes.blocks);
        self.live.digests.blocks(blocks, &mut digests);
        let lanes = lanes
            .at
            .iter()
            .zip(lanes.places)
            .zip(digests)
            .take(lanes.filled);
        for ((at, place), digest) in lanes {
            let found = match self.live.find(place, digest) {
                Some(entry) => self.judge(&entry),
                None => Err(match texts.get(*at).map(AsRef::as_ref) {
                    Some(text) if !token_text::is_well_formed(text) => self.why_no_token(text),
                    _ => self.not_found(),
                }),
            };
            verdict(*at, found);
        }
    }
}
