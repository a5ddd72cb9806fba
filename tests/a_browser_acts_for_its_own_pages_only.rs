//! Promise: in a real browser a page logs in by cookie and acts with it, and no page of another
//! origin makes the browser do so, however the cookie was set.
//!
//! Needs Chromium, ChromeDriver and curl. Where they are missing it is skipped and says so, unless
//! `HALLPASS_CLIENTS=required`.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

mod browser;
mod serving;

use std::io::{Read, Write};
use std::net::TcpListener;

use browser::Browser;
use serde_json::json;
use serving::wire::send;
use serving::{Server, found};

/// Serves one page, which posts a form there as soon as it is shown. Its port, on every name of this
/// machine.
fn attack(target: &str) -> u16 {
    let page = format!(
        "<!doctype html><title>kittens</title><form method=post action=\"{target}\"></form>\
         <script>document.forms[0].submit()</script>"
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let length = page.len();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close";
        let answer = format!("{head}\r\nContent-Length: {length}\r\n\r\n{page}");
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), answer.clone());
            // Chromium opens connections ahead, and says nothing on them.
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    port
}

#[test]
fn a_page_logs_in_acts_and_is_not_acted_for() {
    let needed = ["chromium", "chromedriver", "curl"];
    if !needed.iter().all(|program| found(program, &["--version"])) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let to_log = std::fs::File::create(&log).unwrap();
    let server = Server::start_logging(&dir.path().join("store"), &[], to_log.into());
    let token = server.token("browser");
    // A name that Chromium takes Secure cookies from without TLS.
    let site = format!("http://localhost:{}", server.address.port());
    let logout = format!("{site}/logout");
    let browser = Browser::start();
    let status_of = |call: &str| browser.run(&format!("return {call}.then(r => r.status)"));
    let who = || browser.run("return fetch('/whoami').then(r => r.json())");
    let home = || browser.open(&format!("{site}/healthz"));
    let is_logged_in = || {
        home();
        assert_eq!(who()["source"], "cookie");
    };

    // Logged in, by the cookie that no script can read.
    home();
    assert_eq!(status_of("fetch('/whoami')"), 401);
    let login = format!(
        "fetch('/login', {{method: 'POST', headers: {{Authorization: 'Bearer {token}'}}}})"
    );
    assert_eq!(status_of(&login), 204);
    is_logged_in();
    assert_eq!(who()["client_id"], "organisation");
    assert_eq!(browser.run("return document.cookie"), "");

    // Its own page posts, by script and by form, and opens a WebSocket with what it got.
    let opened = browser.run(
        "return fetch('/ticket', {method: 'POST'}).then(r => r.json()).then(told => {\
           const socket = new WebSocket(`ws://${location.host}/ws?ticket=${told.ticket}`);\
           return new Promise((resolve, reject) => {\
             socket.onmessage = event => resolve(JSON.parse(event.data));\
             socket.onerror = () => reject(new Error('it did not open'));\
           });\
         })",
    );
    assert_eq!(opened["client_id"], "organisation");
    browser.run(
        "const form = document.createElement('form');\
         form.method = 'post';\
         form.action = '/ticket';\
         document.body.append(form);\
         form.submit()",
    );
    let (status, text) = browser.arrive(&format!("{site}/ticket"));
    assert_eq!(status, 200);
    assert!(text.contains("\"ticket\":"), "{text}");

    // A page of another site: the browser keeps the cookie to itself, since it is `SameSite=Lax`.
    let port = attack(&logout);
    let elsewhere = format!("http://127.0.0.1:{port}/");
    browser.open(&elsewhere);
    assert_eq!(browser.arrive(&logout).0, 401);
    is_logged_in();

    // Of this site and another origin: the cookie is sent, and the server refuses.
    browser.open(&format!("http://localhost:{port}/"));
    let (status, text) = browser.arrive(&logout);
    assert_eq!(status, 403);
    assert!(text.contains("cross-site request refused"), "{text}");
    is_logged_in();

    // Of another site, with a cookie that was set to go with its forms: refused as well.
    browser.set_cookie(&json!({
        "name": "__Host-session",
        "value": token,
        "path": "/",
        "secure": true,
        "httpOnly": true,
        "sameSite": "None",
    }));
    browser.open(&elsewhere);
    let (status, text) = browser.arrive(&logout);
    assert_eq!(status, 403);
    assert!(text.contains("cross-site request refused"), "{text}");
    is_logged_in();

    // Both are on record, and the attacker was told of nobody's token.
    let metrics = send(server.address, "GET", "/metrics", "", "").body;
    let counted = r#"hallpass_answers_total{code="request.cross_site",source=""} 2"#;
    assert!(metrics.contains(counted), "{metrics}");

    // What was refused to them, its own page may do.
    assert_eq!(status_of("fetch('/logout', {method: 'POST'})"), 204);
    assert_eq!(status_of("fetch('/whoami')"), 401);
    drop(browser);
    server.stop();
    let log = std::fs::read_to_string(log).unwrap();
    let refused = log.lines().filter(|line| {
        [" WARN ", "/logout", "request.cross_site"]
            .iter()
            .all(|part| line.contains(part))
    });
    assert_eq!(refused.count(), 2, "{log}");
    assert!(!log.contains(&token), "{log}");
}

/// The same by hand, where there is no browser.
#[test]
fn a_token_becomes_a_cookie_and_is_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("store"), &[]);
    let post = |path: &str, fields: &str| send(server.address, "POST", path, fields, "");
    let body = json!({"client_id": "amy", "duration_secs": 3600});
    let made = server.manage("/generate_access_token", &body);
    let token = made["access_token"].as_str().unwrap();
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let cookie = format!("Cookie: __Host-session={token}\r\n");

    // Also where the browser has one already.
    for fields in [
        bearer.clone(),
        format!("{bearer}Cookie: __Host-session=old\r\n"),
    ] {
        let answer = post("/login", &fields);
        assert_eq!(
            (answer.status, answer.field("cache-control")),
            (204, "no-store")
        );
        let set = answer.field("set-cookie");
        let rest = set.strip_prefix(&format!("__Host-session={token}; Max-Age="));
        let (secs, rest) = rest.unwrap().split_once("; ").unwrap();
        assert!(
            (3590..=3600).contains(&secs.parse::<u64>().unwrap()),
            "{set}"
        );
        assert_eq!(rest, "Path=/; Secure; HttpOnly; SameSite=Lax");
    }
    for refused in ["", &cookie, "Authorization: Bearer hp_x\r\n"] {
        let answer = post("/login", refused);
        assert_eq!((answer.status, answer.field("set-cookie")), (401, ""));
    }
    // A client's secret is for its server.
    let user = server.manage("/v1beta1/serviceusers", &json!({"body": {}}));
    let user = user["serviceuser"]["id"].as_str().unwrap();
    let path = format!("/v1beta1/serviceusers/{user}/secrets");
    let made = server.manage(&path, &json!({"title": "first"}));
    let pair = (&made["secret"]["id"], &made["secret"]["secret"]);
    let (Some(id), Some(secret)) = (pair.0.as_str(), pair.1.as_str()) else {
        panic!("{made}")
    };
    use base64::Engine as _;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
    let basic = format!("Authorization: Basic {basic}\r\n");
    assert_eq!(
        send(server.address, "GET", "/whoami", &basic, "").status,
        200
    );
    assert_eq!(post("/login", &basic).status, 401);

    let proof = "Sec-Fetch-Site: same-origin\r\n";
    assert_eq!(post("/logout", &cookie).status, 403);
    // Whoever shows it in a field has no cookie to lose.
    assert_eq!(post("/logout", &bearer).status, 401);
    let out = post("/logout", &format!("{cookie}{proof}"));
    let cleared = "__Host-session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax";
    assert_eq!((out.status, out.field("set-cookie")), (204, cleared));
    // It is the browser's that is gone; the token lives.
    assert_eq!(
        send(server.address, "GET", "/whoami", &bearer, "").status,
        200
    );
    server.stop();
}
