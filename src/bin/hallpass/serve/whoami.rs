//! Who you are: the same answer over HTTP, WebSocket and gRPC.

use std::future::{Ready, ready};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use hallpass::credential::Source;
use hallpass::{Auth, Inactive, Kind};
use tonic::Status;
use tonic::server::{Grpc, UnaryService};
use tonic_prost::ProstCodec;

use super::routes::{Shown, told};

/// The path of `hallpass.v1.Whoami/Whoami`.
pub(super) const METHOD: &str = "/hallpass.v1.Whoami/Whoami";

/// What clients of gRPC are written by.
const PROTO: &str = include_str!("whoami.proto");

/// The most that is taken of a message that has nothing in it, in bytes.
const MESSAGE_BYTES_MAX: usize = 1024;

/// `WhoamiResponse` of `whoami.proto`; as JSON, the same names.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub(super) struct Whoami {
    #[prost(string, tag = "1")]
    client_id: String,
    #[prost(uint64, optional, tag = "2")]
    expires_at: Option<u64>,
    #[prost(string, tag = "3")]
    kind: String,
    #[prost(string, repeated, tag = "4")]
    scopes: Vec<String>,
    #[prost(string, tag = "5")]
    source: String,
    #[prost(string, tag = "6")]
    token_id: String,
}

impl Whoami {
    /// Only the store's own tokens pass the guard of this server, so that kind and id are there.
    pub(super) fn of(auth: &Auth) -> Self {
        Self {
            client_id: auth.client_id().to_owned(),
            expires_at: auth.expires_at(),
            kind: auth.kind().map_or("", Kind::as_str).to_owned(),
            scopes: auth.scopes().map(str::to_owned).collect(),
            source: source(auth).to_owned(),
            token_id: auth.token_id().map(|id| id.to_string()).unwrap_or_default(),
        }
    }
}

/// Where the credential stood.
pub(super) fn source(auth: &Auth) -> &'static str {
    match auth.source() {
        Some(Source::Header) => "header",
        Some(Source::Cookie) => "cookie",
        Some(Source::Query) => "query",
        Some(Source::Metadata) => "metadata",
        Some(Source::Subprotocol) => "subprotocol",
        _ => "other",
    }
}

/// Over HTTP.
pub(super) async fn http(auth: Auth) -> Response {
    let mut response = told(&Whoami::of(&auth));
    response.extensions_mut().insert(Shown(source(&auth)));
    response
}

/// Over gRPC.
pub(super) async fn grpc(request: Request) -> Response {
    if !is_grpc(request.headers()) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let shown = request.extensions().get().map(source).map(Shown);
    let mut grpc =
        Grpc::new(ProstCodec::<Whoami, ()>::default()).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let mut response = grpc.unary(Service, request).await.map(Body::new);
    if let Some(shown) = shown {
        response.extensions_mut().insert(shown);
    }
    response
}

/// What a call is told whose message did not come in time: of HTTP's 408, gRPC makes an unknown error.
pub(super) fn too_late() -> Response {
    Status::deadline_exceeded("the request took too long").into_http()
}

/// As gRPC's protocol over HTTP/2 has it: else 415. The web's variants of it are not served.
fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let rest = kind.and_then(|kind| kind.strip_prefix(b"application/grpc"));
    matches!(rest, Some([] | [b'+' | b';', ..]))
}

struct Service;

/// Of the request's message, which has no fields, nothing is kept.
impl UnaryService<()> for Service {
    type Response = Whoami;
    type Future = Ready<Result<tonic::Response<Whoami>, Status>>;

    fn call(&mut self, request: tonic::Request<()>) -> Self::Future {
        let auth: Option<&Auth> = request.extensions().get();
        let answer = auth.map(|auth| tonic::Response::new(Whoami::of(auth)));
        ready(answer.ok_or_else(|| Inactive::Missing.into()))
    }
}

/// `whoami.proto`, for whoever wants to call it.
pub(super) async fn proto() -> Response {
    let mut response = PROTO.into_response();
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
