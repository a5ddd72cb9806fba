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
const CALLS: usize = 300_000;
/// What the writer does each millisecond: half of it issues, half revokes.
const CHANGES_A_MS: usize = 10;
/// What one insertion may take, in CPU time.
const INSERT_NS_MAX: u64 = 2_000_000;

/// Nanoseconds that each of many calls took, sorted.
pub struct Latencies(Vec<u32>);

impl Latencies {
    pub fn at(&self, part: f64) -> f64 {
        let at = (self.0.len() as f64 * part) as usize;
        f64::from(self.0[at.min(self.0.len() - 1)])
    }
}

/// Times calls one by one, each waiting for the one before, until `enough` says so.
fn timed(
    validator: &Validator,
    hit: &Texts,
    from: usize,
    mut enough: impl FnMut(usize) -> bool,
) -> Latencies {
    let clock = quanta::Clock::new();
    let mut latencies = Vec::with_capacity(CALLS);
    let mut at = from % hit.len();
    let mut begun = clock.raw();
    while !enough(latencies.len()) {
        let active = validator.validate(hit.get(at)).expect("active");
        at += 1 + (std::hint::black_box(active.token_id().as_u64()) >> 63) as usize;
        if at >= hit.len() {
            at = 0;
        }
        let ended = clock.raw();
        latencies.push(clock.delta_as_nanos(begun, ended).min(u64::from(u32::MAX)) as u32);
        begun = ended;
    }
    latencies.sort_unstable();
    Latencies(latencies)
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
        let from = repeat * 999_983;
        let reader = |from| timed(&tokens.validator, &tokens.hit, from, |calls| calls >= CALLS);
        reader(from);
        let alone = reader(from + CALLS);
        let stop = AtomicBool::new(false);
        let beside = std::thread::scope(|scope| {
            let begun = Instant::now();
            let writer = scope.spawn(|| write(&tokens.store, &stop));
            reader(from + 2 * CALLS);
            let beside = reader(from + 3 * CALLS);
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
    /// What the machine does to a thread that only reads the clock, for as long as the insertions took.
    noise: f64,
}

/// Tables that grow from nothing to `count` while they are read, one after another: the growth is the same
/// each time, to the token, so that what is slow in one of them only is not its doing.
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
    let slowest = over_all(&|growth| growth.inserts.at(1.0));
    results.others.push([
        format!(
            "0 to {}: slowest insertion, ms of CPU time, median of {repeats}",
            spoken(count)
        ),
        "<= 2".into(),
        milliseconds(&slowest),
        met(true, slowest.median() <= INSERT_NS_MAX as f64),
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
    let (reads, (inserts, took)) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let begun = cpu_ns();
            (insert(&store, count, &written), cpu_ns() - begun)
        });
        let mut random = 1;
        let is_enough = |calls: usize| {
            calls.is_multiple_of(1024) && written.load(Ordering::Relaxed) >= count as u64
        };
        let from = next_random(&mut random) as usize;
        let reads = timed(&validator, &known, from, is_enough);
        (reads, writer.join().expect("no panic"))
    });
    Growth {
        reads,
        inserts,
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

/// Inserts one after another; the CPU time of each.
fn insert(store: &Store, count: usize, written: &AtomicU64) -> Latencies {
    let mut times = Vec::with_capacity(count);
    for n in 0..count {
        let token = [of_client(n % 1000)];
        let begun = cpu_ns();
        issue_in_memory_only(store, token, drop).expect("issued");
        times.push((cpu_ns() - begun).min(u64::from(u32::MAX)) as u32);
        written.store(n as u64 + 1, Ordering::Relaxed);
    }
    times.sort_unstable();
    Latencies(times)
}
