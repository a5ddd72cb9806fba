//! The control plane: opens, issues, revokes, lists, purges. It does I/O and can fail.

mod backup;
mod backup_file;
mod carve;
mod change;
mod client;
#[cfg(feature = "jwt")]
mod client_keys;
mod closed;
mod compact;
mod control;
mod damaged;
mod expire;
#[cfg(feature = "export")]
mod export;
#[cfg(feature = "export")]
mod export_lines;
mod fill;
mod find;
mod folder;
#[cfg(feature = "jwt")]
mod foreign;
#[cfg(feature = "export")]
mod import;
mod issue;
#[cfg(feature = "jwt")]
mod key_at_rest;
#[cfg(feature = "jwt")]
mod keys;
mod list;
mod new_store;
#[cfg(feature = "testkit")]
mod only_memory;
mod open;
mod purge;
mod repair;
mod repair_plan;
mod restore;
mod revoke;
#[cfg(feature = "jwt")]
mod ring;
mod salvage;
mod scan;
#[cfg(feature = "jwt")]
mod sign;
mod stats;
#[cfg(feature = "jwt")]
mod supplied_key;
mod uses;
mod verify;
#[cfg(feature = "jwt")]
mod verify_keys;

use std::path::Path;
#[cfg(feature = "jwt")]
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::disk::Disk;
use crate::error::Error;
use crate::live::Live;
use crate::options::{Durability, OnProgress, Options};
use crate::record::MacKey;
use crate::seal::Seal;
use crate::validator::Validator;
use change::Change;
use control::Control;
use folder::Folder;

pub use backup::BackedUp;
pub use client::ClientInfo;
#[cfg(feature = "jwt")]
pub use client_keys::NewClientKey;
pub use compact::Compacted;
#[cfg(all(feature = "export", feature = "testkit"))]
pub(crate) use export::end_of_export;
#[cfg(feature = "export")]
pub use export::{Digests, Exported};
#[cfg(feature = "export")]
pub use import::Imported;
#[cfg(feature = "jwt")]
pub use keys::{KeyInfo, KeyState};
pub use list::{Page, TokenInfo, TokenStatus};
pub use purge::Purged;
pub use repair::Repaired;
pub use restore::{LostRevocations, Restored};
pub use revoke::{Revocation, RevokeReason};
pub use stats::Stats;
pub use verify::Verified;

/// A store of tokens in a directory: the control plane.
///
/// All its methods take `&self` and may be called from any thread; writers share syncs. When it is
/// dropped or closed, its validators refuse everything.
///
/// # What a crash may leave
/// What returned `Ok` is there. What did not is wholly there or wholly absent.
///
/// # After a failed write
/// The store answers from memory and refuses further changes with [`Error::ReadOnly`] until it is
/// reopened. A revocation that failed to reach the disk still holds in memory.
#[derive(Debug)]
pub struct Store {
    core: Arc<Core>,
}

struct Core {
    live: Arc<Live>,
    disk: Box<dyn Disk>,
    mac_key: MacKey,
    control: Mutex<Control>,
    /// A group has become durable, or failed.
    committed: Condvar,
    /// The seal of the last group; its lock orders the groups.
    sealed: Mutex<Seal>,
    /// Held by the one purge that runs.
    purging: Mutex<()>,
    /// Held by the one backup that runs.
    backing_up: Mutex<()>,
    /// What groups change while a backup copies.
    watched: Mutex<Option<backup_file::Changes>>,
    /// When tokens were last used, if that is kept.
    uses: uses::Uses,
    purge_grace_secs: u64,
    durability: Durability,
    prefix: String,
    tokens_max: u64,
    tokens_per_client_max: u64,
    on_progress: Option<OnProgress>,
    /// Under which private keys stand on disk.
    #[cfg(feature = "jwt")]
    key_at_rest: key_at_rest::KeyAtRest,
    #[cfg(feature = "jwt")]
    jwt_issuer: Option<String>,
    #[cfg(feature = "jwt")]
    jwt_audience: Option<String>,
    /// Denials of foreign tokens that stand in memory and are not durable yet.
    #[cfg(feature = "jwt")]
    denials_ahead: AtomicU64,
    /// Held while the store is open; dropped after the disk, and so marks a clean close.
    folder: Option<Folder>,
}

impl Store {
    /// Opens the store in the directory `path`, making one if there is none, with the defaults of
    /// [`Options`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Options::new().open(path)
    }

    /// A handle that validates.
    pub fn validator(&self) -> Validator {
        Validator::new(Arc::clone(&self.core.live))
    }

    /// The number of groups ever written. Keep it somewhere else, and
    /// [`Options::least_generation`] will notice when the directory is rolled back.
    pub fn generation(&self) -> u64 {
        self.core.sealed().generation
    }

    /// Makes everything so far durable, the highest time seen included.
    ///
    /// With [`Durability::Sync`] it is needed only to keep the clock's mark: a store that is
    /// killed without it may, after a restart with a clock set back, take for active a token that
    /// expired since the last write. [`Store::purge`] does it, too.
    pub fn flush(&self) -> Result<(), Error> {
        let control = self.core.writable()?;
        self.core.commit(control, [Change::Flush])
    }

    /// Flushes and closes the store: from here on its validators refuse everything with
    /// [`Inactive::Unavailable`](crate::Inactive::Unavailable). Dropping the store does the same,
    /// but cannot report a failure.
    pub fn close(self) -> Result<(), Error> {
        match self.core.shut() {
            // The failure was reported when it happened; there is nothing left to flush.
            Err(Error::ReadOnly { .. }) => Ok(()),
            other => other,
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.core.shut();
    }
}

impl Core {
    /// Flushes and closes, once.
    fn shut(&self) -> Result<(), Error> {
        // Nothing may validate once another process can open the store and revoke.
        self.live.close();
        let control = match self.writable() {
            Err(Error::Closed) => return Ok(()),
            control => control?,
        };
        let flushed = self.commit(control, [Change::Flush]);
        if let (Ok(()), Some(folder)) = (&flushed, &self.folder) {
            folder.flushed();
        }
        self.control
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .closed = true;
        flushed
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core")
            .field("durability", &self.durability)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fake::FakeDisk;
    use crate::options::Options;

    #[test]
    fn a_store_that_could_not_write_says_so() {
        let disk = FakeDisk::new();
        let store = Options::new().open_fake(disk.clone()).unwrap();
        assert!(!store.stats().unwrap().read_only);
        disk.fail_after(0);
        assert!(store.flush().is_err());
        assert!(store.stats().unwrap().read_only);
        store.close().unwrap();
        disk.heal();
        let store = Options::new().open_fake(disk.clone()).unwrap();
        disk.fail_after(0);
        assert!(matches!(store.close(), Err(Error::Io { .. })));
    }
}
