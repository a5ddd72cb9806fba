//! A list that only grows and never moves: read without a lock, in three steps, at any length.

use std::sync::OnceLock;

/// Cells in a page. Small, because a new page is filled with empty cells by whoever needs it first:
/// 1024 cells of 24 bytes take some microseconds.
const PAGE_CELLS: usize = 1 << 10;
const SHELF_PAGES: usize = 1 << 10;
const SHELVES: usize = 1 << 8;

/// How many cells there can be: 268 million.
pub(crate) const CELLS_MAX: usize = PAGE_CELLS * SHELF_PAGES * SHELVES;

type Page<T> = Box<[T]>;
type Shelf<T> = Box<[OnceLock<Page<T>>]>;

/// Cells by number. A cell begins as `T::default()`, and is changed through `&T`.
pub(super) struct Pages<T> {
    /// Pages of cells, by the high bits of the number.
    shelves: Box<[OnceLock<Shelf<T>>]>,
}

impl<T: Default> Pages<T> {
    pub(super) fn new() -> Self {
        Self {
            shelves: fresh(SHELVES),
        }
    }

    /// The cell with this number, if its page has been made.
    #[inline]
    pub(super) fn get(&self, number: usize) -> Option<&T> {
        let shelf = self
            .shelves
            .get(number / (PAGE_CELLS * SHELF_PAGES))?
            .get()?;
        shelf
            .get(number / PAGE_CELLS % SHELF_PAGES)?
            .get()?
            .get(number % PAGE_CELLS)
    }

    /// The cell with this number, whose page is made if need be; `None` past [`CELLS_MAX`].
    pub(super) fn get_or_make(&self, number: usize) -> Option<&T> {
        let shelf = self.shelves.get(number / (PAGE_CELLS * SHELF_PAGES))?;
        let shelf = shelf.get_or_init(|| fresh(SHELF_PAGES));
        let page = shelf
            .get(number / PAGE_CELLS % SHELF_PAGES)?
            .get_or_init(|| fresh(PAGE_CELLS));
        page.get(number % PAGE_CELLS)
    }
}

fn fresh<T: Default>(count: usize) -> Box<[T]> {
    core::iter::repeat_with(T::default).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stay_where_they_are() {
        let pages = Pages::<OnceLock<usize>>::new();
        let numbers = [0, 1, 1023, 1024, 1 << 20, (1 << 20) + 7, CELLS_MAX - 1];
        for number in numbers {
            assert_eq!(pages.get(number).and_then(OnceLock::get), None);
            pages.get_or_make(number).unwrap().set(number).unwrap();
        }
        for number in numbers {
            assert_eq!(pages.get(number).and_then(OnceLock::get), Some(&number));
        }
        assert!(pages.get_or_make(CELLS_MAX).is_none() && pages.get(CELLS_MAX).is_none());
    }
}
