//! What is served where: the endpoints, who you are, and what the operator asks.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use hallpass::credential::{Profile, Source};
use hallpass::server::Endpoints;
use hallpass::web::{Guard, Reason, Tickets, Usage};
use hallpass::{Auth, Store};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Args;
use super::connections::stopped;
use super::figures::Figures;

/// The most that is taken of a WebSocket's message, in bytes.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// How often a WebSocket that is silent is asked whether its token is still good.
const REVALIDATE_EVERY: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Shared {
    store: Arc<Store>,
    figures: Arc<Figures>,
    tickets: Tickets,
    stopping: watch::Receiver<bool>,
}

pub(super) fn app(
    args: &Args,
    store: &Arc<Store>,
    figures: &Arc<Figures>,
    stopping: &watch::Receiver<bool>,
    usage: Option<&Usage>,
) -> Router {
    let endpoints = Endpoints::new(Arc::clone(store));
    #[cfg(feature = "jwt")]
    let endpoints = {
        let audience = format!("{}/oauth/token", args.public_url.trim_end_matches('/'));
        endpoints.jwt().assertion_audience(&audience)
    };
    let tickets = Tickets::new();
    let shared = Shared {
        store: Arc::clone(store),
        figures: Arc::clone(figures),
        tickets: tickets.clone(),
        stopping: stopping.clone(),
    };
    let profile = Profile::strict().subprotocol(true);
    let mut guard = Guard::new(store.validator(), profile).tickets(tickets);
    if let Some(usage) = usage {
        guard = guard.usage(usage.clone());
    }
    let of_you = Router::new()
        .route("/whoami", get(whoami))
        .route("/ticket", post(ticket))
        .route("/ws", get(open))
        .layer(guard);
    let of_operator = Router::new()
        .route("/healthz", get(health))
        .route("/metrics", get(metrics));
    let limit = args.limits.request_timeout;
    of_you
        .merge(of_operator)
        .with_state(shared.clone())
        .merge(endpoints.wispr())
        .merge(endpoints.oauth())
        .merge(endpoints.flipt())
        .merge(endpoints.frontier())
        .merge(endpoints.frappe())
        .layer(from_fn_with_state((shared, limit), around))
}

/// Around everything: how long it may take, and what came of it.
async fn around(
    State((shared, limit)): State<(Shared, Duration)>,
    request: Request,
    next: Next,
) -> Response {
    let answer = tokio::time::timeout(limit, next.run(request)).await;
    let response = answer.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response());
    let extensions = response.extensions();
    let code = match extensions.get::<Reason>() {
        Some(reason) => reason.code(),
        None if response.status().is_success() => "ok",
        None if response.status() == StatusCode::SWITCHING_PROTOCOLS => "ok",
        None => "other",
    };
    let source = extensions.get::<Shown>().map_or("", |shown| shown.0);
    shared.figures.answered(code, source);
    response
}

/// Among a response's extensions: where the credential stood.
#[derive(Clone)]
struct Shown(&'static str);

fn source(auth: &Auth) -> &'static str {
    match auth.source() {
        Some(Source::Header) => "header",
        Some(Source::Query) => "query",
        Some(Source::Subprotocol) => "subprotocol",
        _ => "other",
    }
}

fn describe(auth: &Auth) -> Value {
    let scopes: Vec<&str> = auth.scopes().collect();
    json!({
        "client_id": auth.client_id(),
        "token_id": auth.token_id(),
        "kind": auth.kind(),
        "scopes": scopes,
        "expires_at": auth.expires_at(),
        "source": source(auth),
    })
}

/// JSON that nobody keeps.
fn told(value: &Value) -> Response {
    let mut response = Response::new(value.to_string().into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn whoami(auth: Auth) -> Response {
    let mut response = told(&describe(&auth));
    response.extensions_mut().insert(Shown(source(&auth)));
    response
}

/// A ticket for `/ws?ticket=...`, once, within 30 seconds.
async fn ticket(State(shared): State<Shared>, auth: Auth) -> Result<Response, Reason> {
    let ticket = shared.tickets.issue(&auth, "/ws")?;
    Ok(told(&json!({ "ticket": ticket.expose() })))
}

async fn open(State(shared): State<Shared>, upgrade: WebSocketUpgrade, auth: Auth) -> Response {
    let shown = Shown(source(&auth));
    let mut response = upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| echo(socket, auth, shared.stopping));
    response.extensions_mut().insert(shown);
    response
}

/// Says who you are, then echoes, until the token is no longer good or the server stops.
async fn echo(mut socket: WebSocket, auth: Auth, mut stopping: watch::Receiver<bool>) {
    let mut answer = Message::Text(describe(&auth).to_string().into());
    let mut asked = tokio::time::interval(REVALIDATE_EVERY);
    loop {
        if socket.send(answer).await.is_err() {
            return;
        }
        answer = loop {
            let heard = tokio::select! {
                heard = socket.recv() => heard,
                _ = asked.tick() => match auth.revalidate() {
                    Ok(()) => continue,
                    Err(why) => return close(socket, close_code::POLICY, why.public_message()).await,
                },
                () = stopped(&mut stopping) => {
                    return close(socket, close_code::AWAY, "the server stops").await;
                }
            };
            match heard {
                Some(Ok(Message::Text(text))) => break Message::Text(text),
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return,
            }
        };
        if let Err(why) = auth.revalidate() {
            return close(socket, close_code::POLICY, why.public_message()).await;
        }
    }
}

async fn close(mut socket: WebSocket, code: u16, why: &'static str) {
    let reason = Utf8Bytes::from_static(why);
    let _ = socket
        .send(Message::Close(Some(CloseFrame { code, reason })))
        .await;
}

/// 503 when the store is not as it should be: closed, or read-only since a write failed.
async fn health(State(shared): State<Shared>) -> Response {
    let (status, told) = match stats(&shared).await {
        Some(stats) if !stats.read_only => (StatusCode::OK, "ok"),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "read_only"),
        None => (StatusCode::SERVICE_UNAVAILABLE, "closed"),
    };
    let mut response = self::told(&json!({ "status": told }));
    *response.status_mut() = status;
    response
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let Some(stats) = stats(&shared).await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let mut response = shared.figures.text(&stats).into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

async fn stats(shared: &Shared) -> Option<hallpass::Stats> {
    let store = Arc::clone(&shared.store);
    let stats = tokio::task::spawn_blocking(move || store.stats());
    stats.await.ok()?.ok()
}
