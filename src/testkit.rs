//! What tests and fuzzers of a store need and servers do not (feature `testkit`).

pub use crate::disk::fake::FakeDisk;

use crate::error::Error;
use crate::new_token::{Issued, NewToken};
use crate::record::{TokenRecord, decode_body, encode_body};
use crate::store::Store;
use crate::token_id::TokenId;
use crate::token_text;

/// Decodes the body of a token record and encodes it again: a fuzzer's door to the decoder that
/// reads what is on disk. `None` if it is refused.
pub fn token_record_round_trip(body: &[u8]) -> Option<Vec<u8>> {
    let record: TokenRecord = decode_body(body).ok()?;
    encode_body(&record).ok()
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
