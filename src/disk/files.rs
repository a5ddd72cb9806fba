//! sled's files, as far as they need care that sled does not take: what a crash leaves of them, and
//! that their names survive one.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::DiskError;

/// The name of sled's log in its folder. This name and the next are internal to sled, so tests hold
/// them.
pub(super) const LOG: &str = "db";
/// Where sled keeps its settings.
const SETTINGS: &str = "conf";
/// What the names of its snapshots begin with, and what they end with until they are whole.
const SNAPSHOT: &str = "snap.";
const UNFINISHED: &str = ".generating";

/// How long the log may take to come free, in hundredths of a second.
const PATIENCE: u32 = 200;

/// How much of its log sled writes, and frees, at once. Pages of more than a quarter of it go to files
/// of their own, which may come to the medium after what the log says of them: a power cut between
/// the two loses the page. Seventeen records, which are the most of a page, take 300 KiB if each has
/// all the scopes, audiences and metadata it may have.
pub(super) const SEGMENT_BYTES: usize = 2 << 20;
/// sled's own choice, which a database keeps that was made with it.
const SEGMENT_BYTES_ONCE: usize = 512 << 10;

/// The size that this database was made with, or is to be made with. `is_unfinished`: the store was
/// being made, and nothing was acknowledged.
pub(super) fn segment_bytes(folder: &Path, is_unfinished: bool) -> Result<usize, DiskError> {
    let path = folder.join(SETTINGS);
    let failed = DiskError::io("reading the database's settings");
    let settings = match fs::read(&path) {
        Ok(settings) => Some(settings),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    if let Some(bytes) = settings.as_deref().and_then(read_segment_bytes) {
        return Ok(bytes);
    }
    // sled makes settings anew if there are none. But what it then reads of a database that was made
    // with others is as good as damaged, and it mends damage.
    let has_log = fs::metadata(folder.join(LOG)).is_ok_and(|log| log.len() > 0);
    if !is_unfinished && (has_log || settings.is_some()) {
        let what = "the database's settings are missing or damaged";
        return Err(DiskError::Corrupt(what.to_owned()));
    }
    // They are written before the log is, and not synced: a crash may have torn them.
    if settings.is_some() {
        fs::remove_file(&path).map_err(failed)?;
    }
    Ok(SEGMENT_BYTES)
}

/// What intact settings say: lines of text, and their CRC-32.
fn read_segment_bytes(settings: &[u8]) -> Option<usize> {
    let (text, checksum) = settings.split_last_chunk::<4>()?;
    if crc32fast::hash(text).to_le_bytes() != *checksum {
        return None;
    }
    [SEGMENT_BYTES, SEGMENT_BYTES_ONCE]
        .into_iter()
        .find(|bytes| text.starts_with(format!("segment_size: {bytes}\n").as_bytes()))
}

/// Waits until nobody holds the database's log any more. sled's threads let go of it some time after
/// its handles are gone; a process that is being started has a copy of every handle until it runs its
/// program. The caller holds the store's own lock, so whoever still holds this one is on his way out.
pub(crate) fn wait_until_free(folder: &Path) -> io::Result<()> {
    let log = match File::open(folder.join(LOG)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        log => log?,
    };
    let mut patience = PATIENCE;
    while let Err(error) = log.try_lock() {
        match error {
            TryLockError::WouldBlock if patience > 0 => patience -= 1,
            TryLockError::WouldBlock => return Err(io::ErrorKind::WouldBlock.into()),
            TryLockError::Error(error) => return Err(error),
        }
        thread::sleep(Duration::from_millis(10));
    }
    log.unlock()
}

/// Removes snapshots that were not finished: sled takes the last for the newest, whole or not.
pub(super) fn remove_torn_snapshots(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(SNAPSHOT) && name.ends_with(UNFINISHED) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes the names of the files durable.
pub(super) fn sync_names(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
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
