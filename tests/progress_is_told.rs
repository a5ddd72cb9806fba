//! Whoever asked for it is told how far that has come which takes long, to its end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass::{DigestKey, LostRevocations, NewToken, Options, Progress, Store};

/// More than one group, batch or chunk of any of them.
const TOKENS: u64 = 4200;

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Progress>>>);

impl Told {
    fn options(&self) -> Options {
        let told = Arc::clone(&self.0);
        Options::new()
            .digest_key(DigestKey::from_bytes([7; 32]))
            .purge_grace(Duration::ZERO)
            .on_progress(move |progress| told.lock().unwrap().push(progress))
    }

    /// What was told since it was asked last, as (what, how much), each of which must have risen to
    /// its end.
    fn ended(&self) -> Vec<(&'static str, u64)> {
        let told = std::mem::take(&mut *self.0.lock().unwrap());
        let same = |one: &Progress, next: &Progress| one.doing == next.doing;
        let ended = told.chunk_by(same).map(|steps| {
            assert!(steps.is_sorted_by_key(|step| step.done), "{steps:?}");
            assert!(steps.iter().all(|step| step.done <= step.total));
            let last = steps.last().unwrap();
            assert_eq!(last.done, last.total, "{last:?}");
            assert!(steps.iter().all(|step| step.total == last.total));
            (last.doing, last.total)
        });
        ended.collect()
    }

    /// How often.
    fn times(&self, doing: &str) -> usize {
        let told = self.0.lock().unwrap();
        told.iter().filter(|step| step.doing == doing).count()
    }
}

#[test]
fn everything_long_is_told_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let told = Told::default();
    let options = || told.options();
    let store = options().open(at("store")).unwrap();
    assert_eq!(told.ended(), [("open", 0)]);
    let tokens = vec![NewToken::new("c").never_expires(); TOKENS as usize];
    store.issue_many(tokens, |_| {}).unwrap();
    assert_eq!(told.times("issue"), 2);
    assert_eq!(told.ended(), [("issue", TOKENS)]);
    store.verify().unwrap();
    assert!(told.times("verify") > 1);
    assert_eq!(told.ended(), [("verify", TOKENS)]);
    store.backup(at("backup")).unwrap();
    assert!(told.times("backup") > 1 && told.times("prove") > 1);
    assert_eq!(told.ended(), [("backup", TOKENS), ("prove", TOKENS)]);
    #[cfg(feature = "export")]
    let exported = {
        let mut text = Vec::new();
        store.export(&mut text, hallpass::Digests::With).unwrap();
        assert!(told.times("export") > 1);
        assert_eq!(told.ended(), [("export", TOKENS)]);
        text
    };
    store.close().unwrap();

    let accept = LostRevocations::Accept;
    Store::restore(at("backup"), at("restored"), options(), accept).unwrap();
    assert!(told.times("restore") > 1);
    assert_eq!(told.ended(), [("restore", TOKENS)]);
    #[cfg(feature = "export")]
    {
        Store::import(&*exported, at("imported"), options(), accept).unwrap();
        assert!(told.times("import") > 1);
        assert_eq!(told.ended(), [("import", TOKENS)]);
    }
    Store::compact(at("store"), options()).unwrap();
    assert!(told.times("compact") > 1 && told.times("prove") > 1);
    assert_eq!(told.ended(), [("compact", TOKENS), ("prove", TOKENS)]);

    let store = options().open(at("store")).unwrap();
    assert!(told.times("open") > 1);
    assert_eq!(told.ended(), [("open", TOKENS)]);
    store.revoke_everything().unwrap();
    assert_eq!(store.purge(4100).unwrap().purged, 4100);
    assert_eq!(told.times("purge"), 2);
    assert_eq!(told.ended(), [("purge", 4100)]);
    store.close().unwrap();

    Store::repair(at("store"), at("repaired"), options(), accept).unwrap();
    match *told.ended() {
        [("search", bytes), ("repair", 100), ..] => assert!(bytes > 0),
        ref other => panic!("{other:?}"),
    }
}
