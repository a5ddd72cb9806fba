//! The floors of the design, held by a table: who may import whom, and what only one file may name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the crate, and the modules it may import. A module that is not here fails the
/// test, so that whoever adds one says where it stands.
const MAY_IMPORT: &[(&str, &str)] = &[
    // Floor 0: nouns that stand alone.
    ("token_id", ""),
    ("kind", ""),
    ("used", ""),
    ("json", ""),
    ("clock", ""),
    ("client_id", ""),
    ("inactive", ""),
    ("challenge", "inactive public_answer"),
    ("public_answer", "inactive"),
    ("error", "client_id jwt"),
    ("scope", "error"),
    ("secret", "token_id"),
    ("token_text", "error secret token_id"),
    // Floor 1: the table, the disk, the grammars. None knows another.
    ("table", "token_id"),
    ("keyed_sha256", ""),
    ("digest", "keyed_sha256 table token_text"),
    ("disk", "error"),
    ("record", "digest disk error kind"),
    ("sidecar", "disk record"),
    ("seal", "sidecar"),
    ("credential", "inactive"),
    ("jwt", "client_id inactive json secret token_id"),
    // Floor 2: the data plane, which knows no disk, no store and no `Error`; the control plane.
    ("keyring", "inactive jwt table"),
    (
        "live",
        "clock digest inactive jwt keyring table token_id token_text",
    ),
    ("active", "credential inactive kind live table token_id"),
    (
        "auth",
        "active credential inactive keyring kind live table token_id",
    ),
    (
        "validator",
        "active auth credential digest inactive jwt keyring live new_token table token_id token_text",
    ),
    (
        "testkit",
        "digest disk error new_token options record store token_id token_text",
    ),
    (
        "new_token",
        "client_id error jwt kind scope secret token_id token_text",
    ),
    ("options", "clock digest disk error jwt store token_text"),
    (
        "store",
        "client_id clock digest disk error jwt keyring kind live new_token options record seal secret \
         sidecar table token_id token_text used validator",
    ),
    // Floor 3: what frameworks see.
    (
        "web",
        "auth credential inactive public_answer secret token_id used validator",
    ),
    (
        "server",
        "active auth credential error inactive json jwt kind new_token scope secret store \
         token_id validator web",
    ),
];

/// Names that stand in one place only, or in the few that are listed.
const ONLY_IN: &[(&str, &str)] = &[
    ("sled::Db", "src/disk/sled.rs"),
    ("sled::Config", "src/disk/sled.rs"),
    ("SystemTime::now", "src/clock.rs"),
    ("clock_gettime", "src/clock.rs"),
    ("getrandom::", "src/secret.rs"),
    ("Zeroizing<String>", "src/secret.rs"),
    ("arc_swap", "src/table/ src/keyring/ src/jwt/key_source.rs"),
    ("memmap2", "src/table/"),
    ("prefetch_index", "src/table/"),
    ("bincode::", "src/record.rs"),
    ("chacha20poly1305", "src/store/key_at_rest.rs"),
    ("jsonwebtoken::", "src/jwt/backend.rs"),
    ("axum_core::", "src/web/extract.rs src/web/body.rs"),
    ("tonic::", "src/web/grpc.rs src/web/body.rs"),
    ("tower_service::", "src/web/layer.rs"),
    ("sha2::", "src/keyed_sha256.rs"),
    ("axum::", "src/server/"),
    ("tokio::", "src/server/mod.rs"),
    ("tracing::", "src/web/refusal.rs src/server/answer.rs"),
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The library's files with the code in them: no comments, no tests.
fn library() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    sources(&root.join("src"), &mut paths);
    let mut files = Vec::new();
    for path in paths {
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        if name.starts_with("src/bin/") || name.contains("/tests/") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        let code: Vec<&str> = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        files.push((name, code.join("\n")));
    }
    assert!(files.len() > 30, "the library was not found");
    files
}

/// The module a file belongs to: `src/store/issue.rs` to `store`, `src/kind.rs` to `kind`.
fn module(file: &str) -> &str {
    let inside = file.strip_prefix("src/").unwrap();
    inside.split(['/', '.']).next().unwrap()
}

/// The modules named after `crate::`.
fn imports(code: &str) -> BTreeSet<&str> {
    let word = |text: &str| {
        text.find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(text.len())
    };
    code.match_indices("crate::")
        .map(|(at, _)| &code[at + "crate::".len()..])
        .map(|rest| &rest[..word(rest)])
        .filter(|name| name.starts_with(|c: char| c.is_lowercase()))
        .collect()
}

#[test]
fn imports_go_downward_only() {
    let may: BTreeMap<&str, BTreeSet<&str>> = MAY_IMPORT
        .iter()
        .map(|(module, imports)| (*module, imports.split_whitespace().collect()))
        .collect();
    for (file, code) in library() {
        let module = module(&file);
        if module == "lib" {
            continue;
        }
        let allowed = may
            .get(module)
            .unwrap_or_else(|| panic!("{file}: say where {module} stands"));
        for import in imports(&code) {
            assert!(
                import == module || allowed.contains(import),
                "{file} imports {import}, which stands above {module} or beside it"
            );
        }
    }
}

#[test]
fn what_one_file_owns_no_other_names() {
    for (name, owner) in ONLY_IN {
        let mut seen = false;
        for (file, code) in library() {
            if owner.split(' ').any(|owner| file.starts_with(owner)) {
                seen |= code.contains(name);
            } else {
                assert!(
                    !code.contains(name),
                    "{file} names {name}, which is {owner}'s"
                );
            }
        }
        assert!(seen, "{owner} no longer names {name}: mend the table");
    }
}

#[test]
fn the_data_plane_has_no_error_in_its_types() {
    for (file, code) in library() {
        let data_plane = ["active", "auth", "keyring", "live", "validator"];
        if data_plane.contains(&module(&file)) {
            assert!(!code.contains("Error"), "{file} can fail");
        }
    }
}
