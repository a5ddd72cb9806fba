//! A damaged store: held, and searched for what is intact in it. It is only read.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::carve::Carver;
use super::folder::Folder;
use super::new_store::Told;
use super::salvage::Salvage;
use crate::error::Error;
use crate::options::Options;
use crate::record::MacKey;
use crate::sidecar::{self, Mark};

/// The damaged store, held so that nobody opens it meanwhile.
pub(super) struct Damaged {
    pub(super) path: PathBuf,
    _lock: Option<File>,
}

impl Damaged {
    pub(super) fn lock(path: &Path) -> Result<Self, Error> {
        let path = path.to_owned();
        if !path.exists() {
            return Err(Error::NotFound { path });
        }
        if !path.is_dir() {
            return Err(Error::NotADirectory { path });
        }
        let lock = match File::open(path.join("lock")) {
            Ok(lock) => match lock.try_lock() {
                Ok(()) => Some(lock),
                Err(TryLockError::WouldBlock) => return Err(Error::Locked { path }),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        Ok(Self { path, _lock: lock })
    }

    /// What the sidecar knows of the newest seal, if it is intact.
    pub(super) fn mark(&self, key: &MacKey) -> Result<Option<Mark>, Error> {
        let bytes = match fs::read(self.path.join("seal")) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        let mark = Mark::newest(key, &bytes);
        if mark.is_none() && sidecar::is_of_another_key(key, &bytes) {
            return Err(Error::WrongDigestKey);
        }
        match sidecar::newer_format(&bytes) {
            Some(found) if mark.is_none() => Err(Error::NewerFormat {
                found,
                known: sidecar::FORMAT,
            }),
            _ => Ok(mark),
        }
    }

    /// Where the database is: a compaction that was cut short may have left it under another name.
    pub(super) fn data(&self) -> Result<PathBuf, Error> {
        let names =
            ["data", "data.compact-old", "data.compact-new"].map(|name| self.path.join(name));
        let found = names.into_iter().find(|path| path.is_dir());
        found.ok_or_else(|| Error::corrupt("it has no database"))
    }

    /// Finds what is intact, in a copy and in the files themselves.
    pub(super) fn salvage(
        &self,
        new: &Folder,
        key: &MacKey,
        options: &Options,
    ) -> Result<Salvage, Error> {
        let data = self.data()?;
        let mut salvage = Salvage::default();
        let copied = new.new_data();
        let bytes = copy(&data, &copied).map_err(failed)?;
        salvage.take_from_sled(&copied, key, options.cache_bytes);
        new.remove_new_data().map_err(failed)?;
        let told = Told {
            doing: "search",
            total: bytes,
            on_progress: options.on_progress.clone(),
        };
        let carver = Carver::new(key, &mut salvage);
        carver.carve(&data, &told).map_err(failed)?;
        Ok(salvage)
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<u64> {
    fs::create_dir_all(to)?;
    let mut bytes = 0;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        bytes += match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &to)?,
            false => fs::copy(entry.path(), to)?,
        };
    }
    Ok(bytes)
}

pub(super) fn failed(source: io::Error) -> Error {
    Error::Io {
        doing: "repairing the store",
        consequence: "no new store was made, and the damaged one is as it was",
        source,
    }
}
