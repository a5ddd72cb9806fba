//! What validators know of keys and of other issuers, beside the table: replaced as a whole by the
//! store, and read without a lock.

mod clients;
mod denied;
mod foreign;
mod memo;
mod own;
mod used;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use clients::ClientAssertion;
pub(crate) use clients::ClientKey;
pub use foreign::ActiveForeign;
pub(crate) use foreign::Denials;

use crate::jwt::ForeignIssuers;
use clients::ClientKeys;
use denied::Denied;
use memo::Memo;
use own::Own;
use used::Used;

/// The keys of the store, of its clients, and of the issuers whose tokens it takes.
pub(crate) struct Keyring {
    own: Own,
    clients: ClientKeys,
    used: Used,
    /// When the store was opened, in Unix seconds.
    opened_at: u64,
    issuers: Option<Arc<ForeignIssuers>>,
    memo: Memo,
    denied: Denied,
    /// Whether there was a denial without room for it.
    refuses_foreign: AtomicBool,
}

impl Keyring {
    pub(crate) fn new(
        issuer: Option<String>,
        issuers: Option<Arc<ForeignIssuers>>,
        memo_entries: usize,
        opened_at: u64,
    ) -> Self {
        let memo_entries = if issuers.is_some() { memo_entries } else { 0 };
        Self {
            own: Own::new(issuer),
            clients: ClientKeys::default(),
            used: Used::default(),
            opened_at,
            issuers,
            memo: Memo::new(memo_entries),
            denied: Denied::default(),
            refuses_foreign: AtomicBool::new(false),
        }
    }

    /// Whether tokens of foreign issuers are taken here.
    pub(crate) fn takes_foreign(&self) -> bool {
        self.issuers.is_some()
    }
}
