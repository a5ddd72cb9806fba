//! Keys by which clients sign for themselves, and the assertions they sign (RFC 7523 section 3).

use core::fmt;
use std::collections::HashMap;

use arc_swap::ArcSwap;

use super::Keyring;
use crate::inactive::Inactive;
use crate::jwt::{Expect, KeySet, Unverified, Verified, VerifyingKey};

/// The type of an access token: what one of those says is no assertion (RFC 8725 section 3.12).
const ACCESS_TOKEN: &str = "at+jwt";

/// How far ahead an assertion that is taken once may end, since it is remembered until then: RFC 7523
/// section 3 item 4 lets what is "unreasonably far in the future" be refused.
const USABLE_MAX_SECS: u64 = 3600;

/// All keys of clients, by their `kid`.
#[derive(Default)]
pub(super) struct ClientKeys(ArcSwap<HashMap<Box<str>, ClientKey>>);

/// A key of a client.
pub(crate) struct ClientKey {
    client: Box<str>,
    /// The grant whose word tells whether the client is disabled.
    pub(crate) grant: u32,
    key: KeySet,
}

impl ClientKey {
    pub(crate) fn new(client: Box<str>, grant: u32, key: VerifyingKey) -> Self {
        Self {
            client,
            grant,
            key: KeySet::from(key),
        }
    }
}

/// A client that has proved who it is by an assertion it signed; only the validator makes one.
#[derive(Clone)]
pub struct ClientAssertion {
    client: Box<str>,
    verified: Verified,
}

impl ClientAssertion {
    /// The client.
    pub fn client_id(&self) -> &str {
        &self.client
    }

    /// The name of the key that signed.
    pub fn kid(&self) -> Option<&str> {
        self.verified.kid()
    }

    /// The assertion's `jti`, if it has one.
    pub fn jti(&self) -> Option<&str> {
        self.verified.jti()
    }

    /// The instant from which on it is refused, in Unix seconds.
    pub fn expires_at(&self) -> u64 {
        self.verified.expires_at().unwrap_or_default()
    }

    /// All that it claims.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }
}

impl fmt::Debug for ClientAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAssertion")
            .field("client_id", &self.client)
            .field("verified", &self.verified)
            .finish()
    }
}

impl Keyring {
    /// From now on these keys.
    pub(crate) fn replace_client_keys(&self, keys: Vec<(Box<str>, ClientKey)>) {
        self.clients
            .0
            .store(keys.into_iter().collect::<HashMap<_, _>>().into());
    }

    /// Verifies an assertion for `audience`. Whether its client is disabled, `is_disabled` knows by
    /// its grant; it is asked last.
    pub(crate) fn assertion(
        &self,
        text: &[u8],
        audience: &str,
        now: u64,
        is_disabled: impl FnOnce(u32) -> bool,
    ) -> Result<ClientAssertion, Inactive> {
        let token = Unverified::parse(text)?;
        let keys = self.clients.0.load();
        let kid = token.header.kid.as_deref().ok_or(Inactive::UnknownKey)?;
        let of_client = keys.get(kid).ok_or(Inactive::UnknownKey)?;
        let key = of_client.key.select(&token.header)?;
        let expect = Expect::new()
            .issuer(&of_client.client)
            .subject(&of_client.client)
            .audience(audience);
        expect.judge_header(&token.header, key.algorithm())?;
        let is_access_token = |typ: &String| typ.to_ascii_lowercase().ends_with(ACCESS_TOKEN);
        if token.header.typ.as_ref().is_some_and(is_access_token) {
            return Err(Inactive::Kind);
        }
        let payload = token.verify_signature(key)?;
        let verified = Verified::judge(&payload, &token.header, key, &expect, now)?;
        // Frontier's clients name the key in the payload, too: there may not be two.
        if verified
            .extra()
            .get("kid")
            .is_some_and(|named| named != kid)
        {
            return Err(Inactive::UnknownKey);
        }
        if is_disabled(of_client.grant) {
            return Err(Inactive::ClientDisabled);
        }
        Ok(ClientAssertion {
            client: of_client.client.clone(),
            verified,
        })
    }

    /// Takes an assertion that was verified; each is taken once.
    pub(crate) fn take(&self, assertion: &ClientAssertion, now: u64) -> Result<(), Inactive> {
        if assertion.expires_at() > now.saturating_add(USABLE_MAX_SECS) {
            return Err(Inactive::FieldsMissing);
        }
        let jti = assertion.jti().ok_or(Inactive::FieldsMissing)?;
        let issued_at = assertion.verified.issued_at();
        if issued_at.ok_or(Inactive::FieldsMissing)? <= self.opened_at {
            return Err(Inactive::Replayed);
        }
        self.used
            .take(&assertion.client, jti, assertion.expires_at(), now)
    }
}
