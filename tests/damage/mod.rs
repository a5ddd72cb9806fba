//! Stores worth damaging, and ways to damage them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what is shared by tests is a test, but clippy takes only #[test] for one"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use hallpass::{NewToken, Options, Store};

use crate::dice::Dice;

/// The files of a store, by their paths in it.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A store as it lies on disk, and what it holds.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) files: Files,
    /// The files as they were many changes earlier.
    pub(crate) older: Files,
    pub(crate) content: String,
    secrets: Vec<String>,
}

impl Sample {
    /// Closed, as a server leaves it that was told to stop.
    pub(crate) fn closed() -> Self {
        Self::new("closed", false, 60)
    }

    /// As it lies there while a server has it open, or after it was killed.
    pub(crate) fn killed() -> Self {
        Self::new("killed", true, 60)
    }

    /// The same, with tokens as large as can be.
    pub(crate) fn large() -> Self {
        Self::new("large", true, 0)
    }

    /// Made by an earlier release, and closed.
    pub(crate) fn old() -> Self {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format-1");
        let files = read(&golden);
        let dir = tempfile::tempdir().unwrap();
        write(&files, dir.path());
        let content = content(&Store::open(dir.path()).unwrap(), &[]);
        Self {
            name: "old",
            older: files.clone(),
            files,
            content,
            secrets: Vec::new(),
        }
    }

    fn new(name: &'static str, is_open: bool, small: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let mut store = Store::open(&path).unwrap();
        let mut secrets = fill(&store, small, "first");
        let older = if is_open {
            read(&path)
        } else {
            store.close().unwrap();
            let older = read(&path);
            store = Store::open(&path).unwrap();
            older
        };
        secrets.extend(fill(&store, small, "second"));
        let content = content(&store, &secrets);
        if !is_open {
            store.close().unwrap();
        }
        Self {
            name,
            files: read(&path),
            older,
            content,
            secrets,
        }
    }

    /// Whether the store at `path` holds what this one does.
    pub(crate) fn is_the_same(&self, store: &Store) -> bool {
        content(store, &self.secrets) == self.content
    }
}

/// Some of everything: clients, kinds, ends, keys; `small`: how many small tokens, or large ones.
fn fill(store: &Store, small: usize, name: &str) -> Vec<String> {
    let mut secrets = Vec::new();
    let mut ids = Vec::new();
    let count = if small == 0 { 24 } else { small };
    for n in 0..count {
        let client = format!("{name}-{}", n % 3);
        let new = match n % 4 {
            0 => NewToken::client_secret(&client).never_expires(),
            1 => NewToken::api_key(&client).expires_at(1_000_000_000),
            _ => NewToken::new(&client).expires_at(4_000_000_000),
        };
        let new = if small == 0 {
            let scopes = (0..64).map(|scope| format!("{scope:02}{}", "s".repeat(126)));
            let new = (0..16).fold(new, |new, n| {
                new.audience(format!("{n:02}{}", "a".repeat(254)))
            });
            new.scopes(scopes).metadata("k", "v".repeat(4000))
        } else {
            new.scopes(["read"]).metadata("n", n.to_string())
        };
        let issued = store.issue(new).unwrap();
        secrets.push(issued.secret.expose().to_owned());
        ids.push(issued.id);
    }
    let chosen = format!("{name}-chosen-0123456789-abcdefghijklmnop");
    let forever = || NewToken::new(format!("{name}-2")).never_expires();
    store.issue_chosen(forever(), &chosen).unwrap();
    secrets.push(chosen);
    store.revoke(ids[5]).unwrap();
    store.expire(ids[6], 2_000_000_000).unwrap();
    store.revoke_all(&format!("{name}-1")).unwrap();
    store.disable_client(&format!("{name}-0")).unwrap();
    #[cfg(feature = "jwt")]
    {
        use hallpass::jwt::Algorithm;
        store.rotate_signing_key(Algorithm::EdDsa).unwrap();
        store
            .generate_client_key("signer", Algorithm::EdDsa)
            .unwrap();
        let signed = NewToken::jwt(format!("{name}-2")).expires_at(4_000_000_000);
        secrets.push(store.issue(signed).unwrap().secret.expose().to_owned());
    }
    secrets
}

/// All that a store says of itself.
fn content(store: &Store, secrets: &[String]) -> String {
    let mut content = String::new();
    let clients = store.clients("", 1000).unwrap();
    for client in clients {
        let page = store.list(&client, None, 1000).unwrap();
        writeln!(content, "{:?} {page:?}", store.client(&client).unwrap()).unwrap();
    }
    let validator = store.validator();
    for secret in secrets {
        let active = validator.validate(secret).map(|active| active.token_id());
        writeln!(content, "{active:?}").unwrap();
    }
    #[cfg(feature = "jwt")]
    writeln!(
        content,
        "{:?} {}",
        store.signing_keys().unwrap(),
        store.jwks().unwrap()
    )
    .unwrap();
    content
}

/// How an image is to be opened, and whether its content may be an older one.
pub(crate) struct Damaged {
    pub(crate) files: Files,
    pub(crate) options: Options,
    /// For whoever has to find out what went wrong.
    pub(crate) what: String,
}

impl Damaged {
    /// Damages a copy of the sample's files in one to three ways.
    pub(crate) fn new(sample: &Sample, dice: &mut Dice) -> Self {
        let mut damaged = Self {
            files: sample.files.clone(),
            options: Options::new().create(false),
            what: sample.name.to_owned(),
        };
        // With the mark of the clean close any change to the database is found by that alone.
        match dice.below(4) {
            0 => damaged.options = damaged.options.accept_changed_files(true),
            1 => {}
            _ => drop(damaged.files.remove(Path::new("closed"))),
        }
        if dice.one_in(12) {
            damaged.mix_with(&sample.older, dice);
            return damaged;
        }
        let mut sidecar_is_spared = false;
        for _ in 0..[1, 1, 1, 2, 3][dice.below(5)] {
            let paths: Vec<PathBuf> = damaged
                .files
                .iter()
                .filter(|(path, bytes)| !bytes.is_empty() && !path.ends_with("lock"))
                // A database that lost its end, beside a sidecar that lost its newest mark, is an
                // older store: two faults at once that fit each other are not promised to be found.
                .filter(|(path, _)| !(sidecar_is_spared && path.ends_with("seal")))
                .map(|(path, _)| path.clone())
                .collect();
            if paths.is_empty() {
                break;
            }
            // The database is most of what can rot.
            let database = paths.iter().find(|path| path.ends_with("db"));
            let path = match database {
                Some(database) if dice.below(3) > 0 => database.clone(),
                _ => paths[dice.below(paths.len())].clone(),
            };
            let is_sidecar = path.ends_with("seal");
            damaged.damage(&path, dice);
            if is_sidecar {
                break;
            }
            sidecar_is_spared = true;
        }
        damaged
    }

    fn damage(&mut self, path: &Path, dice: &mut Dice) {
        let how = dice.below(10);
        let bytes = self.files.get_mut(path).unwrap();
        let length = bytes.len();
        let at = dice.below(length);
        let block = [16, 64, 512, 4096, 65536][dice.below(5)].min(length);
        let aligned = at / block * block;
        let what = match how {
            0..3 => {
                bytes[at] ^= 1 << dice.below(8);
                format!("a bit of byte {at} flipped")
            }
            3 => {
                for _ in 0..2 + dice.below(63) {
                    bytes[dice.below(length)] ^= 1 << dice.below(8);
                }
                "some bits flipped".to_owned()
            }
            4 => {
                let end = (aligned + block).min(length);
                bytes[aligned..end].fill(0);
                format!("{block} bytes from {aligned} zeroed")
            }
            5 => {
                let end = (aligned + block).min(length);
                bytes[aligned..end].fill_with(|| dice.next() as u8);
                format!("{block} bytes from {aligned} random")
            }
            6 => {
                let other = dice.below(length / block) * block;
                let first = dice.below(length / block) * block;
                for n in 0..block {
                    bytes.swap(first + n, other + n);
                }
                format!("{block} bytes from {first} and {other} swapped")
            }
            7 => {
                bytes.truncate(at);
                format!("cut at {at}")
            }
            8 => {
                let more = dice.below(8192);
                let fill = [0, 0xFF, dice.next() as u8][dice.below(3)];
                bytes.resize(length + more, fill);
                format!("{more} bytes of {fill} added")
            }
            _ => {
                self.files.remove(path);
                "removed".to_owned()
            }
        };
        write!(self.what, "; {} {what}", path.display()).unwrap();
    }

    /// Puts older files among the new ones: never all of them, for a store that is rolled back whole
    /// is intact.
    fn mix_with(&mut self, older: &Files, dice: &mut Dice) {
        let is_of = |folder: &str, path: &Path| path.starts_with(folder);
        let which = [
            "data",
            "data/db",
            "data/snap",
            "seal",
            "closed",
            "data/blobs",
            "data/conf",
        ][dice.below(7)];
        let matches = |path: &Path| {
            is_of(which, path) || which == "data/snap" && path.to_string_lossy().contains("snap.")
        };
        self.files.retain(|path, _| !matches(path));
        let older = older.iter().filter(|(path, _)| matches(path));
        self.files
            .extend(older.map(|(path, bytes)| (path.clone(), bytes.clone())));
        write!(self.what, "; {which} from an older copy").unwrap();
    }
}

fn read(root: &Path) -> Files {
    fn below(folder: &Path, root: &Path, into: &mut Files) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, root, into);
            } else {
                let bytes = fs::read(&path).unwrap();
                into.insert(path.strip_prefix(root).unwrap().to_owned(), bytes);
            }
        }
    }
    let mut files = Files::new();
    below(root, root, &mut files);
    files
}

/// Writes the files to an empty folder.
pub(crate) fn write(files: &Files, to: &Path) {
    fs::create_dir_all(to.join("data/blobs")).unwrap();
    for (path, bytes) in files {
        fs::write(to.join(path), bytes).unwrap();
    }
}
