//! Looking at records: one token, or a client's in pages.

use std::collections::BTreeMap;

use super::change::{from_index_key, index_key, token_key};
use super::{Core, Store};
use crate::disk::Tree;
use crate::error::Error;
use crate::kind::Kind;
use crate::record::{self, TokenRecord};
use crate::table::{CLIENT_DISABLED, Entry};
use crate::token_id::TokenId;

/// The most tokens of one page.
const PAGE_MAX: usize = 1000;

/// What the store knows of a token. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct TokenInfo {
    /// The public handle.
    pub id: TokenId,
    /// The client it was issued to.
    pub client_id: String,
    /// What kind of credential it is.
    pub kind: Kind,
    /// Whether it is active now, and if not why.
    pub status: TokenStatus,
    /// When it was issued, in Unix seconds.
    pub issued_at: u64,
    /// The instant before which it is refused, in Unix seconds.
    pub not_before: Option<u64>,
    /// The instant from which on it is refused, in Unix seconds; `None`: never.
    pub expires_at: Option<u64>,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// Whom it is for; none: whoever asks.
    pub audiences: Vec<String>,
    /// What was to be remembered with it.
    pub metadata: BTreeMap<String, String>,
    /// When it was revoked by its id, in Unix seconds.
    pub revoked_at: Option<u64>,
    /// Why, if that was said.
    pub revoked_reason: Option<String>,
    /// By whom, if that was said.
    pub revoked_by: Option<String>,
    /// When it was last used, in Unix seconds, as far as that was kept ([`Store::keep_uses`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<u64>,
    /// How often it was used, as far as that was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses: Option<u64>,
}

/// Whether a token is active, and if not why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenStatus {
    /// It validates.
    Active,
    /// It was revoked, alone or with all of its client's.
    Revoked,
    /// It has expired.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// Its client is disabled.
    ClientDisabled,
}

/// Some of a client's tokens, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The tokens.
    pub tokens: Vec<TokenInfo>,
    /// Where the next page begins; `None`: this was the last.
    pub next: Option<TokenId>,
}

impl Store {
    /// What the store knows of a token; `None` if there is no such token.
    pub fn get(&self, id: TokenId) -> Result<Option<TokenInfo>, Error> {
        drop(self.core.control()?);
        self.core.info(id)
    }

    /// Up to `limit` (at most 1000) of a client's tokens, oldest first, beginning at `from`.
    ///
    /// Tokens that are dead but not purged are listed with their status. Tokens issued or purged
    /// while one turns pages may or may not show.
    pub fn list(&self, client: &str, from: Option<TokenId>, limit: usize) -> Result<Page, Error> {
        drop(self.core.control()?);
        let limit = limit.clamp(1, PAGE_MAX);
        let from = index_key(client, from.unwrap_or(TokenId::ZERO));
        let mut page = Page {
            tokens: Vec::new(),
            next: None,
        };
        for pair in self.core.disk.scan(Tree::ByClient, &from) {
            let (key, _) = pair?;
            let (of, id) = from_index_key(&key)
                .ok_or_else(|| Error::corrupt("the index of clients has an impossible entry"))?;
            if of != client {
                break;
            }
            if page.tokens.len() == limit {
                page.next = Some(id);
                break;
            }
            page.tokens.extend(self.core.info(id)?);
        }
        Ok(page)
    }

    /// The ids of all clients the store has records of, in order, beginning at `from`.
    pub fn clients(&self, from: &str, limit: usize) -> Result<Vec<String>, Error> {
        drop(self.core.control()?);
        self.core
            .disk
            .scan(Tree::Clients, from.as_bytes())
            .take(limit.clamp(1, PAGE_MAX))
            .map(|pair| Ok(String::from_utf8_lossy(&pair?.0).into_owned()))
            .collect()
    }
}

impl Core {
    pub(super) fn record(&self, id: TokenId) -> Result<Option<TokenRecord>, Error> {
        let key = token_key(id);
        match self.disk.get(Tree::Tokens, &key)? {
            Some(bytes) => Ok(Some(
                record::decode(&self.mac_key, Tree::Tokens, &key, &bytes)?.0,
            )),
            None => Ok(None),
        }
    }

    /// A token that has a record but no entry is still being issued, or has just been purged: it
    /// does not show.
    fn info(&self, id: TokenId) -> Result<Option<TokenInfo>, Error> {
        let Some(entry) = self.entry_of(id)? else {
            return Ok(None);
        };
        let Some(record) = self.record(id)? else {
            return Ok(None);
        };
        let used = self.uses_of(id);
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(Some(TokenInfo {
            id,
            kind: record.kind()?,
            status: self.status(&entry, record.not_before),
            issued_at: record.issued_at,
            not_before: (record.not_before != 0).then_some(u64::from(record.not_before)),
            expires_at: (entry.expires_at != u32::MAX).then_some(u64::from(entry.expires_at)),
            scopes: record
                .scopes
                .iter()
                .map(|scope| scope.to_string())
                .collect(),
            audiences: record.audiences.iter().map(|one| one.to_string()).collect(),
            revoked_at: record.revoked.as_ref().map(|revoked| revoked.at),
            revoked_reason: record
                .revoked
                .as_ref()
                .and_then(|revoked| some(&revoked.reason)),
            revoked_by: record
                .revoked
                .as_ref()
                .and_then(|revoked| some(&revoked.by)),
            last_used_at: used.map(|used| used.last_secs),
            uses: used.map(|used| used.count),
            client_id: record.client.into(),
            metadata: record
                .metadata
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        }))
    }

    /// The validator's verdict, in the words of a list.
    fn status(&self, entry: &Entry, not_before: u32) -> TokenStatus {
        let now = self.live.now_secs();
        let kind = self.live.grant(entry.grant).kind;
        if self.live.is_revoked(entry) || kind == Kind::ForeignDenial.as_u8() {
            TokenStatus::Revoked
        } else if self.live.grants.least_alive(entry.grant) & CLIENT_DISABLED != 0 {
            TokenStatus::ClientDisabled
        } else if entry.expires_at != u32::MAX && now >= u64::from(entry.expires_at) {
            TokenStatus::Expired
        } else if now < u64::from(not_before) {
            TokenStatus::NotYetValid
        } else {
            TokenStatus::Active
        }
    }
}
