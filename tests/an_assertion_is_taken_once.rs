//! Item 7 of RFC 7523 section 3: what a client signed to authenticate counts once, also across a
//! restart and whoever asks at the same time.
#![cfg(feature = "jwt")]

mod hand_clock;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use hallpass::jwt::{Algorithm, SigningKey};
use hallpass::{Inactive, Options, Store};
use hand_clock::HandClock;

const START: u64 = 1_800_000_000;
const AUD: &str = "https://issuer.example/token";

fn open(path: &Path, clock: &HandClock) -> Store {
    Options::new().clock(clock.clone()).open(path).unwrap()
}

fn client(store: &Store, name: &str) -> SigningKey {
    let made = store.generate_client_key(name, Algorithm::Es256).unwrap();
    SigningKey::from_pem(made.pem.expose()).unwrap()
}

fn assertion(key: &SigningKey, client: &str, rest: &str) -> String {
    let claims = format!(
        r#"{{"iss":"{client}","sub":"{client}","aud":"{AUD}","exp":{}{rest}}}"#,
        START + 300
    );
    key.sign_payload("JWT", claims.as_bytes()).unwrap()
}

fn verdict(store: &Store, text: &str) -> Option<Inactive> {
    let verdict = store.validator().validate_client_assertion(text, AUD);
    verdict.err()
}

#[test]
fn the_second_time_it_is_refused_and_so_is_every_other_text_of_that_name() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock(Arc::new(AtomicU64::new(START)));
    let store = open(dir.path(), &clock);
    let (a, b) = (client(&store, "a"), client(&store, "b"));
    clock.0.store(START + 10, Ordering::Relaxed);
    let named = |jti: &str| format!(r#","jti":"{jti}","iat":{}"#, START + 10);
    let first = assertion(&a, "a", &named("1"));
    assert_eq!(verdict(&store, &first), None);
    assert_eq!(verdict(&store, &first), Some(Inactive::Replayed));
    let other_text = assertion(&a, "a", &(named("1") + r#","more":true"#));
    assert_eq!(verdict(&store, &other_text), Some(Inactive::Replayed));
    assert_eq!(verdict(&store, &assertion(&a, "a", &named("2"))), None);
    assert_eq!(verdict(&store, &assertion(&b, "b", &named("1"))), None);
    // Another key of the client is no way around it.
    let second = client(&store, "a");
    let by_second = assertion(&second, "a", &named("1"));
    assert_eq!(verdict(&store, &by_second), Some(Inactive::Replayed));

    // What is refused for another reason is not used up.
    let early = assertion(&a, "a", &format!(r#","jti":"3","iat":{}"#, START + 20));
    assert_eq!(verdict(&store, &early), Some(Inactive::NotYetValid));
    store.disable_client("a").unwrap();
    let third = assertion(&a, "a", &named("4"));
    assert_eq!(verdict(&store, &third), Some(Inactive::ClientDisabled));
    store.enable_client("a").unwrap();
    assert_eq!(verdict(&store, &third), None);
    clock.0.store(START + 20, Ordering::Relaxed);
    assert_eq!(verdict(&store, &early), None);

    // Who wants it many times says so.
    let validator = store.validator();
    for _ in 0..2 {
        let again = validator.validate_reusable_client_assertion(&first, AUD);
        assert_eq!(again.unwrap().jti(), Some("1"));
    }
    clock.0.store(START + 300, Ordering::Relaxed);
    assert_eq!(verdict(&store, &first), Some(Inactive::ExpiredSignature));
}

#[test]
fn without_a_name_or_a_time_it_cannot_be_told_from_one_that_was_taken() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock(Arc::new(AtomicU64::new(START)));
    let store = open(dir.path(), &clock);
    let key = client(&store, "a");
    clock.0.store(START + 10, Ordering::Relaxed);
    let missing = Some(Inactive::FieldsMissing);
    assert_eq!(verdict(&store, &assertion(&key, "a", "")), missing);
    let no_iat = assertion(&key, "a", r#","jti":"1""#);
    assert_eq!(verdict(&store, &no_iat), missing);
    let no_jti = assertion(&key, "a", &format!(r#","iat":{}"#, START + 5));
    assert_eq!(verdict(&store, &no_jti), missing);
    // Nor is one remembered for longer than an hour.
    let ends = |exp: u64| {
        let rest = format!(r#","jti":"{exp}","iat":{}"#, START + 10);
        let text = format!(r#"{{"iss":"a","sub":"a","aud":"{AUD}","exp":{exp}{rest}}}"#);
        key.sign_payload("JWT", text.as_bytes()).unwrap()
    };
    assert_eq!(verdict(&store, &ends(START + 10 + 3600)), None);
    assert_eq!(verdict(&store, &ends(START + 10 + 3601)), missing);
}

#[test]
fn a_restart_forgets_nothing_that_it_would_take_again() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock(Arc::new(AtomicU64::new(START)));
    let store = open(dir.path(), &clock);
    let key = client(&store, "a");
    clock.0.store(START + 10, Ordering::Relaxed);
    let at = |iat: u64| assertion(&key, "a", &format!(r#","jti":"{iat}","iat":{iat}"#));
    let used = at(START + 10);
    assert_eq!(verdict(&store, &used), None);
    clock.0.store(START + 60, Ordering::Relaxed);
    store.close().unwrap();
    let store = open(dir.path(), &clock);
    assert_eq!(verdict(&store, &used), Some(Inactive::Replayed));
    assert_eq!(verdict(&store, &at(START + 60)), Some(Inactive::Replayed));
    clock.0.store(START + 61, Ordering::Relaxed);
    assert_eq!(verdict(&store, &at(START + 61)), None);
    assert_eq!(verdict(&store, &at(START + 61)), Some(Inactive::Replayed));
}

#[test]
fn of_many_who_show_it_at_once_one_is_let_in() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock(Arc::new(AtomicU64::new(START)));
    let store = open(dir.path(), &clock);
    let key = client(&store, "a");
    clock.0.store(START + 10, Ordering::Relaxed);
    for jti in 0..20 {
        let rest = format!(r#","jti":"{jti}","iat":{}"#, START + 10);
        let text = assertion(&key, "a", &rest);
        let taken = thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(|| verdict(&store, &text).is_none()));
            let taken = threads.map(|thread| thread.join().unwrap());
            taken.into_iter().filter(|taken| *taken).count()
        });
        assert_eq!(taken, 1);
    }
}
