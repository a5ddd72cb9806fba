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
    places: [Place; LANES],
    blocks: [[u8; BLOCK_BYTES]; LANES],
    filled: usize,
}

impl Lanes {
    fn empty() -> Self {
        Self {
            at: [0; LANES],
            places: [Place::from_u64(0); LANES],
            blocks: [[0; BLOCK_BYTES]; LANES],
            filled: 0,
        }
    }
}

impl Validator {
    /// Validates many texts at once, for gateways and log scanners: the same verdicts as
    /// [`Validator::validate`] one by one, at a fraction of the cost each from some sixteen texts
    /// on. `verdict` is called once for each text with its position, not in order.
    ///
    /// Each verdict is as of a moment of this call, and sixteen are found together: what `verdict` does
    /// itself, to revoke a token say, may not show in up to fifteen that follow in the same call.
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
        let (mut now, mut next) = (&mut Lanes::empty(), &mut Lanes::empty());
        let mut texts_left = texts.iter().enumerate();
        self.fill(&mut texts_left, now, &mut verdict);
        while now.filled > 0 {
            self.fill(&mut texts_left, next, &mut verdict);
            self.answer(now, texts, &mut verdict);
            core::mem::swap(&mut now, &mut next);
        }
    }

    /// Fills the lanes with the next texts and starts their memory on its way. Texts that do not
    /// fit in a block, and what no store made, are answered at once.
    #[inline]
    fn fill<'v, 't, T: AsRef<[u8]> + 't>(
        &'v self,
        texts: &mut impl Iterator<Item = (usize, &'t T)>,
        lanes: &mut Lanes,
        verdict: &mut impl FnMut(usize, Result<Active<'v>, Inactive>),
    ) {
        lanes.filled = 0;
        while lanes.filled < LANES
            && let Some((number, text)) = texts.next()
        {
            let text = text.as_ref();
            match (block(text), token_text::id_bytes(text)) {
                (Some(block), Some(id)) if token_text::has_body(text) => {
                    lanes.at[lanes.filled] = number;
                    lanes.places[lanes.filled] = Place::of_id_text(id);
                    lanes.blocks[lanes.filled] = block;
                    lanes.filled += 1;
                }
                _ => verdict(number, self.validate(text)),
            }
        }
        let places = lanes.places.iter().take(lanes.filled);
        self.live.table.prefetch_homes(places.copied());
    }

    #[inline]
    fn answer<'v, T: AsRef<[u8]>>(
        &'v self,
        lanes: &Lanes,
        texts: &[T],
        verdict: &mut impl FnMut(usize, Result<Active<'v>, Inactive>),
    ) {
        let mut outputs = [[0; 32]; LANES];
        let blocks = &lanes.blocks[..lanes.filled];
        self.live.digests.blocks(blocks, &mut outputs);
        let digests = outputs
            .iter()
            .map(|output| Digest::from_bytes(*output).in_memory());
        let wanted = lanes.places.iter().copied().zip(digests).take(lanes.filled);
        let found: [_; LANES] = self.live.table.get_all(wanted.clone());
        let now = self.live.now_secs();
        for ((&at, (_, digest)), found) in lanes.at.iter().zip(wanted).zip(found) {
            let found = found.map(|found| found.unpack(digest));
            let found = match found.or_else(|| self.live.find_placed_by(digest)) {
                Some(entry) => self.judge_at(&entry, now),
                None => Err(match texts.get(at).map(AsRef::as_ref) {
                    Some(text) if !token_text::is_well_formed(text) => self.why_no_token(text),
                    _ => self.not_found(),
                }),
            };
            verdict(at, found);
        }
    }
}
