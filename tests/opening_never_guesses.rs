//! Promises 4 and 9: a store that is locked, foreign, damaged, newer or rolled back is refused with
//! the right error, and stays as it was.

use std::fs;
use std::path::Path;

use hallpass::{DigestKey, Error, NewToken, Options, Store, TokenId};

fn filled(path: &Path) -> (Store, Vec<TokenId>) {
    let store = Store::open(path).unwrap();
    let mut ids = Vec::new();
    store
        .issue_many(vec![NewToken::new("c").never_expires(); 200], |issued| {
            ids.push(issued.id)
        })
        .unwrap();
    store.revoke(ids[7]).unwrap();
    (store, ids)
}

/// Every file below `path` with its bytes, but for the lock.
fn snapshot(path: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(snapshot(&path));
        } else if !path.ends_with("lock") {
            let bytes = fs::read(&path).unwrap();
            files.push((path, bytes));
        }
    }
    files.sort();
    files
}

#[test]
fn a_second_handle_is_locked_out() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = filled(dir.path());
    assert!(matches!(Store::open(dir.path()), Err(Error::Locked { .. })));
    drop(store);
    assert!(Store::open(dir.path()).is_ok());
}

#[test]
fn a_file_a_missing_store_and_somebody_elses_folder_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    assert!(matches!(
        Store::open(&file),
        Err(Error::NotADirectory { .. })
    ));
    assert!(matches!(
        Store::open(dir.path()),
        Err(Error::NotAStore { .. })
    ));
    let missing = dir.path().join("missing");
    assert!(matches!(
        Options::new().create(false).open(&missing),
        Err(Error::NotFound { .. })
    ));
    assert!(!missing.exists());
    assert!(matches!(
        Options::new().create(false).open(dir.path()),
        Err(Error::NotFound { .. })
    ));
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        1,
        "something was left behind"
    );
}

#[test]
fn another_digest_key_is_told_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path()));
    let before = snapshot(dir.path());
    let other = Options::new().digest_key(DigestKey::from_bytes([1; 32]));
    assert!(matches!(other.open(dir.path()), Err(Error::WrongDigestKey)));
    let sealed = |files: Vec<(std::path::PathBuf, Vec<u8>)>| {
        files
            .into_iter()
            .filter(|(path, _)| path.parent() == Some(dir.path()))
            .collect::<Vec<_>>()
    };
    assert_eq!(sealed(snapshot(dir.path())), sealed(before));
    assert!(Store::open(dir.path()).is_ok());
}

#[test]
fn a_newer_format_is_refused_before_the_database_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path()));
    let sidecar = dir.path().join("seal");
    let mut bytes = fs::read(&sidecar).unwrap();
    bytes[3] = 9;
    fs::write(&sidecar, bytes).unwrap();
    let before = snapshot(dir.path());
    assert!(matches!(
        Store::open(dir.path()),
        Err(Error::NewerFormat { found: 9, known: 1 })
    ));
    assert_eq!(snapshot(dir.path()), before);
}

#[test]
fn a_database_rolled_back_under_its_sidecar_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (store, ids) = filled(dir.path());
    let generation = store.generation();
    store.close().unwrap();
    let old = dir.path().with_extension("old");
    copy(&dir.path().join("data"), &old);

    let store = Store::open(dir.path()).unwrap();
    store.revoke(ids[0]).unwrap();
    store.close().unwrap();
    fs::remove_dir_all(dir.path().join("data")).unwrap();
    copy(&old, &dir.path().join("data"));
    fs::remove_dir_all(&old).unwrap();
    assert!(matches!(
        Store::open(dir.path()),
        Err(Error::RolledBack { found, required }) if required > found && found > generation
    ));

    fs::remove_dir_all(dir.path().join("data")).unwrap();
    assert!(matches!(
        Store::open(dir.path()),
        Err(Error::Corrupt { .. })
    ));
}

#[test]
fn a_whole_directory_rolled_back_is_refused_by_its_least_generation() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = filled(dir.path());
    let generation = store.generation();
    store.close().unwrap();
    let newer = Options::new()
        .least_generation(generation + 100)
        .open(dir.path());
    assert!(matches!(newer, Err(Error::RolledBack { .. })));
    assert!(
        Options::new()
            .least_generation(generation)
            .open(dir.path())
            .is_ok()
    );
}

/// A short form: every region of every file is damaged once, in three ways. Either the content is
/// the same or the store is refused; nothing panics out of `open`.
#[test]
fn a_damaged_store_is_never_opened_silently() {
    let dir = tempfile::tempdir().unwrap();
    let (store, ids) = filled(dir.path());
    store.close().unwrap();
    let files = snapshot(dir.path());
    let (mut refused, mut unharmed) = (0, 0);
    for (path, bytes) in files.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        for part in 0..12 {
            let at = (bytes.len() * part / 12 + 5).min(bytes.len() - 1);
            for how in 0..3 {
                let mut damaged = bytes.clone();
                match how {
                    0 => damaged[at] ^= 1 << (part % 8),
                    1 => damaged[at..].iter_mut().take(64).for_each(|byte| *byte = 0),
                    _ => damaged.truncate(at),
                }
                fs::write(path, damaged).unwrap();
                match Store::open(dir.path()) {
                    Ok(store) => {
                        unharmed += 1;
                        assert_eq!(store.stats().unwrap().tokens, 200);
                        for (number, id) in ids.iter().enumerate() {
                            let info = store.get(*id).unwrap().unwrap();
                            assert_eq!(info.revoked_at.is_some(), number == 7);
                        }
                    }
                    Err(
                        Error::Corrupt { .. }
                        | Error::RolledBack { .. }
                        | Error::NewerFormat { .. }
                        | Error::WrongDigestKey
                        | Error::Io { .. },
                    ) => refused += 1,
                    Err(other) => panic!("{other}"),
                }
                restore(dir.path(), &files);
            }
        }
    }
    assert!(
        refused > 20 && unharmed > 5,
        "refused {refused}, unharmed {unharmed}"
    );
}

fn restore(root: &Path, files: &[(std::path::PathBuf, Vec<u8>)]) {
    fs::remove_dir_all(root.join("data")).unwrap();
    for (path, bytes) in files {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
