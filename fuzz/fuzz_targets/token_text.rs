//! The text of a token: whatever is taken for one carries its id where it says, is legal everywhere
//! a token is shown, and is no longer one after any single change.

#![no_main]

use hallpass::testkit::token_id_in_text;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let Some(id) = token_id_in_text(text) else {
        return;
    };
    assert!(text.len() <= 63);
    assert!(
        text.iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    );
    let id = id.to_string();
    assert!(std::str::from_utf8(text).unwrap().contains(&id));
    for at in 0..text.len() {
        let mut changed = text.to_vec();
        changed[at] ^= 1;
        assert_eq!(token_id_in_text(&changed), None);
    }
});
