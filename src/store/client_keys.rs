//! Keys by which clients sign for themselves: service users that authenticate by a JWT of their own.

use super::Store;
use super::change::Change;
use super::keys::{KeyInfo, StoredKey};
use crate::client_id::ClientId;
use crate::error::Error;
use crate::jwt::{Algorithm, KeyError, SigningKey, VerifyingKey};
use crate::record::KeyRecord;
use crate::secret::Secret;

/// How many keys all clients may have together: each change of one copies the list of all.
const CLIENT_KEYS_MAX: usize = 65_536;

/// A key just made for a client. Its private part exists here and nowhere else.
#[derive(Debug)]
#[non_exhaustive]
pub struct NewClientKey {
    /// What the store keeps of it.
    pub info: KeyInfo,
    /// The private key as PKCS#8 PEM, to hand to the client, once.
    pub pem: Secret,
    /// The same as a JWK.
    pub jwk: Secret,
}

impl Store {
    /// Makes a key for `client` to sign assertions with
    /// ([`Validator::validate_client_assertion`](crate::Validator::validate_client_assertion)): EdDSA
    /// or ES256. Only the public part is kept.
    pub fn generate_client_key(
        &self,
        client: &str,
        algorithm: Algorithm,
    ) -> Result<NewClientKey, Error> {
        let key = SigningKey::generate(algorithm)?;
        if key.verifying_key().is_secret() {
            return Err(KeyError::Algorithm { algorithm }.into());
        }
        let again = SigningKey::from_secret_bytes(algorithm, key.secret_bytes())?;
        let info = self.import_client_key(client, key.verifying_key().clone())?;
        Ok(NewClientKey {
            info,
            pem: key.into_pem().ok_or(KeyError::Backend)?,
            jwk: again.into_private_jwk(),
        })
    }

    /// Takes in the public key of a client that made it itself, of any algorithm but HMAC. If it
    /// has no name, its RFC 7638 thumbprint becomes one.
    pub fn import_client_key(&self, client: &str, key: VerifyingKey) -> Result<KeyInfo, Error> {
        let client = ClientId::new(client)?;
        let unfit = KeyError::Algorithm {
            algorithm: key.algorithm(),
        };
        let thumbprint = key.thumbprint().ok_or(unfit)?;
        let key = match key.kid() {
            Some(_) => key,
            None => key.with_kid(&thumbprint)?,
        };
        let kid: Box<str> = key.kid().unwrap_or_default().into();
        let record = KeyRecord {
            number: 0,
            algorithm: key.algorithm().as_u8(),
            signs: false,
            created_at: self.core.live.now_secs(),
            epoch: 0,
            client: client.as_str().into(),
            public: key.to_jwk().ok_or(unfit)?.into(),
            private: Vec::new(),
        };
        let mut control = self.core.writable()?;
        if control.stored_keys.contains_key(&kid) {
            return Err(Error::AlreadyExists);
        }
        let keys = control.stored_keys.len();
        Error::check_limit("client_keys_max", CLIENT_KEYS_MAX, keys + 1)?;
        if self.core.client(&mut control, &client)?.1.disabled {
            return Err(Error::ClientDisabled);
        }
        let change = Change::Key {
            kid: kid.clone(),
            record: Some(Box::new(record.clone())),
        };
        let stored = StoredKey {
            record,
            is_durable: false,
            is_supplied: false,
            signing: None,
            verifying: Some(key),
        };
        let info = stored.info(&kid);
        control.stored_keys.insert(kid.clone(), stored);
        self.core.commit(control, [change])?;

        let mut control = self.core.control()?;
        if let Some(stored) = control.stored_keys.get_mut(&kid) {
            stored.is_durable = true;
        }
        self.core.publish_client_keys(&mut control)?;
        Ok(info)
    }

    /// Revokes a client's key. Yields whether there was one.
    ///
    /// When this has returned, with `Ok` **or** `Err`, no validation that starts later accepts an
    /// assertion that the key signed.
    pub fn revoke_client_key(&self, kid: &str) -> Result<bool, Error> {
        let mut control = self.core.control()?;
        let known = control.stored_keys.get_mut(kid);
        let Some(stored) = known.filter(|key| !key.is_own()) else {
            return Ok(false);
        };
        if stored.verifying.take().is_none() {
            // Another thread is writing it: what is said here must be durable too.
            self.core.commit(control, None)?;
            return Ok(true);
        }
        self.core.publish_client_keys(&mut control)?;
        let change = Change::Key {
            kid: kid.into(),
            record: None,
        };
        self.core.commit(control, [change])?;
        self.core.control()?.stored_keys.remove(kid);
        Ok(true)
    }

    /// The keys of a client, in the order of their names.
    pub fn client_keys(&self, client: &str) -> Result<Vec<KeyInfo>, Error> {
        let control = self.core.control()?;
        let of_client = control
            .stored_keys
            .iter()
            .filter(|(_, key)| key.is_of_client() && *key.record.client == *client);
        Ok(of_client.map(|(kid, key)| key.info(kid)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fake::FakeDisk;
    use crate::inactive::Inactive;
    use crate::options::Options;

    const AUD: &str = "https://issuer.example/token";

    fn client(store: &Store, name: &str) -> (KeyInfo, String) {
        let made = store.generate_client_key(name, Algorithm::EdDsa).unwrap();
        let key = SigningKey::from_pem(made.pem.expose()).unwrap();
        let claims = format!(r#"{{"iss":"{name}","sub":"{name}","aud":"{AUD}","exp":4000000000}}"#);
        let text = key.sign_payload("JWT", claims.as_bytes()).unwrap();
        (made.info, text)
    }

    #[test]
    fn a_revoked_key_is_dead_even_if_the_disk_fails() {
        let disk = FakeDisk::new();
        let store = Options::new().open_fake(disk.clone()).unwrap();
        let (a, b) = (client(&store, "a"), client(&store, "b"));
        let validator = store.validator();
        let verdict = |text: &str| {
            let verdict = validator.validate_reusable_client_assertion(text, AUD);
            verdict.err()
        };
        assert_eq!((verdict(&a.1), verdict(&b.1)), (None, None));
        disk.fail_after(0);
        let failed = store.revoke_client_key(&a.0.kid);
        assert!(matches!(failed, Err(Error::Io { .. })));
        for (info, text) in [&a, &b] {
            let failed = store.revoke_client_key(&info.kid);
            assert!(matches!(failed, Err(Error::ReadOnly { .. })));
            assert_eq!(verdict(text), Some(Inactive::UnknownKey));
            assert!(
                store
                    .client_keys(info.client_id.as_deref().unwrap())
                    .unwrap()
                    .is_empty()
            );
        }
    }
}
