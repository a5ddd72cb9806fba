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
