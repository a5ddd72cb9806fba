//! A signing key that is kept elsewhere and supplied whenever the store is opened: the store keeps
//! its number, its name and its public part, so that what it signed can be told and revoked.

use std::sync::Arc;

use super::Core;
use super::change::Change;
use super::keys::Keeps;
use crate::error::Error;
use crate::jwt::SigningKey;

impl Core {
    /// Lets the supplied key sign. If the store kept its private part, that is erased.
    pub(super) fn supply(&self, key: Arc<SigningKey>) -> Result<(), Error> {
        let kid: Box<str> = key.kid().into();
        let mut control = self.writable()?;
        let Some(stored) = control.stored_keys.get_mut(&kid) else {
            drop(control);
            return self.add_signing_key(key, Keeps::Elsewhere).map(|_| ());
        };
        if !stored.is_own() {
            return Err(Error::AlreadyExists);
        }
        if stored.record.epoch != 0 {
            return Err(Error::Invalid {
                what: "signing key",
                why: "it was retired, and what it signed is dead for good: supply another one",
            });
        }
        stored.verifying = Some(key.verifying_key().clone());
        stored.is_supplied = true;
        // After a rotation it verifies only.
        stored.signing = stored.record.signs.then_some(key);
        let was_kept_here = !std::mem::take(&mut stored.record.private).is_empty();
        let record = Some(Box::new(stored.record.clone()));
        self.publish_keys(&control);
        if was_kept_here {
            self.commit(control, [Change::Key { kid, record }])?;
        }
        Ok(())
    }
}
