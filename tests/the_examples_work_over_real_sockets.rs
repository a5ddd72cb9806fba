//! Each example, driven over TCP as its own client would.

mod wire;

use std::time::Duration;

use hallpass::{NewToken, Store};
use wire::{Socket, send, serve};

#[allow(dead_code, reason = "its main is not run")]
#[path = "../examples/axum.rs"]
mod axum_example;
#[allow(dead_code, reason = "its main is not run")]
#[path = "../examples/hyper.rs"]
mod hyper_example;
#[allow(dead_code, reason = "its main is not run")]
#[path = "../examples/tonic.rs"]
mod tonic_example;
#[allow(dead_code, reason = "its main is not run")]
#[path = "../examples/websocket.rs"]
mod websocket_example;

/// A token of `client123` that may read.
fn token(store: &Store) -> hallpass::Issued {
    let hour = Duration::from_secs(3600);
    let new = NewToken::new("client123").lifetime(hour).scopes(["read"]);
    store.issue(new).unwrap()
}

#[test]
fn axum() {
    let (address, store) = serve(async |listener, store| {
        axum_example::serve(listener, &store).await.unwrap();
    });
    let token = token(&store);
    let bearer = format!("Authorization: Bearer {}\r\n", token.secret.expose());

    let me = send(address, "GET", "/me", &bearer, "");
    assert_eq!((me.status, &*me.body), (200, "you are client123\n"));
    // Lower case, as RFC 9110 section 11.1 allows.
    let lower = bearer.replace("Authorization: Bearer", "authorization: bearer");
    assert_eq!(send(address, "GET", "/me", &lower, "").status, 200);

    // The extractor's refusal is told in the guard's manner.
    let note = send(address, "POST", "/notes", &bearer, "hello");
    assert_eq!(note.status, 403);
    assert_eq!(
        note.field("www-authenticate"),
        r#"Bearer realm="notes", error="insufficient_scope", scope="write""#
    );
    assert!(note.body.contains("insufficient scope"), "{}", note.body);

    let nobody = send(address, "GET", "/me", "", "");
    assert_eq!(nobody.status, 401);
    assert_eq!(nobody.field("www-authenticate"), r#"Bearer realm="notes""#);
    assert_eq!(nobody.field("cache-control"), "no-store");
    // A head has no body, whatever the answer.
    assert_eq!(send(address, "HEAD", "/me", "", "").body, "");

    let twice = format!("{bearer}{bearer}");
    assert_eq!(send(address, "GET", "/me", &twice, "").status, 400);
    let giant = format!("Authorization: Bearer {}\r\n", "a".repeat(10_000));
    assert_eq!(send(address, "GET", "/me", &giant, "").status, 431);
    let control = "Authorization: Bearer a\u{1}b\r\n";
    assert_eq!(send(address, "GET", "/me", control, "").status, 400);
    assert_eq!(
        send(address, "GET", "/me", "Authorization:\r\n", "").status,
        400
    );

    store.revoke_all("client123").unwrap();
    let dead = send(address, "GET", "/me", &bearer, "");
    assert_eq!(dead.status, 401);
    assert!(dead.body.contains("token revoked"), "{}", dead.body);
}

#[test]
fn hyper() {
    let (address, store) = serve(async |listener, store| {
        hyper_example::serve(listener, &store).await.unwrap();
    });
    let token = token(&store);
    let bearer = format!("Authorization: Bearer {}\r\n", token.secret.expose());
    assert_eq!(
        send(address, "GET", "/", &bearer, "").body,
        "you are client123\n"
    );
    assert_eq!(send(address, "GET", "/", "", "").body, "you are nobody\n");
    let bad = send(address, "GET", "/", "Authorization: Bearer hp_x\r\n", "");
    assert_eq!(bad.status, 401);
}

#[test]
fn websocket() {
    let (address, store) = serve(async |listener, store| {
        websocket_example::serve(listener, &store).await.unwrap();
    });
    let token = token(&store);
    let text = token.secret.expose();

    // By ticket, once.
    let bearer = format!("Authorization: Bearer {text}\r\n");
    let ticket = send(address, "POST", "/ticket", &bearer, "");
    assert_eq!(ticket.status, 200);
    let path = format!("/ws?ticket={}", ticket.body);
    let mut by_ticket = Socket::open(address, &path, "").unwrap();
    by_ticket.say("hello");
    assert_eq!(by_ticket.hear(), (1, b"client123: hello".to_vec()));
    assert_eq!(Socket::open(address, &path, "").unwrap_err().status, 401);

    // By subprotocol, which is echoed without the token.
    let offer = format!("Sec-WebSocket-Protocol: bearer, {text}\r\n");
    let mut by_protocol = Socket::open(address, "/ws", &offer).unwrap();
    assert_eq!(by_protocol.answer.field("sec-websocket-protocol"), "bearer");
    by_protocol.say("hello");
    assert_eq!(by_protocol.hear(), (1, b"client123: hello".to_vec()));

    for refused in [
        Socket::open(address, "/ws", ""),
        Socket::open(address, "/ws?ticket=", ""),
        Socket::open(address, "/ws?ticket=hpt_x", ""),
        Socket::open(address, "/ws", "Sec-WebSocket-Protocol: bearer, hp_x\r\n"),
    ] {
        assert_eq!(refused.unwrap_err().status, 401);
    }
    let malformed = Socket::open(address, "/ws", "Sec-WebSocket-Protocol: bearer\r\n");
    assert_eq!(malformed.unwrap_err().status, 400);

    // Revoked, it is closed with 1008 at its next word.
    store.revoke(token.id).unwrap();
    by_ticket.say("hello");
    let (kind, close) = by_ticket.hear();
    assert_eq!((kind, &close[2..]), (8, &b"token revoked"[..]));
    assert_eq!(close[..2], 1008_u16.to_be_bytes());
    assert_eq!(send(address, "POST", "/ticket", &bearer, "").status, 401);
}

#[test]
fn tonic() {
    let (address, store) = serve(async |listener, store| {
        tonic_example::serve(listener, &store).await.unwrap();
    });
    let token = token(&store);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let channel = tonic::transport::Channel::from_shared(format!("http://{address}")).unwrap();
        let channel = channel.connect().await.unwrap();
        let ask = async |text: &str, client: &str| {
            let answer = tonic_example::ask(channel.clone(), text, client).await;
            answer.map_err(|status| (status.code(), status.message().to_owned()))
        };
        let text = token.secret.expose();
        assert_eq!(ask(text, "client123").await, Ok(1));
        let (code, _) = ask(text, "other").await.unwrap_err();
        assert_eq!(code, tonic::Code::PermissionDenied);
        let unknown = ask("hp_x", "client123").await.unwrap_err();
        assert_eq!(
            unknown,
            (tonic::Code::Unauthenticated, "invalid token".to_owned())
        );
        store.revoke(token.id).unwrap();
        let revoked = ask(text, "client123").await.unwrap_err();
        assert_eq!(
            revoked,
            (tonic::Code::Unauthenticated, "token revoked".to_owned())
        );
    });
}
