//! When tokens were last used, and how often: kept beside the database, and shown with them.
//!
//! Not in the database: sled gives back no room for what is written over, and these are written over
//! every minute; a seal would have to be written with each; and a damaged page of them could cost the
//! store. A file of its own costs nothing where nobody asked for it, and can hurt nobody: it is read
//! when somebody first looks, what is damaged in it is passed over, and backups, exports and repairs
//! know nothing of it.
//!
//! ```text
//! uses = "hallpass uses 1\n" || (TokenId (8) || last second (8) || count (8) || CRC-32 (4))*
//! ```

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{Core, Store};
use crate::error::Error;
use crate::token_id::TokenId;
use crate::used::Used;

const MAGIC: &[u8] = b"hallpass uses 1\n";
const FACTS_BYTES: usize = 24;
const ENTRY_BYTES: usize = FACTS_BYTES + 4;

type Known = HashMap<TokenId, Used>;

/// What was kept of uses.
pub(super) struct Uses {
    /// Where; nowhere if the store has no folder.
    path: Option<PathBuf>,
    /// `None`: nobody has looked yet. Nobody who has the lock of the table waits for this one.
    known: Mutex<Option<Known>>,
    /// Held by the one who writes.
    writing: Mutex<()>,
}

impl Uses {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self {
            path,
            known: Mutex::default(),
            writing: Mutex::default(),
        }
    }

    /// What was kept of tokens that are no more. What nobody has read yet is sorted out when it is.
    pub(super) fn forget(&self, ids: impl IntoIterator<Item = TokenId>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &mut *known {
            for id in ids {
                known.remove(&id);
            }
        }
    }
}

impl Store {
    /// Keeps these uses with their tokens: [`Store::get`] and [`Store::list`] show the sum of all that
    /// was ever kept, also when the store is opened again. Nothing is kept unless this is called.
    ///
    /// To be called now and then with what `web::Usage::take` has gathered (feature `http`), every
    /// minute say, and before the store is closed: what was not kept when the
    /// process dies is lost, and nothing else. It writes a file beside the database, anew each time,
    /// of 28 bytes a token that was ever used; validation, changes, seal and generation have nothing
    /// to do with it. Uses of tokens that are not in the store are passed over, and purging a token
    /// forgets its uses. A backup holds none.
    ///
    /// # Errors
    /// [`Error::Io`] if the file was not written: what was there stays, and what is new is shown until
    /// the store is closed, and is written with the next call.
    pub fn keep_uses(&self, uses: impl IntoIterator<Item = (TokenId, Used)>) -> Result<(), Error> {
        let core = &*self.core;
        drop(core.control()?);
        let uses: Vec<(TokenId, Used)> = uses.into_iter().collect();
        if uses.is_empty() {
            return Ok(());
        }
        let alone = core.uses.writing.lock();
        let _alone = alone.unwrap_or_else(PoisonError::into_inner);
        let bytes = core.with_uses(|known| {
            for (id, used) in uses {
                if core.has(id) {
                    known.entry(id).or_default().add(used);
                }
            }
            encode(known)
        });
        let Some(path) = &core.uses.path else {
            return Ok(());
        };
        write(path, &bytes).map_err(|source| Error::Io {
            doing: "writing when tokens were last used",
            consequence: "it is shown until the store is closed, and will be written with the next uses",
            source,
        })
    }
}

impl Core {
    /// What was kept of a token's uses.
    pub(super) fn uses_of(&self, id: TokenId) -> Option<Used> {
        self.with_uses(|known| known.get(&id).copied())
    }

    fn with_uses<R>(&self, look: impl FnOnce(&mut Known) -> R) -> R {
        let known = self.uses.known.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        look(known.get_or_insert_with(|| self.read_uses()))
    }

    /// All of the file that is intact and of tokens that are there.
    fn read_uses(&self) -> Known {
        let mut known = Known::new();
        let Some(Ok(file)) = self.uses.path.as_ref().map(File::open) else {
            return known;
        };
        let mut file = BufReader::new(file);
        let mut magic = [0; MAGIC.len()];
        if file.read_exact(&mut magic).is_err() || magic != *MAGIC {
            return known;
        }
        let mut entry = [0; ENTRY_BYTES];
        while file.read_exact(&mut entry).is_ok() {
            if let Some((id, used)) = decode(&entry)
                && self.has(id)
            {
                known.entry(id).or_default().add(used);
            }
        }
        known
    }

    fn has(&self, id: TokenId) -> bool {
        matches!(self.entry_of(id), Ok(Some(_)))
    }
}

fn encode(known: &Known) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(MAGIC.len() + known.len() * ENTRY_BYTES);
    bytes.extend_from_slice(MAGIC);
    for (id, used) in known {
        let at = bytes.len();
        for number in [id.as_u64(), used.last_secs, used.count] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        let checksum = bytes.get(at..).map_or(0, crc32fast::hash);
        bytes.extend_from_slice(&checksum.to_be_bytes());
    }
    bytes
}

fn decode(entry: &[u8; ENTRY_BYTES]) -> Option<(TokenId, Used)> {
    let (facts, checksum) = entry.split_first_chunk::<FACTS_BYTES>()?;
    if *checksum != crc32fast::hash(facts).to_be_bytes() {
        return None;
    }
    let (numbers, _) = facts.as_chunks::<8>();
    let [id, last_secs, count] = *numbers else {
        return None;
    };
    let used = Used::new(u64::from_be_bytes(last_secs), u64::from_be_bytes(count));
    Some((TokenId::from_u64(u64::from_be_bytes(id))?, used))
}

/// In place of what was there, whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}
