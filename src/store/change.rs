//! What a group of changes does to the records: read, modify, write, seal.
//!
//! Changes say what is to be done, not what the record will be. One thread at a time applies them,
//! in the order in which they were queued, so that none overwrites another's; and all but the
//! enabling of a client only ever make tokens less alive.

use std::collections::BTreeMap;

use crate::disk::{Disk, Tree, Write};
use crate::error::Error;
#[cfg(feature = "jwt")]
use crate::record::KeyRecord;
use crate::record::{self, ClientRecord, MacKey, RevokedRecord, TokenRecord};
use crate::seal::{SEAL_KEY, Seal};
use crate::table::Entry;
use crate::token_id::TokenId;

/// One change, as it is queued.
pub(super) enum Change {
    /// A token is born. The entry goes into the table once the record is durable.
    Issue {
        record: Box<TokenRecord>,
        entry: Entry,
    },
    /// A token is revoked; the first reason stands.
    Revoke { id: TokenId, revoked: RevokedRecord },
    /// A token's life is shortened.
    Shorten { id: TokenId, expires_at: u32 },
    /// All tokens of a client issued before `epoch` are dead.
    RaiseClient {
        client: Box<str>,
        epoch: u64,
        foreign: bool,
    },
    /// A client is disabled or enabled.
    DisableClient { client: Box<str>, disabled: bool },
    /// All tokens issued before `epoch` are dead.
    RaiseAll { epoch: u64 },
    /// A dead token is forgotten.
    Purge { id: TokenId },
    /// A foreign token is denied. The entry is in the table already.
    #[cfg(feature = "jwt")]
    Deny {
        id: TokenId,
        record: Box<TokenRecord>,
    },
    /// A key's record is written, or removed.
    #[cfg(feature = "jwt")]
    Key {
        kid: Box<str>,
        record: Option<Box<KeyRecord>>,
    },
    /// Nothing: the group is written for its sync and its seal.
    Flush,
}

impl Change {
    /// Whether it may wait for the next sync in [`Durability::Buffered`](crate::Durability).
    pub(super) fn may_be_buffered(&self) -> bool {
        matches!(self, Change::Issue { .. })
    }
}

/// A group of changes on its way to the disk.
pub(super) struct Group<'a> {
    disk: &'a dyn Disk,
    mac_key: &'a MacKey,
    pub(super) seal: Seal,
    writes: BTreeMap<(Tree, Vec<u8>), Option<Vec<u8>>>,
    /// Client records touched, with the MAC each had before: encoded once, at the end.
    clients: BTreeMap<Box<str>, (Option<u128>, ClientRecord)>,
}

impl<'a> Group<'a> {
    pub(super) fn new(disk: &'a dyn Disk, mac_key: &'a MacKey, seal: Seal) -> Self {
        Self {
            disk,
            mac_key,
            seal,
            writes: BTreeMap::new(),
            clients: BTreeMap::new(),
        }
    }

    pub(super) fn change(&mut self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Issue { record, entry } => self.issue(entry.id, record),
            Change::Revoke { id, revoked } => self.modify(*id, |record| {
                record.revoked.get_or_insert_with(|| revoked.clone());
            }),
            Change::Shorten { id, expires_at } => self.modify(*id, |record| {
                record.expires_at = record.expires_at.min(*expires_at)
            }),
            Change::RaiseClient {
                client,
                epoch,
                foreign,
            } => {
                let record = self.client(client)?;
                record.epoch = record.epoch.max(*epoch);
                record.foreign |= *foreign;
                Ok(())
            }
            Change::DisableClient { client, disabled } => {
                self.client(client)?.disabled = *disabled;
                Ok(())
            }
            Change::RaiseAll { epoch } => {
                self.seal.epoch = self.seal.epoch.max(*epoch);
                Ok(())
            }
            Change::Purge { id } => self.purge(*id),
            #[cfg(feature = "jwt")]
            Change::Deny { id, record } => self.issue(*id, record),
            #[cfg(feature = "jwt")]
            Change::Key { kid, record } => self.key(kid, record.as_deref()),
            Change::Flush => Ok(()),
        }
    }

    /// Seals the group: the writes to be applied, and the seal they end with.
    pub(super) fn finish(
        mut self,
        last_id: TokenId,
        latest_secs: u64,
    ) -> Result<(Vec<Write>, Seal), Error> {
        for (client, (old, record)) in std::mem::take(&mut self.clients) {
            let key = client.as_bytes().to_vec();
            if record.is_needed() {
                self.put(Tree::Clients, key, old, &record)?;
            } else {
                self.seal.replace(old, None);
                self.seal.clients -= 1;
                self.writes.insert((Tree::Clients, key), None);
            }
        }
        self.seal.generation += 1;
        self.seal.last_id = self.seal.last_id.max(last_id.as_u64());
        self.seal.latest_secs = self.seal.latest_secs.max(latest_secs);
        let (bytes, _) = record::encode(self.mac_key, Tree::Meta, SEAL_KEY, &self.seal)?;
        self.writes
            .insert((Tree::Meta, SEAL_KEY.to_vec()), Some(bytes));
        let writes = self
            .writes
            .into_iter()
            .map(|((tree, key), value)| Write { tree, key, value })
            .collect();
        Ok((writes, self.seal))
    }

    fn issue(&mut self, id: TokenId, token: &TokenRecord) -> Result<(), Error> {
        self.client(&token.client)?.tokens += 1;
        self.seal.tokens += 1;
        self.writes.insert(
            (Tree::ByClient, index_key(&token.client, id)),
            Some(Vec::new()),
        );
        self.put(Tree::Tokens, token_key(id), None, token)
    }

    fn modify(&mut self, id: TokenId, modify: impl FnOnce(&mut TokenRecord)) -> Result<(), Error> {
        // A token that is gone has been purged meanwhile: it is as dead as it can be.
        let Some((mut token, old)) = self.token(id)? else {
            return Ok(());
        };
        modify(&mut token);
        self.put(Tree::Tokens, token_key(id), Some(old), &token)
    }

    fn purge(&mut self, id: TokenId) -> Result<(), Error> {
        let Some((token, old)) = self.token(id)? else {
            return Ok(());
        };
        let client = self.client(&token.client)?;
        client.tokens = client
            .tokens
            .checked_sub(1)
            .ok_or_else(|| Error::corrupt("a client has fewer tokens than records"))?;
        self.seal.tokens -= 1;
        self.seal.replace(Some(old), None);
        self.writes.insert((Tree::Tokens, token_key(id)), None);
        self.writes
            .insert((Tree::ByClient, index_key(&token.client, id)), None);
        Ok(())
    }

    #[cfg(feature = "jwt")]
    fn key(&mut self, kid: &str, record: Option<&KeyRecord>) -> Result<(), Error> {
        let key = kid.as_bytes().to_vec();
        let old = match self.get(Tree::Keys, &key)? {
            Some(bytes) => Some(record::open(self.mac_key, Tree::Keys, &key, &bytes)?.1),
            None => None,
        };
        self.seal.keys -= u64::from(old.is_some());
        let Some(record) = record else {
            self.seal.replace(old, None);
            self.writes.insert((Tree::Keys, key), None);
            return Ok(());
        };
        self.seal.keys += 1;
        self.put(Tree::Keys, key, old, record)
    }

    fn token(&self, id: TokenId) -> Result<Option<(TokenRecord, u128)>, Error> {
        let key = token_key(id);
        match self.get(Tree::Tokens, &key)? {
            Some(bytes) => record::decode(self.mac_key, Tree::Tokens, &key, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// The client's record; a client not seen before gets one.
    fn client(&mut self, client: &str) -> Result<&mut ClientRecord, Error> {
        if !self.clients.contains_key(client) {
            let found = match self.get(Tree::Clients, client.as_bytes())? {
                Some(bytes) => {
                    let (record, mac) =
                        record::decode(self.mac_key, Tree::Clients, client.as_bytes(), &bytes)?;
                    (Some(mac), record)
                }
                None => {
                    self.seal.clients += 1;
                    (None, ClientRecord::default())
                }
            };
            self.clients.insert(client.into(), found);
        }
        match self.clients.get_mut(client) {
            Some((_, record)) => Ok(record),
            None => Err(Error::corrupt("a client record went missing")),
        }
    }

    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        match self.writes.get(&(tree, key.to_vec())) {
            Some(written) => Ok(written.clone()),
            None => Ok(self.disk.get(tree, key)?),
        }
    }

    fn put<T: serde::Serialize>(
        &mut self,
        tree: Tree,
        key: Vec<u8>,
        old: Option<u128>,
        record: &T,
    ) -> Result<(), Error> {
        let (bytes, mac) = record::encode(self.mac_key, tree, &key, record)?;
        self.seal.replace(old, Some(mac));
        self.writes.insert((tree, key), Some(bytes));
        Ok(())
    }
}

/// The key of a token's record: rises with the time of issue, so that sled appends.
pub(super) fn token_key(id: TokenId) -> Vec<u8> {
    id.as_u64().to_be_bytes().to_vec()
}

/// The token behind a key of the token tree.
pub(super) fn id_from_key(key: &[u8]) -> Option<TokenId> {
    TokenId::from_u64(u64::from_be_bytes(key.try_into().ok()?))
}

/// The key of the secondary index. No client id holds a NUL, so one's keys never run into
/// another's.
pub(super) fn index_key(client: &str, id: TokenId) -> Vec<u8> {
    let mut key = Vec::with_capacity(client.len() + 9);
    key.extend_from_slice(client.as_bytes());
    key.push(0);
    key.extend_from_slice(&id.as_u64().to_be_bytes());
    key
}

/// The client and the token behind a key of the secondary index.
pub(super) fn from_index_key(key: &[u8]) -> Option<(&str, TokenId)> {
    let (client, id) = key.split_last_chunk::<8>()?;
    let client = core::str::from_utf8(client.strip_suffix(b"\0")?).ok()?;
    Some((client, TokenId::from_u64(u64::from_be_bytes(*id))?))
}
