//! `hallpass serve` as a process of its own, on a port of the system's choice.
#![allow(dead_code, reason = "each test uses its share")]
#![allow(
    clippy::unwrap_used,
    reason = "what is shared by tests is a test, but clippy takes only #[test] for one"
)]

#[path = "../wire/mod.rs"]
pub(crate) mod wire;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use wire::send;

/// The URL that it is told to be known by.
pub(crate) const PUBLIC_URL: &str = "https://tokens.example";

/// The program of this name if it is there and passes `check`.
pub(crate) fn found(program: &str, check: &[&str]) -> bool {
    let ran = Command::new(program).args(check).output();
    if ran.is_ok_and(|ran| ran.status.success()) {
        return true;
    }
    let required = std::env::var("HALLPASS_CLIENTS").is_ok_and(|value| value == "required");
    assert!(
        !required,
        "HALLPASS_CLIENTS=required, and {program} is not fit"
    );
    eprintln!("SKIPPED: {program} {check:?} failed");
    false
}

/// The program, serving.
pub(crate) struct Server {
    program: Child,
    said: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
    /// What it said of the first API key.
    pub(crate) first_key: Option<Value>,
}

impl Server {
    pub(crate) fn start(store: &Path, more: &[&str]) -> Self {
        Self::start_logging(store, more, Stdio::inherit())
    }

    /// With its standard error going there.
    pub(crate) fn start_logging(store: &Path, more: &[&str], log: Stdio) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_hallpass"))
            .args(["serve", "--json", "--listen", "127.0.0.1:0"])
            .args(["--public-url", PUBLIC_URL, "--store"])
            .arg(store)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(program.stdout.take().unwrap());
        let mut first_key = None;
        loop {
            let mut line = String::new();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "it did not start");
            let told: Value = serde_json::from_str(&line).unwrap();
            match told["listening"].as_str() {
                Some(url) => {
                    let address = url.strip_prefix("http://").unwrap().parse().unwrap();
                    return Self {
                        program,
                        said,
                        address,
                        first_key,
                    };
                }
                None => first_key = Some(told),
            }
        }
    }

    pub(crate) fn key(&self) -> &str {
        self.first_key.as_ref().unwrap()["api_key"]
            .as_str()
            .unwrap()
    }

    pub(crate) fn bearer(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.key())
    }

    pub(crate) fn manage(&self, path: &str, body: &Value) -> Value {
        let fields = format!("{}Content-Type: application/json\r\n", self.bearer());
        let answer = send(self.address, "POST", path, &fields, &body.to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    pub(crate) fn token(&self, client: &str) -> String {
        let made = self.manage("/auth/v1/method/token", &json!({"name": client}));
        made["clientToken"].as_str().unwrap().to_owned()
    }

    pub(crate) fn ask_to_stop(&self) {
        let process = self.program.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &process]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end, which must be a good one.
    pub(crate) fn wait(mut self) {
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        assert_eq!(rest.trim(), r#"{"closed":true}"#);
        assert!(self.program.wait().unwrap().success());
    }

    pub(crate) fn stop(self) {
        self.ask_to_stop();
        self.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
