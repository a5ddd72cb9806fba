//! Revoking tokens that somebody else issued: a record that denies, until the token would have
//! expired by itself.

use std::sync::atomic::Ordering;

use super::change::Change;
use super::control::not_inserted;
use super::{Revocation, Store};
use crate::client_id::ClientId;
use crate::error::Error;
use crate::kind::Kind;
use crate::record::TokenRecord;
use crate::table::Place;

/// By how much longer than its token a denial lives: an issuer's leeway may be that large.
const LEEWAY_SECS: u64 = 24 * 3600;
/// The longest token, so the longest name that can stand in one.
const NAME_MAX_BYTES: usize = 8 * 1024;

impl Store {
    /// Revokes the token `jti` of a foreign issuer, which would expire at `expires_at` (Unix
    /// seconds). The denial is kept until a day after that, and listed under the issuer's name.
    ///
    /// When this has returned, with `Ok` **or** `Err`, no
    /// [`validate_foreign`](crate::Validator::validate_foreign) that starts later accepts the token.
    pub fn revoke_foreign(
        &self,
        issuer: &str,
        jti: &str,
        expires_at: u64,
    ) -> Result<Revocation, Error> {
        Error::check_limit("jti_max_bytes", NAME_MAX_BYTES, issuer.len().max(jti.len()))?;
        let digest = self.core.live.digests.foreign(issuer, jti);
        let in_memory = digest.in_memory();
        let mut control = self.core.control()?;
        let place = Place::of_digest(in_memory);
        if self.core.live.table.get(place, in_memory).is_some() {
            // Another thread may be writing it still: what is said here must be durable too.
            self.core.commit(control, None)?;
            return Ok(Revocation::AlreadyRevoked);
        }
        let id = self.core.next_id(&mut control)?;
        let client = ClientId::new(issuer).or_else(|_| ClientId::new("(foreign issuer)"))?;
        self.core.client(&mut control, &client)?;
        let end = expires_at.saturating_add(LEEWAY_SECS);
        let record = TokenRecord {
            kind: Kind::ForeignDenial.as_u8(),
            digest: *digest.as_bytes(),
            placed_by_digest: true,
            key: 0,
            client: client.as_str().into(),
            issued_at: self.core.live.now_secs(),
            not_before: 0,
            expires_at: u32::try_from(end).unwrap_or(u32::MAX),
            scopes: Vec::new(),
            audiences: Vec::new(),
            metadata: std::collections::BTreeMap::new(),
            revoked: None,
        };
        let entry = self.core.entry(&mut control, id, &record)?;
        control.tokens += 1;
        // Memory first: no limit and no failure of the disk comes before it.
        self.core.denials_ahead.fetch_add(1, Ordering::AcqRel);
        self.core.live.count_placed_by_digest(true);
        let inserted = self.core.live.table.writer().insert(entry);
        inserted.map_err(not_inserted)?;
        let record = Box::new(record);
        self.core.commit(control, [Change::Deny { id, record }])?;
        self.core.denials_ahead.fetch_sub(1, Ordering::AcqRel);
        Ok(Revocation::Revoked)
    }

    /// Revokes all tokens of a client that were issued so far, those of foreign issuers included:
    /// [`Store::revoke_all`] for programs that open the store without naming its issuers. A server
    /// that names them refuses such tokens when it opens the store next.
    pub fn revoke_all_foreign(&self, client: &str) -> Result<(), Error> {
        self.core.revoke_all(client, true).map(|_| ())
    }

    /// Revokes a foreign token by its text, which must be active. One without `jti` cannot be named:
    /// [`Error::Invalid`].
    pub fn revoke_foreign_text(&self, text: &str) -> Result<Revocation, Error> {
        let Ok(active) = self.validator().validate_foreign(text) else {
            return Ok(Revocation::Unknown);
        };
        let verified = active.verified();
        let Some(jti) = verified.jti() else {
            return Err(Error::Invalid {
                what: "foreign token",
                why: "it has no jti to be revoked by; revoke its client's tokens with `revoke_all`",
            });
        };
        let issuer = verified.issuer().unwrap_or_default();
        // Without `exp`, as Flipt takes them, its end is not its own to say.
        let end = verified.expires_at().unwrap_or(u64::MAX);
        self.revoke_foreign(issuer, jti, end)
    }
}
