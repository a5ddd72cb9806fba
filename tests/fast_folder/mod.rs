//! A folder in memory where the system has such, for tests that open thousands of stores which they
//! have written themselves: what is tested is what is read.
#![allow(
    clippy::unwrap_used,
    reason = "what is shared by tests is a test, but clippy takes only #[test] for one"
)]

use std::path::Path;

pub(crate) fn fast_folder() -> tempfile::TempDir {
    let in_memory = Path::new("/dev/shm");
    if in_memory.is_dir() {
        tempfile::tempdir_in(in_memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}
