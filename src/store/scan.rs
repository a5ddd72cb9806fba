//! One pass over all records that proves, on the way, that nothing is missing, added or changed:
//! in a database at open, in a backup when it is restored.
//!
//! Every record's MAC is checked and added up against the seal; the tokens of each client are
//! counted against its record; the secondary index is held against the tokens. Three threads share
//! the work: one reads the tokens, one the index, and the caller's decodes and visits.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::mpsc;
use std::thread;

use super::change::{from_index_key, id_from_key};
use crate::client_id::ClientId;
use crate::disk::{Disk, DiskError, Pair, Pairs, Tree};
use crate::error::Error;
use crate::record::{self, ClientRecord, KeyRecord, MacKey, TokenRecord};
use crate::seal::Seal;
use crate::token_id::TokenId;

/// Pairs handed over at once, and how many such batches may wait: enough to keep both sides busy,
/// a few megabytes in all.
const BATCH: usize = 1024;
const BATCHES_WAITING: usize = 8;

/// Who is shown the records: clients first, then keys, then tokens in the order of their ids.
pub(super) trait Visit {
    fn client(&mut self, client: &ClientId, record: ClientRecord) -> Result<(), Error>;
    fn key(&mut self, kid: &str, record: KeyRecord) -> Result<(), Error>;
    fn token(&mut self, id: TokenId, record: &TokenRecord) -> Result<(), Error>;
    /// Called now and then, and after the last token.
    fn batch_done(&mut self, done: u64) -> Result<(), Error>;
}

/// Where records are read from.
pub(super) trait Records: Sync {
    /// All pairs of a tree.
    fn pairs(&self, tree: Tree) -> Pairs<'_>;
}

impl Records for &dyn Disk {
    fn pairs(&self, tree: Tree) -> Pairs<'_> {
        self.scan(tree, b"")
    }
}

/// Sums over what was found.
#[derive(Default)]
struct Found {
    tokens: u64,
    clients: u64,
    keys: u64,
    digest: u128,
    last_id: u64,
    /// Over the (client, token) pairs of the records.
    pairs_sum: u64,
    /// What each client's record claims to have, less what was found.
    missing: HashMap<Box<str>, u64>,
}

/// Shows every record to `visit`, and fails if they are not the ones that were sealed, or if the
/// index does not match them.
pub(super) fn scan(
    disk: &dyn Disk,
    mac_key: &MacKey,
    seal: &Seal,
    visit: &mut dyn Visit,
) -> Result<(), Error> {
    thread::scope(|scope| {
        let index = thread::Builder::new()
            .spawn_scoped(scope, || sum_index(disk))
            .map_err(no_thread)?;
        let found = scan_all(&disk, mac_key, visit)?;
        let index = index
            .join()
            .unwrap_or_else(|_| Err(Error::corrupt("reading the index panicked")))?;
        found.check(seal)?;
        found.check_index(index)
    })
}

/// The same for records that come without an index.
pub(super) fn scan_records(
    records: &dyn Records,
    mac_key: &MacKey,
    seal: &Seal,
    visit: &mut dyn Visit,
) -> Result<(), Error> {
    scan_all(records, mac_key, visit)?.check(seal)
}

fn scan_all(
    records: &dyn Records,
    mac_key: &MacKey,
    visit: &mut dyn Visit,
) -> Result<Found, Error> {
    let mut found = Found::default();
    scan_clients(records, mac_key, visit, &mut found)?;
    scan_keys(records, mac_key, visit, &mut found)?;
    scan_tokens(records, mac_key, visit, &mut found)?;
    Ok(found)
}

fn no_thread(source: std::io::Error) -> Error {
    Error::Io {
        doing: "starting a thread that reads records",
        consequence: "the store was not read",
        source,
    }
}

fn scan_clients(
    records: &dyn Records,
    mac_key: &MacKey,
    visit: &mut dyn Visit,
    found: &mut Found,
) -> Result<(), Error> {
    for pair in records.pairs(Tree::Clients) {
        let (key, bytes) = pair?;
        let (record, mac): (ClientRecord, _) =
            record::decode(mac_key, Tree::Clients, &key, &bytes)?;
        let client = std::str::from_utf8(&key)
            .ok()
            .and_then(|text| ClientId::new(text).ok())
            .ok_or_else(|| Error::corrupt("a client record under an impossible id"))?;
        found.clients += 1;
        found.digest = found.digest.wrapping_add(mac);
        found.missing.insert(client.as_str().into(), record.tokens);
        visit.client(&client, record)?;
    }
    Ok(())
}

fn scan_keys(
    records: &dyn Records,
    mac_key: &MacKey,
    visit: &mut dyn Visit,
    found: &mut Found,
) -> Result<(), Error> {
    for pair in records.pairs(Tree::Keys) {
        let (key, bytes) = pair?;
        let (record, mac): (KeyRecord, _) = record::decode(mac_key, Tree::Keys, &key, &bytes)?;
        let kid = std::str::from_utf8(&key)
            .map_err(|_| Error::corrupt("a key record under an impossible name"))?;
        found.keys += 1;
        found.digest = found.digest.wrapping_add(mac);
        visit.key(kid, record)?;
    }
    Ok(())
}

fn scan_tokens(
    records: &dyn Records,
    mac_key: &MacKey,
    visit: &mut dyn Visit,
    found: &mut Found,
) -> Result<(), Error> {
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(BATCHES_WAITING);
        thread::Builder::new()
            .spawn_scoped(scope, move || read_ahead(records, &sender))
            .map_err(no_thread)?;
        for batch in receiver {
            for (key, bytes) in batch? {
                let (record, mac): (TokenRecord, _) =
                    record::decode(mac_key, Tree::Tokens, &key, &bytes)?;
                let id = id_from_key(&key)
                    .ok_or_else(|| Error::corrupt("a token record under an impossible id"))?;
                found.token(id, &record, mac)?;
                visit.token(id, &record)?;
            }
            visit.batch_done(found.tokens)?;
        }
        Ok(())
    })
}

/// Reads the token records in batches; ends early when nobody listens any more.
fn read_ahead(records: &dyn Records, sender: &mpsc::SyncSender<Result<Vec<Pair>, DiskError>>) {
    let mut pairs = records.pairs(Tree::Tokens);
    loop {
        let batch: Result<Vec<Pair>, DiskError> = pairs.by_ref().take(BATCH).collect();
        let last = batch.as_ref().map_or(true, |batch| batch.len() < BATCH);
        if sender.send(batch).is_err() || last {
            return;
        }
    }
}

/// How many entries the secondary index has, and their sum.
fn sum_index(disk: &dyn Disk) -> Result<(u64, u64), Error> {
    let (mut entries, mut sum) = (0u64, 0u64);
    for pair in disk.scan(Tree::ByClient, b"") {
        let (key, _) = pair?;
        let (client, id) = from_index_key(&key)
            .ok_or_else(|| Error::corrupt("the index of clients has an impossible entry"))?;
        entries += 1;
        sum = sum.wrapping_add(pair_hash(client, id));
    }
    Ok((entries, sum))
}

impl Found {
    fn token(&mut self, id: TokenId, record: &TokenRecord, mac: u128) -> Result<(), Error> {
        self.tokens += 1;
        self.last_id = self.last_id.max(id.as_u64());
        self.digest = self.digest.wrapping_add(mac);
        self.pairs_sum = self.pairs_sum.wrapping_add(pair_hash(&record.client, id));
        match self.missing.get_mut(&record.client) {
            Some(missing) if *missing > 0 => *missing -= 1,
            _ => {
                return Err(Error::corrupt(
                    "a client has more tokens than its record says",
                ));
            }
        }
        Ok(())
    }

    fn check(&self, seal: &Seal) -> Result<(), Error> {
        let counted = (self.tokens, self.clients, self.keys);
        let sealed = (seal.tokens, seal.clients, seal.keys);
        if counted != sealed {
            return Err(Error::corrupt(format!(
                "{} tokens, {} clients and {} keys were found where {}, {} and {} were sealed",
                counted.0, counted.1, counted.2, sealed.0, sealed.1, sealed.2
            )));
        }
        if self.digest != seal.digest || self.last_id > seal.last_id {
            return Err(Error::corrupt(
                "the records are not the ones that were sealed",
            ));
        }
        if self.missing.values().any(|missing| *missing > 0) {
            return Err(Error::corrupt(
                "a client has fewer tokens than its record says",
            ));
        }
        Ok(())
    }

    fn check_index(&self, index: (u64, u64)) -> Result<(), Error> {
        if index != (self.tokens, self.pairs_sum) {
            return Err(Error::corrupt(format!(
                "the index of clients has {} entries that do not match {} tokens",
                index.0, self.tokens
            )));
        }
        Ok(())
    }
}

/// For sums that find accidental damage; whoever forges an index entry has the seal against them.
fn pair_hash(client: &str, id: TokenId) -> u64 {
    let mut hasher = DefaultHasher::new();
    (client, id.as_u64()).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::super::change::{index_key, token_key};
    use super::*;
    use crate::digest::DigestKey;
    use crate::disk::Write;
    use crate::disk::fake::FakeDisk;
    use crate::new_token::NewToken;
    use crate::options::Options;
    use crate::seal::SEAL_KEY;

    fn key() -> DigestKey {
        DigestKey::from_bytes([5; 32])
    }

    fn options() -> Options {
        Options::new().digest_key(key())
    }

    /// A store of two tokens of `c` and one of `d`, closed.
    fn store() -> (FakeDisk, Vec<TokenId>) {
        let disk = FakeDisk::new();
        let store = options().open_fake(disk.clone()).unwrap();
        let issue = |client| store.issue(NewToken::new(client).never_expires());
        let ids = ["c", "c", "d"].map(|client| issue(client).unwrap().id);
        store.close().unwrap();
        (disk, ids.into())
    }

    fn opens_with(disk: &FakeDisk, tree: Tree, key: &[u8], value: Option<Vec<u8>>) -> bool {
        let key = key.to_vec();
        disk.apply(&[Write { tree, key, value }]).unwrap();
        match options().open_fake(disk.clone()) {
            Ok(_) => true,
            Err(Error::Corrupt { .. }) => false,
            Err(other) => panic!("{other}"),
        }
    }

    /// Each has a good MAC, so that only the seal can tell.
    #[test]
    fn a_record_put_back_as_it_once_was_is_noticed() {
        let (disk, ids) = store();
        let trees = [
            (Tree::Tokens, token_key(ids[0])),
            (Tree::Clients, b"c".to_vec()),
        ];
        let read = |tree, key: &[u8]| disk.get(tree, key).unwrap();
        let before = trees.each_ref().map(|(tree, key)| read(*tree, key));
        let store = options().open_fake(disk.clone()).unwrap();
        store.revoke(ids[0]).unwrap();
        store.revoke_all("c").unwrap();
        store.close().unwrap();
        for ((tree, key), before) in trees.iter().zip(before) {
            let after = read(*tree, key);
            assert_ne!(before, after);
            assert!(!opens_with(&disk, *tree, key, before));
            assert!(opens_with(&disk, *tree, key, after));
        }
    }

    /// As a fault of the writer would leave it: sealed, and yet not so.
    #[test]
    fn what_is_sealed_must_also_agree_with_itself() {
        let sealed_with = |edit: &dyn Fn(&mut Seal, &mut ClientRecord)| {
            let (disk, _) = store();
            let mac_key = MacKey::new(&key());
            let read = |tree, key: &[u8]| disk.get(tree, key).unwrap().unwrap();
            let client = read(Tree::Clients, b"c");
            let (mut client, old): (ClientRecord, _) =
                record::decode(&mac_key, Tree::Clients, b"c", &client).unwrap();
            let seal = read(Tree::Meta, SEAL_KEY);
            let (mut seal, _): (Seal, _) =
                record::decode(&mac_key, Tree::Meta, SEAL_KEY, &seal).unwrap();
            edit(&mut seal, &mut client);
            let (client, new) = record::encode(&mac_key, Tree::Clients, b"c", &client).unwrap();
            seal.replace(Some(old), Some(new));
            // A crash came between the group and its mark.
            seal.generation += 1;
            let (seal, _) = record::encode(&mac_key, Tree::Meta, SEAL_KEY, &seal).unwrap();
            let seal = Write {
                tree: Tree::Meta,
                key: SEAL_KEY.to_vec(),
                value: Some(seal),
            };
            disk.apply(&[seal]).unwrap();
            opens_with(&disk, Tree::Clients, b"c", Some(client))
        };
        assert!(sealed_with(&|_, _| ()));
        assert!(sealed_with(&|seal, _| seal.last_id += 1));
        assert!(!sealed_with(&|seal, _| seal.last_id -= 1));
        assert!(!sealed_with(&|seal, _| seal.tokens += 1));
        assert!(!sealed_with(&|seal, _| seal.clients += 1));
        assert!(!sealed_with(&|seal, _| seal.keys += 1));
        assert!(!sealed_with(&|_, client| client.tokens += 1));
        assert!(!sealed_with(&|_, client| client.tokens -= 1));
    }

    #[test]
    fn an_index_that_is_not_that_of_the_tokens_is_noticed() {
        let (disk, ids) = store();
        let [first, of_d] = [index_key("c", ids[0]), index_key("d", ids[0])];
        assert!(!opens_with(&disk, Tree::ByClient, &first, None));
        // As many entries, and one of them another.
        assert!(!opens_with(&disk, Tree::ByClient, &of_d, Some(Vec::new())));
        assert!(!opens_with(&disk, Tree::ByClient, &first, Some(Vec::new())));
        assert!(opens_with(&disk, Tree::ByClient, &of_d, None));
        assert!(!opens_with(&disk, Tree::ByClient, b"c", Some(Vec::new())));
    }
}
