//! The bytes of a token record: what decodes is decoded to the last byte, and encodes to something
//! that decodes to the same.

#![no_main]

use hallpass::testkit::token_record_round_trip;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Some(encoded) = token_record_round_trip(body) else {
        return;
    };
    let again = token_record_round_trip(&encoded).expect("what was encoded decodes");
    assert_eq!(encoded, again);
});
