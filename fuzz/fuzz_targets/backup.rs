//! The file of a backup, but for its checksum, which is made right: what is restored from it is a store
//! that opens, and in which every record is proven.

#![no_main]

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::LazyLock;

use hallpass::testkit::{FakeDisk, restore_onto};
use hallpass::{DigestKey, LostRevocations, Options};
use libfuzzer_sys::fuzz_target;

/// The corpus is of a store with this key.
fn options() -> Options {
    Options::new().digest_key(DigestKey::from_bytes([42; 32]))
}

/// A file that has no name, and by which it is opened: to make and remove one for each input is most of
/// the time.
static FILE: LazyLock<(File, PathBuf)> = LazyLock::new(|| {
    let name = std::env::temp_dir().join(format!("hallpass-backup-{}", std::process::id()));
    let file = File::create_new(&name).expect("a file of its own");
    fs::remove_file(name).expect("it is there");
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    (file, path.into())
});

fuzz_target!(|bytes: &[u8]| {
    let (file, path) = &*FILE;
    let backup = [bytes, blake3::hash(bytes).as_bytes()].concat();
    file.set_len(backup.len() as u64).expect("it can be cut");
    file.write_all_at(&backup, 0).expect("it can be written");
    for lost in [LostRevocations::Accept, LostRevocations::RevokeAll] {
        let disk = FakeDisk::new();
        let Ok(restored) = restore_onto(disk.clone(), path, &options(), lost) else {
            continue;
        };
        let store = options().open_fake(disk).expect("what was restored opens");
        let verified = store.verify().expect("what was restored is sound");
        assert_eq!(verified.tokens, restored.tokens);
        if lost == LostRevocations::RevokeAll {
            assert_eq!(store.live_tokens(), 0);
        }
    }
});
