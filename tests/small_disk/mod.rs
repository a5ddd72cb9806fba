//! A disk that is soon full.
#![allow(
    clippy::unwrap_used,
    reason = "what is shared by tests is a test, but clippy takes only #[test] for one"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system that is mounted for the test, and full before the child is done.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None, and a word about it, where nothing may be mounted.
    pub(crate) fn mount(at: PathBuf, kib: usize) -> Option<Self> {
        fs::create_dir(&at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "none"])
            .arg(&at)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(at));
        }
        eprintln!("SKIPPED: no file system may be mounted here; nothing was proved");
        None
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
