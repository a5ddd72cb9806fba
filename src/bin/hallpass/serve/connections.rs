//! Sockets: how many, how slow they may be, and how they end. It knows no endpoint.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Limits;
use super::figures::Connected;
use super::patience::Patience;

/// How much of a head is read before it is answered 431; hyper may read one page of the socket more.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How many requests a connection of HTTP/2 may have under way.
const STREAMS_MAX: u32 = 100;

/// Is done when the server is to stop.
pub(super) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Serves until `stopping` says so. Then nobody is let in, and those who are have until the timeout.
pub(super) async fn serve(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    mut stopping: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let mut open = JoinSet::new();
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = stopped(&mut stopping) => break,
        };
        while open.try_join_next().is_some() {}
        let (Ok(place), Ok((stream, _))) = (place, accepted) else {
            // No file descriptor left, say: those who are served will give some back.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let connection = connection(stream, app.clone(), limits, stopping.clone());
        let counted = Connected::new();
        open.spawn(async move {
            connection.await;
            drop((place, counted));
        });
    }
    drop((listener, app));
    let all = async { while open.join_next().await.is_some() {} };
    let in_time = timeout(limits.shutdown_timeout, all).await.is_ok();
    if !in_time {
        open.shutdown().await;
    }
}

async fn connection(
    stream: TcpStream,
    app: Router,
    limits: Limits,
    mut stopping: watch::Receiver<bool>,
) {
    let stream = Patience::new(stream, limits.head_timeout);
    let requests = Arc::new(Requests::default());
    let app = TowerToHyperService::new(app);
    let counted = service_fn(|request| {
        let under_way = UnderWay::new(&requests);
        let answer = app.call(request);
        async move {
            let answer = answer.await;
            drop(under_way);
            answer
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(HEAD_BYTES_MAX);
    builder.http2().max_concurrent_streams(STREAMS_MAX);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), counted);
    let mut connection = pin!(connection);
    tokio::select! {
        // A client that breaks off is nobody's concern.
        _ = connection.as_mut() => return,
        () = idle(&requests, limits.head_timeout) => connection.as_mut().graceful_shutdown(),
        () = stopped(&mut stopping) => connection.as_mut().graceful_shutdown(),
    }
    // Long enough for every answer that is under way; HTTP/2's may wait for their reader for ever.
    let _ = timeout(limits.request_timeout, connection).await;
}

/// The requests of a connection.
#[derive(Default)]
struct Requests {
    begun: AtomicU64,
    under_way: AtomicU64,
}

/// A request, counted until it is answered.
struct UnderWay(Arc<Requests>);

impl UnderWay {
    fn new(requests: &Arc<Requests>) -> Self {
        requests.begun.fetch_add(1, Relaxed);
        requests.under_way.fetch_add(1, Relaxed);
        Self(Arc::clone(requests))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

/// Is done when no request has come for so long, or for twice as long at most after one, and none is
/// under way. HTTP/1.1 has a limit on that of its own, which begins only where the first bytes have
/// shown that it is spoken; HTTP/2 has none.
async fn idle(requests: &Requests, limit: Duration) {
    let mut seen = 0;
    loop {
        sleep(limit).await;
        let begun = requests.begun.load(Relaxed);
        if begun == seen && requests.under_way.load(Relaxed) == 0 {
            return;
        }
        seen = begun;
    }
}
