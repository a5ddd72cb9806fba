//! Backing up a store that serves: copied while it changes, consistent at the moment it ends.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use super::backup_file::{Backup, BackupWriter, COPIED, Changes};
use super::compact::Prove;
use super::new_store::{Told, sync_folder};
use super::open::STORE_KEY;
use super::scan::scan_records;
use super::{Core, Store};
use crate::disk::{Tree, Write};
use crate::error::Error;
use crate::record;
use crate::seal::{SEAL_KEY, Seal};

/// How many pairs are copied between two words on progress.
const BATCH: u64 = 4096;

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct BackedUp {
    /// The generation it is of; see [`Store::generation`]. Keep it with the backup.
    pub generation: u64,
    /// Token records.
    pub tokens: u64,
    /// Client records.
    pub clients: u64,
    /// Key records.
    pub keys: u64,
    /// The size of the file.
    pub bytes: u64,
}

impl Store {
    /// Writes a backup to the file `path`, which must not be there yet.
    ///
    /// Neither validation nor changes wait for it, but for one moment at its end: the backup is of
    /// that moment. What is changed meanwhile is kept in memory until then. The file is read back
    /// and proven, every record against its MAC and all of them against the seal, before it gets
    /// its name; so a file of that name is a whole backup.
    ///
    /// The backup holds digests and the signing keys, encrypted, and **not the digest key**: keep a
    /// copy of that (`digest.key`, if it lies in the store's folder) somewhere else. Without the key a
    /// stolen backup is useless, and so is your own.
    ///
    /// # Errors
    /// [`Error::PathTaken`], [`Error::Io`], [`Error::ReadOnly`], [`Error::Corrupt`]: there is no
    /// backup, and the store serves on.
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<BackedUp, Error> {
        let core = &*self.core;
        let path = path.as_ref();
        let _alone = core
            .backing_up
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        drop(core.writable()?);
        let unfinished = Unfinished::begin(path)?;
        let watch = Watch::begin(core);
        let mut writer = BackupWriter::new(unfinished.create()?).map_err(failed)?;
        core.copy(&mut writer)?;
        let (seal, changes) = watch.end()?;
        writer.part();
        for ((tree, key), value) in &changes {
            writer.pair(*tree, key, value.as_deref()).map_err(failed)?;
        }
        let store_record = core.disk.get(Tree::Meta, STORE_KEY)?;
        let (sealed, _) = record::encode(&core.mac_key, Tree::Meta, SEAL_KEY, &seal)?;
        let meta = [(STORE_KEY, store_record), (SEAL_KEY, Some(sealed))];
        for (key, value) in meta {
            let value = value.as_deref();
            writer.pair(Tree::Meta, key, value).map_err(failed)?;
        }
        let bytes = writer.finish().map_err(failed)?;

        let written = Backup::open(&unfinished.path, &core.mac_key)?;
        let mut prove = Prove(core.told("prove", seal.tokens));
        scan_records(&written, &core.mac_key, &seal, &mut prove)?;
        unfinished.finish(path)?;
        Ok(BackedUp {
            generation: seal.generation,
            tokens: seal.tokens,
            clients: seal.clients,
            keys: seal.keys,
            bytes,
        })
    }
}

impl Core {
    /// Copies all records as they are now and then.
    fn copy(&self, writer: &mut BackupWriter) -> Result<(), Error> {
        let total = self.sealed().tokens;
        let told = self.told("backup", total);
        for tree in COPIED {
            writer.part();
            let mut copied = 0;
            for pair in self.disk.scan(tree, b"") {
                let (key, value) = pair?;
                writer.pair(tree, &key, Some(&value)).map_err(failed)?;
                copied += 1;
                if tree == Tree::Tokens && copied % BATCH == 0 {
                    told.tell(copied);
                }
            }
        }
        told.tell(total);
        Ok(())
    }

    pub(super) fn told(&self, doing: &'static str, total: u64) -> Told {
        Told {
            doing,
            total,
            on_progress: self.on_progress.clone(),
        }
    }

    /// Keeps what a group changed for the backup that is under way. Called with the lock of `sealed`
    /// held, so that every group is either seen by whoever copies or kept here, whole.
    pub(super) fn keep_for_backup(&self, writes: Vec<Write>) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(changes) = &mut *watched else {
            return;
        };
        let copied = writes
            .into_iter()
            .filter(|write| COPIED.contains(&write.tree));
        changes.extend(copied.map(|write| ((write.tree, write.key), write.value)));
    }
}

/// While it lives, changes are kept.
struct Watch<'a>(&'a Core);

impl<'a> Watch<'a> {
    fn begin(core: &'a Core) -> Self {
        let _sealed = core.sealed();
        *core.watched.lock().unwrap_or_else(PoisonError::into_inner) = Some(BTreeMap::new());
        Self(core)
    }

    /// The moment the backup is of: its seal, and what was changed until then.
    fn end(self) -> Result<(Seal, Changes), Error> {
        // After a failed write the disk shows what it will never make durable.
        drop(self.0.writable()?);
        let sealed = self.0.sealed();
        // What was buffered must not be durable in the backup only.
        self.0.disk.sync()?;
        let mut watched = self
            .0
            .watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Ok((sealed.clone(), watched.take().unwrap_or_default()))
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let watched = self.0.watched.lock();
        *watched.unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A file beside its place, removed unless it is finished.
pub(super) struct Unfinished {
    pub(super) path: PathBuf,
    is_finished: std::cell::Cell<bool>,
}

impl Unfinished {
    /// For a file `target`, which must not be there yet.
    pub(super) fn begin(target: &Path) -> Result<Self, Error> {
        let taken = |path: &Path| Error::PathTaken {
            path: path.to_owned(),
        };
        let mut name = target
            .file_name()
            .ok_or_else(|| taken(target))?
            .to_os_string();
        name.push(".unfinished");
        let path = target.with_file_name(name);
        for path in [target, &path] {
            if path.symlink_metadata().is_ok() {
                return Err(taken(path));
            }
        }
        Ok(Self {
            path,
            is_finished: false.into(),
        })
    }

    /// Makes the file, readable by its owner only.
    pub(super) fn create(&self) -> Result<File, Error> {
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.path).map_err(failed)
    }

    /// Puts the file, which is durable, in its place.
    pub(super) fn finish(&self, target: &Path) -> Result<(), Error> {
        fs::rename(&self.path, target).map_err(failed)?;
        self.is_finished.set(true);
        let parent = target.parent().filter(|path| *path != Path::new(""));
        sync_folder(parent.unwrap_or(Path::new("."))).map_err(failed)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_finished.get() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn failed(source: io::Error) -> Error {
    Error::Io {
        doing: "writing the backup",
        consequence: "there is no backup",
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fake::FakeDisk;
    use crate::new_token::NewToken;
    use crate::options::Options;

    #[test]
    fn a_store_whose_disk_fails_meanwhile_yields_no_backup() {
        let dir = tempfile::tempdir().unwrap();
        let disk = FakeDisk::new();
        let store = Options::new().open_fake(disk.clone()).unwrap();
        let token = || NewToken::new("c").never_expires();
        store.issue(token()).unwrap();
        store.backup(dir.path().join("sound")).unwrap();
        disk.fail_reads(true);
        assert!(store.backup(dir.path().join("broken")).is_err());
        disk.fail_reads(false);
        let watched = store.core.watched.lock().unwrap();
        assert!(watched.is_none(), "changes are kept for nobody");
        drop(watched);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        for calls in 0..3 {
            disk.fail_after(calls);
            assert!(store.issue(token()).is_err());
            let path = dir.path().join("broken");
            assert!(store.backup(&path).is_err());
            disk.heal();
            let again = store.backup(&path);
            assert!(matches!(again, Err(Error::ReadOnly { .. })), "{again:?}");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }
}
