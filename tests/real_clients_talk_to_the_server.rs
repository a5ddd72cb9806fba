//! Promise: `hallpass serve` does over real sockets what its endpoints promise: for curl, for Python's
//! `requests` and Authlib, for Node's `fetch`, for a WebSocket.
//!
//! The Python peer needs `requests`, `authlib` and `pyjwt[crypto]`; `HALLPASS_CLIENTS_PYTHON` names an
//! interpreter that has them, else `python3` is asked. What is missing is skipped and says so, unless
//! `HALLPASS_CLIENTS=required`.
#![cfg(unix)]

mod serving;

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use serving::wire::{Socket, send};
use serving::{PUBLIC_URL, Server, found};

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
