//! A real browser without a window: Chromium, told what to do by WebDriver, which curl speaks.
#![allow(
    clippy::unwrap_used,
    reason = "what is shared by tests is a test, but clippy takes only #[test] for one"
)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Nothing of the machine's own: no sandbox, which root has none of, no profile, no calls home.
const ARGUMENTS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A browser with a profile of its own that ends with it.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(driver.stdout.take().unwrap());
        let port = said.lines().find_map(|line| {
            let line = line.unwrap();
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Self {
            driver,
            port: port.unwrap(),
            session: String::new(),
            _profile: profile,
        };
        let folder = format!("--user-data-dir={}", browser._profile.path().display());
        let arguments: Vec<&str> = ARGUMENTS.iter().copied().chain([&*folder]).collect();
        let options = json!({ "goog:chromeOptions": { "args": arguments } });
        let wanted = json!({ "capabilities": { "alwaysMatch": options } });
        let made = browser.ask("POST", "/session", &wanted);
        let session = made["sessionId"].as_str();
        browser.session = session.unwrap_or_else(|| panic!("{made}")).to_owned();
        browser
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let ran = Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "60"])
            .args(["--request", method, "--json", &body.to_string()])
            .arg(format!("http://127.0.0.1:{}{path}", self.port))
            .output()
            .unwrap();
        let told: Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
        told["value"].clone()
    }

    fn command(&self, name: &str, body: &Value) -> Value {
        let told = self.ask("POST", &format!("/session/{}/{name}", self.session), body);
        assert!(told["error"].is_null(), "{name}: {told}");
        told
    }

    /// Goes to a page, as if its address had been typed in.
    pub(crate) fn open(&self, url: &str) {
        self.command("url", &json!({ "url": url }));
    }

    /// What a function of this body returns on the page, once it is settled.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Sets a cookie of this page's host, as a server that knows no better would.
    pub(crate) fn set_cookie(&self, cookie: &Value) {
        self.command("cookie", &json!({ "cookie": cookie }));
    }

    /// Waits until the browser has come to this address; the answer's status and text.
    pub(crate) fn arrive(&self, url: &str) -> (u64, String) {
        const HERE: &str = "return [location.href, document.readyState, document.body.innerText, \
                            performance.getEntriesByType('navigation')[0].responseStatus]";
        let begun = Instant::now();
        loop {
            let here = self.run(HERE);
            if here[0] == url && here[1] == "complete" {
                let text = here[2].as_str().unwrap().to_owned();
                return (here[3].as_u64().unwrap(), text);
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "it is at {here}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Or the browser would outlive its driver.
        self.ask("DELETE", &format!("/session/{}", self.session), &json!({}));
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
