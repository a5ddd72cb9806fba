//! Sockets: how many, how slow they may be, and how they end. It knows no endpoint.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Limits;
use super::figures::Figures;
use super::patience::Patience;

/// How much of a head is read before it is answered 431; hyper may read one page of the socket more.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Is done when the server is to stop.
pub(super) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Serves until `stopping` says so. Then nobody is let in, and those who are have until the timeout.
pub(super) async fn serve(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    figures: &Arc<Figures>,
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
        let counted = figures.connected();
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
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app))
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        // A client that breaks off is nobody's concern.
        _ = connection.as_mut() => return,
        () = stopped(&mut stopping) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
