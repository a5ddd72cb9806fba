//! What a store grows to that issues, expires and purges for a long time, in memory and on disk, and
//! what compacting gives back.
//!
//! ```sh
//! HALLPASS_SOAK_TOKENS=10000000 cargo bench --bench soak   # the long form
//! cargo bench --bench soak -- --test                       # the short one, which writes nothing
//! ```
//! The long form writes `soak.csv`, as it goes, and `soak.svg` to `HALLPASS_SOAK_OUT`, by default
//! `benches/rivals/results`. The store lives in the system's folder for what is temporary: for hours,
//! give one that nobody else cleans, with `TMPDIR`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench stops at what fails"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hallpass::{Clock, Compacted, NewToken, Options, Store};

/// Rounds a token lives: so many rounds' tokens live at once.
const ROUNDS_ALIVE: u64 = 2;
/// What a round takes by the store's clock.
const ROUND_SECS: u64 = 600;
const CLIENTS: u64 = 1000;

/// A clock that goes as fast as the soak does.
#[derive(Clone)]
struct Fast(Arc<AtomicU64>);

impl Clock for Fast {
    fn now_secs(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The figures after a round.
struct Row {
    issued: u64,
    live: u64,
    seconds: f64,
    resident_bytes: u64,
    table_bytes: u64,
    disk_bytes: u64,
}

fn main() {
    let is_test = std::env::args().any(|arg| arg == "--test");
    let tokens = match std::env::var("HALLPASS_SOAK_TOKENS") {
        Ok(text) => text.parse().expect("HALLPASS_SOAK_TOKENS is a number"),
        Err(_) if is_test => 20_000,
        Err(_) => 1_000_000,
    };
    let out = std::env::var_os("HALLPASS_SOAK_OUT").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/rivals/results"),
        PathBuf::from,
    );
    let folder = tempfile::tempdir().unwrap();
    let clock = Fast(Arc::new(AtomicU64::new(1_800_000_000)));
    let csv = out.join("soak.csv");
    let mut keep = |rows: &[Row]| {
        if !is_test {
            fs::write(&csv, to_csv(rows)).unwrap();
        }
    };
    let rows = live_through(folder.path(), &clock, tokens, &mut keep);
    let began = Instant::now();
    let compacted = Store::compact(folder.path(), Options::new()).unwrap();
    let took = began.elapsed();
    assert!(
        compacted.bytes_after < compacted.bytes_before,
        "{compacted:?}"
    );
    let store = options(&clock).open(folder.path()).unwrap();
    store.verify().unwrap();
    assert_eq!(store.stats().unwrap().tokens, compacted.tokens);
    let told = summary(&rows, &compacted, took);
    println!("{told}");
    if !is_test {
        let end = format!(
            "compacted,{},{:.1},,,{}\n",
            compacted.tokens,
            took.as_secs_f64(),
            compacted.bytes_after
        );
        fs::write(&csv, to_csv(&rows) + &end).unwrap();
        fs::write(out.join("soak.svg"), svg(&rows, &compacted, &told)).unwrap();
    }
}

fn options(clock: &Fast) -> Options {
    Options::new()
        .clock(clock.clone())
        .purge_grace(Duration::ZERO)
}

fn live_through(path: &Path, clock: &Fast, tokens: u64, keep: &mut dyn FnMut(&[Row])) -> Vec<Row> {
    let round = (tokens / 100).max(1000);
    let store = options(clock).open(path).unwrap();
    let began = Instant::now();
    let mut rows = Vec::new();
    let (mut issued, mut first) = (0, None);
    while issued < tokens {
        let mut last = None;
        let lifetime = Duration::from_secs(ROUND_SECS * ROUNDS_ALIVE);
        let new = (0..round).map(|n| {
            let client = format!("client-{}", n % CLIENTS);
            NewToken::new(client).lifetime(lifetime).scopes(["read"])
        });
        let done = store.issue_many(new, |one| last = Some(one)).unwrap();
        issued += done;
        clock.0.fetch_add(ROUND_SECS, Ordering::Relaxed);
        store.purge(usize::MAX).unwrap();
        let last = last.unwrap();
        let validator = store.validator();
        assert!(validator.validate(last.secret.expose()).is_ok());
        let first = first.get_or_insert(last);
        let is_alive = validator.validate(first.secret.expose()).is_ok();
        assert_eq!(is_alive, issued < ROUNDS_ALIVE * round);

        let stats = store.stats().unwrap();
        assert_eq!(stats.tokens, issued.min((ROUNDS_ALIVE - 1) * round));
        rows.push(Row {
            issued,
            live: stats.tokens,
            seconds: began.elapsed().as_secs_f64(),
            resident_bytes: resident_bytes(),
            table_bytes: stats.table_bytes,
            disk_bytes: stats.disk_bytes,
        });
        keep(&rows);
        if rows.len() % 10 == 0 {
            let row = &rows[rows.len() - 1];
            eprintln!("{} issued after {:.0} s", row.issued, row.seconds);
        }
    }
    store.close().unwrap();
    rows
}

/// What the process holds of the machine's memory; 0 where that is not known.
fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.map_or(0, |pages: u64| pages * 4096)
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn summary(rows: &[Row], compacted: &Compacted, took: Duration) -> String {
    let last = &rows[rows.len() - 1];
    let half = &rows[rows.len() / 2];
    format!(
        "{} tokens issued, expired and purged in {:.0} s, {} records left; \
         resident {:.0} MiB halfway and {:.0} at the end, table {:.0} MiB; \
         on disk {:.0} MiB halfway and {:.0} at the end, compacted to {:.1} in {:.1} s",
        last.issued,
        last.seconds,
        last.live,
        mib(half.resident_bytes),
        mib(last.resident_bytes),
        mib(last.table_bytes),
        mib(half.disk_bytes),
        mib(compacted.bytes_before),
        mib(compacted.bytes_after),
        took.as_secs_f64()
    )
}

fn to_csv(rows: &[Row]) -> String {
    let mut text = String::from("issued,records,seconds,resident_bytes,table_bytes,disk_bytes\n");
    for row in rows {
        writeln!(
            text,
            "{},{},{:.1},{},{},{}",
            row.issued, row.live, row.seconds, row.resident_bytes, row.table_bytes, row.disk_bytes
        )
        .unwrap();
    }
    text
}

/// Memory and disk over the tokens issued, and the disk after compacting as a dot at the end.
fn svg(rows: &[Row], compacted: &Compacted, told: &str) -> String {
    const WIDTH: f64 = 720.0;
    const HEIGHT: f64 = 320.0;
    const LEFT: f64 = 80.0;
    const TOP: f64 = 30.0;
    let last = &rows[rows.len() - 1];
    let most = rows
        .iter()
        .map(|row| row.disk_bytes.max(row.resident_bytes))
        .max()
        .unwrap_or(1)
        .max(compacted.bytes_before);
    let x = |issued: u64| LEFT + WIDTH * issued as f64 / last.issued as f64;
    let y = |bytes: u64| TOP + HEIGHT * (1.0 - bytes as f64 / most as f64);
    let mut text = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 420" font-family="sans-serif" font-size="13">
<title>{told}</title>
<rect width="900" height="420" fill="white"/>
<path d="M{LEFT} {TOP}V{0}H{1}" fill="none" stroke="#888"/>
"##,
        TOP + HEIGHT,
        LEFT + WIDTH
    );
    for part in 0..=4 {
        let bytes = most / 4 * part;
        let (at, label) = (y(bytes), mib(bytes));
        let issued = last.issued / 4 * part;
        writeln!(
            text,
            r##"<text x="{}" y="{at:.0}" text-anchor="end">{label:.0} MiB</text><text x="{:.0}" y="{}" text-anchor="middle">{issued}</text>"##,
            LEFT - 8.0,
            x(issued),
            TOP + HEIGHT + 20.0
        )
        .unwrap();
    }
    type Series = (&'static str, &'static str, fn(&Row) -> u64);
    let series: [Series; 3] = [
        ("disk", "#b33", |row| row.disk_bytes),
        ("resident memory", "#36c", |row| row.resident_bytes),
        ("table", "#393", |row| row.table_bytes),
    ];
    for (name, colour, bytes) in series {
        let points: Vec<String> = rows
            .iter()
            .map(|row| format!("{:.1},{:.1}", x(row.issued), y(bytes(row))))
            .collect();
        writeln!(
            text,
            r##"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"/><text x="{}" y="{:.0}" fill="{colour}">{name}</text>"##,
            points.join(" "),
            LEFT + WIDTH + 8.0,
            y(bytes(last)) + 4.0
        )
        .unwrap();
    }
    let at = y(compacted.bytes_after);
    writeln!(
        text,
        r##"<circle cx="{}" cy="{at:.1}" r="4" fill="#b33"/><text x="{}" y="{:.0}" text-anchor="middle">tokens issued in all</text>
</svg>"##,
        LEFT + WIDTH,
        LEFT + WIDTH / 2.0,
        TOP + HEIGHT + 42.0
    )
    .unwrap();
    text
}
