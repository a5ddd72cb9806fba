//! What many tokens share, kept once: client, scopes, kind, key, not-before, and since when they are dead.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::filter::Filter;
use super::index::Index;
use super::pages::Pages;
use crate::token_id::TokenId;

/// Set in the second word of a cell that has been written.
const WRITTEN: u64 = 1 << 40;
/// Where the number of the key stands in that word.
const KEY_SHIFT: u32 = 41;
/// Set in the word of least alive ids: the client is disabled.
pub(crate) const CLIENT_DISABLED: u64 = 1 << 63;

/// What a token shares with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grant {
    /// Number of the client's name.
    pub(crate) client: u32,
    /// Number of the set of scopes.
    pub(crate) scopes: u32,
    /// What kind of credential it is; the store gives the meaning.
    pub(crate) kind: u8,
    /// The Unix second before which it is not active; zero for none.
    pub(crate) not_before: u32,
    /// Number of the key that signed it; zero for none.
    pub(crate) key: u16,
}

/// A grant in memory: 24 bytes.
#[derive(Default)]
struct Cell {
    /// Client and scopes.
    names: AtomicU64,
    /// Whether the cell has been written, key, kind, not-before. Written after `names`.
    rest: AtomicU64,
    /// The least id that is alive, and whether the client is disabled.
    least_alive: AtomicU64,
}

/// All grants. Readers take no lock; a grant never moves or goes.
pub(crate) struct Grants {
    /// The grants by number.
    cells: Pages<Cell>,
    /// Grants whose word may refuse a token that is in the table.
    raised: Filter,
    /// Their numbers: for whoever interns.
    index: Mutex<Index>,
}

impl Grants {
    pub(crate) fn new() -> Self {
        Self {
            cells: Pages::new(),
            raised: Filter::new(),
            index: Mutex::new(Index::new()),
        }
    }

    /// The number of this grant; `None` when there are 268 million others.
    pub(crate) fn intern(&self, grant: Grant) -> Option<u32> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        index.number(
            &grant,
            |number| self.get(number) == Some(grant),
            |number| {
                let cell = self.cells.get_or_make(number as usize)?;
                let names = u64::from(grant.client) << 32 | u64::from(grant.scopes);
                let rest = WRITTEN
                    | u64::from(grant.key) << KEY_SHIFT
                    | u64::from(grant.kind) << 32
                    | u64::from(grant.not_before);
                cell.names.store(names, Ordering::Relaxed);
                cell.rest.store(rest, Ordering::Release);
                Some(())
            },
        )
    }

    /// The grant with this number.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<Grant> {
        let cell = self.cells.get(number as usize)?;
        let rest = cell.rest.load(Ordering::Acquire);
        let names = cell.names.load(Ordering::Relaxed);
        (rest & WRITTEN != 0).then_some(Grant {
            client: (names >> 32) as u32,
            scopes: names as u32,
            kind: (rest >> 32) as u8,
            not_before: rest as u32,
            key: (rest >> KEY_SHIFT) as u16,
        })
    }

    /// How many grants there are.
    pub(crate) fn len(&self) -> usize {
        self.index
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// The least id of this grant that is alive, with [`CLIENT_DISABLED`] if the client is. Of a
    /// grant that is not there nothing is alive.
    #[inline]
    pub(crate) fn least_alive(&self, number: u32) -> u64 {
        let cell = self.cells.get(number as usize);
        cell.map_or(u64::MAX, |cell| cell.least_alive.load(Ordering::Acquire))
    }

    /// Refuses tokens of this grant whose id is less, or all if [`CLIENT_DISABLED`] is set: no
    /// [`Grants::refuses`] that starts after the return lets them pass.
    pub(crate) fn set_least_alive(&self, number: u32, word: u64) {
        self.restore_least_alive(number, word);
        self.raised.put(number);
    }

    /// The same for a grant none of whose tokens that would be refused is in the table, as when a
    /// store is opened: validation goes on not looking at the word.
    pub(crate) fn restore_least_alive(&self, number: u32, word: u64) {
        if let Some(cell) = self.cells.get(number as usize) {
            cell.least_alive.store(word, Ordering::Release);
        }
    }

    /// Whether this grant refuses a token that is in the table. Almost always one look at the
    /// filter, which is in the cache. The words are not: reading them at each validation would
    /// double its cost with 10 million clients.
    #[inline]
    pub(crate) fn refuses(&self, number: u32, id: TokenId) -> bool {
        self.may_be_raised(number) && self.least_alive(number) > id.as_u64()
    }

    /// Whether the word of this grant may have been raised while tokens lived.
    #[inline]
    pub(crate) fn may_be_raised(&self, number: u32) -> bool {
        self.raised.may_hold(number)
    }
}

#[cfg(test)]
mod tests {
    use crate::table::{CLIENT_DISABLED, Grant, Grants};
    use crate::token_id::TokenId;

    fn id(n: u64) -> TokenId {
        TokenId::from_u64(n).unwrap()
    }

    #[test]
    fn a_grant_has_one_number_for_ever() {
        let grants = Grants::new();
        let grant = |n: u32| Grant {
            client: n / 2,
            scopes: n % 3,
            kind: n as u8,
            not_before: n % 5,
            key: (n % 7) as u16,
        };
        for n in 0..5000 {
            assert_eq!(grants.intern(grant(n)), Some(n));
        }
        for n in 0..5000 {
            assert_eq!(grants.get(n), Some(grant(n)));
            assert_eq!(grants.intern(grant(n)), Some(n));
        }
        assert_eq!(grants.len(), 5000);
        // The page is there, the grant is not.
        assert_eq!(grants.get(5001), None);
        assert_eq!(grants.get(u32::MAX), None);
        let edge = Grant {
            client: u32::MAX,
            scopes: u32::MAX,
            kind: u8::MAX,
            not_before: u32::MAX,
            key: u16::MAX,
        };
        assert_eq!(grants.intern(edge), Some(5000));
        assert_eq!(grants.get(5000), Some(edge));
    }

    #[test]
    fn raising_the_word_refuses_older_ids_only() {
        let grants = Grants::new();
        for client in 0..3 {
            grants
                .intern(Grant {
                    client,
                    scopes: 0,
                    kind: 0,
                    not_before: 0,
                    key: 0,
                })
                .unwrap();
        }
        assert!(!grants.refuses(1, id(1)));
        grants.set_least_alive(1, 100);
        assert!(grants.refuses(1, id(99)) && !grants.refuses(1, id(100)));
        assert!(!grants.refuses(0, id(1)) && !grants.refuses(2, id(1)));
        grants.set_least_alive(1, 100 | CLIENT_DISABLED);
        assert!(grants.refuses(1, TokenId::MAX));
        grants.set_least_alive(1, 100);
        assert!(!grants.refuses(1, id(100)));
    }

    #[test]
    fn what_is_restored_is_known_but_not_looked_at() {
        let grants = Grants::new();
        grants
            .intern(Grant {
                client: 0,
                scopes: 0,
                kind: 0,
                not_before: 0,
                key: 0,
            })
            .unwrap();
        grants.restore_least_alive(0, 7);
        assert_eq!(grants.least_alive(0), 7);
        assert!(!grants.may_be_raised(0) && !grants.refuses(0, id(1)));
        assert_eq!(grants.least_alive(9_999_999), u64::MAX);
    }
}
