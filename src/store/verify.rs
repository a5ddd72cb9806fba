//! Verifying an open store: disk against seal, and disk against memory.

use super::scan::{Visit, scan};
use super::{Core, Store};
use crate::client_id::ClientId;
use crate::digest::Digest;
use crate::error::Error;
use crate::options::Progress;
use crate::record::{ClientRecord, KeyRecord, TokenRecord};
use crate::table::Place;
use crate::token_id::TokenId;

/// What a verification went through without finding fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Token records, each of which agrees with memory.
    pub tokens: u64,
    /// Client records.
    pub clients: u64,
    /// Key records.
    pub keys: u64,
    /// The generation that was verified.
    pub generation: u64,
}

impl Store {
    /// Reads every record again and holds it against the seal, the index and memory.
    ///
    /// Changes wait until it is done; validation does not.
    ///
    /// # Errors
    /// [`Error::Corrupt`] says what does not fit.
    pub fn verify(&self) -> Result<Verified, Error> {
        drop(self.core.control()?);
        let sealed = self.core.sealed();
        let mut against = AgainstMemory {
            core: &self.core,
            total: sealed.tokens,
            #[cfg(feature = "jwt")]
            kids: std::collections::BTreeSet::new(),
            verified: Verified {
                generation: sealed.generation,
                ..Verified::default()
            },
        };
        scan(&*self.core.disk, &self.core.mac_key, &sealed, &mut against)?;
        #[cfg(feature = "jwt")]
        self.core.verify_no_more_keys(&against.kids)?;
        let in_memory = self.core.live.table.len() as u64;
        // Read after the length: what it counts stays so, for no group is written meanwhile.
        let ahead = self.core.ahead_of_disk();
        if in_memory.saturating_sub(against.verified.tokens) > ahead
            || in_memory < against.verified.tokens
        {
            return Err(Error::corrupt("memory holds tokens that have no record"));
        }
        Ok(against.verified)
    }
}

impl Core {
    /// How many entries stand in memory before their records are durable: those that deny.
    fn ahead_of_disk(&self) -> u64 {
        #[cfg(feature = "jwt")]
        return self
            .denials_ahead
            .load(std::sync::atomic::Ordering::Acquire);
        #[cfg(not(feature = "jwt"))]
        return 0;
    }
}

struct AgainstMemory<'a> {
    core: &'a Core,
    total: u64,
    /// The names of the keys that have records.
    #[cfg(feature = "jwt")]
    kids: std::collections::BTreeSet<Box<str>>,
    verified: Verified,
}

impl Visit for AgainstMemory<'_> {
    fn client(&mut self, _: &ClientId, _: ClientRecord) -> Result<(), Error> {
        self.verified.clients += 1;
        Ok(())
    }

    #[cfg_attr(
        not(feature = "jwt"),
        expect(unused_variables, reason = "memory holds keys for signers")
    )]
    fn key(&mut self, kid: &str, record: KeyRecord) -> Result<(), Error> {
        #[cfg(feature = "jwt")]
        {
            self.core.verify_key(kid, &record)?;
            self.kids.insert(kid.into());
        }
        self.verified.keys += 1;
        Ok(())
    }

    fn token(&mut self, id: TokenId, record: &TokenRecord) -> Result<(), Error> {
        let digest = Digest::from_bytes(record.digest).in_memory();
        let place = if record.placed_by_digest {
            Place::of_digest(digest)
        } else {
            Place::of_id(id)
        };
        let Some(entry) = self.core.live.table.get(place, digest) else {
            return Err(Error::corrupt("a record has no entry in memory"));
        };
        // Memory may be ahead: it denies before the disk knows.
        let agrees = entry.id == id
            && entry.expires_at <= record.expires_at
            && (entry.revoked || record.revoked.is_none());
        if !agrees {
            return Err(Error::corrupt("a record and its entry in memory differ"));
        }
        self.verified.tokens += 1;
        Ok(())
    }

    fn batch_done(&mut self, done: u64) -> Result<(), Error> {
        self.core.tell(Progress {
            doing: "verify",
            done,
            total: self.total,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fake::FakeDisk;
    use crate::new_token::NewToken;
    use crate::options::Options;
    use crate::table::Entry;

    const CHOSEN: &str = "a-chosen-secret-0123456789-abcdefghijklmnop";

    /// Two tokens of `c`, the first of them chosen.
    fn store(disk: &FakeDisk) -> (Store, [TokenId; 2]) {
        let store = Options::new().open_fake(disk.clone()).unwrap();
        let token = || NewToken::new("c").expires_at(4_000_000_000);
        let chosen = store.issue_chosen(token(), CHOSEN).unwrap();
        let other = store.issue(token()).unwrap().id;
        (store, [chosen, other])
    }

    fn is_corrupt(store: &Store) -> bool {
        match store.verify() {
            Ok(_) => false,
            Err(Error::Corrupt { .. }) => true,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_verification_says_what_it_went_through() {
        let (store, _) = store(&FakeDisk::new());
        let found = store.verify().unwrap();
        assert_eq!((found.tokens, found.clients, found.keys), (2, 1, 0));
        assert_eq!(found.generation, store.generation());
    }

    #[test]
    fn an_entry_that_is_more_alive_than_its_record_is_corrupt() {
        let change = |change: &dyn Fn(&mut Entry)| {
            let (store, ids) = store(&FakeDisk::new());
            store.revoke(ids[0]).unwrap();
            store.expire(ids[0], 3_000_000_000).unwrap();
            let mut entry = store.core.entry_of(ids[0]).unwrap().unwrap();
            let mut writer = store.core.live.table.writer();
            assert!(writer.remove(entry.place(), entry.id));
            change(&mut entry);
            writer.insert(entry).unwrap();
            drop(writer);
            is_corrupt(&store)
        };
        assert!(!change(&|_| ()));
        assert!(change(&|entry| entry.revoked = false));
        assert!(change(&|entry| entry.expires_at += 1));
        assert!(change(&|entry| entry.id = TokenId::from_u64(7).unwrap()));
        assert!(!change(&|entry| entry.expires_at -= 1), "memory is ahead");
    }

    #[test]
    fn what_was_denied_and_not_written_is_no_fault() {
        let disk = FakeDisk::new();
        let (store, ids) = store(&disk);
        disk.fail_after(0);
        assert!(store.revoke(ids[1]).is_err());
        #[cfg(feature = "jwt")]
        assert!(
            store
                .revoke_foreign("issuer", "jti", 4_000_000_000)
                .is_err()
        );
        disk.heal();
        assert_eq!(store.verify().unwrap().tokens, 2);
    }

    #[test]
    fn an_entry_too_many_or_too_few_is_corrupt() {
        let (store, ids) = store(&FakeDisk::new());
        let entry = store.core.entry_of(ids[1]).unwrap().unwrap();
        let id = TokenId::from_u64(7).unwrap();
        store
            .core
            .live
            .table
            .writer()
            .insert(Entry { id, ..entry })
            .unwrap();
        assert!(is_corrupt(&store));
        let mut writer = store.core.live.table.writer();
        assert!(writer.remove(Entry { id, ..entry }.place(), id));
        drop(writer);
        assert!(!is_corrupt(&store));
        assert!(store.core.live.table.writer().remove(entry.place(), ids[1]));
        assert!(is_corrupt(&store));
    }
}
