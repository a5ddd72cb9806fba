//! What is served where: the endpoints, who you are, and what the operator asks.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use hallpass::credential::{NotAName, Profile};
use hallpass::server::Endpoints;
use hallpass::web::{Guard, Reason, SessionCookie, Tickets, Usage};
use hallpass::{Auth, Store};
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;
use tracing::Instrument as _;

use super::connections::stopped;
use super::figures::{Figures, answered};
use super::whoami::{self, Whoami, source};
use super::{Args, session};

/// The most that is taken of a WebSocket's message, in bytes.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// How often a WebSocket that is silent is asked whether its token is still good.
const REVALIDATE_EVERY: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Shared {
    store: Arc<Store>,
    figures: Figures,
    tickets: Tickets,
    stopping: watch::Receiver<bool>,
}

pub(super) fn app(
    args: &Args,
    store: &Arc<Store>,
    figures: &Figures,
    stopping: &watch::Receiver<bool>,
    usage: Option<&Usage>,
) -> Result<Router, NotAName> {
    let endpoints = Endpoints::new(Arc::clone(store));
    #[cfg(feature = "jwt")]
    let endpoints = {
        let audience = format!("{}/oauth/token", args.public_url.trim_end_matches('/'));
        endpoints.jwt().assertion_audience(&audience)
    };
    let tickets = Tickets::new();
    let shared = Shared {
        store: Arc::clone(store),
        figures: figures.clone(),
        tickets: tickets.clone(),
        stopping: stopping.clone(),
    };
    let profile = Profile::strict().subprotocol(true);
    let profile = profile.cookie(SessionCookie::NAME)?;
    let mut guard = Guard::new(store.validator(), profile).tickets(tickets);
    if let Some(usage) = usage {
        guard = guard.usage(usage.clone());
    }
    let of_you = Router::new()
        .route("/whoami", get(whoami::http))
        .route(whoami::METHOD, post(whoami::grpc))
        .route("/ticket", post(ticket))
        .route("/ws", get(open))
        .route("/logout", post(session::logout))
        .layer(guard);
    // Here a cookie that the browser has already is no second credential.
    let login = Router::new()
        .route("/login", post(session::login))
        .layer(Guard::new(store.validator(), Profile::strict()));
    let of_operator = Router::new()
        .route("/whoami.proto", get(whoami::proto))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics));
    let limit = args.limits.request_timeout;
    let app = of_you
        .merge(login)
        .merge(of_operator)
        .with_state(shared)
        .merge(endpoints.wispr())
        .merge(endpoints.oauth())
        .merge(endpoints.flipt())
        .merge(endpoints.frontier())
        .merge(endpoints.frappe())
        .layer(from_fn_with_state(limit, around));
    Ok(app)
}

/// Around everything: how long it may take, what came of it, and where the log says it was.
async fn around(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    let span = tracing::error_span!(target: "hallpass", "request", route);
    let answer = tokio::time::timeout(limit, next.run(request).instrument(span)).await;
    let response = answer.unwrap_or_else(|_| match route {
        whoami::METHOD => whoami::too_late(),
        _ => StatusCode::REQUEST_TIMEOUT.into_response(),
    });
    let extensions = response.extensions();
    let code = match extensions.get::<Reason>() {
        Some(reason) => reason.code(),
        None if is_ok(&response) => "ok",
        None => "other",
    };
    let source = extensions.get::<Shown>().map_or("", |shown| shown.0);
    answered(code, source);
    response
}

fn is_ok(response: &Response) -> bool {
    let status = response.status();
    let opened = status == StatusCode::SWITCHING_PROTOCOLS;
    // A call that failed is a success of HTTP.
    let failed = response.headers().contains_key("grpc-status");
    opened || (status.is_success() && !failed)
}

/// Among a response's extensions: where the credential stood.
#[derive(Clone)]
pub(super) struct Shown(pub(super) &'static str);

/// JSON that nobody keeps.
pub(super) fn told(value: &impl Serialize) -> Response {
    // Texts and numbers: they can always be written.
    let text = serde_json::to_string(value).unwrap_or_default();
    let mut response = Response::new(text.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
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
    let who = serde_json::to_string(&Whoami::of(&auth)).unwrap_or_default();
    let mut answer = Message::Text(who.into());
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
