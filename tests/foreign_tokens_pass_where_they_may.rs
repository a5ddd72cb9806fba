//! A guard that was told so lets tokens of foreign issuers pass, under the same rules and with the same
//! refusals as the store's own; every other guard refuses them, and the store's own tokens cost what
//! they did.

mod served;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use hallpass::credential::Profile;
use hallpass::jwt::{
    Algorithm, ClaimsMapping, Expect, ForeignIssuer, ForeignIssuers, KeySet, KeySource, SharedKeys,
    SigningKey,
};
use hallpass::web::{
    Bearer, FromHeader, Guard, Reason, Scope, Scoped, SessionCookie, Tickets, Usage,
};
use hallpass::{Auth, Inactive, NewToken, Options, Store};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use served::{Handler, answer, field, now, request};
use tonic::service::Interceptor as _;
use tower_layer::Layer as _;
use tower_service::Service as _;

const ISSUER: &str = "https://other.example";
const HOUR: Duration = Duration::from_secs(3600);

/// Counts how often it was asked.
#[derive(Clone)]
struct Counted(SharedKeys, Arc<AtomicUsize>);

impl KeySource for Counted {
    fn keys(&self) -> Arc<KeySet> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.keys()
    }
    fn is_current(&self, keys: &Arc<KeySet>) -> bool {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.is_current(keys)
    }
}

struct World {
    key: SigningKey,
    source: Counted,
    store: Store,
    _dir: tempfile::TempDir,
}

impl World {
    fn new(mapping: ClaimsMapping) -> Self {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let keys = SharedKeys::new(KeySet::from(key.verifying_key().clone()));
        let source = Counted(keys, Arc::default());
        let expect = Expect::new().issuer(ISSUER).any_audience();
        let issuer = ForeignIssuer::new(source.clone(), expect, mapping);
        let dir = tempfile::tempdir().unwrap();
        let store = Options::new()
            .foreign_issuers(ForeignIssuers::new(vec![issuer]).unwrap())
            .open(dir.path())
            .unwrap();
        Self {
            key,
            source,
            store,
            _dir: dir,
        }
    }

    fn scoped() -> Self {
        Self::new(ClaimsMapping::client_from("/sub").scopes_from("/scope"))
    }

    fn guard(&self) -> Guard {
        let profile = Profile::strict().cookie("sid").unwrap();
        Guard::new(self.store.validator(), profile)
    }

    fn token(&self, client: &str, jti: &str, rest: &str) -> String {
        sign(&self.key, ISSUER, client, jti, 3600, rest)
    }

    fn asked(&self) -> usize {
        self.source.1.load(Ordering::Relaxed)
    }
}

/// The end is `ends_in` seconds from now.
fn sign(key: &SigningKey, iss: &str, sub: &str, jti: &str, ends_in: i64, rest: &str) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let exp = since.as_secs() as i64 + ends_in;
    let claims = format!(r#"{{"iss":"{iss}","sub":"{sub}","jti":"{jti}","exp":{exp}{rest}}}"#);
    key.sign_payload("JWT", claims.as_bytes()).unwrap()
}

fn bearer(text: &str) -> Request<()> {
    request("GET", "/", &[("authorization", &format!("Bearer {text}"))])
}

/// All that reaches a client.
fn told(response: &Response<String>) -> String {
    let (status, fields) = (response.status(), response.headers());
    format!("{status} {fields:?} {}", response.body())
}

fn why(response: &Response<String>) -> Reason {
    *response.extensions().get().unwrap()
}

#[test]
fn they_pass_layer_extractors_and_interceptor_with_client_and_scopes() {
    struct Write;
    impl Scope for Write {
        const NAME: &'static str = "write";
    }
    let world = World::scoped();
    let text = world.token("amy", "1", r#","scope":"write read write","team":"x""#);
    let guard = world.guard().foreign();
    let app = Router::new()
        .route(
            "/me",
            get(async |auth: Auth| {
                let scopes: Vec<&str> = auth.scopes().collect();
                let team = &auth.foreign().unwrap().verified().extra()["team"];
                format!(
                    "{} {scopes:?} {team} {:?}",
                    auth.client_id(),
                    auth.token_id()
                )
            }),
        )
        .route(
            "/write",
            post(async |auth: Scoped<Write>| auth.client_id().to_owned()),
        )
        .route(
            "/program",
            get(async |FromHeader(auth): FromHeader| format!("{:?}", auth.kind())),
        );
    let app = app.layer(guard.clone());
    let ask = |method: &str, path: &str| {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", format!("Bearer {text}"));
        let Ok(response) = now(app.clone().call(request.body(Body::empty()).unwrap()));
        let (parts, body) = response.into_parts();
        let body = now(body.collect()).unwrap().to_bytes();
        (
            parts.status.as_u16(),
            String::from_utf8(body.to_vec()).unwrap(),
        )
    };
    let me = r#"amy ["read", "write"] "x" None"#;
    assert_eq!(ask("GET", "/me"), (200, me.to_owned()));
    assert_eq!(ask("POST", "/write"), (200, "amy".to_owned()));
    assert_eq!(ask("GET", "/program"), (200, "None".to_owned()));

    let mut interceptor = guard.clone();
    let call = Bearer::new(&text).unwrap().call(tonic::Request::new(()));
    let passed = interceptor.call(call.unwrap()).unwrap();
    let auth: &Auth = passed.extensions().get().unwrap();
    assert_eq!((auth.client_id(), auth.revalidate()), ("amy", Ok(())));
    assert!(auth.expires_at().is_some());
    assert!(!format!("{passed:?} {auth:?}").contains(&text));

    let scoped = guard.clone().scope("admin");
    assert_eq!(answer(&scoped, bearer(&text)).status(), 403);
    // An array is read as well; what is neither gives nobody anything.
    let array = world.token("amy", "2", r#","scope":["admin"]"#);
    assert_eq!(answer(&scoped, bearer(&array)).status(), 200);
    for scope in ["1", r#"["a b"]"#, r#"[""]"#, "null"] {
        let odd = world.token("amy", "3", &format!(r#","scope":{scope}"#));
        assert_eq!(answer(&guard, bearer(&odd)).status(), 401, "{scope}");
    }
    // An issuer that was not given the say about scopes has none.
    let world = World::new(ClaimsMapping::client_from("/sub"));
    let text = world.token("amy", "1", r#","scope":"admin""#);
    let guard = world.guard().foreign();
    assert_eq!(answer(&guard, bearer(&text)).status(), 200);
    assert_eq!(answer(&guard.scope("admin"), bearer(&text)).status(), 403);
}

#[test]
fn a_guard_that_was_not_told_so_refuses_them_as_unknown() {
    let world = World::scoped();
    let text = world.token("amy", "1", "");
    let unknown = told(&answer(&world.guard(), bearer("hp_x")));
    assert_eq!(told(&answer(&world.guard(), bearer(&text))), unknown);
    assert_eq!(world.asked(), 0);
    let by_cookie = request("GET", "/", &[("cookie", &format!("sid={text}"))]);
    assert_eq!(answer(&world.guard(), by_cookie).status(), 401);
}

#[test]
fn a_client_cannot_tell_a_bad_foreign_token_from_an_unknown_one() {
    let world = World::scoped();
    let guard = world.guard().foreign();
    let unknown = told(&answer(&guard, bearer("hp_x")));
    let good = world.token("amy", "1", "");
    let stranger = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let same_name = {
        let jwk = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let signature = jwk.sign_payload("JWT", b"{}").unwrap();
        let signature = signature.rsplit_once('.').unwrap().1.to_owned();
        let (signed, _) = good.rsplit_once('.').unwrap();
        format!("{signed}.{signature}")
    };
    for (text, code) in [
        (same_name, "token.signature"),
        (
            sign(&stranger, ISSUER, "amy", "1", 9, ""),
            "token.unknown_key",
        ),
        (sign(&world.key, "me", "amy", "1", 9, ""), "token.issuer"),
        (world.token("", "1", ""), "token.fields_missing"),
        ("a.b.c".to_owned(), "token.format"),
        ("..".to_owned(), "token.format"),
    ] {
        let refused = answer(&guard, bearer(&text));
        assert_eq!(why(&refused).code(), code, "{text}");
        assert_eq!(told(&refused), unknown, "{text}");
    }

    // Who holds a genuine one is told what became of it, as with the store's own.
    let own = |kill: &dyn Fn(&Store)| {
        let new = NewToken::new("bob").lifetime(HOUR);
        let token = world.store.issue(new).unwrap();
        kill(&world.store);
        told(&answer(&guard, bearer(token.secret.expose())))
    };
    let revoked = own(&|store| drop(store.revoke_all("bob")));
    let expired = sign(&world.key, ISSUER, "amy", "9", -1, "");
    assert_eq!(answer(&guard, bearer(&good)).status(), 200);
    world.store.revoke_foreign_text(&good).unwrap();
    assert_eq!(told(&answer(&guard, bearer(&good))), revoked);
    let second = world.token("amy", "2", "");
    world.store.disable_client("amy").unwrap();
    let refused = answer(&guard, bearer(&second));
    assert_eq!(why(&refused), Inactive::ClientDisabled.into());
    assert_eq!(told(&refused), revoked);
    let refused = answer(&guard, bearer(&expired));
    assert_eq!(why(&refused), Inactive::ExpiredSignature.into());
    assert!(told(&refused).contains("token.expired"));
}

#[test]
fn in_a_cookie_they_need_proof_of_their_site_and_a_bad_one_is_cleared() {
    let world = World::scoped();
    let guard = world.guard().foreign();
    let cookie = format!("sid={}", world.token("amy", "1", ""));
    let ask = |fields: &[(&str, &str)]| answer(&guard, request("POST", "/", fields));
    let refused = ask(&[("cookie", &cookie)]);
    assert_eq!(why(&refused), Reason::CrossSite);
    assert_eq!(world.asked(), 0, "before the token is looked at");
    let passed = ask(&[("cookie", &cookie), ("sec-fetch-site", "same-origin")]);
    assert_eq!(passed.body(), "amy by Some(Cookie)");
    world.store.revoke_all("amy").unwrap();
    let refused = ask(&[("cookie", &cookie), ("sec-fetch-site", "same-origin")]);
    assert_eq!(refused.status(), 401);
    let clear = SessionCookie::named("sid").unwrap().clear();
    assert_eq!(field(&refused, "set-cookie"), [clear.to_str().unwrap()]);
}

#[test]
fn what_is_kept_of_one_can_be_asked_again() {
    let world = World::scoped();
    let guard = world.guard().foreign();
    let auth = |jti: &str| {
        let text = world.token("amy", jti, "");
        let request = bearer(&text);
        let passed = guard.check(request.method(), request.uri(), request.headers());
        passed.unwrap().unwrap()
    };
    let (one, other) = (auth("1"), auth("2"));
    world.store.revoke_foreign(ISSUER, "1", u64::MAX).unwrap();
    assert_eq!(one.revalidate(), Err(Inactive::Revoked));
    assert_eq!(other.revalidate(), Ok(()));
    // Its issuer's keys are read again, and then its key is gone.
    let kept = world.key.verifying_key().clone();
    let another = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let another = another.verifying_key().clone();
    let replace = |keys: Vec<_>| world.source.0.replace(KeySet::new(keys).unwrap());
    replace(vec![another.clone(), kept.clone()]);
    assert_eq!(other.revalidate(), Ok(()));
    let same_name = another.clone().with_kid(kept.kid().unwrap()).unwrap();
    replace(vec![same_name]);
    assert_eq!(other.revalidate(), Err(Inactive::UnknownKey));
    replace(vec![another]);
    assert_eq!(other.revalidate(), Err(Inactive::UnknownKey));
    replace(vec![kept]);
    assert_eq!(other.revalidate(), Ok(()));
    world.store.disable_client("amy").unwrap();
    assert_eq!(other.revalidate(), Err(Inactive::ClientDisabled));
    let World { store, .. } = world;
    store.close().unwrap();
    assert_eq!(other.revalidate(), Err(Inactive::Unavailable));
    assert_eq!(other.client_id(), "amy");
}

#[test]
fn a_ticket_for_one_opens_only_where_it_may_pass_itself() {
    let world = World::scoped();
    let tickets = Tickets::new();
    let strict = world.guard().tickets(tickets.clone());
    let open = strict.clone().foreign();
    let auth = {
        let request = bearer(&world.token("amy", "1", ""));
        let passed = open.check(request.method(), request.uri(), request.headers());
        passed.unwrap().unwrap()
    };
    let connect = |guard: &Guard| {
        let ticket = tickets.issue(&auth, "/live").unwrap();
        let uri = format!("/live?ticket={}", ticket.expose());
        answer(guard, request("GET", &uri, &[("upgrade", "websocket")]))
    };
    assert_eq!(connect(&open).body(), "amy by Some(Query)");
    assert_eq!(why(&connect(&strict)), Inactive::Kind.into());
    let for_api = Guard::new(
        world.store.validator().for_audience("api"),
        Profile::strict(),
    );
    let for_api = for_api.tickets(tickets.clone()).foreign();
    assert_eq!(why(&connect(&for_api)), Inactive::FieldsMissing.into());
    world.store.revoke_all("amy").unwrap();
    assert_eq!(
        tickets.issue(&auth, "/live").unwrap_err(),
        Inactive::Revoked.into()
    );
}

#[test]
fn a_validator_for_an_audience_asks_them_too() {
    let world = World::scoped();
    let validator = world.store.validator().for_audience("api");
    let guard = Guard::new(validator.clone(), Profile::strict()).foreign();
    for (aud, expected) in [
        (r#","aud":["web","api"]"#, None),
        (r#","aud":"web""#, Some(Inactive::Audience)),
        ("", Some(Inactive::FieldsMissing)),
    ] {
        let text = world.token("amy", "1", aud);
        assert_eq!(validator.validate_foreign(&text).err(), expected);
        let status = answer(&guard, bearer(&text)).status();
        assert_eq!(status == 200, expected.is_none(), "{aud}");
    }
}

#[test]
fn the_stores_own_tokens_never_get_as_far() {
    let world = World::scoped();
    world.store.generate_signing_key(Algorithm::EdDsa).unwrap();
    let usage = Usage::new();
    let guard = world.guard().foreign().usage(usage.clone());
    let issue = |new: NewToken| world.store.issue(new.lifetime(HOUR)).unwrap();
    let (opaque, signed) = (issue(NewToken::new("amy")), issue(NewToken::jwt("amy")));
    for issued in [&opaque, &signed] {
        let text = issued.secret.expose();
        let passed = answer(&guard, bearer(text));
        assert_eq!(passed.body(), "amy by Some(Header)");
        world.store.revoke(issued.id).unwrap();
        let refused = answer(&guard, bearer(text));
        assert_eq!(why(&refused), Inactive::Revoked.into());
    }
    assert_eq!(answer(&guard, bearer("hp_x")).status(), 401);
    assert_eq!(world.asked(), 0);

    // One that was issued here and is forgotten gets the reason that it would get without them.
    let forgotten = issue(NewToken::jwt("amy"));
    world.store.revoke(forgotten.id).unwrap();
    let elsewhere = World::scoped();
    let text = forgotten.secret.expose();
    let reason = |guard: &Guard| why(&answer(guard, bearer(text)));
    let (with, without) = (elsewhere.guard().foreign(), elsewhere.guard());
    assert_eq!(reason(&with), reason(&without));

    // A foreign one is remembered: the extension is all that it allocates, and nobody counts it.
    let text = world.token("amy", "1", "");
    let uses = usage.take().len();
    let mut service = guard.layer(Handler(|request: Request<()>| {
        assert!(request.extensions().get::<Auth>().is_some());
        Response::new(String::new())
    }));
    let mut ask = |text: &str| {
        let request = bearer(text);
        let mut response = None;
        let (service, slot) = (&mut service, &mut response);
        let count = allocation_counter::measure(move || *slot = Some(now(service.call(request))));
        assert!(response.is_some_and(|Ok(response)| response.status() == 200));
        count.count_total
    };
    ask(&text);
    let fresh = issue(NewToken::new("amy"));
    ask(fresh.secret.expose());
    assert_eq!(ask(&text), ask(fresh.secret.expose()));
    assert_eq!((uses, usage.take().len()), (2, 1));
}
