//! The file of a backup, but for its checksum, which is made right: what is restored from it is a store
//! that opens, and in which every record is proven.

#![no_main]

use std::fs;

use hallpass::testkit::{FakeDisk, restore_onto};
use hallpass::{DigestKey, LostRevocations, Options};
use libfuzzer_sys::fuzz_target;

/// The corpus is of a store with this key.
fn options() -> Options {
    Options::new().digest_key(DigestKey::from_bytes([42; 32]))
}

fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("hallpass-backup-{}", std::process::id()));
    let checksum = blake3::hash(bytes);
    fs::write(&path, [bytes, checksum.as_bytes()].concat()).expect("a file of its own");
    for lost in [LostRevocations::Accept, LostRevocations::RevokeAll] {
        let disk = FakeDisk::new();
        let Ok(restored) = restore_onto(disk.clone(), &path, &options(), lost) else {
            continue;
        };
        let store = options().open_fake(disk).expect("what was restored opens");
        let verified = store.verify().expect("what was restored is sound");
        assert_eq!(verified.tokens, restored.tokens);
        if lost == LostRevocations::RevokeAll {
            assert_eq!(store.live_tokens(), 0);
        }
    }
    fs::remove_file(&path).expect("it was there");
});
