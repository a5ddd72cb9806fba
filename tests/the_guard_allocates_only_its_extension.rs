//! On the accepted path the layer allocates the `Auth` among the request's extensions and nothing
//! else: as much as inserting any value of its size does.

mod served;

use std::time::Duration;

use hallpass::credential::Profile;
use hallpass::web::{Csrf, Guard, Tickets};
use hallpass::{Auth, NewToken};
use http::{Request, Response};
use served::{Handler, now, request, store};
use tower_layer::Layer;
use tower_service::Service;

fn allocations(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}

/// Answers without allocating.
fn empty(request: Request<()>) -> Response<String> {
    assert!(request.extensions().get::<Auth>().is_some());
    Response::new(String::new())
}

#[test]
fn an_accepted_request_costs_its_extension_and_no_more() {
    let (_dir, store) = store();
    let hour = Duration::from_secs(3600);
    let token = store
        .issue(NewToken::new("amy").lifetime(hour).scopes(["read"]))
        .unwrap();
    let pair = store
        .issue(NewToken::client_secret("amy").lifetime(hour))
        .unwrap();
    let text = token.secret.expose();
    let bearer = format!("Bearer {text}");
    let basic = {
        use base64::Engine as _;
        let pair_text = format!("{}:{}", pair.pair_id.unwrap(), pair.secret.expose());
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair_text);
        format!("Basic {encoded}")
    };
    let (cookie, protocol) = (format!("sid={text}"), format!("bearer, {text}"));
    let query = format!("/?key=Bearer%20{text}");
    let profile = Profile::strict()
        .cookie("sid")
        .and_then(|profile| profile.query("key"))
        .unwrap()
        .subprotocol(true);
    let guard = Guard::new(store.validator(), profile)
        .csrf(Csrf::new().trust_origin("https://app.example").unwrap())
        .tickets(Tickets::new());
    let auth = {
        let validator = store.validator();
        validator.validate(text).unwrap().to_auth()
    };

    let post = |fields: &[(&str, &str)]| request("POST", "/", fields);
    let upgrade = ("upgrade", "websocket");
    let requests = [
        post(&[("authorization", &bearer)]),
        post(&[("authorization", &basic)]),
        post(&[("cookie", &cookie), ("sec-fetch-site", "same-origin")]),
        post(&[("cookie", &cookie), ("origin", "https://app.example")]),
        request("GET", &query, &[upgrade]),
        request(
            "GET",
            "/",
            &[upgrade, ("sec-websocket-protocol", &protocol)],
        ),
        post(&[
            ("authorization", &bearer),
            ("content-type", "application/grpc"),
        ]),
    ];
    let mut service = guard.layer(Handler(empty));
    for sent in requests {
        let baseline = {
            let (mut sent, auth) = (request("GET", "/", &[]), auth.clone());
            allocations(move || drop(sent.extensions_mut().insert(auth)))
        };
        let shown = format!("{:?}", sent.headers().keys().collect::<Vec<_>>());
        // A thread's first look keeps a reference to the table.
        let again = {
            let mut again = Request::new(());
            *again.headers_mut() = sent.headers().clone();
            *again.uri_mut() = sent.uri().clone();
            *again.method_mut() = sent.method().clone();
            again
        };
        let Ok(first) = now(service.call(again));
        assert_eq!(first.status(), 200, "{shown}");
        drop(first);
        let mut response = None;
        let service = &mut service;
        let slot = &mut response;
        let count = allocations(move || *slot = Some(now(service.call(sent))));
        let Some(Ok(response)) = response else {
            unreachable!("the service answers");
        };
        assert_eq!(response.status(), 200, "{shown}");
        // Of the answer's own fields, the first that is added allocates the map for them.
        let fields = u64::from(!response.headers().is_empty()) * 3;
        assert!(count <= baseline + fields, "{shown}: {count} of {baseline}");
        if response.headers().is_empty() {
            assert_eq!(count, baseline, "{shown}");
        }
    }
}
