//! Promises 1 to 4 when the system fails: every kind of call is made to fail in turn, for the first
//! time, the second, the third; and disks are full. There is never a false `Ok`, never a panic, never
//! a hang; memory denies what was revoked; and what was acknowledged is there when the fault is gone.
//! `HALLPASS_INJECTIONS` lengthens the run.

mod dice;
mod small_disk;
mod strace;
mod workload;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hallpass::Options;
use small_disk::SmallDisk;
use workload::{Plan, Promised};

/// A child that takes longer hangs. It needs half a second, or two beside other tests.
const PATIENCE: Duration = Duration::from_secs(30);

/// Not a test of its own: what the failures are injected into.
#[test]
fn child() {
    workload::child();
}

fn plan(seed: u64) -> Plan {
    Plan {
        seed,
        threads: 2,
        rounds: 14,
        openings: 3,
        large_every: 5,
        buffered: seed.is_multiple_of(5),
        tokens_max: 0,
    }
}

/// Where calls are made to fail.
#[derive(Clone, Copy)]
enum Where {
    /// In every thread, whatever the file.
    Anywhere,
    /// For the files of a store whose names are known, since before the store is opened the loader
    /// and the test itself make such calls, too.
    Files,
    /// For the database only.
    Database,
}

/// As a disk fails that tries again and again: by now somebody waits for it.
const LATE: &str = "EIO:delay_exit=300000";

/// The calls, the errors they fail with, and where.
const CALLS: &[(&str, &[&str], Where)] = &[
    (
        "pwrite64",
        &["EIO", "ENOSPC", "EINTR", "EDQUOT", LATE],
        Where::Anywhere,
    ),
    ("fdatasync", &["EIO", "ENOSPC", "EINTR"], Where::Anywhere),
    ("fsync", &["EIO", "ENOSPC", "EINTR"], Where::Anywhere),
    (
        "sync_file_range",
        &["EIO", "ENOSPC", "EINTR", "ENOSYS", LATE],
        Where::Anywhere,
    ),
    ("rename", &["EIO", "ENOSPC", "EACCES"], Where::Anywhere),
    ("unlink", &["EIO", "EACCES"], Where::Anywhere),
    ("ftruncate", &["EIO", "EINTR"], Where::Anywhere),
    ("mkdir", &["EIO", "ENOSPC"], Where::Anywhere),
    ("flock", &["EIO", "EINTR", "ENOLCK"], Where::Anywhere),
    ("pread64", &["EINTR"], Where::Files),
    ("read,pread64", &["EIO"], Where::Database),
    ("getdents64", &["EIO"], Where::Files),
    ("write", &["EIO", "ENOSPC", "EINTR"], Where::Files),
    ("read", &["EIO", "EINTR"], Where::Files),
    (
        "openat",
        &["EIO", "EMFILE", "ENOSPC", "EINTR"],
        Where::Files,
    ),
];

/// The files of a store, the first snapshot of its database and the database's large pages included
/// as far as their names are always the same.
const FILES: &[&str] = &[
    "",
    "lock",
    "digest.key",
    "digest.new",
    "seal",
    "closed",
    "closed.new",
    "data",
    "data/db",
    "data/conf",
    "data/blobs",
];

/// Up to which call of a thread a kind is made to fail. A store reads all of its database before it
/// lets sled recover it, for sled cuts off what it cannot read. So a disk that cannot be read fails
/// in one of the first calls. One that could be read a moment ago, and can't when sled reads, still
/// costs the database; that is not promised, and not tested.
fn last(at: Where) -> usize {
    match at {
        Where::Database => 3,
        Where::Anywhere | Where::Files => usize::MAX,
    }
}

/// One failure to inject.
#[derive(Clone, Copy, Debug)]
struct Fault {
    call: usize,
    error: &'static str,
    /// The n-th call of each thread.
    n: usize,
    /// Whether all that follow fail, too.
    for_good: bool,
    /// Which history.
    lap: usize,
}

impl Fault {
    fn prefix(self, store: &Path, log: &Path) -> Vec<String> {
        let (call, _, at) = CALLS[self.call];
        let mut words: Vec<String> = ["strace", "-f", "-q", "-o"].map(str::to_owned).to_vec();
        words.push(log.display().to_string());
        let more = if self.for_good { "+" } else { "" };
        let (error, n) = (self.error, self.n);
        words.extend(["-e".to_owned(), format!("trace={call}")]);
        words.extend([
            "-e".to_owned(),
            format!("inject={call}:error={error}:when={n}{more}"),
        ]);
        words.extend(["-e", "signal=none"].map(str::to_owned));
        let files = match at {
            Where::Anywhere => &[],
            Where::Files => FILES,
            Where::Database => &["data/db"],
        };
        for file in files {
            let path = store.join(file).display().to_string();
            words.extend(["-P".to_owned(), path.trim_end_matches('/').to_owned()]);
        }
        words.push("--".to_owned());
        words
    }
}

/// Runs a child with the fault, then opens the store without it. Yields whether the fault hit.
fn survive(fault: Fault) -> Result<bool, String> {
    let root = tempfile::tempdir().unwrap();
    let (store, log) = (root.path().join("store"), root.path().join("log"));
    let outcome = run(
        &fault.prefix(&store, &log),
        root.path(),
        &store,
        plan((fault.lap * 1000 + fault.n) as u64),
    );
    let has_hit = fs::read_to_string(&log).unwrap().contains("(INJECTED)");
    let told = outcome.and_then(|promised| holds(&store, &promised));
    match told {
        Ok(()) => Ok(has_hit),
        Err(why) => {
            let call = CALLS[fault.call].0;
            let kept = root.keep();
            Err(format!(
                "{call} {fault:?}: {why}; kept in {}",
                kept.display()
            ))
        }
    }
}

/// Runs a child to its end: no panic, no hang.
fn run(prefix: &[String], root: &Path, store: &Path, plan: Plan) -> Result<Promised, String> {
    let says = root.join("says");
    let stderr = fs::File::create(root.join("stderr")).unwrap();
    let child = workload::command(prefix, store, &says, plan)
        .stderr(stderr)
        .spawn()
        .unwrap();
    let status = wait(child).ok_or("it hangs")?;
    let mut promised = Promised::default();
    promised.hear_all(&fs::read_to_string(&says).unwrap_or_default());
    if !status.success() || !promised.is_done {
        return Err(format!("the child ended with {status}"));
    }
    Ok(promised)
}

fn wait(mut child: std::process::Child) -> Option<ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

/// Opens the store without any fault, and holds it against what the child was told.
fn holds(store: &Path, promised: &Promised) -> Result<(), String> {
    let opened = Options::new()
        .purge_grace(Duration::ZERO)
        .open(store)
        .map_err(|error| format!("open: {error}"))?;
    promised.check(&opened)?;
    opened.close().map_err(|error| format!("close: {error}"))
}

#[test]
fn whichever_call_fails_no_promise_is_broken() {
    if workload::is_child() || !strace::is_there() {
        return;
    }
    let wanted: usize =
        std::env::var("HALLPASS_INJECTIONS").map_or(80, |wanted| wanted.parse().unwrap());
    let kinds: Vec<(usize, &'static str, bool)> = CALLS
        .iter()
        .enumerate()
        .flat_map(|(call, (_, errors, _))| errors.iter().map(move |error| (call, *error)))
        .flat_map(|(call, error)| [(call, error, false), (call, error, true)])
        // Whoever is interrupted for ever may try for ever.
        .filter(|(_, error, for_good)| !(*for_good && *error == "EINTR"))
        .collect();
    let (hits, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let mut lap = 0;
    while hits.load(Ordering::Relaxed) < wanted {
        let before = hits.load(Ordering::Relaxed);
        // The longest histories have some dozens of calls of a kind; then there is another history.
        fail_each(lap, &kinds, wanted, &hits, &failures);
        assert!(
            hits.load(Ordering::Relaxed) > before,
            "no fault hits anything"
        );
        lap += 1;
    }
    let failures = failures.into_inner().unwrap();
    failures.iter().take(40).for_each(|why| eprintln!("{why}"));
    let hits = hits.into_inner();
    eprintln!("{hits} injections hit");
    assert!(
        failures.is_empty(),
        "{} of {} failed",
        failures.len(),
        hits + failures.len()
    );
}

/// Makes the first call of each kind fail, then the second, until none is left or it is enough.
fn fail_each(
    lap: usize,
    kinds: &[(usize, &'static str, bool)],
    wanted: usize,
    hits: &AtomicUsize,
    failures: &Mutex<Vec<String>>,
) {
    // Kinds that still hit something; the others have no n-th call.
    let mut kinds: Vec<_> = kinds.iter().copied().map(Some).collect();
    let mut n = 1;
    while hits.load(Ordering::Relaxed) < wanted && kinds.iter().any(Option::is_some) {
        let slots: Vec<_> = kinds.iter_mut().map(Mutex::new).collect();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while let Some(slot) = slots.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let mut slot = slot.lock().unwrap();
                        let Some((call, error, for_good)) = **slot else {
                            continue;
                        };
                        if n > last(CALLS[call].2) {
                            **slot = None;
                            continue;
                        }
                        if hits.load(Ordering::Relaxed) >= wanted {
                            return;
                        }
                        let fault = Fault {
                            call,
                            error,
                            n,
                            for_good,
                            lap,
                        };
                        match survive(fault) {
                            Ok(true) => drop(hits.fetch_add(1, Ordering::Relaxed)),
                            Ok(false) => **slot = None,
                            Err(why) => failures.lock().unwrap().push(why),
                        }
                    }
                });
            }
        });
        n += 1;
    }
}

/// No file may grow beyond this: as on a full disk, but wherever the limits of a process are known.
#[test]
fn files_that_may_not_grow_break_no_promise() {
    if workload::is_child() {
        return;
    }
    for kib in [4, 64, 512, 600, 1024, 1100, 2048] {
        let root = tempfile::tempdir().unwrap();
        let store = root.path().join("store");
        // Blocks of 512 bytes (POSIX `ulimit -f`); without the trap the signal would end the child.
        let limit = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", kib * 2);
        let prefix = ["sh", "-c", &limit, "sh"].map(str::to_owned);
        let plan = Plan {
            rounds: 120,
            ..plan(kib)
        };
        let promised = run(&prefix, root.path(), &store, plan).unwrap();
        holds(&store, &promised).unwrap_or_else(|why| panic!("{kib} KiB: {why}"));
        assert!(promised.failed > 0 || kib > 1024, "{kib} KiB were enough");
    }
}

#[test]
fn a_full_disk_breaks_no_promise() {
    if workload::is_child() {
        return;
    }
    for kib in [64, 512, 1024, 1600, 2048, 3072] {
        let root = tempfile::tempdir().unwrap();
        let Some(disk) = SmallDisk::mount(root.path().join("disk"), kib) else {
            return;
        };
        let store = disk.path().join("store");
        let plan = Plan {
            rounds: 150,
            ..plan(kib as u64)
        };
        let promised = run(&[], root.path(), &store, plan).unwrap();
        assert!(promised.failed > 0 || kib > 1024, "{kib} KiB were enough");
        // A larger disk, as its owner would make one.
        let larger = root.path().join("larger");
        let copied = Command::new("cp")
            .arg("-r")
            .arg(disk.path())
            .arg(&larger)
            .status();
        assert!(copied.unwrap().success());
        holds(&larger.join("store"), &promised).unwrap_or_else(|why| panic!("{kib} KiB: {why}"));
    }
}
