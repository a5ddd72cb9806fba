//! Repairing: a new store from what of a damaged one is provably intact.
//!
//! A record's MAC proves that the store wrote it, and not that it wrote nothing newer. That is proven
//! by all of them together: their MACs add up to what the newest seal says, and the sidecar knows no
//! newer one. Then nothing at all is lost, whatever became of sled's own structures. If a single
//! record is damaged, the others can still be proven. Otherwise a revocation may be among what is lost, and the owner decides.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::Path;

use super::Store;
use super::carve::find;
use super::damaged::{Damaged, failed};
use super::folder;
use super::new_store::{NewFolder, NewStore, Told};
use super::open::store_record;
use super::repair_plan::Plan;
use super::restore::{LostRevocations, Restored, next_id};
use super::scan::Visit as _;
use crate::client_id::ClientId;
use crate::digest::DigestKey;
use crate::disk::sled::SledDisk;
use crate::error::Error;
use crate::options::Options;
use crate::record::{ClientRecord, MacKey};

/// What a repair did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Repaired {
    /// What the new store holds.
    #[serde(flatten)]
    pub store: Restored,
    /// Whether every record in it is, provably, as it last was, so that no revocation is lost.
    pub proven: bool,
    /// Token records that the newest seal found counts and that are not in the new store. Purged
    /// tokens whose records still lay about may make up for lost ones.
    pub tokens_missing: u64,
    /// Intact token records that were left out, because the key that signed them is lost, or because
    /// a later token has the same secret.
    pub tokens_dropped: u64,
    /// Clients whose record is lost. Their tokens are revoked, and they are disabled: whether they
    /// were is not known.
    pub clients_disabled: u64,
}

impl Store {
    /// Makes a new store in `folder`, where nothing is yet, from what is intact in the damaged store
    /// at `damaged`, which is only read: the work is done on a copy, for which there must be room.
    ///
    /// If it is proven that every intact record is the last of its kind, the new store holds exactly
    /// these, and `lost` has no say; a record that is lost is a token, client or key less, never one
    /// that lives again. If it is not proven, **a revocation may be among what is lost**, and `lost`
    /// decides. With [`LostRevocations::Accept`] a token lives that has an intact record, no intact record
    /// that says that it was revoked, and a client whose record is intact.
    ///
    /// The records are held in memory meanwhile. Of `options` it takes the digest key, where that
    /// does not lie in the damaged folder (if it does, it is copied), the least generation (which
    /// proves what a lost sidecar cannot), the cache size, the clock, and who is told of progress.
    ///
    /// # Errors
    /// [`Error::RevocationsMayBeLost`], [`Error::Corrupt`] if nothing is intact,
    /// [`Error::PathTaken`], [`Error::NotFound`], [`Error::NotADirectory`], [`Error::Locked`],
    /// [`Error::WrongDigestKey`], [`Error::NewerFormat`], [`Error::Io`]: no store was made.
    pub fn repair(
        damaged: impl AsRef<Path>,
        folder: impl AsRef<Path>,
        options: Options,
        lost: LostRevocations,
    ) -> Result<Repaired, Error> {
        let damaged = Damaged::lock(damaged.as_ref())?;
        let key_file = damaged.path.join("digest.key");
        let digest_key = match &options.digest_key {
            Some(key) => key.clone(),
            None => DigestKey::read_file(&key_file)?,
        };
        let key = MacKey::new(&digest_key);
        let mark = damaged.mark(&key)?;
        let target = NewFolder::begin(folder.as_ref())?;
        let salvage = damaged.salvage(target.folder()?, &key, &options)?;
        if salvage.is_empty() && salvage.seal.is_none() {
            return Err(Error::corrupt(
                "no record in it is intact and of this digest key",
            ));
        }
        let known = mark.map_or(0, |mark| mark.generation);
        let required = match (mark, options.least_generation) {
            (None, 0) => None,
            (_, least) => Some(known.max(least)),
        };
        let data = damaged.data()?;
        let plan = salvage.plan(required, mark.is_some(), &|macs| {
            find(&data, macs).unwrap_or(None)
        });
        if !plan.proven && lost == LostRevocations::Refuse {
            return Err(plan.doubt());
        }
        if options.digest_key.is_none() {
            let copy = folder::key_file(target.folder()?);
            fs::copy(&key_file, &copy)
                .and_then(|_| File::open(&copy)?.sync_all())
                .map_err(failed)?;
        }
        plan.write(target, &key, known, &options, lost)
    }
}

impl Plan {
    fn doubt(&self) -> Error {
        let (tokens, clients) = (self.tokens.len(), self.clients.len());
        let sealed = match &self.seal {
            Some(seal) => format!("where {} and {} were sealed", seal.tokens, seal.clients),
            None => "and no seal".to_owned(),
        };
        Error::RevocationsMayBeLost {
            why: format!(
                "{tokens} intact records of tokens and {clients} of clients were found {sealed}, and they are not proven to be the last"
            ),
        }
    }

    fn write(
        self,
        target: NewFolder,
        key: &MacKey,
        known_generation: u64,
        options: &Options,
        lost: LostRevocations,
    ) -> Result<Repaired, Error> {
        let sealed = self.seal.clone().unwrap_or_default();
        let mut like = sealed.clone();
        let last = self.tokens.last().map_or(0, |(id, _)| id.as_u64());
        like.last_id = like.last_id.max(last);
        let next = next_id(&like, options)?;
        let store_record = match self.store_record {
            Some(found) => found,
            None => store_record(key)?,
        };
        let told = Told {
            doing: "repair",
            total: self.tokens.len() as u64,
            on_progress: options.on_progress.clone(),
        };
        let folder = target.folder()?;
        let disk = SledDisk::open(&folder.data(), &folder.sidecar(), options.cache_bytes)?;
        let mut new = NewStore::begin(Box::new(disk), key.clone(), told);
        let revoked_all = !self.proven && lost == LostRevocations::RevokeAll;
        let counts = [self.tokens.len(), self.clients.len(), self.keys.len()];
        let is_whole = self.proven
            && counts.map(|count| count as u64) == [sealed.tokens, sealed.clients, sealed.keys];
        if !is_whole {
            let known = known_generation.max(options.least_generation);
            like.generation = like.generation.max(known) + 1;
            like.last_id = next.as_u64();
        }
        if revoked_all {
            new.revoke_all_before(next);
        }
        for (client, record) in &self.clients {
            new.client(&ClientId::new(client)?, *record)?;
        }
        let mut numbers: HashSet<u16> = [0].into();
        for (kid, record) in self.keys {
            // Two keys of one number can only be found if one was lost before the other was made.
            if record.number == 0 || numbers.insert(record.number) {
                new.key(&kid, record)?;
            }
        }
        let (mut dropped, mut orphans) = (0, HashSet::new());
        let mut seen = HashSet::new();
        let mut kept = Vec::with_capacity(self.tokens.len());
        for (id, token) in self.tokens.into_iter().rev() {
            if numbers.contains(&token.key) && seen.insert(token.digest) {
                kept.push((id, token));
            } else {
                dropped += 1;
            }
        }
        for (done, (id, token)) in kept.into_iter().rev().enumerate() {
            if !self.clients.contains_key(&token.client) && orphans.insert(token.client.clone()) {
                let unknown = ClientRecord {
                    epoch: next.as_u64(),
                    disabled: true,
                    ..ClientRecord::default()
                };
                new.client(&ClientId::new(&token.client)?, unknown)?;
            }
            new.token(id, &token)?;
            if done % 4096 == 0 {
                new.batch_done(done as u64)?;
            }
        }
        let seal = new.finish(&like, store_record)?;
        if is_whole && seal.digest != sealed.digest {
            return Err(Error::corrupt("the new store is not what was proven"));
        }
        target.finish()?;
        let store = Restored {
            revoked_all,
            ..Restored::of(&seal, lost)
        };
        Ok(Repaired {
            store,
            proven: self.proven,
            tokens_missing: sealed.tokens.saturating_sub(seal.tokens),
            tokens_dropped: dropped,
            clients_disabled: orphans.len() as u64,
        })
    }
}

#[cfg(test)]
mod tests;
