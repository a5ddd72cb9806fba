//! Promise: `hallpass serve` says over gRPC, on the port of its HTTP, who shows a token, and refuses in
//! gRPC's codes; and the `.proto` that it hands out is what it speaks.
//!
//! The Python peer needs `grpcio-tools`, in the interpreter that `HALLPASS_CLIENTS_PYTHON` names.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

mod serving;

use std::process::Command;

use hallpass::web::Bearer;
use http::uri::PathAndQuery;
use serde_json::json;
use serving::wire::send;
use serving::{Server, found};
use tonic::client::Grpc;
use tonic::service::Interceptor;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

/// `WhoamiResponse`, written down by its document.
#[derive(Clone, PartialEq, prost::Message)]
struct Who {
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

const WHOAMI: &str = "/hallpass.v1.Whoami/Whoami";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

async fn connect(server: &Server) -> Channel {
    let url = format!("http://{}", server.address);
    Channel::from_shared(url).unwrap().connect().await.unwrap()
}

async fn call(
    channel: &Channel,
    method: &'static str,
    request: Request<()>,
) -> Result<Who, Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let codec = ProstCodec::<(), Who>::default();
    let path = PathAndQuery::from_static(method);
    let answer = client.unary(request, path, codec).await?;
    Ok(answer.into_inner())
}

fn revoke(server: &Server, token: &str) {
    let fields = format!(
        "{}Content-Type: application/x-www-form-urlencoded\r\n",
        server.bearer()
    );
    let form = format!("token={token}");
    let revoked = send(server.address, "POST", "/oauth/revoke", &fields, &form);
    assert_eq!(revoked.status, 200);
}

#[test]
fn a_call_is_told_who_it_is_or_why_not() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("store"), &[]);
    let token = server.token("amy");
    let shown = |text: &str| {
        let mut bearer = Bearer::new(text).unwrap();
        bearer.call(Request::new(())).unwrap()
    };
    let runtime = runtime();
    runtime.block_on(async {
        let channel = connect(&server).await;
        let refused = async |request| {
            let status = call(&channel, WHOAMI, request).await.unwrap_err();
            (status.code(), status.message().to_owned())
        };
        let told = |code, message: &str| (code, message.to_owned());

        let who = call(&channel, WHOAMI, shown(&token)).await.unwrap();
        assert_eq!((&*who.client_id, &*who.kind), ("organisation", "token"));
        assert_eq!((&*who.source, who.expires_at), ("metadata", None));
        assert_eq!(who.token_id.len(), 11);
        assert_eq!(
            refused(Request::new(())).await,
            told(Code::Unauthenticated, "authentication required")
        );
        assert_eq!(
            refused(shown("hp_x")).await,
            told(Code::Unauthenticated, "invalid token")
        );
        let mut twice = shown(&token);
        let again = twice.metadata().get("authorization").unwrap().clone();
        twice.metadata_mut().append("authorization", again);
        assert_eq!(refused(twice).await.0, Code::InvalidArgument);
        // A cookie is none of gRPC's.
        let mut by_cookie = Request::new(());
        let cookie = format!("__Host-session={token}").parse().unwrap();
        by_cookie.metadata_mut().insert("cookie", cookie);
        assert_eq!(refused(by_cookie).await.0, Code::Unauthenticated);
        let other = call(&channel, "/hallpass.v1.Whoami/Other", shown(&token)).await;
        assert_eq!(other.unwrap_err().code(), Code::Unimplemented);

        revoke(&server, &token);
        assert_eq!(
            refused(shown(&token)).await,
            told(Code::Unauthenticated, "token revoked")
        );
    });
    drop(runtime);
    let fields = format!("{}Content-Type: application/json\r\n", server.bearer());
    let plain = send(server.address, "POST", WHOAMI, &fields, "");
    assert_eq!(plain.status, 415);
    let metrics = send(server.address, "GET", "/metrics", "", "");
    for line in [
        r#"hallpass_answers_total{code="ok",source="metadata"} 1"#,
        r#"hallpass_answers_total{code="token.revoked",source=""} 1"#,
    ] {
        assert!(metrics.body.contains(line), "{line}: {metrics:?}");
    }
    server.stop();
}

/// In gRPC's terms too: a client would make of HTTP's 408 that it does not know what happened.
#[test]
fn a_call_whose_message_never_comes_is_past_its_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("store"), &["--request-timeout", "1s"]);
    let mut bearer = Bearer::new(&server.token("amy")).unwrap();
    let runtime = runtime();
    let status = runtime.block_on(async {
        let mut client = Grpc::new(connect(&server).await);
        client.ready().await.unwrap();
        let never = bearer.call(Request::new(())).unwrap();
        let never = never.map(|()| tonic::codegen::tokio_stream::pending());
        let codec = ProstCodec::<(), Who>::default();
        let path = PathAndQuery::from_static(WHOAMI);
        client
            .client_streaming(never, path, codec)
            .await
            .unwrap_err()
    });
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    drop(runtime);
    server.stop();
}

#[test]
fn python_calls_by_the_proto_that_is_handed_out() {
    let python = std::env::var("HALLPASS_CLIENTS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !found(&python, &["-c", "import grpc_tools, grpc"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("store"), &[]);
    let proto = send(server.address, "GET", "/whoami.proto", "", "");
    assert_eq!(proto.status, 200);
    std::fs::write(dir.path().join("whoami.proto"), &proto.body).unwrap();
    let dead = server.token("dead");
    revoke(&server, &dead);
    let given = json!({
        "target": server.address.to_string(),
        "folder": dir.path(),
        "good": server.token("good"),
        "dead": dead,
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/grpc_client.py");
    let ran = Command::new(python)
        .arg(script)
        .env("HALLPASS_GIVEN", given.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    server.stop();
}
