//! The folder of a store: what lies where in it, its lock, its key file, and the checks that come
//! before sled may touch anything.
//!
//! ```text
//! <path>/lock               held while the store is open
//! <path>/digest.key         the digest key, unless it is kept outside; readable by its owner only
//! <path>/seal               the sidecar
//! <path>/closed             the mark of a clean close; gone while the store is open
//! <path>/uses               when tokens were last used, if that is kept; nothing depends on it
//! <path>/data/              sled's files
//! <path>/data.compact-new/  what compacting writes, until it takes the place of data/
//! <path>/data.compact-old/  what data/ was until then
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use zeroize::Zeroizing;

use super::closed;
use super::new_store::sync_folder;
use crate::digest::DigestKey;
use crate::error::Error;
use crate::record::MacKey;
use crate::sidecar;

const KEY_MAGIC: &[u8] = b"hallpass digest key 1\n";
const NAMES: [&str; 5] = ["lock", "digest.key", "seal", "closed", "data"];

pub(super) struct Folder {
    path: PathBuf,
    /// The lock lives as long as this handle.
    lock: File,
    /// Whether all that was written has been flushed for good.
    is_flushed: AtomicBool,
}

impl Folder {
    /// Finds or makes the folder and locks it. Nothing in it is changed yet.
    pub(super) fn lock(path: &Path, create: bool) -> Result<Self, Error> {
        match fs::metadata(path) {
            Ok(found) if !found.is_dir() => {
                return Err(Error::NotADirectory {
                    path: path.to_owned(),
                });
            }
            Ok(_) => check_is_ours(path, create)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !create {
                    return Err(Error::NotFound {
                        path: path.to_owned(),
                    });
                }
                fs::create_dir_all(path).map_err(opening("making the store's folder"))?;
            }
            Err(error) => return Err(opening("looking for the store")(error)),
        }
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(opening("opening the lock file"))?;
        match lock.try_lock() {
            Ok(()) => {
                let folder = Self {
                    path: path.to_owned(),
                    lock,
                    is_flushed: AtomicBool::new(false),
                };
                folder.finish_swap()?;
                Ok(folder)
            }
            Err(TryLockError::WouldBlock) => Err(Error::Locked {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(opening("locking the store")(error)),
        }
    }

    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Where compacting writes.
    pub(super) fn new_data(&self) -> PathBuf {
        self.path.join("data.compact-new")
    }

    fn old_data(&self) -> PathBuf {
        self.path.join("data.compact-old")
    }

    /// Lets the database that compacting wrote take the place of the other. Both hold the same, and
    /// are durable and closed: whichever a crash leaves in place is right.
    pub(super) fn swap(&self) -> io::Result<()> {
        remove(&self.old_data())?;
        fs::rename(self.data(), self.old_data())?;
        // The second name is not given before the first is given up for good.
        sync_folder(&self.path)?;
        fs::rename(self.new_data(), self.data())?;
        sync_folder(&self.path)?;
        self.remove_leftovers();
        Ok(())
    }

    /// A crash between the two renames left no database in place: the old one goes back.
    fn finish_swap(&self) -> Result<(), Error> {
        if self.data().exists() || !self.old_data().exists() {
            return Ok(());
        }
        fs::rename(self.old_data(), self.data())
            .and_then(|()| sync_folder(&self.path))
            .map_err(opening("taking back a compaction that was cut short"))
    }

    /// Removes what a compaction that was cut short has written.
    pub(super) fn remove_new_data(&self) -> io::Result<()> {
        remove(&self.new_data())
    }

    /// Removes what a compaction left behind. Only called when the database in place is known to be
    /// whole. What cannot be removed costs room, and nothing else.
    pub(super) fn remove_leftovers(&self) {
        let _ = remove(&self.new_data());
        let _ = remove(&self.old_data());
    }

    pub(super) fn uses(&self) -> PathBuf {
        self.path.join("uses")
    }

    pub(super) fn sidecar(&self) -> PathBuf {
        self.path.join("seal")
    }

    /// Refuses what is visibly not for this release, of another key, or incomplete: before sled
    /// opens and thereby touches it.
    pub(super) fn check(&self, supplied: Option<DigestKey>) -> Result<DigestKey, Error> {
        let sidecar = match fs::read(self.sidecar()) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(opening("reading the sidecar")(error)),
        };
        if let Some(found) = sidecar::newer_format(&sidecar) {
            return Err(Error::NewerFormat {
                found,
                known: sidecar::FORMAT,
            });
        }
        if !self.data().join("db").exists() && sidecar.iter().any(|byte| *byte != 0) {
            return Err(Error::corrupt("the database is missing beside its sidecar"));
        }
        let key = self.digest_key(supplied)?;
        if sidecar::is_of_another_key(&MacKey::new(&key), &sidecar) {
            return Err(Error::WrongDigestKey);
        }
        Ok(key)
    }

    /// The last look before sled opens: from here on the files may change.
    pub(super) fn begin(&self, accept_changed_files: bool) -> Result<(), Error> {
        closed::check_and_open(&self.path, accept_changed_files)
    }

    /// Nothing will be written any more: once the disk is dropped, the close is a clean one.
    pub(super) fn flushed(&self) {
        self.is_flushed.store(true, Ordering::Release);
    }

    /// The digest key: the caller's, or the one in the key file, which is made if the store is new.
    fn digest_key(&self, supplied: Option<DigestKey>) -> Result<DigestKey, Error> {
        if let Some(key) = supplied {
            return Ok(key);
        }
        let path = self.path.join("digest.key");
        match File::open(&path) {
            Ok(file) => read_key(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if self.data().join("db").exists() {
                    return Err(Error::WrongDigestKey);
                }
                make_key(&path).map_err(opening("making the digest key"))
            }
            Err(error) => Err(opening("opening the digest key")(error)),
        }
    }
}

impl DigestKey {
    /// Reads a key that is kept outside the store: the `digest.key` that a store made for itself
    /// and that was moved away since, 32 raw bytes, or 64 hexadecimal digits and a line end.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Invalid`] if it is none of the three,
    /// [`Error::Corrupt`] if it is a damaged `digest.key`.
    pub fn read_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let file = File::open(path).map_err(opening("opening the digest key"))?;
        let bytes = read_key_bytes(file)?;
        if bytes.starts_with(KEY_MAGIC) {
            return parse_key(&bytes);
        }
        let raw = <[u8; 32]>::try_from(bytes.as_slice()).ok();
        raw.or_else(|| {
            blake3::Hash::from_hex(bytes.trim_ascii_end())
                .ok()
                .map(<[u8; 32]>::from)
        })
        .map(Self::from_bytes)
        .ok_or(Error::Invalid {
            what: "digest key file",
            why: "it must be a store's digest.key, 32 raw bytes, or 64 hexadecimal digits",
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_flushed.load(Ordering::Acquire) {
            // Without the mark the next opening recovers, as after a crash: slower, not wrong.
            let _ = closed::leave(&self.path);
            // A process that is being started at this moment has a copy of the handle until it runs
            // its program, and would keep the lock for as long.
            let _ = self.lock.unlock();
        }
    }
}

/// A folder with other things in it is somebody else's.
fn check_is_ours(path: &Path, create: bool) -> Result<(), Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(opening("reading the store's folder"))? {
        names.push(
            entry
                .map_err(opening("reading the store's folder"))?
                .file_name(),
        );
    }
    let ours = names
        .iter()
        .filter(|name| NAMES.iter().any(|ours| *name == *ours))
        .count();
    match (ours, names.len()) {
        (0, 0) if create => Ok(()),
        (0, _) if !create => Err(Error::NotFound {
            path: path.to_owned(),
        }),
        (0, _) => Err(Error::NotAStore {
            path: path.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Where a folder keeps its key, if it does.
pub(super) fn key_file(folder: &Folder) -> PathBuf {
    folder.path.join("digest.key")
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn read_key(file: File) -> Result<DigestKey, Error> {
    parse_key(&read_key_bytes(file)?)
}

fn read_key_bytes(file: File) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(128));
    file.take(128)
        .read_to_end(&mut bytes)
        .map_err(opening("reading the digest key"))?;
    Ok(bytes)
}

fn parse_key(bytes: &[u8]) -> Result<DigestKey, Error> {
    let damaged = || Error::corrupt("the digest key file is not one");
    let rest = bytes.strip_prefix(KEY_MAGIC).ok_or_else(damaged)?;
    let (key, checksum) = rest.split_first_chunk::<32>().ok_or_else(damaged)?;
    if checksum != crc32fast::hash(key).to_be_bytes() {
        return Err(damaged());
    }
    Ok(DigestKey::from_bytes(*key))
}

/// Makes the key durable before the first record is digested with it: written whole under another
/// name, synced, then renamed.
fn make_key(path: &Path) -> io::Result<DigestKey> {
    let mut key = Zeroizing::new([0; 32]);
    crate::secret::fill_random(&mut *key)?;
    let mut bytes = Zeroizing::new(KEY_MAGIC.to_vec());
    bytes.extend_from_slice(&*key);
    bytes.extend_from_slice(&crc32fast::hash(&*key).to_be_bytes());

    let unfinished = path.with_extension("new");
    let _ = fs::remove_file(&unfinished);
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(DigestKey::from_bytes(*key))
}

fn opening(doing: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io {
        doing,
        consequence: "the store was not opened",
        source,
    }
}
