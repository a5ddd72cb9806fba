//! Assertions that clients sign (RFC 7523): for whom they must be, and that each is taken once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::inactive::Inactive;
use crate::server::Shared;

/// An assertion that lives longer would have to be remembered longer (RFC 7523 section 3 asks for
/// no "unreasonable" distance), in seconds.
const LIFETIME_MAX_SECS: u64 = 3600;
/// The most that are remembered: some ten megabytes.
const REMEMBERED_MAX: usize = 65_536;

/// What an assertion must be for, and those that were taken.
pub(crate) struct Assertions {
    audience: String,
    /// The digests of client and `jti`, with the instant until which they are remembered.
    taken: Mutex<HashMap<[u8; 32], u64>>,
}

impl Assertions {
    pub(crate) fn new(audience: &str) -> Self {
        Self {
            audience: audience.to_owned(),
            taken: Mutex::default(),
        }
    }

    /// Takes an assertion that has a `jti` unless it was taken before. In memory only: a server that
    /// starts again takes one a second time.
    fn take(&self, client: &str, jti: &str, expires_at: u64, now: u64) -> Result<(), Inactive> {
        // Both ends are known: no two pairs make one text.
        let text = format!("{}:{client}{jti}", client.len());
        let digest = *blake3::hash(text.as_bytes()).as_bytes();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.len() >= REMEMBERED_MAX {
            taken.retain(|_, until| *until > now);
        }
        if taken.len() >= REMEMBERED_MAX {
            return Err(Inactive::Unavailable);
        }
        match taken.insert(digest, expires_at) {
            Some(until) if until > now => Err(Inactive::Revoked),
            _ => Ok(()),
        }
    }
}

impl Shared {
    /// The client that signed this.
    pub(super) fn signer(&self, text: &str) -> Result<String, Inactive> {
        let assertions = self.assertions.as_ref().ok_or(Inactive::UnknownKey)?;
        let validator = self.store.validator();
        let proved = validator.validate_reusable_client_assertion(text, &assertions.audience)?;
        let (now, end) = (validator.now_secs(), proved.expires_at());
        if end > now.saturating_add(LIFETIME_MAX_SECS) {
            return Err(Inactive::FieldsMissing);
        }
        if let Some(jti) = proved.jti() {
            assertions.take(proved.client_id(), jti, end, now)?;
        }
        Ok(proved.client_id().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_is_taken_once_and_forgotten_when_it_has_expired() {
        let assertions = Assertions::new("a");
        assert_eq!(assertions.take("c", "1", 100, 50), Ok(()));
        assert_eq!(assertions.take("c", "1", 100, 60), Err(Inactive::Revoked));
        assert_eq!(assertions.take("c1", "", 100, 50), Ok(()));
        assert_eq!(assertions.take("c", "1", 200, 100), Ok(()));
    }
}
