//! Verifying the keys of an open store: each record against the key in memory, and none left over.

use std::collections::BTreeSet;

use super::Core;
use super::keys::StoredKey;
use crate::error::Error;
use crate::jwt::{Algorithm, VerifyingKey};
use crate::record::KeyRecord;

impl Core {
    /// Holds a key's record against what memory says of the key. Called while no group is written.
    pub(super) fn verify_key(&self, kid: &str, record: &KeyRecord) -> Result<(), Error> {
        let control = self.control()?;
        let Some(stored) = control.stored_keys.get(kid) else {
            return Err(Error::corrupt("a key's record has no key in memory"));
        };
        let epoch = control.key_epoch(record.number);
        let numbered = record.number == 0 || epoch == stored.record.epoch;
        if !(numbered && agrees(record, &stored.record) && self.is_usable(kid, stored)?) {
            return Err(Error::corrupt(
                "a key's record and the key in memory differ",
            ));
        }
        Ok(())
    }

    /// Fails if memory has a durable key that is not among those with a record. One of a client that is
    /// being revoked verifies no more, and may have lost its record a moment before memory forgets it.
    pub(super) fn verify_no_more_keys(&self, kids: &BTreeSet<Box<str>>) -> Result<(), Error> {
        let control = self.control()?;
        let stays = |key: &StoredKey| key.is_durable && (key.is_own() || key.is_of_client());
        let mut stored = control.stored_keys.iter();
        if stored.any(|(kid, key)| stays(key) && !kids.contains(kid)) {
            return Err(Error::corrupt("memory holds a key that has no record"));
        }
        Ok(())
    }

    /// Whether the key in memory is the one that its record describes.
    fn is_usable(&self, kid: &str, stored: &StoredKey) -> Result<bool, Error> {
        let record = &stored.record;
        if let Some(key) = &stored.verifying {
            let algorithm = record.algorithm()?;
            let is_this = key.kid() == Some(kid) && key.algorithm() == algorithm;
            if !is_this || canonical(&record.public, algorithm) != key.to_jwk() {
                return Ok(false);
            }
        }
        if let Some(key) = &stored.signing
            && !record.private.is_empty()
        {
            return Ok(*self.key_at_rest.unlock(kid, &record.private)? == *key.secret_bytes());
        }
        Ok(true)
    }
}

/// The public key of a record as it is written here, whatever wrote it: members may stand in another order.
fn canonical(jwk: &str, algorithm: Algorithm) -> Option<String> {
    VerifyingKey::from_jwk(jwk.as_bytes(), Some(algorithm))
        .ok()?
        .to_jwk()
}

/// Memory may be ahead of the disk, for it retires a key first; or behind it by a rotation that it
/// learns of in the next moment.
fn agrees(disk: &KeyRecord, memory: &KeyRecord) -> bool {
    fn lasting(record: &KeyRecord) -> (u16, u8, u64, &str, &str) {
        let KeyRecord {
            number,
            algorithm,
            created_at,
            client,
            public,
            ..
        } = record;
        (*number, *algorithm, *created_at, client, public)
    }
    let retired_ahead = memory.epoch != 0 && disk.epoch == 0;
    let rotated_behind = memory.client.is_empty() && *disk == memory.demoted();
    lasting(disk) == lasting(memory) && (disk == memory || rotated_behind || retired_ahead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fake::FakeDisk;
    use crate::jwt::SigningKey;
    use crate::options::Options;
    use crate::store::Store;
    use crate::store::change::Change;

    fn store() -> (Store, [Box<str>; 3]) {
        let store = Options::new().open_fake(FakeDisk::new()).unwrap();
        let kids = [
            store.generate_signing_key(Algorithm::EdDsa).unwrap().kid,
            store.generate_signing_key(Algorithm::Hs256).unwrap().kid,
            store
                .generate_client_key("c", Algorithm::Es256)
                .unwrap()
                .info
                .kid,
        ];
        (store, kids.map(Into::into))
    }

    /// What `verify` says once memory was changed behind the store's back.
    fn after(change: impl Fn(&mut StoredKey)) {
        let (store, kids) = store();
        assert_eq!(store.verify().unwrap().keys, 3);
        for kid in &kids {
            let mut control = store.core.control().unwrap();
            let stored = control.stored_keys.get_mut(kid).unwrap();
            let good = stored.record.clone();
            change(stored);
            let is_changed = stored.record != good;
            drop(control);
            let refused = matches!(store.verify(), Err(Error::Corrupt { .. }));
            assert_eq!(refused, is_changed);
            store
                .core
                .control()
                .unwrap()
                .stored_keys
                .get_mut(kid)
                .unwrap()
                .record = good;
            store.verify().unwrap();
        }
    }

    #[test]
    fn a_key_that_differs_from_its_record_is_corrupt() {
        after(|key| key.record.number += 1);
        after(|key| key.record.algorithm ^= 1);
        after(|key| key.record.created_at += 1);
        after(|key| key.record.client = "another".into());
        after(|key| key.record.public = "{}".into());
        after(|key| key.record.signs ^= true);
        // Memory may be ahead by a retirement, and by nothing else.
        after(|key| {
            key.record.epoch = 5;
            key.record.created_at += 1;
        });
        after(|key| {
            if let Some(byte) = key.record.private.last_mut() {
                *byte ^= 1;
            }
        });
    }

    #[test]
    fn a_key_that_is_another_than_its_record_says_is_corrupt() {
        let (store, kids) = store();
        let other = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let mut control = store.core.control().unwrap();
        let stored = control.stored_keys.get_mut(&kids[0]).unwrap();
        let good = stored.signing.replace(std::sync::Arc::new(other));
        drop(control);
        assert!(store.verify().is_err());
        let mut control = store.core.control().unwrap();
        control.stored_keys.get_mut(&kids[0]).unwrap().signing = good;
        drop(control);
        store.verify().unwrap();

        // A secret has no public part to tell it by, but its name.
        let other = SigningKey::generate(Algorithm::Hs256).unwrap();
        let with = |verifying| {
            let mut control = store.core.control().unwrap();
            let stored = control.stored_keys.get_mut(&kids[1]).unwrap();
            stored.verifying.replace(verifying).unwrap()
        };
        let good = with(other.verifying_key().clone());
        assert!(store.verify().is_err());
        with(good);
        store.verify().unwrap();

        let number = {
            let control = store.core.control().unwrap();
            control.stored_keys[&kids[0]].record.number
        };
        let epoch_of = |epoch| {
            let mut control = store.core.control().unwrap();
            control.keys.get_mut(&number).unwrap().epoch = epoch;
        };
        epoch_of(5);
        assert!(
            store.verify().is_err(),
            "its tokens are dead, and it is not"
        );
        epoch_of(0);
        store.verify().unwrap();

        let mut control = store.core.control().unwrap();
        let taken = control.stored_keys.remove(&kids[1]).unwrap();
        drop(control);
        assert!(store.verify().is_err(), "a record without a key");
        let mut control = store.core.control().unwrap();
        control.stored_keys.insert("another".into(), taken);
        drop(control);
        assert!(store.verify().is_err(), "and a key without a record");
        let mut control = store.core.control().unwrap();
        let taken = control.stored_keys.remove("another").unwrap();
        control.stored_keys.insert(kids[1].clone(), taken);
        drop(control);
        store.verify().unwrap();
        let more = store.generate_signing_key(Algorithm::EdDsa).unwrap();
        lose_record(&store, &more.kid);
        assert!(store.verify().is_err(), "one more key than records");
    }

    fn lose_record(store: &Store, kid: &str) {
        let kid = kid.into();
        let gone = Change::Key { kid, record: None };
        let control = store.core.control().unwrap();
        store.core.commit(control, [gone]).unwrap();
    }

    /// Its record is gone for good, and whoever revokes it comes to memory next.
    #[test]
    fn a_clients_key_that_is_being_revoked_is_no_fault() {
        let (store, kids) = store();
        let mut control = store.core.control().unwrap();
        let stored = control.stored_keys.get_mut(&kids[2]).unwrap();
        let verifying = stored.verifying.take();
        drop(control);
        lose_record(&store, &kids[2]);
        assert_eq!(store.verify().unwrap().keys, 2);
        let mut control = store.core.control().unwrap();
        control.stored_keys.get_mut(&kids[2]).unwrap().verifying = verifying;
        drop(control);
        assert!(store.verify().is_err(), "nobody revokes it");
    }

    #[test]
    fn keys_in_every_state_agree_with_their_records() {
        let (store, kids) = store();
        store.rotate_signing_key(Algorithm::EdDsa).unwrap();
        store.rotate_signing_key(Algorithm::Hs256).unwrap();
        assert_eq!(store.verify().unwrap().keys, 5);
        let epoch_of_clients = |epoch| {
            let mut control = store.core.control().unwrap();
            control.stored_keys.get_mut(&kids[2]).unwrap().record.epoch = epoch;
        };
        epoch_of_clients(5);
        assert!(store.verify().is_ok(), "memory is ahead of the disk");
        epoch_of_clients(0);
        assert!(store.retire_key(&kids[0]).unwrap());
        assert!(store.revoke_client_key(&kids[2]).unwrap());
        assert_eq!(store.verify().unwrap().keys, 4);
    }

    #[test]
    fn verifying_while_keys_come_and_go_finds_no_fault() {
        let (store, _) = store();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..30 {
                    let key = store.rotate_signing_key(Algorithm::EdDsa).unwrap();
                    let made = store.generate_client_key("d", Algorithm::EdDsa).unwrap();
                    store.retire_key(&key.kid).unwrap();
                    store.revoke_client_key(&made.info.kid).unwrap();
                }
                done.store(true, std::sync::atomic::Ordering::Release);
            });
            while !done.load(std::sync::atomic::Ordering::Acquire) {
                store.verify().unwrap();
            }
        });
        store.verify().unwrap();
    }
}
