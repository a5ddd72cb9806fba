//! sled's files, as far as they need care that sled does not take: what a crash leaves of them, and
//! that their names survive one.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// The name of sled's log in its folder. This name and the next are internal to sled, so tests hold
/// them.
pub(super) const LOG: &str = "db";
/// Where sled keeps its settings.
const SETTINGS: &str = "conf";
/// What the names of its snapshots begin with, and what they end with until they are whole.
const SNAPSHOT: &str = "snap.";
const UNFINISHED: &str = ".generating";

/// Removes what a crash has left and sled would stumble over; `is_unfinished`: the store was being
/// made.
pub(super) fn before_open(folder: &Path, is_unfinished: bool) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // sled takes the last snapshot for the newest, whole or not.
        let is_torn_snapshot = name.starts_with(SNAPSHOT) && name.ends_with(UNFINISHED);
        // Written before the log is made, and not synced: sled makes it anew if it is missing, but
        // not if it is torn. It is always the same.
        if is_torn_snapshot || is_unfinished && name == SETTINGS {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes the entries of a new store durable: its files, its folder, and those above, of which any
/// may have been made for it.
pub(super) fn sync_all(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        File::open(entry?.path())?.sync_all()?;
    }
    // A relative path does not name all that it goes through.
    for (above, folder) in fs::canonicalize(folder)?.ancestors().enumerate() {
        match File::open(folder).and_then(|folder| folder.sync_all()) {
            Err(error) if above > 2 && !could_be_made(&error) => {}
            synced => synced?,
        }
    }
    Ok(())
}

/// Whether a folder that answers a sync with this error may be one that we have just made: not one
/// of somebody else's, or of a system of files that takes no syncs of folders.
fn could_be_made(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    !matches!(
        error.kind(),
        InvalidInput | PermissionDenied | ReadOnlyFilesystem | Unsupported
    )
}
