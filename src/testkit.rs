//! What tests and fuzzers of a store need and servers do not (feature `testkit`).

pub use crate::disk::fake::FakeDisk;

use crate::record::{TokenRecord, decode_body, encode_body};
use crate::token_id::TokenId;

/// Decodes the body of a token record and encodes it again: a fuzzer's door to the decoder that
/// reads what is on disk. `None` if it is refused.
pub fn token_record_round_trip(body: &[u8]) -> Option<Vec<u8>> {
    let record: TokenRecord = decode_body(body).ok()?;
    encode_body(&record).ok()
}

/// The id in the text of a token, if the text is one by form and checksum.
pub fn token_id_in_text(text: &[u8]) -> Option<TokenId> {
    crate::token_text::well_formed(text)
}
