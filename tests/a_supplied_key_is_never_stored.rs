//! A signing key from outside signs, and leaves nothing secret behind; what it signed lives and dies
//! like any token, with the key at hand and without it.
#![cfg(feature = "jwt")]

mod folder_bytes;

use std::path::Path;

use folder_bytes::all_bytes;
use hallpass::jwt::{Algorithm, SigningKey};
use hallpass::{Error, Inactive, Issued, KeyInfo, KeyState, NewToken, Options, Store};

const SIGNERS: [Algorithm; 3] = [Algorithm::Hs256, Algorithm::EdDsa, Algorithm::Es256];
const SECRET: &[u8; 32] = b"canary-0123456789-of-a-manager-!";

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::from_secret_bytes(algorithm, SECRET).unwrap()
}

fn open_with(path: &Path, key: SigningKey) -> Store {
    Options::new().signing_key(key).open(path).unwrap()
}

fn issue(store: &Store) -> Issued {
    let token = NewToken::jwt("c").expires_at(4_000_000_000);
    store.issue(token).unwrap()
}

fn verdict(store: &Store, issued: &Issued) -> Option<Inactive> {
    store.validator().validate(issued.secret.expose()).err()
}

fn only_key(store: &Store) -> KeyInfo {
    let mut keys = store.signing_keys().unwrap();
    assert_eq!(keys.len(), 1);
    keys.remove(0)
}

#[test]
fn it_signs_when_it_is_there_and_what_it_signed_lives_when_it_is_not() {
    for algorithm in SIGNERS {
        let dir = tempfile::tempdir().unwrap();
        let store = open_with(dir.path(), key(algorithm));
        let info = only_key(&store);
        assert_eq!(info.kid, key(algorithm).kid());
        assert_eq!(info.state, KeyState::Signing);
        let first = issue(&store);
        assert_eq!(verdict(&store, &first), None);
        store.verify().unwrap();
        store.close().unwrap();

        let store = Store::open(dir.path()).unwrap();
        assert_eq!(only_key(&store).state, KeyState::Verifying);
        assert_eq!(verdict(&store, &first), None);
        let none = store.issue(NewToken::jwt("c").expires_at(4_000_000_000));
        assert!(matches!(none, Err(Error::NoSigningKey)));
        assert_eq!(
            store.jwks().unwrap().contains(&info.kid),
            info.jwk.is_some()
        );
        store.verify().unwrap();
        store.close().unwrap();

        let store = open_with(dir.path(), key(algorithm));
        let again = issue(&store);
        assert_eq!((verdict(&store, &again), only_key(&store)), (None, info));
        store.revoke(again.id).unwrap();
        assert_eq!(verdict(&store, &again), Some(Inactive::Revoked));
        store.verify().unwrap();
        store.close().unwrap();

        let mut bytes = Vec::new();
        all_bytes(dir.path(), &mut bytes);
        for piece in SECRET.windows(8) {
            assert!(!bytes.windows(8).any(|window| window == piece));
        }
    }
}

#[test]
fn when_it_is_retired_its_tokens_are_dead_and_it_is_not_taken_again() {
    for algorithm in SIGNERS {
        for is_there in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let mut store = open_with(dir.path(), key(algorithm));
            let issued = issue(&store);
            if !is_there {
                store.close().unwrap();
                store = Store::open(dir.path()).unwrap();
            }
            assert!(store.retire_key(key(algorithm).kid()).unwrap());
            assert_eq!(verdict(&store, &issued), Some(Inactive::Revoked));
            store.close().unwrap();
            let refused = Options::new().signing_key(key(algorithm)).open(dir.path());
            assert!(matches!(refused, Err(Error::Invalid { .. })));
            let store = Store::open(dir.path()).unwrap();
            assert_eq!(verdict(&store, &issued), Some(Inactive::Revoked));
            assert_eq!(only_key(&store).state, KeyState::Retired);
            store.verify().unwrap();
        }
    }
}

#[test]
fn it_comes_before_the_keys_of_the_store_and_after_a_rotation() {
    let kid = |issued: &Issued| issued.secret.expose().split('.').next().unwrap().to_owned();
    for algorithm in SIGNERS {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.generate_signing_key(algorithm).unwrap();
        let by_older = kid(&issue(&store));
        drop(store);
        assert_ne!(
            kid(&issue(&open_with(dir.path(), key(algorithm)))),
            by_older
        );
        assert_eq!(kid(&issue(&Store::open(dir.path()).unwrap())), by_older);

        let dir = tempfile::tempdir().unwrap();
        let store = open_with(dir.path(), key(algorithm));
        let by_supplied = issue(&store);
        store.generate_signing_key(algorithm).unwrap();
        assert_eq!(kid(&issue(&store)), kid(&by_supplied));
        store.close().unwrap();
        let without = Store::open(dir.path()).unwrap();
        let by_own = issue(&without);
        assert_ne!(kid(&by_own), kid(&by_supplied));
        without.close().unwrap();

        let store = open_with(dir.path(), key(algorithm));
        store.rotate_signing_key(algorithm).unwrap();
        let by_new = issue(&store);
        assert_ne!(kid(&by_new), kid(&by_supplied));
        store.close().unwrap();
        let store = open_with(dir.path(), key(algorithm));
        assert_eq!(kid(&issue(&store)), kid(&by_new));
        for issued in [&by_supplied, &by_own, &by_new] {
            assert_eq!(verdict(&store, issued), None);
        }
        store.verify().unwrap();
    }
}

#[test]
fn what_the_store_kept_of_it_is_erased_and_a_clients_key_is_not_taken() {
    for algorithm in SIGNERS {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.import_signing_key(key(algorithm)).unwrap();
        let issued = issue(&store);
        store.close().unwrap();
        let store = open_with(dir.path(), key(algorithm));
        assert_eq!(only_key(&store).state, KeyState::Signing);
        store.verify().unwrap();
        store.close().unwrap();
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(only_key(&store).state, KeyState::Verifying);
        assert_eq!(verdict(&store, &issued), None);
    }
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let public = key(Algorithm::EdDsa).verifying_key().clone();
    store.import_client_key("robot", public).unwrap();
    store.close().unwrap();
    let refused = Options::new()
        .signing_key(key(Algorithm::EdDsa))
        .open(dir.path());
    assert!(matches!(refused, Err(Error::AlreadyExists)));
    Store::open(dir.path()).unwrap();
}
