//! The routers without a socket: one request in, what came of it out.
#![allow(dead_code, reason = "each test uses its share")]
#![allow(
    clippy::unwrap_used,
    reason = "what is shared by tests is a test, but clippy takes only #[test] for one"
)]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hallpass::server::Endpoints;
use hallpass::{NewToken, Store};
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower_service::Service as _;

pub(crate) const JSON: &str = "application/json";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// A store with an organisation, and its endpoints.
pub(crate) struct Served {
    runtime: tokio::runtime::Runtime,
    pub(crate) store: Arc<Store>,
    pub(crate) app: Router,
    /// `Bearer` and the organisation's API key.
    pub(crate) key: String,
    _dir: Option<tempfile::TempDir>,
}

#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.field("cache-control"), "no-store", "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|_| unreachable!("{self:?}"))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        let value = self.json();
        let text = value.pointer(name).and_then(Value::as_str);
        text.unwrap_or_else(|| unreachable!("{name}: {value}"))
            .to_owned()
    }

    pub(crate) fn field(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }
}

pub(crate) fn all(endpoints: &Endpoints) -> Router {
    let first = endpoints.wispr().merge(endpoints.oauth());
    let second = endpoints.flipt().merge(endpoints.frontier());
    first.merge(second).merge(endpoints.frappe())
}

impl Served {
    pub(crate) fn new(configure: impl FnOnce(&Store, Endpoints) -> Endpoints) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        Self::of(store, Some(dir), configure)
    }

    /// The endpoints of this store, whose folder is kept as long.
    pub(crate) fn of(
        store: Store,
        dir: Option<tempfile::TempDir>,
        configure: impl FnOnce(&Store, Endpoints) -> Endpoints,
    ) -> Self {
        let store = Arc::new(store);
        let endpoints = configure(&store, Endpoints::new(Arc::clone(&store)));
        let key = store
            .issue(NewToken::api_key("acme").never_expires())
            .unwrap();
        Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
            app: all(&endpoints),
            key: format!("Bearer {}", key.secret.expose()),
            store,
            _dir: dir,
        }
    }

    pub(crate) fn plain() -> Self {
        Self::new(|_, endpoints| endpoints)
    }

    pub(crate) fn send(&self, request: Request<Body>) -> Answered {
        self.runtime.block_on(async {
            let response = self.app.clone().call(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await.unwrap().to_bytes();
            Answered {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body: String::from_utf8(bytes.to_vec()).unwrap(),
            }
        })
    }

    /// A request with these fields.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answered {
        let request = Request::builder().method(method).uri(path);
        let request = fields.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        self.send(request.body(body.into()).unwrap())
    }

    /// JSON with the API key.
    pub(crate) fn manage(&self, path: &str, body: &Value) -> Answered {
        let fields = [("authorization", &*self.key), ("content-type", JSON)];
        self.ask("POST", path, &fields, body.to_string())
    }

    /// A form, and what stands in `Authorization` if anything does.
    pub(crate) fn form(&self, path: &str, authorization: &str, form: &str) -> Answered {
        let fields = [("content-type", FORM), ("authorization", authorization)];
        let fields = if authorization.is_empty() {
            &fields[..1]
        } else {
            &fields[..]
        };
        self.ask("POST", path, fields, form.to_owned())
    }

    /// A `GET` with this in `Authorization`.
    pub(crate) fn get(&self, path: &str, authorization: &str) -> Answered {
        self.ask("GET", path, &[("authorization", authorization)], "")
    }

    /// A client's secret with these scopes, and its `Basic`.
    pub(crate) fn client(&self, client: &str, scopes: &[&str]) -> (String, String) {
        let token = NewToken::client_secret(client).never_expires();
        let issued = self
            .store
            .issue(token.scopes(scopes.iter().copied()))
            .unwrap();
        let secret = issued.secret.expose().to_owned();
        let basic = basic(&issued.pair_id.unwrap(), &secret);
        (secret, basic)
    }

    /// A client's token.
    pub(crate) fn token(&self, client: &str) -> String {
        let token = NewToken::new(client).lifetime(Duration::from_secs(60));
        self.store.issue(token).unwrap().secret.expose().to_owned()
    }
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
    format!("Basic {pair}")
}
