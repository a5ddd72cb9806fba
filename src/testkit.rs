//! What tests and fuzzers of a store need and servers do not (feature `testkit`).

use std::path::Path;

pub use crate::disk::fake::FakeDisk;

#[cfg(feature = "export")]
use crate::digest::DigestKey;
use crate::error::Error;
use crate::new_token::{Issued, NewToken};
use crate::options::Options;
use crate::record::{TokenRecord, decode_body, encode_body};
#[cfg(feature = "export")]
use crate::store::Imported;
use crate::store::{LostRevocations, Restored, Store};
use crate::token_id::TokenId;
use crate::token_text;

/// Decodes the body of a token record and encodes it again: a fuzzer's door to the decoder that
/// reads what is on disk. `None` if it is refused.
pub fn token_record_round_trip(body: &[u8]) -> Option<Vec<u8>> {
    let record: TokenRecord = decode_body(body).ok()?;
    encode_body(&record).ok()
}

/// What [`Store::restore`] does, onto an empty disk in memory.
pub fn restore_onto(
    disk: FakeDisk,
    backup: &Path,
    options: &Options,
    lost: LostRevocations,
) -> Result<Restored, Error> {
    Store::restore_onto(disk, backup, options, lost)
}

/// What [`Store::import`] does, onto an empty disk in memory.
#[cfg(feature = "export")]
pub fn import_onto(
    disk: FakeDisk,
    from: impl std::io::BufRead,
    options: &Options,
    lost: LostRevocations,
) -> Result<Imported, Error> {
    Store::import_onto(disk, from, options, lost)
}

/// The last line of an export that has these lines before it: a fuzzer's way past the MAC.
#[cfg(feature = "export")]
pub fn end_of_export(lines: &[u8], key: &DigestKey) -> String {
    crate::store::end_of_export(lines, key)
}

/// The id in the text of a token, if the text is one by form and checksum.
pub fn token_id_in_text(text: &[u8]) -> Option<TokenId> {
    let id = || TokenId::from_text(token_text::id_bytes(text)?);
    token_text::is_well_formed(text).then(id).flatten()
}

/// Issues tokens in memory only: they validate, can be revoked, and are gone when the store is
/// closed, for **nothing of them is written**. Ten million take seconds instead of minutes: for
/// benches of validation, and for the cost of one insertion where the disk has no say.
pub fn issue_in_memory_only(
    store: &Store,
    tokens: impl IntoIterator<Item = NewToken>,
    sink: impl FnMut(Issued),
) -> Result<u64, Error> {
    store.issue_in_memory_only(tokens, sink)
}
