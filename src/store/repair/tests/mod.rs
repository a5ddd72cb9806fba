use std::collections::HashMap;

use super::super::salvage::Salvage;
use super::*;
use crate::disk::{Disk as _, Tree};
use crate::inactive::Inactive;
use crate::new_token::{Issued, NewToken};
use crate::record::{KeyRecord, TokenRecord};
use crate::token_id::TokenId;

fn options() -> Options {
    Options::new().digest_key(DigestKey::from_bytes([7; 32]))
}

struct Outcome {
    _dir: tempfile::TempDir,
    repaired: Repaired,
    store: Store,
    issued: Vec<Issued>,
    /// The generation of the damaged store.
    known: u64,
}

/// Repairs a store of two tokens of `a` and one of `b`, once something of what was found in it is
/// lost.
fn with(lose: impl Fn(&mut Salvage, &[TokenId])) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = options().open(&path).unwrap();
    let issue = |client| store.issue(NewToken::new(client).never_expires());
    let issued = ["a", "a", "b"].map(|client| issue(client).unwrap());
    store.close().unwrap();
    let ids = issued.each_ref().map(|one| one.id);

    let key = MacKey::new(options().digest_key.as_ref().unwrap());
    let damaged = Damaged::lock(&path).unwrap();
    let known = damaged.mark(&key).unwrap().unwrap().generation;
    let to = dir.path().join("new");
    let target = NewFolder::begin(&to).unwrap();
    let folder = target.folder().unwrap();
    let mut salvage = damaged.salvage(folder, &key, &options()).unwrap();
    lose(&mut salvage, &ids);
    let plan = salvage.plan(Some(known), true, &|_| None);
    let accept = LostRevocations::Accept;
    let repaired = plan.write(target, &key, known, &options(), accept);
    let store = options().open(&to).unwrap();
    store.verify().unwrap();
    Outcome {
        _dir: dir,
        repaired: repaired.unwrap(),
        store,
        issued: issued.into(),
        known,
    }
}

fn verdict(store: &Store, token: &Issued) -> Option<Inactive> {
    store.validator().validate(token.secret.expose()).err()
}

/// Whether it was disabled, and which of its tokens were revoked with all, nobody can say.
#[test]
fn a_client_whose_record_is_lost_is_disabled_and_its_tokens_are_revoked() {
    let found = with(|salvage, _| {
        salvage.clients.remove("a");
    });
    assert!(!found.repaired.proven);
    assert_eq!(found.repaired.clients_disabled, 1);
    assert!(found.repaired.store.generation > found.known);
    let is_disabled = |client| found.store.client(client).unwrap().unwrap().disabled;
    assert!(is_disabled("a") && !is_disabled("b"));
    assert_eq!(verdict(&found.store, &found.issued[2]), None);
    found.store.enable_client("a").unwrap();
    for dead in &found.issued[..2] {
        assert_eq!(verdict(&found.store, dead), Some(Inactive::Revoked));
    }
}

#[test]
fn a_token_without_its_key_and_one_with_a_later_ones_secret_are_left_out() {
    let found = with(|salvage, ids| {
        let later = salvage.tokens[&ids[1]].current.as_ref().unwrap().0.digest;
        let mut written = |id, change: &dyn Fn(&mut TokenRecord)| {
            let versions = salvage.tokens.get_mut(&id).unwrap();
            let (record, mac) = versions.current.as_mut().unwrap();
            change(record);
            *mac += 1;
        };
        written(ids[0], &|token| token.digest = later);
        written(ids[2], &|token| token.key = 9);
    });
    assert!(!found.repaired.proven && found.repaired.store.generation > found.known);
    assert_eq!(found.repaired.store.tokens, 1);
    assert_eq!(found.repaired.tokens_dropped, 2);
    assert_eq!(found.repaired.tokens_missing, 2);
    assert_eq!(verdict(&found.store, &found.issued[1]), None);
    for gone in [&found.issued[0], &found.issued[2]] {
        assert!(found.store.get(gone.id).unwrap().is_none());
    }
}

/// An empty one, too, of which nothing but the seal is there.
#[test]
fn what_is_proven_is_as_it_was_whatever_the_word() {
    for tokens in [0, 1] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let store = options().open(&path).unwrap();
        let new = vec![NewToken::new("c").never_expires(); tokens];
        let mut issued = Vec::new();
        store.issue_many(new, |one| issued.push(one)).unwrap();
        store.close().unwrap();
        for word in [
            LostRevocations::Refuse,
            LostRevocations::Accept,
            LostRevocations::RevokeAll,
        ] {
            let to = dir.path().join(format!("{word:?}"));
            let repaired = Store::repair(&path, &to, options(), word).unwrap();
            assert!(repaired.proven && !repaired.store.revoked_all, "{word:?}");
            assert_eq!(repaired.store.tokens, tokens as u64);
            let new = options().open(&to).unwrap();
            assert!(issued.iter().all(|token| verdict(&new, token).is_none()));
        }
    }
}

/// Who has remembered a generation must find it there; what is less than it was has a newer one.
#[test]
fn what_is_whole_keeps_its_generation() {
    let found = with(|_, _| ());
    assert!(found.repaired.proven && found.repaired.tokens_missing == 0);
    assert_eq!(found.repaired.store.generation, found.known);
}

/// Tokens name their key by its number, and those of clients, which have none, name nothing.
#[test]
fn of_two_keys_of_one_number_the_first_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let key = |kid: &str, number| {
        let record = KeyRecord {
            number,
            algorithm: 0,
            signs: false,
            created_at: 0,
            epoch: 0,
            client: "".into(),
            public: "".into(),
            private: Vec::new(),
        };
        (kid.into(), record)
    };
    let plan = Plan {
        proven: false,
        seal: None,
        store_record: None,
        tokens: Vec::new(),
        clients: HashMap::new(),
        keys: vec![key("a", 1), key("b", 1), key("c", 0), key("d", 0)],
    };
    let to = dir.path().join("new");
    let target = NewFolder::begin(&to).unwrap();
    let mac_key = MacKey::new(options().digest_key.as_ref().unwrap());
    let accept = LostRevocations::Accept;
    let repaired = plan.write(target, &mac_key, 0, &options(), accept);
    assert_eq!(repaired.unwrap().store.keys, 3);
    let disk = SledDisk::open(&to.join("data"), &to.join("seal"), 1 << 20).unwrap();
    for (kid, is_kept) in [("a", true), ("b", false), ("c", true), ("d", true)] {
        let record = disk.get(Tree::Keys, kid.as_bytes()).unwrap();
        assert_eq!(record.is_some(), is_kept, "{kid}");
    }
}

/// Without its sidecar nothing says that what is in the store is the last.
#[test]
fn in_doubt_the_owner_decides() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = options().open(&path).unwrap();
    let issued = store.issue(NewToken::new("c").never_expires()).unwrap();
    store.close().unwrap();
    fs::remove_file(path.join("seal")).unwrap();
    let repair = |to: &Path, word| Store::repair(&path, to, options(), word);
    let to = dir.path().join("refused");
    let refused = repair(&to, LostRevocations::Refuse);
    assert!(
        matches!(refused, Err(Error::RevocationsMayBeLost { .. })),
        "{refused:?}"
    );
    assert!(!to.exists());
    for (word, said) in [
        (LostRevocations::Accept, None),
        (LostRevocations::RevokeAll, Some(Inactive::Revoked)),
    ] {
        let to = dir.path().join(format!("{word:?}"));
        let repaired = repair(&to, word).unwrap();
        assert!(!repaired.proven);
        assert_eq!(repaired.store.revoked_all, said.is_some());
        assert_eq!(verdict(&options().open(&to).unwrap(), &issued), said);
    }
}

#[test]
fn where_nothing_is_intact_no_word_makes_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let (path, to) = (dir.path().join("store"), dir.path().join("new"));
    fs::create_dir_all(path.join("data")).unwrap();
    fs::write(path.join("data/db"), [0xA5; 100_000]).unwrap();
    for word in [LostRevocations::Accept, LostRevocations::RevokeAll] {
        let refused = Store::repair(&path, &to, options(), word);
        assert!(matches!(refused, Err(Error::Corrupt { .. })), "{refused:?}");
        assert!(!to.exists());
    }
}
