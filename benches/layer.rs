//! What the whole layer costs a request: the same service bare, with hallpass's guard over a million
//! tokens in front of it, and with tower-http's check of a single bearer token, which is compared to
//! one fixed text and names nobody.
//!
//! Every call asserts its status. Each request is made before its time is taken and shows another
//! token, in a random order; what the service does with it, dropping it included, is timed.
//! `cargo bench --bench layer --features tower,testkit`; with `-- --test`, as CI does, few tokens.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hallpass::credential::Profile;
use hallpass::web::Guard;
use hallpass::{NewToken, Store, testkit};
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use tower_http::validate_request::ValidateRequestHeaderLayer;
use tower_layer::Layer;
use tower_service::Service;

/// Answers at once, with nothing.
#[derive(Clone)]
struct Bare;

impl Service<Request<()>> for Bare {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        black_box(request.extensions());
        drop(request);
        ready(Ok(Response::new(Full::default())))
    }
}

fn answer<S>(service: &mut S, request: Request<()>) -> u16
where
    S: Service<Request<()>, Response = Response<Full<Bytes>>, Error = Infallible>,
{
    let mut context = Context::from_waker(Waker::noop());
    match pin!(service.call(request)).poll(&mut context) {
        Poll::Ready(Ok(response)) => response.status().as_u16(),
        Poll::Pending => 0,
    }
}

fn fill(tokens: usize) -> (tempfile::TempDir, Store, Vec<String>) {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).expect("a store");
    let day = Duration::from_secs(86_400);
    let new = |n| NewToken::new(format!("client-{}", n % 1000)).lifetime(day);
    let mut texts = Vec::with_capacity(tokens);
    testkit::issue_in_memory_only(&store, (0..tokens).map(new), |issued| {
        texts.push(format!("Bearer {}", issued.secret.expose()));
    })
    .expect("issued");
    // A shuffle by a generator that is good enough for that.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for i in (1..texts.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        texts.swap(i, (state % (i as u64 + 1)) as usize);
    }
    (dir, store, texts)
}

/// A request as a browser's or a client's library sends it, with this credential.
fn request(bearer: &str) -> Request<()> {
    let request = Request::get("https://api.example/v1/things?page=2")
        .header("host", "api.example")
        .header("user-agent", "bench/1.0")
        .header("accept", "application/json")
        .header("accept-encoding", "gzip, br")
        .header(
            "authorization",
            HeaderValue::from_str(bearer).expect("a value"),
        );
    request.body(()).expect("a request")
}

fn time<S>(criterion: &mut Criterion, name: &str, texts: &[String], mut service: S)
where
    S: Service<Request<()>, Response = Response<Full<Bytes>>, Error = Infallible>,
{
    let mut next = texts.iter().cycle();
    let mut make = || request(next.next().map_or("", |text| text));
    criterion
        .benchmark_group("layer")
        .bench_function(name, |bencher| {
            bencher.iter_batched(
                &mut make,
                |request| assert_eq!(answer(&mut service, request), 200),
                BatchSize::NumIterations(256),
            );
        });
}

fn layer(criterion: &mut Criterion) {
    let tokens = match std::env::args().any(|argument| argument == "--test") {
        true => 1000,
        false => 1_000_000,
    };
    let (_dir, store, texts) = fill(tokens);
    let guard = Guard::new(store.validator(), Profile::strict());
    time(criterion, "bare", &texts, Bare);
    time(criterion, "hallpass", &texts, guard.layer(Bare));
    let profile = Profile::strict().cookie("sid").expect("a name");
    let with_cookies = Guard::new(store.validator(), profile);
    time(
        criterion,
        "hallpass_with_cookies",
        &texts,
        with_cookies.layer(Bare),
    );
    let token = texts.first().and_then(|text| text.strip_prefix("Bearer "));
    #[expect(deprecated, reason = "a plain comparison is what it is timed against")]
    let peer = ValidateRequestHeaderLayer::bearer(token.unwrap_or_default());
    time(
        criterion,
        "tower_http_one_bearer",
        &texts[..1],
        peer.layer(Bare),
    );
}

criterion_group!(benches, layer);
criterion_main!(benches);
