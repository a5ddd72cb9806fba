//! Finding records in the bytes of a database that cannot be opened, or not all of it.
//!
//! sled writes values whole and uncompressed. A record tells where it ends, and its MAC tells whether
//! it is one, if only the key is known under which it stood: a token's id begins with the second in
//! which it was issued, and neighbours have ids that follow each other; clients and keys have names
//! that stand elsewhere. What is found this way is genuine, but may be old.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::change::token_key;
use super::new_store::Told;
use super::salvage::Salvage;
use crate::disk::Tree;
use crate::record::{self, ClientRecord, KeyRecord, MacKey, TokenRecord};
use crate::seal::{SEAL_KEY, Seal};
use crate::token_id::TokenId;

/// How much is read at once, and how much of it is read again so that no record is cut in two.
const CHUNK_BYTES: usize = 8 << 20;
const OVERLAP_BYTES: usize = 80 << 10;
/// `format (1) || store id (16) || proof (16) || CRC-32 (4)`.
const STORE_RECORD_BYTES: usize = 37;
/// Ids tried after the one found last: what lies between neighbours are epochs and purged tokens.
const NEAR: u64 = 64;
/// Ids tried in the second of issue: more than a disk takes.
const IN_A_SECOND: u64 = 1 << 17;
/// MACs computed in search of a key: some minutes' worth. What is not found by then is lost.
const TRIES_MAX: u64 = 1 << 30;

/// Looks through files, and adds what it finds to what sled showed.
pub(super) struct Carver<'a> {
    key: &'a MacKey,
    salvage: &'a mut Salvage,
    last: TokenId,
    tries_left: u64,
    /// What may be client records: without a name no MAC can be checked.
    unnamed: BTreeSet<Vec<u8>>,
}

impl<'a> Carver<'a> {
    pub(super) fn new(key: &'a MacKey, salvage: &'a mut Salvage) -> Self {
        Self {
            key,
            salvage,
            last: TokenId::ZERO,
            tries_left: TRIES_MAX,
            unnamed: BTreeSet::new(),
        }
    }

    /// Looks through all files below `folder`.
    pub(super) fn carve(mut self, folder: &Path, told: &Told) -> io::Result<()> {
        let mut files = Vec::new();
        list(folder, &mut files)?;
        let mut done = 0;
        for path in files {
            let mut file = File::open(path)?;
            let mut bytes = Vec::with_capacity(CHUNK_BYTES + OVERLAP_BYTES);
            loop {
                let read = (&mut file)
                    .take(CHUNK_BYTES as u64)
                    .read_to_end(&mut bytes)?;
                let is_last = read < CHUNK_BYTES;
                let end = if is_last {
                    bytes.len()
                } else {
                    bytes.len() - OVERLAP_BYTES
                };
                for at in 0..end {
                    if bytes[at] == record::VERSION {
                        self.look(&bytes[at..]);
                    }
                }
                done += read as u64;
                told.tell(done);
                if is_last {
                    break;
                }
                bytes.drain(..end);
            }
        }
        self.name_clients();
        Ok(())
    }

    /// Looks at what may begin with a record.
    fn look(&mut self, bytes: &[u8]) {
        // Cheap signs first: nearly all that is looked at is something else.
        let byte = |at: usize| bytes.get(at).copied().unwrap_or(u8::MAX);
        if byte(1) < 8 && byte(34) < 2 {
            self.look_for_token(bytes);
        }
        if let Some((seal, record, _)) = record::decode_prefix::<Seal>(bytes)
            && record::open(self.key, Tree::Meta, SEAL_KEY, record).is_ok()
        {
            self.salvage.take_seal(seal);
        }
        if let Some((client, record, mac)) = record::decode_prefix::<ClientRecord>(bytes)
            // Others are not kept.
            && client.is_needed()
            && !self.salvage.known.contains(&mac)
        {
            self.unnamed.insert(record.to_vec());
        }
        if let Some((key, record, mac)) = record::decode_prefix::<KeyRecord>(bytes)
            && let Some(kid) = kid(&key.public)
            && !self.salvage.known.contains(&mac)
            && record::open(self.key, Tree::Keys, kid.as_bytes(), record).is_ok()
        {
            self.salvage.known.insert(mac);
            let versions = self.salvage.keys.entry(kid.into()).or_default();
            versions.others.push((key, mac));
        }
        if let Some(bytes) = bytes.get(..STORE_RECORD_BYTES) {
            self.salvage.take_store_record(self.key, bytes);
        }
    }

    fn look_for_token(&mut self, bytes: &[u8]) {
        let Some((token, record, mac)) = record::decode_prefix::<TokenRecord>(bytes) else {
            return;
        };
        if self.salvage.known.contains(&mac) || token.kind().is_err() {
            return;
        }
        if let Some(id) = self.id_of(&token, record) {
            self.last = id;
            self.salvage.known.insert(mac);
            let versions = self.salvage.tokens.entry(id).or_default();
            versions.others.push((token, mac));
        }
    }

    /// The id under which a token's record stood: the one that its MAC fits.
    fn id_of(&mut self, token: &TokenRecord, record: &[u8]) -> Option<TokenId> {
        let after = |secs: u64| {
            let first = TokenId::next(TokenId::ZERO, secs.saturating_mul(1000));
            first.map_or(0, TokenId::as_u64)
        };
        let near = self.last.as_u64();
        let (this, before) = (
            after(token.issued_at),
            after(token.issued_at.saturating_sub(1)),
        );
        // The clock's second may have changed between the id and the record.
        let ranges = [
            near..near.saturating_add(NEAR),
            this..this.saturating_add(IN_A_SECOND),
            before..before.saturating_add(IN_A_SECOND),
        ];
        for id in ranges.into_iter().flatten().filter_map(TokenId::from_u64) {
            self.take_a_try()?;
            if record::open(self.key, Tree::Tokens, &token_key(id), record).is_ok() {
                return Some(id);
            }
        }
        None
    }

    /// Nothing, once as many MACs were computed as may be.
    fn take_a_try(&mut self) -> Option<()> {
        self.tries_left = self.tries_left.checked_sub(1)?;
        Some(())
    }

    /// Tries the names of clients that are known on the records that have none.
    fn name_clients(&mut self) {
        let tokens = self.salvage.tokens.values();
        let mut names: Vec<Box<str>> = tokens
            .filter_map(|versions| Some(versions.all().next()?.0.client.clone()))
            .collect();
        names.extend(self.salvage.clients.keys().cloned());
        names.sort_unstable();
        names.dedup();
        for record in std::mem::take(&mut self.unnamed) {
            for name in &names {
                if self.take_a_try().is_none() {
                    return;
                }
                let found = record::decode(self.key, Tree::Clients, name.as_bytes(), &record);
                if let Ok(found) = found {
                    self.salvage.known.insert(found.1);
                    let versions = self.salvage.clients.entry(name.clone()).or_default();
                    versions.others.push(found);
                    break;
                }
            }
        }
    }
}

/// The first of `needles` that is in a file below `folder`.
pub(super) fn find(folder: &Path, needles: &HashSet<[u8; 16]>) -> io::Result<Option<[u8; 16]>> {
    let mut files = Vec::new();
    list(folder, &mut files)?;
    for path in files {
        let mut file = File::open(path)?;
        let mut bytes = Vec::with_capacity(CHUNK_BYTES + 16);
        while (&mut file)
            .take(CHUNK_BYTES as u64)
            .read_to_end(&mut bytes)?
            > 0
        {
            let mut windows = bytes.windows(16).filter_map(|window| window.first_chunk());
            if let Some(found) = windows.find(|window| needles.contains(*window)) {
                return Ok(Some(*found));
            }
            bytes.drain(..bytes.len().saturating_sub(15));
        }
    }
    Ok(None)
}

/// The name in a public JWK, as we write it.
fn kid(jwk: &str) -> Option<&str> {
    let (_, rest) = jwk.split_once(r#""kid":""#)?;
    Some(rest.split_once('"')?.0)
}

fn list(folder: &Path, into: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, into)?;
        } else {
            into.push(path);
        }
    }
    into.sort();
    Ok(())
}

#[cfg(test)]
mod tests;
