//! All changes to the table, made by one writer at a time.

use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use super::chunk::NoMemory;
use super::entry::Entry;
use super::span::{NoLine, Span};
use super::state::State;
use super::{Place, Table};
use crate::token_id::TokenId;

/// How many insertions ahead [`Writer::insert_all`] fetches lines.
const AHEAD: usize = 16;

/// Why an entry was not inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotInserted {
    /// A token of the same place has the same digest or the same id.
    Twin,
    /// The system gave no memory.
    NoMemory,
}

impl From<NoMemory> for NotInserted {
    fn from(NoMemory: NoMemory) -> Self {
        Self::NoMemory
    }
}

/// The right to change the table.
pub(crate) struct Writer<'a> {
    /// The table.
    pub(super) table: &'a Table,
    /// What only the writer knows.
    pub(super) state: MutexGuard<'a, State>,
}

impl Table {
    /// Waits until no other writer is at work.
    pub(crate) fn writer(&self) -> Writer<'_> {
        // A writer that panicked left the table consistent for readers: each store is a step.
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writer = Writer { table: self, state };
        writer.state.release();
        writer
    }
}

impl Writer<'_> {
    /// Puts an entry in. Readers that start after the return see it.
    pub(crate) fn insert(&mut self, entry: Entry) -> Result<(), NotInserted> {
        self.make_room()?;
        let place = entry.place();
        let mut growths = 0;
        if self.span(place).has_twin(place, &entry) {
            return Err(NotInserted::Twin);
        }
        while let Err(NoLine(line)) = self.span(place).put(place, &entry, &self.table.signals) {
            self.provide(line, &mut growths)?;
        }
        self.set_len(self.state.len + 1);
        Ok(())
    }

    /// Puts many entries in, fetching the lines of the next ones meanwhile: two to three times as
    /// fast as one by one. Stops at the first that cannot go in.
    pub(crate) fn insert_all(
        &mut self,
        entries: impl IntoIterator<Item = Entry>,
    ) -> Result<(), NotInserted> {
        let mut entries = entries.into_iter();
        let mut ahead = std::collections::VecDeque::with_capacity(AHEAD);
        loop {
            let entry = entries.next();
            if let Some(entry) = entry {
                self.span(entry.place()).prefetch(entry.place());
                ahead.push_back(entry);
            }
            if ahead.len() == AHEAD || entry.is_none() {
                let Some(first) = ahead.pop_front() else {
                    return Ok(());
                };
                self.insert(first)?;
            }
        }
    }

    /// The token with this id.
    pub(crate) fn find(&self, place: Place, id: TokenId) -> Option<Entry> {
        self.span(place).find(place, id)
    }

    /// Removes the token with this id; false if it was not there.
    pub(crate) fn remove(&mut self, place: Place, id: TokenId) -> bool {
        let was_there = self.span(place).remove(place, id);
        if was_there {
            self.set_len(self.state.len - 1);
        }
        was_there
    }

    /// Revokes the token with this id: no reader that starts after the return sees it otherwise.
    /// False if it is not there.
    pub(crate) fn revoke(&mut self, place: Place, id: TokenId) -> bool {
        self.span(place).revoke(place, id)
    }

    /// Sets when the token with this id expires; false if it is not there.
    pub(crate) fn set_expiry(&mut self, place: Place, id: TokenId, expires_at: u32) -> bool {
        self.span(place).set_expiry(place, id, expires_at)
    }

    fn set_len(&mut self, len: usize) {
        self.state.len = len;
        self.table.len.store(len, Ordering::Relaxed);
    }

    /// Where entries of this place are now.
    pub(super) fn span(&self, place: Place) -> &Span<'_> {
        let layout = &self.state.layout;
        let view = layout.view();
        let is_moved = layout.is_moving() && view.from.home(place) < self.state.next;
        if is_moved { &view.to } else { &view.from }
    }
}
