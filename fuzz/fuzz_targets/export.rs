//! The lines of an export, whose MAC is made right: what is imported from them is a store that opens, with
//! every record in it that was imported, or is refused when it is opened. Without that MAC, which only
//! who has the digest key can make, nothing is imported.

#![no_main]

use hallpass::testkit::{FakeDisk, end_of_export, import_onto};
use hallpass::{DigestKey, Error, LostRevocations, Options};
use libfuzzer_sys::fuzz_target;

/// The corpus is of a store with this key.
fn key() -> DigestKey {
    DigestKey::from_bytes([42; 32])
}

fuzz_target!(|lines: &[u8]| {
    let options = || Options::new().digest_key(key());
    let forged = end_of_export(lines, &DigestKey::from_bytes([43; 32]));
    let export = [lines, forged.as_bytes()].concat();
    let imported = import_onto(
        FakeDisk::new(),
        &*export,
        &options(),
        LostRevocations::Accept,
    );
    assert!(imported.is_err(), "imported what has no MAC of this store");

    let export = [lines, end_of_export(lines, &key()).as_bytes()].concat();
    for lost in [LostRevocations::Accept, LostRevocations::RevokeAll] {
        let disk = FakeDisk::new();
        let Ok(imported) = import_onto(disk.clone(), &*export, &options(), lost) else {
            continue;
        };
        let store = match options().open_fake(disk) {
            Ok(store) => store,
            Err(Error::Corrupt { .. } | Error::ClockAnomaly { .. }) => continue,
            Err(error) => panic!("{error}"),
        };
        let verified = store.verify().expect("what was imported is sound");
        assert_eq!(verified.tokens, imported.store.tokens);
        if lost == LostRevocations::RevokeAll {
            assert_eq!(store.live_tokens(), 0);
        }
    }
});
