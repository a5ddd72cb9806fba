//! The stored facts of one token, one client and one key, and their bytes on disk.
//!
//! A record is `version (1) || bincode body || MAC (16)`. The MAC is keyed BLAKE3 over the tree, the
//! key it stands under and everything before it, so that a flipped bit, a record moved to another
//! key and a forged one are refused alike; it is also what the seal adds up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::disk::Tree;
use crate::error::Error;
use crate::kind::Kind;

/// The version this release writes. Older ones stay readable for ever.
pub(crate) const VERSION: u8 = 1;
const MAC_BYTES: usize = 16;
/// No body is larger: what a decoder may allocate.
const BODY_MAX_BYTES: usize = 64 * 1024;

/// The key under which records are sealed.
#[derive(Clone, zeroize::ZeroizeOnDrop)]
pub(crate) struct MacKey([u8; 32]);

impl MacKey {
    pub(crate) fn new(key: &crate::digest::DigestKey) -> Self {
        Self(*key.derive("hallpass 2026-11-22 format 1 record MAC"))
    }

    pub(crate) fn mac(&self, tree: Tree, key: &[u8], bytes: &[u8]) -> u128 {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&[tree as u8]);
        hasher.update(&(key.len() as u64).to_be_bytes());
        hasher.update(key);
        hasher.update(bytes);
        let mut mac = [0; MAC_BYTES];
        mac.copy_from_slice(&hasher.finalize().as_bytes()[..MAC_BYTES]);
        u128::from_be_bytes(mac)
    }
}

/// One token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenRecord {
    pub(crate) kind: u8,
    pub(crate) digest: [u8; 32],
    /// The secret was chosen by the caller and carries no id: the table is placed by its digest.
    pub(crate) placed_by_digest: bool,
    /// The number of the key that signed it; 0: none did.
    pub(crate) key: u16,
    pub(crate) client: Box<str>,
    pub(crate) issued_at: u64,
    /// 0: at once.
    pub(crate) not_before: u32,
    /// `u32::MAX`: never.
    pub(crate) expires_at: u32,
    pub(crate) scopes: Vec<Box<str>>,
    /// Whom it is for; none: whoever asks.
    pub(crate) audiences: Vec<Box<str>>,
    pub(crate) metadata: BTreeMap<Box<str>, Box<str>>,
    pub(crate) revoked: Option<RevokedRecord>,
}

/// When, why and by whom a token was revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RevokedRecord {
    pub(crate) at: u64,
    pub(crate) reason: Box<str>,
    pub(crate) by: Box<str>,
}

/// One key: one that signs here, or the public key of a client. It stands under its `kid`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    /// What tokens and grants call it, never given twice; 0: a client's key, which signs nothing here.
    pub(crate) number: u16,
    /// The algorithm, as `jwt` numbers them.
    pub(crate) algorithm: u8,
    /// Whether it signs new tokens. If not, it still verifies.
    pub(crate) signs: bool,
    pub(crate) created_at: u64,
    /// The least id of its tokens that is still alive; 0: all are. Not 0: the key is retired.
    pub(crate) epoch: u64,
    /// Whose key it is; empty: this store's.
    pub(crate) client: Box<str>,
    /// The public JWK; empty for an HMAC secret.
    pub(crate) public: Box<str>,
    /// Nonce and ciphertext of the private part; empty if it is not kept.
    pub(crate) private: Vec<u8>,
}

/// One client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClientRecord {
    /// The least token id that is still alive: revoke-all raises it.
    pub(crate) epoch: u64,
    pub(crate) disabled: bool,
    /// How many token records the client has, dead ones not yet purged included.
    pub(crate) tokens: u64,
    /// The epoch counts for tokens of foreign issuers, too: it is kept when there are no others.
    pub(crate) foreign: bool,
}

impl TokenRecord {
    pub(crate) fn kind(&self) -> Result<Kind, Error> {
        Kind::from_u8(self.kind).ok_or_else(|| Error::corrupt("a token record of unknown kind"))
    }
}

impl ClientRecord {
    /// Whether it says anything. If not, it is not kept: its epoch is below every id to come.
    pub(crate) fn is_needed(&self) -> bool {
        self.tokens > 0 || self.disabled || self.foreign
    }
}

/// Encodes `record` to stand under `key` in `tree`; also yields its MAC for the seal.
pub(crate) fn encode<T: Serialize>(
    mac_key: &MacKey,
    tree: Tree,
    key: &[u8],
    record: &T,
) -> Result<(Vec<u8>, u128), Error> {
    let mut bytes = Vec::with_capacity(192);
    bytes.push(VERSION);
    bytes.extend_from_slice(&encode_body(record)?);
    let mac = mac_key.mac(tree, key, &bytes);
    bytes.extend_from_slice(&mac.to_be_bytes());
    Ok((bytes, mac))
}

pub(crate) fn encode_body<T: Serialize>(record: &T) -> Result<Vec<u8>, Error> {
    let body = bincode::serde::encode_to_vec(record, config()).map_err(|_| Error::Invalid {
        what: "record",
        why: "it cannot be encoded",
    })?;
    Error::check_limit("record_max_bytes", BODY_MAX_BYTES, body.len())?;
    Ok(body)
}

/// Decodes what stands under `key` in `tree`, to the last byte; also yields its MAC.
pub(crate) fn decode<T: for<'de> Deserialize<'de>>(
    mac_key: &MacKey,
    tree: Tree,
    key: &[u8],
    bytes: &[u8],
) -> Result<(T, u128), Error> {
    let (body, mac) = open(mac_key, tree, key, bytes)?;
    Ok((decode_body(body)?, mac))
}

/// The body of what stands under `key` in `tree`, once its MAC and its version hold.
pub(crate) fn open<'b>(
    mac_key: &MacKey,
    tree: Tree,
    key: &[u8],
    bytes: &'b [u8],
) -> Result<(&'b [u8], u128), Error> {
    let damaged = || {
        Error::corrupt(format!(
            "a record in {} does not match its checksum",
            tree.name()
        ))
    };
    let (signed, stored) = bytes.split_last_chunk::<MAC_BYTES>().ok_or_else(damaged)?;
    let mac = mac_key.mac(tree, key, signed);
    if mac != u128::from_be_bytes(*stored) {
        return Err(damaged());
    }
    match signed.split_first() {
        Some((&VERSION, body)) => Ok((body, mac)),
        Some((&found, _)) => Err(Error::NewerFormat {
            found,
            known: VERSION,
        }),
        None => Err(damaged()),
    }
}

/// What `bytes` may begin with: a record, its bytes, and the MAC at their end, which is not checked.
pub(crate) fn decode_prefix<T: for<'de> Deserialize<'de>>(
    bytes: &[u8],
) -> Option<(T, &[u8], u128)> {
    let body = bytes.strip_prefix(&[VERSION])?;
    let body = body.get(..BODY_MAX_BYTES).unwrap_or(body);
    let (record, read) = bincode::serde::decode_from_slice(body, config()).ok()?;
    let whole = bytes.get(..1 + read + MAC_BYTES)?;
    let mac = u128::from_be_bytes(*whole.last_chunk()?);
    Some((record, whole, mac))
}

/// Decodes the body of a record whose checksum held. No input may make it allocate beyond the
/// limit, recurse or panic.
pub(crate) fn decode_body<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Error> {
    let (record, read) = bincode::serde::decode_from_slice(body, config())
        .map_err(|_| Error::corrupt("a record cannot be decoded"))?;
    if read != body.len() {
        return Err(Error::corrupt("a record has trailing bytes"));
    }
    Ok(record)
}

/// Big-endian, and bounded: without the limit a record of 17 bytes could ask for a terabyte.
fn config() -> impl bincode::config::Config {
    bincode::config::standard()
        .with_big_endian()
        .with_limit::<BODY_MAX_BYTES>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::DigestKey;

    fn mac_key() -> MacKey {
        MacKey::new(&DigestKey::from_bytes([1; 32]))
    }

    fn record() -> TokenRecord {
        TokenRecord {
            kind: 0,
            digest: [9; 32],
            placed_by_digest: false,
            key: 3,
            client: "client123".into(),
            issued_at: 1_800_000_000,
            not_before: 0,
            expires_at: u32::MAX,
            scopes: vec!["read".into()],
            audiences: vec!["api".into()],
            metadata: BTreeMap::from([("name".into(), "ci".into())]),
            revoked: Some(RevokedRecord {
                at: 1,
                reason: "lost".into(),
                by: "ops".into(),
            }),
        }
    }

    #[test]
    fn records_round_trip() {
        let (bytes, mac) = encode(&mac_key(), Tree::Tokens, b"k", &record()).unwrap();
        let (back, same): (TokenRecord, u128) =
            decode(&mac_key(), Tree::Tokens, b"k", &bytes).unwrap();
        assert_eq!((back, same), (record(), mac));
    }

    #[test]
    fn any_flipped_bit_another_key_and_another_tree_are_refused() {
        let (bytes, _) = encode(&mac_key(), Tree::Tokens, b"k", &record()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode::<TokenRecord>(&mac_key(), Tree::Tokens, b"k", &damaged).is_err());
        }
        assert!(decode::<TokenRecord>(&mac_key(), Tree::Tokens, b"l", &bytes).is_err());
        assert!(decode::<TokenRecord>(&mac_key(), Tree::Clients, b"k", &bytes).is_err());
        for cut in 0..bytes.len() {
            assert!(decode::<TokenRecord>(&mac_key(), Tree::Tokens, b"k", &bytes[..cut]).is_err());
        }
    }

    #[test]
    fn a_body_that_asks_for_a_terabyte_is_refused() {
        let mut body = vec![0u8; 33];
        body.extend([0, 0xFD, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        assert!(decode_body::<TokenRecord>(&body).is_err());
    }

    #[test]
    fn the_bytes_of_format_1_are_pinned() {
        let (bytes, _) = encode(&mac_key(), Tree::Tokens, b"k", &record()).unwrap();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, PINNED);
    }

    #[test]
    fn the_bytes_of_keys_and_clients_are_pinned() {
        let key = KeyRecord {
            number: 300,
            algorithm: 2,
            signs: true,
            created_at: 1_800_000_000,
            epoch: 7,
            client: "c".into(),
            public: "{}".into(),
            private: vec![0xAA, 0xBB],
        };
        let hex = |bytes: Vec<u8>| {
            bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        let (bytes, mac) = encode(&mac_key(), Tree::Keys, b"k", &key).unwrap();
        let back = decode::<KeyRecord>(&mac_key(), Tree::Keys, b"k", &bytes).unwrap();
        assert!(back == (key, mac));
        assert_eq!(hex(bytes), PINNED_KEY);

        let client = ClientRecord {
            epoch: 5,
            disabled: true,
            tokens: 300,
            foreign: false,
        };
        let (bytes, _) = encode(&mac_key(), Tree::Clients, b"k", &client).unwrap();
        assert_eq!(hex(bytes), PINNED_CLIENT);
    }

    const PINNED_KEY: &str = concat!(
        "01",                               // version
        "fb012c",                           // number
        "02",                               // algorithm
        "01",                               // signs
        "fc6b49d200",                       // created at
        "07",                               // epoch
        "0163",                             // client
        "027b7d",                           // public
        "02aabb",                           // private
        "4b1c285308e6936379bca28e4ee3e8f8", // MAC
    );

    const PINNED_CLIENT: &str = concat!(
        "01",                               // version
        "05",                               // epoch
        "01",                               // disabled
        "fb012c",                           // tokens
        "00",                               // foreign
        "db334b2b11b848649f4906f7c5b53505", // MAC
    );

    const PINNED: &str = concat!(
        "01",                                                               // version
        "00",                                                               // kind
        "0909090909090909090909090909090909090909090909090909090909090909", // digest
        "00",                                                               // placed by digest
        "03",                                                               // key
        "09636c69656e74313233",                                             // client
        "fc6b49d200",                                                       // issued at
        "00",                                                               // not before
        "fcffffffff",                                                       // expires at
        "010472656164",                                                     // scopes
        "0103617069",                                                       // audiences
        "01046e616d65026369",                                               // metadata
        "0101046c6f7374036f7073",                                           // revoked
        "6589e16ccdd83b17822cbdd70e0c20c7",                                 // MAC
    );
}
