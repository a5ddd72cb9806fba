//! The files in which sled keeps pages that are too large for its log, and that it never syncs.
//!
//! There are none in a database whose segments are large enough for every page
//! ([`SEGMENT_BYTES`](super::files::SEGMENT_BYTES)); there may be in one that was made before.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The name of their folder in sled's own. Internal to sled, so a test holds it.
pub(super) const FOLDER: &str = "blobs";

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
    use super::*;
    use crate::disk::sled::SledDisk;
    use crate::disk::{Disk as _, Tree, Write};

    /// Writes records as large as any, and yields how many pages went to files of their own.
    fn large_pages(dir: &Path) -> usize {
        let folder = dir.join("data");
        let disk = SledDisk::open(&folder, &dir.join("seal"), 1 << 20).unwrap();
        for n in 0..256u32 {
            let write = Write {
                tree: Tree::Tokens,
                key: n.wrapping_mul(0x9E37_79B9).to_be_bytes().to_vec(),
                value: Some(vec![1; 18 << 10]),
            };
            disk.apply(&[write]).unwrap();
            if n % 16 == 0 {
                disk.sync().unwrap();
            }
        }
        disk.sync().unwrap();
        let files = fs::read_dir(folder.join(FOLDER)).unwrap().count();
        assert_eq!(disk.large_pages_synced(), files);
        files
    }

    #[test]
    fn a_new_database_has_no_large_pages() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(large_pages(dir.path()), 0);
    }

    #[test]
    fn an_old_one_still_keeps_them_where_we_sync_them() {
        let dir = tempfile::tempdir().unwrap();
        let golden = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/golden/format-1/data/conf"
        );
        fs::create_dir(dir.path().join("data")).unwrap();
        fs::copy(golden, dir.path().join("data/conf")).unwrap();
        // Not a new store: its settings stand.
        fs::write(dir.path().join("seal"), [1]).unwrap();
        assert!(large_pages(dir.path()) > 0);
    }
}
