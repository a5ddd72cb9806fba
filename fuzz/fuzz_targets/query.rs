//! What the strict profile reads from a query it reads again when every byte of it is
//! percent-encoded, and Frappe's form decoder sees the same value.
#![no_main]

use std::sync::LazyLock;

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

static STRICT: LazyLock<Profile> = LazyLock::new(|| Profile::strict().query("k").unwrap());
static BARE: LazyLock<Profile> = LazyLock::new(|| STRICT.clone().query_bare(true));
static FRAPPE: LazyLock<Profile> = LazyLock::new(|| Profile::frappe().query("k").unwrap());

fuzz_target!(|query: &[u8]| {
    let Some(text) = read(&STRICT, query) else {
        return;
    };
    let encoded: String = text.iter().map(|b| format!("%{b:02x}")).collect();
    let canonical = format!("k=Bearer%20{encoded}");
    if canonical.len() <= hallpass::credential::QUERY_BYTES_MAX {
        assert_eq!(read(&STRICT, canonical.as_bytes()).as_ref(), Some(&text));
        let alone = format!("k={encoded}");
        assert_eq!(read(&BARE, alone.as_bytes()).as_ref(), Some(&text));
        if text != b"Guest" {
            assert_eq!(read(&FRAPPE, alone.as_bytes()).as_ref(), Some(&text));
        }
    }
    let query = query.strip_prefix(b"?").unwrap_or(query);
    let twice = format!("k=Bearer%20x&{}", String::from_utf8_lossy(query));
    assert_eq!(read(&STRICT, twice.as_bytes()), None);
});
