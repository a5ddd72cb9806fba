//! Promise: the RFC 8725 checklist in `src/jwt/mod.rs` names tests that exist, and the layout rules
//! of `src/jwt` hold: one file knows jsonwebtoken, none reads a clock, a file or a socket.
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

use std::fs;
use std::path::{Path, PathBuf};

fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect()
}

#[test]
fn every_test_the_checklist_names_exists() {
    let sources = [rust_files("src/jwt"), rust_files("tests")].concat();
    let (_, door) = sources
        .iter()
        .find(|(path, _)| path.ends_with("src/jwt/mod.rs"))
        .unwrap();
    let rows: Vec<&str> = door
        .lines()
        .filter(|line| line.starts_with("//! | 3."))
        .collect();
    assert_eq!(
        rows.len(),
        11,
        "RFC 8725 section 3 has twelve items, 3.8 and 3.9 share a row"
    );
    for row in rows {
        let held_by = row.rsplit('|').nth(1).unwrap();
        for name in held_by.split('`').skip(1).step_by(2) {
            let exists = if name.ends_with(".rs") {
                sources
                    .iter()
                    .any(|(path, text)| path.ends_with(name) && text.contains("#[test]"))
            } else {
                sources
                    .iter()
                    .any(|(_, text)| text.contains(&format!("fn {name}()")))
            };
            assert!(exists, "{name}");
        }
    }
}

#[test]
fn the_layout_rules_of_jwt_hold() {
    for (path, text) in rust_files("src/jwt") {
        let code: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        for (owner, word) in [
            (Some("backend.rs"), "jsonwebtoken"),
            (None, "SystemTime"),
            (None, "std::fs"),
            (None, "std::net"),
            (None, "insecure_decode"),
        ] {
            let may = owner.is_some_and(|owner| path.ends_with(owner));
            // The word may be in a test's name, never in a path.
            let used = code.contains(&format!("{word}::")) || code.contains(&format!("use {word}"));
            assert!(may || !used, "{} names {word}", path.display());
        }
    }
}
