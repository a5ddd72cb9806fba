//! The guard as a `tower` layer, for hyper, axum and tonic alike.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::{CACHE_CONTROL, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderValue, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::body::FromText;
use super::guard::Guard;
use super::headers::Wire;
use super::refusal::{Anonymous, Unfinished};
use super::subprotocol::protocol_to_echo;
use crate::auth::Auth;
use crate::credential::Source;

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            guard: self.clone(),
            inner,
        }
    }
}

/// A service with a [`Guard`] in front of it; made by the guard, which is a [`Layer`].
///
/// Who may pass is passed on, with an [`Auth`] among the request's extensions; the rest is answered
/// here and the service never sees it. A refusal that the service itself returns is told in the
/// guard's manner. A WebSocket opened by way of the subprotocol `bearer` gets that protocol echoed
/// unless the service chose another, and a response to a token in a query may not be kept by shared
/// caches (RFC 6750 section 2.3).
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    guard: Guard,
    inner: S,
}

impl<S, I, O> Service<Request<I>> for Guarded<S>
where
    S: Service<Request<I>, Response = Response<O>>,
    O: FromText,
{
    type Response = Response<O>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, O>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<I>) -> Self::Future {
        let checked = self
            .guard
            .check(request.method(), request.uri(), request.headers());
        let state = match checked {
            Ok(auth) => {
                let after = After::of(auth.as_ref(), &request);
                let source = auth.as_ref().and_then(Auth::source);
                self.guard.hide(source, request.headers_mut());
                let extensions = request.extensions_mut();
                match auth {
                    Some(auth) => drop(extensions.insert(auth)),
                    None => {
                        extensions.remove::<Auth>();
                        extensions.insert(Anonymous);
                    }
                }
                State::Admitted {
                    inner: self.inner.call(request),
                    guard: self.guard.clone(),
                    after,
                }
            }
            Err(refusal) => State::Refused {
                response: Some(self.guard.refuse(&refusal)),
            },
        };
        ResponseFuture { state }
    }
}

/// What is still to be done when the service has answered.
struct After {
    wire: Wire,
    by_query: bool,
    echo: Option<HeaderValue>,
}

impl After {
    fn of<I>(auth: Option<&Auth>, request: &Request<I>) -> Self {
        let source = auth.and_then(Auth::source);
        Self {
            wire: Wire::of(request.headers()),
            by_query: source == Some(Source::Query),
            echo: match source {
                Some(Source::Subprotocol) => protocol_to_echo(request.headers()),
                _ => None,
            },
        }
    }

    fn finish<O: FromText>(&mut self, guard: &Guard, response: &mut Response<O>) {
        if let Some(Unfinished(refusal)) = response.extensions_mut().remove() {
            guard.retell(refusal, self.wire, response);
        }
        let status = response.status();
        let headers = response.headers_mut();
        if self.by_query && !headers.contains_key(CACHE_CONTROL) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
        }
        // Over HTTP/2 a WebSocket opens with a success (RFC 8441 section 5).
        let opened = status == StatusCode::SWITCHING_PROTOCOLS || status.is_success();
        if let Some(echo) = self.echo.take()
            && opened
            && !headers.contains_key(SEC_WEBSOCKET_PROTOCOL)
        {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, echo);
        }
    }
}

pin_project! {
    /// The response of a [`Guarded`] service.
    pub struct ResponseFuture<F, O> {
        #[pin]
        state: State<F, O>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, O> {
        Admitted {
            #[pin]
            inner: F,
            guard: Guard,
            after: After,
        },
        Refused { response: Option<Response<O>> },
    }
}

impl<F, O, E> Future for ResponseFuture<F, O>
where
    F: Future<Output = Result<Response<O>, E>>,
    O: FromText,
{
    type Output = Result<Response<O>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Admitted {
                inner,
                guard,
                after,
            } => {
                let mut response = ready!(inner.poll(context))?;
                after.finish(guard, &mut response);
                Poll::Ready(Ok(response))
            }
            StateProjection::Refused { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                // Only if it is polled after it was ready, which a future need not stand.
                None => Poll::Pending,
            },
        }
    }
}
