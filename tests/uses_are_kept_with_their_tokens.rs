//! When a token was last used and how often is shown with it, across reopening, compacting and damage,
//! if that was asked for; and nothing else depends on it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use hallpass::{Error, NewToken, Options, Store, TokenId, Used};

fn open(path: &Path) -> Store {
    let options = Options::new().purge_grace(Duration::ZERO);
    options.open(path).unwrap()
}

fn issue(store: &Store, client: &str) -> TokenId {
    let new = NewToken::new(client).never_expires();
    store.issue(new).unwrap().id
}

fn shown(store: &Store, id: TokenId) -> Option<(u64, u64)> {
    let info = store.get(id).unwrap().unwrap();
    info.last_used_at.zip(info.uses)
}

#[test]
fn they_add_up_and_outlive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("uses");
    let store = open(dir.path());
    let [used, unused, other] = [(); 3].map(|()| issue(&store, "c"));
    store.keep_uses([]).unwrap();
    assert_eq!(shown(&store, used), None);
    let told = serde_json::to_string(&store.get(used).unwrap()).unwrap();
    assert!(!told.contains("use"), "{told}");
    assert!(!file.exists(), "nobody asked");

    let generation = store.generation();
    let stranger = TokenId::from_u64(7).unwrap();
    let uses = [(used, Used::new(100, 2)), (stranger, Used::new(1, 1))];
    store.keep_uses(uses).unwrap();
    store
        .keep_uses([(used, Used::new(90, 3)), (other, Used::new(50, 1))])
        .unwrap();
    let check = |store: &Store| {
        assert_eq!(shown(store, used), Some((100, 5)));
        assert_eq!(shown(store, unused), None);
        let page = store.list("c", None, 10).unwrap().tokens;
        let uses: Vec<_> = page.iter().map(|info| info.uses).collect();
        assert_eq!(uses, [Some(5), None, Some(1)]);
        store.verify().unwrap();
    };
    check(&store);
    assert_eq!(store.generation(), generation, "no change of the store");
    let entries = |file: &Path| (fs::metadata(file).unwrap().len() - 16) / 28;
    assert_eq!(entries(&file), 2);
    store.close().unwrap();
    Store::compact(dir.path(), Options::new()).unwrap();
    let store = open(dir.path());
    check(&store);

    // What is purged is forgotten, by whoever purges.
    store.revoke(used).unwrap();
    assert_eq!(shown(&store, used), Some((100, 5)), "dead, and still there");
    store.purge(10).unwrap();
    store.keep_uses([(other, Used::new(60, 1))]).unwrap();
    assert_eq!(entries(&file), 1);
    store.revoke(other).unwrap();
    store.close().unwrap();
    let store = open(dir.path());
    store.purge(10).unwrap();
    store.keep_uses([(unused, Used::new(1, 1))]).unwrap();
    assert_eq!(entries(&file), 1);

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn damage_costs_what_is_damaged_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("uses");
    let store = open(dir.path());
    let ids = [(); 3].map(|()| issue(&store, "c"));
    store
        .keep_uses(ids.map(|id| (id, Used::new(100, 1))))
        .unwrap();
    store.close().unwrap();
    let whole = fs::read(&file).unwrap();
    assert_eq!(whole.len(), 16 + 3 * 28);
    let kept = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        let store = open(dir.path());
        store.verify().unwrap();
        let shown = ids.map(|id| shown(&store, id));
        store.close().unwrap();
        assert!(shown.iter().flatten().all(|shown| *shown == (100, 1)));
        shown.iter().flatten().count()
    };
    for at in (0..whole.len()).step_by(5) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        assert_eq!(kept(&damaged), if at < 16 { 0 } else { 2 }, "{at}");
        assert_eq!(kept(&whole[..at]), at.saturating_sub(16) / 28, "{at}");
    }
    let mut more = whole.clone();
    more.extend_from_slice(&[0; 1000]);
    assert_eq!(kept(&more), 3);

    // It can be anything at all.
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let store = open(dir.path());
    assert_eq!(shown(&store, ids[0]), None);
    let failed = store.keep_uses([(ids[0], Used::new(7, 1))]);
    assert!(matches!(failed, Err(Error::Io { .. })), "{failed:?}");
    assert_eq!(shown(&store, ids[0]), Some((7, 1)), "as long as it is open");
    issue(&store, "d");
    fs::remove_dir(&file).unwrap();
    store.keep_uses([(ids[1], Used::new(8, 1))]).unwrap();
    store.close().unwrap();
    let store = open(dir.path());
    assert_eq!(
        ids.map(|id| shown(&store, id).is_some()),
        [true, true, false]
    );
}

#[test]
fn a_backup_holds_none() {
    let dir = tempfile::tempdir().unwrap();
    let [path, backup, restored] =
        ["store", "backup", "restored"].map(|name| dir.path().join(name));
    let store = open(&path);
    let id = issue(&store, "c");
    store.keep_uses([(id, Used::new(100, 1))]).unwrap();
    store.backup(&backup).unwrap();
    store.close().unwrap();
    let key = hallpass::DigestKey::read_file(path.join("digest.key")).unwrap();
    let options = || Options::new().digest_key(key.clone());
    Store::restore(
        &backup,
        &restored,
        options(),
        hallpass::LostRevocations::Accept,
    )
    .unwrap();
    let store = options().open(&restored).unwrap();
    assert_eq!(shown(&store, id), None);
    assert!(!restored.join("uses").exists());
}
