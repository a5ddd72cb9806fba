//! A file or a folder on the medium: what was synced, and what was done since.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A sector is written whole or not at all.
pub(super) const SECTOR: u64 = 512;
/// Where the length of a file stands, among its sectors.
pub(super) const LENGTH: u64 = u64::MAX;

pub(super) type Inode = usize;

#[derive(Clone, Debug)]
pub(super) enum Node {
    File {
        durable: Vec<u8>,
        pending: Vec<Pending<Change>>,
    },
    Folder {
        durable: BTreeMap<String, Inode>,
        pending: Vec<Pending<Naming>>,
        live: BTreeMap<String, Inode>,
    },
}

impl Node {
    pub(super) fn folder(names: BTreeMap<String, Inode>) -> Self {
        Node::Folder {
            durable: names.clone(),
            pending: Vec::new(),
            live: names,
        }
    }
}

/// Something that was done since the last sync.
#[derive(Clone, Debug)]
pub(super) struct Pending<T> {
    /// The place among all that was ever done.
    pub(super) number: usize,
    /// Whether the call has returned; only then does a sync that begins cover it.
    pub(super) returned: bool,
    pub(super) what: T,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { offset: u64, bytes: Arc<[u8]> },
    SetLength(u64),
}

#[derive(Clone, Debug)]
pub(super) enum Naming {
    Link(String, Inode),
    Unlink(String),
    Rename(String, String),
}

/// Which sectors a change touches; that of the length stands for itself.
pub(super) fn sectors(change: &Change) -> std::ops::RangeInclusive<u64> {
    match change {
        Change::Write { offset, bytes } => {
            offset / SECTOR..=(offset + (bytes.len() as u64).max(1) - 1) / SECTOR
        }
        Change::SetLength(_) => LENGTH..=LENGTH,
    }
}

pub(super) fn returned<T>(pending: &[Pending<T>]) -> Vec<usize> {
    pending
        .iter()
        .filter(|done| done.returned)
        .map(|done| done.number)
        .collect()
}

pub(super) fn mark_returned<T>(pending: &mut [Pending<T>], number: usize) -> bool {
    let found = pending.iter_mut().rev().find(|done| done.number == number);
    found.map(|done| done.returned = true).is_some()
}

pub(super) fn name(names: &mut BTreeMap<String, Inode>, naming: &Naming) {
    match naming {
        Naming::Link(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        Naming::Unlink(name) => {
            names.remove(name);
        }
        Naming::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
    }
}

/// Does a change to a file, as far as its sectors are kept.
pub(super) fn apply(content: &mut Vec<u8>, change: &Change, mut keeps: impl FnMut(u64) -> bool) {
    match change {
        Change::SetLength(length) => {
            if keeps(LENGTH) {
                content.resize(usize::try_from(*length).unwrap(), 0);
            }
        }
        Change::Write { offset, bytes } => {
            let end = offset + bytes.len() as u64;
            let mut at = *offset;
            while at < end {
                let next = ((at / SECTOR + 1) * SECTOR).min(end);
                if keeps(at / SECTOR) {
                    let (from, to) = (at as usize, next as usize);
                    if content.len() < to {
                        content.resize(to, 0);
                    }
                    let start = (at - offset) as usize;
                    content[from..to].copy_from_slice(&bytes[start..start + (to - from)]);
                }
                at = next;
            }
        }
    }
}

/// Whether it matters which of two changes to a file comes first.
pub(super) fn conflict(one: &Change, other: &Change) -> bool {
    let end = |offset: u64, bytes: &[u8]| offset + bytes.len() as u64;
    match (one, other) {
        (Change::SetLength(_), Change::SetLength(_)) => true,
        (Change::SetLength(length), Change::Write { offset, bytes })
        | (Change::Write { offset, bytes }, Change::SetLength(length)) => {
            end(*offset, bytes) > *length
        }
        (
            Change::Write { offset, bytes },
            Change::Write {
                offset: other,
                bytes: others,
            },
        ) => *offset < end(*other, others) && *other < end(*offset, bytes),
    }
}
