//! A browser can set no header field on a WebSocket. What it can do opens one: a query parameter as
//! Wispr Flow's clients send it, a ticket, the subprotocol, a cookie; each in its place only.

mod served;

use std::time::Duration;

use hallpass::credential::Profile;
use hallpass::web::{Form, Guard, Reason, Tickets};
use hallpass::{Inactive, NewToken, Store};
use http::{Request, Response};
use served::{answer, field, request, store};

const UPGRADE: (&str, &str) = ("upgrade", "websocket");

fn hour(store: &Store, new: NewToken) -> String {
    let token = store
        .issue(new.lifetime(Duration::from_secs(3600)))
        .unwrap();
    token.secret.expose().to_owned()
}

fn ws(uri: &str, fields: &[(&str, &str)]) -> Request<()> {
    let fields = [&[UPGRADE], fields].concat();
    request("GET", uri, &fields)
}

fn why(response: &Response<String>) -> Option<Reason> {
    response.extensions().get().copied()
}

#[test]
fn wisprs_client_key_opens_one_with_bearer_and_without() {
    let (_dir, store) = store();
    let text = hour(&store, NewToken::new("org").environment("test"));
    let prefix = text.split('_').next().unwrap();
    let profile = Profile::wispr().token_prefix(prefix).unwrap();
    let guard = Guard::new(store.validator(), profile).form(Form::Wispr);
    for uri in [
        format!("/client_ws?client_key=Bearer%20{text}"),
        format!("/client_ws?client_key={text}"),
        format!("/ws?api_key=Bearer%20{text}"),
        format!("/ws?a=b&client_key=Bearer+{text}"),
    ] {
        let response = answer(&guard, ws(&uri, &[]));
        assert_eq!(response.body(), "org by Some(Query)", "{uri}");
        // RFC 6750 section 2.3: not to be kept by shared caches.
        assert_eq!(field(&response, "cache-control"), ["private"]);
        // Over plain HTTP the parameter is not looked at.
        assert_eq!(answer(&guard, request("GET", &uri, &[])).status(), 401);
    }
    let refused = answer(&guard, ws("/client_ws?client_key=Bearer%20fl-x", &[]));
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.body(), r#"{"detail":"Invalid token format"}"#);
    let missing = answer(&guard, ws("/client_ws", &[]));
    assert_eq!(
        missing.body(),
        r#"{"detail":"Authorization header is missing"}"#
    );
    for odd in [
        "?client_key=",
        "?client_key=Bearer%20",
        "?client_key=%ff",
        "?client_key",
        "?%",
    ] {
        let response = answer(&guard, ws(&format!("/client_ws{odd}"), &[]));
        assert_eq!(response.status(), 401, "{odd}");
    }
}

#[cfg(feature = "jwt")]
#[test]
fn so_does_a_jwt_which_is_what_wisprs_clients_hold() {
    let (_dir, store) = store();
    store
        .generate_signing_key(hallpass::jwt::Algorithm::EdDsa)
        .unwrap();
    let jwt = hour(&store, NewToken::jwt("user1"));
    // Wispr's tokens carry `client_id` and `token_id`; ours have `jti`, so a profile of our own.
    let profile = Profile::strict()
        .query("client_key")
        .unwrap()
        .query_bare(true);
    let guard = Guard::new(store.validator(), profile);
    for uri in [
        format!("/?client_key=Bearer%20{jwt}"),
        format!("/?client_key={jwt}"),
    ] {
        assert_eq!(answer(&guard, ws(&uri, &[])).body(), "user1 by Some(Query)");
    }
}

#[test]
fn a_ticket_opens_its_path_and_nothing_but_a_websocket() {
    let (_dir, store) = store();
    let text = hour(&store, NewToken::new("amy").scopes(["chat"]));
    let validator = store.validator();
    let auth = validator.validate(&text).unwrap().to_auth();
    let tickets = Tickets::new();
    let profile = Profile::strict().cookie("sid").unwrap();
    let guard = Guard::new(store.validator(), profile).tickets(tickets.clone());
    let new = || tickets.issue(&auth, "/chat").unwrap();

    let ticket = new();
    let uri = format!("/chat?room=1&ticket={}", ticket.expose());
    assert_eq!(
        answer(&guard, request("GET", &uri, &[])).status(),
        401,
        "plain HTTP"
    );
    // The browser sends its cookie along, asked or not.
    let cookie = ("cookie", "sid=whatever");
    assert_eq!(
        answer(&guard, ws(&uri, &[cookie])).body(),
        "amy by Some(Query)"
    );
    assert_eq!(
        why(&answer(&guard, ws(&uri, &[]))),
        Some(Inactive::NotFound.into())
    );

    let elsewhere = format!("/admin?ticket={}", new().expose());
    assert_eq!(
        why(&answer(&guard, ws(&elsewhere, &[]))),
        Some(Inactive::Audience.into())
    );
    let twice = format!("/chat?ticket={}&ticket={}", new().expose(), new().expose());
    assert_eq!(
        why(&answer(&guard, ws(&twice, &[]))),
        Some(Inactive::Ambiguous.into())
    );
    let bearer = format!("Bearer {text}");
    let both = format!("/chat?ticket={}", new().expose());
    let response = answer(&guard, ws(&both, &[("authorization", &bearer)]));
    assert_eq!(why(&response), Some(Inactive::Ambiguous.into()));
    // A guard that asks for a scope asks it of tickets too.
    let scoped = format!("/chat?ticket={}", new().expose());
    assert_eq!(
        answer(&guard.clone().scope("admin"), ws(&scoped, &[])).status(),
        403
    );
    // So does one whose validator asks for an audience.
    let elsewhere = Guard::new(store.validator().for_audience("b"), Profile::strict());
    let elsewhere = elsewhere.tickets(tickets.clone());
    let uri = format!("/chat?ticket={}", new().expose());
    assert_eq!(
        why(&answer(&elsewhere, ws(&uri, &[]))),
        Some(Inactive::FieldsMissing.into())
    );
    // To a guard without tickets it is nothing.
    let plain = Guard::new(store.validator(), Profile::strict());
    let uri = format!("/chat?ticket={}", new().expose());
    assert_eq!(
        why(&answer(&plain, ws(&uri, &[]))),
        Some(Inactive::Missing.into())
    );
    // It is refused as any unknown token is.
    let unknown = answer(&guard, ws("/chat?ticket=hpt_x", &[]));
    let token = answer(&guard, ws("/chat", &[("authorization", "Bearer hp_x")]));
    assert_eq!(unknown.body(), token.body());
    assert_eq!(unknown.headers(), token.headers());
}

#[test]
fn the_subprotocol_is_echoed_as_it_was_written_and_never_the_token() {
    let (_dir, store) = store();
    let text = hour(&store, NewToken::new("amy"));
    let guard = Guard::new(store.validator(), Profile::strict().subprotocol(true));
    let protocol = "sec-websocket-protocol";
    for word in ["bearer", "Bearer", "BEARER"] {
        let offer = format!("{word}, {text}, chat");
        let response = answer(&guard, ws("/", &[(protocol, &offer)]));
        assert_eq!(response.body(), "amy by Some(Subprotocol)");
        assert_eq!(field(&response, protocol), [word]);
    }
    let split = [(protocol, "bearer"), (protocol, text.as_str())];
    assert_eq!(
        field(&answer(&guard, ws("/", &split)), protocol),
        ["bearer"]
    );
    // Nothing is echoed that was not a credential, and nothing to whom is refused.
    let refused = answer(&guard, ws("/", &[(protocol, "bearer, hp_x")]));
    assert_eq!(refused.status(), 401);
    assert!(field(&refused, protocol).is_empty());
    let bearer = format!("Bearer {text}");
    let by_header = [("authorization", bearer.as_str()), (protocol, "chat")];
    assert!(field(&answer(&guard, ws("/", &by_header)), protocol).is_empty());
    // Over plain HTTP the field means nothing.
    let offer = format!("bearer, {text}");
    assert_eq!(
        answer(&guard, request("GET", "/", &[(protocol, &offer)])).status(),
        401
    );
}
