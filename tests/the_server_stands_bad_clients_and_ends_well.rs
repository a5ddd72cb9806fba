//! Promise: slow, silent and broken clients hurt nobody else; the operator sees what goes on; and a
//! server that is told to stop loses nothing that it acknowledged.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

mod serving;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use serving::Server;
use serving::wire::{Answer, send};

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

/// The figures once whoever came before is no longer counted: a connection ends a moment after its
/// client has seen the end of it.
fn metrics_alone(server: &Server) -> Answer {
    let begun = Instant::now();
    loop {
        let metrics = send(server.address, "GET", "/metrics", "", "");
        if metrics.body.contains("\nhallpass_connections 1\n") {
            return metrics;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{metrics:?}");
    }
}

#[test]
fn the_operator_sees_what_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("store"), &["--purge-interval", "1s"]);
    let get = |path: &str, fields: &str| send(server.address, "GET", path, fields, "");
    assert_eq!(get("/healthz", "").body, r#"{"status":"ok"}"#);
    assert_eq!(get("/whoami", &server.bearer()).status, 200);
    assert_eq!(get("/whoami", "Authorization: Bearer hp_x\r\n").status, 401);
    let metrics = metrics_alone(&server);
    assert_eq!(metrics.field("content-type"), "text/plain; version=0.0.4");
    for line in [
        r#"hallpass_answers_total{code="ok",source="header"} 1"#,
        r#"hallpass_answers_total{code="token.format",source=""} 1"#,
        "hallpass_tokens 1",
        "hallpass_live_tokens 1",
        "hallpass_clients 1",
        "hallpass_read_only 0",
    ] {
        assert!(
            metrics.body.lines().any(|told| told == line),
            "{line}: {metrics:?}"
        );
    }
    assert!(!metrics.body.contains(server.key()));
    assert!(!metrics.body.contains("hallpass_purge_runs_total 0"));
    for (kind, name) in [
        ("counter", "answers_total"),
        ("counter", "commit_groups_total"),
        ("counter", "purge_failures_total"),
        ("counter", "purged_total"),
        ("gauge", "table_bytes"),
        ("gauge", "disk_bytes"),
    ] {
        let typed = format!("# TYPE hallpass_{name} {kind}\n");
        assert!(metrics.body.contains(&typed), "{typed}: {metrics:?}");
        let help = format!("# HELP hallpass_{name} ");
        assert!(metrics.body.contains(&help), "{help}: {metrics:?}");
    }
    server.stop();
}

/// The lines that a server logs which is asked the same things at this level.
fn logged(level: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log");
    let log = std::fs::File::create(&file).unwrap();
    let server = Server::start_logging(&dir.path().join("store"), &["--log", level], log.into());
    let post = |fields: &str| send(server.address, "POST", "/logout?a=hunter2", fields, "").status;
    let token = server.token("amy");
    // A page of another site, with the cookie; then what is only wrong.
    let cookie = format!("Cookie: __Host-session={token}\r\nSec-Fetch-Site: cross-site\r\n");
    assert_eq!(post(&cookie), 403);
    assert_eq!(post("Authorization: Bearer hunter2\r\n"), 401);
    assert_eq!(post(""), 401);
    let key = server.key().to_owned();
    server.stop();
    let text = std::fs::read_to_string(file).unwrap();
    for secret in ["hunter2", &*token, &*key] {
        assert!(!text.contains(secret), "{text}");
    }
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_log_says_what_was_refused_and_where() {
    let has = |line: &str, parts: &[&str]| {
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    };
    let attack = [" WARN ", "/logout", "request refused", "request.cross_site"];
    let warned = logged("warn");
    assert_eq!(warned.len(), 1, "{warned:?}");
    has(&warned[0], &attack);
    let all = logged("debug");
    assert_eq!(all.len(), 3, "{all:?}");
    has(&all[0], &attack);
    has(&all[1], &["DEBUG ", "/logout", "token.format"]);
    has(&all[2], &["DEBUG ", "/logout", "credential.missing"]);
    assert!(logged("off").is_empty());
}

#[test]
fn who_was_seen_is_written_when_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("usage");
    let arguments = ["--usage-file", file.to_str().unwrap(), "--keep-uses"];
    let path = dir.path().join("store");
    let server = Server::start(&path, &arguments);
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
    let store = hallpass::Store::open(&path).unwrap();
    let kept = store.get(id.as_str().unwrap().parse().unwrap()).unwrap();
    assert_eq!(kept.unwrap().uses, Some(3));
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
    // HTTP/2: the start of its preface; all of it and an empty SETTINGS, then nothing.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let mut half_preface = connect(&server, &preface[..9]);
    let mut silent_http2 = connect(&server, preface);
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
    heard(&mut half_preface);
    // It is told to go away: a frame of eight bytes, of type GOAWAY.
    assert!(heard(&mut silent_http2).contains("\0\0\u{8}\u{7}"));
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
    metrics_alone(&server);
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
