//! axum: what a handler may be called with stands in its arguments' types, and a handler that nothing
//! guards is called with nothing.

mod served;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use hallpass::credential::Profile;
use hallpass::web::{Form, FromCookie, FromHeader, Guard, Reason, Refusal, Scope, Scoped};
use hallpass::{Auth, Inactive, NewToken, Store};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use served::{now, store};
use tower_service::Service as _;

struct Write;

impl Scope for Write {
    const NAME: &'static str = "write";
}

fn app() -> Router {
    Router::new()
        .route("/auth", get(async |auth: Auth| auth.client_id().to_owned()))
        .route(
            "/maybe",
            get(async |auth: Option<Auth>| match auth {
                Some(auth) => auth.client_id().to_owned(),
                None => "nobody".to_owned(),
            }),
        )
        .route(
            "/write",
            post(async |auth: Scoped<Write>| auth.client_id().to_owned()),
        )
        .route(
            "/program",
            get(async |FromHeader(auth): FromHeader| auth.client_id().to_owned()),
        )
        .route(
            "/browser",
            get(async |FromCookie(auth): FromCookie| auth.client_id().to_owned()),
        )
        .route(
            "/inactive",
            get(async || Err::<(), Inactive>(Inactive::ClientMismatch)),
        )
        .route(
            "/quota",
            get(async || Err::<(), Refusal>(Refusal::new(Reason::TooMany))),
        )
}

fn ask(app: &Router, method: &str, path: &str, fields: &[(&str, &str)]) -> Response<String> {
    let request = Request::builder().method(method).uri(path);
    let request = fields.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    let request = request.body(Body::empty()).unwrap();
    let Ok(response) = now(app.clone().call(request));
    let (parts, body) = response.into_parts();
    let body = now(body.collect()).unwrap().to_bytes();
    Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
}

fn token(store: &Store, client: &str, scopes: &[&str]) -> String {
    let new = NewToken::new(client).lifetime(Duration::from_secs(3600));
    let token = store.issue(new.scopes(scopes.iter().copied())).unwrap();
    token.secret.expose().to_owned()
}

#[test]
fn handlers_get_what_they_ask_for() {
    let (_dir, store) = store();
    let (reader, writer) = (
        token(&store, "amy", &["read"]),
        token(&store, "bob", &["write"]),
    );
    let (reader, writer) = (format!("Bearer {reader}"), format!("Bearer {writer}"));
    let profile = Profile::strict().cookie("sid").unwrap();
    let guard = Guard::new(store.validator(), profile).form(Form::Problem);
    let app = app().layer(guard);
    let by = |bearer: &str, method: &str, path: &str| {
        ask(&app, method, path, &[("authorization", bearer)])
    };
    assert_eq!(by(&reader, "GET", "/auth").body(), "amy");
    assert_eq!(by(&reader, "GET", "/maybe").body(), "amy");
    assert_eq!(by(&writer, "POST", "/write").body(), "bob");
    assert_eq!(by(&reader, "GET", "/program").body(), "amy");

    let refused = by(&reader, "POST", "/write");
    assert_eq!(refused.status(), 403);
    assert_eq!(
        refused.headers()["content-type"],
        "application/problem+json"
    );
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.ends_with(r#"scope="write""#), "{challenge}");

    // The wrong source is told as if there were none.
    let cookie = reader.replace("Bearer ", "sid=");
    let by_cookie = |path: &str| ask(&app, "GET", path, &[("cookie", &cookie)]);
    assert_eq!(by_cookie("/browser").body(), "amy");
    assert_eq!(by_cookie("/program").status(), 401);
    let wrong = by(&reader, "GET", "/browser");
    assert_eq!(wrong.status(), 401);
    assert_eq!(wrong.extensions().get(), Some(&Reason::Source));

    // What handlers return by `?`.
    let mismatch = by(&reader, "GET", "/inactive");
    let unknown = by("Bearer hp_x", "GET", "/auth");
    assert_eq!(mismatch.body(), unknown.body());
    assert_eq!(by(&reader, "GET", "/quota").status(), 429);
}

#[test]
fn an_optional_guard_leaves_it_to_the_handler() {
    let (_dir, store) = store();
    let guard = Guard::new(store.validator(), Profile::strict()).optional();
    let app = app().layer(guard);
    assert_eq!(ask(&app, "GET", "/maybe", &[]).body(), "nobody");
    for (method, path) in [
        ("GET", "/auth"),
        ("POST", "/write"),
        ("GET", "/program"),
        ("GET", "/browser"),
    ] {
        let response = ask(&app, method, path, &[]);
        assert_eq!(response.status(), 401, "{path}");
        let why = Reason::Inactive(Inactive::Missing);
        assert_eq!(response.extensions().get(), Some(&why), "{path}");
    }
    let bad = [("authorization", "Bearer hp_x")];
    assert_eq!(ask(&app, "GET", "/maybe", &bad).status(), 401);
}

#[test]
fn without_a_guard_nobody_is_let_in_and_nobody_is_taken_for_nobody() {
    for (method, path) in [
        ("GET", "/auth"),
        ("GET", "/maybe"),
        ("POST", "/write"),
        ("GET", "/program"),
        ("GET", "/browser"),
    ] {
        let fields = [("authorization", "Bearer hp_x")];
        let response = ask(&app(), method, path, &fields);
        assert_eq!(response.status(), 500, "{path}");
        assert_eq!(response.extensions().get(), Some(&Reason::Unguarded));
        assert!(
            !response.body().contains("guard"),
            "the client learns nothing"
        );
    }
}
