//! sled's snapshot, durable before sled overwrites what is needed without it.
//!
//! Whenever it opens, sled reads its log, writes a snapshot of where every page is, renames it, and
//! fills with zeros all that is free by now. From an older snapshot, or none, it reads the log again, and
//! takes it to end at the first gap in the segments that were written last, of which some may just
//! have been filled with zeros. So a power cut that lost the new name only would cost the end of the
//! log, and sled does not make the name durable. Here it is stopped between the two, and begins again
//! once the name is.

use std::fs;
use std::io;
use std::path::Path;

use super::DiskError;
use super::files;
use super::large_pages;

/// What stops it: right after its snapshot it removes the files of large pages that were written after
/// the end of its log, and cannot remove a folder. This is the name of the last page that there can be.
/// sled logs a warning whenever it finds such files, so it logs one at each opening.
const STOP: &str = "9223372036854775807";

/// Calls `open`, which lets sled open the database in `folder`, twice: up to the snapshot, and whole.
/// A new database has none, and is opened once.
pub(super) fn made_durable<T>(
    folder: &Path,
    open: impl Fn() -> Result<T, DiskError>,
) -> Result<T, DiskError> {
    let failed = DiskError::io("letting the database recover");
    let stop = folder.join(large_pages::FOLDER).join(STOP);
    fs::create_dir_all(&stop).map_err(&failed)?;
    match open() {
        Err(DiskError::Io { source, .. }) if is_stopped(&source) => {
            fs::remove_dir(&stop).map_err(&failed)?;
            files::sync_names(folder).map_err(&failed)?;
            files::wait_until_free(folder).map_err(&failed)?;
            open()
        }
        opened => {
            // What is left of it harms nothing, and the next opening takes it for its own.
            let _ = fs::remove_dir(&stop);
            opened
        }
    }
}

/// Whether this is the answer to removing a folder as if it were a file: POSIX wants the second.
fn is_stopped(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, PermissionDenied};
    matches!(error.kind(), IsADirectory | PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Opens, writes a little, and yields how often sled was called, and the snapshots it had then.
    fn open(folder: &Path) -> Vec<usize> {
        let seen = Cell::new(Vec::new());
        let db = made_durable(folder, || {
            let opened = sled::open(folder);
            let names = fs::read_dir(folder).unwrap();
            let snapshots = names
                .filter(|entry| {
                    let name = entry.as_ref().unwrap().file_name();
                    name.to_string_lossy().starts_with("snap.")
                })
                .count();
            let mut all = seen.take();
            all.push(snapshots);
            seen.set(all);
            opened.map_err(|error| match error {
                sled::Error::Io(source) => DiskError::io("opening")(source),
                other => DiskError::Corrupt(other.to_string()),
            })
        })
        .unwrap();
        db.insert("key", "value").unwrap();
        db.flush().unwrap();
        seen.take()
    }

    #[test]
    fn sled_still_stops_right_after_its_snapshot() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("data");
        assert_eq!(open(&folder), [0], "a new database has no snapshot");
        files::wait_until_free(&folder).unwrap();
        assert_eq!(open(&folder), [1, 1]);
        files::wait_until_free(&folder).unwrap();
        // A crash left what stops it.
        fs::create_dir(folder.join(large_pages::FOLDER).join(STOP)).unwrap();
        assert_eq!(open(&folder), [1, 1]);
        assert_eq!(
            fs::read_dir(folder.join(large_pages::FOLDER))
                .unwrap()
                .count(),
            0
        );
    }
}
