//! A disk in memory for tests: it forgets what was not synced, and fails when told to.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskError, Pairs, SIDECAR_MAX_BYTES, Tree, Write};

type Image = BTreeMap<(Tree, Vec<u8>), Vec<u8>>;

/// A disk in memory. Clones share one image, so that a test keeps a hand on what a store writes.
#[derive(Clone, Debug, Default)]
pub struct FakeDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What survives a power cut.
    durable: Image,
    /// What is read back now.
    live: Image,
    /// Groups applied since the last sync, in order.
    unsynced: Vec<Vec<Write>>,
    sidecar: Vec<u8>,
    /// Calls that write until one fails; every later one fails too, as sled's do.
    calls_until_failure: Option<u32>,
    reads_fail: bool,
}

impl FakeDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the write after the next `calls` fail, and all that follow it, until [`crash`] or
    /// [`heal`].
    ///
    /// [`crash`]: FakeDisk::crash
    /// [`heal`]: FakeDisk::heal
    pub fn fail_after(&self, calls: u32) {
        self.state().calls_until_failure = Some(calls);
    }

    /// Makes every read fail, or succeed again. Writes are not touched, but most changes read first.
    pub fn fail_reads(&self, fail: bool) {
        self.state().reads_fail = fail;
    }

    /// Lets writes succeed again, as after the store was closed and opened: what a failed write
    /// only seemed to change is as it was.
    pub fn heal(&self) {
        let mut state = self.state();
        state.calls_until_failure = None;
        state.live = state.durable.clone();
        for group in state.unsynced.clone() {
            for write in &group {
                put(&mut state.live, write);
            }
        }
    }

    /// Cuts the power: of what was not synced, only the first `groups_kept` groups happen to have
    /// reached the medium. The disk is healthy afterwards.
    pub fn crash(&self, groups_kept: usize) {
        let mut state = self.state();
        let kept: Vec<_> = state
            .unsynced
            .drain(..)
            .take(groups_kept)
            .flatten()
            .collect();
        for write in &kept {
            put(&mut state.durable, write);
        }
        state.live = state.durable.clone();
        state.calls_until_failure = None;
    }

    /// How many groups a power cut now could lose.
    pub fn unsynced_groups(&self) -> usize {
        self.state().unsynced.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn read(&self) -> Result<(), DiskError> {
        if self.reads_fail {
            return Err(DiskError::io("reading")(io::Error::other("told to fail")));
        }
        Ok(())
    }

    /// Counts a call that writes; an error when it is one to fail.
    fn write(&mut self, doing: &'static str) -> Result<(), DiskError> {
        match &mut self.calls_until_failure {
            Some(0) => Err(DiskError::io(doing)(io::Error::from(
                io::ErrorKind::StorageFull,
            ))),
            Some(calls) => {
                *calls -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn put(image: &mut Image, write: &Write) {
    let key = (write.tree, write.key.clone());
    match &write.value {
        Some(value) => image.insert(key, value.clone()),
        None => image.remove(&key),
    };
}

impl Disk for FakeDisk {
    fn apply(&self, group: &[Write]) -> Result<(), DiskError> {
        let mut state = self.state();
        // Like sled, the failing disk reads back a group that it will never make durable.
        for write in group {
            put(&mut state.live, write);
        }
        state.write("writing")?;
        state.unsynced.push(group.to_vec());
        Ok(())
    }

    fn flush(&self) -> Result<(), DiskError> {
        self.state().write("flushing")
    }

    fn sync(&self) -> Result<(), DiskError> {
        let mut state = self.state();
        state.write("syncing")?;
        for group in std::mem::take(&mut state.unsynced) {
            for write in &group {
                put(&mut state.durable, write);
            }
        }
        Ok(())
    }

    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
        let state = self.state();
        state.read()?;
        Ok(state.live.get(&(tree, key.to_vec())).cloned())
    }

    fn scan(&self, tree: Tree, from: &[u8]) -> Pairs<'_> {
        let state = self.state();
        if let Err(error) = state.read() {
            return Box::new(std::iter::once(Err(error)));
        }
        let pairs: Vec<_> = state
            .live
            .range((tree, from.to_vec())..)
            .take_while(|((of, _), _)| *of == tree)
            .map(|((_, key), value)| Ok((key.clone(), value.clone())))
            .collect();
        Box::new(pairs.into_iter())
    }

    fn read_sidecar(&self) -> Result<Vec<u8>, DiskError> {
        Ok(self.state().sidecar.clone())
    }

    fn write_sidecar(&self, offset: u64, slot: &[u8]) -> Result<(), DiskError> {
        let mut state = self.state();
        state.sidecar.resize(SIDECAR_MAX_BYTES, 0);
        let written = state.write("writing the sidecar");
        // A failing write is torn in the middle.
        let reached = if written.is_ok() {
            slot.len()
        } else {
            slot.len() / 3
        };
        let at = usize::try_from(offset).unwrap_or(0);
        state.sidecar[at..at + reached].copy_from_slice(&slot[..reached]);
        written
    }

    fn size_bytes(&self) -> u64 {
        self.state()
            .live
            .iter()
            .map(|((_, key), value)| (key.len() + value.len()) as u64)
            .sum()
    }
}
