//! Promise 7: no plaintext secret on disk, in `Debug`, in errors.

mod folder_bytes;

use std::fs;

use folder_bytes::all_bytes;
use hallpass::{Durability, NewToken, Options, Store};

#[test]
fn no_file_holds_eight_characters_of_any_secret() {
    let dir = tempfile::tempdir().unwrap();
    let store = Options::new()
        .durability(Durability::Sync)
        .open(dir.path())
        .unwrap();
    let mut secrets = Vec::new();
    let new = (0..3000).map(|n| match n % 3 {
        0 => NewToken::new("client").never_expires(),
        1 => NewToken::api_key("client").never_expires(),
        _ => NewToken::client_secret("client").never_expires(),
    });
    store
        .issue_many(new, |issued| secrets.push((issued.id, issued.secret)))
        .unwrap();
    let chosen = "a-chosen-bootstrap-secret-0123456789-xyz";
    store
        .issue_chosen(NewToken::new("client").never_expires(), chosen)
        .unwrap();
    store.revoke(secrets[0].0).unwrap();
    store.close().unwrap();

    let mut bytes = Vec::new();
    all_bytes(dir.path(), &mut bytes);
    let mut windows: Vec<&[u8]> = bytes.windows(8).collect();
    windows.sort_unstable();
    windows.dedup();
    for (id, secret) in &secrets {
        let text = secret.expose();
        // The id in front is public; what follows is the secret and its checksum.
        let from = text.find(&id.to_string()).unwrap() + 11;
        for window in text.as_bytes()[from..].windows(8) {
            assert!(
                windows.binary_search(&window).is_err(),
                "a piece of {id}'s secret is on disk"
            );
        }
    }
    assert!(
        !chosen
            .as_bytes()
            .windows(8)
            .any(|piece| windows.binary_search(&piece).is_ok())
    );
    // The search itself works: what is public is found.
    assert!(
        windows.binary_search(&b"client\0\x02".as_slice()).is_ok()
            || windows.iter().any(|w| w.starts_with(b"client"))
    );
}

#[test]
fn debug_and_errors_show_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let issued = store
        .issue(NewToken::new("client").never_expires())
        .unwrap();
    let secret = issued.secret.expose().to_owned();
    let validator = store.validator();
    let active = validator.validate(&secret).unwrap();
    let chosen = store.issue_chosen(NewToken::new("client").never_expires(), "short-chosen-one");
    let shown = [
        format!("{issued:?} {store:?} {validator:?} {active:?}"),
        format!("{:?}", store.get(issued.id).unwrap()),
        format!("{:?} {}", chosen, chosen.as_ref().unwrap_err()),
        format!(
            "{:?}",
            validator.validate(format!("{secret}x")).unwrap_err()
        ),
    ];
    for shown in shown {
        for window in secret.as_bytes()[14..]
            .windows(6)
            .chain([b"short-chosen-one".as_slice()])
        {
            let piece = std::str::from_utf8(window).unwrap();
            assert!(!shown.contains(piece), "{shown}");
        }
    }
}

#[test]
fn a_stolen_directory_is_useless_without_the_digest_key() {
    let dir = tempfile::tempdir().unwrap();
    let key = || hallpass::DigestKey::from_bytes([5; 32]);
    let store = Options::new().digest_key(key()).open(dir.path()).unwrap();
    store
        .issue(NewToken::new("client").never_expires())
        .unwrap();
    drop(store);
    assert!(!dir.path().join("digest.key").exists());
    assert!(Store::open(dir.path()).is_err(), "opened without its key");
    assert!(Options::new().digest_key(key()).open(dir.path()).is_ok());
}

#[cfg(unix)]
#[test]
fn the_key_beside_the_data_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let mode = fs::metadata(dir.path().join("digest.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}
