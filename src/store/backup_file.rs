//! The file of a backup: what is written while the store serves, and how it is read again.
//!
//! The records are copied while changes go on, so that some of them are of before a change and some
//! of after it. What was changed meanwhile stands behind them, and counts instead.
//!
//! ```text
//! backup  = "hallpass backup 1\n" || pairs of clients, keys, tokens || changes || trailer
//! pair    = tree (1) || key length (4) || value length (4) || key || value
//! changes = pairs; of one that was removed the tree has its highest bit set, and no value. The last
//!           two are the record of the store and its seal.
//! trailer = where clients, keys, tokens and changes begin (4 x 8) || BLAKE3 of all before (32)
//! ```
//! The checksum finds damage without the digest key. What proves the content is what proves it in a
//! store: every record's MAC, and the seal over all of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::open::{STORE_KEY, check_store_record};
use super::scan::Records;
use crate::disk::{DiskError, Pair, Pairs, Tree};
use crate::error::Error;
use crate::record::{self, MacKey};
use crate::seal::{SEAL_KEY, Seal};

const MAGIC: &[u8] = b"hallpass backup 1\n";
const TRAILER_BYTES: usize = 4 * 8 + 32;
/// The parts before the changes, in their order.
pub(super) const COPIED: [Tree; 3] = [Tree::Clients, Tree::Keys, Tree::Tokens];
/// In the byte of the tree: the pair was removed.
const REMOVED: u8 = 0x80;
/// More than any key or record has.
const FIELD_MAX_BYTES: usize = 128 * 1024;
const BUFFER_BYTES: usize = 1 << 16;

/// What was changed while records were copied; `None`: removed.
pub(super) type Changes = BTreeMap<(Tree, Vec<u8>), Option<Vec<u8>>>;

/// Writes a backup.
pub(super) struct BackupWriter {
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    written: u64,
    parts: Vec<u64>,
}

impl BackupWriter {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let mut writer = Self {
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            hasher: blake3::Hasher::new(),
            written: 0,
            parts: Vec::new(),
        };
        writer.bytes(MAGIC)?;
        Ok(writer)
    }

    /// Begins the next part.
    pub(super) fn part(&mut self) {
        self.parts.push(self.written);
    }

    pub(super) fn pair(&mut self, tree: Tree, key: &[u8], value: Option<&[u8]>) -> io::Result<()> {
        let length = |field: &[u8]| u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes();
        let removed = if value.is_none() { REMOVED } else { 0 };
        let value = value.unwrap_or_default();
        self.bytes(&[tree as u8 | removed])?;
        self.bytes(&length(key))?;
        self.bytes(&length(value))?;
        self.bytes(key)?;
        self.bytes(value)
    }

    /// Writes the trailer and makes all of it durable; yields how many bytes there are.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        for at in std::mem::take(&mut self.parts) {
            self.bytes(&at.to_be_bytes())?;
        }
        let checksum = *self.hasher.finalize().as_bytes();
        self.bytes(&checksum)?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(self.written)
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.written += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

/// A backup that is whole.
pub(super) struct Backup {
    file: Arc<File>,
    /// Where the parts begin, and where the last ends.
    parts: [u64; 5],
    changes: Changes,
    pub(super) store_record: Vec<u8>,
    pub(super) seal: Seal,
}

impl Backup {
    /// Opens a backup, once its checksum holds and its store is known to be of this key.
    pub(super) fn open(path: &Path, key: &MacKey) -> Result<Self, Error> {
        let mut file = File::open(path).map_err(reading)?;
        let length = file.metadata().map_err(reading)?.len();
        let trailer_at = length
            .checked_sub(TRAILER_BYTES as u64)
            .filter(|at| *at >= MAGIC.len() as u64)
            .ok_or_else(not_one)?;
        let mut hasher = blake3::Hasher::new();
        let mut magic = [0; MAGIC.len()];
        file.read_exact(&mut magic).map_err(reading)?;
        if magic != MAGIC {
            return Err(not_one());
        }
        hasher.update(&magic);
        let hashed = length - 32 - MAGIC.len() as u64;
        hasher
            .update_reader((&file).take(hashed))
            .map_err(reading)?;
        let mut checksum = [0; 32];
        file.read_exact(&mut checksum).map_err(reading)?;
        if hasher.finalize() != checksum {
            return Err(Error::corrupt("the backup does not match its checksum"));
        }

        let mut parts = [0; 5];
        parts[4] = trailer_at;
        file.seek(SeekFrom::Start(trailer_at)).map_err(reading)?;
        let mut starts = [0; TRAILER_BYTES - 32];
        file.read_exact(&mut starts).map_err(reading)?;
        for (at, start) in parts.iter_mut().zip(starts.as_chunks().0) {
            *at = u64::from_be_bytes(*start);
        }
        if !parts.is_sorted() {
            return Err(not_one());
        }
        let mut backup = Self {
            file: Arc::new(file),
            parts,
            changes: Changes::new(),
            store_record: Vec::new(),
            seal: Seal::default(),
        };
        backup.read_changes(key)?;
        Ok(backup)
    }

    fn read_changes(&mut self, key: &MacKey) -> Result<(), Error> {
        let mut sealed = Vec::new();
        for frame in self.part(3) {
            let (tree, name, value) = frame?;
            match (tree, &*name, value) {
                (Tree::Meta, STORE_KEY, Some(value)) => self.store_record = value,
                (Tree::Meta, SEAL_KEY, Some(value)) => sealed = value,
                (tree, _, value) => drop(self.changes.insert((tree, name), value)),
            }
        }
        check_store_record(&self.store_record, key)?;
        self.seal = record::decode(key, Tree::Meta, SEAL_KEY, &sealed)?.0;
        Ok(())
    }

    fn part(&self, number: usize) -> Frames {
        Frames {
            file: BufReader::with_capacity(
                BUFFER_BYTES,
                Positioned {
                    file: Arc::clone(&self.file),
                    at: self.parts[number],
                    end: self.parts[number + 1],
                },
            ),
        }
    }
}

impl Records for Backup {
    fn pairs(&self, tree: Tree) -> Pairs<'_> {
        let Some(number) = COPIED.iter().position(|copied| *copied == tree) else {
            return Box::new(std::iter::empty());
        };
        let copied = self.part(number).filter_map(move |frame| match frame {
            Ok((of, _, _)) if of != tree => Some(Err(damaged())),
            Ok((_, key, value)) => {
                let is_changed = self.changes.contains_key(&(tree, key.clone()));
                let value = value.filter(|_| !is_changed)?;
                Some(Ok((key, value)))
            }
            Err(error) => Some(Err(error)),
        });
        let changed = self.changes.iter().filter_map(move |((of, key), value)| {
            let value = value.as_ref().filter(|_| *of == tree)?;
            Some(Ok::<Pair, DiskError>((key.clone(), value.clone())))
        });
        Box::new(copied.chain(changed))
    }
}

/// A pair as it stands in the file; without a value, it was removed.
type Frame = (Tree, Vec<u8>, Option<Vec<u8>>);

/// The pairs of a part.
struct Frames {
    file: BufReader<Positioned>,
}

impl Frames {
    fn read(&mut self) -> Result<Frame, DiskError> {
        let mut head = [0; 9];
        self.file.read_exact(&mut head).map_err(torn)?;
        let [kind, lengths @ ..] = head;
        let (key, value) = lengths.split_at(4);
        let length = |bytes: &[u8]| {
            let length = bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            Some(length).filter(|length| *length <= FIELD_MAX_BYTES)
        };
        let (Some(key), Some(value)) = (length(key), length(value)) else {
            return Err(damaged());
        };
        let tree = Tree::ALL
            .into_iter()
            .find(|tree| *tree as u8 == kind & !REMOVED)
            .ok_or_else(damaged)?;
        let (mut key, mut value) = (vec![0; key], vec![0; value]);
        self.file.read_exact(&mut key).map_err(torn)?;
        self.file.read_exact(&mut value).map_err(torn)?;
        Ok((tree, key, Some(value).filter(|_| kind & REMOVED == 0)))
    }
}

impl Iterator for Frames {
    type Item = Result<Frame, DiskError>;

    fn next(&mut self) -> Option<Self::Item> {
        let file = self.file.get_ref();
        if self.file.buffer().is_empty() && file.at >= file.end {
            return None;
        }
        Some(self.read())
    }
}

/// A stretch of a file that several may read at once, each where it is.
struct Positioned {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl io::Read for Positioned {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        let read = std::os::unix::fs::FileExt::read_at(&*self.file, &mut into[..wanted], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

fn reading(source: io::Error) -> Error {
    Error::Io {
        doing: "reading the backup",
        consequence: "nothing was restored from it",
        source,
    }
}

fn torn(source: io::Error) -> DiskError {
    match source.kind() {
        io::ErrorKind::UnexpectedEof => damaged(),
        _ => DiskError::io("reading the backup")(source),
    }
}

fn damaged() -> DiskError {
    DiskError::Corrupt("the backup contradicts itself".to_owned())
}

fn not_one() -> Error {
    Error::corrupt("the file is no backup of a store, or not all of one")
}
