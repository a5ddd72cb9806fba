//! A child process that does everything a store is for and says what it does: before each operation,
//! and once it has returned. Whoever cuts its power, kills it or fails its system calls knows from
//! that what the store has promised ([`promised`]).
//!
//! What is said goes to a file by `writev`, which nothing else here calls: so it stands in a trace of
//! system calls in order, and can be left alone when `write` is made to fail.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    reason = "shared by tests, of which none uses all of it; clippy takes only #[test] for a test"
)]

mod child;
mod operations;
pub(crate) mod promised;

use std::fs::File;
use std::io::{IoSlice, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) use child::child;
pub(crate) use promised::Promised;

const STORE: &str = "HALLPASS_TEST_CHILD";
const SAYS: &str = "HALLPASS_TEST_SAYS";
const PLAN: &str = "HALLPASS_TEST_PLAN";

/// What a child does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// What decides which operations come in which order.
    pub(crate) seed: u64,
    pub(crate) threads: usize,
    /// Operations of each thread in each opening.
    pub(crate) rounds: usize,
    /// How often the store is opened and closed.
    pub(crate) openings: usize,
    /// Every so many operations a token is as large as one can be; 0: none is.
    pub(crate) large_every: usize,
    /// Whether issued tokens may wait for the next sync.
    pub(crate) buffered: bool,
    /// How many tokens each thread lets live: it revokes the others and purges them at once, so that
    /// sled soon frees what it has just written. 0: as many as there come.
    pub(crate) tokens_max: usize,
}

impl Plan {
    fn to_env(self) -> String {
        format!(
            "{} {} {} {} {} {} {}",
            self.seed,
            self.threads,
            self.rounds,
            self.openings,
            self.large_every,
            u8::from(self.buffered),
            self.tokens_max
        )
    }

    fn from_env() -> Self {
        let text = std::env::var(PLAN).unwrap();
        let words: Vec<u64> = text.split(' ').map(|word| word.parse().unwrap()).collect();
        let [
            seed,
            threads,
            rounds,
            openings,
            large_every,
            buffered,
            tokens_max,
        ] = *words
        else {
            panic!("{text:?} is no plan");
        };
        Self {
            seed,
            threads: threads as usize,
            rounds: rounds as usize,
            openings: openings as usize,
            large_every: large_every as usize,
            buffered: buffered == 1,
            tokens_max: tokens_max as usize,
        }
    }
}

/// The command that runs `plan` on the store at `store`: `prefix` is what it runs under, if anything.
/// The test binary must have a test `child` that calls [`child`].
pub(crate) fn command(prefix: &[String], store: &Path, says: &Path, plan: Plan) -> Command {
    let this = std::env::current_exe().unwrap().display().to_string();
    let mut words = prefix.to_vec();
    words.push(this);
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(STORE, store)
        .env(SAYS, says)
        .env(PLAN, plan.to_env())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Whether this process is the child of a test, and must not run the tests themselves.
pub(crate) fn is_child() -> bool {
    std::env::var_os(STORE).is_some()
}

/// Where the child says what it does.
struct Says(File);

impl Says {
    fn open() -> Self {
        let path = std::env::var_os(SAYS).unwrap();
        Self(
            File::options()
                .create(true)
                .append(true)
                .open(path)
                .unwrap(),
        )
    }

    fn say(&self, line: &str) {
        let line = format!("{line}\n");
        let said = (&self.0)
            .write_vectored(&[IoSlice::new(line.as_bytes())])
            .unwrap();
        assert_eq!(said, line.len());
    }
}
