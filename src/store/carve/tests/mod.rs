use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::*;
use crate::digest::DigestKey;
use crate::kind::Kind;
use crate::record::RevokedRecord;

/// When all tokens were issued.
const SECS: u64 = 1_800_000_000;

fn mac_key() -> MacKey {
    MacKey::new(&DigestKey::from_bytes([3; 32]))
}

/// The `n`th id of the second in which all tokens were issued.
fn id(n: u64) -> TokenId {
    let first = TokenId::next(TokenId::ZERO, SECS * 1000).unwrap();
    TokenId::from_u64(first.as_u64() + n).unwrap()
}

fn token(client: &str) -> TokenRecord {
    TokenRecord {
        kind: Kind::Token.as_u8(),
        digest: [9; 32],
        placed_by_digest: false,
        key: 0,
        client: client.into(),
        issued_at: SECS,
        not_before: 0,
        expires_at: u32::MAX,
        scopes: Vec::new(),
        audiences: Vec::new(),
        metadata: BTreeMap::new(),
        revoked: None,
    }
}

fn key(public: &str) -> KeyRecord {
    KeyRecord {
        number: 1,
        algorithm: 0,
        signs: true,
        created_at: SECS,
        epoch: 0,
        client: "".into(),
        public: public.into(),
        private: Vec::new(),
    }
}

fn token_bytes(n: u64, token: &TokenRecord) -> Vec<u8> {
    let key = token_key(id(n));
    record::encode(&mac_key(), Tree::Tokens, &key, token)
        .unwrap()
        .0
}

fn client_bytes(name: &str, client: &ClientRecord) -> Vec<u8> {
    let key = name.as_bytes();
    record::encode(&mac_key(), Tree::Clients, key, client)
        .unwrap()
        .0
}

fn key_bytes(kid: &str, key: &KeyRecord) -> Vec<u8> {
    record::encode(&mac_key(), Tree::Keys, kid.as_bytes(), key)
        .unwrap()
        .0
}

fn mac(bytes: &[u8]) -> u128 {
    u128::from_be_bytes(*bytes.last_chunk().unwrap())
}

/// Adds what a file of these bytes holds.
fn carve(bytes: &[u8], salvage: &mut Salvage) {
    carve_within(TRIES_MAX, bytes, salvage);
}

/// The same where no more MACs than these may be computed in search of a key.
fn carve_within(tries: u64, bytes: &[u8], salvage: &mut Salvage) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("blobs")).unwrap();
    fs::write(dir.path().join("blobs/1"), bytes).unwrap();
    let told = Told {
        doing: "search",
        total: bytes.len() as u64,
        on_progress: None,
    };
    let key = mac_key();
    let mut carver = Carver::new(&key, salvage);
    carver.tries_left = tries;
    carver.carve(dir.path(), &told).unwrap();
}

fn carved(bytes: &[u8]) -> Salvage {
    let mut salvage = Salvage::default();
    carve(bytes, &mut salvage);
    salvage
}

/// The tokens that were found, each with how many versions of it lay about.
fn tokens(salvage: &Salvage) -> Vec<(TokenId, usize)> {
    let tokens = salvage.tokens.iter();
    tokens
        .map(|(id, found)| (*id, found.others.len()))
        .collect()
}

#[test]
fn records_are_found_wherever_in_a_large_file_they_lie() {
    let mut bytes = vec![0; CHUNK_BYTES + 1000];
    let end = bytes.len();
    let (last, sealed) = (token_bytes(4, &token("d")), token("c"));
    let length = last.len();
    // What is read at once ends within two of them.
    let begin = [
        0,
        CHUNK_BYTES - OVERLAP_BYTES - 10,
        CHUNK_BYTES - 10,
        CHUNK_BYTES + 200,
        end - length,
    ];
    for (n, at) in begin.into_iter().enumerate() {
        let record = token_bytes(n as u64, &sealed);
        bytes[at..at + record.len()].copy_from_slice(&record);
    }
    let found = carved(&bytes);
    let all: Vec<_> = (0..5).map(|n| (id(n), 1)).collect();
    assert_eq!(tokens(&found), all);
}

/// Neighbours' ids follow each other, the first of them is found by its second, and its clock may
/// have gone on before the record was made.
#[test]
fn an_id_is_found_by_its_neighbour_and_by_the_second_of_issue() {
    let next_second = TokenRecord {
        issued_at: SECS + 1,
        ..token("c")
    };
    let bytes = [
        token_bytes(70_000, &next_second),
        token_bytes(70_003, &token("c")),
        token_bytes(5, &token("c")),
        token_bytes(IN_A_SECOND, &token("c")),
    ];
    let found = tokens(&carved(&bytes.concat()));
    assert_eq!(found, [5, 70_000, 70_003].map(|n| (id(n), 1)));
}

#[test]
fn a_record_of_another_key_or_of_no_kind_is_none() {
    let other = MacKey::new(&DigestKey::from_bytes([4; 32]));
    let (foreign, _) =
        record::encode(&other, Tree::Tokens, &token_key(id(0)), &token("c")).unwrap();
    let of_no_kind = TokenRecord {
        kind: 7,
        ..token("c")
    };
    let found = carved(&[foreign, token_bytes(1, &of_no_kind)].concat());
    assert!(found.is_empty() && found.known.is_empty());
}

#[test]
fn what_is_known_is_not_found_again() {
    let clients = ClientRecord {
        tokens: 1,
        ..ClientRecord::default()
    };
    let jwk = r#"{"kid":"k"}"#;
    let bytes = [
        token_bytes(0, &token("c")),
        client_bytes("c", &clients),
        key_bytes("k", &key(jwk)),
    ];
    let mut salvage = carved(&bytes.concat());
    let shown = bytes.each_ref().map(|record| mac(record));
    assert_eq!(salvage.known, shown.into());
    carve(&bytes.concat(), &mut salvage);
    assert_eq!(tokens(&salvage), [(id(0), 1)]);
    assert_eq!(salvage.clients["c"].others.len(), 1);
    assert_eq!(salvage.keys["k"].others.len(), 1);
}

/// The last bytes of this one look like a record of a client, whose MAC cannot be checked without a
/// name: whatever stands at its end is not known to be one.
#[test]
fn a_record_is_found_beside_a_damaged_copy_of_it() {
    let revoked = TokenRecord {
        revoked: Some(RevokedRecord {
            at: SECS,
            reason: "x".into(),
            by: "".into(),
        }),
        ..token("c")
    };
    let intact = token_bytes(0, &revoked);
    let tail = &intact[intact.len() - 25..];
    let (looks, whole, _) = record::decode_prefix::<ClientRecord>(tail).unwrap();
    assert!(looks.is_needed() && whole == tail);
    let mut damaged = intact.clone();
    damaged[10] ^= 1;
    let found = carved(&[damaged, intact].concat());
    assert_eq!(tokens(&found), [(id(0), 1)]);
    assert!(found.tokens[&id(0)].others[0].0 == revoked);
}

#[test]
fn a_client_is_found_whose_name_a_token_or_a_newer_record_tells() {
    let clients = |epoch, tokens, disabled, foreign| ClientRecord {
        epoch,
        disabled,
        tokens,
        foreign,
    };
    let of_c = [
        clients(0, 1, false, false),
        clients(7, 0, false, true),
        clients(7, 0, true, false),
    ];
    let mut bytes = token_bytes(0, &token("c"));
    for record in of_c {
        bytes.extend(client_bytes("c", &record));
    }
    let shown = clients(0, 2, false, false);
    for name in ["shown", "unknown"] {
        bytes.extend(client_bytes(name, &shown));
    }
    let mut salvage = Salvage::default();
    salvage.clients.insert("shown".into(), Default::default());
    carve(&bytes, &mut salvage);
    let found = |name: &str| {
        let others = salvage.clients[name].others.iter();
        let mut found: Vec<ClientRecord> = others.map(|(record, _)| *record).collect();
        found.sort_by_key(|client| (client.epoch, client.disabled));
        found
    };
    assert_eq!(found("c"), of_c);
    assert_eq!(found("shown"), [shown]);
    assert_eq!(salvage.clients.len(), 2);
}

#[test]
fn the_search_ends_when_its_tries_are_used_up() {
    let clients = ClientRecord {
        tokens: 1,
        ..ClientRecord::default()
    };
    let bytes = [token_bytes(0, &token("c")), client_bytes("c", &clients)].concat();
    let found = |tries| {
        let mut salvage = Salvage::default();
        carve_within(tries, &bytes, &mut salvage);
        (salvage.tokens.len(), salvage.clients.len())
    };
    // Neighbours of the token found last come first: there is none.
    assert_eq!(found(NEAR), (0, 0));
    assert_eq!(found(NEAR + 1), (1, 0));
    assert_eq!(found(NEAR + 2), (1, 1));
}

#[test]
fn it_is_told_how_much_was_looked_through() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in [("1", 3), ("2", 5)] {
        fs::write(dir.path().join(name), vec![0; bytes]).unwrap();
    }
    let steps = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&steps);
    let told = Told {
        doing: "search",
        total: 8,
        on_progress: Some(Arc::new(move |step| {
            tell.lock().unwrap().push((step.done, step.total));
        })),
    };
    let (key, mut salvage) = (mac_key(), Salvage::default());
    let carver = Carver::new(&key, &mut salvage);
    carver.carve(dir.path(), &told).unwrap();
    assert_eq!(*steps.lock().unwrap(), [(3, 8), (8, 8)]);
}

#[test]
fn a_key_is_found_by_the_name_in_its_public_part() {
    let named = key(r#"{"kty":"OKP","kid":"k","x":"..."}"#);
    let bytes = [
        key_bytes("k", &named),
        key_bytes("other", &key(r#"{"kid":"k"}"#)),
        key_bytes("none", &key("")),
    ];
    let found = carved(&bytes.concat());
    assert_eq!(found.keys.len(), 1);
    assert!(found.keys["k"].others == [(named, mac(&bytes[0]))]);
}

#[test]
fn the_newest_seal_is_found() {
    let mut bytes = Vec::new();
    for generation in [4, 6, 5] {
        let seal = Seal {
            generation,
            ..Seal::default()
        };
        let (sealed, _) = record::encode(&mac_key(), Tree::Meta, SEAL_KEY, &seal).unwrap();
        bytes.extend(sealed);
    }
    assert_eq!(carved(&bytes).seal.unwrap().generation, 6);
}

#[test]
fn a_mac_is_found_even_where_two_reads_meet() {
    let dir = tempfile::tempdir().unwrap();
    let found = |byte| find(dir.path(), &HashSet::from([[byte; 16]])).unwrap();
    assert_eq!(found(1), None);
    let mut bytes = vec![0; CHUNK_BYTES + 100];
    bytes[CHUNK_BYTES - 8..CHUNK_BYTES + 8].fill(1);
    fs::write(dir.path().join("large"), bytes).unwrap();
    assert_eq!(found(1), Some([1; 16]));
    fs::remove_file(dir.path().join("large")).unwrap();
    fs::write(dir.path().join("small"), [2; 16]).unwrap();
    assert_eq!(found(2), Some([2; 16]));
    assert_eq!(found(3), None);
}
