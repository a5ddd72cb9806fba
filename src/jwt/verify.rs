//! The one order in which a token is checked; only here is a [`Verified`] made.
//!
//! Length, three parts, header, algorithm and key, type, signature, payload, claims (RFC 8725
//! section 3.3). Nothing of the payload is read before the signature holds.

use core::fmt;

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::claims::{Claims, Instant};
use super::compact::UnverifiedCompact;
use super::header::UnverifiedHeader;
use super::jwks::KeySet;
use super::key::VerifyingKey;
use super::policy::Expect;
use crate::Inactive;

/// Verifies a JWT: signature by one of `keys`, claims as `expect` says, at `now` in Unix seconds.
pub fn verify(
    token: &[u8],
    keys: &KeySet,
    expect: &Expect,
    now: u64,
) -> Result<Verified, Inactive> {
    let token = Unverified::parse(token)?;
    let key = keys.select(&token.header)?;
    expect.judge_header(&token.header, key.algorithm())?;
    let payload = token.verify_signature(key)?;
    Verified::judge(&payload, &token.header, key, expect, now)
}

/// Verifies a JWS whose payload may be any octets (RFC 7515): the header and the signature, not a
/// single claim. What comes out was signed by one of `keys`, may have expired, and may be meant for
/// somebody else.
pub fn verify_jws(token: &[u8], keys: &KeySet) -> Result<VerifiedPayload, Inactive> {
    let token = Unverified::parse(token)?;
    let key = keys.select(&token.header)?;
    token.verify_signature(key).map(VerifiedPayload)
}

/// A token that has been split and whose header has been read.
pub(crate) struct Unverified<'a> {
    compact: UnverifiedCompact<'a>,
    pub(crate) header: UnverifiedHeader,
}

impl<'a> Unverified<'a> {
    pub(crate) fn parse(token: &'a [u8]) -> Result<Self, Inactive> {
        let compact = UnverifiedCompact::split(token)?;
        let header = UnverifiedHeader::parse(&compact.header()?)?;
        Ok(Self { compact, header })
    }

    /// The payload, if `key` signed it. It is decoded first, for a text that is not base64url is
    /// no token at all; but its octets are not looked at before the signature holds.
    pub(crate) fn verify_signature(&self, key: &VerifyingKey) -> Result<Vec<u8>, Inactive> {
        let (payload, signature) = (self.compact.payload()?, self.compact.signature()?);
        if key.verify(self.compact.signing_input(), signature) {
            Ok(payload)
        } else {
            Err(Inactive::Signature)
        }
    }
}

/// The payload of a JWS that was verified; only [`verify_jws`] makes one.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedPayload(Vec<u8>);

impl VerifiedPayload {
    /// The octets that were signed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for VerifiedPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedPayload({} bytes)", self.0.len())
    }
}

/// The claims of a token that is active; only the verifier makes one.
#[derive(Clone)]
pub struct Verified {
    algorithm: Algorithm,
    kid: Option<String>,
    claims: Claims,
}

impl Verified {
    pub(crate) fn judge(
        payload: &[u8],
        header: &UnverifiedHeader,
        key: &VerifyingKey,
        expect: &Expect,
        now: u64,
    ) -> Result<Self, Inactive> {
        let claims = Claims::parse(payload)?;
        expect.judge_fields(header, &claims)?;
        expect.judge(&claims, now)?;
        Ok(Self {
            algorithm: key.algorithm(),
            kid: key.kid().map(str::to_owned),
            claims,
        })
    }

    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The algorithm of the key that verified the token.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The name of the key that verified the token: ours, not the token's.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// `iss`: who issued the token.
    pub fn issuer(&self) -> Option<&str> {
        self.claims.iss.as_deref()
    }

    /// `sub`: whom the token is about.
    pub fn subject(&self) -> Option<&str> {
        self.claims.sub.as_deref()
    }

    /// `aud`: whom the token is for.
    pub fn audiences(&self) -> &[String] {
        self.claims.aud.as_deref().unwrap_or_default()
    }

    /// `jti`: the token's id; of a token issued here the text of a [`TokenId`](crate::TokenId).
    pub fn jti(&self) -> Option<&str> {
        self.claims.jti.as_deref()
    }

    /// `client_id`: the client the token was issued to (RFC 9068 section 2.2).
    pub fn client_id(&self) -> Option<&str> {
        self.claims.client_id.as_deref()
    }

    /// `exp` in Unix seconds; fractions are rounded up.
    pub fn expires_at(&self) -> Option<u64> {
        self.claims.exp.map(unix_seconds)
    }

    /// `nbf` in Unix seconds.
    pub fn not_before(&self) -> Option<u64> {
        self.claims.nbf.map(unix_seconds)
    }

    /// `iat` in Unix seconds.
    pub fn issued_at(&self) -> Option<u64> {
        self.claims.iat.map(unix_seconds)
    }

    /// All claims as one JSON object again; times are in whole seconds.
    pub fn to_json(&self) -> Value {
        let mut members = self.claims.extra.clone();
        let texts = [
            ("iss", &self.claims.iss),
            ("sub", &self.claims.sub),
            ("jti", &self.claims.jti),
            ("client_id", &self.claims.client_id),
        ];
        for (name, text) in texts {
            members.extend(
                text.iter()
                    .map(|text| (name.to_owned(), Value::from(text.as_str()))),
            );
        }
        let times = [
            ("exp", self.expires_at()),
            ("nbf", self.not_before()),
            ("iat", self.issued_at()),
        ];
        for (name, time) in times {
            members.extend(time.map(|time| (name.to_owned(), Value::from(time))));
        }
        if let Some(audiences) = &self.claims.aud {
            members.insert("aud".to_owned(), Value::from(&audiences[..]));
        }
        Value::Object(members)
    }

    /// All other claims, at most 8 KiB and 16 levels of them.
    pub fn extra(&self) -> &Map<String, Value> {
        &self.claims.extra
    }
}

impl fmt::Debug for Verified {
    /// Names, not contents: claims are personal data, and logs are read by many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .field("jti", &self.claims.jti)
            .finish_non_exhaustive()
    }
}

pub(crate) fn unix_seconds(instant: Instant) -> u64 {
    u64::try_from(instant.max(0)).unwrap_or(u64::MAX)
}
