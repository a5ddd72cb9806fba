//! Latency of single calls: alone, beside a writer of 10 thousand changes a second, during growth.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hallpass::testkit::issue_in_memory_only;
use hallpass::{Store, Validator};

use crate::measure::{Repeats, cpu_ns, next_random};
use crate::results::{Results, spoken};
use crate::run::say;
use crate::tokens::{Texts, Tokens, empty_store, of_client};

/// Calls in one repeat.
const CALLS: u64 = 300_000;
/// What the writer does each millisecond: half of it issues, half revokes.
const CHANGES_A_MS: usize = 10;
/// Insertions in a row of which the slowest is kept.
const ROW: usize = 100_000;
/// What one insertion may take, in CPU time.
const INSERT_NS_MAX: u64 = 2_000_000;

/// Nanoseconds up to which calls are counted and not listed: nearly all.
const COUNTED_NS: usize = 1 << 16;

/// How long each of many calls took. In memory that does not grow with them: a list would be a gigabyte, and
/// while the system moves that, other threads wait for their own.
pub struct Latencies {
    /// How many took so many nanoseconds.
    counts: Vec<u64>,
    /// Those that took longer.
    longer: Vec<u64>,
    calls: u64,
}

impl Latencies {
    fn new() -> Self {
        Self {
            counts: vec![0; COUNTED_NS],
            longer: Vec::with_capacity(1 << 16),
            calls: 0,
        }
    }

    fn add(&mut self, ns: u64) {
        self.calls += 1;
        match self.counts.get_mut(ns as usize) {
            Some(count) => *count += 1,
            None => self.longer.push(ns),
        }
    }

    /// What this part of the calls took at the most.
    pub fn at(&self, part: f64) -> f64 {
        let mut before = ((self.calls as f64 * part) as u64).min(self.calls.saturating_sub(1));
        for (ns, count) in self.counts.iter().enumerate() {
            if before < *count {
                return ns as f64;
            }
            before -= count;
        }
        let mut longer = self.longer.clone();
        longer.sort_unstable();
        longer
            .get(before as usize)
            .map_or(f64::NAN, |ns| *ns as f64)
    }
}

/// Times calls one by one, each waiting for the one before, until `enough` says so.
fn timed(
    validator: &Validator,
    hit: &Texts,
    from: usize,
    mut enough: impl FnMut(u64) -> bool,
) -> Latencies {
    let clock = quanta::Clock::new();
    let mut latencies = Latencies::new();
    let mut at = from % hit.len();
    let mut begun = clock.raw();
    while !enough(latencies.calls) {
        let active = validator.validate(hit.get(at)).expect("active");
        at += 1 + (std::hint::black_box(active.token_id().as_u64()) >> 63) as usize;
        if at >= hit.len() {
            at = 0;
        }
        let ended = clock.raw();
        latencies.add(clock.delta_as_nanos(begun, ended));
        begun = ended;
    }
    latencies
}

/// Issues and revokes until told to stop; says how many changes it made.
fn write(store: &Store, stop: &AtomicBool) -> u64 {
    let begun = Instant::now();
    let mut changes = 0;
    let mut issued = std::collections::VecDeque::new();
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..CHANGES_A_MS / 2 {
            issued.push_back(store.issue(of_client(1)).expect("issued").id);
            if issued.len() > 100 {
                store
                    .revoke(issued.pop_front().expect("some"))
                    .expect("revoked");
                changes += 1;
            }
            changes += 1;
        }
        let due = Duration::from_micros(changes * 1000 / CHANGES_A_MS as u64);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    changes
}

/// A reader alone and beside a writer, in turn.
pub fn beside_a_writer(count: usize, repeats: usize, results: &mut Results) {
    say(&format!(
        "latency beside a writer, {} tokens",
        spoken(count)
    ));
    let tokens = Tokens::new(count, 1000);
    let mut percentiles =
        [0.5, 0.99, 0.999].map(|part| (part, Repeats::default(), Repeats::default()));
    let mut rate = Repeats::default();
    for repeat in 0..repeats {
        let (from, calls) = (repeat * 999_983, CALLS as usize);
        let reader = |from| timed(&tokens.validator, &tokens.hit, from, |calls| calls >= CALLS);
        reader(from);
        let alone = reader(from + calls);
        let stop = AtomicBool::new(false);
        let beside = std::thread::scope(|scope| {
            let begun = Instant::now();
            let writer = scope.spawn(|| write(&tokens.store, &stop));
            reader(from + 2 * calls);
            let beside = reader(from + 3 * calls);
            stop.store(true, Ordering::Relaxed);
            let changes = writer.join().expect("no panic");
            rate.push(changes as f64 / begun.elapsed().as_secs_f64());
            beside
        });
        for (part, without, with) in &mut percentiles {
            without.push(alone.at(*part));
            with.push(beside.at(*part));
        }
    }
    for (part, without, with) in &percentiles {
        let ratio = with.over(without);
        let is_goal = *part == 0.99;
        results.others.push([
            format!(
                "{}: reader's p{} beside a writer of {:.0} changes/s / alone ({:.0} / {:.0} ns)",
                spoken(count),
                part * 100.0,
                rate.median(),
                with.median(),
                without.median(),
            ),
            if is_goal {
                "<= 1.1".into()
            } else {
                String::new()
            },
            format!("{ratio:.2}"),
            met(is_goal, ratio <= 1.104),
        ]);
    }
}

fn met(is_goal: bool, is_met: bool) -> String {
    match (is_goal, is_met) {
        (false, _) => "",
        (true, true) => "met",
        (true, false) => "**missed**",
    }
    .into()
}

/// What one growth showed.
struct Growth {
    reads: Latencies,
    inserts: Latencies,
    /// The slowest insertion of each [`ROW`].
    slowest: Vec<u64>,
    /// What the machine does to a thread that only reads the clock, for as long as the insertions took.
    noise: f64,
}

/// Tables that grow from nothing to `count` while they are read, one after another. The growth is the same each
/// time: what it makes slow is slow in the same row of insertions, and what the machine does is elsewhere.
pub fn during_growth(count: usize, repeats: usize, results: &mut Results) {
    let mut growths = Vec::new();
    for repeat in 1..=repeats {
        say(&format!(
            "latency during growth from 0 to {} tokens, {repeat} of {repeats}",
            spoken(count)
        ));
        growths.push(growth(count));
    }
    let over_all = |figure: &dyn Fn(&Growth) -> f64| Repeats(growths.iter().map(figure).collect());
    let milliseconds = |of: &Repeats| {
        let (least, most) = of.range();
        format!(
            "{:.2} ({:.2} to {:.2})",
            of.median() / 1e6,
            least / 1e6,
            most / 1e6
        )
    };
    let rows = growths[0].slowest.len();
    let slowest = (0..rows)
        .map(|row| over_all(&|growth| growth.slowest[row] as f64).median())
        .fold(0.0, f64::max);
    results.others.push([
        format!(
            "0 to {}: slowest insertion, ms of CPU time, by medians of {repeats} for each {}",
            spoken(count),
            spoken(ROW)
        ),
        "<= 2".into(),
        format!("{:.2}", slowest / 1e6),
        met(true, slowest <= INSERT_NS_MAX as f64),
    ]);
    results.others.push([
        format!(
            "0 to {}: slowest insertion of one growth, ms",
            spoken(count)
        ),
        String::new(),
        milliseconds(&over_all(&|growth| growth.inserts.at(1.0))),
        String::new(),
    ]);
    results.others.push([
        "the machine's part: slowest reading of the CPU clock in as long a time, ms".into(),
        String::new(),
        milliseconds(&over_all(&|growth| growth.noise)),
        String::new(),
    ]);
    type Of = fn(&Growth) -> &Latencies;
    let calls: [(&str, Of); 2] = [
        ("insertion, CPU time", |growth| &growth.inserts),
        ("call of a reader", |growth| &growth.reads),
    ];
    for (what, of) in calls {
        results.others.push([
            format!(
                "0 to {}: {what}, p50 / p99 / p99.9 / p99.99, ns",
                spoken(count)
            ),
            String::new(),
            [0.5, 0.99, 0.999, 0.9999]
                .map(|part| format!("{:.0}", over_all(&|growth| of(growth).at(part)).median()))
                .join(" / "),
            String::new(),
        ]);
    }
}

fn growth(count: usize) -> Growth {
    let store = empty_store();
    let mut known = Texts::default();
    issue_in_memory_only(&store, (0..10_000).map(of_client), |issued| {
        known.push(issued.secret.expose());
    })
    .expect("issued");
    let validator = store.validator();
    let written = AtomicU64::new(0);
    let (reads, (inserts, slowest, took)) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let begun = cpu_ns();
            let (inserts, slowest) = insert(&store, count, &written);
            (inserts, slowest, cpu_ns() - begun)
        });
        let mut random = 1;
        let is_enough = |calls: u64| {
            calls.is_multiple_of(1024) && written.load(Ordering::Relaxed) >= count as u64
        };
        let from = next_random(&mut random) as usize;
        let reads = timed(&validator, &known, from, is_enough);
        (reads, writer.join().expect("no panic"))
    });
    Growth {
        reads,
        inserts,
        slowest,
        noise: noise(Duration::from_nanos(took)),
    }
}

/// The most that passes, in CPU time, between two readings of the clock with nothing between them:
/// interrupts, and what a hypervisor takes without saying so.
fn noise(during: Duration) -> f64 {
    let begun = cpu_ns();
    let (mut last, mut most) = (begun, 0);
    while last - begun < during.as_nanos() as u64 {
        let now = cpu_ns();
        most = most.max(now - last);
        last = now;
    }
    most as f64
}

/// Inserts one after another; the CPU time of each, and the most in each row.
fn insert(store: &Store, count: usize, written: &AtomicU64) -> (Latencies, Vec<u64>) {
    let mut times = Latencies::new();
    let mut slowest = vec![0; count.div_ceil(ROW)];
    for n in 0..count {
        let token = [of_client(n % 1000)];
        let begun = cpu_ns();
        issue_in_memory_only(store, token, drop).expect("issued");
        let took = cpu_ns() - begun;
        times.add(took);
        slowest[n / ROW] = took.max(slowest[n / ROW]);
        written.store(n as u64 + 1, Ordering::Relaxed);
    }
    (times, slowest)
}
