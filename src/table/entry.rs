//! One token in the table, and how it packs into four words.

use core::num::NonZeroU64;

use super::{Digest, Place};
use crate::token_id::TokenId;

/// Set in the third word of a line's first slot: an entry whose home is this line or an earlier one
/// stands in a later line, so a search must go on.
pub(super) const OVERFLOW: u64 = 1;
pub(super) const REVOKED: u64 = 1 << 1;
const DEFERRED: u64 = 1 << 2;
const PLACED_BY_DIGEST: u64 = 1 << 3;
const ID_SHIFT: u32 = 4;

/// What the table keeps of one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What the shown credential must digest to.
    pub(crate) digest: Digest,
    /// The public handle. Never [`TokenId::ZERO`], which no store issues: a slot whose id is zero
    /// has not been used since its memory was cleared.
    pub(crate) id: TokenId,
    /// The first Unix second at which the token is no longer active; `u32::MAX` means never.
    pub(crate) expires_at: u32,
    /// Index of what this token shares with others.
    pub(crate) grant: u32,
    /// The token has been revoked. Never unset.
    pub(crate) revoked: bool,
    /// The token has a not-before: the validator must look in the grant.
    pub(crate) deferred: bool,
    /// The place of this token comes from its digest rather than from its id.
    pub(crate) placed_by_digest: bool,
}

/// What the table keeps of one token beside its digest, as it stands there. Readers hand on these two
/// words in two registers: an [`Entry`] would go through memory, a field at a time, and be read back in
/// other pieces than it was written in, which waits for the memory.
#[derive(Clone, Copy)]
pub(crate) struct Packed {
    term: u64,
    facts: NonZeroU64,
}

impl Packed {
    /// These two words of a slot; `None` if no entry has them.
    #[inline(always)]
    pub(super) fn new(term: u64, facts: u64) -> Option<Self> {
        let facts = NonZeroU64::new(facts)?;
        Some(Self { term, facts })
    }

    /// The entry with this digest that these words belong to.
    #[inline(always)]
    pub(crate) fn unpack(self, digest: Digest) -> Entry {
        let [key, check] = digest.words();
        Entry::of_words([key, check, self.term, self.facts.get()])
    }
}

impl Entry {
    /// Where this token stands.
    pub(crate) fn place(&self) -> Place {
        if self.placed_by_digest {
            Place::of_digest(self.digest)
        } else {
            Place::of_id(self.id)
        }
    }

    /// The four words of a slot, the overflow bit clear.
    pub(super) fn to_words(self) -> [u64; 4] {
        let [key, check] = self.digest.words();
        let mut facts = self.id.as_u64() << ID_SHIFT;
        for (is_set, bit) in [
            (self.revoked, REVOKED),
            (self.deferred, DEFERRED),
            (self.placed_by_digest, PLACED_BY_DIGEST),
        ] {
            facts |= if is_set { bit } else { 0 };
        }
        [key, check, term(self.expires_at, self.grant), facts]
    }

    /// The entry these four words stand for. The overflow bit is not part of it.
    #[inline(always)]
    pub(super) fn of_words([key, check, term, facts]: [u64; 4]) -> Self {
        Self {
            digest: Digest::of_words(key, check),
            id: id_of(facts),
            expires_at: (term >> 32) as u32,
            grant: term as u32,
            revoked: facts & REVOKED != 0,
            deferred: facts & DEFERRED != 0,
            placed_by_digest: facts & PLACED_BY_DIGEST != 0,
        }
    }
}

/// The third word of a slot.
pub(super) const fn term(expires_at: u32, grant: u32) -> u64 {
    (expires_at as u64) << 32 | grant as u64
}

/// The id in the fourth word of a slot.
#[inline(always)]
pub(super) fn id_of(facts: u64) -> TokenId {
    // Sixty bits are left after the shift, so every value is an id.
    TokenId::from_u64(facts >> ID_SHIFT).unwrap_or(TokenId::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_entry_are_the_same_thing() {
        for bits in 0..8_u32 {
            let entry = Entry {
                digest: Digest::of_words(3, 4),
                id: TokenId::MAX,
                expires_at: u32::MAX - bits,
                grant: 77 + bits,
                revoked: bits & 1 != 0,
                deferred: bits & 2 != 0,
                placed_by_digest: bits & 4 != 0,
            };
            let mut words = entry.to_words();
            assert_eq!(words[3] & OVERFLOW, 0);
            words[3] |= OVERFLOW;
            assert_eq!(Entry::of_words(words), entry);
        }
    }
}
