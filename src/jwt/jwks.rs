//! A set of verifying keys, each found by its name; it is loaded whole and never fetched.

use core::fmt;

use serde_json::Value;

use super::algorithm::Algorithm;
use super::header::UnverifiedHeader;
use super::json;
use super::jwk;
use super::key::VerifyingKey;
use super::key_error::KeyError;
use crate::Inactive;

const SET_BYTES_MAX: usize = 64 * 1024;
const KEYS_MAX: usize = 64;

/// At most 64 verifying keys with unique names.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
}

/// Why a key set was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySetError {
    /// The place in `keys`, counted from 0, of the key that is to blame; nothing when it is the set.
    pub index: Option<usize>,
    /// What is wrong.
    pub reason: KeyError,
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "key {index} of the set: {}", self.reason),
            None => self.reason.fmt(f),
        }
    }
}

impl core::error::Error for KeySetError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.reason)
    }
}

impl KeySet {
    /// A set of these keys.
    pub fn new(keys: Vec<VerifyingKey>) -> Result<Self, KeySetError> {
        if keys.is_empty() || keys.len() > KEYS_MAX {
            return Err(KeySetError {
                index: None,
                reason: KeyError::Count,
            });
        }
        for (index, key) in keys.iter().enumerate() {
            let taken = |other: &VerifyingKey| key.kid().is_some() && other.kid() == key.kid();
            if keys[..index].iter().any(taken) {
                return Err(KeySetError {
                    index: Some(index),
                    reason: KeyError::DuplicateKeyId,
                });
            }
        }
        Ok(Self { keys })
    }

    /// A JWK set (RFC 7517 section 5) of at most 64 KiB. One bad key refuses the whole set: a set
    /// that changed in a way you did not expect should be looked at. Keys without `alg` are
    /// pinned to `fallback` if it fits their type, else as [`VerifyingKey::from_jwk`] says.
    ///
    /// A set that mixes HMAC secrets with public keys is refused: it is about to be published, or
    /// it was and the secrets are known.
    pub fn from_jwks(text: &[u8], fallback: Option<Algorithm>) -> Result<Self, KeySetError> {
        let (set, refused) = Self::load(text, fallback)?;
        match refused.into_iter().next() {
            Some(refused) => Err(refused),
            None => set.ok_or(KeySetError {
                index: None,
                reason: KeyError::Count,
            }),
        }
    }

    /// The same for the sets of other parties, which hold encryption keys and kinds of keys we do
    /// not speak: "Implementations SHOULD ignore JWKs within a JWK Set" (RFC 7517 section 5). What
    /// was left out is told. It is still an error when the set itself is bad or nothing is left.
    pub fn from_foreign_jwks(
        text: &[u8],
        fallback: Option<Algorithm>,
    ) -> Result<(Self, Vec<KeySetError>), KeySetError> {
        let (set, refused) = Self::load(text, fallback)?;
        match set {
            Some(set) => Ok((set, refused)),
            None => Err(KeySetError {
                index: None,
                reason: KeyError::Count,
            }),
        }
    }

    /// The key called `kid`.
    pub fn find(&self, kid: &str) -> Option<&VerifyingKey> {
        self.keys.iter().find(|key| key.kid() == Some(kid))
    }

    /// Only the keys of that algorithm; nothing if there are none.
    pub fn of_algorithm(self, algorithm: Algorithm) -> Option<Self> {
        let fits = |key: &VerifyingKey| key.algorithm() == algorithm;
        let keys: Vec<VerifyingKey> = self.keys.into_iter().filter(fits).collect();
        if keys.is_empty() {
            None
        } else {
            Some(Self { keys })
        }
    }

    /// All keys, in the order in which they were given.
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// The public JWK set as JSON text, for a `jwks.json` endpoint. HMAC secrets are left out.
    pub fn to_jwks(&self) -> String {
        let keys: Vec<String> = self.keys.iter().filter_map(VerifyingKey::to_jwk).collect();
        format!(r#"{{"keys":[{}]}}"#, keys.join(","))
    }

    /// The one key that may verify a token with this header. The name decides; a token that names
    /// none gets the only key of its algorithm, for guessing among several is an invitation.
    pub(crate) fn select(&self, header: &UnverifiedHeader) -> Result<&VerifyingKey, Inactive> {
        let algorithm = Algorithm::from_name(&header.alg).ok_or(Inactive::Algorithm)?;
        if let Some(kid) = &header.kid
            && let Some(named) = self.find(kid)
        {
            return pinned(named, algorithm);
        }
        let mut answering = self.keys.iter().filter(|key| key.answers_to(header));
        let mut fitting = answering.clone().filter(|key| key.algorithm() == algorithm);
        match (fitting.next(), fitting.next(), answering.next()) {
            (Some(key), None, _) => Ok(key),
            (None, _, Some(_)) => Err(Inactive::Algorithm),
            _ => Err(Inactive::UnknownKey),
        }
    }

    fn load(
        text: &[u8],
        fallback: Option<Algorithm>,
    ) -> Result<(Option<Self>, Vec<KeySetError>), KeySetError> {
        let bad = |reason| KeySetError {
            index: None,
            reason,
        };
        if text.len() > SET_BYTES_MAX {
            return Err(bad(KeyError::Unreadable {
                what: "JWK set of at most 64 KiB",
            }));
        }
        let mut set = json::object(text).ok_or(bad(KeyError::Unreadable { what: "JWK set" }))?;
        let Some(Value::Array(list)) = set.get_mut("keys") else {
            return Err(bad(KeyError::Member { member: "keys" }));
        };
        let loaded = Self::load_list(list, fallback);
        list.iter_mut()
            .filter_map(Value::as_object_mut)
            .for_each(jwk::wipe);
        loaded
    }

    fn load_list(
        list: &[Value],
        fallback: Option<Algorithm>,
    ) -> Result<(Option<Self>, Vec<KeySetError>), KeySetError> {
        let bad = |reason| KeySetError {
            index: None,
            reason,
        };
        if list.is_empty() || list.len() > KEYS_MAX {
            return Err(bad(KeyError::Count));
        }
        let is_secret = |jwk: &&Value| jwk.get("kty").is_some_and(|kty| kty == "oct");
        let secrets = list.iter().filter(is_secret).count();
        if secrets != 0 && secrets != list.len() {
            return Err(bad(KeyError::MixedSet));
        }
        let (mut keys, mut refused) = (Vec::with_capacity(list.len()), Vec::new());
        for (index, jwk) in list.iter().enumerate() {
            let key = match jwk {
                Value::Object(members) => jwk::in_set(members, fallback),
                _ => Err(KeyError::Unreadable { what: "JWK" }),
            };
            match key {
                Ok(key) => keys.push(key),
                Err(reason) => refused.push(KeySetError {
                    index: Some(index),
                    reason,
                }),
            }
        }
        // A name that stands twice is refused even if one of the two keys is left out.
        let names: Vec<&Value> = list.iter().filter_map(|jwk| jwk.get("kid")).collect();
        if (1..names.len()).any(|index| names[..index].contains(&names[index])) {
            return Err(bad(KeyError::DuplicateKeyId));
        }
        let set = if keys.is_empty() {
            None
        } else {
            Some(Self::new(keys)?)
        };
        Ok((set, refused))
    }
}

/// Whether the named key is of the token's algorithm (RFC 8725 section 3.1).
fn pinned(key: &VerifyingKey, algorithm: Algorithm) -> Result<&VerifyingKey, Inactive> {
    if key.algorithm() == algorithm {
        Ok(key)
    } else {
        Err(Inactive::Algorithm)
    }
}

impl From<VerifyingKey> for KeySet {
    fn from(key: VerifyingKey) -> Self {
        Self { keys: vec![key] }
    }
}
