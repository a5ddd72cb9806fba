//! Promises 4, 7 and 9 for signing keys: no private part on disk in the clear, in `Debug`, in what is
//! listed or exported; the wrong digest key opens nothing.
#![cfg(feature = "jwt")]

mod folder_bytes;

use folder_bytes::all_bytes;
use hallpass::jwt::{Algorithm, SigningKey};
use hallpass::{DigestKey, Error, KeyState, NewToken, Options, Store};

const SIGNERS: [Algorithm; 3] = [Algorithm::Hs256, Algorithm::EdDsa, Algorithm::Es256];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A secret whose pieces nobody else writes.
fn canary(algorithm: Algorithm) -> [u8; 32] {
    let mut secret = *b"canary-0123456789-secret-of-key-";
    secret[31] = algorithm as u8;
    secret
}

#[test]
fn no_file_and_no_debug_holds_a_piece_of_a_private_key() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let mut shown = String::new();
    for algorithm in SIGNERS {
        let key = SigningKey::from_secret_bytes(algorithm, &canary(algorithm)).unwrap();
        shown.push_str(&format!("{key:?}"));
        let info = store.import_signing_key(key).unwrap();
        shown.push_str(&format!("{info:?}"));
        let token = NewToken::jwt("c").expires_at(4_000_000_000);
        shown.push_str(&format!("{:?}", store.issue(token).unwrap()));
    }
    shown.push_str(&format!("{store:?} {:?}", store.signing_keys().unwrap()));
    shown.push_str(&store.jwks().unwrap());
    store.rotate_signing_key(Algorithm::EdDsa).unwrap();
    let made = store
        .generate_client_key("robot", Algorithm::EdDsa)
        .unwrap();
    shown.push_str(&format!(
        "{made:?} {:?}",
        store.client_keys("robot").unwrap()
    ));
    let private = made.jwk.expose().split("\"d\":\"").nth(1).unwrap();
    let private = private.trim_end_matches("\"}").as_bytes().to_vec();
    let pem_line = made
        .pem
        .expose()
        .lines()
        .nth(1)
        .unwrap()
        .as_bytes()
        .to_vec();
    store.close().unwrap();

    let mut bytes = Vec::new();
    all_bytes(dir.path(), &mut bytes);
    let mut windows: Vec<&[u8]> = bytes.windows(8).collect();
    windows.sort_unstable();
    windows.dedup();
    let on_disk = |piece: &[u8]| windows.binary_search(&piece).is_ok();
    let secrets = SIGNERS.map(|algorithm| canary(algorithm).to_vec());
    for secret in secrets.iter().chain([&private, &pem_line[24..].to_vec()]) {
        for piece in secret.windows(8) {
            assert!(!on_disk(piece), "a piece of a private key is on disk");
            let text = String::from_utf8_lossy(piece);
            assert!(!shown.contains(&*text) && !shown.contains(&hex(piece)));
        }
    }
    assert!(on_disk(b"\"kty\":\"E"), "the search finds what is public");
}

#[test]
fn the_wrong_digest_key_opens_nothing_and_the_right_one_signs_on() {
    let dir = tempfile::tempdir().unwrap();
    let with = |byte: u8| Options::new().digest_key(DigestKey::from_bytes([byte; 32]));
    let store = with(1).open(dir.path()).unwrap();
    for algorithm in SIGNERS {
        store.generate_signing_key(algorithm).unwrap();
    }
    let keys = store.signing_keys().unwrap();
    let jwks = store.jwks().unwrap();
    store.close().unwrap();
    assert!(matches!(
        with(2).open(dir.path()),
        Err(Error::WrongDigestKey)
    ));
    let store = with(1).open(dir.path()).unwrap();
    assert_eq!(store.signing_keys().unwrap(), keys);
    assert_eq!(store.jwks().unwrap(), jwks);
    assert_eq!(store.verify().unwrap().keys, 3);
    for algorithm in SIGNERS {
        let token = NewToken::jwt("c")
            .expires_at(4_000_000_000)
            .algorithm(algorithm);
        let token = store.issue(token).unwrap();
        assert!(store.validator().validate(token.secret.expose()).is_ok());
    }
}

#[test]
fn a_key_is_taken_in_once_and_a_retired_one_never_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let key = || SigningKey::from_secret_bytes(Algorithm::EdDsa, &[5; 32]).unwrap();
    let info = store.import_signing_key(key()).unwrap();
    assert_eq!(info.state, KeyState::Signing);
    let again = store.import_signing_key(key());
    assert!(matches!(again, Err(Error::AlreadyExists)));
    store.retire_key(&info.kid).unwrap();
    store.close().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let again = store.import_signing_key(key());
    assert!(matches!(again, Err(Error::AlreadyExists)));
    for _ in 0..64 {
        store.generate_signing_key(Algorithm::Hs256).unwrap();
    }
    let one_more = store.generate_signing_key(Algorithm::Hs256);
    assert!(matches!(one_more, Err(Error::Limit { .. })));
    let keys = store.signing_keys().unwrap();
    store.retire_key(&keys[1].kid).unwrap();
    store.generate_signing_key(Algorithm::Hs256).unwrap();
}
