//! Promises 4 and 9: a store that is locked, foreign, damaged, newer or rolled back is refused with
//! the right error, and stays as it was.

mod file_damage;
mod folder_copy;
mod hand_clock;

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use file_damage::{cut, flip, zero};
use folder_copy::copy;
use hallpass::{DigestKey, Error, Inactive, NewToken, Options, Store, TokenId};
use hand_clock::HandClock;

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

/// The same, short enough to print.
fn fingerprints(path: &Path) -> Vec<(std::path::PathBuf, u64)> {
    let fingerprint = |(path, bytes): (_, Vec<u8>)| {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        (path, hasher.finish())
    };
    snapshot(path).into_iter().map(fingerprint).collect()
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
    // Nobody can say what is there.
    assert!(matches!(
        Options::new().create(false).open(file.join("below")),
        Err(Error::Io { .. })
    ));
    assert!(matches!(
        Options::new().create(false).open(dir.path()),
        Err(Error::NotFound { .. })
    ));
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        1,
        "something was left behind"
    );
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(
        Options::new().create(false).open(empty.path()),
        Err(Error::NotFound { .. })
    ));
    // A power cut may leave a sidecar that has its length and nothing else: nothing was acknowledged.
    fs::write(empty.path().join("seal"), [0; 64]).unwrap();
    Store::open(empty.path()).unwrap();
}

#[test]
fn another_digest_key_is_told_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path()));
    let before = fingerprints(dir.path());
    let other = Options::new().digest_key(DigestKey::from_bytes([1; 32]));
    assert!(matches!(other.open(dir.path()), Err(Error::WrongDigestKey)));
    assert_eq!(fingerprints(dir.path()), before);
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
    let before = fingerprints(dir.path());
    assert!(matches!(
        Store::open(dir.path()),
        Err(Error::NewerFormat { found: 9, known: 1 })
    ));
    assert_eq!(fingerprints(dir.path()), before);
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
    assert!(
        matches!(Store::open(dir.path()), Err(Error::Corrupt { .. })),
        "the mark was not held"
    );
    // Without the mark of the clean close, as after a crash, the sidecar tells.
    fs::remove_file(dir.path().join("closed")).unwrap();
    for _ in 0..2 {
        assert!(matches!(
            Store::open(dir.path()),
            Err(Error::RolledBack { found, required }) if required > found && found > generation
        ));
    }

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

#[test]
fn a_clock_more_than_a_day_behind_is_refused_unless_it_is_accepted() {
    const START: u64 = 1_800_000_000;
    const DAY: u64 = 24 * 3600;
    const SEEN: u64 = START + 2 * DAY;
    let dir = tempfile::tempdir().unwrap();
    let open = |now, accept| {
        let clock = HandClock(Arc::new(AtomicU64::new(now)));
        let options = Options::new().clock(clock).accept_clock_reset(accept);
        options.open(dir.path())
    };
    let token = NewToken::new("c").expires_at(START + DAY + 10);
    let secret = open(START, false).unwrap().issue(token).unwrap().secret;
    let verdict = |store: Store| store.validator().validate(secret.expose()).err();
    // What a store has seen it remembers.
    for now in [SEEN, SEEN - DAY] {
        let expired = verdict(open(now, false).unwrap());
        assert_eq!(expired, Some(Inactive::Expired), "at {now}");
    }
    let too_far = SEEN - DAY - 1;
    match open(too_far, false) {
        Err(Error::ClockAnomaly {
            now_secs,
            seen_secs,
        }) => assert_eq!((now_secs, seen_secs), (too_far, SEEN)),
        other => panic!("{other:?}"),
    }
    let expired = verdict(open(SEEN - DAY, true).unwrap());
    assert_eq!(expired, Some(Inactive::Expired));
    assert_eq!(verdict(open(too_far, true).unwrap()), None, "lives again");
}

#[test]
fn a_store_damaged_after_it_was_closed_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = filled(dir.path());
    store.close().unwrap();
    let log = dir.path().join("data/db");
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    fs::write(&log, &bytes).unwrap();
    let before = fingerprints(dir.path());
    for _ in 0..2 {
        assert!(matches!(
            Store::open(dir.path()),
            Err(Error::Corrupt { .. })
        ));
        assert_eq!(fingerprints(dir.path()), before);
    }
    bytes[middle] ^= 1;
    fs::write(&log, &bytes).unwrap();
    assert!(Store::open(dir.path()).is_ok());
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_is_not_taken_for_missing() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).0.close().unwrap();
    for name in ["closed", "seal", "digest.key"] {
        let (path, aside) = (dir.path().join(name), dir.path().join("aside"));
        fs::rename(&path, &aside).unwrap();
        // A link to itself is there, and cannot be read.
        std::os::unix::fs::symlink(&path, &path).unwrap();
        let refused = Store::open(dir.path());
        assert!(
            matches!(refused, Err(Error::Io { .. })),
            "{name}: {refused:?}"
        );
        fs::remove_file(&path).unwrap();
        fs::rename(&aside, &path).unwrap();
        let mark = dir.path().join("closed");
        assert!(mark.exists(), "touched without {name}");
    }
    Store::open(dir.path()).unwrap();
}

/// What a crash leaves while the database writes a snapshot, which it does at every opening.
#[test]
fn a_snapshot_that_was_not_finished_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let (store, ids) = filled(dir.path());
    store.close().unwrap();
    fs::remove_file(dir.path().join("closed")).unwrap();
    for torn in [&b""[..], b"torn", &[0; 4096]] {
        let unfinished = dir.path().join("data/snap.FFFFFFFFFFFFFFFF.generating");
        fs::write(&unfinished, torn).unwrap();
        let store = Store::open(dir.path()).unwrap();
        is_the_same(&store, &ids);
        assert!(!unfinished.exists());
        store.close().unwrap();
        fs::remove_file(dir.path().join("closed")).unwrap();
    }
}

/// What a crash leaves while a store is being made: the database's settings are torn, and nothing was
/// acknowledged. In a store that had acknowledged something, it is damage.
#[test]
fn settings_torn_while_the_store_was_made_are_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let torn = |path: &Path| {
        fs::create_dir_all(path.join("data")).unwrap();
        fs::write(path.join("data/conf"), [1; 12]).unwrap();
    };
    torn(dir.path());
    let (store, ids) = filled(dir.path());
    is_the_same(&store, &ids);
    drop(store);
    fs::remove_file(dir.path().join("closed")).unwrap();
    torn(dir.path());
    assert!(matches!(
        Store::open(dir.path()),
        Err(Error::Corrupt { .. })
    ));
}

/// Of a store that has lost its sidecar and nothing else, all is still there.
#[test]
fn a_store_without_its_sidecar_is_refused_and_not_made_anew() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format-1");
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    copy(&golden, &old);
    filled(&new).0.close().unwrap();
    for path in [old, new] {
        let seal = fs::read(path.join("seal")).unwrap();
        fs::remove_file(path.join("closed")).unwrap();
        fs::remove_file(path.join("seal")).unwrap();
        for _ in 0..2 {
            assert!(matches!(Store::open(&path), Err(Error::Corrupt { .. })));
        }
        fs::write(path.join("seal"), seal).unwrap();
        assert!(Store::open(&path).unwrap().verify().unwrap().tokens > 0);
    }
}

/// A short form: every region of every file is damaged once, in three ways, with the mark of the
/// clean close and, as after a crash, without it. Either the content is the same or the store is
/// refused; nothing panics out of `open`.
#[test]
fn a_damaged_store_is_never_opened_silently() {
    let dir = tempfile::tempdir().unwrap();
    let (store, ids) = filled(dir.path());
    store.close().unwrap();
    let mut files = snapshot(dir.path());
    for with_mark in [true, false] {
        if !with_mark {
            fs::remove_file(dir.path().join("closed")).unwrap();
            files.retain(|(path, _)| !path.ends_with("closed"));
        }
        let (mut refused, mut unharmed) = (0, 0);
        for (path, bytes) in files.iter().filter(|(_, bytes)| !bytes.is_empty()) {
            for part in 0..12 {
                let at = (bytes.len() * part / 12 + 5).min(bytes.len() - 1);
                for damage in [flip, zero, cut] {
                    fs::write(path, damage(bytes.clone(), at)).unwrap();
                    match Store::open(dir.path()) {
                        Ok(store) => {
                            unharmed += 1;
                            is_the_same(&store, &ids);
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
                    if !with_mark {
                        let _ = fs::remove_file(dir.path().join("closed"));
                    }
                }
            }
        }
        // Without the mark, damage to what sled no longer uses passes; with it, only that to the
        // mark itself and to a slot of the sidecar that is not the newest.
        assert!(
            refused > 20 && unharmed > 0,
            "refused {refused}, unharmed {unharmed}"
        );
    }
}

fn is_the_same(store: &Store, ids: &[TokenId]) {
    assert_eq!(store.stats().unwrap().tokens, 200);
    for (number, id) in ids.iter().enumerate() {
        let info = store.get(*id).unwrap().unwrap();
        assert_eq!(info.revoked_at.is_some(), number == 7);
    }
}

fn restore(root: &Path, files: &[(std::path::PathBuf, Vec<u8>)]) {
    fs::remove_dir_all(root.join("data")).unwrap();
    for (path, bytes) in files {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
