//! Figures about an open store.

use super::Store;
use crate::error::Error;
use crate::kind::Kind;
use crate::table::{Cursor, Entry};

/// Figures about an open store, as of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Token records, dead ones not yet purged included.
    pub tokens: u64,
    /// Clients that have token records or are disabled.
    pub clients: u64,
    /// Groups ever written; see [`Store::generation`].
    pub generation: u64,
    /// Bytes of memory behind the table of tokens.
    pub table_bytes: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// Whether a write has failed since the store was opened, so that it refuses changes.
    pub read_only: bool,
}

impl Store {
    /// Figures about the store.
    pub fn stats(&self) -> Result<Stats, Error> {
        let control = self.core.control()?;
        let (tokens, read_only) = (control.tokens, control.is_read_only());
        drop(control);
        let sealed = self.core.sealed().clone();
        Ok(Stats {
            tokens,
            clients: sealed.clients,
            generation: sealed.generation,
            table_bytes: self.core.live.table.memory_bytes() as u64,
            disk_bytes: self.core.disk.size_bytes(),
            read_only,
        })
    }

    /// How many tokens a validator would take right now: neither revoked nor expired, of no disabled
    /// client, and with their first moment behind them.
    ///
    /// Walks over all tokens in memory, without I/O. What is issued or revoked meanwhile may be counted or
    /// not.
    pub fn live_tokens(&self) -> u64 {
        let live = &self.core.live;
        let counts = |entry: &Entry| {
            live.judge(entry).is_ok() && live.grant(entry.grant).kind != Kind::ForeignDenial.as_u8()
        };
        let (mut count, mut found) = (0, Vec::new());
        let mut cursor = Some(Cursor::START);
        while let Some(at) = cursor {
            cursor = live.table.scan(at, &mut found);
            count += found.drain(..).filter(counts).count() as u64;
        }
        count
    }
}
