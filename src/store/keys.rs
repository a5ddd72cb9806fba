//! The store's signing keys: made or brought along, rotated, retired, shown without their secrets.

use std::sync::Arc;

use super::change::Change;
use super::control::Key;
use super::{Core, Store};
use crate::error::Error;
use crate::jwt::{Algorithm, SigningKey, VerifyingKey};
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
    /// Its private part was supplied from outside when the store was opened.
    pub(super) is_supplied: bool,
    pub(super) signing: Option<Arc<SigningKey>>,
    pub(super) verifying: Option<VerifyingKey>,
}

/// Where the private part of a new key is kept, and what becomes of the other keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    /// On disk, encrypted.
    Here,
    /// On disk, and the others of its algorithm sign no more.
    InPlaceOfOthers,
    /// Where the caller has it: not on disk.
    Elsewhere,
}

impl Store {
    /// Makes a key that signs from now on. Others go on as they were; of several that sign, the
    /// newest does.
    ///
    /// The private part is encrypted on disk under the store's digest key, and never leaves.
    ///
    /// # Errors
    /// [`Error::Limit`] where 64 keys sign or verify: [retire](Store::retire_key) one first.
    pub fn generate_signing_key(&self, algorithm: Algorithm) -> Result<KeyInfo, Error> {
        let key = SigningKey::generate(algorithm)?;
        self.core.add_signing_key(key.into(), Keeps::Here)
    }

    /// Takes in a key that was made elsewhere, for instance with
    /// [`SigningKey::from_pem`](crate::jwt::SigningKey::from_pem). It signs from now on.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] if the store has the key, or had it and it was retired.
    /// [`Error::Limit`] where 64 keys sign or verify: [retire](Store::retire_key) one first.
    pub fn import_signing_key(&self, key: SigningKey) -> Result<KeyInfo, Error> {
        self.core.add_signing_key(key.into(), Keeps::Here)
    }

    /// Makes a key that signs from now on in place of all others of its algorithm. What those
    /// signed is taken until it expires, or until they are [retired](Store::retire_key); their
    /// private parts are erased, but for HMAC secrets, which verify.
    ///
    /// # Errors
    /// [`Error::Limit`] where 64 keys sign or verify: [retire](Store::retire_key) one first.
    pub fn rotate_signing_key(&self, algorithm: Algorithm) -> Result<KeyInfo, Error> {
        let key = SigningKey::generate(algorithm)?;
        self.core
            .add_signing_key(key.into(), Keeps::InPlaceOfOthers)
    }

    /// Retires a key: everything it ever signed is dead, and its secret is erased. Yields whether
    /// the store knows such a key.
    ///
    /// When this has returned, with `Ok` **or** `Err`, no validation that starts later accepts a
    /// token that the key signed.
    pub fn retire_key(&self, kid: &str) -> Result<bool, Error> {
        let mut control = self.core.control()?;
        let epoch = self.core.next_epoch(&mut control);
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
}

impl Core {
    /// Takes in a key that the store has not met. It signs once its record is durable.
    pub(super) fn add_signing_key(
        &self,
        key: Arc<SigningKey>,
        keeps: Keeps,
    ) -> Result<KeyInfo, Error> {
        let kid: Box<str> = key.kid().into();
        let mut control = self.writable()?;
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
            created_at: self.live.now_secs(),
            epoch: 0,
            client: "".into(),
            public: key.verifying_key().to_jwk().unwrap_or_default().into(),
            private: match keeps {
                Keeps::Elsewhere => Vec::new(),
                _ => self.key_at_rest.lock(&kid, key.secret_bytes())?,
            },
        };
        let mut changes = match keeps {
            Keeps::InPlaceOfOthers => control.demotions(&record),
            _ => Vec::new(),
        };
        let demoted: Vec<Box<str>> = changes.iter().map(|(kid, _)| kid.clone()).collect();
        changes.push((kid.clone(), record.clone()));
        let stored = StoredKey {
            record,
            is_durable: false,
            is_supplied: keeps == Keeps::Elsewhere,
            verifying: Some(key.verifying_key().clone()),
            signing: Some(key),
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
        self.commit(control, changes.into_iter().map(change))?;

        let mut control = self.control()?;
        if let Some(stored) = control.stored_keys.get_mut(&kid) {
            stored.is_durable = true;
        }
        for kid in &demoted {
            if let Some(stored) = control.stored_keys.get_mut(kid) {
                stored.demote();
            }
        }
        self.publish_keys(&control);
        Ok(info)
    }
}

impl StoredKey {
    pub(super) fn is_own(&self) -> bool {
        self.record.client.is_empty()
    }

    /// A client's, and not being revoked.
    pub(super) fn is_of_client(&self) -> bool {
        !self.is_own() && self.verifying.is_some()
    }

    pub(super) fn signs(&self) -> bool {
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
            (0, true) if self.signing.is_some() => KeyState::Signing,
            (0, _) => KeyState::Verifying,
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
    pub(super) fn algorithm(&self) -> Result<Algorithm, Error> {
        Algorithm::from_u8(self.algorithm)
            .ok_or_else(|| Error::corrupt("a key record of unknown algorithm"))
    }

    /// The same key, no longer signing: only an HMAC secret has to be kept.
    pub(super) fn demoted(&self) -> Self {
        let mut demoted = self.clone();
        demoted.signs = false;
        if !demoted.public.is_empty() {
            demoted.private.clear();
        }
        demoted
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::clock::Hand;
    use crate::disk::fake::FakeDisk;
    use crate::disk::{Disk as _, Tree, Write};
    use crate::new_token::NewToken;
    use crate::options::Options;

    fn with_two_keys() -> (FakeDisk, Vec<crate::disk::Pair>) {
        let disk = FakeDisk::new();
        let store = Options::new().open_fake(disk.clone()).unwrap();
        store.generate_signing_key(Algorithm::EdDsa).unwrap();
        store.generate_client_key("c", Algorithm::Es256).unwrap();
        store.close().unwrap();
        let records = disk.scan(Tree::Keys, b"").map(Result::unwrap).collect();
        (disk, records)
    }

    fn opens_with(disk: &FakeDisk, key: &[u8], value: Option<Vec<u8>>) -> Option<Error> {
        let write = Write {
            tree: Tree::Keys,
            key: key.to_vec(),
            value,
        };
        disk.apply(&[write]).unwrap();
        Options::new().open_fake(disk.clone()).err()
    }

    #[test]
    fn a_damaged_moved_or_missing_key_record_is_corrupt() {
        let (disk, records) = with_two_keys();
        assert_eq!(records.len(), 2);
        let corrupt = |error| matches!(error, Some(Error::Corrupt { .. }));
        for (key, value) in &records {
            for at in 0..value.len() {
                let mut damaged = value.clone();
                damaged[at] ^= 1 << (at % 8);
                assert!(corrupt(opens_with(&disk, key, Some(damaged))), "{at}");
            }
            assert!(corrupt(opens_with(&disk, key, None)));
            let other = records.iter().find(|(other, _)| other != key).unwrap();
            assert!(corrupt(opens_with(&disk, key, Some(other.1.clone()))));
            assert!(opens_with(&disk, key, Some(value.clone())).is_none());
        }
        let (_, value) = &records[0];
        assert!(corrupt(opens_with(&disk, b"another", Some(value.clone()))));
    }

    #[test]
    fn of_a_key_in_whose_place_another_signs_only_what_verifies_is_kept() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Hs256] {
            let (disk, hand) = (
                FakeDisk::new(),
                Hand(Arc::new(AtomicU64::new(1_800_000_000))),
            );
            let open = || {
                let options = Options::new().jwt_issuer("i").clock(hand.clone());
                options.open_fake(disk.clone()).unwrap()
            };
            let store = open();
            let old = store.generate_signing_key(algorithm).unwrap();
            let token = NewToken::jwt("c").expires_at(1_900_000_000);
            let token = store.issue(token.algorithm(algorithm)).unwrap();
            store.rotate_signing_key(algorithm).unwrap();
            let (kid, mac_key) = (old.kid.as_bytes(), store.core.mac_key.clone());
            let record = || {
                let bytes = disk.get(Tree::Keys, kid).unwrap().unwrap();
                let (record, _) = crate::record::decode(&mac_key, Tree::Keys, kid, &bytes).unwrap();
                let record: KeyRecord = record;
                record
            };
            store.close().unwrap();
            assert!(!record().signs);
            assert_eq!(record().private.is_empty(), algorithm == Algorithm::EdDsa);
            let reopened = open();
            let verdict = || reopened.validator().validate(token.secret.expose()).err();
            assert_eq!(verdict(), None);

            hand.0.fetch_add(7, Ordering::Relaxed);
            assert!(reopened.retire_key(&old.kid).unwrap());
            assert!(record().private.is_empty());
            let keys = reopened.signing_keys().unwrap();
            let retired = keys.iter().find(|key| key.kid == old.kid).unwrap();
            assert_eq!(retired.state, KeyState::Retired);
            assert_eq!(retired.retired_at, Some(hand.0.load(Ordering::Relaxed)));
        }
    }
}
