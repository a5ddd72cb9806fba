//! The only file that knows sled.
//!
//! What it makes up for (sled 0.34.7): `flush` is no fsync on Linux, so our own handle on the
//! database file is synced after it; damage makes sled panic as often as it makes it err, so every
//! call into it is caught; whoever waits for a write that failed is left waiting, so calls are looked
//! after ([`Nudge`]); it never syncs its large pages ([`LargePages`]), nor the name of its snapshot
//! ([`snapshot`]), and stumbles over what a crash leaves of its smaller files ([`files`]); its
//! background flusher only logs failures, so it is off. One transaction a group: thousands of small
//! ones between two flushes stall the next one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use sled::Transactional as _;
use sled::transaction::{ConflictableTransactionError, TransactionError};

use super::files;
use super::large_pages::LargePages;
use super::nudge::Nudge;
use super::snapshot;
use super::{Disk, DiskError, Pairs, Tree, Write};

pub(crate) struct SledDisk {
    engine: Engine,
    /// Our own handle on sled's log, for the sync that sled does not do.
    log: File,
    large: LargePages,
    sidecar: File,
}

/// sled's handles, and how they are called.
struct Engine {
    /// Gone while it is being closed.
    db: Option<sled::Db>,
    trees: Vec<sled::Tree>,
    /// sled forgets to wake whoever waits for a write that fails, and would let him wait for ever.
    nudge: Option<Nudge>,
    opened_by: u32,
}

impl Engine {
    fn open(folder: &Path, config: &sled::Config) -> Result<Self, DiskError> {
        const DOING: &str = "opening the database";
        let db = snapshot::made_durable(folder, || caught(DOING, || config.open()))?;
        let (failed, waker) = (config.clone(), db.clone());
        let mut engine = Self {
            db: Some(db),
            trees: Vec::new(),
            nudge: None,
            opened_by: std::process::id(),
        };
        let nudge = Nudge::start(move || {
            if failed.global_error().is_err() {
                // After a failure every change is refused, and wakes the others when it is. This one
                // takes no lock that a change under way may hold.
                let _ = caught("waking", || waker.open_tree("none").map(drop));
            }
        });
        engine.nudge = Some(nudge.map_err(DiskError::io("starting a thread"))?);
        engine.trees = engine.call(DOING, |db, _| {
            Tree::ALL
                .iter()
                .map(|tree| db.open_tree(tree.name()))
                .collect()
        })?;
        Ok(engine)
    }

    /// Calls sled, so that neither a panic nor a wait without end comes of it.
    fn call<T>(
        &self,
        doing: &'static str,
        call: impl FnOnce(&sled::Db, &[sled::Tree]) -> sled::Result<T>,
    ) -> Result<T, DiskError> {
        let closed = || sled::Error::ReportableBug("the database is closed".to_owned());
        let call = || {
            caught(doing, || {
                call(self.db.as_ref().ok_or_else(closed)?, &self.trees)
            })
        };
        match &self.nudge {
            Some(nudge) => nudge.during(call),
            None => call(),
        }
    }
}

impl Drop for Engine {
    /// When the last handle goes sled writes what is left, syncs, and panics where that fails; none
    /// of it is needed, for what was acknowledged has been synced before.
    fn drop(&mut self) {
        let handles = (self.db.take(), std::mem::take(&mut self.trees));
        if std::process::id() != self.opened_by {
            // A forked child has none of the threads that this would wait for, and nothing to write
            // into its parent's files.
            std::mem::forget((handles, self.nudge.take()));
            return;
        }
        let flush = || {
            caught("flushing", || {
                handles.0.as_ref().map(|db| db.flush()).transpose()
            })
        };
        let _ = self.nudge.as_ref().map(|nudge| nudge.during(flush));
        // It has a handle of its own.
        self.nudge = None;
        let _ = caught("closing the database", || {
            drop(handles);
            Ok(())
        });
    }
}

impl SledDisk {
    /// Opens or makes the database in `folder`, with its sidecar beside it.
    pub(crate) fn open(folder: &Path, sidecar: &Path, cache_bytes: u64) -> Result<Self, DiskError> {
        let sidecar = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(sidecar)
            .map_err(DiskError::io("opening the sidecar"))?;
        // Until the first mark is written nothing was acknowledged, and whoever made the files may
        // have been cut off at any moment of it.
        let is_unfinished = read_all(&sidecar)?.iter().all(|byte| *byte == 0);
        files::wait_until_free(folder)
            .map_err(DiskError::io("waiting for whoever had the database open"))?;
        files::remove_torn_snapshots(folder)
            .map_err(DiskError::io("removing what a crash left behind"))?;
        let config = sled::Config::new()
            .path(folder)
            .segment_size(files::segment_bytes(folder, is_unfinished)?)
            .cache_capacity(cache_bytes)
            .flush_every_ms(None);
        let engine = Engine::open(folder, &config)?;
        let disk = Self {
            engine,
            log: File::open(folder.join(files::LOG))
                .map_err(DiskError::io("opening the database file"))?,
            large: LargePages::new(folder),
            sidecar,
        };
        if is_unfinished {
            disk.sync()?;
            files::sync_all(folder).map_err(DiskError::io("syncing the new store's folders"))?;
        }
        Ok(disk)
    }

    #[cfg(test)]
    pub(super) fn large_pages_synced(&self) -> usize {
        self.large.synced()
    }
}

impl Disk for SledDisk {
    fn apply(&self, group: &[Write]) -> Result<(), DiskError> {
        self.engine.call("writing", |_, trees| {
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
        self.engine.call("flushing", |db, _| db.flush().map(drop))
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.flush()?;
        self.large
            .sync()
            .map_err(DiskError::io("syncing the files of large pages"))?;
        self.log
            .sync_data()
            .map_err(DiskError::io("syncing the database file"))
    }

    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
        self.engine.call("reading", |_, trees| {
            let value = trees[tree as usize].get(key)?;
            Ok(value.map(|value| value.to_vec()))
        })
    }

    fn scan(&self, tree: Tree, from: &[u8]) -> Pairs<'_> {
        let pairs = self
            .engine
            .call("reading", |_, trees| Ok(trees[tree as usize].range(from..)));
        let mut pairs = match pairs {
            Ok(pairs) => pairs,
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        let mut ended = false;
        Box::new(std::iter::from_fn(move || {
            if ended {
                return None;
            }
            let next = self.engine.call("reading", |_, _| {
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
        read_all(&self.sidecar)
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
        self.engine
            .call("measuring", |db, _| db.size_on_disk())
            .unwrap_or(0)
    }
}

fn read_all(sidecar: &File) -> Result<Vec<u8>, DiskError> {
    let mut bytes = vec![0; super::SIDECAR_MAX_BYTES];
    let mut read = 0;
    while read < bytes.len() {
        match sidecar.read_at(&mut bytes[read..], read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(DiskError::io("reading the sidecar")(error)),
        }
    }
    bytes.truncate(read);
    Ok(bytes)
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
        let before = std::fs::metadata(folder.join(files::LOG)).unwrap().len();
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
        assert!(std::fs::metadata(folder.join(files::LOG)).unwrap().len() > before + 4_000_000);
        assert_eq!(
            disk.get(Tree::Tokens, &7u32.to_be_bytes()).unwrap(),
            Some(value)
        );
    }
}
