//! The files in which sled keeps pages that are too large for its log, and that it never syncs.
//!
//! A page of sixteen records, each with all the scopes, audiences and metadata it may have, is one.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The name of their folder in sled's own. Internal to sled, so a test holds it.
const FOLDER: &str = "blobs";

pub(super) struct LargePages {
    folder: PathBuf,
    /// Those that are durable, with their lengths: sled writes each once, under a name that it never
    /// uses again, but a reader of ours may make it write one while another is being synced.
    synced: Mutex<HashMap<OsString, u64>>,
}

impl LargePages {
    pub(super) fn new(sled_folder: &Path) -> Self {
        Self {
            folder: sled_folder.join(FOLDER),
            synced: Mutex::new(HashMap::new()),
        }
    }

    /// Makes durable what came since the last time. Where there are none, as in most stores, it
    /// costs a look into an empty folder.
    pub(super) fn sync(&self) -> io::Result<()> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        let mut there = HashMap::new();
        let mut is_changed = false;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            // Removed meanwhile: its page has been written anew.
            let Some(bytes) = unless_gone(entry.metadata())?.map(|file| file.len()) else {
                continue;
            };
            if synced.get(&name) != Some(&bytes) {
                let Some(file) = unless_gone(File::open(entry.path()))? else {
                    continue;
                };
                file.sync_all()?;
                is_changed = true;
            }
            there.insert(name, bytes);
        }
        if is_changed {
            File::open(&self.folder)?.sync_all()?;
        }
        *synced = there;
        Ok(())
    }
}

#[cfg(test)]
impl LargePages {
    pub(super) fn synced(&self) -> usize {
        self.synced
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}

fn unless_gone<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use crate::disk::sled::SledDisk;
    use crate::disk::{Disk as _, Tree, Write};

    #[test]
    fn sled_still_keeps_large_pages_where_we_sync_them() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("data");
        let disk = SledDisk::open(&folder, &dir.path().join("seal"), 1 << 20).unwrap();
        let files = || {
            std::fs::read_dir(folder.join(super::FOLDER))
                .unwrap()
                .count()
        };
        assert_eq!(files(), 0);
        for n in 0..64u32 {
            let write = Write {
                tree: Tree::Tokens,
                key: n.to_be_bytes().to_vec(),
                value: Some(vec![1; 16 << 10]),
            };
            disk.apply(&[write]).unwrap();
            disk.sync().unwrap();
        }
        assert!(files() > 0);
        assert_eq!(disk.large_pages_synced(), files());
    }
}
