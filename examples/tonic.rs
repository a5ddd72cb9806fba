//! A guarded gRPC server and its client: `cargo run --example tonic --features tonic`. It serves
//! gRPC's own health service, which tells each client by name that it is well.

use std::time::Duration;

use hallpass::credential::Profile;
use hallpass::web::{Bearer, Guard};
use hallpass::{Auth, Inactive, NewToken, Store};
use tokio::net::TcpListener;
use tonic::codegen::tokio_stream::Empty;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

struct PerClient;

#[tonic::async_trait]
impl Health for PerClient {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let auth: &Auth = request.extensions().get().ok_or(Inactive::Missing)?;
        if request.get_ref().service != auth.client_id() {
            return Err(Inactive::InsufficientScope.into());
        }
        let status = ServingStatus::Serving.into();
        Ok(Response::new(HealthCheckResponse { status }))
    }

    type WatchStream = Empty<Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("ask again"))
    }
}

/// With the guard in front of the whole server. In front of one service it is an interceptor:
/// `HealthServer::with_interceptor(PerClient, guard)`.
pub(crate) async fn serve(
    listener: TcpListener,
    store: &Store,
) -> Result<(), tonic::transport::Error> {
    let guard = Guard::new(store.validator(), Profile::strict());
    Server::builder()
        .layer(guard)
        .add_service(HealthServer::new(PerClient))
        .serve_with_incoming(TcpIncoming::from(listener))
        .await
}

/// Asks whether `client` is well, with this token.
pub(crate) async fn ask(channel: Channel, token: &str, client: &str) -> Result<i32, Status> {
    let bearer = Bearer::new(token).map_err(|error| Status::internal(error.to_string()))?;
    let service = client.to_owned();
    let mut health = HealthClient::with_interceptor(channel, bearer);
    let answer = health.check(HealthCheckRequest { service }).await?;
    Ok(answer.into_inner().status)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path())?;
    let hour = Duration::from_secs(3600);
    let token = store.issue(NewToken::new("client123").lifetime(hour))?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let client = async {
        let channel = Channel::from_shared(address)?.connect().await?;
        let text = token.secret.expose();
        println!(
            "client123: {:?}",
            ask(channel.clone(), text, "client123").await
        );
        println!(
            "somebody else: {:?}",
            ask(channel.clone(), text, "other").await
        );
        println!(
            "no token of ours: {:?}",
            ask(channel, "hp_x", "client123").await
        );
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    tokio::select! {
        served = serve(listener, &store) => Ok(served?),
        asked = client => asked,
    }
}
