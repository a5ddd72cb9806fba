//! How a cost is measured: CPU time of the thread that works, medians of repeats, ratios in each.

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

use crate::tokens::Texts;

/// What answers whether a token is active.
pub trait Candidate {
    fn name(&self) -> String;

    /// A number out of the answer, `None` if the token is not active. Inlined into the loop that
    /// measures, so that no candidate pays for being one of many.
    fn check(&self, text: &[u8]) -> Option<u64>;
}

/// A candidate with its loops.
pub trait Timed {
    fn name(&self) -> String;
    /// Nanoseconds a call; each call waits for the answer of the one before.
    fn dependent(&self, texts: &Texts, from: usize, calls: usize) -> f64;
    /// Nanoseconds a call; calls may overlap.
    fn independent(&self, texts: &Texts, from: usize, calls: usize) -> f64;

    /// How many calls take some 40 milliseconds; a tenth of them warms up.
    fn calls(&self, texts: &Texts, from: usize) -> usize {
        let few = 64;
        let cost = self.dependent(texts, from, few);
        let calls = ((40e6 / cost) as usize).clamp(few, 200_000);
        self.dependent(texts, from + few, calls / 10);
        calls
    }
}

impl<C: Candidate> Timed for C {
    fn name(&self) -> String {
        Candidate::name(self)
    }

    /// Texts stand in a row, so that reading them costs nobody a miss; which comes next depends on
    /// the answer, in a way that only the answer tells.
    #[inline(never)]
    fn dependent(&self, texts: &Texts, from: usize, calls: usize) -> f64 {
        let mut at = from % texts.len();
        per_call(calls, || {
            for _ in 0..calls {
                let answer = self.check(texts.get(at));
                let answer = answer.unwrap_or_else(|| inactive(&Candidate::name(self)));
                // No answer has the top bit: it is as good as zero, and has to be waited for.
                at += 1 + (black_box(answer) >> 63) as usize;
                if at >= texts.len() {
                    at = 0;
                }
            }
        })
    }

    #[inline(never)]
    fn independent(&self, texts: &Texts, from: usize, calls: usize) -> f64 {
        let mut at = from % texts.len();
        let mut sum = 0_u64;
        let cost = per_call(calls, || {
            for _ in 0..calls {
                let answer = self.check(texts.get(at));
                sum ^= answer.unwrap_or_else(|| inactive(&Candidate::name(self)));
                at = if at + 1 == texts.len() { 0 } else { at + 1 };
            }
        });
        black_box(sum);
        cost
    }
}

#[cold]
fn inactive(name: &str) -> u64 {
    panic!("{name} took an active token for another")
}

/// Nanoseconds of CPU time that `calls` calls take, each.
pub fn per_call(calls: usize, work: impl FnOnce()) -> f64 {
    let begun = cpu_ns();
    work();
    (cpu_ns() - begun) as f64 / calls as f64
}

/// The CPU time of this thread: time in which it did not run does not count.
pub fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// One cost, in each repeat.
#[derive(Clone, Default)]
pub struct Repeats(pub Vec<f64>);

impl Repeats {
    pub fn push(&mut self, cost: f64) {
        self.0.push(cost);
    }

    pub fn median(&self) -> f64 {
        median(self.0.clone())
    }

    /// The least and the most.
    pub fn range(&self) -> (f64, f64) {
        let fold = |with: fn(f64, f64) -> f64| self.0.iter().copied().fold(f64::NAN, with);
        (fold(f64::min), fold(f64::max))
    }

    /// The median of the ratios in each repeat: the machine's mood cancels out.
    pub fn over(&self, other: &Self) -> f64 {
        median(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect())
    }

    pub fn plus(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a + b).collect())
    }
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    match of.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => of[n / 2],
        n => (of[n / 2 - 1] + of[n / 2]) / 2.0,
    }
}

/// A pseudo-random number from the one before (xorshift).
pub fn next_random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
