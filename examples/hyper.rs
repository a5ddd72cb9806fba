//! A guarded hyper server without a framework: `cargo run --example hyper --features http`, then what
//! it prints.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use hallpass::credential::Profile;
use hallpass::web::Guard;
use hallpass::{NewToken, Store};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

fn answer(guard: &Guard, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    match guard.check(request.method(), request.uri(), request.headers()) {
        Ok(Some(auth)) => Response::new(format!("you are {}\n", auth.client_id()).into()),
        Ok(None) => Response::new("you are nobody\n".into()),
        Err(refusal) => guard.refuse(&refusal),
    }
}

pub(crate) async fn serve(listener: TcpListener, store: &Store) -> std::io::Result<()> {
    let guard = Guard::new(store.validator(), Profile::strict()).optional();
    loop {
        let (stream, _) = listener.accept().await?;
        let guard = guard.clone();
        let service = service_fn(move |request| {
            let response = answer(&guard, &request);
            async move { Ok::<_, Infallible>(response) }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service),
        );
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path())?;
    let hour = Duration::from_secs(3600);
    let token = store.issue(NewToken::new("client123").lifetime(hour))?;
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("curl -i http://127.0.0.1:3000/");
    println!(
        "curl -i http://127.0.0.1:3000/ -H 'Authorization: Bearer {}'",
        token.secret.expose()
    );
    serve(listener, &store).await?;
    Ok(())
}
