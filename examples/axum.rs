//! A guarded axum server: `cargo run --example axum --features axum`, then what it prints.

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use hallpass::credential::Profile;
use hallpass::web::{Guard, Scope, Scoped};
use hallpass::{Auth, NewToken, Store};
use tokio::net::TcpListener;

struct Write;

impl Scope for Write {
    const NAME: &'static str = "write";
}

async fn me(auth: Auth) -> String {
    format!("you are {}\n", auth.client_id())
}

async fn note(auth: Scoped<Write>, note: String) -> String {
    format!("{} noted {} bytes\n", auth.client_id(), note.len())
}

pub(crate) async fn serve(listener: TcpListener, store: &Store) -> std::io::Result<()> {
    let guard = Guard::new(store.validator(), Profile::strict()).realm("notes");
    let app = Router::new()
        .route("/me", get(me))
        .route("/notes", post(note))
        .layer(guard);
    axum::serve(listener, app).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path())?;
    let hour = Duration::from_secs(3600);
    let token = store.issue(NewToken::new("client123").lifetime(hour).scopes(["read"]))?;
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    let bearer = format!("-H 'Authorization: Bearer {}'", token.secret.expose());
    println!("curl -i http://127.0.0.1:3000/me {bearer}");
    println!("curl -i http://127.0.0.1:3000/notes {bearer} -d hello  # lacks the scope");
    serve(listener, &store).await?;
    Ok(())
}
