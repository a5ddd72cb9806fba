//! A folder in memory where the system has room for one, for tests that open thousands of stores which
//! they have written themselves: what is tested is what is read.
#![allow(
    clippy::unwrap_used,
    reason = "what is shared by tests is a test, but clippy takes only #[test] for one"
)]

use std::process::Command;
use std::sync::LazyLock;

const IN_MEMORY: &str = "/dev/shm";
/// Containers often have 64 MiB only.
const NEEDED_KIB: u64 = 512 << 10;

static HAS_ROOM: LazyLock<bool> = LazyLock::new(|| free_kib() >= Some(NEEDED_KIB));

pub(crate) fn fast_folder() -> tempfile::TempDir {
    if *HAS_ROOM {
        tempfile::tempdir_in(IN_MEMORY).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// What is free there, if `df` tells.
fn free_kib() -> Option<u64> {
    let told = Command::new("df").args(["-Pk", IN_MEMORY]).output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    // Device, size, used, free.
    told.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}
