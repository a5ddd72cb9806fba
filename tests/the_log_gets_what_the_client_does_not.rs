//! Every refusal is told to `tracing` once, with its reason, and no event and no `Debug` of anything
//! shows what the client sent.

#[cfg(all(feature = "server", feature = "jwt"))]
mod endpoints;
mod served;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass::credential::Profile;
use hallpass::web::{Csrf, Guard, Reason, Refusal, SessionCookie, Tickets};
use hallpass::{Inactive, NewToken};
use http::{Request, Response};
use served::{Handler, answer, get, now, request, store};
use tower_layer::Layer;
use tower_service::Service;
use tracing::field::{Field, Visit};
use tracing::span;
use tracing::subscriber::with_default;
use tracing::{Event, Level, Metadata, Subscriber};

/// Writes every event down in full.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Level, String)>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} ", event.metadata().target()));
        event.record(&mut line);
        self.0
            .lock()
            .unwrap()
            .push((*event.metadata().level(), line.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl Log {
    fn of(work: impl FnOnce()) -> Vec<(Level, String)> {
        let log = Self::default();
        with_default(log.clone(), work);
        std::mem::take(&mut *log.0.lock().unwrap())
    }
}

#[test]
fn each_refusal_is_one_event_with_its_reason() {
    let (_dir, store) = store();
    let hour = Duration::from_secs(3600);
    let token = store.issue(NewToken::new("amy").lifetime(hour)).unwrap();
    store.revoke(token.id).unwrap();
    let guard = Guard::new(store.validator(), Profile::strict().cookie("sid").unwrap());
    let revoked = format!("Bearer {}", token.secret.expose());
    let cookie = format!("sid={}", token.secret.expose());
    let cases: [(http::Request<()>, Level, &str); 4] = [
        (get(&[]), Level::DEBUG, "credential.missing"),
        (
            get(&[("authorization", &revoked)]),
            Level::DEBUG,
            "token.revoked",
        ),
        (
            request("POST", "/", &[("cookie", &cookie)]),
            Level::WARN,
            "request.cross_site",
        ),
        (
            request("POST", "/a/b", &[("content-type", "application/grpc")]),
            Level::DEBUG,
            "credential.missing",
        ),
    ];
    for (sent, level, code) in cases {
        let log = Log::of(|| drop(answer(&guard, sent)));
        assert_eq!(log.len(), 1, "{log:?}");
        assert_eq!(log[0].0, level);
        assert!(log[0].1.starts_with("hallpass "), "{log:?}");
        assert!(log[0].1.contains(&format!("code=\"{code}\"")), "{log:?}");
    }
    store.close().unwrap();
    let log = Log::of(|| drop(answer(&guard, get(&[("authorization", "Bearer hp_x")]))));
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].0, Level::ERROR);
}

/// A refusal that a handler returns passes a guard on its way out and is not logged twice.
#[test]
fn a_handlers_refusal_is_logged_once() {
    let refuses = |_| Refusal::from(Inactive::ClientMismatch).defer();
    let (_dir, store) = store();
    let guard = Guard::new(store.validator(), Profile::strict()).optional();
    let mut service = guard.layer(Handler(refuses));
    let mut response = None;
    let log = Log::of(|| response = Some(now(service.call(get(&[])))));
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(log[0].0, Level::WARN);
    assert!(log[0].1.contains("token.client_mismatch"));
    let Some(Ok(response)) = response else {
        unreachable!("the service answers")
    };
    assert!(!response.body().contains("mismatch"));
    assert!(!format!("{:?}", response.headers()).contains("mismatch"));
    let why = response.extensions().get::<Reason>();
    assert_eq!(why, Some(&Reason::Inactive(Inactive::ClientMismatch)));
}

const CANARY: &str = "hunter2hunter2";

#[test]
fn nothing_that_was_sent_is_shown_anywhere() {
    let (_dir, store) = store();
    let profile = Profile::strict().cookie("sid").unwrap().subprotocol(true);
    let profile = profile.query("key").unwrap();
    let tickets = Tickets::new();
    let guard = Guard::new(store.validator(), profile)
        .csrf(Csrf::new())
        .tickets(tickets.clone());
    let upgrade = ("upgrade", "websocket");
    let lines = [
        ("authorization", format!("Bearer {CANARY}")),
        ("authorization", format!("{CANARY} x")),
        ("authorization", CANARY.to_owned()),
        ("authorization", format!("Basic {CANARY}")),
        ("cookie", format!("sid={CANARY}")),
        ("cookie", format!("sid=\"{CANARY}\"")),
        ("origin", CANARY.to_owned()),
        ("sec-fetch-site", CANARY.to_owned()),
        ("sec-websocket-protocol", format!("bearer, {CANARY}")),
        ("content-type", format!("application/grpc+{CANARY}")),
    ];
    let mut shown = String::new();
    let log = Log::of(|| {
        for (name, value) in &lines {
            for method in ["GET", "POST"] {
                for query in ["", "?key=hunter2hunter2", "?ticket=hunter2hunter2"] {
                    let fields = [upgrade, (*name, value.as_str())];
                    let uri = format!("/{query}");
                    let plain = request(method, &uri, &fields[1..]);
                    let socket = request(method, &uri, &fields);
                    for sent in [plain, socket] {
                        let checked = guard.check(sent.method(), sent.uri(), sent.headers());
                        let _ = write!(shown, "{checked:?}");
                        let response = answer(&guard, sent);
                        assert!(response.status() != 200 || response.body().is_empty());
                        let _ = write!(shown, "{response:?}");
                    }
                }
            }
        }
    });
    assert!(log.len() > 100);
    for (_, line) in &log {
        assert!(!line.contains("hunter2"), "{line}");
    }
    let cookie = SessionCookie::new().write(CANARY).unwrap();
    let _ = write!(shown, "{guard:?} {tickets:?} {cookie:?}");
    assert!(!shown.contains("hunter2"));
}

/// Inside, where handlers and other layers log, the credential's field is marked sensitive.
#[test]
fn a_handler_that_prints_its_headers_prints_no_token() {
    let prints = |request: Request<()>| {
        let printed = format!("{:?} {:?}", request.headers(), request.extensions());
        Response::new(printed)
    };
    let (_dir, store) = store();
    let token = store.issue(NewToken::new("amy").never_expires()).unwrap();
    let text = token.secret.expose();
    let profile = Profile::strict().cookie("sid").unwrap().subprotocol(true);
    let guard = Guard::new(store.validator(), profile.api_key_header("x-key").unwrap());
    let fields = [
        ("authorization", format!("Bearer {text}")),
        ("cookie", format!("sid={text}")),
        ("x-key", text.to_owned()),
        ("sec-websocket-protocol", format!("bearer, {text}")),
    ];
    for (name, value) in &fields {
        let upgrade = ("upgrade", "websocket");
        let proof = ("sec-fetch-site", "same-origin");
        let sent = request("GET", "/", &[upgrade, proof, ("x", "y"), (*name, value)]);
        let Ok(response) = now(guard.layer(Handler(prints)).call(sent));
        assert_eq!(response.status(), 200, "{name}");
        assert!(response.body().contains("\"y\""));
        assert!(
            !response.body().contains(text),
            "{name}: {}",
            response.body()
        );
    }
}

#[cfg(all(feature = "server", feature = "jwt"))]
#[test]
fn why_an_assertion_is_refused_is_told_to_the_log_alone() {
    use hallpass::jwt::{Algorithm, SigningKey};

    let served = endpoints::Served::new(|_, endpoints| endpoints.assertion_audience("aud"));
    let made = served.store.generate_client_key("amy", Algorithm::EdDsa);
    let key = SigningKey::from_pem(made.unwrap().pem.expose()).unwrap();
    // Issued before the store was opened: it may have been shown then.
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let at = since.unwrap().as_secs();
    let claims = format!(
        r#"{{"iss":"amy","sub":"amy","aud":"aud","jti":"1","iat":{},"exp":{}}}"#,
        at - 60,
        at + 60
    );
    let replayed = key.sign_payload("JWT", claims.as_bytes()).unwrap();
    let grant = "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=";
    let client = "grant_type=client_credentials&client_assertion_type=\
                  urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=";
    for (how, told) in [
        (grant, "request.grant"),
        (client, "client.unauthenticated.unknown"),
    ] {
        let ask = |text: &str| served.form("/oauth/token", "", &format!("{how}{text}"));
        let unknown = ask("a.b.c").body;
        let events = Log::of(|| assert_eq!(ask(&replayed).body, unknown));
        let codes: Vec<bool> = [("token.replayed", &events), (told, &events)]
            .map(|(code, events)| events.iter().any(|(_, line)| line.contains(code)))
            .to_vec();
        assert_eq!((codes, events.len()), (vec![true; 2], 2), "{events:?}");
    }
}
