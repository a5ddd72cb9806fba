//! Promise: the endpoints of Wispr Flow, Flipt, Frontier and Frappe take and answer what their clients
//! know, and what they hand out is read by the profile of the same name.

mod endpoints;

use endpoints::{JSON, Served, basic};
use hallpass::credential::{Profile, Request, Scratch};
use hallpass::{Inactive, Kind, NewToken};
use serde_json::json;

/// Whose the credential in `Authorization` is, by a profile.
fn who(served: &Served, profile: &Profile, authorization: &str) -> Result<String, Inactive> {
    let headers = [("Authorization", authorization)];
    let mut scratch = Scratch::new();
    let validator = served.store.validator();
    let active = validator.validate_request(profile, &Request::new(&headers), &mut scratch)?;
    Ok(active.client_id().to_owned())
}

#[test]
fn wispr_tokens_are_generated_and_revoked_one_and_all() {
    let served = Served::plain();
    let generate = |client: &str| {
        let body = json!({
            "client_id": client,
            "duration_secs": 3600,
            "metadata": {"user_name": "John Doe", "company": "Acme Corp"},
        });
        let answer = served.manage("/generate_access_token", &body);
        assert_eq!(answer.json()["expires_in"], 3600);
        answer.text("/access_token")
    };
    let (first, second, other) = (generate("client123"), generate("client123"), generate("d"));
    let validator = served.store.validator();
    let active = validator.validate(&first).unwrap();
    assert_eq!(
        (active.client_id(), active.kind()),
        ("client123", Kind::Token)
    );
    let info = served.store.get(active.token_id()).unwrap().unwrap();
    assert_eq!(info.metadata["company"], "Acme Corp");

    for _ in 0..2 {
        let revoked = served.manage("/revoke_token", &json!({"access_token": first}));
        assert_eq!(revoked.text("/status"), "success");
        assert_eq!(validator.validate(&first).unwrap_err(), Inactive::Revoked);
    }
    assert!(validator.validate(&second).is_ok());
    let revoked = served.manage("/revoke_client_tokens", &json!({"client_id": "client123"}));
    assert_eq!(
        revoked.text("/message"),
        "All tokens for client successfully revoked"
    );
    assert_eq!(validator.validate(&second).unwrap_err(), Inactive::Revoked);
    assert!(validator.validate(&other).is_ok());
    let unknown = served.manage("/revoke_client_tokens", &json!({"client_id": "nobody"}));
    assert_eq!(unknown.status, 200);
    let missing = served.ask("POST", "/revoke_token", &[("content-type", JSON)], "{}");
    assert_eq!(missing.json()["detail"], "Authorization header is missing");
}

#[test]
fn flipt_tokens_are_made_listed_told_of_and_deleted() {
    let served = Served::plain();
    let create = |name: &str| {
        let body = json!({"name": name, "description": "d", "expiresAt": "2026-12-31T00:00:00Z"});
        served.manage("/auth/v1/method/token", &body)
    };
    let made: Vec<_> = ["one", "two", "three"].into_iter().map(create).collect();
    let ids: Vec<_> = made
        .iter()
        .map(|made| made.text("/authentication/id"))
        .collect();
    let told = &made[0].json()["authentication"];
    assert_eq!(told["method"], "METHOD_TOKEN");
    assert_eq!(told["expiresAt"], "2026-12-31T00:00:00Z");
    assert_eq!(told["metadata"]["io.flipt.auth.token.name"], "one");
    let token = made[0].text("/clientToken");
    let bearer = format!("Bearer {token}");
    assert_eq!(who(&served, &Profile::flipt(), &bearer).unwrap(), "acme");

    let listed = |path: &str| {
        let page = served.get(path, &served.key).json();
        let tokens = page["authentications"].as_array().unwrap().clone();
        let ids: Vec<String> = tokens
            .iter()
            .map(|one| one["id"].as_str().unwrap().into())
            .collect();
        (ids, page["nextPageToken"].as_str().unwrap().to_owned())
    };
    assert_eq!(listed("/auth/v1/tokens"), (ids.clone(), String::new()));
    let (first, next) = listed("/auth/v1/tokens?limit=2");
    assert_eq!(first, ids[..2]);
    let (rest, end) = listed(&format!("/auth/v1/tokens?limit=2&pageToken={next}"));
    assert_eq!((&rest[..], &*end), (&ids[2..], ""));
    for bad in [
        "limit=0",
        "limit=101",
        "limit=x",
        "pageToken=x",
        "limit=1&limit=2",
        "more=1",
    ] {
        assert_eq!(
            served
                .get(&format!("/auth/v1/tokens?{bad}"), &served.key)
                .status,
            400,
            "{bad}"
        );
    }

    // Another organisation sees none of it.
    let rival = NewToken::api_key("rival").never_expires();
    let rival = format!(
        "Bearer {}",
        served.store.issue(rival).unwrap().secret.expose()
    );
    let one = format!("/auth/v1/tokens/{}", ids[0]);
    assert_eq!(served.get(&one, &served.key).text("/id"), ids[0]);
    assert_eq!(served.get(&one, &rival).status, 404);
    let delete = |who: &str| {
        served
            .ask("DELETE", &one, &[("authorization", who)], "")
            .status
    };
    assert_eq!(delete(&rival), 404);
    assert_eq!(served.get("/auth/v1/self", &bearer).text("/id"), ids[0]);
    assert_eq!(delete(&served.key), 200);
    assert_eq!(served.get("/auth/v1/self", &bearer).status, 401);
    assert_eq!(delete(&served.key), 404);
    assert_eq!(listed("/auth/v1/tokens").0, ids[1..]);
}

#[test]
fn a_flipt_token_can_end_itself_sooner_and_never_later() {
    let served = Served::plain();
    let body = json!({"name": "n", "expiresAt": "2026-12-31T00:00:00Z"});
    let made = served.manage("/auth/v1/method/token", &body);
    let bearer = format!("Bearer {}", made.text("/clientToken"));
    let expire = |body: &str| {
        let fields = [("authorization", &*bearer), ("content-type", JSON)];
        let fields = if body.is_empty() {
            &fields[..1]
        } else {
            &fields[..]
        };
        served.ask("PUT", "/auth/v1/self/expire", fields, body.to_owned())
    };
    let later = expire(r#"{"expiresAt":"2027-01-01T00:00:00Z"}"#);
    assert_eq!(later.status, 400);
    assert!(later.body.contains("sooner"));
    assert_eq!(expire(r#"{"expiresAt":"soon"}"#).status, 400);
    let sooner = expire(r#"{"expiresAt":"2026-12-30T00:00:00Z"}"#);
    assert_eq!(sooner.status, 200);
    let own = served.get("/auth/v1/self", &bearer);
    assert_eq!(own.text("/expiresAt"), "2026-12-30T00:00:00Z");
    let now = expire("");
    assert_eq!(now.status, 200);
    assert!(now.field("set-cookie").starts_with("flipt_client_token=;"));
    assert_eq!(served.get("/auth/v1/self", &bearer).status, 401);
}

#[test]
fn a_frontier_service_user_has_secrets_and_gets_access_tokens() {
    let served = Served::plain();
    let body = json!({"body": {"title": "Order Service"}, "org_id": "acme"});
    let user = served.manage("/v1beta1/serviceusers", &body);
    assert_eq!(user.text("/serviceuser/org_id"), "acme");
    let id = user.text("/serviceuser/id");
    let path = format!("/v1beta1/serviceusers/{id}/secrets");
    let made = served.manage(&path, &json!({"title": "first"}));
    let secret = made.text("/secret/secret");
    assert_eq!(made.text("/secret/id"), id);
    let pair = basic(&id, &secret);
    assert_eq!(who(&served, &Profile::frontier(), &pair).unwrap(), id);

    let granted = served.form(
        "/v1beta1/auth/token",
        &pair,
        "grant_type=client_credentials",
    );
    let token = granted.text("/access_token");
    assert_eq!(
        served
            .store
            .validator()
            .validate(token)
            .unwrap()
            .client_id(),
        id
    );

    let rival = json!({"body": {}, "org_id": "rival"});
    assert_eq!(served.manage("/v1beta1/serviceusers", &rival).status, 404);
    for other in ["rival.abcdefghijkl", "acme", "acme.", "acme.abc", "other"] {
        let path = format!("/v1beta1/serviceusers/{other}/secrets");
        assert_eq!(
            served.manage(&path, &json!({"title": ""})).status,
            404,
            "{other}"
        );
    }
}

#[test]
fn a_frappe_user_has_one_pair_and_a_new_secret_ends_the_old() {
    let served = Served::plain();
    let path = "/api/method/frappe.core.doctype.user.user.generate_keys";
    let pair = || {
        let made = served.manage(path, &json!({"user": "amy@example.com"}));
        (
            made.text("/message/api_key"),
            made.text("/message/api_secret"),
        )
    };
    let (key, first) = pair();
    let me =
        |authorization: &str| served.get("/api/method/frappe.auth.get_logged_user", authorization);
    for authorization in [format!("token {key}:{first}"), basic(&key, &first)] {
        assert_eq!(me(&authorization).text("/message"), "amy@example.com");
        let found = who(&served, &Profile::frappe(), &authorization);
        assert_eq!(found.unwrap(), "amy@example.com");
    }
    let (same, second) = pair();
    assert_eq!(key, same);
    assert_eq!(me(&format!("token {key}:{first}")).status, 401);
    assert_eq!(me(&format!("token {key}:{second}")).status, 200);
    assert_eq!(me("token x:y").status, 401);
    assert_eq!(
        served
            .ask("GET", "/api/method/frappe.auth.get_logged_user", &[], "")
            .status,
        403
    );
}

#[cfg(feature = "jwt")]
mod signed {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use hallpass::jwt::{Algorithm, KeySet, SigningKey, verify};
    use serde_json::Value;

    const TOKEN_URL: &str = "https://api.example/oauth/token";

    /// Ten seconds after the store was opened: nothing signed before is taken.
    const NOW: u64 = OPENED + 10;
    const OPENED: u64 = 1_800_000_000;

    struct ManualClock(Arc<AtomicU64>);

    impl hallpass::Clock for ManualClock {
        fn now_secs(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn served() -> Served {
        let dir = tempfile::tempdir().unwrap();
        let seconds = Arc::new(AtomicU64::new(OPENED));
        let clock = ManualClock(Arc::clone(&seconds));
        let store = hallpass::Options::new().clock(clock);
        let store = store.open(dir.path()).unwrap();
        seconds.store(NOW, Ordering::Relaxed);
        Served::of(store, Some(dir), |store, endpoints| {
            store.generate_signing_key(Algorithm::EdDsa).unwrap();
            endpoints.jwt().assertion_audience(TOKEN_URL)
        })
    }

    #[test]
    fn a_wispr_token_is_a_jwt_that_its_profile_and_the_public_keys_read() {
        let served = served();
        let body = json!({"client_id": "client123", "duration_secs": 60, "metadata": {"a": "b"}});
        let token = served
            .manage("/generate_access_token", &body)
            .text("/access_token");
        let bearer = format!("Bearer {token}");
        assert_eq!(
            who(&served, &Profile::wispr_client(), &bearer).unwrap(),
            "client123"
        );

        let keys = served.ask("GET", "/.well-known/jwks.json", &[], "");
        assert_eq!(keys.field("content-type"), "application/jwk-set+json");
        let keys = KeySet::from_jwks(keys.body.as_bytes(), None).unwrap();
        let expect = hallpass::jwt::Expect::new().typ("at+jwt");
        let verified = verify(token.as_bytes(), &keys, &expect, NOW).unwrap();
        assert_eq!(verified.client_id(), Some("client123"));
        assert_eq!(verified.extra()["metadata"], json!({"a": "b"}));
        assert_eq!(verified.extra()["token_id"], verified.jti().unwrap());

        served.manage("/revoke_token", &json!({"access_token": token}));
        assert_eq!(
            who(&served, &Profile::wispr_client(), &bearer),
            Err(Inactive::Revoked)
        );
    }

    #[test]
    fn a_service_users_key_signs_for_access_tokens_each_assertion_once() {
        let served = served();
        let user = served.manage("/v1beta1/serviceusers", &json!({"body": {}}));
        let id = user.text("/serviceuser/id");
        let path = format!("/v1beta1/serviceusers/{id}/keys");
        let made = served.manage(&path, &json!({"title": "laptop"}));
        let (kid, pem) = (made.text("/key/kid"), made.text("/key/private_key"));
        assert_eq!(made.text("/key/principal_id"), id);
        let public = served.get(&format!("{path}/{kid}"), &served.key).json();
        assert_eq!(public["keys"][0]["kid"], kid);
        assert_eq!(public["keys"][0].get("d"), None);
        let of = |kid: &str, who: &str| served.get(&format!("{path}/{kid}"), who).status;
        assert_eq!(of("x", &served.key), 404);
        assert_eq!(of(&kid, "Bearer x"), 401);

        let key = SigningKey::from_pem(&pem).unwrap();
        assert_eq!(key.kid(), kid);
        let sign = |claims: &Value| {
            let claims = claims.to_string();
            key.sign_payload("JWT", claims.as_bytes()).unwrap()
        };
        let mut number = 0;
        let mut claims = |audience: &str, lifetime: u64| {
            number += 1;
            json!({
                "iss": id, "sub": id, "aud": audience, "jti": number.to_string(),
                "iat": NOW, "exp": NOW + lifetime,
            })
        };
        let mut without = |name: &str| {
            let mut claims = claims(TOKEN_URL, 60);
            claims.as_object_mut().unwrap().remove(name);
            sign(&claims)
        };
        let nameless = [without("jti"), without("iat")];
        let mut from_before = claims(TOKEN_URL, 60);
        from_before["iat"] = OPENED.into();
        let from_before = sign(&from_before);
        let mut assertion = |audience: &str, lifetime: u64| sign(&claims(audience, lifetime));
        let grant = "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=";
        let by_grant = |text: &str| served.form("/oauth/token", "", &format!("{grant}{text}"));
        let good = assertion(TOKEN_URL, 60);
        let granted = by_grant(&good);
        let token = granted.text("/access_token");
        assert_eq!(
            served
                .store
                .validator()
                .validate(&token)
                .unwrap()
                .client_id(),
            id
        );
        let refused = |answer: endpoints::Answered, status: u16, error: &str| {
            assert_eq!(
                (answer.status, &answer.json()["error"]),
                (status, &Value::from(error))
            );
        };
        refused(by_grant(&good), 400, "invalid_grant");
        refused(
            by_grant(&assertion("https://elsewhere.example", 60)),
            400,
            "invalid_grant",
        );
        refused(by_grant(&assertion(TOKEN_URL, 7200)), 400, "invalid_grant");
        refused(by_grant("a.b.c"), 400, "invalid_grant");
        // What nobody could tell from one that was taken.
        for text in [&nameless[0], &nameless[1], &from_before] {
            refused(by_grant(text), 400, "invalid_grant");
        }
        // An access token is no assertion.
        refused(by_grant(&token), 400, "invalid_grant");

        let client = "grant_type=client_credentials&client_assertion_type=\
                      urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=";
        let by_client = |text: &str| served.form("/oauth/token", "", &format!("{client}{text}"));
        let proof = assertion(TOKEN_URL, 60);
        assert_eq!(by_client(&proof).status, 200);
        refused(by_client(&proof), 401, "invalid_client");
        refused(by_grant(&proof), 400, "invalid_grant");
        refused(by_client(&good), 401, "invalid_client");
        let proof = assertion(TOKEN_URL, 60);
        refused(
            by_client(&format!("{proof}&scope=read")),
            400,
            "invalid_scope",
        );

        served.store.revoke_client_key(&kid).unwrap();
        refused(by_grant(&assertion(TOKEN_URL, 60)), 400, "invalid_grant");
    }
}
