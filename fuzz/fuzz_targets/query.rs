//! What the strict profile reads from a query it reads again when every byte of it is
//! percent-encoded, and Frappe's form decoder sees the same value.
#![no_main]

use hallpass::credential::{Credential, Profile, Request, Scratch};
use libfuzzer_sys::fuzz_target;

fn read(profile: &Profile, query: &[u8]) -> Option<Vec<u8>> {
    let headers: [(&str, &str); 0] = [];
    let mut scratch = Scratch::new();
    let request = Request::new(&headers).query(query);
    match profile.find(&request, &mut scratch).ok()? {
        Credential::Token { text, .. } => Some(text.to_vec()),
        _ => None,
    }
}

fuzz_target!(|query: &[u8]| {
    let strict = Profile::strict().query("k").unwrap();
    let Some(text) = read(&strict, query) else {
        return;
    };
    let encoded: String = text.iter().map(|b| format!("%{b:02x}")).collect();
    let canonical = format!("k=Bearer%20{encoded}");
    if canonical.len() <= hallpass::credential::QUERY_BYTES_MAX {
        assert_eq!(read(&strict, canonical.as_bytes()).as_ref(), Some(&text));
        let bare = strict.clone().query_bare(true);
        let alone = format!("k={encoded}");
        assert_eq!(read(&bare, alone.as_bytes()).as_ref(), Some(&text));
        let frappe = Profile::frappe().query("k").unwrap();
        if text != b"Guest" {
            assert_eq!(read(&frappe, alone.as_bytes()).as_ref(), Some(&text));
        }
    }
    let query = query.strip_prefix(b"?").unwrap_or(query);
    let twice = format!("k=Bearer%20x&{}", String::from_utf8_lossy(query));
    assert_eq!(read(&strict, twice.as_bytes()), None);
});
