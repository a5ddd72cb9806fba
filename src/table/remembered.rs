//! Each thread's own hold on the layouts it reads, so that readers share no counter.
//!
//! In safe Rust, memory that may go away while readers read it must be owned by the reader. Counting
//! references at every look-up would put one contended cache line, and one full barrier, into each
//! of them; so a thread keeps its reference until it sees that the layout has changed. The price: a
//! thread that never looks again holds on to the memory of the layout it last saw. Growth recycles
//! memory without asking, so only what a shrunken or dropped table gives back is held, and at most
//! until the thread looks into any table or ends.

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

thread_local! {
    static REMEMBERED: RefCell<[Remembered; TABLES]> =
        const { RefCell::new([const { Remembered { stamp: 0, layout: None } }; TABLES]) };
}

/// Calls `read` with a layout of table number `table`: the one with `stamp`, or the one that `load`
/// gives. Neither allocates nor, unless the layout changed, writes to memory that threads share.
#[inline]
pub(super) fn with_layout<R>(
    table: usize,
    stamp: u64,
    load: impl Fn() -> Arc<Layout>,
    read: impl Fn(&Layout) -> R,
) -> R {
    let by_thread = REMEMBERED.try_with(|remembered| {
        let mut remembered = remembered.try_borrow_mut().ok()?;
        let mine = table % TABLES;
        if remembered[mine].stamp != stamp {
            refresh(&mut remembered, mine, load());
        }
        remembered[mine].layout.as_deref().map(&read)
    });
    match by_thread {
        Ok(Some(answer)) => answer,
        // The thread is ending and its memory of layouts is gone.
        _ => read(&load()),
    }
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
            *one = Remembered {
                stamp: 0,
                layout: None,
            };
        }
    }
}

/// Lets this thread forget the layouts that nobody else holds.
pub(super) fn forget_dead() {
    let _ = REMEMBERED.try_with(|remembered| {
        if let Ok(mut remembered) = remembered.try_borrow_mut() {
            for one in remembered.iter_mut() {
                if one
                    .layout
                    .as_ref()
                    .is_some_and(|layout| Arc::strong_count(layout) == 1)
                {
                    *one = Remembered {
                        stamp: 0,
                        layout: None,
                    };
                }
            }
        }
    });
}
