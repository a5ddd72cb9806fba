//! Writing a whole new store from records: what restoring, compacting, repairing and importing share.
//!
//! The folder is built beside its place and renamed when it is whole. Until then it has no record of
//! the store itself, so that nobody can take half of one for a store.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::change::{index_key, token_key};
use super::folder::Folder;
use super::open::STORE_KEY;
use super::scan::Visit;
use crate::client_id::ClientId;
use crate::disk::{Disk, Tree, Write};
use crate::error::Error;
use crate::options::{OnProgress, Progress};
use crate::record::{self, ClientRecord, KeyRecord, MacKey, TokenRecord};
use crate::seal::{SEAL_KEY, Seal};
use crate::token_id::TokenId;

/// Writes gathered before they are applied: one transaction each, and never many between flushes.
const GROUP: usize = 8192;

/// A store that is being written.
pub(super) struct NewStore {
    disk: Box<dyn Disk>,
    mac_key: MacKey,
    /// Sums over what was taken in.
    seal: Seal,
    /// They go last, when their tokens have been counted.
    clients: BTreeMap<Box<str>, ClientRecord>,
    group: Vec<Write>,
    /// Everything that could be shown is dead: all tokens have smaller ids.
    revoked_before: Option<TokenId>,
    told: Told,
}

/// Who is told how far it has come.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) doing: &'static str,
    pub(super) total: u64,
    pub(super) on_progress: Option<OnProgress>,
}

impl Told {
    pub(super) fn tell(&self, done: u64) {
        if let Some(tell) = &self.on_progress {
            tell(Progress {
                doing: self.doing,
                done,
                total: self.total.max(done),
            });
        }
    }
}

impl NewStore {
    /// Begins one on an empty disk.
    pub(super) fn begin(disk: Box<dyn Disk>, mac_key: MacKey, told: Told) -> Self {
        Self {
            disk,
            mac_key,
            seal: Seal::default(),
            clients: BTreeMap::new(),
            group: Vec::with_capacity(GROUP),
            revoked_before: None,
            told,
        }
    }

    /// Lets nothing live of what is taken in from here on: the kill switch is thrown, every signing
    /// key is retired, and keys of clients are left out.
    pub(super) fn revoke_all_before(&mut self, epoch: TokenId) {
        self.revoked_before = Some(epoch);
    }

    /// Makes it whole and durable. `like` says what records do not: generation, last id, epoch and
    /// latest time. `store_record` is the record of the store itself.
    pub(super) fn finish(mut self, like: &Seal, store_record: Vec<u8>) -> Result<Seal, Error> {
        for (client, record) in std::mem::take(&mut self.clients) {
            if record.is_needed() {
                self.seal.clients += 1;
                self.put(Tree::Clients, client.as_bytes().to_vec(), &record)?;
            }
        }
        self.apply()?;
        let dead = self.revoked_before.map_or(0, TokenId::as_u64);
        let seal = Seal {
            generation: like.generation,
            last_id: like.last_id.max(dead),
            epoch: like.epoch.max(dead),
            latest_secs: like.latest_secs,
            ..self.seal
        };
        let (sealed, _) = record::encode(&self.mac_key, Tree::Meta, SEAL_KEY, &seal)?;
        self.write(Tree::Meta, STORE_KEY.to_vec(), store_record);
        self.write(Tree::Meta, SEAL_KEY.to_vec(), sealed);
        self.apply()?;
        self.disk.sync()?;
        let (at, slot) = seal.mark().to_slot(&self.mac_key);
        self.disk.write_sidecar(at, &slot)?;
        self.told.tell(seal.tokens);
        Ok(seal)
    }

    fn put<T: serde::Serialize>(
        &mut self,
        tree: Tree,
        key: Vec<u8>,
        record: &T,
    ) -> Result<(), Error> {
        let (bytes, mac) = record::encode(&self.mac_key, tree, &key, record)?;
        self.seal.replace(None, Some(mac));
        self.write(tree, key, bytes);
        if self.group.len() >= GROUP {
            self.apply()?;
        }
        Ok(())
    }

    fn write(&mut self, tree: Tree, key: Vec<u8>, value: Vec<u8>) {
        let value = Some(value);
        self.group.push(Write { tree, key, value });
    }

    fn apply(&mut self) -> Result<(), Error> {
        self.disk.apply(&self.group)?;
        self.group.clear();
        Ok(self.disk.flush()?)
    }
}

impl Visit for NewStore {
    fn client(&mut self, client: &ClientId, record: ClientRecord) -> Result<(), Error> {
        let known = self.clients.entry(client.as_str().into()).or_default();
        *known = ClientRecord {
            tokens: known.tokens,
            ..record
        };
        Ok(())
    }

    fn key(&mut self, kid: &str, mut record: KeyRecord) -> Result<(), Error> {
        if let Some(epoch) = self.revoked_before {
            if record.number == 0 {
                return Ok(());
            }
            if record.epoch == 0 {
                record.epoch = epoch.as_u64();
            }
            record.signs = false;
            record.private.clear();
        }
        self.seal.keys += 1;
        self.put(Tree::Keys, kid.as_bytes().to_vec(), &record)
    }

    fn token(&mut self, id: TokenId, record: &TokenRecord) -> Result<(), Error> {
        match self.clients.get_mut(&record.client) {
            Some(client) => client.tokens += 1,
            None => {
                let client = ClientRecord {
                    tokens: 1,
                    ..ClientRecord::default()
                };
                self.clients.insert(record.client.clone(), client);
            }
        }
        self.seal.tokens += 1;
        self.seal.last_id = self.seal.last_id.max(id.as_u64());
        self.write(Tree::ByClient, index_key(&record.client, id), Vec::new());
        self.put(Tree::Tokens, token_key(id), record)
    }

    fn batch_done(&mut self, done: u64) -> Result<(), Error> {
        self.told.tell(done);
        Ok(())
    }
}

/// The folder of a new store, beside its place until it is whole.
pub(super) struct NewFolder {
    target: PathBuf,
    /// Where it is built; none once it is in its place.
    building: Option<PathBuf>,
    folder: Option<Folder>,
}

impl NewFolder {
    /// Begins one for `target`, where nothing is, or an empty directory.
    pub(super) fn begin(target: &Path) -> Result<Self, Error> {
        let taken = |path: &Path| Error::PathTaken {
            path: path.to_owned(),
        };
        let is_empty = fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_none());
        if target.symlink_metadata().is_ok() && !is_empty {
            return Err(taken(target));
        }
        let mut name = target
            .file_name()
            .ok_or_else(|| taken(target))?
            .to_os_string();
        name.push(".unfinished");
        let building = target.with_file_name(name);
        if building.symlink_metadata().is_ok() {
            return Err(taken(&building));
        }
        let folder = Folder::lock(&building, true)?;
        Ok(Self {
            target: target.to_owned(),
            building: Some(building),
            folder: Some(folder),
        })
    }

    pub(super) fn folder(&self) -> Result<&Folder, Error> {
        self.folder.as_ref().ok_or(Error::Closed)
    }

    /// Puts it in its place. The database in it is closed.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        let doing = |source| Error::Io {
            doing: "putting the new store in its place",
            consequence: "the new store was not made",
            source,
        };
        if let Some(folder) = self.folder.take() {
            folder.flushed();
            drop(folder);
        }
        if let Some(building) = &self.building {
            sync_folder(building).map_err(doing)?;
            fs::rename(building, &self.target).map_err(doing)?;
            let parent = self.target.parent().filter(|path| *path != Path::new(""));
            if let Err(error) = sync_folder(parent.unwrap_or(Path::new("."))) {
                // What may be gone after a power cut is not promised, and not left behind either.
                let _ = fs::rename(&self.target, building);
                return Err(doing(error));
            }
            self.building = None;
        }
        Ok(())
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        self.folder = None;
        if let Some(building) = &self.building {
            let _ = fs::remove_dir_all(building);
        }
    }
}

pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
