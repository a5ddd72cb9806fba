//! Promise: the token endpoint, introspection and revocation answer as RFC 6749, 7662 and 7009 have it,
//! and tell a client nothing of another's tokens.

mod endpoints;

use endpoints::{Served, basic};
use serde_json::json;

const GRANT: &str = "grant_type=client_credentials";

#[test]
fn a_client_gets_a_token_with_its_scopes_or_fewer() {
    let served = Served::plain();
    let (secret, by_basic) = served.client("c", &["read", "write"]);
    let answer = served.form("/oauth/token", &by_basic, GRANT);
    assert_eq!(answer.field("pragma"), "no-cache");
    let told = answer.json();
    assert_eq!(told["token_type"], "Bearer");
    assert_eq!(told["expires_in"], 3600);
    assert_eq!(told["scope"], "read write");
    let validator = served.store.validator();
    let token = answer.text("/access_token");
    let active = validator.validate(token).unwrap();
    assert_eq!(active.client_id(), "c");
    assert!(active.has_scope("read") && active.has_scope("write"));

    let body = format!("{GRANT}&client_id=c&client_secret={secret}&scope=read&unknown=passed+over");
    let fewer = served.form("/oauth/token", "", &body);
    assert_eq!(fewer.json()["scope"], "read");
    let active = validator.validate(fewer.text("/access_token"));
    assert!(!active.unwrap().has_scope("write"));

    for scope in ["admin", "read+admin", "read++write", "%22"] {
        let more = served.form("/oauth/token", &by_basic, &format!("{GRANT}&scope={scope}"));
        assert_eq!(
            (more.status, &more.json()["error"]),
            (400, &json!("invalid_scope"))
        );
    }
}

#[test]
fn both_spellings_of_basic_are_read() {
    let served = Served::plain();
    let (secret, plain) = served.client("s\u{f8}ster & co", &[]);
    assert_eq!(served.form("/oauth/token", &plain, GRANT).status, 200);
    let encoded = basic("s%C3%B8ster+%26+co", &secret);
    assert_eq!(served.form("/oauth/token", &encoded, GRANT).status, 200);
    let wrong = basic("s%C3%B8ster+%26+co", "hps_x");
    assert_eq!(served.form("/oauth/token", &wrong, GRANT).status, 401);
}

#[test]
fn who_is_not_proven_is_told_one_thing() {
    let served = Served::plain();
    let (secret, good) = served.client("c", &[]);
    let (revoked, by_revoked) = served.client("d", &[]);
    let id = served.store.id_of_pair("d", revoked).unwrap();
    served.store.revoke(id).unwrap();
    let unknown = served.form("/oauth/token", &basic("nobody", &secret), GRANT);
    assert_eq!(unknown.status, 401);
    assert_eq!(unknown.json()["error"], "invalid_client");
    assert!(
        unknown
            .field("www-authenticate")
            .starts_with("Basic realm=")
    );
    for (authorization, form) in [
        (by_revoked, GRANT.to_owned()),
        (basic("c", "hps_wrong"), GRANT.to_owned()),
        (
            String::new(),
            format!("{GRANT}&client_id=c&client_secret=wrong"),
        ),
        (String::new(), GRANT.to_owned()),
        (String::new(), format!("{GRANT}&client_id=c")),
    ] {
        let refused = served.form("/oauth/token", &authorization, &form);
        assert_eq!(
            (refused.status, &refused.body),
            (401, &unknown.body),
            "{form}"
        );
        assert_eq!(refused.headers, unknown.headers);
    }

    // Two proofs are one too many, even if both are good (RFC 6749 section 2.3).
    let both = format!("{GRANT}&client_id=c&client_secret={secret}");
    let both = served.form("/oauth/token", &good, &both);
    assert_eq!(
        (both.status, &both.json()["error"]),
        (400, &json!("invalid_request"))
    );
}

#[test]
fn other_grants_are_not_served() {
    let served = Served::plain();
    let (_, basic) = served.client("c", &[]);
    for grant in [
        "password",
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=a.b.c",
    ] {
        let refused = served.form("/oauth/token", &basic, &format!("grant_type={grant}"));
        assert_eq!(refused.status, 400);
        assert_eq!(refused.json()["error"], "unsupported_grant_type", "{grant}");
    }
    let missing = served.form("/oauth/token", &basic, "scope=read");
    assert_eq!(missing.json()["error_description"], "grant_type is missing");
}

#[test]
fn introspection_tells_of_what_is_active_and_says_no_in_one_word() {
    let served = Served::plain();
    let (_, owner) = served.client("c", &["read"]);
    let (_, other) = served.client("d", &[]);
    let (_, resource_server) = served.client("api", &["introspect"]);
    let token = served
        .form("/oauth/token", &owner, GRANT)
        .text("/access_token");
    let ask =
        |who: &str, token: &str| served.form("/oauth/introspect", who, &format!("token={token}"));
    for who in [&owner, &resource_server, &served.key] {
        let told = ask(who, &token).json();
        assert_eq!(told["active"], true);
        assert_eq!(told["client_id"], "c");
        assert_eq!(told["scope"], "read");
        assert_eq!(told["token_type"], "Bearer");
        assert_eq!(told["kind"], "token");
        let (iat, exp) = (told["iat"].as_u64().unwrap(), told["exp"].as_u64().unwrap());
        assert!((3599..=3601).contains(&(exp - iat)));
    }
    let inactive = |who: &str, token: &str| {
        let answer = ask(who, token);
        assert_eq!((answer.status, &*answer.body), (200, r#"{"active":false}"#));
    };
    inactive(&other, &token);
    for text in ["x", "a.b.c", "hp_0", "%00", &"a".repeat(20_000)] {
        inactive(&served.key, text);
    }
    served.store.revoke_text(&token).unwrap();
    inactive(&owner, &token);
    inactive(&served.key, &token);

    assert_eq!(ask("", &token).status, 401);
    let bearer = format!("Bearer {}", served.token("c"));
    assert_eq!(ask(&bearer, &token).status, 401);
    let none = served.form("/oauth/introspect", &owner, "");
    assert_eq!(none.json()["error_description"], "token is missing");
}

#[test]
fn revocation_answers_200_and_kills_only_ones_own() {
    let served = Served::plain();
    let (_, owner) = served.client("c", &[]);
    let (_, other) = served.client("d", &[]);
    let revoke =
        |who: &str, token: &str| served.form("/oauth/revoke", who, &format!("token={token}"));
    let validator = served.store.validator();
    let token = served.token("c");
    let not_ones_own = revoke(&other, &token);
    assert_eq!(not_ones_own.status, 400);
    assert_eq!(not_ones_own.json()["error"], "invalid_grant");
    assert!(validator.validate(&token).is_ok());
    for _ in 0..2 {
        let revoked = revoke(&owner, &token);
        assert_eq!((revoked.status, &*revoked.body), (200, ""));
        assert!(validator.validate(&token).is_err());
    }
    for unknown in [
        "x",
        "hp_02UQMcppmSXBGO31y6PLtD2CMgKHf8ggL5vb5AmPifQP111huQ5",
    ] {
        assert_eq!(revoke(&owner, unknown).status, 200);
    }
    let another = served.token("d");
    assert_eq!(revoke(&served.key, &another).status, 200);
    let id = served.store.id_of_text(&another).unwrap();
    let info = served.store.get(id).unwrap().unwrap();
    assert_eq!(info.revoked_reason.as_deref(), Some("revocation endpoint"));
    assert_eq!(revoke("", "x").status, 401);
}

#[test]
fn a_management_scope_is_asked_of_api_keys() {
    let served = Served::new(|_, endpoints| endpoints.manage_scope("manage"));
    let refused = served.form("/oauth/introspect", &served.key, "token=x");
    assert_eq!(refused.status, 403);
    assert!(
        refused
            .field("www-authenticate")
            .contains(r#"scope="manage""#)
    );
    let refused = served.manage("/revoke_client_tokens", &json!({"client_id": "c"}));
    assert_eq!(refused.status, 403);
    let new = hallpass::NewToken::api_key("acme").never_expires();
    let key = served.store.issue(new.scopes(["manage"])).unwrap();
    let key = format!("Bearer {}", key.secret.expose());
    assert_eq!(
        served.form("/oauth/introspect", &key, "token=x").status,
        200
    );
}
