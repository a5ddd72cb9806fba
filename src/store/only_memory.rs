//! Tokens that live in memory only: for benches of validation, which need millions of them soon.

use super::Store;
use super::change::Change;
use super::control::not_inserted;
use crate::error::Error;
use crate::new_token::{Issued, NewToken};

impl Store {
    /// Draws, digests and counts tokens as [`Store::issue_many`] does and puts them into the table;
    /// writes no record. One after another, so that the cost of each can be told.
    pub(crate) fn issue_in_memory_only(
        &self,
        tokens: impl IntoIterator<Item = NewToken>,
        mut sink: impl FnMut(Issued),
    ) -> Result<u64, Error> {
        let mut done = 0;
        for token in tokens {
            let checked = token.check(self.core.live.now_secs(), &self.core.prefix)?;
            let mut control = self.core.writable()?;
            let (change, issued) = self.core.prepare(&mut control, checked)?;
            if let Change::Issue { entry, .. } = change {
                let mut writer = self.core.live.table.writer();
                writer.insert(entry).map_err(not_inserted)?;
            }
            drop(control);
            done += 1;
            sink(issued);
        }
        Ok(done)
    }
}
