//! What the strict profile reads from `Cookie` it reads again from that cookie alone, it stands in
//! the field as it was read, and Flipt's rules see the same value.
#![no_main]

use std::sync::LazyLock;

use hallpass::credential::{Credential, Profile, Request, Scratch};
use libfuzzer_sys::fuzz_target;

fn read(profile: &Profile, lines: &[&[u8]]) -> Option<Vec<u8>> {
    let headers: Vec<(&str, &[u8])> = lines.iter().map(|line| ("cookie", *line)).collect();
    let mut scratch = Scratch::new();
    match profile.find(&Request::new(&headers), &mut scratch).ok()? {
        Credential::Token { text, .. } => Some(text.to_vec()),
        _ => None,
    }
}

static STRICT: LazyLock<Profile> = LazyLock::new(|| Profile::strict().cookie("t").unwrap());
static FLIPT: LazyLock<Profile> = LazyLock::new(|| Profile::flipt().cookie("t").unwrap());

fuzz_target!(|data: &[u8]| {
    // A line feed, which no field can hold, stands between two fields.
    let lines: Vec<&[u8]> = data.split(|&b| b == b'\n').collect();
    let Some(text) = read(&STRICT, &lines) else {
        return;
    };
    assert!(!text.is_empty());
    assert!(
        lines
            .iter()
            .any(|line| line.windows(text.len()).any(|w| w == text))
    );
    let canonical = [b"t=", &text[..]].concat();
    assert_eq!(read(&STRICT, &[&canonical]).as_ref(), Some(&text));
    assert_eq!(read(&STRICT, &[&canonical, &canonical]), None);
    assert_eq!(read(&FLIPT, &[&canonical]).as_ref(), Some(&text));
});
