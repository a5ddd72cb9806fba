//! A WebSocket that a browser can open, which can set no header field on it: by a single-use ticket,
//! or by the subprotocol. `cargo run --example websocket --features axum`, then what it prints.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use axum::routing::{get, post};
use hallpass::credential::Profile;
use hallpass::web::{Guard, Reason, Tickets};
use hallpass::{Auth, NewToken, Store};
use tokio::net::TcpListener;

/// The page fetches this with its token, and opens `/ws?ticket=...` with the answer.
async fn ticket(State(tickets): State<Tickets>, auth: Auth) -> Result<String, Reason> {
    let ticket = tickets.issue(&auth, "/ws")?;
    Ok(ticket.expose().to_owned())
}

async fn open(upgrade: WebSocketUpgrade, auth: Auth) -> Response {
    upgrade.on_upgrade(|socket| echo(socket, auth))
}

/// The connection outlives the request that opened it, so the token is asked for again.
async fn echo(mut socket: WebSocket, auth: Auth) {
    while let Some(Ok(Message::Text(text))) = socket.recv().await {
        let answer = match auth.revalidate() {
            Ok(()) => Message::Text(format!("{}: {text}", auth.client_id()).into()),
            Err(why) => Message::Close(Some(CloseFrame {
                code: close_code::POLICY,
                reason: why.public_message().into(),
            })),
        };
        if socket.send(answer).await.is_err() {
            return;
        }
    }
}

pub(crate) async fn serve(listener: TcpListener, store: &Store) -> std::io::Result<()> {
    let tickets = Tickets::new();
    let profile = Profile::strict().subprotocol(true);
    let guard = Guard::new(store.validator(), profile).tickets(tickets.clone());
    let app = Router::new()
        .route("/ticket", post(ticket))
        .route("/ws", get(open))
        .with_state(tickets)
        .layer(guard);
    axum::serve(listener, app).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path())?;
    let hour = Duration::from_secs(3600);
    let token = store.issue(NewToken::new("client123").lifetime(hour))?;
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    let text = token.secret.expose();
    println!("In the console of a page of http://127.0.0.1:3000:");
    println!("  new WebSocket('ws://127.0.0.1:3000/ws', ['bearer', '{text}'])");
    println!("Or with a ticket from");
    println!("  curl -X POST http://127.0.0.1:3000/ticket -H 'Authorization: Bearer {text}'");
    println!("  new WebSocket('ws://127.0.0.1:3000/ws?ticket=...')");
    serve(listener, &store).await?;
    Ok(())
}
