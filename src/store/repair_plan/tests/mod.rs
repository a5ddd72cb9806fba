//! The records are made by hand here, and so are their MACs, which planning adds up and never
//! computes: each is a power of ten, so that a sum tells what is in it.

mod doubt;
mod gap;

use super::*;
use crate::record::RevokedRecord;

/// The generation that the newest seal must have.
const REQUIRED: u64 = 9;

fn id(n: u64) -> TokenId {
    TokenId::from_u64(n).unwrap()
}

fn token(client: &str) -> TokenRecord {
    TokenRecord {
        kind: Kind::Token.as_u8(),
        digest: [0; 32],
        placed_by_digest: false,
        key: 0,
        client: client.into(),
        issued_at: 0,
        not_before: 0,
        expires_at: u32::MAX,
        scopes: Vec::new(),
        audiences: Vec::new(),
        metadata: Default::default(),
        revoked: None,
    }
}

fn revoked(client: &str) -> TokenRecord {
    TokenRecord {
        revoked: Some(RevokedRecord {
            at: 1,
            reason: "".into(),
            by: "".into(),
        }),
        ..token(client)
    }
}

fn expiring(client: &str, expires_at: u32) -> TokenRecord {
    TokenRecord {
        expires_at,
        ..token(client)
    }
}

fn denial(issuer: &str) -> TokenRecord {
    TokenRecord {
        kind: Kind::ForeignDenial.as_u8(),
        ..token(issuer)
    }
}

fn client(tokens: u64, epoch: u64) -> ClientRecord {
    ClientRecord {
        epoch,
        tokens,
        ..ClientRecord::default()
    }
}

fn disabled(tokens: u64) -> ClientRecord {
    ClientRecord {
        disabled: true,
        ..client(tokens, 0)
    }
}

fn key(epoch: u64, signs: bool, private: &[u8]) -> KeyRecord {
    KeyRecord {
        number: 1,
        algorithm: 0,
        signs,
        created_at: 0,
        epoch,
        client: "".into(),
        public: "".into(),
        private: private.into(),
    }
}

/// What the database shows.
fn shown<T>(record: T, mac: u128) -> Versions<T> {
    Versions {
        current: Some((record, mac)),
        others: Vec::new(),
    }
}

/// What lies in the files, and the database does not show.
fn lying<T, const N: usize>(others: [(T, u128); N]) -> Versions<T> {
    Versions {
        current: None,
        others: others.into(),
    }
}

impl<T> Versions<T> {
    /// Besides, this lies in the files.
    fn and(mut self, record: T, mac: u128) -> Self {
        self.others.push((record, mac));
        self
    }
}

/// What was found, and a seal over so many tokens, clients and keys, whose MACs add up to `digest`.
fn found<const T: usize, const C: usize>(
    tokens: [(u64, Versions<TokenRecord>); T],
    clients: [(&str, Versions<ClientRecord>); C],
    [sealed_tokens, sealed_clients, sealed_keys]: [u64; 3],
    digest: u128,
) -> Salvage {
    let seal = Seal {
        generation: REQUIRED,
        tokens: sealed_tokens,
        clients: sealed_clients,
        keys: sealed_keys,
        digest,
        ..Seal::default()
    };
    Salvage {
        seal: Some(seal),
        tokens: tokens.map(|(n, found)| (id(n), found)).into(),
        clients: clients.map(|(name, found)| (name.into(), found)).into(),
        ..Salvage::default()
    }
}

fn plan(found: Salvage) -> Plan {
    found.plan(Some(REQUIRED), true, &|_| None)
}

/// The same where the rest of a damaged record lies about: its MAC.
fn plan_where_lies(mac: u128, found: Salvage) -> Plan {
    found.plan(Some(REQUIRED), true, &|wanted| {
        wanted.get(&mac.to_be_bytes()).copied()
    })
}

/// The numbers of the tokens that are taken.
fn taken(plan: &Plan) -> Vec<u64> {
    plan.tokens.iter().map(|(id, _)| id.as_u64()).collect()
}

fn only_token(plan: &Plan) -> &TokenRecord {
    assert_eq!(plan.tokens.len(), 1);
    &plan.tokens[0].1
}

#[test]
fn what_the_database_shows_is_taken_if_it_adds_up_to_the_seal() {
    let tokens = [
        // An older version lies about that was shortened by a group that was never acknowledged.
        (1, shown(token("a"), 1).and(expiring("a", 5), 10)),
        // This one was purged, and so was its client.
        (2, lying([(revoked("b"), 100)])),
    ];
    let clients = [
        ("a", shown(client(1, 3), 1000).and(client(1, 7), 10_000)),
        ("b", lying([(client(1, 0), 100_000)])),
    ];
    let plan = plan(found(tokens, clients, [1, 1, 0], 1001));
    assert!(plan.proven);
    assert_eq!(plan.tokens, [(id(1), token("a"))]);
    assert_eq!(plan.clients, [("a".into(), client(1, 3))].into());
}

#[test]
fn what_adds_up_to_no_seal_that_is_new_enough_is_not_proven() {
    let found = |digest| {
        let tokens = [(1, shown(token("a"), 1))];
        let clients = [("a", shown(client(1, 0), 10))];
        found(tokens, clients, [1, 1, 0], digest)
    };
    let is_proven = |found: Salvage, required| found.plan(required, true, &|_| None).proven;
    assert!(is_proven(found(11), Some(REQUIRED)));
    assert!(is_proven(found(11), Some(REQUIRED - 1)));
    assert!(!is_proven(found(11), Some(REQUIRED + 1)));
    assert!(!is_proven(found(11), None));
    assert!(!is_proven(found(12), Some(REQUIRED)));
}

#[test]
fn the_seal_that_the_database_shows_is_as_good_where_the_sidecar_knows_no_newer_one() {
    let found = || {
        let tokens = [(1, shown(token("a"), 1))];
        let clients = [("a", shown(client(1, 0), 10))];
        let mut found = found(tokens, clients, [1, 1, 0], 11);
        found.shown_seal = found.seal.clone();
        // Of a group that a crash cut short.
        found.seal = Some(Seal {
            generation: REQUIRED + 1,
            tokens: 2,
            ..Seal::default()
        });
        found
    };
    let plan = plan(found());
    assert!(plan.proven);
    assert_eq!(plan.seal.unwrap().generation, REQUIRED);
    let doubtful = found().plan(Some(REQUIRED), false, &|_| None);
    assert!(!doubtful.proven);
    assert_eq!(doubtful.seal.unwrap().generation, REQUIRED + 1);
}

/// The database was read in part: what it shows is the last, and what it does not show is found.
#[test]
fn beside_what_the_database_shows_the_least_alive_versions_may_be_the_last() {
    let tokens = [
        (1, shown(token("a"), 1).and(revoked("a"), 10)),
        (2, lying([(revoked("a"), 100), (token("a"), 1000)])),
    ];
    let clients = [("a", shown(client(2, 0), 10_000))];
    let mut found = found(tokens, clients, [2, 1, 0], 10_101);
    found.shown_seal = found.seal.clone();
    found.is_shown_to_the_end = true;
    let plan = plan(found);
    assert!(plan.proven);
    assert_eq!(plan.tokens, [(id(1), token("a")), (id(2), revoked("a"))]);
}

#[test]
fn what_the_database_has_forgotten_is_proven_by_the_least_alive_versions() {
    let four = 4_000_000_000;
    let tokens = [
        (1, shown(token("a"), 1).and(revoked("a"), 10)),
        (2, lying([(expiring("a", 5), 100), (token("a"), 1000)])),
        (
            3,
            lying([
                (expiring("a", four - 1), 10_000),
                (expiring("a", four), 100_000),
            ]),
        ),
    ];
    let clients = [("a", lying([(client(3, 0), 1_000_000)]))];
    let plan = plan(found(tokens, clients, [3, 1, 0], 1_010_110));
    assert!(plan.proven);
    let last = [revoked("a"), expiring("a", 5), expiring("a", four - 1)];
    let last = [1, 2, 3].map(id).into_iter().zip(last);
    assert!(plan.tokens.into_iter().eq(last));
}

#[test]
fn a_retired_key_is_no_longer_one_that_verifies_nor_one_that_signs() {
    let least_alive = [
        [key(0, false, b"p"), key(0, true, b"p")],
        [key(6, true, b"p"), key(0, false, b"")],
        [key(0, false, b""), key(0, false, b"p")],
    ];
    for [last, older] in least_alive {
        let mut found = found([], [], [0, 0, 1], 1);
        let versions = lying([(last.clone(), 1), (older, 10)]);
        found.keys.insert("k".into(), versions);
        let plan = plan(found);
        assert!(plan.proven);
        assert!(plan.keys == [("k".into(), last)]);
    }
}

#[test]
fn a_clients_record_is_the_one_that_counts_its_tokens() {
    let tokens = [
        (1, lying([(token("a"), 1)])),
        (2, lying([(token("a"), 10)])),
    ];
    let counts = [
        (client(1, 8), 100),
        (client(2, 4), 1000),
        (client(2, 5), 10_000),
        (client(3, 9), 100_000),
    ];
    let plan = plan(found(tokens, [("a", lying(counts))], [2, 1, 0], 10_011));
    assert!(plan.proven);
    assert_eq!(plan.clients["a"], client(2, 5));
}

/// Nobody counts its tokens any more, for it has none.
#[test]
fn a_client_that_was_forgotten_is_not_brought_back() {
    let tokens = [(1, lying([(token("a"), 1)]))];
    let clients = [
        ("a", lying([(client(1, 0), 10)])),
        ("gone", lying([(client(1, 0), 100)])),
    ];
    let plan = plan(found(tokens, clients, [1, 1, 0], 11));
    assert!(plan.proven);
    assert!(!plan.clients.contains_key("gone"));
}
