//! strace, which watches system calls and makes them fail. Where it is missing a test says so and
//! does nothing; with `HALLPASS_STRACE=required`, as in CI, it fails instead.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what is shared by tests is a test, but clippy takes only #[test] for one"
)]

use std::process::{Command, Stdio};

/// Whether strace is there and may trace.
pub(crate) fn is_there() -> bool {
    let tried = Command::new("strace")
        .args([
            "-f",
            "-q",
            "-o",
            "/dev/null",
            "-e",
            "trace=openat",
            "--",
            "true",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if tried.is_ok_and(|status| status.success()) {
        return true;
    }
    let required = std::env::var("HALLPASS_STRACE").is_ok_and(|value| value == "required");
    assert!(!required, "strace is required and does not work here");
    eprintln!("SKIPPED: strace is not installed, or may not trace here; nothing was proved");
    false
}
