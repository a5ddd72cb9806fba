//! Compacting, restoring, importing and repairing when the system fails: every kind of call is made to
//! fail in turn, and disks are full. What was there is as it was; what is made is whole, or is not
//! there; and the next try succeeds, or names what is in its way. `HALLPASS_INJECTIONS` lengthens the
//! run.

mod folder_copy;
mod small_disk;
mod strace;

use std::fs::{self, File};
use std::io::{BufReader, IoSlice, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use folder_copy::copy;
use hallpass::{DigestKey, Digests, Error, Inactive, LostRevocations, NewToken, Options, Store};
use small_disk::SmallDisk;

const JOB: &str = "HALLPASS_TEST_JOB";
const FOLDER: &str = "HALLPASS_TEST_FOLDER";
const SAYS: &str = "HALLPASS_TEST_SAYS";

/// What is done in a folder that holds `store`, `backup` and `export`; all but the first make `new`.
const JOBS: &[&str] = &["compact", "restore", "import", "repair"];

/// The calls, and the errors they fail with. What the test itself calls too is made to fail only for
/// files of stores.
const CALLS: &[(&str, &[&str], bool)] = &[
    ("pwrite64", &["EIO", "ENOSPC"], false),
    ("fdatasync", &["EIO", "ENOSPC"], false),
    ("fsync", &["EIO", "ENOSPC"], false),
    ("sync_file_range", &["EIO", "ENOSPC"], false),
    ("rename", &["EIO", "ENOSPC"], false),
    ("unlink,unlinkat,rmdir", &["EIO"], false),
    ("mkdir", &["EIO", "ENOSPC"], false),
    ("ftruncate", &["EIO"], false),
    ("copy_file_range", &["EIO", "ENOSPC"], false),
    ("write", &["EIO", "ENOSPC"], true),
    ("openat", &["EIO", "EMFILE"], true),
    ("getdents64", &["EIO"], true),
];

/// The files for which the last of them fail, in each folder of a store.
const FILES: &[&str] = &[
    "",
    "lock",
    "digest.key",
    "seal",
    "closed",
    "closed.new",
    "data",
    "data/db",
    "data/conf",
    "data/blobs",
    "data.compact-new",
    "data.compact-new/db",
    "data.compact-new/conf",
    "data.compact-new/blobs",
];

/// A folder with a store, a backup and an export of it; yields a token that is active, and one that
/// was revoked.
fn make(folder: &Path) -> (String, String) {
    let store = Options::new().open(folder.join("store")).unwrap();
    let new = |client: &str| NewToken::new(client).never_expires();
    let scopes = || (0..64).map(|n| format!("{n:02}{}", "s".repeat(120)));
    for _ in 0..40 {
        store.issue(new("large").scopes(scopes())).unwrap();
    }
    let active = store.issue(new("active")).unwrap();
    let revoked = store.issue(new("revoked")).unwrap();
    store.revoke(revoked.id).unwrap();
    store.backup(folder.join("backup")).unwrap();
    let export = File::create(folder.join("export")).unwrap();
    store.export(export, Digests::With).unwrap();
    store.close().unwrap();
    // Where no failing call comes in the way of the test itself.
    fs::copy(folder.join("store/digest.key"), folder.join("key")).unwrap();
    let text = |secret: &hallpass::Secret| secret.expose().to_owned();
    (text(&active.secret), text(&revoked.secret))
}

fn options(folder: &Path) -> Options {
    let key = DigestKey::read_file(folder.join("key")).unwrap();
    Options::new().digest_key(key).least_generation(1)
}

fn work(job: &str, folder: &Path) -> Result<(), Error> {
    let (store, new, options) = (folder.join("store"), folder.join("new"), options(folder));
    let lost = LostRevocations::Refuse;
    match job {
        "compact" => Store::compact(store, options).map(drop),
        "restore" => Store::restore(folder.join("backup"), new, options, lost).map(drop),
        "import" => {
            let export = BufReader::new(File::open(folder.join("export")).unwrap());
            Store::import(export, new, options, lost).map(drop)
        }
        "repair" => Store::repair(store, new, options, lost).map(drop),
        _ => panic!("{job}"),
    }
}

/// Not a test of its own: does a job, and says how it ended.
#[test]
fn child() {
    let Some(job) = std::env::var_os(JOB) else {
        return;
    };
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let outcome = match work(job.to_str().unwrap(), &folder) {
        Ok(()) => "ok".to_owned(),
        Err(error) => error.code().to_owned(),
    };
    // By a call that nothing else makes, and that does not fail.
    let says = std::env::var_os(SAYS).unwrap();
    let mut says = File::options().append(true).open(says).unwrap();
    let said = says.write_vectored(&[IoSlice::new(outcome.as_bytes())]);
    assert_eq!(said.unwrap(), outcome.len());
}

/// Runs a child under `prefix`, and yields what it said.
fn run(prefix: &[String], job: &str, folder: &Path) -> Result<String, String> {
    let says = tempfile::NamedTempFile::new().unwrap();
    let mut words = prefix.to_vec();
    words.push(std::env::current_exe().unwrap().display().to_string());
    let status = Command::new(&words[0])
        .args(&words[1..])
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(JOB, job)
        .env(FOLDER, folder)
        .env(SAYS, says.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    let said = fs::read_to_string(says.path()).unwrap();
    if status.success() && !said.is_empty() {
        Ok(said)
    } else {
        Err(format!("the child ended with {status}"))
    }
}

/// Whether a store opens and holds all that it must.
fn is_whole(store: &Path, folder: &Path, known: &(String, String)) -> Result<(), String> {
    let opened = options(folder).create(false).open(store);
    let opened = opened.map_err(|error| format!("open: {error}"))?;
    opened
        .verify()
        .map_err(|error| format!("verify: {error}"))?;
    let validator = opened.validator();
    if validator.validate(&known.0).is_err() {
        return Err("a token is lost".to_owned());
    }
    if validator.validate(&known.1).err() != Some(Inactive::Revoked) {
        return Err("a revoked token is not".to_owned());
    }
    let tokens = opened.stats().map_err(|error| error.to_string())?.tokens;
    opened.close().map_err(|error| format!("close: {error}"))?;
    if tokens == 42 {
        Ok(())
    } else {
        Err(format!("{tokens} tokens of 42"))
    }
}

/// What must be so after a job, however it ended.
fn holds(job: &str, said: &str, folder: &Path, known: &(String, String)) -> Result<(), String> {
    let (new, unfinished) = (folder.join("new"), folder.join("new.unfinished"));
    is_whole(&folder.join("store"), folder, known).map_err(|why| format!("the store: {why}"))?;
    for leftover in ["store/data.compact-new", "store/data.compact-old"] {
        if folder.join(leftover).exists() {
            return Err(format!("{leftover} is left when the store is opened"));
        }
    }
    if job != "compact" {
        if said == "ok" {
            is_whole(&new, folder, known).map_err(|why| format!("the new store: {why}"))?;
            return Ok(());
        }
        if new.exists() {
            return Err(format!("it said {said}, and made a store"));
        }
        // Half of one is none: it is refused, or is new and empty.
        let half = options(folder).least_generation(0).create(false);
        if let Ok(half) = half.open(&unfinished)
            && half.generation() > 1
        {
            drop(half);
            is_whole(&unfinished, folder, known)
                .map_err(|why| format!("an unfinished one: {why}"))?;
        }
    }
    // The next try succeeds, or says what has to go first.
    match work(job, folder) {
        Err(Error::PathTaken { path }) if path == unfinished => {
            fs::remove_dir_all(path).unwrap();
            work(job, folder).map_err(|error| format!("after what was left is gone: {error}"))?;
        }
        again => again.map_err(|error| format!("again: {error}"))?,
    }
    let made = if job == "compact" { "store" } else { "new" };
    is_whole(&folder.join(made), folder, known).map_err(|why| format!("again: {why}"))
}

#[derive(Clone, Copy, Debug)]
struct Fault {
    job: &'static str,
    call: &'static str,
    error: &'static str,
    /// Whether only files of stores are meant.
    of_stores: bool,
    /// The n-th call of each thread.
    n: usize,
    /// Whether all that follow fail, too.
    for_good: bool,
}

impl Fault {
    fn prefix(self, folder: &Path) -> Vec<String> {
        let more = if self.for_good { "+" } else { "" };
        let (call, error, n) = (self.call, self.error, self.n);
        let mut words: Vec<String> = ["strace", "-f", "-q", "-o"].map(str::to_owned).to_vec();
        words.push(folder.join("log").display().to_string());
        words.extend(["-e".to_owned(), format!("trace={call}")]);
        words.extend([
            "-e".to_owned(),
            format!("inject={call}:error={error}:when={n}{more}"),
        ]);
        words.extend(["-e", "signal=none"].map(str::to_owned));
        for store in ["store", "new.unfinished"]
            .iter()
            .filter(|_| self.of_stores)
        {
            for file in FILES {
                let path = folder.join(store).join(file).display().to_string();
                words.extend(["-P".to_owned(), path.trim_end_matches('/').to_owned()]);
            }
        }
        words.push("--".to_owned());
        words
    }

    /// Yields whether it hit.
    fn survive(self, base: &Path, known: &(String, String)) -> Result<bool, String> {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        copy(base, folder);
        let told = run(&self.prefix(folder), self.job, folder).and_then(|said| {
            holds(self.job, &said, folder, known).map_err(|why| format!("{said}: {why}"))
        });
        let has_hit = fs::read_to_string(folder.join("log"))
            .unwrap()
            .contains("(INJECTED)");
        match told {
            Ok(()) => Ok(has_hit),
            Err(why) => Err(format!(
                "{self:?}: {why}; kept in {}",
                root.keep().display()
            )),
        }
    }
}

#[test]
fn whichever_call_fails_a_store_is_whole_or_was_not_made() {
    if std::env::var_os(JOB).is_some() || !strace::is_there() {
        return;
    }
    let wanted: usize =
        std::env::var("HALLPASS_INJECTIONS").map_or(80, |wanted| wanted.parse().unwrap());
    let base = tempfile::tempdir().unwrap();
    let known = make(base.path());
    let mut faults: Vec<Fault> = Vec::new();
    for (call, errors, of_stores) in CALLS {
        for (job, error) in JOBS
            .iter()
            .flat_map(|job| errors.iter().map(move |error| (job, error)))
        {
            faults.extend([false, true].map(|for_good| Fault {
                job,
                call,
                error,
                of_stores: *of_stores,
                n: 1,
                for_good,
            }));
        }
    }
    let (hits, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    // The first call of each kind, then the second, until there is none or it is enough.
    while !faults.is_empty() && hits.load(Ordering::Relaxed) < wanted {
        let (next, left) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if hits.load(Ordering::Relaxed) >= wanted {
                            return;
                        }
                        match fault.survive(base.path(), &known) {
                            Ok(false) => {}
                            Ok(true) => {
                                hits.fetch_add(1, Ordering::Relaxed);
                                let n = fault.n + 1;
                                left.lock().unwrap().push(Fault { n, ..*fault });
                            }
                            Err(why) => failures.lock().unwrap().push(why),
                        }
                    }
                });
            }
        });
        faults = left.into_inner().unwrap();
    }
    let failures = failures.into_inner().unwrap();
    failures.iter().take(40).for_each(|why| eprintln!("{why}"));
    eprintln!(
        "{} injections hit, {} failed",
        hits.into_inner(),
        failures.len()
    );
    assert!(failures.is_empty());
}

/// No file may grow beyond this: as on a full disk, but wherever the limits of a process are known.
#[test]
fn files_that_may_not_grow_leave_a_store_whole_or_unmade() {
    if std::env::var_os(JOB).is_some() {
        return;
    }
    let base = tempfile::tempdir().unwrap();
    let known = make(base.path());
    for (job, kib) in JOBS
        .iter()
        .flat_map(|job| [4, 64, 128, 256, 8192].map(|kib| (job, kib)))
    {
        let root = tempfile::tempdir().unwrap();
        copy(base.path(), root.path());
        // Blocks of 512 bytes (POSIX `ulimit -f`); without the trap the signal would end the child.
        let limit = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", kib * 2);
        let prefix = ["sh", "-c", &limit, "sh"].map(str::to_owned);
        let said = run(&prefix, job, root.path()).unwrap();
        assert!(said == "ok" || kib < 8192, "{job}, {kib} KiB: {said}");
        assert!(said != "ok" || kib > 64, "{job}: {kib} KiB were enough");
        holds(job, &said, root.path(), &known)
            .unwrap_or_else(|why| panic!("{job}, {kib} KiB: {said}: {why}"));
    }
}

#[test]
fn a_full_disk_leaves_a_store_whole_or_unmade() {
    if std::env::var_os(JOB).is_some() {
        return;
    }
    let base = tempfile::tempdir().unwrap();
    let known = make(base.path());
    for (job, free_kib) in JOBS
        .iter()
        .flat_map(|job| [16, 64, 200, 400, 16384].map(|kib| (job, kib)))
    {
        let root = tempfile::tempdir().unwrap();
        let kib = used_kib(base.path()) + free_kib;
        let Some(disk) = SmallDisk::mount(root.path().join("disk"), kib) else {
            return;
        };
        copy(base.path(), disk.path());
        let said = run(&[], job, disk.path()).unwrap();
        assert!(said == "ok" || free_kib < 16384, "{job}: {said}");
        assert!(
            said != "ok" || free_kib > 64,
            "{job}: {free_kib} KiB were enough"
        );
        // A larger disk, as its owner would make one.
        let larger = root.path().join("larger");
        copy(disk.path(), &larger);
        holds(job, &said, &larger, &known)
            .unwrap_or_else(|why| panic!("{job}, {free_kib} KiB free: {said}: {why}"));
    }
}

/// What the files below a folder take, in pages.
fn used_kib(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap();
    let kib = |path: &Path| match path.is_dir() {
        true => used_kib(path),
        false => fs::metadata(path).unwrap().len().div_ceil(4096) as usize * 4,
    };
    entries.map(|entry| kib(&entry.unwrap().path())).sum()
}
