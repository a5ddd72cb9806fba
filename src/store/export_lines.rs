//! The lines of an export, as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::kind::Kind;
use crate::record::{ClientRecord, KeyRecord, RevokedRecord, TokenRecord};
use crate::token_id::TokenId;

/// The version of the lines.
pub(super) const VERSION: u8 = 1;

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Line {
    HallpassExport(Header),
    Client(ClientLine),
    Key(KeyLine),
    Token(TokenLine),
    End(End),
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) version: u8,
    pub(super) generation: u64,
    /// Whether tokens come with their digests.
    pub(super) digests: bool,
    /// Tokens with smaller ids are revoked.
    pub(super) revoked_before: String,
    pub(super) last_id: String,
    pub(super) latest_secs: u64,
    pub(super) tokens: u64,
    pub(super) clients: u64,
    pub(super) keys: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientLine {
    pub(super) client_id: String,
    /// The client's tokens with smaller ids are revoked.
    pub(super) revoked_before: String,
    pub(super) disabled: bool,
    pub(super) tokens: u64,
    /// Foreign tokens of the client are revoked, too.
    pub(super) foreign: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyLine {
    pub(super) kid: String,
    pub(super) number: u16,
    pub(super) algorithm: u8,
    pub(super) created_at: u64,
    /// Set if the key is retired.
    pub(super) revoked_before: Option<String>,
    /// None: it is the store's own.
    pub(super) client_id: Option<String>,
    /// The public key; none for an HMAC secret.
    pub(super) jwk: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenLine {
    pub(super) id: String,
    pub(super) client_id: String,
    pub(super) kind: Kind,
    pub(super) issued_at: u64,
    pub(super) not_before: Option<u32>,
    pub(super) expires_at: Option<u32>,
    pub(super) scopes: Vec<Box<str>>,
    pub(super) audiences: Vec<Box<str>>,
    pub(super) metadata: BTreeMap<Box<str>, Box<str>>,
    pub(super) revoked: Option<RevokedRecord>,
    /// The number of the key that signed it.
    pub(super) key: Option<u16>,
    /// Its secret was chosen and has no id in it.
    pub(super) chosen: bool,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) digest: Option<String>,
}

/// The last line: a MAC over all before it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    pub(super) mac: String,
}

impl ClientLine {
    pub(super) fn of(client: &str, record: &ClientRecord) -> Self {
        Self {
            client_id: client.to_owned(),
            revoked_before: id_text(record.epoch),
            disabled: record.disabled,
            tokens: record.tokens,
            foreign: record.foreign,
        }
    }

    pub(super) fn record(&self) -> Option<ClientRecord> {
        Some(ClientRecord {
            epoch: id_number(&self.revoked_before)?,
            disabled: self.disabled,
            tokens: self.tokens,
            foreign: self.foreign,
        })
    }
}

impl KeyLine {
    pub(super) fn of(kid: &str, record: &KeyRecord) -> Self {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            kid: kid.to_owned(),
            number: record.number,
            algorithm: record.algorithm,
            created_at: record.created_at,
            revoked_before: (record.epoch != 0).then(|| id_text(record.epoch)),
            client_id: some(&record.client),
            jwk: some(&record.public),
        }
    }

    /// The key without its private part: it verifies, and signs nothing.
    pub(super) fn record(self) -> Option<KeyRecord> {
        let epoch = match &self.revoked_before {
            Some(id) => id_number(id)?,
            None => 0,
        };
        Some(KeyRecord {
            number: self.number,
            algorithm: self.algorithm,
            signs: false,
            created_at: self.created_at,
            epoch,
            client: self.client_id.unwrap_or_default().into(),
            public: self.jwk.unwrap_or_default().into(),
            private: Vec::new(),
        })
    }
}

impl TokenLine {
    pub(super) fn of(id: TokenId, record: &TokenRecord, digests: bool) -> Result<Self, Error> {
        let digest = || blake3::Hash::from_bytes(record.digest).to_hex().to_string();
        Ok(Self {
            id: id.to_string(),
            client_id: record.client.as_ref().to_owned(),
            kind: record.kind()?,
            issued_at: record.issued_at,
            not_before: (record.not_before != 0).then_some(record.not_before),
            expires_at: (record.expires_at != u32::MAX).then_some(record.expires_at),
            scopes: record.scopes.clone(),
            audiences: record.audiences.clone(),
            metadata: record.metadata.clone(),
            revoked: record.revoked.clone(),
            key: (record.key != 0).then_some(record.key),
            chosen: record.placed_by_digest,
            digest: digests.then(digest),
        })
    }

    pub(super) fn record(self) -> Option<(TokenId, TokenRecord)> {
        let digest = blake3::Hash::from_hex(self.digest?).ok()?;
        let record = TokenRecord {
            kind: self.kind.as_u8(),
            digest: *digest.as_bytes(),
            placed_by_digest: self.chosen,
            key: self.key.unwrap_or(0),
            client: self.client_id.into(),
            issued_at: self.issued_at,
            not_before: self.not_before.unwrap_or(0),
            expires_at: self.expires_at.unwrap_or(u32::MAX),
            scopes: self.scopes,
            audiences: self.audiences,
            metadata: self.metadata,
            revoked: self.revoked,
        };
        Some((self.id.parse().ok()?, record))
    }
}

pub(super) fn id_text(id: u64) -> String {
    TokenId::from_u64(id).unwrap_or(TokenId::MAX).to_string()
}

pub(super) fn id_number(text: &str) -> Option<u64> {
    text.parse::<TokenId>().ok().map(TokenId::as_u64)
}
