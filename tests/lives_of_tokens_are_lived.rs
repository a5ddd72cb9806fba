//! The life cycles of the five systems, step by step, on a real store; each deliberate difference
//! stands beside its case with its reason.

mod hand_clock;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hallpass::{Error, Inactive, NewToken, Options, Oversize, Revocation, Store};
use hand_clock::HandClock;

const NOW: u64 = 1_800_000_000;

/// Cases that are lived below.
const LIVED: &[&str] = &[
    "life-flipt-1",
    "life-flipt-3",
    "life-flipt-4",
    "life-flipt-6",
    "life-flipt-9",
    "life-fro-1",
    "life-fro-2",
    "life-fro-4",
    "life-fro-7",
    "life-frp-1",
    "life-frp-2",
    "life-frp-3",
    "life-wis-2",
];

/// Cases that are not a store's business, and whose it is.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "life-flipt-5",
        "there is no delete by predicate: revoking takes an id, a client, or everything by its own name",
    ),
    (
        "life-flipt-10",
        "clearing cookies is the business of whoever answers HTTP",
    ),
    (
        "life-fro-3",
        "exchanging assertions for tokens is an endpoint's business",
    ),
    (
        "life-fro-8",
        "which credentials an endpoint takes is the endpoint's business; it has `Active::kind`",
    ),
    ("life-frp-6", "introspection is an endpoint's business"),
];

fn store() -> (tempfile::TempDir, Store, HandClock) {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock(Arc::new(AtomicU64::new(NOW)));
    let store = Options::new()
        .clock(clock.clone())
        .open(dir.path())
        .unwrap();
    (dir, store, clock)
}

fn case_ids(file: &str) -> Vec<String> {
    let cases: Vec<serde_json::Value> = serde_json::from_str(file).unwrap();
    cases
        .iter()
        .map(|case| case["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_case_is_lived_or_belongs_elsewhere() {
    for id in case_ids(include_str!("cases/lifecycle_cases.json")) {
        let lived = LIVED.contains(&&*id);
        let elsewhere = ELSEWHERE.iter().any(|(case, _)| *case == id);
        assert!(lived != elsewhere, "{id}");
    }
}

/// life-flipt-1. Difference: a deleted token is "revoked", with the reason kept, until it is purged;
/// Flipt forgets it at once.
#[test]
fn a_deleted_token_is_refused() {
    let (_dir, store, clock) = store();
    let new = NewToken::new("c")
        .never_expires()
        .metadata("io.flipt.auth.token.name", "n");
    let issued = store.issue(new).unwrap();
    let validator = store.validator();
    assert!(validator.validate(issued.secret.expose()).is_ok());
    assert_eq!(store.revoke(issued.id).unwrap(), Revocation::Revoked);
    assert_eq!(
        validator.validate(issued.secret.expose()).unwrap_err(),
        Inactive::Revoked
    );
    clock.0.fetch_add(3600, Ordering::Relaxed);
    assert_eq!(store.purge(10).unwrap().purged, 1);
    assert_eq!(
        validator.validate(issued.secret.expose()).unwrap_err(),
        Inactive::NotFound
    );
}

/// life-flipt-3. Difference: a token cannot prolong itself; a later expiry is not taken.
#[test]
fn expire_only_shortens() {
    let (_dir, store, clock) = store();
    let issued = store
        .issue(NewToken::new("c").lifetime(Duration::from_secs(60)))
        .unwrap();
    assert_eq!(
        store.expire(issued.id, NOW + 86_400).unwrap(),
        Some(NOW + 60)
    );
    clock.0.fetch_add(120, Ordering::Relaxed);
    let refused = store
        .validator()
        .validate(issued.secret.expose())
        .unwrap_err();
    assert_eq!(refused, Inactive::Expired);
}

/// life-flipt-4. Difference: there is no cache that could outlive a deletion.
#[test]
fn nothing_outlives_a_deletion() {
    let (_dir, store, _clock) = store();
    let issued = store.issue(NewToken::new("c").never_expires()).unwrap();
    let validator = store.validator();
    for _ in 0..1000 {
        assert!(validator.validate(issued.secret.expose()).is_ok());
    }
    store.revoke(issued.id).unwrap();
    assert!(validator.validate(issued.secret.expose()).is_err());
}

/// life-flipt-6 and life-fro-7. Differences: a weak bootstrap token is refused; the same one twice
/// is told, so that a server can go on at its next start.
#[test]
fn a_bootstrap_token_is_taken_once_if_it_is_strong() {
    let (_dir, store, _clock) = store();
    let new = || NewToken::new("bootstrap").never_expires();
    let weak = store.issue_chosen(new(), "this-is-a-token");
    assert!(matches!(weak, Err(Error::WeakSecret { .. })));
    let secret = "gt6P_zIqTnCngfHDCpWb48ob5EBt3PqunUhpofNCNnc=";
    store.issue_chosen(new(), secret).unwrap();
    assert!(matches!(
        store.issue_chosen(new(), secret),
        Err(Error::AlreadyExists)
    ));
    assert!(store.validator().validate(secret).is_ok());
    let (id, pair_secret) = (
        "5f9c1c1e-7a0b-4c39-8a39-1f0a3c9b6d11",
        "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8",
    );
    let pair = NewToken::client_secret("bootstrap")
        .pair_id(id)
        .never_expires();
    store.issue_chosen(pair, pair_secret).unwrap();
    assert!(store.validator().validate_pair(id, pair_secret).is_ok());
    assert!(
        store.validator().validate(pair_secret).is_err(),
        "a pair's secret is no token"
    );
    let again = NewToken::client_secret("bootstrap").pair_id(id);
    let again = store.issue_chosen(again.never_expires(), pair_secret);
    assert!(matches!(again, Err(Error::AlreadyExists)));
    assert_eq!(store.stats().unwrap().tokens, 2);
}

/// Whoever moves from one store to another takes the texts along, though their ids are the other store's.
#[test]
fn a_token_of_another_store_may_be_chosen() {
    let (_other_dir, other, _clock) = store();
    let (_dir, store, _clock) = store();
    let text = other
        .issue(NewToken::new("c").never_expires())
        .unwrap()
        .secret;
    let validator = store.validator();
    assert_eq!(
        validator.validate(text.expose()).err(),
        Some(Inactive::NotFound)
    );
    let id = store
        .issue_chosen(NewToken::new("c").never_expires(), text.expose())
        .unwrap();
    assert_eq!(validator.validate(text.expose()).unwrap().token_id(), id);
    store.revoke(id).unwrap();
    assert_eq!(
        validator.validate(text.expose()).err(),
        Some(Inactive::Revoked)
    );
}

#[test]
fn what_a_client_shows_is_found_dead_or_alive() {
    let (_dir, store, _clock) = store();
    let text = store.issue(NewToken::new("c").never_expires()).unwrap();
    let pair = NewToken::client_secret("c").pair_id("key-1");
    let pair = store.issue(pair.never_expires()).unwrap();
    let chosen_secret = "gt6P_zIqTnCngfHDCpWb48ob5EBt3PqunUhpofNCNnc=";
    let chosen = NewToken::client_secret("c").pair_id("key-2");
    let chosen = store
        .issue_chosen(chosen.never_expires(), chosen_secret)
        .unwrap();
    let secret = pair.secret.expose();
    for _ in 0..2 {
        assert_eq!(store.id_of_text(text.secret.expose()), Some(text.id));
        assert_eq!(store.id_of_pair("key-1", secret), Some(pair.id));
        assert_eq!(store.id_of_pair("key-2", chosen_secret), Some(chosen));
        store.revoke_everything().unwrap();
    }
    assert_eq!(store.id_of_pair("key-2", secret), None);
    assert_eq!(store.id_of_pair("key-1", chosen_secret), None);
    assert_eq!(store.id_of_text(secret), None);
    assert_eq!(store.id_of_text(chosen_secret), None);
}

/// life-flipt-9: neither an error of the index nor a silent replacement.
#[test]
fn the_same_secret_twice_is_told() {
    let (_dir, store, _clock) = store();
    let secret = "P8zX9EiXndC4qwbBXkya36gK89NbEgAb3_0XesUDLyw=";
    store
        .issue_chosen(NewToken::new("a").never_expires(), secret)
        .unwrap();
    let again = store.issue_chosen(NewToken::new("b").never_expires(), secret);
    assert!(matches!(again, Err(Error::AlreadyExists)));
    assert_eq!(store.validator().validate(secret).unwrap().client_id(), "a");
    let generated = store.issue(NewToken::new("a").never_expires()).unwrap();
    let again = store.issue_chosen(
        NewToken::new("b").never_expires(),
        generated.secret.expose(),
    );
    assert!(matches!(again, Err(Error::AlreadyExists)));

    // Also by many threads at once; and one that was refused is not there.
    let secret = "U2Vjb25kIHNlY3JldCBvZiBtYW55IHRocmVhZHMgYXQgb25jZQ";
    let new = || NewToken::new("c").never_expires();
    store.disable_client("c").unwrap();
    let refused = store.issue_chosen(new(), secret);
    assert!(matches!(refused, Err(Error::ClientDisabled)));
    store.enable_client("c").unwrap();
    let together = std::sync::Barrier::new(8);
    let issued: Vec<_> = std::thread::scope(|scope| {
        let issue = || {
            together.wait();
            store.issue_chosen(new(), secret)
        };
        let threads = [(); 8].map(|()| scope.spawn(issue));
        threads.map(|thread| thread.join().unwrap()).into()
    });
    assert_eq!(issued.iter().filter(|one| one.is_ok()).count(), 1);
    let told = |one: &Result<_, _>| matches!(one, Err(Error::AlreadyExists));
    assert_eq!(issued.iter().filter(|one| told(one)).count(), 7);
}

/// life-fro-1, life-fro-2, life-frp-1, life-frp-2. Differences: two secrets live side by side until
/// the old one is revoked, so that rotation has an overlap; a disabled client stops every credential.
#[test]
fn client_secrets_rotate_with_overlap_and_die_with_their_client() {
    let (_dir, store, _clock) = store();
    let new = || NewToken::client_secret("service-1").never_expires();
    let (old, next) = (store.issue(new()).unwrap(), store.issue(new()).unwrap());
    let validator = store.validator();
    let is_ok = |secret: &str| validator.validate_pair("service-1", secret).is_ok();
    assert!(is_ok(old.secret.expose()) && is_ok(next.secret.expose()));
    store.revoke(old.id).unwrap();
    assert!(!is_ok(old.secret.expose()) && is_ok(next.secret.expose()));
    store.disable_client("service-1").unwrap();
    assert!(!is_ok(next.secret.expose()));
    assert!(matches!(store.issue(new()), Err(Error::ClientDisabled)));
    store.enable_client("service-1").unwrap();
    assert!(is_ok(next.secret.expose()));
    store.revoke_all("service-1").unwrap();
    assert!(!is_ok(next.secret.expose()));
    store.close().unwrap();
    let closed = validator.validate_pair("service-1", next.secret.expose());
    assert_eq!(closed.unwrap_err(), Inactive::Unavailable);
    assert_eq!(format!("{validator:?}"), "Validator");
}

/// life-fro-4. Difference: a limit on tokens per client is the store's, and validation writes nothing.
#[test]
fn a_client_has_as_many_tokens_as_it_may() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock(Arc::new(AtomicU64::new(NOW)));
    let store = Options::new()
        .tokens_per_client_max(50)
        .clock(clock.clone())
        .open(dir.path())
        .unwrap();
    let new = || NewToken::new("user").lifetime(Duration::from_secs(2160 * 3600));
    let issued: Vec<_> = (0..50).map(|_| store.issue(new()).unwrap()).collect();
    let over = store.issue(new());
    assert!(matches!(
        over,
        Err(Error::Limit {
            limit: "tokens_per_client_max",
            max: 50,
            ..
        })
    ));
    // What was begun of a group that is given up takes no room.
    let another = || NewToken::new("another").never_expires();
    let too_many = store.issue_many((0..51).map(|_| another()), |_| {});
    assert!(matches!(too_many, Err(Error::Limit { .. })));
    assert_eq!(store.stats().unwrap().tokens, 50);
    let all = store.issue_many((0..50).map(|_| another()), |_| {});
    assert_eq!(all.unwrap(), 50);
    let generation = store.generation();
    assert!(
        store
            .validator()
            .validate(issued[0].secret.expose())
            .is_ok()
    );
    assert_eq!(store.generation(), generation);

    // What is purged makes room; a client of whom all is purged is unknown.
    assert!(store.revoke_all("another").unwrap());
    clock.0.fetch_add(3601, Ordering::Relaxed);
    assert_eq!(store.purge(100).unwrap().purged, 50);
    assert_eq!(store.stats().unwrap().tokens, 50);
    assert_eq!(store.client("another").unwrap(), None);
    assert!(!store.revoke_all("another").unwrap());
    let all = store.issue_many((0..50).map(|_| another()), |_| {});
    assert_eq!(all.unwrap(), 50);
    assert_eq!(store.client("another").unwrap().unwrap().tokens, 50);
}

/// life-frp-3: revoking is idempotent, and an unknown token is as dead as a revoked one.
#[test]
fn revoking_twice_or_nothing_is_no_failure() {
    let (_dir, store, _clock) = store();
    let issued = store.issue(NewToken::new("c").never_expires()).unwrap();
    let text = issued.secret.expose();
    assert_eq!(store.revoke_text(text).unwrap(), Revocation::Revoked);
    assert_eq!(store.revoke_text(text).unwrap(), Revocation::AlreadyRevoked);
    assert_eq!(
        store.revoke_text("no such token").unwrap(),
        Revocation::Unknown
    );
}

/// life-wis-2.
#[test]
fn all_of_a_client_die_and_new_ones_live() {
    let (_dir, store, _clock) = store();
    let new = || NewToken::new("client123").lifetime(Duration::from_secs(60));
    let before = [store.issue(new()).unwrap(), store.issue(new()).unwrap()];
    let other = store
        .issue(NewToken::new("client124").never_expires())
        .unwrap();
    assert!(store.revoke_all("client123").unwrap());
    let validator = store.validator();
    for token in &before {
        assert_eq!(
            validator.validate(token.secret.expose()).unwrap_err(),
            Inactive::Revoked
        );
    }
    let after = store.issue(new()).unwrap();
    assert!(validator.validate(after.secret.expose()).is_ok());
    assert!(validator.validate(other.secret.expose()).is_ok());
    assert!(!store.revoke_all("nobody").unwrap());
}

/// The boundary of `tests/cases/expiry_cases.json` for stored tokens. Differences: the instant of
/// expiry itself is refused (RFC 7519 section 4.1.4), where Flipt's and Frontier's stores accept it;
/// time is in whole seconds.
#[test]
fn a_token_is_active_until_the_second_before_it_expires() {
    let (_dir, store, clock) = store();
    let issued = store
        .issue(NewToken::new("c").expires_at(NOW + 100))
        .unwrap();
    let born_dead = store
        .issue(NewToken::new("c").expires_at(NOW - 3600))
        .unwrap();
    let validator = store.validator();
    assert_eq!(
        validator.validate(born_dead.secret.expose()).unwrap_err(),
        Inactive::Expired
    );
    clock.0.store(NOW + 99, Ordering::Relaxed);
    assert!(validator.validate(issued.secret.expose()).is_ok());
    clock.0.store(NOW + 100, Ordering::Relaxed);
    assert_eq!(
        validator.validate(issued.secret.expose()).unwrap_err(),
        Inactive::Expired
    );
    for earlier in [NOW + 99, NOW, 0] {
        clock.0.store(earlier, Ordering::Relaxed);
        let refused = validator.validate(issued.secret.expose()).unwrap_err();
        assert_eq!(refused, Inactive::Expired, "alive again at {earlier}");
    }
}

#[test]
fn who_is_alive_is_counted() {
    let (_dir, store, clock) = store();
    let issue = |client: &str, until| {
        let token = NewToken::new(client).expires_at(NOW + until);
        store.issue(token).unwrap().id
    };
    assert_eq!(store.live_tokens(), 0);
    let [_short, long] = [issue("a", 10), issue("a", 20)];
    issue("b", 20);
    store
        .issue(NewToken::new("b").not_before(NOW + 5).expires_at(NOW + 20))
        .unwrap();
    assert_eq!(store.live_tokens(), 3);
    store.disable_client("b").unwrap();
    assert_eq!(store.live_tokens(), 2);
    store.enable_client("b").unwrap();
    clock.0.store(NOW + 5, Ordering::Relaxed);
    assert_eq!(store.live_tokens(), 4);
    clock.0.store(NOW + 10, Ordering::Relaxed);
    assert_eq!(store.live_tokens(), 3);
    store.revoke(long).unwrap();
    assert_eq!(store.live_tokens(), 2);
    store.revoke_all("b").unwrap();
    assert_eq!(store.live_tokens(), 0);
    assert_eq!(store.stats().unwrap().tokens, 4);
}

#[test]
fn a_token_with_the_longest_prefix_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = Options::new().prefix("abcdefghijk").open(dir.path());
    let store = store.unwrap();
    let issued = store.issue(NewToken::new("c").never_expires()).unwrap();
    let text = issued.secret.expose();
    assert_eq!(text.len(), 63);
    assert!(store.validator().validate(text).is_ok());
    assert_eq!(store.id_of_text(text), Some(issued.id));
}

#[test]
fn a_text_of_over_8_kib_is_not_looked_up() {
    let (_dir, store, _clock) = store();
    for (bytes, want) in [
        (8 * 1024, Inactive::Format),
        (8 * 1024 + 1, Inactive::TooLarge(Oversize::Field)),
        (16 * 1024, Inactive::TooLarge(Oversize::Field)),
    ] {
        let refused = store.validator().validate("x".repeat(bytes)).unwrap_err();
        assert_eq!(refused, want, "{bytes}");
    }
}

/// Texts of the five systems, as `tests/cases/token_vectors.json` has them, are well-kept secrets
/// here too, unless they are weak.
#[test]
fn secrets_of_other_systems_can_be_brought_along() {
    let (_dir, store, _clock) = store();
    let cases: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("cases/token_vectors.json")).unwrap();
    let noise = || store.validator().validate("no such secret").unwrap_err();
    assert_eq!(noise(), Inactive::Format);
    let (mut taken, mut weak) = (0, 0);
    for case in &cases {
        let Some(text) = case["token"].as_str().or(case["secret"].as_str()) else {
            continue;
        };
        match store.issue_chosen(NewToken::new("old").never_expires(), text) {
            Ok(id) => {
                taken += 1;
                assert_eq!(store.validator().validate(text).unwrap().token_id(), id);
            }
            Err(Error::WeakSecret { .. } | Error::Invalid { .. } | Error::AlreadyExists) => {
                weak += 1
            }
            Err(other) => panic!("{text}: {other}"),
        }
    }
    assert!(taken >= 4 && weak >= 4, "taken {taken}, refused {weak}");
    // Where secrets are chosen, any text might be one.
    assert_eq!(noise(), Inactive::NotFound);
}
