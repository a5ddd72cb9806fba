//! The keys by which validators judge a text that the table does not know; replaced as a whole, and
//! read without a lock.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::inactive::Inactive;
use crate::jwt::{Expect, KeySet, Unverified, verify};

/// The type of the tokens issued here (RFC 9068 section 2.1).
const ACCESS_TOKEN: &str = "at+jwt";

/// What signs or signed tokens of this store, as validators see it.
pub(crate) struct Keyring {
    own: ArcSwap<Own>,
}

/// The store's own keys that are not retired, and what it says in its tokens.
#[derive(Default)]
struct Own {
    keys: Option<KeySet>,
    issuer: Option<String>,
}

impl Keyring {
    pub(crate) fn new() -> Self {
        Self {
            own: ArcSwap::from_pointee(Own::default()),
        }
    }

    /// From now on these keys. A validation under way ends with those it began with.
    pub(crate) fn replace(&self, keys: Option<KeySet>, issuer: Option<&str>) {
        self.own.store(Arc::new(Own {
            keys,
            issuer: issuer.map(str::to_owned),
        }));
    }

    /// The precise reason why a text that looks like a JWT is not in the store: whatever its own
    /// check finds, in the order of that check, and "not found" if it is genuine.
    pub(crate) fn why_not_found(&self, text: &[u8], audience: Option<&str>, now: u64) -> Inactive {
        let own = self.own.load();
        let Some(keys) = &own.keys else {
            return Unverified::parse(text)
                .err()
                .unwrap_or(Inactive::UnknownKey);
        };
        let mut expect = Expect::new().typ(ACCESS_TOKEN).any_audience();
        if let Some(issuer) = &own.issuer {
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
