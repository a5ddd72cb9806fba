//! The mark of a clean close: a digest of the database's files as they were left.
//!
//! sled mends what it takes for a torn tail as soon as it opens, and so may change a damaged
//! database before anybody can look at it. With this mark, damage after a clean close is noticed
//! first, and nothing is touched. After a crash there is no mark; then sled recovers, and the seal
//! decides.
//!
//! ```text
//! closed = "hallpass closed 1\n" || BLAKE3 over the files of data/ (32) || CRC-32 (4)
//! ```

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::disk::wait_until_free;
use crate::error::Error;

const MAGIC: &[u8] = b"hallpass closed 1\n";
/// Refuses a database that has changed since it was closed, then takes the mark away: from here on
/// the database may change.
pub(super) fn check_and_open(folder: &Path, accept_changes: bool) -> Result<(), Error> {
    let path = mark_path(folder);
    let failed = |source| Error::Io {
        doing: "holding the database against its last clean close",
        consequence: "the store was not opened",
        source,
    };
    let mark = match fs::read(&path) {
        Ok(mark) => Some(mark),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    // All is read even without a mark. What sled cannot read while it recovers, it takes for torn and
    // cuts off: a bad sector, or a cable come loose, would cost the rest of the database.
    let found = digest(&folder.join("data")).map_err(failed)?;
    let Some(mark) = mark else {
        return Ok(());
    };
    // A mark that is itself damaged says nothing; the seal has the last word then.
    if let Some(left) = read_mark(&mark)
        && !accept_changes
        && found != left
    {
        return Err(Error::corrupt(
            "the database's files have changed since it was closed",
        ));
    }
    fs::remove_file(&path)
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(failed)
}

/// Leaves the mark. The database must be closed; if its file does not come free, there is none.
pub(super) fn leave(folder: &Path) -> io::Result<()> {
    let data = folder.join("data");
    wait_until_free(&data)?;
    // The last that was written is not durable yet, nor are the names of new and old files: the mark
    // must not outlive a power cut that they don't.
    sync(&data)?;
    let mut mark = MAGIC.to_vec();
    let digest = digest(&data)?;
    mark.extend_from_slice(&digest);
    mark.extend_from_slice(&crc32fast::hash(&digest).to_be_bytes());
    let path = mark_path(folder);
    let unfinished = path.with_extension("new");
    let mut file = File::create(&unfinished)?;
    file.write_all(&mark)?;
    file.sync_all()?;
    fs::rename(&unfinished, &path)?;
    File::open(folder)?.sync_all()
}

fn mark_path(folder: &Path) -> PathBuf {
    folder.join("closed")
}

fn read_mark(bytes: &[u8]) -> Option<[u8; 32]> {
    let (digest, checksum) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<32>()?;
    (crc32fast::hash(digest).to_be_bytes() == *checksum).then_some(*digest)
}

/// A digest over names, lengths and contents of all files below `folder`.
fn digest(folder: &Path) -> io::Result<[u8; 32]> {
    let mut files = Vec::new();
    list(folder, &mut files)?;
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for path in files {
        let name = path
            .strip_prefix(folder)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned();
        let file = File::open(&path)?;
        hasher
            .update(&(name.len() as u64).to_be_bytes())
            .update(name.as_bytes());
        hasher.update(&file.metadata()?.len().to_be_bytes());
        hasher.update_reader(file)?;
    }
    Ok(*hasher.finalize().as_bytes())
}

/// Syncs all files and folders below `folder`, and itself.
fn sync(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sync(&path)?;
        } else {
            File::open(path)?.sync_all()?;
        }
    }
    File::open(folder)?.sync_all()
}

fn list(folder: &Path, into: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, into)?
        } else {
            into.push(path)
        }
    }
    Ok(())
}
