//! When a token was last used, and how often.

/// The uses of one token: in all that was kept of them, or since they were last taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Used {
    /// The last of them, in Unix seconds, by the store's clock.
    pub last_secs: u64,
    /// How many.
    pub count: u64,
}

impl Used {
    /// So many uses, of which the last was then.
    #[must_use]
    pub const fn new(last_secs: u64, count: u64) -> Self {
        Self { last_secs, count }
    }

    /// These and more.
    pub(crate) fn add(&mut self, more: Self) {
        self.last_secs = self.last_secs.max(more.last_secs);
        self.count = self.count.saturating_add(more.count);
    }
}
