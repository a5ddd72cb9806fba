//! hallpass itself, called as a server would call it.

use std::hint::black_box;

use hallpass::{Inactive, Validator};

use crate::measure::{Candidate, per_call};
use crate::tokens::Texts;

/// Texts in a batch.
pub const BATCH: usize = 64;

pub struct Hallpass<'a>(pub &'a Validator);

impl Candidate for Hallpass<'_> {
    fn name(&self) -> String {
        "hallpass".into()
    }

    #[inline(always)]
    fn check(&self, text: &[u8]) -> Option<u64> {
        let active = self.0.validate(text).ok()?;
        Some(active.token_id().as_u64())
    }
}

impl Hallpass<'_> {
    /// Nanoseconds a token that is refused for `reason`.
    #[inline(never)]
    pub fn refused(&self, texts: &Texts, reason: Inactive, from: usize, calls: usize) -> f64 {
        let mut at = from % texts.len();
        per_call(calls, || {
            for _ in 0..calls {
                assert_eq!(self.0.validate(texts.get(at)).err(), Some(reason));
                at = if at + 1 == texts.len() { 0 } else { at + 1 };
            }
        })
    }

    /// Nanoseconds a token, in batches.
    #[inline(never)]
    pub fn batch(&self, texts: &Texts, from: usize, calls: usize) -> f64 {
        let mut at = from % texts.len();
        let mut ids = 0;
        let mut active = 0;
        let batches = calls / BATCH;
        let cost = per_call(batches * BATCH, || {
            for _ in 0..batches {
                if at + BATCH > texts.len() {
                    at = 0;
                }
                let batch: [&[u8]; BATCH] = core::array::from_fn(|n| texts.get(at + n));
                self.0.validate_batch(&batch, |_, verdict| {
                    if let Ok(found) = verdict {
                        active += 1;
                        ids ^= found.token_id().as_u64();
                    }
                });
                at += BATCH;
            }
        });
        assert_eq!(active, batches * BATCH);
        black_box(ids);
        cost
    }
}
