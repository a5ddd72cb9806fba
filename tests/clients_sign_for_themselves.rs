//! Keys of service users (RFC 7523): the private part leaves once, the public one verifies until it
//! is revoked or its client is disabled.
#![cfg(feature = "jwt")]

mod hand_clock;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hallpass::jwt::{Algorithm, SigningKey, VerifyingKey};
use hallpass::{Error, Inactive, NewToken, Options, Oversize, Store};
use hand_clock::HandClock;

const START: u64 = 1_800_000_000;
const AUD: &str = "https://issuer.example/token";

fn open(path: &Path) -> (Store, HandClock) {
    let clock = HandClock(Arc::new(AtomicU64::new(START)));
    let store = Options::new().clock(clock.clone()).open(path).unwrap();
    (store, clock)
}

fn claims(client: &str) -> String {
    format!(
        r#"{{"iss":"{client}","sub":"{client}","aud":"{AUD}","exp":{}}}"#,
        START + 300
    )
}

fn sign(key: &SigningKey, payload: &str) -> String {
    key.sign_payload("JWT", payload.as_bytes()).unwrap()
}

fn verdict(store: &Store, text: &str) -> Option<Inactive> {
    let validator = store.validator();
    validator
        .validate_reusable_client_assertion(text, AUD)
        .err()
}

#[test]
fn a_client_is_who_it_says_until_its_key_is_revoked() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = open(dir.path());
        let made = store.generate_client_key("robot", algorithm).unwrap();
        let key = SigningKey::from_pem(made.pem.expose()).unwrap();
        assert_eq!(key.kid(), made.info.kid);
        let from_jwk = VerifyingKey::from_jwk(made.jwk.expose().as_bytes(), None).unwrap();
        assert_eq!(from_jwk.kid(), Some(key.kid()));
        assert!(!format!("{made:?}").contains(&made.jwk.expose()[made.jwk.expose().len() - 20..]));

        let text = sign(&key, &claims("robot"));
        let validator = store.validator();
        let proof = validator.validate_reusable_client_assertion(&text, AUD);
        let proof = proof.unwrap();
        assert_eq!(proof.client_id(), "robot");
        assert_eq!(proof.kid(), Some(&*made.info.kid));
        assert_eq!((proof.jti(), proof.expires_at()), (None, START + 300));
        // It is no token of the store.
        assert_eq!(validator.validate(&text).unwrap_err(), Inactive::UnknownKey);
        let listed = store.client_keys("robot").unwrap();
        assert_eq!((listed.len(), &listed[0]), (1, &made.info));
        assert!(store.signing_keys().unwrap().is_empty());
        assert_eq!(store.jwks().unwrap(), r#"{"keys":[]}"#);
        store.close().unwrap();

        let (store, _) = open(dir.path());
        assert_eq!(verdict(&store, &text), None);
        assert!(
            !store.retire_key(&made.info.kid).unwrap(),
            "not the store's own"
        );
        store.disable_client("robot").unwrap();
        assert_eq!(verdict(&store, &text), Some(Inactive::ClientDisabled));
        store.close().unwrap();
        let (store, _) = open(dir.path());
        assert_eq!(verdict(&store, &text), Some(Inactive::ClientDisabled));
        let refused = store.generate_client_key("robot", algorithm);
        assert!(matches!(refused, Err(Error::ClientDisabled)));
        store.enable_client("robot").unwrap();
        assert_eq!(verdict(&store, &text), None);

        assert!(store.revoke_client_key(&made.info.kid).unwrap());
        assert!(!store.revoke_client_key(&made.info.kid).unwrap());
        assert_eq!(verdict(&store, &text), Some(Inactive::UnknownKey));
        assert_eq!(store.verify().unwrap().keys, 0);
        store.close().unwrap();
        let (store, _) = open(dir.path());
        assert_eq!(verdict(&store, &text), Some(Inactive::UnknownKey));
    }
}

#[test]
fn an_assertion_says_who_for_whom_and_until_when() {
    let dir = tempfile::tempdir().unwrap();
    let (store, clock) = open(dir.path());
    let made = store.generate_client_key("a", Algorithm::EdDsa).unwrap();
    let key = SigningKey::from_pem(made.pem.expose()).unwrap();
    let good = claims("a");
    let check = |payload: &str, expected| {
        assert_eq!(verdict(&store, &sign(&key, payload)), expected, "{payload}");
    };
    check(&good, None);
    check(&claims("b"), Some(Inactive::Issuer));
    check(
        &good.replace(r#""sub":"a""#, r#""sub":"b""#),
        Some(Inactive::ClientMismatch),
    );
    check(
        &good.replace(r#""iss":"a","#, ""),
        Some(Inactive::FieldsMissing),
    );
    check(
        &good.replace(r#""sub":"a","#, ""),
        Some(Inactive::FieldsMissing),
    );
    check(&good.replace(AUD, "elsewhere"), Some(Inactive::Audience));
    check(
        &good.replace(&format!(r#""aud":"{AUD}","#), ""),
        Some(Inactive::FieldsMissing),
    );
    check(
        &good.replace("\"exp\"", "\"end\""),
        Some(Inactive::FieldsMissing),
    );

    // Frontier's clients name their key in the payload, too.
    let with_kid = |kid: &str| format!(r#"{{"kid":{kid},"#) + good.strip_prefix('{').unwrap();
    check(&with_kid(&format!("{:?}", made.info.kid)), None);
    for other in ["\"another\"", "\"\"", "null", "1"] {
        check(&with_kid(other), Some(Inactive::UnknownKey));
    }

    let as_access_token = key.sign_payload("at+jwt", good.as_bytes()).unwrap();
    assert_eq!(verdict(&store, &as_access_token), Some(Inactive::Kind));
    let stranger = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let unknown = Some(Inactive::UnknownKey);
    assert_eq!(verdict(&store, &sign(&stranger, &good)), unknown);
    let text = sign(&key, &good);
    let mut forged = text.clone();
    let at = text.find('.').unwrap() + 10;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    forged.replace_range(at..=at, other);
    assert!(verdict(&store, &forged).is_some());
    let too_large = Some(Inactive::TooLarge(Oversize::Field));
    assert_ne!(verdict(&store, &"a".repeat(8 * 1024)), too_large);
    for bytes in [8 * 1024 + 1, 16 * 1024] {
        assert_eq!(verdict(&store, &"a".repeat(bytes)), too_large);
    }

    // A token of the store is no assertion, nor does a client's key sign tokens.
    store.generate_signing_key(Algorithm::EdDsa).unwrap();
    let token = NewToken::jwt("a").expires_at(START + 9).audience(AUD);
    let token = store.issue(token).unwrap();
    assert_eq!(verdict(&store, token.secret.expose()), unknown);

    clock.0.store(START + 300, Ordering::Relaxed);
    assert_eq!(verdict(&store, &text), Some(Inactive::ExpiredSignature));
    let validator = store.validator();
    store.close().unwrap();
    let closed = validator.validate_client_assertion(&text, AUD);
    assert_eq!(closed.unwrap_err(), Inactive::Unavailable);
    let closed = validator.validate_reusable_client_assertion(&text, AUD);
    assert_eq!(closed.unwrap_err(), Inactive::Unavailable);
}

#[test]
fn a_client_may_bring_its_public_key_but_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let info = store
        .import_client_key("a", key.verifying_key().clone())
        .unwrap();
    assert_eq!(info.client_id.as_deref(), Some("a"));
    let again = store.import_client_key("b", key.verifying_key().clone());
    assert!(matches!(again, Err(Error::AlreadyExists)));
    assert_eq!(verdict(&store, &sign(&key, &claims("a"))), None);
    let secret = SigningKey::generate(Algorithm::Hs256).unwrap();
    let refused = store.import_client_key("a", secret.verifying_key().clone());
    assert!(matches!(refused, Err(Error::Key { .. })));
    let refused = store.generate_client_key("a", Algorithm::Hs256);
    assert!(matches!(refused, Err(Error::Key { .. })));
    let taken = store.import_signing_key(key);
    assert!(matches!(taken, Err(Error::AlreadyExists)));
}
