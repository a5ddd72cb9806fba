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
        if mark.is_some() {
            return Ok(mark);
        }
        // First, as when it is opened: whether it is of this key a newer format may tell otherwise.
        if let Some(found) = sidecar::newer_format(&bytes) {
            return Err(Error::NewerFormat {
                found,
                known: sidecar::FORMAT,
            });
        }
        if sidecar::is_of_another_key(key, &bytes) {
            return Err(Error::WrongDigestKey);
        }
        Ok(None)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::DigestKey;

    fn key(byte: u8) -> MacKey {
        MacKey::new(&DigestKey::from_bytes([byte; 32]))
    }

    /// What the sidecar is told to know that begins with these bytes.
    fn mark(sidecar: &[u8]) -> Result<Option<Mark>, Error> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("seal"), sidecar).unwrap();
        Damaged::lock(dir.path()).unwrap().mark(&key(1))
    }

    fn slot(key: &MacKey) -> Vec<u8> {
        let mark = Mark {
            generation: 8,
            digest: 5,
        };
        mark.to_slot(key).1.into()
    }

    #[test]
    fn only_a_folder_that_is_there_is_searched() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let none = Damaged::lock(&path);
        assert!(matches!(none, Err(Error::NotFound { .. })));
        fs::write(&path, b"").unwrap();
        let file = Damaged::lock(&path);
        assert!(matches!(file, Err(Error::NotADirectory { .. })));
    }

    #[test]
    fn what_has_no_lock_or_no_sidecar_is_searched_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let damaged = Damaged::lock(dir.path()).unwrap();
        assert_eq!(damaged.mark(&key(1)).unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_or_a_sidecar_that_cannot_be_read_is_told() {
        let dir = tempfile::tempdir().unwrap();
        // A link to itself, which nobody can follow.
        let unreadable = |name| {
            let path = dir.path().join(name);
            std::os::unix::fs::symlink(name, &path).unwrap();
            path
        };
        let lock = unreadable("lock");
        let locked = Damaged::lock(dir.path());
        assert!(matches!(locked, Err(Error::Io { .. })));
        fs::remove_file(lock).unwrap();
        unreadable("seal");
        let mark = Damaged::lock(dir.path()).unwrap().mark(&key(1));
        assert!(matches!(mark, Err(Error::Io { .. })), "{mark:?}");
    }

    #[test]
    fn a_copy_tells_how_much_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("inner")).unwrap();
        let files = [
            ("db", vec![1; 20]),
            ("conf", vec![2; 3]),
            ("inner/1", vec![3; 7]),
        ];
        for (name, bytes) in &files {
            fs::write(from.join(name), bytes).unwrap();
        }
        assert_eq!(copy(&from, &to).unwrap(), 30);
        for (name, bytes) in files {
            assert_eq!(fs::read(to.join(name)).unwrap(), bytes);
        }
    }

    #[test]
    fn a_sidecar_is_intact_or_damaged_or_of_another_key_or_of_a_newer_format() {
        let intact = slot(&key(1));
        assert_eq!(mark(&intact).unwrap().unwrap().generation, 8);
        let mut damaged = intact.clone();
        damaged[20] ^= 1;
        assert_eq!(mark(&damaged).unwrap(), None);
        let other = mark(&slot(&key(2)));
        assert!(matches!(other, Err(Error::WrongDigestKey)), "{other:?}");

        // A slot that a newer release wrote, and that is whole.
        let mut newer = slot(&key(1));
        newer[3] += 1;
        let checksum = crc32fast::hash(&newer[..44]);
        newer[44..48].copy_from_slice(&checksum.to_be_bytes());
        let refused = mark(&newer);
        let found = sidecar::FORMAT + 1;
        assert!(
            matches!(refused, Err(Error::NewerFormat { found: told, .. }) if told == found),
            "{refused:?}"
        );
        // Damage may look like one: what is intact beside it counts.
        let mut both = intact;
        both.resize(4096, 0);
        both.extend(newer);
        assert_eq!(mark(&both).unwrap().unwrap().generation, 8);
    }
}
