//! Promises 1 and 2 for tokens of foreign issuers: by issuer and `jti`, by client, all at once; what
//! is remembered of them is judged again at every look.
#![cfg(feature = "jwt")]

mod hand_clock;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use hallpass::credential::{Profile, Request, Scratch};
use hallpass::jwt::{
    Algorithm, ClaimsMapping, Expect, ForeignIssuer, ForeignIssuers, KeySet, KeySource, SharedKeys,
    SigningKey,
};
use hallpass::testkit::FakeDisk;
use hallpass::{Error, Inactive, Kind, NewToken, Options, Revocation, Store, TokenStatus};
use hand_clock::HandClock;

const START: u64 = 1_800_000_000;
const ISSUER: &str = "https://other.example";

/// Counts how often keys were asked for: that is how often a signature was checked.
#[derive(Clone)]
struct Counted(SharedKeys, Arc<AtomicUsize>);

impl KeySource for Counted {
    fn keys(&self) -> Arc<KeySet> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.keys()
    }
    fn is_current(&self, keys: &Arc<KeySet>) -> bool {
        self.0.is_current(keys)
    }
}

struct World {
    disk: FakeDisk,
    clock: HandClock,
    key: SigningKey,
    source: Counted,
}

impl World {
    fn new() -> Self {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let keys = SharedKeys::new(KeySet::from(key.verifying_key().clone()));
        Self {
            disk: FakeDisk::new(),
            clock: HandClock(Arc::new(AtomicU64::new(START))),
            key,
            source: Counted(keys, Arc::default()),
        }
    }

    fn open(&self) -> Store {
        self.open_with(1024)
    }

    fn open_with(&self, memo_entries: usize) -> Store {
        let expect = Expect::new().issuer(ISSUER);
        let mapping = ClaimsMapping::client_from("/sub");
        let issuer = ForeignIssuer::new(self.source.clone(), expect, mapping);
        self.disk.heal();
        Options::new()
            .clock(self.clock.clone())
            .purge_grace(Duration::ZERO)
            .foreign_issuers(ForeignIssuers::new(vec![issuer]).unwrap())
            .foreign_memo_entries(memo_entries)
            .open_fake(self.disk.clone())
            .unwrap()
    }

    fn token(&self, client: &str, jti: &str, iat: Option<u64>) -> String {
        let mut claims = format!(
            r#"{{"iss":"{ISSUER}","sub":"{client}","jti":"{jti}","exp":{}"#,
            START + 3600
        );
        if let Some(iat) = iat {
            claims.push_str(&format!(r#","iat":{iat}"#));
        }
        claims.push('}');
        self.key.sign_payload("JWT", claims.as_bytes()).unwrap()
    }

    fn verified(&self) -> usize {
        self.source.1.load(Ordering::Relaxed)
    }

    fn move_to(&self, secs: u64) {
        self.clock.0.store(secs, Ordering::Relaxed);
    }
}

fn verdict(store: &Store, text: &str) -> Option<Inactive> {
    store.validator().validate_foreign(text).err()
}

#[test]
fn a_foreign_token_is_verified_once_and_judged_every_time() {
    let world = World::new();
    let store = world.open();
    let text = world.token("alice", "1", Some(START));
    let validator = store.validator();
    for _ in 0..3 {
        let active = validator.validate_foreign(&text).unwrap();
        assert_eq!(active.client_id(), "alice");
        assert_eq!(active.verified().issuer(), Some(ISSUER));
        assert_eq!(world.verified(), 1);
    }
    let count = allocation_counter::measure(|| {
        assert!(validator.validate_foreign(&text).is_ok());
    });
    assert_eq!(count.count_total, 0, "a hit allocates nothing");
    assert_eq!(validator.validate(&text).unwrap_err(), Inactive::UnknownKey);

    // The keys are replaced: it is verified again, and refused if its key is gone.
    let keys = KeySet::from(world.key.verifying_key().clone());
    world.source.0.replace(keys.clone());
    assert_eq!(verdict(&store, &text), None);
    assert_eq!(world.verified(), 2);
    let other = SigningKey::generate(Algorithm::EdDsa).unwrap();
    world
        .source
        .0
        .replace(KeySet::from(other.verifying_key().clone()));
    assert_eq!(verdict(&store, &text), Some(Inactive::UnknownKey));
    world.source.0.replace(keys);
    assert_eq!(verdict(&store, &text), None);

    // Its time runs out while it is remembered, and does not come back.
    world.move_to(START + 3599);
    let before = world.verified();
    assert_eq!(verdict(&store, &text), None);
    world.move_to(START + 3600);
    assert_eq!(verdict(&store, &text), Some(Inactive::ExpiredSignature));
    world.move_to(START);
    assert_eq!(verdict(&store, &text), Some(Inactive::ExpiredSignature));
    assert_eq!(world.verified(), before);
    store.close().unwrap();
    let closed = validator.validate_foreign(&text).unwrap_err();
    assert_eq!(closed, Inactive::Unavailable);
}

#[test]
fn a_small_memory_and_none_answer_alike() {
    for entries in [0, 1, 8] {
        let world = World::new();
        let store = world.open_with(entries);
        let texts: Vec<String> = (0..40)
            .map(|n| world.token("alice", &n.to_string(), None))
            .collect();
        for _ in 0..2 {
            for text in &texts {
                assert_eq!(verdict(&store, text), None);
            }
        }
        for (n, text) in texts.iter().enumerate().step_by(2) {
            let revoked = store.revoke_foreign(ISSUER, &n.to_string(), START + 3600);
            assert_eq!(revoked.unwrap(), Revocation::Revoked);
            assert_eq!(verdict(&store, text), Some(Inactive::Revoked));
        }
        for text in texts.iter().skip(1).step_by(2) {
            assert_eq!(verdict(&store, text), None);
        }
    }
}

#[test]
fn a_denied_token_stays_denied_until_it_would_have_expired() {
    let world = World::new();
    let store = world.open();
    let [denied, other] = ["1", "2"].map(|jti| world.token("alice", jti, Some(START)));
    for text in [&denied, &other] {
        assert_eq!(verdict(&store, text), None);
    }
    let unknown = store.revoke_foreign_text("eyJ.a.b").unwrap();
    assert_eq!(unknown, Revocation::Unknown);
    let revoked = store.revoke_foreign_text(&denied).unwrap();
    assert_eq!(revoked, Revocation::Revoked);
    let check = |store: &Store| {
        assert_eq!(verdict(store, &denied), Some(Inactive::Revoked));
        assert_eq!(verdict(store, &other), None);
        let again = store.revoke_foreign(ISSUER, "1", START + 3600).unwrap();
        assert_eq!(again, Revocation::AlreadyRevoked);
        assert_eq!(store.verify().unwrap().tokens, 1);
    };
    check(&store);
    store.close().unwrap();
    let store = world.open();
    check(&store);

    // Nothing that kills tokens of the store kills the denial.
    let listed = store.list(ISSUER, None, 10).unwrap().tokens;
    assert_eq!(listed.len(), 1);
    let info = &listed[0];
    assert_eq!(
        (info.kind, info.status),
        (Kind::ForeignDenial, TokenStatus::Revoked)
    );
    assert_eq!(store.expire(info.id, START).unwrap(), None);
    store.revoke(info.id).unwrap();
    store.revoke_all(ISSUER).unwrap();
    store.disable_client(ISSUER).unwrap();
    store.enable_client(ISSUER).unwrap();
    world.move_to(START + 100);
    assert_eq!(store.purge(10).unwrap().purged, 0);
    check(&store);
    world.move_to(START + 3600 + 24 * 3600);
    assert_eq!(store.purge(10).unwrap().purged, 1);
    assert_eq!(verdict(&store, &denied), Some(Inactive::ExpiredSignature));
    store.verify().unwrap();
}

#[test]
fn a_clients_foreign_tokens_die_with_its_epoch_and_while_it_is_disabled() {
    let world = World::new();
    let store = world.open();
    let old = world.token("alice", "1", Some(START));
    let timeless = world.token("alice", "2", None);
    let bobs = world.token("bob", "3", None);
    for text in [&old, &timeless, &bobs] {
        assert_eq!(verdict(&store, text), None);
    }
    assert!(store.revoke_all("alice").unwrap(), "never met, yet known");
    world.move_to(START + 10);
    let new = world.token("alice", "4", Some(START + 10));
    let check = |store: &Store, new_is: Option<Inactive>| {
        assert_eq!(verdict(store, &old), Some(Inactive::Revoked));
        assert_eq!(verdict(store, &timeless), Some(Inactive::Revoked));
        assert_eq!(verdict(store, &new), new_is);
        assert_eq!(verdict(store, &bobs), None);
    };
    check(&store, None);
    store.close().unwrap();
    let store = world.open();
    check(&store, None);
    store.disable_client("alice").unwrap();
    check(&store, Some(Inactive::ClientDisabled));
    store.close().unwrap();
    let store = world.open();
    check(&store, Some(Inactive::ClientDisabled));
    store.enable_client("alice").unwrap();
    check(&store, None);

    // The epoch outlives the client's own tokens.
    let own = store
        .issue(NewToken::new("alice").expires_at(START + 10))
        .unwrap();
    store.purge(10).unwrap();
    assert_eq!(store.get(own.id).unwrap(), None);
    store.close().unwrap();
    let store = world.open();
    check(&store, None);

    store.revoke_everything().unwrap();
    for text in [&old, &new, &bobs] {
        assert_eq!(verdict(&store, text), Some(Inactive::Revoked));
    }
    world.move_to(START + 20);
    let fresh = world.token("bob", "5", Some(START + 20));
    assert_eq!(verdict(&store, &fresh), None);
    store.verify().unwrap();
}

/// As by a program that was not told of the issuers.
#[test]
fn a_client_can_be_revoked_where_no_issuer_is_named() {
    let world = World::new();
    let [alices, bobs] = ["alice", "bob"].map(|client| world.token(client, "1", Some(START)));
    let options = Options::new().clock(world.clock.clone());
    let store = options.open_fake(world.disk.clone()).unwrap();
    assert!(!store.revoke_all("alice").unwrap(), "nobody here");
    store.revoke_all_foreign("alice").unwrap();
    store.revoke_foreign(ISSUER, "9", START + 9).unwrap();
    assert_eq!(store.stats().unwrap().tokens, 1);
    store.close().unwrap();
    let store = world.open();
    assert_eq!(verdict(&store, &alices), Some(Inactive::Revoked));
    assert_eq!(verdict(&store, &bobs), None);
}

#[test]
fn a_denial_holds_in_memory_even_if_the_disk_fails() {
    let world = World::new();
    let store = world.open();
    let text = world.token("alice", "1", None);
    assert_eq!(verdict(&store, &text), None);
    world.disk.fail_after(0);
    let failed = store.revoke_foreign_text(&text);
    assert!(matches!(failed, Err(Error::Io { .. })));
    assert_eq!(verdict(&store, &text), Some(Inactive::Revoked));
    let second = world.token("alice", "2", None);
    let failed = store.revoke_foreign_text(&second);
    assert!(matches!(failed, Err(Error::ReadOnly { .. })));
    assert_eq!(verdict(&store, &second), Some(Inactive::Revoked));
    let third = world.token("carol", "3", None);
    assert!(store.revoke_all("carol").is_err());
    assert_eq!(verdict(&store, &third), Some(Inactive::Revoked));
}

#[test]
fn revoking_while_others_validate_lets_none_live_afterwards() {
    let world = World::new();
    let store = world.open();
    for round in 0..200 {
        let jti = round.to_string();
        let text = world.token("alice", &jti, None);
        let revoked = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let (store, text, revoked) = (&store, &text, &revoked);
            for _ in 0..2 {
                scope.spawn(move || {
                    let validator = store.validator();
                    loop {
                        let is_revoked = revoked.load(Ordering::SeqCst) == 1;
                        let verdict = validator.validate_foreign(text);
                        if is_revoked {
                            assert_eq!(verdict.err(), Some(Inactive::Revoked));
                            return;
                        }
                    }
                });
            }
            store.revoke_foreign(ISSUER, &jti, START + 3600).unwrap();
            revoked.store(1, Ordering::SeqCst);
        });
    }
}

#[test]
fn a_store_without_foreign_issuers_takes_none() {
    let world = World::new();
    let store = Options::new().open_fake(FakeDisk::new()).unwrap();
    let text = world.token("alice", "1", None);
    assert_eq!(verdict(&store, &text), Some(Inactive::UnknownKey));
    assert!(!store.revoke_all("alice").unwrap());
}

#[test]
fn whoever_takes_foreign_tokens_takes_own_ones_too() {
    let world = World::new();
    let store = world.open();
    store.generate_signing_key(Algorithm::EdDsa).unwrap();
    let own = NewToken::jwt("alice").lifetime(Duration::from_secs(60));
    let own = store.issue(own).unwrap();
    let foreign = world.token("bob", "1", None);
    let validator = store.validator();
    let (profile, mut scratch) = (Profile::strict(), Scratch::new());
    let mut ask = |text: &str| {
        let headers = [("authorization", format!("Bearer {text}"))];
        let request = Request::new(&headers);
        let shown = profile.find(&request, &mut scratch).unwrap();
        let auth = validator.validate_own_or_foreign(&shown)?;
        Ok((auth.token_id(), auth.client_id().to_owned()))
    };
    assert_eq!(
        ask(own.secret.expose()),
        Ok((Some(own.id), "alice".to_owned()))
    );
    assert_eq!(ask(&foreign), Ok((None, "bob".to_owned())));
    // A secret may look like anything, and is the store's own from then on.
    let chosen = world.token("carol", "2", None);
    let id = store.issue_chosen(NewToken::new("c").never_expires(), &chosen);
    assert_eq!(ask(&chosen), Ok((Some(id.unwrap()), "c".to_owned())));
    assert_eq!(ask(&foreign), Ok((None, "bob".to_owned())));
    store.revoke(own.id).unwrap();
    store.revoke_all("bob").unwrap();
    assert_eq!(ask(own.secret.expose()), Err(Inactive::Revoked));
    assert_eq!(ask(&foreign), Err(Inactive::Revoked));
}
