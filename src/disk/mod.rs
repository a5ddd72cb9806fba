//! The narrow door to the durable record: five trees, groups of writes that are atomic, a sync.
//! Knows no record format, no store, no token.

#[cfg(any(test, feature = "testkit"))]
pub(crate) mod fake;
mod files;
mod large_pages;
mod nudge;
pub(crate) mod sled;
mod snapshot;

use std::io;

pub(crate) use files::wait_until_free;

/// The trees of a store. The numbers stand in MACs: they never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Tree {
    /// Format, store id, seal.
    Meta = 0,
    /// `TokenId` (8 bytes, big-endian) to its record.
    Tokens = 1,
    /// `ClientId` to epoch, disabled, count.
    Clients = 2,
    /// `ClientId`, 0x00, `TokenId` to nothing: the secondary index.
    ByClient = 3,
    /// Signing keys.
    Keys = 4,
}

impl Tree {
    pub(crate) const ALL: [Tree; 5] = [
        Tree::Meta,
        Tree::Tokens,
        Tree::Clients,
        Tree::ByClient,
        Tree::Keys,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Tree::Meta => "meta",
            Tree::Tokens => "tokens",
            Tree::Clients => "clients",
            Tree::ByClient => "by_client",
            Tree::Keys => "keys",
        }
    }
}

/// The whole of a sidecar file, at the most.
pub(crate) const SIDECAR_MAX_BYTES: usize = 8192;

/// One write of a group: `None` removes.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) tree: Tree,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Option<Vec<u8>>,
}

/// A key and its value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);
/// Pairs in the order of their keys.
pub(crate) type Pairs<'a> = Box<dyn Iterator<Item = Result<Pair, DiskError>> + Send + 'a>;

/// What keeps the records. Every method may fail; none panics on what it finds.
pub(crate) trait Disk: Send + Sync {
    /// Applies a whole group or nothing of it. What was applied is read back at once, and is
    /// durable after [`Disk::sync`] only.
    fn apply(&self, group: &[Write]) -> Result<(), DiskError>;
    /// Hands all that was applied to the operating system: it survives the death of the process.
    fn flush(&self) -> Result<(), DiskError>;
    /// Makes all that was applied durable: it survives the loss of power.
    fn sync(&self) -> Result<(), DiskError>;
    /// The value under `key`.
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError>;
    /// All pairs of a tree whose keys are at least `from`.
    fn scan(&self, tree: Tree, from: &[u8]) -> Pairs<'_>;
    /// Reads the sidecar: up to two slots, each as it was written or damaged.
    fn read_sidecar(&self) -> Result<Vec<u8>, DiskError>;
    /// Overwrites one slot of the sidecar, durably.
    fn write_sidecar(&self, offset: u64, slot: &[u8]) -> Result<(), DiskError>;
    /// Bytes on disk.
    fn size_bytes(&self) -> u64;
}

/// What went wrong below.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiskError {
    #[error("{source} while {doing}")]
    Io {
        doing: &'static str,
        source: io::Error,
    },
    #[error("{0}")]
    Corrupt(String),
}

impl DiskError {
    pub(crate) fn io(doing: &'static str) -> impl Fn(io::Error) -> DiskError {
        move |source| DiskError::Io { doing, source }
    }
}

impl From<DiskError> for crate::error::Error {
    fn from(error: DiskError) -> Self {
        match error {
            DiskError::Io { doing, source } => crate::error::Error::Io {
                doing,
                consequence: "what was asked for was not done",
                source,
            },
            DiskError::Corrupt(what) => crate::error::Error::Corrupt { what },
        }
    }
}
