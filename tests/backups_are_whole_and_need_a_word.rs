//! Backing up while serving, and restoring: consistent, proven, without secrets; and nothing that was
//! revoked comes back without a word.

mod hand_clock;

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass::{
    DigestKey, Error, Inactive, Issued, LostRevocations, NewToken, Options, Store, TokenId, limits,
};
use hand_clock::HandClock;

const KEY: [u8; 32] = *b"the key that no backup may hold.";

fn options() -> Options {
    Options::new().digest_key(DigestKey::from_bytes(KEY))
}

fn open(path: &Path) -> Store {
    options().create(false).open(path).unwrap()
}

fn new(client: &str) -> NewToken {
    NewToken::new(client).never_expires().metadata("k", "v")
}

fn fill(store: &Store, client: &str, tokens: usize) -> Vec<Issued> {
    let mut all = Vec::new();
    let tokens = vec![new(client); tokens];
    store.issue_many(tokens, |issued| all.push(issued)).unwrap();
    all
}

#[test]
fn a_backup_of_a_store_that_changes_is_of_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let store = options().open(dir.path().join("store")).unwrap();
    let before = fill(&store, "before", 20_000);
    store.revoke(before[0].id).unwrap();
    let to_revoke: Vec<TokenId> = before[1..].iter().step_by(7).map(|one| one.id).collect();
    let is_over = AtomicBool::new(false);
    let issued = Mutex::new(Vec::new());
    let (backup, revoked) = (dir.path().join("backup"), Mutex::new(Vec::new()));
    let told = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                for client in ["during", "before", "after"] {
                    let one = store.issue(new(client)).unwrap();
                    issued.lock().unwrap().push(one.id);
                }
            }
        });
        scope.spawn(|| {
            for id in to_revoke.iter().rev() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                store.revoke(*id).unwrap();
                revoked.lock().unwrap().push(*id);
            }
        });
        while issued.lock().unwrap().len() < 30 || revoked.lock().unwrap().len() < 10 {
            std::thread::yield_now();
        }
        let sure = (issued.lock().unwrap().len(), revoked.lock().unwrap().len());
        let told = store.backup(&backup).unwrap();
        // At most one of each was under way when the backup ended.
        let most = (
            issued.lock().unwrap().len() + 1,
            revoked.lock().unwrap().len() + 1,
        );
        is_over.store(true, Ordering::Relaxed);
        (told, sure, most)
    });
    let (told, sure, most) = told;
    let restored = dir.path().join("restored");
    let same = Store::restore(
        &backup,
        &restored,
        options().least_generation(told.generation),
        LostRevocations::Refuse,
    )
    .unwrap();
    assert_eq!(
        (same.generation, same.tokens, same.revoked_all),
        (told.generation, told.tokens, false)
    );

    let store = open(&restored);
    store.verify().unwrap();
    let (issued, revoked) = (issued.into_inner().unwrap(), revoked.into_inner().unwrap());
    let info = |id: &TokenId| store.get(*id).unwrap();
    let there = issued.iter().take_while(|id| info(id).is_some()).count();
    let is_revoked = |id: &&TokenId| info(id).is_some_and(|info| info.revoked_at.is_some());
    let dead = revoked.iter().take_while(is_revoked).count();
    assert!(
        sure.0 <= there && there <= most.0,
        "{sure:?} {there} {most:?}"
    );
    assert!(sure.1 <= dead && dead <= most.1, "{sure:?} {dead} {most:?}");
    // Nothing of what came after that moment, in whichever order it is looked at.
    assert!(issued[there..].iter().all(|id| info(id).is_none()));
    assert!(!revoked[dead..].iter().any(|id| is_revoked(&id)));
    assert_eq!(told.tokens, (before.len() + there) as u64);
    let dead: HashSet<TokenId> = revoked[..dead].iter().copied().collect();
    for one in &before[1..] {
        let answer = store.validator().validate(one.secret.expose()).is_ok();
        assert_eq!(answer, !dead.contains(&one.id));
    }
}

#[test]
fn an_old_backup_needs_a_word_about_what_was_revoked_since() {
    let dir = tempfile::tempdir().unwrap();
    let store = options().open(dir.path().join("store")).unwrap();
    let (revoked, killed) = (
        store.issue(new("a")).unwrap(),
        store.issue(new("b")).unwrap(),
    );
    let backup = dir.path().join("backup");
    let told = store.backup(&backup).unwrap();
    store.revoke(revoked.id).unwrap();
    store.revoke_all("b").unwrap();
    let newest = store.generation();
    store.close().unwrap();
    let restore = |name: &str, least, lost| {
        let options = options().least_generation(least);
        Store::restore(&backup, dir.path().join(name), options, lost)
    };

    let refused = restore("refused", 0, LostRevocations::Refuse);
    assert!(matches!(refused, Err(Error::RevocationsMayBeLost { .. })));
    for lost in [LostRevocations::Refuse, LostRevocations::Accept] {
        assert!(matches!(
            restore("refused", newest, lost),
            Err(Error::RolledBack { found, required }) if found == told.generation && required == newest
        ));
    }
    assert!(!dir.path().join("refused").exists());

    restore("accepted", 0, LostRevocations::Accept).unwrap();
    let path = dir.path().join("accepted");
    let rolled_back = options().least_generation(newest).open(&path);
    assert!(matches!(rolled_back, Err(Error::RolledBack { .. })));
    let store = open(&path);
    for one in [&revoked, &killed] {
        // This is what the word is about.
        assert!(store.validator().validate(one.secret.expose()).is_ok());
    }

    let all = restore("younger", 0, LostRevocations::RevokeAll).unwrap();
    assert!(all.revoked_all && all.generation > told.generation);
    // What is known elsewhere of the generation goes on to hold.
    let all = restore("killed", newest + 7, LostRevocations::RevokeAll).unwrap();
    assert_eq!(all.generation, newest + 7);
    let store = open(&dir.path().join("killed"));
    store.verify().unwrap();
    for one in [&revoked, &killed] {
        let no = store.validator().validate(one.secret.expose()).unwrap_err();
        assert_eq!(no, Inactive::Revoked);
    }
    let again = store.issue(new("a")).unwrap();
    assert!(store.validator().validate(again.secret.expose()).is_ok());
}

#[cfg(feature = "jwt")]
#[test]
fn keys_sign_after_a_restore_unless_everything_was_revoked() {
    use hallpass::KeyState;
    use hallpass::jwt::Algorithm;

    let dir = tempfile::tempdir().unwrap();
    let store = options().open(dir.path().join("store")).unwrap();
    let hour = std::time::Duration::from_secs(3600);
    let new = || NewToken::jwt("c").lifetime(hour);
    for algorithm in [Algorithm::EdDsa, Algorithm::Hs256] {
        store.generate_signing_key(algorithm).unwrap();
    }
    let key = store.generate_client_key("c", Algorithm::Es256).unwrap();
    let jwt = store.issue(new()).unwrap();
    let backup = dir.path().join("backup");
    let told = store.backup(&backup).unwrap();
    assert_eq!(told.keys, 3);
    let restore = |name: &str, lost| {
        let path = dir.path().join(name);
        Store::restore(&backup, &path, options(), lost).unwrap();
        open(&path)
    };
    let store = restore("accepted", LostRevocations::Accept);
    assert!(store.validator().validate(jwt.secret.expose()).is_ok());
    store.issue(new()).unwrap();
    assert_eq!(store.client_keys("c").unwrap()[0].kid, key.info.kid);

    let store = restore("killed", LostRevocations::RevokeAll);
    assert!(store.validator().validate(jwt.secret.expose()).is_err());
    let keys = store.signing_keys().unwrap();
    assert!(keys.len() == 2 && keys.iter().all(|key| key.state == KeyState::Retired));
    assert!(store.issue(new()).is_err(), "a retired key signed");
    assert!(store.client_keys("c").unwrap().is_empty());
    store.generate_signing_key(Algorithm::EdDsa).unwrap();
    store.issue(new()).unwrap();
}

/// Or a token could be taken for another that is remembered elsewhere.
#[test]
fn an_id_that_was_given_is_not_given_again_by_a_restored_store() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock(Arc::new(AtomicU64::new(1_800_000_000)));
    let options = || options().clock(clock.clone()).purge_grace(Duration::ZERO);
    let store = options().open(dir.path().join("store")).unwrap();
    let [_, last] = [(); 2].map(|()| store.issue(new("c")).unwrap().id);
    store.revoke(last).unwrap();
    assert_eq!(store.purge(10).unwrap().purged, 1);
    let (backup, to) = (dir.path().join("backup"), dir.path().join("new"));
    store.backup(&backup).unwrap();
    Store::restore(&backup, &to, options(), LostRevocations::Accept).unwrap();
    let next = options().open(&to).unwrap().issue(new("c")).unwrap();
    assert!(next.id > last);
}

#[test]
fn the_largest_records_are_restored() {
    let dir = tempfile::tempdir().unwrap();
    let store = options().open(dir.path().join("store")).unwrap();
    let width = limits::SCOPE_MAX_BYTES;
    let scopes = (0..limits::SCOPES_MAX).map(|n| format!("{n:0width$}"));
    let largest = NewToken::new("c".repeat(limits::CLIENT_ID_MAX_BYTES))
        .never_expires()
        .scopes(scopes)
        .metadata("k", "v".repeat(limits::METADATA_MAX_BYTES - 1));
    let id = store.issue(largest).unwrap().id;
    let (backup, to) = (dir.path().join("backup"), dir.path().join("new"));
    store.backup(&backup).unwrap();
    Store::restore(&backup, &to, options(), LostRevocations::Accept).unwrap();
    assert_eq!(open(&to).get(id).unwrap(), store.get(id).unwrap());
}

#[test]
fn nothing_is_written_over_and_nothing_half_done_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = options().open(&path).unwrap();
    let issued = store.issue(new("c")).unwrap();
    let backup = dir.path().join("backup");
    store.backup(&backup).unwrap();
    assert!(matches!(
        store.backup(&backup),
        Err(Error::PathTaken { .. })
    ));
    store.close().unwrap();
    let restore = |to: &Path| Store::restore(&backup, to, options(), LostRevocations::Accept);
    fs::write(dir.path().join("file"), "mine").unwrap();
    for taken in ["store", "file", "backup"] {
        let refused = restore(&dir.path().join(taken));
        assert!(matches!(refused, Err(Error::PathTaken { .. })), "{taken}");
    }
    let validator = open(&path);
    assert!(
        validator
            .validator()
            .validate(issued.secret.expose())
            .is_ok()
    );
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    restore(&empty).unwrap();
    drop(open(&empty));
    let mut left: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["backup", "empty", "file", "store"]);
}

#[test]
fn a_damaged_backup_is_refused_wherever_the_damage_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = options().open(dir.path().join("store")).unwrap();
    fill(&store, "c", 50);
    let backup = dir.path().join("backup");
    store.backup(&backup).unwrap();
    let bytes = fs::read(&backup).unwrap();
    let (file, to) = (dir.path().join("damaged"), dir.path().join("restored"));
    let refused = |bytes: &[u8], how: &str| {
        fs::write(&file, bytes).unwrap();
        let made = Store::restore(&file, &to, options(), LostRevocations::Accept);
        assert!(
            matches!(made, Err(Error::Corrupt { .. })),
            "{how}: {made:?}"
        );
        assert!(!to.exists(), "{how}");
    };
    for at in (0..bytes.len())
        .step_by(97)
        .chain(bytes.len() - 70..bytes.len())
    {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        refused(&damaged, &format!("flipped at {at}"));
        refused(&bytes[..at], &format!("cut at {at}"));
    }
    // Whoever can mend the checksum, which needs no key, still meets the MACs and the seal.
    let body = bytes.len() - 32;
    let resum = |bytes: &mut Vec<u8>| {
        let sum = blake3::hash(&bytes[..bytes.len() - 32]);
        let at = bytes.len() - 32;
        bytes[at..].copy_from_slice(sum.as_bytes());
    };
    for at in (18..body).step_by(41) {
        let mut forged = bytes.clone();
        forged[at] ^= 1 << (at % 8);
        resum(&mut forged);
        fs::write(&file, &forged).unwrap();
        let made = Store::restore(&file, &to, options(), LostRevocations::Accept);
        // The file can be read, whatever it says.
        let told = !matches!(made, Ok(_) | Err(Error::Io { .. }));
        assert!(told, "forged at {at}: {made:?}");
        assert!(!to.exists(), "forged at {at}");
    }
    fs::write(&file, &bytes).unwrap();
    let other = options().digest_key(DigestKey::from_bytes([1; 32]));
    assert!(matches!(
        Store::restore(&file, &to, other, LostRevocations::Accept),
        Err(Error::WrongDigestKey)
    ));
    let none = Store::restore(&file, &to, Options::new(), LostRevocations::Accept);
    assert!(matches!(none, Err(Error::Invalid { .. })));
    assert!(!to.exists());
}

#[test]
fn a_backup_holds_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let store = options().open(dir.path().join("store")).unwrap();
    let issued = fill(&store, "c", 100);
    let backup = dir.path().join("backup");
    store.backup(&backup).unwrap();
    let bytes = fs::read(&backup).unwrap();
    let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(
        holds(b"metadata") || holds(b"\x01k\x01v"),
        "nothing is found at all"
    );
    assert!(!holds(&KEY[..8]));
    for one in &issued {
        let text = one.secret.expose().as_bytes();
        // Past the prefix and the id, which is public.
        assert!(!text[14..].windows(8).any(holds));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            fs::metadata(&backup).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
