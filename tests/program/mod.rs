//! Runs the real program, and holds what it says.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what is shared by tests is a test, but clippy takes only #[test] for one"
)]

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs it with these arguments, and nothing on standard input.
pub(crate) fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Ran {
    run_with(args, "")
}

/// Runs it with `input` on standard input.
pub(crate) fn run_with<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>, input: &str) -> Ran {
    let mut program = Command::new(env!("CARGO_BIN_EXE_hallpass"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments doesn't read its input.
    let _ = program.stdin.take().unwrap().write_all(input.as_bytes());
    let Output {
        status,
        stdout,
        stderr,
    } = program.wait_with_output().unwrap();
    let ran = Ran {
        code: status.code().unwrap(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    };
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    ran
}

/// A verb on the store at `path`, with `--json`; arguments are separated by spaces.
pub(crate) fn json(path: &Path, line: &str, input: &str) -> (i32, Value) {
    let ran = run_with(on(path, &format!("{line} --json")), input);
    let value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{line}: {ran:?}"));
    (ran.code, value)
}

/// The arguments of a verb on the store at `path`.
pub(crate) fn on(path: &Path, line: &str) -> Vec<std::ffi::OsString> {
    let mut args: Vec<_> = line.split(' ').map(Into::into).collect();
    args.push("--store".into());
    args.push(path.into());
    args
}

/// Issues a token and yields its id and its secret.
pub(crate) fn issue(path: &Path, rest: &str) -> (String, String) {
    let (code, told) = json(path, &format!("issue --client acme {rest}"), "");
    assert_eq!(code, 0, "{told}");
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}
