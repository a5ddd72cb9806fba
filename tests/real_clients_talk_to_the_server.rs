//! Promise: `hallpass serve` does over real sockets what its endpoints promise: for curl, for Python's
//! `requests` and Authlib, for Node's `fetch`; it stands slow and broken clients, and ends without
//! losing what it acknowledged.
//!
//! The Python peer needs `requests`, `authlib` and `pyjwt[crypto]`; `HALLPASS_CLIENTS_PYTHON` names an
//! interpreter that has them, else `python3` is asked. What is missing is skipped and says so, unless
//! `HALLPASS_CLIENTS=required`.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

#[allow(dead_code, reason = "each test uses its share")]
mod wire;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wire::{Socket, send};

const PUBLIC_URL: &str = "https://tokens.example";

/// The program, serving.
struct Server {
    program: Child,
    said: BufReader<ChildStdout>,
    address: SocketAddr,
    /// What it said of the first API key.
    first_key: Option<Value>,
}

impl Server {
    fn start(store: &Path, more: &[&str]) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_hallpass"))
            .args(["serve", "--json", "--listen", "127.0.0.1:0"])
            .args(["--public-url", PUBLIC_URL, "--store"])
            .arg(store)
            .args(more)
            .stdout(Stdio::piped())
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

    fn key(&self) -> &str {
        self.first_key.as_ref().unwrap()["api_key"]
            .as_str()
            .unwrap()
    }

    fn bearer(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.key())
    }

    fn manage(&self, path: &str, body: &Value) -> Value {
        let fields = format!("{}Content-Type: application/json\r\n", self.bearer());
        let answer = send(self.address, "POST", path, &fields, &body.to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    fn token(&self, client: &str) -> String {
        let made = self.manage("/auth/v1/method/token", &json!({"name": client}));
        made["clientToken"].as_str().unwrap().to_owned()
    }

    fn ask_to_stop(&self) {
        let process = self.program.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &process]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end, which must be a good one.
    fn wait(mut self) {
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        assert_eq!(rest.trim(), r#"{"closed":true}"#);
        assert!(self.program.wait().unwrap().success());
    }

    fn stop(self) {
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

/// The program of this name if it is there and passes `check`.
fn found(program: &str, check: &[&str]) -> bool {
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

#[test]
fn the_first_key_is_printed_once_and_lasts() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let server = Server::start(&store, &["--organisation", "acme"]);
    assert_eq!(server.first_key.as_ref().unwrap()["client_id"], "acme");
    let bearer = server.bearer();
    server.stop();
    let again = Server::start(&store, &[]);
    assert_eq!(again.first_key, None);
    let who = send(again.address, "GET", "/whoami", &bearer, "");
    assert_eq!(who.status, 200);
    let who: Value = serde_json::from_str(&who.body).unwrap();
    assert_eq!(
        (&who["client_id"], &who["kind"]),
        (&json!("acme"), &json!("api_key"))
    );
    again.stop();
}

#[test]
fn curl_has_the_life_of_a_token() {
    if !found("curl", &["--version"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("store"), &[]);
    let url = format!("http://{}", server.address);
    let curl = |arguments: &[&str], path: &str| {
        let ran = Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "20"])
            .args(["--write-out", "\n%{http_code}"])
            .args(arguments)
            .arg(format!("{url}{path}"))
            .output()
            .unwrap();
        let told = String::from_utf8(ran.stdout).unwrap();
        let (body, status) = told.rsplit_once('\n').unwrap();
        (status.parse::<u16>().unwrap(), body.to_owned())
    };
    let key = format!("Authorization: Bearer {}", server.key());
    let json = ["--header", &key, "--json"];
    let wanted = r#"{"client_id":"client123","duration_secs":3600,"metadata":{"a":"b"}}"#;
    let (status, made) = curl(&[&json[..], &[wanted]].concat(), "/generate_access_token");
    assert_eq!(status, 200, "{made}");
    let made: Value = serde_json::from_str(&made).unwrap();
    let token = made["access_token"].as_str().unwrap();
    let bearer = format!("Authorization: Bearer {token}");
    let who = |fields: &[&str]| curl(fields, "/whoami");
    assert_eq!(who(&["--header", &bearer]).0, 200);
    assert_eq!(who(&["--header", &bearer, "--header", &bearer]).0, 400);
    let (_, about) = curl(
        &[
            "--header",
            &key,
            "--data-urlencode",
            &format!("token={token}"),
        ],
        "/oauth/introspect",
    );
    assert!(about.contains(r#""active":true"#), "{about}");
    let client = r#"{"client_id":"client123"}"#;
    let (status, _) = curl(&[&json[..], &[client]].concat(), "/revoke_client_tokens");
    assert_eq!(status, 200);
    let (status, refused) = who(&["--header", &bearer]);
    assert_eq!(status, 401);
    assert!(refused.contains("token revoked"), "{refused}");
    server.stop();
}

#[test]
fn python_talks_as_the_documents_show_it() {
    let python = std::env::var("HALLPASS_CLIENTS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !found(
        &python,
        &["-c", "import authlib, cryptography, jwt, requests"],
    ) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("store"), &[]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/server_clients.py");
    let given = json!({
        "url": format!("http://{}", server.address),
        "public_url": PUBLIC_URL,
        "api_key": server.key(),
        "jwt": cfg!(feature = "jwt"),
    });
    let mut child = Command::new(python)
        .arg(script)
        // Authlib asks for TLS unless it is told that this is a test.
        .env("AUTHLIB_INSECURE_TRANSPORT", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(given.to_string().as_bytes()).unwrap();
    drop(stdin);
    let ran = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), "talked\n");
    assert!(ran.status.success());
    server.stop();
}

#[test]
fn node_fetches_by_header_and_by_cookie() {
    if !found(
        "node",
        &["-e", "if (typeof fetch !== 'function') process.exit(1)"],
    ) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("store"), &[]);
    let given = json!({ "url": format!("http://{}", server.address), "api_key": server.key() });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/server_client.mjs");
    let ran = Command::new("node")
        .arg(script)
        .env("HALLPASS_GIVEN", given.to_string())
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    server.stop();
}

#[test]
fn a_websocket_says_who_you_are_and_ends_with_the_token() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("store"), &[]);
    let token = server.token("socket");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let ticket = send(server.address, "POST", "/ticket", &bearer, "");
    let ticket: Value = serde_json::from_str(&ticket.body).unwrap();
    let path = format!("/ws?ticket={}", ticket["ticket"].as_str().unwrap());
    let mut by_ticket = Socket::open(server.address, &path, "").unwrap();
    assert_eq!(
        Socket::open(server.address, &path, "").unwrap_err().status,
        401
    );
    let offer = format!("Sec-WebSocket-Protocol: bearer, {token}\r\n");
    let mut by_protocol = Socket::open(server.address, "/ws", &offer).unwrap();
    for (socket, source) in [(&mut by_ticket, "query"), (&mut by_protocol, "subprotocol")] {
        let (_, who) = socket.hear();
        let who: Value = serde_json::from_slice(&who).unwrap();
        assert_eq!(
            (&who["client_id"], &who["source"]),
            (&json!("organisation"), &json!(source))
        );
        socket.say("hello");
        assert_eq!(socket.hear(), (1, b"hello".to_vec()));
    }
    let form = format!("token={token}");
    let fields = format!(
        "{}Content-Type: application/x-www-form-urlencoded\r\n",
        server.bearer()
    );
    assert_eq!(
        send(server.address, "POST", "/oauth/revoke", &fields, &form).status,
        200
    );
    by_ticket.say("hello");
    let (kind, close) = by_ticket.hear();
    assert_eq!((kind, &close[2..]), (8, &b"token revoked"[..]));
    // Silent, it is closed by the server's own asking.
    let (kind, close) = by_protocol.hear();
    assert_eq!((kind, &close[..2]), (8, &1008_u16.to_be_bytes()[..]));
    server.stop();
}

#[test]
fn the_operator_sees_what_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("store"), &["--purge-interval", "1s"]);
    let get = |path: &str, fields: &str| send(server.address, "GET", path, fields, "");
    assert_eq!(get("/healthz", "").body, r#"{"status":"ok"}"#);
    assert_eq!(get("/whoami", &server.bearer()).status, 200);
    assert_eq!(get("/whoami", "Authorization: Bearer hp_x\r\n").status, 401);
    let metrics = get("/metrics", "");
    assert_eq!(metrics.field("content-type"), "text/plain; version=0.0.4");
    for line in [
        r#"hallpass_answers_total{code="ok",source="header"} 1"#,
        r#"hallpass_answers_total{code="token.format",source=""} 1"#,
        "hallpass_tokens 1",
        "hallpass_clients 1",
        "hallpass_read_only 0",
        "hallpass_connections 1",
    ] {
        assert!(
            metrics.body.lines().any(|told| told == line),
            "{line}: {metrics:?}"
        );
    }
    assert!(!metrics.body.contains(server.key()));
    assert!(!metrics.body.contains("hallpass_purge_runs_total 0"));
    server.stop();
}

#[test]
fn who_was_seen_is_written_when_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("usage");
    let arguments = ["--usage-file", file.to_str().unwrap()];
    let server = Server::start(&dir.path().join("store"), &arguments);
    let bearer = server.bearer();
    for _ in 0..3 {
        assert_eq!(
            send(server.address, "GET", "/whoami", &bearer, "").status,
            200
        );
    }
    let id = server.first_key.as_ref().unwrap()["id"].clone();
    server.stop();
    let written = std::fs::read_to_string(file).unwrap();
    let lines = written
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let counts = lines.map(|line| {
        assert_eq!(line["id"], id);
        line["count"].as_u64().unwrap()
    });
    assert_eq!(counts.sum::<u64>(), 3);
}

/// All that comes until the other side closes, which it must within the timeout.
fn heard(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        // A reset is an end, too.
        assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "left open");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn connect(server: &Server, say: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    let patience = Some(Duration::from_secs(30));
    stream.set_read_timeout(patience).unwrap();
    stream.write_all(say).unwrap();
    stream
}

#[test]
fn slow_and_broken_clients_hurt_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let limits = ["--head-timeout", "1s", "--request-timeout", "2s"];
    let server = Server::start(&dir.path().join("store"), &limits);
    let bearer = server.bearer();
    let begun = Instant::now();
    let head = |length: usize| {
        format!(
            "POST /revoke_client_tokens HTTP/1.1\r\nHost: h\r\n{bearer}\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let mut silent = connect(&server, b"");
    let mut slow_head = connect(&server, b"GET /whoami HTTP/1.1\r\nHost: h\r\nX-A");
    let mut slow_body = connect(&server, format!("{}{{\"client", head(24)).as_bytes());
    let mut broken = connect(&server, format!("{}{{\"client", head(24)).as_bytes());
    broken.shutdown(std::net::Shutdown::Write).unwrap();

    let garbage = connect(&server, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n");
    assert!(heard(&mut { garbage }).starts_with("HTTP/1.1 400"));
    let control = send(
        server.address,
        "GET",
        "/whoami",
        "Authorization: Bearer a\u{1}b\r\n",
        "",
    );
    assert_eq!(control.status, 400);
    let twice = format!("{bearer}{bearer}");
    assert_eq!(
        send(server.address, "GET", "/whoami", &twice, "").status,
        400
    );
    let giant = format!("X-A: {}\r\n", "a".repeat(400_000));
    let giant = format!("GET /whoami HTTP/1.1\r\nHost: h\r\n{giant}\r\n");
    let mut stream = connect(&server, b"");
    // It may be refused before all of it is sent.
    let _ = stream.write_all(giant.as_bytes());
    let told = heard(&mut stream);
    assert!(
        told.is_empty() || told.starts_with("HTTP/1.1 431"),
        "{told}"
    );
    let long = "a".repeat(70_000);
    let fields = format!("{bearer}Content-Type: application/json\r\n");
    let long = send(server.address, "POST", "/revoke_token", &fields, &long);
    assert_eq!(long.status, 413);
    assert!(begun.elapsed() < Duration::from_secs(20));

    assert!(heard(&mut slow_body).starts_with("HTTP/1.1 408"));
    let told = heard(&mut broken);
    assert!(
        told.is_empty() || told.starts_with("HTTP/1.1 400"),
        "{told}"
    );
    for stream in [&mut silent, &mut slow_head] {
        let told = heard(stream);
        assert!(
            told.is_empty() || told.starts_with("HTTP/1.1 408"),
            "{told}"
        );
    }
    assert_eq!(
        send(server.address, "GET", "/whoami", &bearer, "").status,
        200
    );
    server.stop();
}

#[test]
fn a_client_that_takes_no_answer_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("store"), &["--head-timeout", "1s"]);
    let mut deaf = connect(&server, b"");
    let patience = Some(Duration::from_secs(30));
    deaf.set_write_timeout(patience).unwrap();
    let asked = b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n".repeat(100);
    // Both sides' buffers fill up, then nothing goes on until the server has had enough.
    let error = loop {
        if let Err(error) = deaf.write_all(&asked) {
            break error;
        }
    };
    assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "left open");
    let begun = Instant::now();
    let alone = || {
        let metrics = send(server.address, "GET", "/metrics", "", "");
        metrics.body.contains("\nhallpass_connections 1\n")
    };
    while !alone() {
        assert!(begun.elapsed() < Duration::from_secs(10), "still counted");
    }
    server.stop();
}

#[test]
fn connections_beyond_the_limit_wait_for_a_place() {
    let dir = tempfile::tempdir().unwrap();
    let limits = ["--connections-max", "2", "--head-timeout", "1s"];
    let server = Server::start(&dir.path().join("store"), &limits);
    let held = [connect(&server, b""), connect(&server, b"")];
    // Served once one of those has been silent for too long.
    assert_eq!(send(server.address, "GET", "/healthz", "", "").status, 200);
    drop(held);
    server.stop();
}

#[test]
fn a_request_in_flight_is_answered_after_sigterm_and_its_token_lasts() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let server = Server::start(&store, &[]);
    let body = json!({"client_id": "late", "duration_secs": 3600}).to_string();
    let head = format!(
        "POST /generate_access_token HTTP/1.1\r\nHost: h\r\n{}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        server.bearer(),
        body.len()
    );
    let mut late = connect(&server, head.as_bytes());
    late.write_all(&body.as_bytes()[..5]).unwrap();
    // Until it is surely being served.
    std::thread::sleep(Duration::from_millis(500));
    server.ask_to_stop();
    let begun = Instant::now();
    while TcpStream::connect(server.address).is_ok() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "it lets others in"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    late.write_all(&body.as_bytes()[5..]).unwrap();
    let told = heard(&mut late);
    assert!(told.starts_with("HTTP/1.1 200"), "{told}");
    let (_, made) = told.split_once("\r\n\r\n").unwrap();
    let made: Value = serde_json::from_str(made).unwrap();
    server.wait();

    let again = Server::start(&store, &[]);
    let bearer = format!(
        "Authorization: Bearer {}\r\n",
        made["access_token"].as_str().unwrap()
    );
    let who = send(again.address, "GET", "/whoami", &bearer, "");
    assert!(who.body.contains(r#""client_id":"late""#), "{who:?}");
    again.stop();
}
