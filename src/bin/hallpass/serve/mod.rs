//! `hallpass serve`: a server of the endpoints on a store, over HTTP/1.1 and HTTP/2 without TLS.

mod connections;
mod figures;
mod log;
mod patience;
mod routes;
mod session;
mod upkeep;
mod whoami;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hallpass::web::Usage;
use hallpass::{NewToken, Options, Store};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::level_filters::LevelFilter;

use crate::open::OpenArgs;
use crate::output::{Failure, Output, Verdict};
use crate::{progress, time};

/// Arguments of `serve`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The store's directory. A store is made if there is none.
    #[arg(long, value_name = "DIR", default_value = "hallpass-store")]
    store: std::path::PathBuf,
    #[command(flatten)]
    how: OpenArgs,
    /// Where to listen. There is no TLS here: what stands in front brings it, and keeps `/metrics`
    /// to itself. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7380")]
    listen: SocketAddr,
    /// The URL that clients know this server by: the issuer of JWTs, and with `/oauth/token` what
    /// assertions must be for.
    #[arg(long, value_name = "URL", default_value = "http://localhost:7380")]
    public_url: String,
    /// The client that the first API key is issued to, when the store has no client yet.
    #[arg(long, value_name = "CLIENT", default_value = "organisation")]
    organisation: String,
    /// How often tokens that are dead for good are forgotten.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = time::duration)]
    purge_interval: Duration,
    /// How long a token must have been dead for that.
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = time::duration)]
    purge_grace: Duration,
    /// Appends to this file who was seen at `/whoami` and `/ws`: a line of JSON for each token used
    /// since the last time. Without this and --keep-uses nobody is counted.
    #[arg(long, value_name = "FILE")]
    usage_file: Option<std::path::PathBuf>,
    /// Keeps in the store who was seen there, when last and how often, for `get` and `list` to show.
    #[arg(long)]
    keep_uses: bool,
    /// How often either is done; so much is lost when the server is killed.
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = time::duration)]
    usage_interval: Duration,
    /// What is told on standard error: `error` is this server's fault, `warn` also what looks like an
    /// attack, `debug` every refusal; `off` nothing. No secret is ever told.
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: LevelFilter,
    #[command(flatten)]
    limits: Limits,
}

/// What one client can take from the others.
#[derive(Clone, Copy, clap::Args)]
struct Limits {
    /// How many connections are served at once; more wait.
    #[arg(long, value_name = "N", default_value_t = 1024)]
    connections_max: usize,
    /// How long a client may take for the head of a request, be silent between two, or take nothing
    /// of an answer.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = time::duration)]
    head_timeout: Duration,
    /// How long a request may take in all, its body included.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = time::duration)]
    request_timeout: Duration,
    /// How long requests may go on after SIGTERM or ctrl-c.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = time::duration)]
    shutdown_timeout: Duration,
}

/// Serves until it is told to stop, then closes the store.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    log::start(args.log);
    let figures = figures::Figures::start()?;
    let options = Options::new().purge_grace(args.purge_grace);
    #[cfg(feature = "jwt")]
    let options = options.jwt_issuer(&*args.public_url);
    let options = progress::told_to(options, progress::When::Terminal);
    let store = Arc::new(args.how.open(&args.store, options)?);
    #[cfg(feature = "jwt")]
    expect_signing_key(&store)?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::io("starting the runtime"))?;
    let served = runtime.block_on(serve(args, output, &store, &figures));
    // Waits for what is being written to the disk.
    drop(runtime);
    match Arc::into_inner(store) {
        Some(store) => store.close()?,
        None => {
            return Err(Failure::WrongAnswer {
                what: "the store is held by somebody still".to_owned(),
            });
        }
    }
    served?;
    let told = json!({ "closed": true });
    output.answer(&told, || "the store is closed".to_owned())?;
    Ok(Verdict::Yes)
}

async fn serve(
    args: &Args,
    output: Output,
    store: &Arc<Store>,
    figures: &figures::Figures,
) -> Result<(), Failure> {
    let doing = || format!("listening on {}", args.listen);
    let listener = TcpListener::bind(args.listen).await;
    let listener = listener.map_err(Failure::io(doing()))?;
    let address = listener.local_addr().map_err(Failure::io(doing()))?;
    // Whoever waits for this line can connect, and stop the server.
    let signal = stop_signal().map_err(Failure::io("listening for signals"))?;
    bootstrap(args, output, store)?;
    let told = json!({ "listening": format!("http://{address}") });
    output.answer(&told, || format!("listening on http://{address}"))?;

    let (stop, stopping) = watch::channel(false);
    let purge = tokio::spawn(upkeep::purge(Arc::clone(store), args.purge_interval));
    let counts = args.keep_uses || args.usage_file.is_some();
    let usage = counts.then(Usage::new);
    let app = routes::app(args, store, figures, &stopping, usage.as_ref());
    let app = app.map_err(|error| Failure::WrongAnswer {
        what: error.to_string(),
    })?;
    let book = usage.map(|usage| upkeep::Book {
        path: args.usage_file.clone(),
        store: args.keep_uses.then(|| Arc::clone(store)),
        usage,
    });
    let keep = book
        .clone()
        .map(|book| tokio::spawn(book.keep(args.usage_interval)));
    let connections = connections::serve(listener, app, args.limits, stopping);
    let told_to_stop = async {
        signal.await;
        // Nobody listens if there is no connection.
        let _ = stop.send(true);
    };
    let ((), ()) = tokio::join!(connections, told_to_stop);
    purge.abort();
    if let (Some(keep), Some(book)) = (keep, book) {
        keep.abort();
        // Not while the other one is still writing.
        let _ = keep.await;
        book.write().await;
    }
    Ok(())
}

/// The first API key, when the store knows no client at all. Whoever lost it issues another with
/// `hallpass issue --kind api-key`.
fn bootstrap(args: &Args, output: Output, store: &Store) -> Result<(), Failure> {
    if !store.clients("", 1)?.is_empty() {
        return Ok(());
    }
    let key = store.issue(NewToken::api_key(&*args.organisation).never_expires())?;
    let told = json!({
        "api_key": key.secret.expose(),
        "id": key.id,
        "client_id": args.organisation,
    });
    output.answer(&told, || {
        let key = key.secret.expose();
        format!("API key of {:?}, shown this once: {key}", args.organisation)
    })
}

/// A store that signs needs a key to begin with.
#[cfg(feature = "jwt")]
fn expect_signing_key(store: &Store) -> Result<(), Failure> {
    let keys = store.signing_keys()?;
    if !keys
        .iter()
        .any(|key| key.state == hallpass::KeyState::Signing)
    {
        store.generate_signing_key(hallpass::jwt::Algorithm::EdDsa)?;
    }
    Ok(())
}

/// Is done when the process is asked to stop.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
