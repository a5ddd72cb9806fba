//! Repairing: what is provably intact is saved, from stores that sled opens and from those that it
//! refuses; what is damaged stays as it is, and nothing revoked lives again.

mod file_damage;
mod folder_copy;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use file_damage::{cut, flip, zero};
use folder_copy::copy;
use hallpass::{Error, Issued, LostRevocations, NewToken, Options, Repaired, Store, TokenId};

const TOKENS: usize = 300;

/// What was true of a token when the store was closed.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Was {
    Active,
    Revoked,
    Disabled,
}

struct Lived {
    path: PathBuf,
    tokens: Vec<(Issued, Was)>,
    generation: u64,
}

/// A store with a life behind it: much of it was written in several versions.
fn lived(path: PathBuf) -> Lived {
    let store = Options::new()
        .purge_grace(std::time::Duration::ZERO)
        .open(&path)
        .unwrap();
    let mut tokens = Vec::new();
    let issue = |client: &str, count: usize, was: Was, tokens: &mut Vec<(Issued, Was)>| {
        let new = NewToken::new(client).never_expires().scopes(["read"]);
        let keep = |issued| tokens.push((issued, was));
        store.issue_many(vec![new; count], keep).unwrap();
    };
    issue("a", TOKENS, Was::Active, &mut tokens);
    issue("killed", 40, Was::Revoked, &mut tokens);
    issue("disabled", 20, Was::Disabled, &mut tokens);
    for at in (0..TOKENS).step_by(5) {
        store.revoke(tokens[at].0.id).unwrap();
        tokens[at].1 = Was::Revoked;
    }
    store.revoke_all("killed").unwrap();
    store.disable_client("disabled").unwrap();
    #[cfg(feature = "jwt")]
    {
        let hour = std::time::Duration::from_secs(3600);
        store
            .generate_signing_key(hallpass::jwt::Algorithm::EdDsa)
            .unwrap();
        let jwt = NewToken::jwt("signs").lifetime(hour);
        tokens.push((store.issue(jwt).unwrap(), Was::Active));
    }
    // What a crash would leave, beside what a clean close does.
    store.flush().unwrap();
    copy(&path, &path.with_extension("crashed"));
    store.close().unwrap();
    let generation = Store::open(&path).unwrap().generation();
    Lived {
        path,
        tokens,
        generation,
    }
}

fn repair(damaged: &Path, to: &Path, lost: LostRevocations) -> Result<Repaired, Error> {
    let _ = fs::remove_dir_all(to);
    Store::repair(damaged, to, Options::new(), lost)
}

/// How many tokens live in the store at `path`: of those that may.
fn living(path: &Path, lived: &Lived) -> usize {
    let store = Options::new().create(false).open(path).unwrap();
    store.verify().unwrap();
    let validator = store.validator();
    let mut living = 0;
    for (issued, was) in &lived.tokens {
        if validator.validate(issued.secret.expose()).is_ok() {
            assert_eq!(*was, Was::Active, "{} lives again", issued.id);
            living += 1;
        }
    }
    living
}

fn were_active(lived: &Lived) -> usize {
    let active = lived.tokens.iter().filter(|(_, was)| *was == Was::Active);
    active.count()
}

fn snapshot(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(snapshot(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            files.push((path, bytes));
        }
    }
    files.sort();
    files
}

#[test]
fn a_sound_store_is_repaired_into_the_same_store() {
    let dir = tempfile::tempdir().unwrap();
    let lived = lived(dir.path().join("store"));
    let to = dir.path().join("new");
    let before = snapshot(&lived.path);
    let repaired = repair(&lived.path, &to, LostRevocations::Refuse).unwrap();
    assert!(snapshot(&lived.path) == before, "it was touched");
    assert!(repaired.proven && !repaired.store.revoked_all);
    assert_eq!(
        (repaired.store.tokens, repaired.tokens_missing),
        (lived.tokens.len() as u64, 0)
    );
    assert!(repaired.store.generation >= lived.generation);
    assert_eq!(living(&to, &lived), were_active(&lived));
    let taken = Store::repair(&lived.path, &to, Options::new(), LostRevocations::Refuse);
    assert!(matches!(taken, Err(Error::PathTaken { .. })));
    let open = Store::open(&lived.path).unwrap();
    let locked = repair(&lived.path, &to, LostRevocations::Refuse);
    assert!(matches!(locked, Err(Error::Locked { .. })));
    drop(open);
    let none = repair(&dir.path().join("none"), &to, LostRevocations::Refuse);
    assert!(matches!(none, Err(Error::NotFound { .. })));
}

/// sled's structures are destroyed everywhere, the records are not: nothing is lost, and it is
/// proven.
#[test]
fn what_sled_refuses_to_open_is_found_and_proven() {
    let dir = tempfile::tempdir().unwrap();
    let lived = lived(dir.path().join("store"));
    fs::remove_file(lived.path.join("closed")).unwrap();
    let db = lived.path.join("data/db");
    let mut bytes = fs::read(&db).unwrap();
    // The header of the first segment, where sled begins to read; no records lie there.
    bytes[..20].fill(0xA5);
    fs::write(&db, &bytes).unwrap();
    for entry in fs::read_dir(lived.path.join("data")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && path != db {
            fs::write(path, b"nothing that sled knows").unwrap();
        }
    }
    assert!(Store::open(&lived.path).is_err());
    let to = dir.path().join("new");
    let before = snapshot(&lived.path);
    let repaired = repair(&lived.path, &to, LostRevocations::Refuse).unwrap();
    assert!(snapshot(&lived.path) == before, "it was touched");
    assert!(repaired.proven, "{repaired:?}");
    assert_eq!(repaired.tokens_missing, 0, "{repaired:?}");
    assert_eq!(living(&to, &lived), were_active(&lived));
}

#[test]
fn a_store_that_was_rolled_back_is_not_taken_for_the_last_one() {
    let dir = tempfile::tempdir().unwrap();
    let lived = lived(dir.path().join("store"));
    let old = dir.path().join("old");
    copy(&lived.path.join("data"), &old);
    let active = lived.tokens.iter().find(|(_, was)| *was == Was::Active);
    let store = Store::open(&lived.path).unwrap();
    store.revoke(active.unwrap().0.id).unwrap();
    store.close().unwrap();
    fs::remove_dir_all(lived.path.join("data")).unwrap();
    fs::remove_file(lived.path.join("closed")).unwrap();
    copy(&old, &lived.path.join("data"));
    assert!(matches!(
        Store::open(&lived.path),
        Err(Error::RolledBack { .. })
    ));

    let to = dir.path().join("new");
    let refused = repair(&lived.path, &to, LostRevocations::Refuse);
    assert!(
        matches!(refused, Err(Error::RevocationsMayBeLost { .. })),
        "{refused:?}"
    );
    assert!(!to.exists());
    let repaired = repair(&lived.path, &to, LostRevocations::RevokeAll).unwrap();
    assert!(!repaired.proven && repaired.store.revoked_all);
    assert_eq!(living(&to, &lived), 0);
    // Accepting brings back the one that was revoked since: that is what the word says.
    let repaired = repair(&lived.path, &to, LostRevocations::Accept).unwrap();
    assert!(!repaired.proven && repaired.store.generation > lived.generation);
    assert_eq!(living(&to, &lived), were_active(&lived));

    // Without the sidecar nothing says which generation was the last, unless the owner does.
    fs::remove_file(lived.path.join("seal")).unwrap();
    assert!(repair(&lived.path, &to, LostRevocations::Refuse).is_err());
    let known = Options::new().least_generation(lived.generation);
    let known = Store::repair(&lived.path, &to, known, LostRevocations::Refuse);
    assert!(known.is_ok_and(|repaired| repaired.proven));
}

/// Every region of every file is damaged in four ways, of a store that was closed and of one that
/// crashed. Whatever is saved, nothing that was dead lives; and what is refused for want of a word is
/// saved with one.
#[test]
fn nothing_dead_lives_again_wherever_the_damage_is() {
    let dir = tempfile::tempdir().unwrap();
    let lived = lived(dir.path().join("store"));
    let regions = std::env::var("HALLPASS_REGIONS").map_or(3, |text| text.parse().unwrap());
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for image in [&lived.path, &lived.path.with_extension("crashed")] {
        damage_everywhere(image, &lived, regions, dir.path(), &mut seen);
    }
    println!("{seen:?}");
    assert!(seen["proven"] > 10, "{seen:?}");
    assert!(seen["doubtful"] > 0, "{seen:?}");
}

fn damage_everywhere(
    image: &Path,
    lived: &Lived,
    regions: usize,
    dir: &Path,
    seen: &mut HashMap<&str, usize>,
) {
    let (damaged, to) = (dir.join("damaged"), dir.join("new"));
    let files: Vec<PathBuf> = snapshot(image)
        .into_iter()
        .filter(|(path, bytes)| !bytes.is_empty() && !path.ends_with("digest.key"))
        .map(|(path, _)| path.strip_prefix(image).unwrap().to_owned())
        .collect();
    for (file, region) in files
        .iter()
        .flat_map(|file| (0..regions).map(move |n| (file, n)))
    {
        for damage in [flip, zero, cut, tear] {
            let _ = fs::remove_dir_all(&damaged);
            copy(image, &damaged);
            let path = damaged.join(file);
            let bytes = fs::read(&path).unwrap();
            let at = (bytes.len() * region / regions + 5).min(bytes.len() - 1);
            fs::write(&path, damage(bytes, at)).unwrap();
            let refused = match repair(&damaged, &to, LostRevocations::Refuse) {
                Ok(repaired) => {
                    *seen.entry("proven").or_default() += 1;
                    assert!(repaired.proven);
                    let living = living(&to, lived);
                    let lost = repaired.tokens_missing as usize;
                    assert!(living + lost >= were_active(lived), "{repaired:?}");
                    continue;
                }
                Err(refused) => refused,
            };
            assert!(!to.exists());
            match refused {
                Error::RevocationsMayBeLost { .. } => {
                    *seen.entry("doubtful").or_default() += 1;
                    let repaired = repair(&damaged, &to, LostRevocations::RevokeAll).unwrap();
                    assert!(repaired.store.revoked_all);
                    assert_eq!(living(&to, lived), 0);
                    let repaired = repair(&damaged, &to, LostRevocations::Accept).unwrap();
                    assert!(repaired.store.tokens > 0 && !repaired.store.revoked_all);
                    // What lives besides may have been revoked in what is lost: the word's risk.
                    drop(Store::open(&to).unwrap());
                }
                Error::Corrupt { .. } | Error::NewerFormat { .. } | Error::WrongDigestKey => {
                    *seen.entry("refused").or_default() += 1;
                }
                other => panic!("{file:?} at {at}: {other}"),
            }
        }
    }
}

/// One bit of one record is wrong, and everything else is proven: that token is gone, and no word is
/// needed for the others. If what is damaged says that a token was revoked, its older version, which
/// is intact, does not count.
#[test]
fn a_single_damaged_record_costs_its_token_and_nothing_else() {
    for in_what in ["marker 7 ends", "marker 49 ends", "reason is lost"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let store = Store::open(&path).unwrap();
        let mut tokens: Vec<(Issued, Was)> = Vec::new();
        for n in 0..50 {
            let client = if n % 3 == 0 { "c" } else { "d" };
            let new = NewToken::new(client).never_expires();
            let new = new.metadata("n", format!("marker {n} ends"));
            tokens.push((store.issue(new).unwrap(), Was::Active));
        }
        let why = hallpass::RevokeReason {
            reason: "the reason is lost",
            by: "",
        };
        store.revoke_because(tokens[11].0.id, why).unwrap();
        tokens[11].1 = Was::Revoked;
        let generation = store.generation();
        store.close().unwrap();
        let lived = Lived {
            path,
            tokens,
            generation,
        };
        fs::remove_file(lived.path.join("closed")).unwrap();
        let db = lived.path.join("data/db");
        let mut bytes = fs::read(&db).unwrap();
        let marker = in_what.as_bytes();
        let found: Vec<usize> = bytes
            .windows(marker.len())
            .enumerate()
            .filter(|(_, window)| *window == marker)
            .map(|(at, _)| at)
            .collect();
        assert!(!found.is_empty());
        for at in found {
            bytes[at] ^= 1;
        }
        fs::write(&db, &bytes).unwrap();
        let to = dir.path().join("new");
        let repaired = repair(&lived.path, &to, LostRevocations::Refuse).unwrap();
        assert!(repaired.proven, "{in_what}: {repaired:?}");
        assert_eq!((repaired.store.tokens, repaired.tokens_missing), (49, 1));
        let revoked = in_what == "reason is lost";
        assert_eq!(living(&to, &lived), if revoked { 49 } else { 48 });
        let gone: TokenId = lived.tokens[match in_what {
            "marker 7 ends" => 7,
            "marker 49 ends" => 49,
            _ => 11,
        }]
        .0
        .id;
        assert!(Store::open(&to).unwrap().get(gone).unwrap().is_none());
    }
}

/// What is damaged is the denial of a foreign token, and nothing else: without it that token would
/// live, so it is not taken for a token that is merely lost.
#[cfg(feature = "jwt")]
#[test]
fn a_lost_denial_of_a_foreign_token_needs_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = Store::open(&path).unwrap();
    let new = NewToken::new("c").never_expires();
    store.issue_many(vec![new; 10], drop).unwrap();
    let issuer = "https://issuer.example";
    let far = 4_000_000_000;
    for jti in ["one", "two"] {
        store.revoke_foreign(issuer, jti, far).unwrap();
    }
    store.close().unwrap();
    fs::remove_file(path.join("closed")).unwrap();
    let db = path.join("data/db");
    let mut bytes = fs::read(&db).unwrap();
    // The records of the denials: kind 4, digest, placed by it, no key, the issuer for a client.
    let records: Vec<usize> = (36..bytes.len() - issuer.len())
        .filter(|at| bytes[*at..].starts_with(issuer.as_bytes()))
        .filter(|at| bytes[at - 36] == 4 && bytes[at - 3..*at] == [1, 0, issuer.len() as u8])
        .collect();
    let digest = |at: usize| bytes[at - 35..at - 3].to_vec();
    let one = digest(records[0]);
    let of_one: Vec<usize> = records
        .iter()
        .copied()
        .filter(|at| digest(*at) == one)
        .collect();
    assert!(of_one.len() < records.len());
    for at in of_one {
        bytes[at - 10] ^= 1;
    }
    fs::write(&db, &bytes).unwrap();
    let to = dir.path().join("new");
    let refused = repair(&path, &to, LostRevocations::Refuse);
    assert!(
        matches!(refused, Err(Error::RevocationsMayBeLost { .. })),
        "{refused:?}"
    );
    let accepted = repair(&path, &to, LostRevocations::Accept).unwrap();
    assert_eq!((accepted.store.tokens, accepted.tokens_missing), (11, 1));
}

/// A block of another place, as after a write that went astray.
fn tear(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    let length = 4096.min(bytes.len() - at).min(at);
    bytes.copy_within(0..length, at);
    bytes
}
