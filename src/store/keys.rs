//! The store's signing keys: made or brought along, rotated, retired, shown without their secrets.

use std::sync::Arc;

use super::change::Change;
use super::control::{Control, Key};
use super::{Core, Store};
use crate::error::Error;
use crate::jwt::{Algorithm, KeySet, SigningKey, VerifyingKey};
use crate::record::KeyRecord;
use crate::token_id::TokenId;

/// How many keys verify at once; more is what a key set of other parties may refuse, too.
const KEYS_MAX: usize = 64;

/// A key that the store keeps. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct KeyInfo {
    /// Its name, as tokens carry it.
    pub kid: String,
    /// The name of its algorithm.
    pub algorithm: &'static str,
    /// What it does.
    pub state: KeyState,
    /// When the store got it, in Unix seconds.
    pub created_at: u64,
    /// When it was retired, in Unix seconds.
    pub retired_at: Option<u64>,
    /// The client whose key it is; `None`: the store's own.
    pub client_id: Option<String>,
    /// The public key as a JWK; `None` for an HMAC secret.
    pub jwk: Option<String>,
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeyState {
    /// It signs, if it is the newest of its algorithm or of all, and verifies.
    Signing,
    /// What it signed is taken; it signs nothing more.
    Verifying,
    /// Nothing of it is taken.
    Retired,
}

/// A key in memory.
pub(super) struct StoredKey {
    pub(super) record: KeyRecord,
    /// Whether its record is durable: before that it signs nothing.
    pub(super) is_durable: bool,
    signing: Option<Arc<SigningKey>>,
    pub(super) verifying: Option<VerifyingKey>,
}

impl Store {
    /// Makes a key that signs from now on. Others go on as they were; of several that sign, the
    /// newest does.
    ///
    /// The private part is encrypted on disk under the store's digest key, and never leaves.
    pub fn generate_signing_key(&self, algorithm: Algorithm) -> Result<KeyInfo, Error> {
        self.add_signing_key(SigningKey::generate(algorithm)?, false)
    }

    /// Takes in a key that was made elsewhere, for instance with
    /// [`SigningKey::from_pem`](crate::jwt::SigningKey::from_pem). It signs from now on.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] if the store has the key, or had it and it was retired.
    pub fn import_signing_key(&self, key: SigningKey) -> Result<KeyInfo, Error> {
        self.add_signing_key(key, false)
    }

    /// Makes a key that signs from now on in place of all others of its algorithm. What those
    /// signed is taken until it expires, or until they are [retired](Store::retire_key); their
    /// private parts are erased, but for HMAC secrets, which verify.
    pub fn rotate_signing_key(&self, algorithm: Algorithm) -> Result<KeyInfo, Error> {
        self.add_signing_key(SigningKey::generate(algorithm)?, true)
    }

    /// Retires a key: everything it ever signed is dead, and its secret is erased. Yields whether
    /// the store knows such a key.
    ///
    /// When this has returned, with `Ok` **or** `Err`, no validation that starts later accepts a
    /// token that the key signed.
    pub fn retire_key(&self, kid: &str) -> Result<bool, Error> {
        let mut control = self.core.control()?;
        let epoch = self.core.next_id(&mut control)?.as_u64();
        let Some(stored) = control.signing_key_mut(kid) else {
            return Ok(false);
        };
        if stored.record.epoch != 0 {
            // Another thread may be writing it still: what is said here must be durable too.
            self.core.commit(control, None)?;
            return Ok(true);
        }
        stored.record.epoch = epoch;
        stored.record.signs = false;
        stored.record.private.clear();
        (stored.signing, stored.verifying) = (None, None);
        let record = stored.record.clone();
        let change = Change::Key {
            kid: kid.into(),
            record: Some(Box::new(record.clone())),
        };
        // Memory first: the tokens in the table, then those that are only genuine.
        self.core.kill(&mut control, record.number, epoch);
        self.core.publish_keys(&control);
        self.core.commit(control, [change])?;
        Ok(true)
    }

    /// All signing keys, retired ones included, oldest first.
    pub fn signing_keys(&self) -> Result<Vec<KeyInfo>, Error> {
        let control = self.core.control()?;
        let own = control.stored_keys.iter().filter(|(_, key)| key.is_own());
        let mut keys: Vec<(u16, KeyInfo)> = own
            .map(|(kid, key)| (key.record.number, key.info(kid)))
            .collect();
        keys.sort_unstable_by_key(|(number, _)| *number);
        Ok(keys.into_iter().map(|(_, info)| info).collect())
    }

    /// The public keys as a JWK set, for a `jwks.json`: those that sign and those that still
    /// verify, newest first. HMAC secrets are never in it.
    pub fn jwks(&self) -> Result<String, Error> {
        let control = self.core.control()?;
        let keys: Vec<String> = control
            .verifying_keys()
            .iter()
            .filter_map(VerifyingKey::to_jwk)
            .collect();
        Ok(format!(r#"{{"keys":[{}]}}"#, keys.join(",")))
    }

    fn add_signing_key(&self, key: SigningKey, rotate: bool) -> Result<KeyInfo, Error> {
        let kid: Box<str> = key.kid().into();
        let mut control = self.core.writable()?;
        if control.stored_keys.contains_key(&kid) {
            return Err(Error::AlreadyExists);
        }
        let verifying = control.verifying_keys().len();
        Error::check_limit("signing_keys_max", KEYS_MAX, verifying + 1)?;
        let number = control.next_key_number()?;
        let record = KeyRecord {
            number,
            algorithm: key.algorithm().as_u8(),
            signs: true,
            created_at: self.core.live.now_secs(),
            epoch: 0,
            client: "".into(),
            public: key.verifying_key().to_jwk().unwrap_or_default().into(),
            private: self.core.key_at_rest.lock(&kid, key.secret_bytes())?,
        };
        let mut changes = if rotate {
            control.demotions(&record)
        } else {
            Vec::new()
        };
        let demoted: Vec<Box<str>> = changes.iter().map(|(kid, _)| kid.clone()).collect();
        changes.push((kid.clone(), record.clone()));
        let stored = StoredKey {
            record,
            is_durable: false,
            verifying: Some(key.verifying_key().clone()),
            signing: Some(Arc::new(key)),
        };
        let info = stored.info(&kid);
        // It has its number and its name from here on; it signs once it is durable, or a crash
        // could leave tokens of a key that nobody has.
        control.keys.insert(number, Key::default());
        control.stored_keys.insert(kid.clone(), stored);
        let change = |(kid, record)| Change::Key {
            kid,
            record: Some(Box::new(record)),
        };
        self.core.commit(control, changes.into_iter().map(change))?;

        let mut control = self.core.control()?;
        if let Some(stored) = control.stored_keys.get_mut(&kid) {
            stored.is_durable = true;
        }
        for kid in &demoted {
            if let Some(stored) = control.stored_keys.get_mut(kid) {
                stored.demote();
            }
        }
        self.core.publish_keys(&control);
        Ok(info)
    }
}

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
            } else {
                let jwk = stored.record.public.as_bytes();
                let key = VerifyingKey::from_jwk(jwk, Some(algorithm)).map_err(damaged)?;
                stored.verifying = Some(key);
            }
            if stored.verifying.as_ref().and_then(VerifyingKey::kid) != Some(kid) {
                return Err(Error::corrupt("a key stands under another's name"));
            }
        }
        control.stored_keys.insert(kid.into(), stored);
        Ok(())
    }

    /// Shows validators the keys as they are now.
    pub(super) fn publish_keys(&self, control: &Control) {
        let keys = KeySet::new(control.verifying_keys()).ok();
        self.live.keyring.replace(keys, self.jwt_issuer.as_deref());
    }

    /// Lets nothing live that the key with this number signed before `epoch`.
    fn kill(&self, control: &mut Control, number: u16, epoch: u64) {
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
    /// The newest key that signs, of this algorithm if one is given, with its number.
    pub(super) fn signer(&self, algorithm: Option<Algorithm>) -> Option<(u16, Arc<SigningKey>)> {
        let signing = self.stored_keys.values().filter(|key| key.signs());
        let fits = |key: &&StoredKey| {
            algorithm.is_none_or(|algorithm| key.record.algorithm == algorithm.as_u8())
        };
        let newest = signing.filter(fits).max_by_key(|key| key.record.number)?;
        Some((newest.record.number, Arc::clone(newest.signing.as_ref()?)))
    }

    fn signing_key_mut(&mut self, kid: &str) -> Option<&mut StoredKey> {
        self.stored_keys.get_mut(kid).filter(|key| key.is_own())
    }

    /// The store's own keys that are not retired, newest first.
    fn verifying_keys(&self) -> Vec<VerifyingKey> {
        let own = self.stored_keys.values().filter(|key| key.is_own());
        let mut keys: Vec<&StoredKey> = own.filter(|key| key.verifying.is_some()).collect();
        keys.sort_unstable_by_key(|key| std::cmp::Reverse(key.record.number));
        keys.into_iter()
            .filter_map(|key| key.verifying.clone())
            .collect()
    }

    /// What becomes of the keys that `new` takes the place of.
    fn demotions(&self, new: &KeyRecord) -> Vec<(Box<str>, KeyRecord)> {
        let replaced = |key: &StoredKey| {
            key.is_own() && key.record.signs && key.record.algorithm == new.algorithm
        };
        self.stored_keys
            .iter()
            .filter(|(_, key)| replaced(key))
            .map(|(kid, key)| (kid.clone(), key.record.demoted()))
            .collect()
    }

    fn next_key_number(&self) -> Result<u16, Error> {
        let last = self.keys.keys().max().copied().unwrap_or(0);
        last.checked_add(1).ok_or(Error::Limit {
            limit: "key_numbers_max",
            max: u64::from(u16::MAX),
            got: u64::from(u16::MAX) + 1,
        })
    }
}

impl StoredKey {
    pub(super) fn is_own(&self) -> bool {
        self.record.client.is_empty()
    }

    fn signs(&self) -> bool {
        self.is_own() && self.is_durable && self.record.signs && self.record.epoch == 0
    }

    fn demote(&mut self) {
        self.record = self.record.demoted();
        self.signing = None;
    }

    pub(super) fn info(&self, kid: &str) -> KeyInfo {
        let record = &self.record;
        let retired_at = |id: TokenId| id.issued_at_ms() / 1000;
        let state = match (record.epoch, record.signs) {
            (0, true) => KeyState::Signing,
            (0, false) => KeyState::Verifying,
            _ => KeyState::Retired,
        };
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        KeyInfo {
            kid: kid.to_owned(),
            algorithm: Algorithm::from_u8(record.algorithm).map_or("unknown", Algorithm::name),
            state,
            created_at: record.created_at,
            retired_at: (record.epoch != 0)
                .then(|| TokenId::from_u64(record.epoch).map_or(0, retired_at)),
            client_id: some(&record.client),
            jwk: some(&record.public),
        }
    }
}

impl KeyRecord {
    fn algorithm(&self) -> Result<Algorithm, Error> {
        Algorithm::from_u8(self.algorithm)
            .ok_or_else(|| Error::corrupt("a key record of unknown algorithm"))
    }

    /// The same key, no longer signing: only an HMAC secret has to be kept.
    fn demoted(&self) -> Self {
        let mut demoted = self.clone();
        demoted.signs = false;
        if !demoted.public.is_empty() {
            demoted.private.clear();
        }
        demoted
    }
}
