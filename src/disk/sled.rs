//! The only file that knows sled.
//!
//! What it makes up for (sled 0.34.7): `flush` is no fsync on Linux, so our own handle on the
//! database file is synced after it; damage makes sled panic as often as it makes it err, so every
//! call into it that reads or opens is caught; its background flusher only logs failures, so it is
//! off. One transaction a group: thousands of small ones between two flushes stall the next one.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use sled::Transactional as _;
use sled::transaction::{ConflictableTransactionError, TransactionError};

use super::{Disk, DiskError, Pairs, Tree, Write};

/// The name of sled's log in its folder. Internal to sled, so a test holds it.
const LOG: &str = "db";

pub(crate) struct SledDisk {
    db: sled::Db,
    trees: [sled::Tree; 5],
    /// Our own handle on sled's log, for the sync that sled does not do.
    log: File,
    sidecar: File,
}

impl SledDisk {
    /// Opens or makes the database in `folder`, with its sidecar beside it.
    pub(crate) fn open(folder: &Path, sidecar: &Path, cache_bytes: u64) -> Result<Self, DiskError> {
        let is_new = !folder.join(LOG).exists();
        let (db, trees) = caught("opening the database", || {
            let db = sled::Config::new()
                .path(folder)
                .cache_capacity(cache_bytes)
                .flush_every_ms(None)
                .open()?;
            let [meta, tokens, clients, by_client, keys] =
                Tree::ALL.map(|tree| db.open_tree(tree.name()));
            let trees = [meta?, tokens?, clients?, by_client?, keys?];
            Ok((db, trees))
        })?;
        let log =
            File::open(folder.join(LOG)).map_err(DiskError::io("opening the database file"))?;
        let sidecar = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(sidecar)
            .map_err(DiskError::io("opening the sidecar"))?;
        let disk = Self {
            db,
            trees,
            log,
            sidecar,
        };
        if is_new {
            disk.sync()?;
            sync_folders(folder).map_err(DiskError::io("syncing the new store's folders"))?;
        }
        Ok(disk)
    }

    fn tree(&self, tree: Tree) -> &sled::Tree {
        &self.trees[tree as usize]
    }
}

impl Disk for SledDisk {
    fn apply(&self, group: &[Write]) -> Result<(), DiskError> {
        caught("writing", || {
            let trees: &[sled::Tree] = &self.trees;
            trees
                .transaction(|trees| {
                    for write in group {
                        let tree = &trees[write.tree as usize];
                        match &write.value {
                            Some(value) => tree.insert(write.key.as_slice(), value.as_slice())?,
                            None => tree.remove(write.key.as_slice())?,
                        };
                    }
                    Ok::<(), ConflictableTransactionError<sled::Error>>(())
                })
                .map_err(|error| match error {
                    TransactionError::Abort(error) | TransactionError::Storage(error) => error,
                })
        })
    }

    fn flush(&self) -> Result<(), DiskError> {
        caught("flushing", || self.db.flush().map(drop))
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.flush()?;
        self.log
            .sync_data()
            .map_err(DiskError::io("syncing the database file"))
    }

    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
        caught("reading", || {
            Ok(self.tree(tree).get(key)?.map(|value| value.to_vec()))
        })
    }

    fn scan(&self, tree: Tree, from: &[u8]) -> Pairs<'_> {
        let mut pairs = self.tree(tree).range(from..);
        let mut ended = false;
        Box::new(std::iter::from_fn(move || {
            if ended {
                return None;
            }
            let next = caught("reading", || {
                pairs
                    .next()
                    .transpose()
                    .map(|pair| pair.map(|(key, value)| (key.to_vec(), value.to_vec())))
            });
            // After a failure sled's iterator is in no state to go on from.
            ended = !matches!(next, Ok(Some(_)));
            next.transpose()
        }))
    }

    fn read_sidecar(&self) -> Result<Vec<u8>, DiskError> {
        let mut bytes = vec![0; super::SIDECAR_MAX_BYTES];
        let mut read = 0;
        while read < bytes.len() {
            match self.sidecar.read_at(&mut bytes[read..], read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(DiskError::io("reading the sidecar")(error)),
            }
        }
        bytes.truncate(read);
        Ok(bytes)
    }

    fn write_sidecar(&self, offset: u64, slot: &[u8]) -> Result<(), DiskError> {
        self.sidecar
            .write_all_at(slot, offset)
            .map_err(DiskError::io("writing the sidecar"))?;
        self.sidecar
            .sync_data()
            .map_err(DiskError::io("syncing the sidecar"))
    }

    fn size_bytes(&self) -> u64 {
        self.db.size_on_disk().unwrap_or(0)
    }
}

/// Makes the entries of a new store durable: its files, its folder, and the folder above.
fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        File::open(entry?.path())?.sync_all()?;
    }
    for folder in folder
        .ancestors()
        .take(3)
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Calls sled, and turns what it does on damage (errors and panics alike) into `Corrupt`.
fn caught<T>(doing: &'static str, call: impl FnOnce() -> sled::Result<T>) -> Result<T, DiskError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(source))) => Err(DiskError::Io { doing, source }),
        Ok(Err(error)) => Err(DiskError::Corrupt(format!(
            "{doing}: {}",
            in_our_words(&error)
        ))),
        Err(_) => Err(DiskError::Corrupt(format!(
            "{doing}: the database cannot be understood"
        ))),
    }
}

fn in_our_words(error: &sled::Error) -> &'static str {
    match error {
        sled::Error::Corruption { .. } => "a page does not match its checksum",
        sled::Error::CollectionNotFound(_) => "a tree is missing",
        sled::Error::Unsupported(_) => "the database has an unsupported setting",
        sled::Error::ReportableBug(_) | sled::Error::Io(_) => "the database contradicts itself",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sled_still_keeps_its_log_where_we_sync_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("data");
        let disk = SledDisk::open(&folder, &dir.path().join("seal"), 1 << 20).unwrap();
        let before = fs::metadata(folder.join(LOG)).unwrap().len();
        let value = vec![1; 4096];
        let group: Vec<Write> = (0..1000u32)
            .map(|n| Write {
                tree: Tree::Tokens,
                key: n.to_be_bytes().to_vec(),
                value: Some(value.clone()),
            })
            .collect();
        disk.apply(&group).unwrap();
        disk.sync().unwrap();
        assert!(fs::metadata(folder.join(LOG)).unwrap().len() > before + 4_000_000);
        assert_eq!(
            disk.get(Tree::Tokens, &7u32.to_be_bytes()).unwrap(),
            Some(value)
        );
    }
}
