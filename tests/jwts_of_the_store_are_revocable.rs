//! Promises 1, 2 and 6 for JWTs issued here: whatever kills an opaque token kills them at once and
//! for good, and so does retiring the key that signed them.
#![cfg(feature = "jwt")]

mod hand_clock;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use hallpass::jwt::{Algorithm, Expect, KeySet, NewClaims, SigningKey, embedded_id, verify};
use hallpass::{
    Error, Inactive, Issued, KeyState, Kind, NewToken, Options, Revocation, Store, TokenStatus,
};
use hand_clock::HandClock;

const SIGNERS: [Algorithm; 3] = [Algorithm::Hs256, Algorithm::EdDsa, Algorithm::Es256];
const START: u64 = 1_800_000_000;

fn clock() -> HandClock {
    HandClock(Arc::new(AtomicU64::new(START)))
}

fn open(path: &Path, clock: &HandClock) -> Store {
    Options::new()
        .clock(clock.clone())
        .jwt_issuer("https://issuer.example")
        .jwt_audience("api")
        .open(path)
        .unwrap()
}

fn jwt(client: &str) -> NewToken {
    NewToken::jwt(client).lifetime(Duration::from_secs(3600))
}

fn issue(store: &Store, client: &str) -> Issued {
    store.issue(jwt(client)).unwrap()
}

fn verdict(store: &Store, text: &str) -> Option<Inactive> {
    store.validator().validate(text).err()
}

#[test]
fn what_is_issued_validates_and_says_what_was_asked_for() {
    for algorithm in SIGNERS {
        let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
        let store = open(dir.path(), &clock);
        assert!(matches!(store.issue(jwt("c")), Err(Error::NoSigningKey)));
        let key = store.generate_signing_key(algorithm).unwrap();
        let new = jwt("client \"1\"")
            .subject("søren")
            .not_before(START)
            .scopes(["write", "read"])
            .metadata("tier", "gold");
        let issued = store.issue(new).unwrap();
        let text = issued.secret.expose();
        assert_eq!(issued.expires_at, Some(START + 3600));
        assert_eq!(
            embedded_id(text.as_bytes()),
            Some(issued.id.to_text()),
            "the id stands where the fast path looks"
        );

        let validator = store.validator();
        let active = validator.validate(text).unwrap();
        assert_eq!(active.token_id(), issued.id);
        assert_eq!(active.client_id(), "client \"1\"");
        assert_eq!(active.kind(), Kind::Jwt);
        assert_eq!(active.scopes().collect::<Vec<_>>(), ["read", "write"]);
        assert_eq!(active.audiences().collect::<Vec<_>>(), ["api"]);
        assert_eq!(active.expires_at(), issued.expires_at);

        // Whoever has the key set can verify it, too.
        let expect = Expect::new()
            .typ("at+jwt")
            .issuer("https://issuer.example")
            .audience("api")
            .subject("søren")
            .client("client \"1\"");
        if algorithm != Algorithm::Hs256 {
            let jwks = store.jwks().unwrap();
            let keys = KeySet::from_jwks(jwks.as_bytes(), None).unwrap();
            let verified = verify(text.as_bytes(), &keys, &expect, START).unwrap();
            assert_eq!(verified.jti(), Some(&*issued.id.to_string()));
            assert_eq!(verified.kid(), Some(&*key.kid));
            assert_eq!(verified.expires_at(), issued.expires_at);
            assert_eq!(verified.not_before(), Some(START));
            assert_eq!(verified.issued_at(), Some(START));
            assert_eq!(verified.extra()["scope"], "read write");
            assert_eq!(verified.extra()["metadata"]["tier"], "gold");
        } else {
            assert_eq!(store.jwks().unwrap(), r#"{"keys":[]}"#);
        }
        let info = store.get(issued.id).unwrap().unwrap();
        assert_eq!(info.status, TokenStatus::Active);
        assert_eq!(info.audiences, ["api"]);
        assert_eq!(info.metadata["tier"], "gold");
        assert_eq!(store.verify().unwrap().keys, 1);
    }
}

#[test]
fn whatever_kills_a_token_kills_a_jwt_at_once_and_for_good() {
    for algorithm in SIGNERS {
        let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
        let store = open(dir.path(), &clock);
        store.generate_signing_key(algorithm).unwrap();
        let [a, b, c, d, e, f] = ["a", "b", "c", "d", "e", "f"].map(|client| {
            let issued = issue(&store, client);
            assert_eq!(verdict(&store, issued.secret.expose()), None);
            issued
        });
        let early = store.issue(jwt("f").not_before(START + 100)).unwrap();
        assert_eq!(store.revoke(a.id).unwrap(), Revocation::Revoked);
        let by_text = store.revoke_text(b.secret.expose()).unwrap();
        assert_eq!(by_text, Revocation::Revoked);
        assert!(store.revoke_all("c").unwrap());
        store.disable_client("d").unwrap();
        store.expire(e.id, START).unwrap();
        let expected = [
            (&a, Some(Inactive::Revoked)),
            (&b, Some(Inactive::Revoked)),
            (&c, Some(Inactive::Revoked)),
            (&d, Some(Inactive::ClientDisabled)),
            (&e, Some(Inactive::Expired)),
            (&f, None),
            (&early, Some(Inactive::NotYetValid)),
        ];
        let check = |store: &Store| {
            for (issued, expected) in &expected {
                assert_eq!(verdict(store, issued.secret.expose()), *expected);
            }
        };
        check(&store);
        store.close().unwrap();
        let store = open(dir.path(), &clock);
        check(&store);
        assert_eq!(verdict(&store, issue(&store, "c").secret.expose()), None);
        store.enable_client("d").unwrap();
        assert_eq!(verdict(&store, d.secret.expose()), None);

        clock.0.store(START + 3600, Ordering::Relaxed);
        let signed_end = Some(Inactive::ExpiredSignature);
        assert_eq!(verdict(&store, f.secret.expose()), signed_end);
        assert_eq!(verdict(&store, e.secret.expose()), Some(Inactive::Expired));
        assert_eq!(verdict(&store, a.secret.expose()), Some(Inactive::Revoked));
        clock.0.store(START, Ordering::Relaxed);
        assert_eq!(verdict(&store, f.secret.expose()), signed_end);

        store.revoke_everything().unwrap();
        assert_eq!(verdict(&store, f.secret.expose()), Some(Inactive::Revoked));
        store.verify().unwrap();
    }
}

#[test]
fn a_forgotten_jwt_is_refused_with_the_reason_that_its_own_check_gives() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = open(dir.path(), &clock);
    store.generate_signing_key(Algorithm::EdDsa).unwrap();
    let (revoked, short) = (issue(&store, "a"), issue(&store, "a"));
    store.revoke(revoked.id).unwrap();
    store.expire(short.id, START).unwrap();
    clock.0.store(START + 1800, Ordering::Relaxed);
    assert_eq!(store.purge(10).unwrap().purged, 2);
    for issued in [&revoked, &short] {
        let gone = verdict(&store, issued.secret.expose());
        assert_eq!(gone, Some(Inactive::NotFound));
    }
    clock.0.store(START + 3600, Ordering::Relaxed);
    let gone = verdict(&store, short.secret.expose());
    assert_eq!(gone, Some(Inactive::ExpiredSignature));
}

#[test]
fn every_tampered_text_gets_its_precise_reason() {
    for algorithm in SIGNERS {
        let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
        let store = open(dir.path(), &clock);
        let secret = [9; 32];
        let key = SigningKey::from_secret_bytes(algorithm, &secret).unwrap();
        store.import_signing_key(key).unwrap();
        let issued = issue(&store, "a");
        let text = issued.secret.expose();
        let parts: Vec<&str> = text.split('.').collect();
        let [header, payload, signature] = parts[..] else {
            panic!("a JWT has three parts");
        };
        let check = |text: String, expected| {
            assert_eq!(verdict(&store, &text), Some(expected), "{text}");
        };
        // Every character of every part, changed: never active, and told apart.
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let no = store.validator().validate(&changed).unwrap_err();
            let expected: &[Inactive] = if at <= header.len() {
                &[
                    Inactive::Format,
                    Inactive::Algorithm,
                    Inactive::UnknownKey,
                    Inactive::Signature,
                ]
            } else {
                &[Inactive::Format, Inactive::Signature]
            };
            assert!(expected.contains(&no), "{at}: {no:?}");
        }
        check(format!("{header}.{payload}"), Inactive::Format);
        check(format!("{text}."), Inactive::Format);
        check(format!("{header}.{payload}."), Inactive::Signature);
        check(format!("{text}="), Inactive::Format);
        check(format!(" {text}"), Inactive::Format);
        let other = issue(&store, "b");
        let other = other.secret.expose().split('.').nth(1).unwrap().to_owned();
        check(format!("{header}.{other}.{signature}"), Inactive::Signature);

        // Signed by the same key, but never issued.
        let key = || SigningKey::from_secret_bytes(algorithm, &secret).unwrap();
        let id = "0123456789A".parse().unwrap();
        let iss = "https://issuer.example";
        let good = NewClaims::new(id, "a", START, START + 9).issuer(iss);
        check(key().sign(&good).unwrap(), Inactive::NotFound);
        let ended = NewClaims::new(id, "a", START - 9, START).issuer(iss);
        check(key().sign(&ended).unwrap(), Inactive::ExpiredSignature);
        let early = good.clone().not_before(START + 5);
        check(key().sign(&early).unwrap(), Inactive::NotYetValid);
        let elsewhere = NewClaims::new(id, "a", START, START + 9).issuer("i");
        check(key().sign(&elsewhere).unwrap(), Inactive::Issuer);
        let nobody = NewClaims::new(id, "a", START, START + 9);
        check(key().sign(&nobody).unwrap(), Inactive::FieldsMissing);
        let typed = |typ, payload: &str| key().sign_payload(typ, payload.as_bytes()).unwrap();
        check(typed("JWT", "{}"), Inactive::Algorithm);
        check(typed("at+jwt", "{}"), Inactive::FieldsMissing);
        check(typed("at+jwt", "[]"), Inactive::Format);
        let stranger = SigningKey::generate(algorithm).unwrap();
        check(stranger.sign(&good).unwrap(), Inactive::UnknownKey);

        let for_b = store.validator().for_audience("b");
        assert_eq!(for_b.validate(text).unwrap_err(), Inactive::Audience);
        let genuine = key().sign(&good.clone().audience("api")).unwrap();
        assert_eq!(for_b.validate(genuine).unwrap_err(), Inactive::Audience);
        let genuine = key().sign(&good).unwrap();
        let no = for_b.validate(genuine).unwrap_err();
        assert_eq!(no, Inactive::FieldsMissing);
        let for_api = store.validator().for_audience("api");
        let active = for_api.validate(text).unwrap();
        let mismatch = active.expect_client("b").unwrap_err();
        assert_eq!(mismatch, Inactive::ClientMismatch);
    }
}

#[test]
fn what_a_retired_key_signed_is_dead_at_once_and_after_reopening() {
    for algorithm in SIGNERS {
        let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
        let store = open(dir.path(), &clock);
        let old = store.generate_signing_key(algorithm).unwrap();
        let (dead, scoped) = (issue(&store, "a"), store.issue(jwt("a").scopes(["x"])));
        let scoped = scoped.unwrap();
        let new = store.rotate_signing_key(algorithm).unwrap();
        let lives = issue(&store, "a");
        let opaque = NewToken::new("a").never_expires();
        let opaque = store.issue(opaque).unwrap();
        for issued in [&dead, &scoped, &lives, &opaque] {
            assert_eq!(verdict(&store, issued.secret.expose()), None);
        }
        assert!(store.retire_key(&old.kid).unwrap());
        assert!(store.retire_key(&old.kid).unwrap(), "it is idempotent");
        assert!(!store.retire_key("nobody's").unwrap());

        let check = |store: &Store| {
            for issued in [&dead, &scoped] {
                let no = verdict(store, issued.secret.expose());
                assert_eq!(no, Some(Inactive::Revoked));
                let info = store.get(issued.id).unwrap().unwrap();
                assert_eq!(info.status, TokenStatus::Revoked);
            }
            for issued in [&lives, &opaque] {
                assert_eq!(verdict(store, issued.secret.expose()), None);
            }
            let keys = store.signing_keys().unwrap();
            assert_eq!((&keys[0].kid, keys[0].state), (&old.kid, KeyState::Retired));
            assert_eq!((&keys[1].kid, keys[1].state), (&new.kid, KeyState::Signing));
            assert!(keys[0].retired_at.is_some_and(|at| at >= START));
            assert!(!store.jwks().unwrap().contains(&old.kid));
            store.verify().unwrap();
        };
        check(&store);
        store.close().unwrap();
        let store = open(dir.path(), &clock);
        check(&store);
        // Disabling and enabling the client does not bring them back.
        store.disable_client("a").unwrap();
        store.enable_client("a").unwrap();
        check(&store);

        store.retire_key(&new.kid).unwrap();
        assert!(matches!(store.issue(jwt("a")), Err(Error::NoSigningKey)));
        // The dead are forgotten like other revoked tokens; then only their key is unknown.
        assert_eq!(store.purge(10).unwrap().purged, 0);
        clock.0.store(START + 1900, Ordering::Relaxed);
        assert_eq!(store.purge(10).unwrap().purged, 3);
        let no = verdict(&store, dead.secret.expose());
        assert_eq!(no, Some(Inactive::UnknownKey));
    }
}

#[test]
fn after_a_rotation_old_tokens_are_taken_and_new_ones_name_the_new_key() {
    for algorithm in SIGNERS {
        let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
        let store = open(dir.path(), &clock);
        let other = if algorithm == Algorithm::EdDsa {
            Algorithm::Hs256
        } else {
            Algorithm::EdDsa
        };
        store.generate_signing_key(other).unwrap();
        let old = store.generate_signing_key(algorithm).unwrap();
        let before = issue(&store, "a");
        let new = store.rotate_signing_key(algorithm).unwrap();
        let after = issue(&store, "a");
        let check = |store: &Store| {
            for issued in [&before, &after] {
                assert_eq!(verdict(store, issued.secret.expose()), None);
            }
            // A genuine text that was never issued shows that the old key still verifies.
            let keys = store.signing_keys().unwrap();
            let state = |kid: &str| keys.iter().find(|key| key.kid == kid).unwrap().state;
            assert_eq!(state(&old.kid), KeyState::Verifying);
            assert_eq!(state(&new.kid), KeyState::Signing);
            assert_eq!(keys[0].state, KeyState::Signing, "of another algorithm");
            let jwks = store.jwks().unwrap();
            let is_public = algorithm != Algorithm::Hs256;
            assert_eq!(jwks.contains(&old.kid), is_public);
            assert_eq!(jwks.contains(&new.kid), is_public);
            assert!(!jwks.contains("\"d\"") && !jwks.contains("\"k\""));
        };
        check(&store);
        store.close().unwrap();
        let store = open(dir.path(), &clock);
        check(&store);
        let newest = issue(&store, "a");
        let header = |issued: &Issued| issued.secret.expose().split('.').next().unwrap().to_owned();
        assert_eq!(header(&newest), header(&after));
        assert_ne!(header(&newest), header(&before));
        let chosen = store.issue(jwt("a").algorithm(other)).unwrap();
        assert_ne!(header(&chosen), header(&after));
        store.revoke(before.id).unwrap();
        let no = verdict(&store, before.secret.expose());
        assert_eq!(no, Some(Inactive::Revoked));
    }
}

#[test]
fn retiring_while_others_validate_and_issue_lets_none_live_afterwards() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = open(dir.path(), &clock);
    for _ in 0..5 {
        let key = store.generate_signing_key(Algorithm::Hs256).unwrap();
        let first = issue(&store, "a");
        let retired = AtomicBool::new(false);
        thread::scope(|scope| {
            for client in ["a", "b"] {
                let (store, retired) = (&store, &retired);
                scope.spawn(move || {
                    let validator = store.validator();
                    loop {
                        let was_retired = retired.load(Ordering::SeqCst);
                        match store.issue(jwt(client)) {
                            Ok(issued) => {
                                let active = validator.validate(issued.secret.expose());
                                assert!(!was_retired && active.is_ok() || active.is_err());
                            }
                            Err(error) => {
                                assert!(matches!(error, Error::NoSigningKey), "{error}");
                                return;
                            }
                        }
                    }
                });
            }
            let (store, retired, text) = (&store, &retired, first.secret.expose());
            scope.spawn(move || {
                let validator = store.validator();
                loop {
                    let was_retired = retired.load(Ordering::SeqCst);
                    let verdict = validator.validate(text);
                    if was_retired {
                        assert_eq!(verdict.unwrap_err(), Inactive::Revoked);
                        return;
                    }
                }
            });
            thread::sleep(Duration::from_millis(20));
            store.retire_key(&key.kid).unwrap();
            retired.store(true, Ordering::SeqCst);
        });
        for client in ["a", "b"] {
            for info in store.list(client, None, 1000).unwrap().tokens {
                assert_eq!(info.status, TokenStatus::Revoked);
            }
        }
    }
    store.close().unwrap();
    let store = open(dir.path(), &clock);
    for info in store.list("b", None, 1000).unwrap().tokens {
        assert_eq!(info.status, TokenStatus::Revoked);
    }
}

#[test]
fn what_a_jwt_cannot_be_is_refused_at_issue() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = open(dir.path(), &clock);
    store.generate_signing_key(Algorithm::Hs256).unwrap();
    let invalid = [
        NewToken::jwt("c").never_expires(),
        NewToken::jwt("c"),
        jwt("c").environment("test"),
        jwt("c").pair_id("p"),
        jwt("c").audience(""),
        NewToken::new("c").never_expires().subject("s"),
        NewToken::new("c")
            .never_expires()
            .algorithm(Algorithm::EdDsa),
    ];
    for new in invalid {
        let refused = store.issue(new.clone());
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{new:?}");
    }
    let too_long = jwt("c").metadata("k", "\"".repeat(4000));
    assert!(matches!(store.issue(too_long), Err(Error::Key { .. })));
    let several = (0..17).fold(jwt("c"), |new, n| new.audience(n.to_string()));
    assert!(matches!(store.issue(several), Err(Error::Limit { .. })));
    let chosen = store.issue_chosen(jwt("c"), "gt6P_zIqTnCngfHDCpWb48ob5EBt3PqunUhpofNCNnc=");
    assert!(matches!(chosen, Err(Error::Invalid { .. })));
    let none_of_it = jwt("c").algorithm(Algorithm::EdDsa);
    assert!(matches!(store.issue(none_of_it), Err(Error::NoSigningKey)));
    assert!(store.generate_signing_key(Algorithm::Rs256).is_err());
    assert_eq!(store.stats().unwrap().tokens, 0);

    let mut issued = Vec::new();
    let many = (0..300).map(|_| jwt("c"));
    store.issue_many(many, |token| issued.push(token)).unwrap();
    for token in &issued {
        assert_eq!(verdict(&store, token.secret.expose()), None);
    }
}

#[test]
fn a_chosen_secret_that_looks_like_a_jwt_of_ours_is_one_secret() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = open(dir.path(), &clock);
    store.generate_signing_key(Algorithm::Hs256).unwrap();
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let id = "0123456789A".parse().unwrap();
    let text = key
        .sign(&NewClaims::new(id, "c", START, START + 9))
        .unwrap();
    let chosen = NewToken::new("c").never_expires();
    let id = store.issue_chosen(chosen.clone(), &text).unwrap();
    let again = store.issue_chosen(chosen.clone(), &text);
    assert!(matches!(again, Err(Error::AlreadyExists)));
    let check = |store: &Store| {
        let validator = store.validator();
        assert_eq!(validator.validate(&text).unwrap().token_id(), id);
        assert_eq!(store.id_of_text(&text), Some(id));
    };
    check(&store);
    // A text that is here as a JWT cannot be taken for a secret as well.
    let issued = issue(&store, "c");
    let taken = store.issue_chosen(chosen, issued.secret.expose());
    assert!(matches!(taken, Err(Error::AlreadyExists)));
    store.close().unwrap();
    let store = open(dir.path(), &clock);
    check(&store);
    store.revoke(id).unwrap();
    assert_eq!(verdict(&store, &text), Some(Inactive::Revoked));
}
