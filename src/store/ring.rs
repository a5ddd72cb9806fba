//! The keys in memory: taken from their records at open, shown to validators, picked to sign, killed.

use std::sync::Arc;

use super::Core;
use super::control::Control;
use super::keys::StoredKey;
use crate::client_id::ClientId;
use crate::error::Error;
use crate::jwt::{Algorithm, KeySet, SigningKey, VerifyingKey};
use crate::keyring::ClientKey;
use crate::record::KeyRecord;

impl Core {
    /// Takes a key from its record into memory, at open.
    pub(super) fn load_key(
        &self,
        control: &mut Control,
        kid: &str,
        record: KeyRecord,
    ) -> Result<(), Error> {
        let damaged = |_| Error::corrupt("a key record holds no usable key");
        let algorithm = record.algorithm()?;
        let mut stored = StoredKey {
            is_durable: true,
            is_supplied: false,
            signing: None,
            verifying: None,
            record,
        };
        if stored.record.epoch == 0 {
            if !stored.record.private.is_empty() {
                let secret = self.key_at_rest.unlock(kid, &stored.record.private)?;
                let key = SigningKey::from_secret_bytes(algorithm, &secret).map_err(damaged)?;
                stored.verifying = Some(key.verifying_key().clone());
                stored.signing = Some(Arc::new(key));
            } else if stored.is_own() && algorithm == Algorithm::Hs256 {
                // Its secret is kept elsewhere, and may be supplied next.
            } else {
                let jwk = stored.record.public.as_bytes();
                let key = VerifyingKey::from_jwk(jwk, Some(algorithm)).map_err(damaged)?;
                stored.verifying = Some(key);
            }
            let is_named = |key: &VerifyingKey| key.kid() == Some(kid);
            if !stored.verifying.as_ref().is_none_or(is_named) {
                return Err(Error::corrupt("a key stands under another's name"));
            }
        }
        if !stored.is_own() {
            let client = ClientId::new(&stored.record.client)
                .map_err(|_| Error::corrupt("a key of an impossible client"))?;
            self.client_key_grant(control, &client)?;
        }
        control.stored_keys.insert(kid.into(), stored);
        Ok(())
    }

    /// Shows validators the keys as they are now.
    pub(super) fn publish_keys(&self, control: &Control) {
        let keys = KeySet::new(control.verifying_keys()).ok();
        self.live.keyring.replace_own(keys);
    }

    /// Shows validators the keys of clients as they are now.
    pub(super) fn publish_client_keys(&self, control: &mut Control) -> Result<(), Error> {
        let mut keys = Vec::new();
        let of_clients: Vec<(Box<str>, Box<str>, VerifyingKey)> = control
            .stored_keys
            .iter()
            .filter(|(_, key)| !key.is_own() && key.is_durable)
            .filter_map(|(kid, key)| {
                Some((
                    kid.clone(),
                    key.record.client.clone(),
                    key.verifying.clone()?,
                ))
            })
            .collect();
        for (kid, client, key) in of_clients {
            let grant = self.client_key_grant(control, &ClientId::new(&*client)?)?;
            keys.push((kid, ClientKey::new(client, grant, key)));
        }
        self.live.keyring.replace_client_keys(keys);
        Ok(())
    }

    /// Lets nothing live that the key with this number signed before `epoch`.
    pub(super) fn kill(&self, control: &mut Control, number: u16, epoch: u64) {
        let Some(key) = control.keys.get_mut(&number) else {
            return;
        };
        key.epoch = epoch;
        let grants = std::mem::take(&mut key.grants);
        for grant in &grants {
            let client = control.clients.get(&self.live.grant(*grant).client);
            let word = client.map_or(u64::MAX, |client| client.word(epoch));
            self.live.grants.set_least_alive(*grant, word);
        }
        if let Some(key) = control.keys.get_mut(&number) {
            key.grants = grants;
        }
    }
}

impl Control {
    /// The key that signs, of this algorithm if one is given, with its number: the one that was
    /// supplied from outside, or else the newest.
    pub(super) fn signer(&self, algorithm: Option<Algorithm>) -> Option<(u16, Arc<SigningKey>)> {
        let keys = self.stored_keys.values();
        let signing = keys.filter(|key| key.signs() && key.signing.is_some());
        let fits = |key: &&StoredKey| {
            algorithm.is_none_or(|algorithm| key.record.algorithm == algorithm.as_u8())
        };
        let rank = |key: &&StoredKey| (key.is_supplied, key.record.number);
        let first = signing.filter(fits).max_by_key(rank)?;
        Some((first.record.number, Arc::clone(first.signing.as_ref()?)))
    }

    pub(super) fn signing_key_mut(&mut self, kid: &str) -> Option<&mut StoredKey> {
        self.stored_keys.get_mut(kid).filter(|key| key.is_own())
    }

    /// The store's own keys that are not retired, newest first.
    pub(super) fn verifying_keys(&self) -> Vec<VerifyingKey> {
        let own = self.stored_keys.values().filter(|key| key.is_own());
        let mut keys: Vec<&StoredKey> = own.filter(|key| key.verifying.is_some()).collect();
        keys.sort_unstable_by_key(|key| std::cmp::Reverse(key.record.number));
        keys.into_iter()
            .filter_map(|key| key.verifying.clone())
            .collect()
    }

    /// What becomes of the keys that `new` takes the place of.
    pub(super) fn demotions(&self, new: &KeyRecord) -> Vec<(Box<str>, KeyRecord)> {
        let replaced = |key: &StoredKey| {
            key.is_own() && key.record.signs && key.record.algorithm == new.algorithm
        };
        self.stored_keys
            .iter()
            .filter(|(_, key)| replaced(key))
            .map(|(kid, key)| (kid.clone(), key.record.demoted()))
            .collect()
    }

    pub(super) fn next_key_number(&self) -> Result<u16, Error> {
        let last = self.keys.keys().max().copied().unwrap_or(0);
        last.checked_add(1).ok_or(Error::Limit {
            limit: "key_numbers_max",
            max: u64::from(u16::MAX),
            got: u64::from(u16::MAX) + 1,
        })
    }
}
