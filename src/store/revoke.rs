//! Revoking: one token, all of a client, everything. Memory first, then disk.

use super::change::Change;
use super::{Core, Store};
use crate::client_id::ClientId;
use crate::digest::Digest;
use crate::error::Error;
use crate::record::RevokedRecord;
use crate::table::{Cursor, Entry, Place};
use crate::token_id::TokenId;

/// The longest reason and the longest name of who revoked, in bytes.
const REASON_MAX_BYTES: usize = 256;

/// What a revocation found. All three leave the token dead (RFC 7009 section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revocation {
    /// The token was there, and is revoked now.
    Revoked,
    /// It had been revoked before; the first reason stands.
    AlreadyRevoked,
    /// The store knows no such token.
    Unknown,
}

/// Why, and by whom, for the record. Neither is ever told to a client.
#[derive(Clone, Copy, Debug, Default)]
pub struct RevokeReason<'a> {
    /// Why, at most 256 bytes.
    pub reason: &'a str,
    /// By whom, at most 256 bytes.
    pub by: &'a str,
}

impl Store {
    /// Revokes the token with this id.
    ///
    /// When this has returned, with `Ok` **or** `Err`, no [`validate`](crate::Validator::validate)
    /// that starts later on any thread accepts it. With `Ok` that also survives a crash.
    pub fn revoke(&self, id: TokenId) -> Result<Revocation, Error> {
        self.revoke_because(id, RevokeReason::default())
    }

    /// [`Store::revoke`], with a reason for the record.
    ///
    /// # Errors
    /// [`Error::Limit`] if the reason or the name is too long: then nothing was done, and the token
    /// lives on. After any other error it is dead in memory.
    pub fn revoke_because(&self, id: TokenId, why: RevokeReason<'_>) -> Result<Revocation, Error> {
        Error::check_limit("reason_max_bytes", REASON_MAX_BYTES, why.reason.len())?;
        Error::check_limit("reason_max_bytes", REASON_MAX_BYTES, why.by.len())?;
        let control = self.core.control()?;
        let Some(entry) = self.core.entry_to_kill(id)? else {
            return Ok(Revocation::Unknown);
        };
        if entry.revoked {
            // Another thread may be writing it still: what is said here must be durable too.
            self.core.commit(control, None)?;
            return Ok(Revocation::AlreadyRevoked);
        }
        // Memory first: whatever becomes of the disk, the token is dead from here on.
        self.core.live.table.writer().revoke(entry.place(), id);
        let revoked = RevokedRecord {
            at: self.core.live.now_secs(),
            reason: why.reason.into(),
            by: why.by.into(),
        };
        self.core
            .commit(control, [Change::Revoke { id, revoked }])?;
        Ok(Revocation::Revoked)
    }

    /// Revokes the token with this text. Texts that are no tokens are [`Revocation::Unknown`].
    pub fn revoke_text(&self, text: &str) -> Result<Revocation, Error> {
        match self.core.find_text(text.as_bytes()) {
            Some(entry) => self.revoke(entry.id),
            None => Ok(Revocation::Unknown),
        }
    }

    /// Revokes every token of `client` issued so far, those being issued at this moment included,
    /// in constant time. Yields whether the store knows the client.
    ///
    /// A store that takes tokens of foreign issuers knows every client: from here on it refuses
    /// foreign tokens of this one that were issued until now, or do not say when.
    pub fn revoke_all(&self, client: &str) -> Result<bool, Error> {
        self.core.revoke_all(client, self.core.live.takes_foreign())
    }

    /// The kill switch: revokes every token of every client issued so far.
    pub fn revoke_everything(&self) -> Result<(), Error> {
        let mut control = self.core.control()?;
        let epoch = self.core.next_epoch(&mut control);
        self.core.live.raise_epoch(epoch);
        self.core.commit(control, [Change::RaiseAll { epoch }])
    }
}

impl Core {
    /// Raises a client's epoch; `foreign`: for tokens of foreign issuers, too.
    pub(super) fn revoke_all(&self, client: &str, foreign: bool) -> Result<bool, Error> {
        let mut control = self.control()?;
        let epoch = self.next_epoch(&mut control);
        if foreign {
            let client = ClientId::new(client)?;
            self.client_to_refuse(&mut control, &client)?.1.foreign = true;
        }
        let Some((number, known)) = self.known_client(&mut control, client) else {
            // A purge forgets clients before it is durable, and so before the deaths it found need be.
            self.commit(control, None)?;
            return Ok(false);
        };
        known.epoch = epoch;
        self.publish(&control, number);
        let change = Change::RaiseClient {
            client: client.into(),
            epoch,
            foreign,
        };
        self.commit(control, [change])?;
        Ok(true)
    }

    /// The table's entry of a token that has been issued.
    pub(super) fn entry_of(&self, id: TokenId) -> Result<Option<Entry>, Error> {
        if let Some(entry) = self.live.table.writer().find(Place::of_id(id), id) {
            return Ok(Some(entry));
        }
        if !self.live.has_placed_by_digest() {
            return Ok(None);
        }
        // A chosen secret carries no id: its place is known from its record only.
        let Some(record) = self.record(id)? else {
            return Ok(None);
        };
        let digest = Digest::from_bytes(record.digest).in_memory();
        Ok(self.live.table.writer().find(Place::of_digest(digest), id))
    }

    /// The same, for a call that makes a token less alive: that must not depend on the disk. Where
    /// the record cannot be read, all of memory is searched.
    pub(super) fn entry_to_kill(&self, id: TokenId) -> Result<Option<Entry>, Error> {
        self.entry_of(id).or_else(|error| {
            let mut cursor = Some(Cursor::START);
            let mut found = Vec::new();
            while let Some(at) = cursor {
                cursor = self.live.table.scan(at, &mut found);
                if let Some(entry) = found.iter().find(|entry| entry.id == id) {
                    return Ok(Some(*entry));
                }
            }
            Err(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fake::FakeDisk;
    use crate::inactive::Inactive;
    use crate::new_token::NewToken;
    use crate::options::Options;

    /// As a clock that was set past 2094 leaves them.
    #[test]
    fn when_the_ids_are_used_up_what_lives_can_be_killed_and_nothing_is_issued() {
        let disk = FakeDisk::new();
        let open = || Options::new().open_fake(disk.clone()).unwrap();
        let store = open();
        let token = |client: &str| NewToken::new(client).never_expires();
        store.core.control().unwrap().last_id =
            TokenId::from_u64(TokenId::MAX.as_u64() - 3).unwrap();
        let [a, b] = ["a", "b"].map(|client| store.issue(token(client)).unwrap());
        assert_eq!(b.id.as_u64(), TokenId::MAX.as_u64() - 1);
        let verdict = |store: &Store, secret: &crate::Secret| {
            store.validator().validate(secret.expose()).err()
        };
        let revoked = Some(Inactive::Revoked);
        let refused = store.issue(token("c"));
        assert!(matches!(refused, Err(Error::Limit { .. })));
        assert!(store.revoke_all("a").unwrap());
        assert_eq!(
            (verdict(&store, &a.secret), verdict(&store, &b.secret)),
            (revoked, None)
        );
        store.close().unwrap();
        let store = open();
        assert_eq!(
            (verdict(&store, &a.secret), verdict(&store, &b.secret)),
            (revoked, None)
        );
        store.revoke_everything().unwrap();
        assert_eq!(verdict(&store, &b.secret), revoked);
        assert!(store.issue(token("b")).is_err());
        store.verify().unwrap();
        store.close().unwrap();
        assert_eq!(verdict(&open(), &b.secret), revoked);
    }

    /// A purge forgets a client before it knows that the disk did.
    #[test]
    fn who_was_forgotten_by_a_purge_that_failed_is_not_called_unknown() {
        let disk = FakeDisk::new();
        let no_grace = Options::new().purge_grace(std::time::Duration::ZERO);
        let store = no_grace.open_fake(disk.clone()).unwrap();
        let issued = store.issue(NewToken::new("c").never_expires()).unwrap();
        assert!(!store.revoke_all("nobody").unwrap());
        store.revoke(issued.id).unwrap();
        disk.fail_after(0);
        assert!(matches!(store.purge(10), Err(Error::Io { .. })));
        let refused = store.revoke_all("c");
        assert!(
            matches!(refused, Err(Error::ReadOnly { .. })),
            "{refused:?}"
        );
    }

    const CHOSEN: &str = "a-chosen-secret-0123456789-abcdefghijklmnop";

    #[test]
    fn a_chosen_secret_dies_in_memory_though_the_disk_cannot_be_read() {
        let disk = FakeDisk::new();
        let store = Options::new().open_fake(disk.clone()).unwrap();
        let validator = store.validator();
        store
            .issue_many(vec![NewToken::new("c").never_expires(); 300], |_| {})
            .unwrap();
        let forever = NewToken::new("c").never_expires();
        let id = store.issue_chosen(forever.clone(), CHOSEN).unwrap();
        let other = format!("{CHOSEN}-other");
        let other_id = store.issue_chosen(forever, &other).unwrap();
        disk.fail_reads(true);

        assert!(matches!(store.revoke(id), Err(Error::Io { .. })));
        assert_eq!(validator.validate(CHOSEN).err(), Some(Inactive::Revoked));
        assert!(store.expire(other_id, 1).is_err());
        assert_eq!(validator.validate(&other).err(), Some(Inactive::Expired));

        let nobody = TokenId::from_u64(7).unwrap();
        assert!(store.revoke(nobody).is_err(), "nobody looked at the disk");
    }
}
