//! Revoking tokens that somebody else issued: a record that denies, until the token would have
//! expired by itself.

use std::sync::atomic::Ordering;

use super::change::Change;
use super::control::{Control, not_inserted};
use super::{Core, Revocation, Store};
use crate::client_id::ClientId;
use crate::digest::Digest;
use crate::error::Error;
use crate::kind::Kind;
use crate::record::TokenRecord;
use crate::table::{NotInserted, Place};

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
    ///
    /// # Errors
    /// [`Error::Limit`] if a name is longer than any token: there is no such token. If memory has no
    /// room for the denial, or the store no id or name for it, **all** foreign tokens are
    /// [`Inactive::Unavailable`](crate::Inactive::Unavailable) until the store is opened again: then
    /// nobody knows of the revocation any more.
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
        let denied = self.core.deny(&mut control, issuer, digest, expires_at);
        let change = denied.inspect_err(|_| self.core.live.refuse_foreign())?;
        self.core.commit(control, [change])?;
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
        let active = match self.validator().validate_foreign(text) {
            Ok(active) => active,
            Err(why) if why.is_client_fault() => {
                // It may be dead by a denial that is being written still, or could not be.
                self.core.commit(self.core.control()?, None)?;
                return Ok(Revocation::Unknown);
            }
            Err(_) => {
                drop(self.core.control()?);
                return Err(Error::ReadOnly {
                    cause: "there was no room for an earlier revocation".to_owned(),
                });
            }
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

impl Core {
    /// Denies in memory; yields what is to be made durable.
    fn deny(
        &self,
        control: &mut Control,
        issuer: &str,
        digest: Digest,
        expires_at: u64,
    ) -> Result<Change, Error> {
        let id = self.next_id(control)?;
        let client = ClientId::new(issuer).or_else(|_| ClientId::new("(foreign issuer)"))?;
        self.client(control, &client)?;
        let end = expires_at.saturating_add(LEEWAY_SECS);
        let record = TokenRecord {
            kind: Kind::ForeignDenial.as_u8(),
            digest: *digest.as_bytes(),
            placed_by_digest: true,
            key: 0,
            client: client.as_str().into(),
            issued_at: self.live.now_secs(),
            not_before: 0,
            expires_at: u32::try_from(end).unwrap_or(u32::MAX),
            scopes: Vec::new(),
            audiences: Vec::new(),
            metadata: std::collections::BTreeMap::new(),
            revoked: None,
        };
        let entry = self.entry(control, id, &record)?;
        control.tokens += 1;
        // Memory first: no limit and no failure of the disk comes before it.
        self.denials_ahead.fetch_add(1, Ordering::AcqRel);
        self.live.count_placed_by_digest(true);
        let inserted = self.live.table.writer().insert(entry);
        if let Err(why) = inserted {
            self.denials_ahead.fetch_sub(1, Ordering::AcqRel);
            self.live.count_placed_by_digest(false);
            control.forget(self.live.grant(entry.grant).client);
            return Err(match why {
                NotInserted::NoMemory => Error::Io {
                    doing: "making room in memory for a revocation",
                    consequence: "it is not on disk, and all foreign tokens are refused until the store is reopened",
                    source: std::io::ErrorKind::OutOfMemory.into(),
                },
                twin => not_inserted(twin),
            });
        }
        let record = Box::new(record);
        Ok(Change::Deny { id, record })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::clock::Hand;
    use crate::disk::fake::FakeDisk;
    use crate::inactive::Inactive;
    use crate::jwt::{
        Algorithm, ClaimsMapping, Expect, ForeignIssuer, ForeignIssuers, KeySet, SigningKey,
    };
    use crate::new_token::NewToken;
    use crate::options::Options;
    use crate::token_id::TokenId;

    const START: u64 = 1_800_000_000;

    fn open(disk: &FakeDisk, hand: &Hand, key: &SigningKey) -> Store {
        let keys = Arc::new(KeySet::from(key.verifying_key().clone()));
        let mapping = ClaimsMapping::client_from("/sub");
        let issuer = ForeignIssuer::new(keys, Expect::new().issuer("i"), mapping);
        Options::new()
            .clock(hand.clone())
            .foreign_issuers(ForeignIssuers::new(vec![issuer]).unwrap())
            .open_fake(disk.clone())
            .unwrap()
    }

    fn token(key: &SigningKey, client: &str, jti: &str, iat: u64) -> String {
        let exp = iat + 100;
        let claims =
            format!(r#"{{"iss":"i","sub":"{client}","jti":"{jti}","iat":{iat},"exp":{exp}}}"#);
        key.sign_payload("JWT", claims.as_bytes()).unwrap()
    }

    fn verdict(store: &Store, text: &str) -> Option<Inactive> {
        store.validator().validate_foreign(text).err()
    }

    #[test]
    fn where_there_is_no_room_for_a_denial_all_are_refused() {
        let (disk, hand) = (FakeDisk::new(), Hand(Arc::new(AtomicU64::new(START))));
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let store = open(&disk, &hand, &key);
        let own = store.issue(NewToken::new("c").never_expires()).unwrap();
        let [one, other] = ["1", "2"].map(|jti| token(&key, "c", jti, START));
        assert_eq!(
            (verdict(&store, &one), verdict(&store, &other)),
            (None, None)
        );
        store.core.control().unwrap().last_id = TokenId::MAX;
        let too_long = store.revoke_foreign("i", &"x".repeat(NAME_MAX_BYTES + 1), START);
        assert!(matches!(too_long, Err(Error::Limit { .. })));
        assert_eq!(verdict(&store, &other), None, "no token has such a name");

        let failed = store.revoke_foreign_text(&one);
        assert!(matches!(failed, Err(Error::Limit { .. })), "{failed:?}");
        for text in [&one, &other] {
            assert_eq!(verdict(&store, text), Some(Inactive::Unavailable));
            let unread = store.revoke_foreign_text(text);
            assert!(matches!(unread, Err(Error::ReadOnly { .. })), "{unread:?}");
        }
        assert!(store.validator().validate(own.secret.expose()).is_ok());
        assert_eq!(store.verify().unwrap().tokens, 1);
    }

    #[test]
    fn a_denial_that_is_not_on_disk_is_not_called_done() {
        let (disk, hand) = (FakeDisk::new(), Hand(Arc::new(AtomicU64::new(START))));
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let store = open(&disk, &hand, &key);
        let text = token(&key, "c", "1", START);
        assert_eq!(
            store.revoke_foreign_text("none").unwrap(),
            Revocation::Unknown
        );
        disk.fail_after(0);
        let failed = store.revoke_foreign_text(&text);
        assert!(matches!(failed, Err(Error::Io { .. })), "{failed:?}");
        assert_eq!(verdict(&store, &text), Some(Inactive::Revoked));
        let refused = store.revoke_foreign_text(&text);
        assert!(
            matches!(refused, Err(Error::ReadOnly { .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn after_the_time_of_ids_has_ended_a_client_can_still_be_revoked() {
        const LATE: u64 = 4_000_000_000;
        let (disk, hand) = (FakeDisk::new(), Hand(Arc::new(AtomicU64::new(LATE))));
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let store = open(&disk, &hand, &key);
        let [a, b] = ["a", "b"].map(|client| token(&key, client, "1", LATE));
        assert_eq!((verdict(&store, &a), verdict(&store, &b)), (None, None));
        store.revoke_all("a").unwrap();
        assert_eq!(verdict(&store, &a), Some(Inactive::Revoked));
        assert_eq!(verdict(&store, &b), None);
        store.close().unwrap();
        let store = open(&disk, &hand, &key);
        assert_eq!(verdict(&store, &a), Some(Inactive::Revoked));
        assert_eq!(verdict(&store, &b), None);
        store.revoke_everything().unwrap();
        assert_eq!(verdict(&store, &b), Some(Inactive::Revoked));
    }
}
