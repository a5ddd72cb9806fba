//! A small file beside the database that remembers the newest acknowledged seal.
//!
//! A database cut back to an older but consistent state cannot be told from a young one by itself;
//! the sidecar tells. Two slots of 64 bytes are written in turn, each with a checksum of its own, so
//! that a write torn by a power cut leaves the other slot. (Replacing the whole file by rename would
//! cost two more syncs a group and promise no more.)
//!
//! ```text
//! slot = magic (3) || format (1) || generation (8) || running digest (16) || MAC (16) || CRC-32 (4) || zeros
//! ```

use super::Tree;
use crate::record::MacKey;

const MAGIC: &[u8; 3] = b"hps";
/// The format of the whole store, which stands in every slot: a newer store is refused before sled
/// opens it.
pub(crate) const FORMAT: u8 = 1;
/// A slot fits in one sector of any disk, so that it is torn as seldom as possible.
pub(crate) const SLOT_BYTES: usize = 64;
/// Slots stand in sectors of their own.
pub(crate) const SLOT_STRIDE: usize = 4096;
pub(crate) const FILE_BYTES: usize = SLOT_STRIDE + SLOT_BYTES;

/// What a slot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) generation: u64,
    pub(crate) digest: u128,
}

impl Mark {
    /// The slot's bytes and where they go.
    pub(crate) fn to_slot(self, key: &MacKey) -> (u64, [u8; SLOT_BYTES]) {
        let mut slot = [0; SLOT_BYTES];
        slot[..3].copy_from_slice(MAGIC);
        slot[3] = FORMAT;
        slot[4..12].copy_from_slice(&self.generation.to_be_bytes());
        slot[12..28].copy_from_slice(&self.digest.to_be_bytes());
        let mac = key.mac(Tree::Meta, b"sidecar", &slot[..28]);
        slot[28..44].copy_from_slice(&mac.to_be_bytes());
        let checksum = crc32fast::hash(&slot[..44]);
        slot[44..48].copy_from_slice(&checksum.to_be_bytes());
        ((self.generation % 2) * SLOT_STRIDE as u64, slot)
    }

    fn from_slot(key: &MacKey, slot: &[u8]) -> Option<Self> {
        let (slot, _) = slot.split_first_chunk::<SLOT_BYTES>()?;
        let mark = Self {
            generation: u64::from_be_bytes(*slot[4..].first_chunk()?),
            digest: u128::from_be_bytes(*slot[12..].first_chunk()?),
        };
        (mark.to_slot(key).1 == *slot).then_some(mark)
    }

    /// The newest intact slot of a sidecar file. `None`: there is none, which only a store that
    /// never acknowledged a write may show.
    pub(crate) fn newest(key: &MacKey, file: &[u8]) -> Option<Self> {
        [0, SLOT_STRIDE]
            .into_iter()
            .filter_map(|at| Self::from_slot(key, file.get(at..)?))
            .max_by_key(|mark| mark.generation)
    }
}

/// Whether the file is intact and was written with another key.
pub(crate) fn is_of_another_key(key: &MacKey, file: &[u8]) -> bool {
    let is_whole = |slot: &[u8]| {
        slot.starts_with(MAGIC)
            && slot.get(44..48) == Some(&crc32fast::hash(&slot[..44]).to_be_bytes()[..])
    };
    Mark::newest(key, file).is_none()
        && [0, SLOT_STRIDE]
            .into_iter()
            .filter_map(|at| file.get(at..at + SLOT_BYTES))
            .any(is_whole)
}

/// The format a sidecar file claims, if it is newer than this release's.
pub(crate) fn newer_format(file: &[u8]) -> Option<u8> {
    [0, SLOT_STRIDE]
        .into_iter()
        .filter_map(|at| file.get(at..)?.strip_prefix(MAGIC)?.first().copied())
        .find(|format| *format > FORMAT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::DigestKey;

    #[test]
    fn the_newest_intact_slot_wins() {
        let key = MacKey::new(&DigestKey::from_bytes([3; 32]));
        let mut file = vec![0; FILE_BYTES];
        assert_eq!(Mark::newest(&key, &file), None);
        for generation in 1..6 {
            let mark = Mark {
                generation,
                digest: u128::from(generation) << 100,
            };
            let (at, slot) = mark.to_slot(&key);
            file[at as usize..at as usize + SLOT_BYTES].copy_from_slice(&slot);
            assert_eq!(Mark::newest(&key, &file), Some(mark));
        }
        file[SLOT_STRIDE + 20] ^= 1;
        assert_eq!(
            Mark::newest(&key, &file).map(|mark| mark.generation),
            Some(4)
        );
        let other = MacKey::new(&DigestKey::from_bytes([4; 32]));
        assert_eq!(Mark::newest(&other, &file), None);
        assert!(is_of_another_key(&other, &file));
        assert!(!is_of_another_key(&key, &file));
        file[20] ^= 1;
        assert!(!is_of_another_key(&key, &file), "damage is not another key");
    }
}
