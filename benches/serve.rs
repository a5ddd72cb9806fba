//! What validation takes off the requests a second of a server: one axum server on a real socket, two
//! routes with the same handler, a guard over a million tokens in front of one of them, and wrk,
//! which shows another token each time on both.
//!
//! ```sh
//! cargo bench --bench serve --features axum,testkit             # a minute and a half
//! cargo bench --bench serve --features axum,testkit -- --test   # once, few tokens, CI's
//! ```
//! The two take turns, so that whatever else the machine does meets both. wrk and the server share
//! the processors: what is told is a ratio of that, and no server's best. Beside it stands the
//! server's own processor time a request, kernel included, which others who want the processors
//! disturb less. Without wrk it is skipped
//! and says so, unless `HALLPASS_CLIENTS=required`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench stops at what fails"
)]

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use hallpass::credential::Profile;
use hallpass::web::Guard;
use hallpass::{NewToken, Store, testkit};

/// Connections at a time.
const CONNECTIONS: &str = "16";

/// Shows a random line of the file of tokens with each request, and tells what came of it. The lines
/// are of one length, and so is the part of each that a request takes.
const LUA: &str = r#"
local lines, width, count, path
function init(args)
    local file = assert(io.open(args[1], "rb"))
    lines = file:read("*a")
    file:close()
    width = lines:find("\n", 1, true)
    count = #lines / width
    path = args[2]
end
function request()
    local at = math.random(0, count - 1) * width
    local token = lines:sub(at + 1, at + width - 1)
    return "GET " .. path .. " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " .. token .. "\r\n\r\n"
end
function done(summary)
    local errors = summary.errors
    local broken = errors.connect + errors.read + errors.write + errors.timeout
    io.write(string.format("told %d %d %d %d\n", summary.requests, summary.duration, errors.status, broken))
end
"#;

struct Size {
    tokens: usize,
    rounds: usize,
    secs: u32,
}

fn main() {
    let size = match std::env::args().any(|argument| argument == "--test") {
        true => Size {
            tokens: 1000,
            rounds: 1,
            secs: 1,
        },
        false => Size {
            tokens: 1_000_000,
            rounds: 9,
            secs: 4,
        },
    };
    // It prints its version and fails: it was told of no server.
    if Command::new("wrk").arg("--version").output().is_err() {
        let required = std::env::var("HALLPASS_CLIENTS").is_ok_and(|value| value == "required");
        assert!(!required, "HALLPASS_CLIENTS=required, and there is no wrk");
        eprintln!("SKIPPED: there is no wrk");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    let (tokens, script) = (folder.path().join("tokens"), folder.path().join("wrk.lua"));
    fs::write(&tokens, issue(&store, size.tokens)).unwrap();
    fs::write(&script, LUA).unwrap();
    let guard = Guard::new(store.validator(), Profile::strict());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = runtime.block_on(serve(guard));

    // Both get warm, and the guard is there.
    assert!(wrk(&script, &tokens, address, "/bare", 1).is_good());
    assert!(wrk(&script, &tokens, address, "/guarded", 1).is_good());
    let nobody = folder.path().join("nobody");
    fs::write(&nobody, "hp_x\n").unwrap();
    let refused = wrk(&script, &nobody, address, "/guarded", 1);
    assert_eq!(refused.refused, refused.requests, "the guard lets all pass");

    let (mut bare, mut guarded) = (Vec::new(), Vec::new());
    for round in 0..size.rounds {
        let mut paths = [("/bare", &mut bare), ("/guarded", &mut guarded)];
        if round % 2 == 1 {
            paths.reverse();
        }
        for (path, runs) in paths {
            let ran = wrk(&script, &tokens, address, path, size.secs);
            assert!(ran.is_good(), "{path}: {ran:?}");
            println!(
                "round {round} {path:9} {:8.0} requests a second, {:5.2} us of processor each",
                ran.rate, ran.cpu_micros
            );
            runs.push(ran);
        }
    }
    println!(
        "{} tokens, {CONNECTIONS} connections, medians of {} rounds:",
        size.tokens, size.rounds
    );
    compare("requests a second", &bare, &guarded, |ran| ran.rate);
    compare("us of processor a request", &bare, &guarded, |ran| {
        ran.cpu_micros
    });
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load of the machine: {}", load.trim());
}

fn compare(what: &str, bare: &[Ran], guarded: &[Ran], of: fn(&Ran) -> f64) {
    let median = |runs: &[Ran]| {
        let mut values: Vec<f64> = runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let (bare, guarded) = (median(bare), median(guarded));
    let ratio = guarded / bare;
    println!("{what}: {bare:.2} bare, {guarded:.2} with validation, ratio {ratio:.3}");
}

/// The processor time of this process, which the server is all of, in microseconds.
#[cfg(target_os = "linux")]
fn cpu_micros() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

#[cfg(not(target_os = "linux"))]
fn cpu_micros() -> f64 {
    0.0
}

/// Tokens of as many clients as a server has, one a line.
fn issue(store: &Store, tokens: usize) -> String {
    let day = Duration::from_secs(86_400);
    let new = |n| NewToken::new(format!("client-{}", n % 1000)).lifetime(day);
    let mut lines = String::new();
    testkit::issue_in_memory_only(store, (0..tokens).map(new), |issued| {
        writeln!(lines, "{}", issued.secret.expose()).unwrap();
    })
    .unwrap();
    lines
}

/// Serves both routes until the runtime ends.
async fn serve(guard: Guard) -> SocketAddr {
    let answer = || get(async || "hello");
    let guarded = Router::new().route("/guarded", answer()).layer(guard);
    let app = Router::new().route("/bare", answer()).merge(guarded);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, app).await });
    address
}

#[derive(Debug)]
struct Ran {
    requests: u64,
    rate: f64,
    cpu_micros: f64,
    refused: u64,
    broken: u64,
}

impl Ran {
    fn is_good(&self) -> bool {
        self.requests > 0 && self.refused == 0 && self.broken == 0
    }
}

fn wrk(script: &Path, tokens: &Path, address: SocketAddr, path: &str, secs: u32) -> Ran {
    let before = cpu_micros();
    let ran = Command::new("wrk")
        .args(["-t1", "-c", CONNECTIONS, "-d", &secs.to_string(), "-s"])
        .arg(script)
        .arg(format!("http://{address}"))
        .arg("--")
        .arg(tokens)
        .arg(path)
        .output()
        .unwrap();
    let spent = cpu_micros() - before;
    let told = String::from_utf8(ran.stdout).unwrap();
    let line = told.lines().find_map(|line| line.strip_prefix("told "));
    let numbers: Vec<u64> = line
        .unwrap_or_else(|| panic!("{told}{}", String::from_utf8_lossy(&ran.stderr)))
        .split(' ')
        .map(|number| number.parse().unwrap())
        .collect();
    let [requests, micros, refused, broken] = numbers[..] else {
        panic!("{told}")
    };
    Ran {
        requests,
        rate: requests as f64 * 1e6 / micros as f64,
        cpu_micros: spent / requests as f64,
        refused,
        broken,
    }
}
