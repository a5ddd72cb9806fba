//! What can be found in a damaged store: every record whose MAC holds, with what is known of how new
//! it is.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use super::change::id_from_key;
use super::open::{STORE_KEY, check_store_record};
use crate::client_id::ClientId;
use crate::disk::sled::SledDisk;
use crate::disk::{Disk, Tree, wait_until_free};
use crate::record::{self, ClientRecord, KeyRecord, MacKey, TokenRecord};
use crate::seal::{SEAL_KEY, Seal};
use crate::token_id::TokenId;

/// All versions of one record that were found, each with its MAC.
pub(super) struct Versions<T> {
    /// What the database shows; it may have forgotten newer ones.
    pub(super) current: Option<(T, u128)>,
    /// What lies in its files besides: older ones, and newer ones that it has lost.
    pub(super) others: Vec<(T, u128)>,
}

impl<T> Default for Versions<T> {
    fn default() -> Self {
        Self {
            current: None,
            others: Vec::new(),
        }
    }
}

impl<T> Versions<T> {
    pub(super) fn all(&self) -> impl Iterator<Item = &(T, u128)> {
        self.current.iter().chain(&self.others)
    }
}

/// What was found.
#[derive(Default)]
pub(super) struct Salvage {
    /// The record of the store itself.
    pub(super) store_record: Option<Vec<u8>>,
    /// The newest seal.
    pub(super) seal: Option<Seal>,
    pub(super) clients: BTreeMap<Box<str>, Versions<ClientRecord>>,
    pub(super) keys: BTreeMap<Box<str>, Versions<KeyRecord>>,
    pub(super) tokens: BTreeMap<TokenId, Versions<TokenRecord>>,
    /// The seal that sled showed.
    pub(super) shown_seal: Option<Seal>,
    /// Whether it showed tokens to the end.
    pub(super) is_shown_to_the_end: bool,
    /// The MACs of all of them.
    pub(super) known: HashSet<u128>,
}

impl Salvage {
    pub(super) fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.keys.is_empty() && self.tokens.is_empty()
    }

    /// Takes what sled shows of the database in `data`, a copy that it may change. If it refuses to
    /// open it, or fails on the way, that is what there is.
    pub(super) fn take_from_sled(&mut self, data: &Path, key: &MacKey, cache_bytes: u64) {
        let unused = data.with_extension("seal");
        let Ok(disk) = SledDisk::open(data, &unused, cache_bytes) else {
            return;
        };
        self.take_meta(&disk, key);
        for tree in [Tree::Clients, Tree::Keys, Tree::Tokens] {
            let mut is_whole = true;
            for pair in disk.scan(tree, b"") {
                match pair {
                    Ok((name, bytes)) => self.take(key, tree, &name, &bytes),
                    // What follows a page that cannot be read is found in the files themselves.
                    Err(_) => is_whole = false,
                }
            }
            self.is_shown_to_the_end = is_whole;
        }
        drop(disk);
        let _ = wait_until_free(data);
        let _ = fs::remove_file(unused);
    }

    fn take_meta(&mut self, disk: &dyn Disk, key: &MacKey) {
        if let Ok(Some(bytes)) = disk.get(Tree::Meta, STORE_KEY) {
            self.take_store_record(key, &bytes);
        }
        if let Ok(Some(bytes)) = disk.get(Tree::Meta, SEAL_KEY)
            && let Ok((seal, _)) = record::decode::<Seal>(key, Tree::Meta, SEAL_KEY, &bytes)
        {
            self.shown_seal = Some(seal.clone());
            self.take_seal(seal);
        }
    }

    /// Takes a record from its place in the database, if it is intact.
    fn take(&mut self, key: &MacKey, tree: Tree, name: &[u8], bytes: &[u8]) {
        let text = || std::str::from_utf8(name).ok();
        let mac = match tree {
            Tree::Tokens => id_from_key(name).and_then(|id| {
                let found = record::decode(key, tree, name, bytes).ok()?;
                let mac = found.1;
                self.tokens.entry(id).or_default().current = Some(found);
                Some(mac)
            }),
            Tree::Clients => text().and_then(|client| {
                ClientId::new(client).ok()?;
                let found = record::decode(key, tree, name, bytes).ok()?;
                let mac = found.1;
                self.clients.entry(client.into()).or_default().current = Some(found);
                Some(mac)
            }),
            _ => text().and_then(|kid| {
                let found: (KeyRecord, u128) = record::decode(key, tree, name, bytes).ok()?;
                let mac = found.1;
                self.keys.entry(kid.into()).or_default().current = Some(found);
                Some(mac)
            }),
        };
        self.known.extend(mac);
    }

    pub(super) fn take_store_record(&mut self, key: &MacKey, bytes: &[u8]) {
        if self.store_record.is_none() && check_store_record(bytes, key).is_ok() {
            self.store_record = Some(bytes.to_vec());
        }
    }

    pub(super) fn take_seal(&mut self, seal: Seal) {
        if self
            .seal
            .as_ref()
            .is_none_or(|newest| newest.generation < seal.generation)
        {
            self.seal = Some(seal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::open::store_record;
    use super::*;
    use crate::digest::DigestKey;
    use crate::new_token::NewToken;
    use crate::options::Options;

    fn digest_key() -> DigestKey {
        DigestKey::from_bytes([7; 32])
    }

    #[test]
    fn one_record_of_any_kind_is_something() {
        let mut found = Salvage::default();
        assert!(found.is_empty());
        found.tokens.insert(TokenId::ZERO, Versions::default());
        assert!(!found.is_empty());
        let mut found = Salvage::default();
        found.clients.insert("a".into(), Versions::default());
        assert!(!found.is_empty());
        let mut found = Salvage::default();
        found.keys.insert("k".into(), Versions::default());
        assert!(!found.is_empty());
    }

    #[test]
    fn of_seals_the_newest_stands_and_of_two_of_one_group_the_first() {
        let mut found = Salvage::default();
        let mut newest = |generation, last_id| {
            found.take_seal(Seal {
                generation,
                last_id,
                ..Seal::default()
            });
            found
                .seal
                .as_ref()
                .map(|seal| (seal.generation, seal.last_id))
        };
        assert_eq!(newest(5, 1), Some((5, 1)));
        assert_eq!(newest(5, 2), Some((5, 1)));
        assert_eq!(newest(4, 3), Some((5, 1)));
        assert_eq!(newest(6, 4), Some((6, 4)));
    }

    #[test]
    fn of_records_of_the_store_the_first_that_is_intact_stands() {
        let key = MacKey::new(&digest_key());
        let [first, second] = [(); 2].map(|()| store_record(&key).unwrap());
        let mut damaged = first.clone();
        damaged[5] ^= 1;
        let mut found = Salvage::default();
        found.take_store_record(&key, &damaged);
        assert_eq!(found.store_record, None);
        found.take_store_record(&key, &first);
        found.take_store_record(&key, &second);
        assert_eq!(found.store_record, Some(first));
    }

    #[test]
    fn what_the_database_shows_is_current_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let options = Options::new().digest_key(digest_key());
        let store = options.open(&path).unwrap();
        let issued = ["a", "b"].map(|client| {
            let new = NewToken::new(client).never_expires();
            store.issue(new).unwrap().id
        });
        store.revoke(issued[0]).unwrap();
        let generation = store.generation();
        store.close().unwrap();

        let key = MacKey::new(&digest_key());
        let mut found = Salvage::default();
        found.take_from_sled(&path.join("data"), &key, 1 << 20);
        assert!(found.store_record.is_some() && found.is_shown_to_the_end);
        let shown = found.shown_seal.unwrap();
        assert!(shown.generation >= generation && shown.tokens == 2);
        assert_eq!(found.seal, Some(shown.clone()));
        let (mut sum, mut known) = (0_u128, HashSet::new());
        for versions in found.tokens.values() {
            let (_, mac) = versions.current.as_ref().unwrap();
            sum = sum.wrapping_add(*mac);
            known.insert(*mac);
            assert!(versions.others.is_empty());
        }
        for versions in found.clients.values() {
            let (_, mac) = versions.current.as_ref().unwrap();
            sum = sum.wrapping_add(*mac);
            known.insert(*mac);
            assert!(versions.others.is_empty());
        }
        assert_eq!((sum, known), (shown.digest, found.known));
        assert!(issued.iter().all(|id| found.tokens.contains_key(id)));
        let revoked = &found.tokens[&issued[0]].current.as_ref().unwrap().0;
        assert!(revoked.revoked.is_some());
    }
}
