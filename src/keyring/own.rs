//! The store's own keys, and the reasons why a JWT that the table does not know is refused.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::Keyring;
use crate::inactive::Inactive;
use crate::jwt::{Expect, KeySet, Unverified, verify};

/// The type of the tokens issued here (RFC 9068 section 2.1).
const ACCESS_TOKEN: &str = "at+jwt";

/// The store's own keys that are not retired, and what it says in its tokens.
pub(super) struct Own {
    keys: ArcSwapOption<KeySet>,
    issuer: Option<String>,
}

impl Own {
    pub(super) fn new(issuer: Option<String>) -> Self {
        Self {
            keys: ArcSwapOption::empty(),
            issuer,
        }
    }
}

impl Keyring {
    /// From now on these keys. A validation under way ends with those it began with.
    pub(crate) fn replace_own(&self, keys: Option<KeySet>) {
        self.own.keys.store(keys.map(Arc::new));
    }

    /// The precise reason why a text that looks like a JWT is not in the store: whatever its own
    /// check finds, in the order of that check, and "not found" if it is genuine.
    pub(crate) fn why_not_found(&self, text: &[u8], audience: Option<&str>, now: u64) -> Inactive {
        let keys = self.own.keys.load();
        let Some(keys) = keys.as_ref() else {
            return Unverified::parse(text)
                .err()
                .unwrap_or(Inactive::UnknownKey);
        };
        let mut expect = Expect::new().typ(ACCESS_TOKEN).any_audience();
        if let Some(issuer) = &self.own.issuer {
            expect = expect.issuer(issuer);
        }
        if let Some(audience) = audience {
            expect = expect.audience(audience);
        }
        verify(text, keys, &expect, now)
            .err()
            .unwrap_or(Inactive::NotFound)
    }
}
