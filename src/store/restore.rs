//! Restoring: a new store from a backup, and the word that is asked for about what a backup cannot
//! know.

use std::path::Path;

use super::Store;
use super::backup_file::Backup;
use super::new_store::{NewFolder, NewStore, Told};
use super::scan::{Records, scan_records};
use crate::digest::DigestKey;
use crate::disk::Disk;
use crate::disk::sled::SledDisk;
use crate::error::Error;
use crate::options::Options;
use crate::record::MacKey;
use crate::seal::Seal;
use crate::token_id::TokenId;

/// What is to become of tokens that may have been revoked without the new store knowing: after the
/// backup or the export was made, or in records that are lost.
///
/// The same goes for clients that were disabled, keys that were retired and foreign tokens that were
/// denied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LostRevocations {
    /// Nothing is written unless it is sure that there are none.
    #[default]
    Refuse,
    /// All tokens are revoked, signing keys are retired, and keys of clients are left out. Clients
    /// get new tokens from a store that knows them.
    RevokeAll,
    /// The risk is taken: **what was revoked meanwhile is active again.**
    Accept,
}

/// What a restored, imported or repaired store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Restored {
    /// Its generation; see [`Store::generation`].
    pub generation: u64,
    /// Token records.
    pub tokens: u64,
    /// Client records.
    pub clients: u64,
    /// Key records.
    pub keys: u64,
    /// Whether all tokens were revoked on the way.
    pub revoked_all: bool,
}

impl Store {
    /// Makes the store that a [backup](Store::backup) is of in `folder`, where nothing is yet, or an
    /// empty directory. Every record is proven on the way.
    ///
    /// **Tokens that were revoked after the backup was made are active in it.** So a backup is
    /// restored as it is only if [`Options::least_generation`] says which generation it must have at
    /// least, and it has; otherwise `lost` must say what is wanted. With
    /// [`LostRevocations::RevokeAll`] nothing can live again, so an older one will do, and the new
    /// store gets that generation.
    ///
    /// Of `options` it takes the digest key, which must be given: it is in no backup, and is not put
    /// into the folder. Furthermore the least generation, the cache size, the clock, and who is told
    /// of progress.
    ///
    /// # Errors
    /// [`Error::RevocationsMayBeLost`], [`Error::RolledBack`] if the backup has less than the least
    /// generation and not all is revoked, [`Error::PathTaken`], [`Error::Corrupt`], [`Error::WrongDigestKey`],
    /// [`Error::Io`]: no store was made.
    pub fn restore(
        backup: impl AsRef<Path>,
        folder: impl AsRef<Path>,
        options: Options,
        lost: LostRevocations,
    ) -> Result<Restored, Error> {
        let (key, backup) = usable(backup.as_ref(), &options, lost)?;
        let target = NewFolder::begin(folder.as_ref())?;
        Source::of(&backup).write(target, &key, &options, lost)
    }

    /// The same onto an empty disk in memory.
    #[cfg(feature = "testkit")]
    pub(crate) fn restore_onto(
        disk: crate::disk::fake::FakeDisk,
        backup: &Path,
        options: &Options,
        lost: LostRevocations,
    ) -> Result<Restored, Error> {
        let (key, backup) = usable(backup, options, lost)?;
        Source::of(&backup).write_onto(Box::new(disk), &key, options, lost)
    }
}

/// A backup that may be used, and the key it is proven by.
fn usable(
    backup: &Path,
    options: &Options,
    lost: LostRevocations,
) -> Result<(MacKey, Backup), Error> {
    let key = MacKey::new(needed_key(options)?);
    let backup = Backup::open(backup, &key)?;
    may_be_used(&backup.seal, options, lost)?;
    Ok((key, backup))
}

/// The key, which must be given where there is no folder to find it in.
pub(super) fn needed_key(options: &Options) -> Result<&DigestKey, Error> {
    options.digest_key.as_ref().ok_or(Error::Invalid {
        what: "digest key",
        why: "none was given, and neither a backup nor an export holds it; supply that of the store",
    })
}

/// Refuses what is older than what is known, and what may be so unless the owner said what then.
pub(super) fn may_be_used(
    seal: &Seal,
    options: &Options,
    lost: LostRevocations,
) -> Result<(), Error> {
    let (found, required) = (seal.generation, options.least_generation);
    if lost == LostRevocations::RevokeAll {
        return Ok(());
    }
    if found < required {
        return Err(Error::RolledBack { found, required });
    }
    if required == 0 && lost == LostRevocations::Refuse {
        let why = format!(
            "this copy of the store is of generation {found}, and nothing says that none came after it"
        );
        return Err(Error::RevocationsMayBeLost { why });
    }
    Ok(())
}

/// What a new store is made from.
pub(super) struct Source<'a> {
    pub(super) records: &'a dyn Records,
    pub(super) seal: &'a Seal,
    pub(super) store_record: Vec<u8>,
    pub(super) doing: &'static str,
}

impl<'a> Source<'a> {
    fn of(backup: &'a Backup) -> Self {
        Self {
            records: backup,
            seal: &backup.seal,
            store_record: backup.store_record.clone(),
            doing: "restore",
        }
    }

    /// Writes the new store, proving every record.
    pub(super) fn write(
        self,
        target: NewFolder,
        key: &MacKey,
        options: &Options,
        lost: LostRevocations,
    ) -> Result<Restored, Error> {
        let folder = target.folder()?;
        let disk = SledDisk::open(&folder.data(), &folder.sidecar(), options.cache_bytes)?;
        let restored = self.write_onto(Box::new(disk), key, options, lost)?;
        target.finish()?;
        Ok(restored)
    }

    fn write_onto(
        self,
        disk: Box<dyn Disk>,
        key: &MacKey,
        options: &Options,
        lost: LostRevocations,
    ) -> Result<Restored, Error> {
        let told = Told {
            doing: self.doing,
            total: self.seal.tokens,
            on_progress: options.on_progress.clone(),
        };
        let mut new = NewStore::begin(disk, key.clone(), told);
        let mut like = self.seal.clone();
        if lost == LostRevocations::RevokeAll {
            new.revoke_all_before(next_id(&like, options)?);
            like.generation = options.least_generation.max(like.generation + 1);
        }
        scan_records(self.records, key, self.seal, &mut new)?;
        let seal = new.finish(&like, self.store_record)?;
        Ok(Restored::of(&seal, lost))
    }
}

impl Restored {
    pub(super) fn of(seal: &Seal, lost: LostRevocations) -> Self {
        Self {
            generation: seal.generation,
            tokens: seal.tokens,
            clients: seal.clients,
            keys: seal.keys,
            revoked_all: lost == LostRevocations::RevokeAll,
        }
    }
}

/// An id above all that the store can have given out by now.
pub(super) fn next_id(seal: &Seal, options: &Options) -> Result<TokenId, Error> {
    let now_secs = options.clock.now_secs().max(seal.latest_secs);
    let last = TokenId::from_u64(seal.last_id)
        .ok_or_else(|| Error::corrupt("the last id is out of range"))?;
    Ok(TokenId::next(last, now_secs.saturating_mul(1000)).unwrap_or(TokenId::MAX))
}
