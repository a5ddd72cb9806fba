//! A guarded service without a runtime: its futures are ready at once.

#![allow(dead_code, reason = "each test uses its share")]

use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use hallpass::web::Guard;
use hallpass::{Auth, Store};
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

/// The result of a future that waits for nothing.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// A store in a folder that lives as long as it.
pub(crate) fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

/// The innermost service: answers at once, as its function says.
#[derive(Clone)]
pub(crate) struct Handler<F>(pub(crate) F);

impl<B, F: Fn(Request<B>) -> Response<String>> Service<Request<B>> for Handler<F> {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        std::future::ready(Ok((self.0)(request)))
    }
}

/// Says who asked.
pub(crate) fn who_am_i<B>(request: Request<B>) -> Response<String> {
    Response::new(match request.extensions().get::<Auth>() {
        Some(auth) => format!("{} by {:?}", auth.client_id(), auth.source()),
        None => "nobody".to_owned(),
    })
}

/// What a guarded service answers.
pub(crate) fn answer(guard: &Guard, request: Request<()>) -> Response<String> {
    let Ok(response) = now(guard.layer(Handler(who_am_i)).call(request));
    response
}

/// A `GET /` with these fields.
pub(crate) fn get(fields: &[(&str, &str)]) -> Request<()> {
    request("GET", "/", fields)
}

/// A request with these fields.
pub(crate) fn request(method: &str, uri: &str, fields: &[(&str, &str)]) -> Request<()> {
    let request = Request::builder().method(method).uri(uri);
    fields
        .iter()
        .fold(request, |request, (name, value)| {
            request.header(*name, *value)
        })
        .body(())
        .unwrap()
}

/// The values of a field.
pub(crate) fn field(response: &Response<String>, name: &str) -> Vec<String> {
    let values = response.headers().get_all(name).iter();
    values
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}
