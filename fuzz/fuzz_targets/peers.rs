//! Any octets as `Authorization`, as a line of `Cookie` and as a query: whatever the strict profile
//! reads there, `headers`, `cookie`, `form_urlencoded` and `base64` read alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peers::{check_authorization, check_cookie, check_query};

#[path = "../../tests/peers/mod.rs"]
mod peers;

fuzz_target!(|data: &[u8]| {
    check_authorization(data);
    check_cookie(data);
    check_query(data);
});
