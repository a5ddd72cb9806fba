//! Compacting: giving back the room that sled keeps, by writing the database anew beside itself.

use std::fs;
use std::io;
use std::path::Path;

use super::Store;
use super::folder::Folder;
use super::new_store::{NewStore, Told};
use super::open::read_checked;
use super::scan::{Visit, scan};
use crate::client_id::ClientId;
use crate::disk::sled::SledDisk;
use crate::disk::wait_until_free;
use crate::disk::{Disk, DiskError};
use crate::error::Error;
use crate::options::Options;
use crate::record::{ClientRecord, KeyRecord, MacKey, TokenRecord};
use crate::seal::Seal;
use crate::token_id::TokenId;

/// What a compaction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Compacted {
    /// Bytes of the database before.
    pub bytes_before: u64,
    /// Bytes of the database now.
    pub bytes_after: u64,
    /// Token records, the same before and after.
    pub tokens: u64,
    /// The generation, the same before and after.
    pub generation: u64,
}

impl Store {
    /// Writes the database of a store that nobody has open anew, without the room that sled does
    /// not give back for what was purged or changed.
    ///
    /// Every record is proven on the way, as when a store is opened; the new database is read back
    /// and proven again before it takes the place of the old one, by rename. A crash at any moment
    /// leaves one of the two in place, and both hold the same. Meanwhile both need room on the disk.
    ///
    /// Of `options` it takes the digest key, the cache size, the least generation, whether changed
    /// files are accepted, and who is told of progress.
    ///
    /// # Errors
    /// Those of [`Options::open`], [`Error::NotFound`] among them: the store is as it was.
    pub fn compact(path: impl AsRef<Path>, options: Options) -> Result<Compacted, Error> {
        let folder = Folder::lock(path.as_ref(), false)?;
        if !folder.data().exists() {
            return Err(Error::NotFound {
                path: path.as_ref().to_owned(),
            });
        }
        let key = MacKey::new(&folder.check(options.digest_key.clone())?);
        folder.begin(options.accept_changed_files)?;
        folder.remove_new_data().map_err(failed)?;
        let compacted = rewrite(&folder, &key, &options).inspect_err(|_| {
            let _ = folder.remove_new_data();
        })?;
        folder.swap().map_err(failed)?;
        folder.flushed();
        Ok(compacted)
    }
}

fn rewrite(folder: &Folder, key: &MacKey, options: &Options) -> Result<Compacted, Error> {
    let told = |doing, total| Told {
        doing,
        total,
        on_progress: options.on_progress.clone(),
    };
    let (data, new_data, sidecar) = (folder.data(), folder.new_data(), folder.sidecar());
    let open = |path: &Path| SledDisk::open(path, &sidecar, options.cache_bytes);
    let bytes_before = size(&data).map_err(failed)?;

    let old = open(&data)?;
    let (store_record, seal) = read_checked(&old, key, options.least_generation)?;
    let new: Box<dyn Disk> = Box::new(open(&new_data)?);
    let mut new = NewStore::begin(new, key.clone(), told("compact", seal.tokens));
    scan(&old, key, &seal, &mut new)?;
    let same = new.finish(&seal, store_record)? == seal;
    drop(old);
    for data in [&data, &new_data] {
        wait_until_free(data).map_err(failed)?;
    }
    if !same {
        return Err(Error::corrupt("the new database is not the old one"));
    }
    prove(&open(&new_data)?, key, &seal, told("prove", seal.tokens))?;
    wait_until_free(&new_data).map_err(failed)?;
    Ok(Compacted {
        bytes_before,
        bytes_after: size(&new_data).map_err(failed)?,
        tokens: seal.tokens,
        generation: seal.generation,
    })
}

/// Reads all records and holds them against the seal.
fn prove(disk: &dyn Disk, key: &MacKey, seal: &Seal, told: Told) -> Result<(), Error> {
    scan(disk, key, seal, &mut Prove(told))
}

pub(super) struct Prove(pub(super) Told);

impl Visit for Prove {
    fn client(&mut self, _: &ClientId, _: ClientRecord) -> Result<(), Error> {
        Ok(())
    }

    fn key(&mut self, _: &str, _: KeyRecord) -> Result<(), Error> {
        Ok(())
    }

    fn token(&mut self, _: TokenId, _: &TokenRecord) -> Result<(), Error> {
        Ok(())
    }

    fn batch_done(&mut self, done: u64) -> Result<(), Error> {
        self.0.tell(done);
        Ok(())
    }
}

/// Bytes of all files below `path`.
fn size(path: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        bytes += match entry.file_type()?.is_dir() {
            true => size(&entry.path())?,
            false => entry.metadata()?.len(),
        };
    }
    Ok(bytes)
}

fn failed(source: io::Error) -> Error {
    let doing = "compacting the database";
    DiskError::Io { doing, source }.into()
}
