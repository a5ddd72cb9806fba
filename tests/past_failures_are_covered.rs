//! The table of other systems' failures in `tests/README.md` names tests that exist: it cannot rot.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of all tests below `folder`.
fn tests(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, into);
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let mut is_test = false;
        for line in fs::read_to_string(&path).unwrap().lines() {
            let line = line.trim_start();
            is_test |= line.starts_with("#[test]");
            if let Some(rest) = line.strip_prefix("fn ")
                && std::mem::take(&mut is_test)
            {
                into.insert(rest.split('(').next().unwrap().to_owned());
            }
        }
    }
}

#[test]
fn every_test_the_table_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeSet::new();
    for folder in ["src", "tests"] {
        tests(&root.join(folder), &mut known);
    }
    assert!(known.contains("every_test_the_table_names_exists"));
    let text = fs::read_to_string(root.join("tests/README.md")).unwrap();
    let mut rows = 0;
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [what, place, covered] = cells[..] else {
            panic!("not three cells: {row}");
        };
        if what == "what failed" {
            continue;
        }
        rows += 1;
        assert!(!place.is_empty(), "{row}");
        let names: Vec<&str> = covered.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "covered by nothing: {row}");
        for name in names {
            assert!(known.contains(name), "no test is called {name}");
        }
    }
    assert!(rows > 40, "{rows} rows were found");
}
