//! What was measured, and how it is told. Every figure comes from a clock.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use hallpass::{Active, Inactive};
use serde::Serialize;

use crate::output::{Failure, grouped};

/// How often the clock is looked at: reading it costs as much as a validation.
const BETWEEN_LOOKS: usize = 512;

/// So many operations in so much time.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Measured {
    /// How many operations, of all threads.
    pub(crate) count: u64,
    /// How long they took.
    #[serde(rename = "seconds", serialize_with = "as_seconds")]
    pub(crate) elapsed: Duration,
    /// How many threads did them.
    pub(crate) threads: u32,
    /// How many were done in a second.
    per_second: f64,
    /// How long one took on its thread, in nanoseconds.
    nanos_each: f64,
}

fn as_seconds<S: serde::Serializer>(elapsed: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(elapsed.as_secs_f64())
}

impl Measured {
    /// `count` operations of all `threads` together took `elapsed`.
    pub(crate) fn new(count: u64, elapsed: Duration, threads: u32) -> Self {
        let seconds = elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        let done = count as f64;
        Self {
            count,
            elapsed,
            threads,
            per_second: done / seconds,
            nanos_each: seconds * 1e9 * f64::from(threads) / done.max(1.0),
        }
    }

    /// The rate.
    pub(crate) fn rate(&self) -> String {
        format!("{}/s", grouped(self.per_second as u64))
    }

    /// How long one takes, in the unit that suits it.
    pub(crate) fn each(&self) -> String {
        match self.nanos_each {
            nanos if nanos < 10_000.0 => format!("{nanos:.0} ns"),
            nanos if nanos < 10_000_000.0 => format!("{:.0} us", nanos / 1e3),
            nanos => format!("{:.0} ms", nanos / 1e6),
        }
    }
}

/// Times one call that does `count` operations.
pub(crate) fn once<T>(
    count: u64,
    call: impl FnOnce() -> Result<T, Failure>,
) -> Result<(T, Measured), Failure> {
    let begun = Instant::now();
    let done = call()?;
    Ok((done, Measured::new(count, begun.elapsed(), 1)))
}

/// Does `ask(n)` for `n` from 0 to `of` over and over, for at least `at_least` on each of `threads`
/// threads. Every answer is looked at, and one that is not as expected is a failure.
pub(crate) fn answers<'v>(
    what: &str,
    of: usize,
    threads: u32,
    at_least: Duration,
    ask: impl Fn(usize) -> Result<Active<'v>, Inactive> + Sync,
    expected: impl Fn(&Result<Active<'v>, Inactive>) -> bool + Sync,
) -> Result<Measured, Failure> {
    let ready = Barrier::new(threads as usize);
    let one = |thread: usize| {
        // Each thread begins elsewhere, so that they do not help each other's caches.
        let mut at = of / threads as usize * thread;
        let (mut done, mut wrong) = (0u64, 0u64);
        ready.wait();
        let begun = Instant::now();
        while done == 0 || begun.elapsed() < at_least {
            for _ in 0..BETWEEN_LOOKS {
                let answer = black_box(ask(black_box(at)));
                wrong += u64::from(!expected(&answer));
                at = if at + 1 >= of { 0 } else { at + 1 };
            }
            done += BETWEEN_LOOKS as u64;
        }
        (done, wrong, begun.elapsed())
    };
    let told: Vec<(u64, u64, Duration)> = thread::scope(|scope| {
        let one = &one;
        let others: Vec<_> = (1..threads as usize)
            .map(|thread| scope.spawn(move || one(thread)))
            .collect();
        let first = one(0);
        let others = others
            .into_iter()
            .map(|other| other.join().unwrap_or((0, 1, Duration::ZERO)));
        std::iter::once(first).chain(others).collect()
    });
    let wrong: u64 = told.iter().map(|(_, wrong, _)| wrong).sum();
    if wrong > 0 {
        return Err(Failure::WrongAnswer {
            what: format!("{what}: {wrong} times"),
        });
    }
    let count = told.iter().map(|(done, ..)| done).sum();
    let elapsed = told.iter().map(|(.., elapsed)| *elapsed).max();
    Ok(Measured::new(count, elapsed.unwrap_or_default(), threads))
}

/// Puts `items` in an order that no cache can foresee; the same one each time.
pub(crate) fn shuffle<T>(items: &mut [T]) {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for last in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items.swap(last, (state % (last as u64 + 1)) as usize);
    }
}
