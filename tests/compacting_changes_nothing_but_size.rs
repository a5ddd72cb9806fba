//! Compacting: the same answers from less room, and a crash at any moment leaves the store whole.

mod folder_copy;

use std::fs;
use std::path::Path;

use folder_copy::copy;
use hallpass::{Error, Inactive, NewToken, Options, Secret, Store, TokenId};

struct Known {
    alive: Vec<(TokenId, Secret)>,
    revoked: (TokenId, Secret),
    killed: Secret,
    disabled: Secret,
    generation: u64,
}

/// A store most of whose tokens have been purged.
fn filled(path: &Path) -> Known {
    let store = Options::new()
        .purge_grace(std::time::Duration::ZERO)
        .open(path)
        .unwrap();
    let new = |client: &str| NewToken::new(client).never_expires().scopes(["read"]);
    for _ in 0..5 {
        store.issue_many(vec![new("churn"); 4000], drop).unwrap();
        store.revoke_all("churn").unwrap();
        assert_eq!(store.purge(usize::MAX).unwrap().purged, 4000);
    }
    let mut alive = Vec::new();
    for client in ["a", "b"] {
        let keep = |issued: hallpass::Issued| alive.push((issued.id, issued.secret));
        store.issue_many(vec![new(client); 500], keep).unwrap();
    }
    let revoked = alive.pop().unwrap();
    store.revoke(revoked.0).unwrap();
    let killed = store.issue(new("killed")).unwrap().secret;
    store.revoke_all("killed").unwrap();
    let disabled = store.issue(new("disabled")).unwrap().secret;
    store.disable_client("disabled").unwrap();
    #[cfg(feature = "jwt")]
    store
        .generate_signing_key(hallpass::jwt::Algorithm::EdDsa)
        .unwrap();
    store.flush().unwrap();
    let generation = store.generation();
    store.close().unwrap();
    Known {
        alive,
        revoked,
        killed,
        disabled,
        generation,
    }
}

fn is_the_same(path: &Path, known: &Known) {
    let store = Options::new()
        .create(false)
        .least_generation(known.generation)
        .open(path)
        .unwrap();
    store.verify().unwrap();
    let validator = store.validator();
    for (id, secret) in &known.alive {
        let active = validator.validate(secret.expose()).unwrap();
        assert_eq!(active.token_id(), *id);
        assert!(active.has_scope("read"));
    }
    let refused = |secret: &Secret| validator.validate(secret.expose()).unwrap_err();
    assert_eq!(refused(&known.revoked.1), Inactive::Revoked);
    assert_eq!(refused(&known.killed), Inactive::Revoked);
    assert_eq!(refused(&known.disabled), Inactive::ClientDisabled);
    let hour = std::time::Duration::from_secs(3600);
    #[cfg(feature = "jwt")]
    store.issue(NewToken::jwt("a").lifetime(hour)).unwrap();
    store.issue(NewToken::new("a").lifetime(hour)).unwrap();
}

#[test]
fn a_compacted_store_answers_the_same_from_less_room() {
    let dir = tempfile::tempdir().unwrap();
    let known = filled(dir.path());
    let before = fs::metadata(dir.path().join("data/db")).unwrap().len();
    let compacted = Store::compact(dir.path(), Options::new()).unwrap();
    let after = fs::metadata(dir.path().join("data/db")).unwrap().len();
    assert!(compacted.bytes_before >= before && compacted.bytes_after >= after);
    assert!(
        compacted.bytes_after * 2 < compacted.bytes_before,
        "{compacted:?}"
    );
    assert_eq!(compacted.tokens, known.alive.len() as u64 + 3);
    // The last close wrote a group after the generation was asked for.
    assert!(compacted.generation > known.generation);
    assert!(
        dir.path().join("closed").exists(),
        "no mark of a clean close"
    );
    let again = Store::compact(dir.path(), Options::new()).unwrap();
    assert_eq!(again.generation, compacted.generation);
    is_the_same(dir.path(), &known);
    for leftover in ["data.compact-new", "data.compact-old"] {
        assert!(!dir.path().join(leftover).exists(), "{leftover}");
    }
}

#[test]
fn a_crash_between_any_two_steps_leaves_the_store_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (&dir.path().join("old"), &dir.path().join("new"));
    let known = filled(old);
    copy(old, new);
    Store::compact(new, Options::new()).unwrap();
    // Compacting takes the mark away before it begins, and leaves it after it has ended.
    for folder in [old, new] {
        fs::remove_file(folder.join("closed")).unwrap();
    }
    let at = |name: &str, steps: &[(&Path, &str)]| {
        let path = dir.path().join(name);
        copy(old, &path);
        fs::remove_dir_all(path.join("data")).unwrap();
        for (from, to) in steps {
            copy(&from.join("data"), &path.join(to));
        }
        path
    };
    let written = at("written", &[(old, "data"), (new, "data.compact-new")]);
    let half = at(
        "half",
        &[(old, "data.compact-old"), (new, "data.compact-new")],
    );
    let swapped = at("swapped", &[(new, "data"), (old, "data.compact-old")]);
    let torn = at("torn", &[(old, "data"), (new, "data.compact-new")]);
    fs::write(torn.join("data.compact-new/db"), b"torn").unwrap();
    for path in [&written, &half, &swapped, &torn] {
        let again = dir.path().join("again");
        copy(path, &again);
        let compacted = Store::compact(&again, Options::new()).unwrap();
        assert_eq!(compacted.tokens, known.alive.len() as u64 + 3);
        is_the_same(&again, &known);
        fs::remove_dir_all(&again).unwrap();

        is_the_same(path, &known);
        for leftover in ["data.compact-new", "data.compact-old"] {
            assert!(!path.join(leftover).exists(), "{path:?}: {leftover}");
        }
    }
}

#[test]
fn what_cannot_be_compacted_is_left_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let compact = || Store::compact(&path, Options::new());
    assert!(matches!(compact(), Err(Error::NotFound { .. })));
    assert!(!path.exists());
    let known = filled(&path);
    let open = Store::open(&path).unwrap();
    assert!(matches!(compact(), Err(Error::Locked { .. })));
    drop(open);
    let least = Options::new().least_generation(known.generation + 100);
    assert!(matches!(
        Store::compact(&path, least),
        Err(Error::RolledBack { .. })
    ));
    is_the_same(&path, &known);

    let db = path.join("data/db");
    let mut bytes = fs::read(&db).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&db, &bytes).unwrap();
    assert!(matches!(compact(), Err(Error::Corrupt { .. })));
    assert!(fs::read(&db).unwrap() == bytes, "it was touched");
    bytes[middle] ^= 1;
    fs::write(&db, &bytes).unwrap();
    compact().unwrap();
    is_the_same(&path, &known);
}
