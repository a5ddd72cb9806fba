//! All that a folder holds, for tests that look for what must not be there.

use std::fs;
use std::path::Path;

pub(crate) fn all_bytes(path: &Path, into: &mut Vec<u8>) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all_bytes(&path, into);
        } else {
            into.extend(fs::read(path).unwrap());
        }
    }
}
