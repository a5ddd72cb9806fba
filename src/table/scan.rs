//! Walks all entries in the order of their places, while the table is written and grows.

use super::entry::Entry;
use super::layout::View;
use super::line::SLOTS;
use super::signals::{Seen, Signals};
use super::span::Span;
use super::{Place, Table};

/// Lines read in one step: some 90 entries.
const STEP_LINES: usize = 64;

/// Where a scan stands.
///
/// A place, not a line: growth moves entries but not their places. So an entry that is in the table
/// from the beginning of the scan to its end is seen exactly once, whatever else happens; one that
/// is inserted or removed meanwhile is seen once or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor(u64);

impl Cursor {
    /// Before the first entry.
    pub(crate) const START: Self = Self(0);
}

impl Table {
    /// Replaces what is in `found` by the next entries, without holding up any writer. Returns
    /// where to go on, or `None` at the end. A step may find nothing and not be the last.
    pub(crate) fn scan(&self, cursor: Cursor, found: &mut Vec<Entry>) -> Option<Cursor> {
        let found = std::cell::RefCell::new(found);
        let next = self.read(|view, signals, stamp| {
            let found = &mut **found.borrow_mut();
            found.clear();
            step(view, cursor.0, signals, signals.seen(stamp), found)
        });
        (next != u64::MAX).then_some(Cursor(next))
    }
}

/// One step from place `start` on, or `None` when entries moved under it.
fn step(
    view: &View<'_>,
    start: u64,
    signals: &Signals,
    seen: Seen,
    found: &mut Vec<Entry>,
) -> Option<u64> {
    let is_moved = start < seen.watermark;
    let span = if is_moved { &view.to } else { &view.from };
    let first = span.home(Place::from_u64(start));
    let last = first + STEP_LINES;
    let mut end = span.least_place(last);
    if is_moved {
        end = end.min(seen.watermark);
    }
    gather(span, first, last, start..end, signals, seen.stamp, found);
    super::sync::fence(super::sync::Ordering::Acquire);
    signals.not_moved_since(seen, start).then_some(end)
}

fn gather(
    span: &Span<'_>,
    first: usize,
    last: usize,
    places: core::ops::Range<u64>,
    signals: &Signals,
    stamp: u64,
    found: &mut Vec<Entry>,
) {
    let mut at = first;
    while let Some(line) = span.line(at) {
        for slot in 0..SLOTS {
            let entry = loop {
                if let Ok(entry) = line.read(slot, signals, signals.seen(stamp)) {
                    break entry;
                }
            };
            let wanted = |entry: &Entry| places.contains(&entry.place().as_u64());
            found.extend(entry.filter(wanted));
        }
        at += 1;
        if at >= last && !line.overflowed() {
            break;
        }
    }
}
