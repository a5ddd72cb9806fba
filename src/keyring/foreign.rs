//! Tokens of foreign issuers: verified once, then remembered, and judged at every look.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Keyring;
use super::denied::is_revoked;
use super::memo::Remembered;
use crate::inactive::Inactive;
use crate::jwt::{ForeignIssuers, Verified, Vouched};
use crate::table::Digest;

/// A token of a foreign issuer that was active when it was validated; only the validator makes one.
#[derive(Clone)]
pub struct ActiveForeign(Arc<Remembered>);

/// What the store knows that a foreign token does not say.
pub(crate) struct Denials<R> {
    /// What stands for a token in the table if it was revoked, by issuer and `jti`.
    pub(crate) digest: fn(&R, issuer: &str, jti: &str) -> Digest,
    /// Whether that is there.
    pub(crate) is_denied: fn(&R, Digest) -> bool,
    /// When everything was revoked, in Unix seconds.
    pub(crate) epoch_secs: Option<u64>,
    /// Who knows.
    pub(crate) of: R,
}

impl ActiveForeign {
    /// The client it speaks for, as the issuer's mapping has it.
    pub fn client_id(&self) -> &str {
        &self.0.vouched.client.client_id
    }

    /// The instant from which on it is refused, in Unix seconds: its `exp`, or what its issuer's policy
    /// has in place of one, with the leeway that the policy grants.
    pub fn expires_at(&self) -> u64 {
        self.0.vouched.expires_at
    }

    /// What it may do here, sorted, as the issuer's mapping has it.
    pub fn scopes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.scope_texts().iter().map(|scope| &**scope)
    }

    pub(crate) fn scope_texts(&self) -> &[Box<str>] {
        &self.0.vouched.client.scopes
    }

    /// Goes on only if the token is for `audience`; one that names no audience is not.
    pub fn expect_audience(&self, audience: &str) -> Result<(), Inactive> {
        match self.verified().audiences() {
            [] => Err(Inactive::FieldsMissing),
            named if named.iter().any(|named| named == audience) => Ok(()),
            _ => Err(Inactive::Audience),
        }
    }

    /// The metadata that the issuer's mapping takes from it.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.vouched.client.metadata
    }

    /// All that it claims.
    pub fn verified(&self) -> &Verified {
        &self.0.vouched.verified
    }
}

impl fmt::Debug for ActiveForeign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveForeign")
            .field("client_id", &self.client_id())
            .field("verified", &self.verified())
            .finish()
    }
}

impl Keyring {
    /// From now on no foreign token is active.
    pub(crate) fn refuse_foreign(&self) {
        self.refuses_foreign.store(true, Ordering::Release);
    }

    fn issuers(&self) -> Result<&ForeignIssuers, Inactive> {
        if self.refuses_foreign.load(Ordering::Acquire) {
            return Err(Inactive::Unavailable);
        }
        self.issuers.as_deref().ok_or(Inactive::UnknownKey)
    }

    /// Validates a foreign token with this digest. One that is remembered costs no allocation.
    pub(crate) fn foreign<R>(
        &self,
        text: &[u8],
        digest: Digest,
        now: u64,
        denials: &Denials<R>,
    ) -> Result<ActiveForeign, Inactive> {
        let issuers = self.issuers()?;
        if let Some(remembered) = self.memo.get(digest)
            && let Some(still) = issuers.still(&remembered.vouched, now)
        {
            still?;
            self.judge(&remembered, denials)?;
            return Ok(ActiveForeign(remembered));
        }
        let vouched = issuers.vouch(text, now)?;
        let denial = vouched.verified.jti().map(|jti| {
            let issuer = vouched.verified.issuer().unwrap_or_default();
            (denials.digest)(&denials.of, issuer, jti)
        });
        let name_hash = self.denied.hash(&vouched.client.client_id);
        let remembered = Arc::new(Remembered {
            digest,
            vouched,
            denial,
            name_hash,
        });
        self.judge(&remembered, denials)?;
        self.memo.put(&remembered);
        Ok(ActiveForeign(remembered))
    }

    /// Judges a token again that was active, without its text.
    pub(crate) fn foreign_again<R>(
        &self,
        token: &ActiveForeign,
        now: u64,
        denials: &Denials<R>,
    ) -> Result<(), Inactive> {
        let issuers = self.issuers()?;
        issuers.still_by_key(&token.0.vouched, now)?;
        self.judge(&token.0, denials)
    }

    /// What the store has to say of a verified token.
    fn judge<R>(&self, token: &Remembered, denials: &Denials<R>) -> Result<(), Inactive> {
        let Vouched {
            verified, client, ..
        } = &token.vouched;
        let is_denied = |digest| (denials.is_denied)(&denials.of, digest);
        if token.denial.is_some_and(is_denied)
            || is_revoked(denials.epoch_secs, verified.issued_at())
        {
            return Err(Inactive::Revoked);
        }
        self.denied
            .judge(&client.client_id, token.name_hash, verified.issued_at())
    }
}
