//! Each thread's own hold on the layouts it reads, so that readers share no counter.
//!
//! In safe Rust, memory that may go away while readers read it must be owned by the reader. Counting
//! references at every look-up would put one contended cache line, and one full barrier, into each
//! of them; so a thread keeps its reference until it sees that the layout has changed. The price: a
//! thread that never looks again holds on to the memory of the layout it last saw. Growth recycles
//! memory without asking, so only what a shrunken or dropped table gives back is held, and at most
//! until the thread looks into any table or ends. The first look of a thread allocates, once, what
//! the standard library needs to run the thread's destructors; no later one does.

use std::cell::RefCell;
use std::sync::Arc;

use super::layout::Layout;

/// How many tables a thread can use in turn without losing its hold.
const TABLES: usize = 8;

/// A layout this thread has seen.
struct Remembered {
    /// Which one, zero for none.
    stamp: u64,
    /// The hold on it.
    layout: Option<Arc<Layout>>,
}

impl Remembered {
    const NOTHING: Self = Self {
        stamp: 0,
        layout: None,
    };
}

thread_local! {
    static REMEMBERED: RefCell<[Remembered; TABLES]> =
        const { RefCell::new([const { Remembered::NOTHING }; TABLES]) };
}

/// Calls `read` with the layout that this thread holds of table number `table`, after taking hold of
/// the one that `load` gives if it is not the one with `stamp`. `None` when the thread is ending and
/// holds nothing more.
///
/// Unless the layout has changed, nothing is written that other threads read.
#[inline(always)]
pub(super) fn with_layout<R>(
    table: usize,
    stamp: u64,
    load: impl FnOnce() -> Arc<Layout>,
    read: impl FnOnce(&Layout) -> R,
) -> Option<R> {
    let read = |remembered: &RefCell<[Remembered; TABLES]>| {
        let mut remembered = remembered.try_borrow_mut().ok()?;
        let mine = table % TABLES;
        if remembered[mine].stamp != stamp {
            refresh(&mut remembered, mine, load());
        }
        remembered[mine].layout.as_deref().map(read)
    };
    REMEMBERED.try_with(read).ok().flatten()
}

#[cold]
fn refresh(remembered: &mut [Remembered; TABLES], mine: usize, layout: Arc<Layout>) {
    remembered[mine] = Remembered {
        stamp: layout.stamp,
        layout: Some(layout),
    };
    // What nobody else holds belonged to tables that are no more.
    for one in remembered {
        if one
            .layout
            .as_ref()
            .is_some_and(|layout| Arc::strong_count(layout) == 1)
        {
            *one = Remembered::NOTHING;
        }
    }
}

/// Lets this thread let go of what it holds of table number `table`, unless it is the layout with
/// `stamp`.
pub(super) fn forget_former(table: usize, stamp: u64) {
    let _ = REMEMBERED.try_with(|remembered| {
        if let Ok(mut remembered) = remembered.try_borrow_mut()
            && let mine = &mut remembered[table % TABLES]
            && mine.stamp != stamp
        {
            *mine = Remembered::NOTHING;
        }
    });
}
