//! The data plane for what others sign: tokens of foreign issuers, and assertions of clients.

use super::{TEXT_MAX_BYTES, Validator};
use crate::auth::Auth;
use crate::credential::Credential;
use crate::inactive::{Inactive, Oversize};
use crate::keyring::{ActiveForeign, ClientAssertion};
use crate::table::CLIENT_DISABLED;

impl Validator {
    /// Validates a token of one of the [foreign issuers](crate::Options::foreign_issuers).
    ///
    /// The first look verifies the signature and allocates. As long as the token is remembered,
    /// later ones cost a digest of the text: its times are judged again each time, and what was
    /// revoked ([`Store::revoke_foreign`](crate::Store::revoke_foreign),
    /// [`Store::revoke_all`](crate::Store::revoke_all), a disabled client) is refused from the moment
    /// on when that call has returned. When an issuer's keys are replaced, its tokens are verified
    /// again.
    ///
    /// A validator [for an audience](Self::for_audience) takes only tokens that name it.
    pub fn validate_foreign(&self, text: impl AsRef<[u8]>) -> Result<ActiveForeign, Inactive> {
        let text = text.as_ref();
        let now = self.check_signed(text)?;
        let live = &*self.live;
        let digest = live.digests.jwt(text).in_memory();
        let active = live.keyring.foreign(text, digest, now, &live.denials())?;
        if let Some(audience) = &self.audience {
            active.expect_audience(audience)?;
        }
        Ok(active)
    }

    /// [`validate_credential`](Self::validate_credential) for whoever takes foreign tokens too: what
    /// has the look of a JWT and is not in the store is held to
    /// [`validate_foreign`](Self::validate_foreign).
    pub fn validate_own_or_foreign(&self, credential: &Credential<'_>) -> Result<Auth, Inactive> {
        let Credential::Token { text, .. } = credential else {
            return Ok(self.validate_credential(credential)?.to_auth());
        };
        let (text, source) = (*text, credential.source());
        let is_own =
            text.len() > TEXT_MAX_BYTES || !text.contains(&b'.') || self.live.knows_jwt(text);
        if is_own {
            return Ok(self.validate_text(text)?.shown_in(source).to_auth());
        }
        match self.validate_foreign(text) {
            Ok(foreign) => Ok(Auth::of_foreign(&self.live, foreign, source)),
            // Then it may have been this store's.
            Err(Inactive::UnknownKey) => Err(self.why_no_token(text)),
            Err(why) => Err(why),
        }
    }

    /// Validates an assertion by which a client of this store authenticates with its own key (RFC
    /// 7523 section 3): `iss` and `sub` are the client, `aud` names `audience`, `exp` has not come,
    /// and the key is one that [`Store::generate_client_key`](crate::Store::generate_client_key) or
    /// [`Store::import_client_key`](crate::Store::import_client_key) gave the client.
    ///
    /// **Each is taken once** (item 7 there), and so must carry `jti` and `iat`, and end within an hour
    /// (item 4): otherwise [`Inactive::FieldsMissing`]. What was taken is remembered in memory until it
    /// expires: 8,192 assertions for each of 64 groups of clients, and when a group is full it is
    /// [`Inactive::Unavailable`], never forgotten. An assertion issued before the store was
    /// opened, or in that second, may have been taken then: it is [`Inactive::Replayed`] too, and its
    /// client signs another.
    ///
    /// The key is found by the `kid` of the header; a `kid` in the payload must be the same.
    /// Verifies a signature, allocates, and takes a lock of the client's group.
    pub fn validate_client_assertion(
        &self,
        text: impl AsRef<[u8]>,
        audience: &str,
    ) -> Result<ClientAssertion, Inactive> {
        let assertion = self.validate_reusable_client_assertion(text, audience)?;
        self.live.keyring.take(&assertion, self.live.now_secs())?;
        Ok(assertion)
    }

    /// The same for clients that show one assertion many times, as Frontier's service users do for
    /// hours: whoever sees one can use it until it expires. Needs neither `jti` nor `iat`, and
    /// remembers nothing.
    pub fn validate_reusable_client_assertion(
        &self,
        text: impl AsRef<[u8]>,
        audience: &str,
    ) -> Result<ClientAssertion, Inactive> {
        let text = text.as_ref();
        let now = self.check_signed(text)?;
        let grants = &self.live.grants;
        let is_disabled = |grant| grants.least_alive(grant) & CLIENT_DISABLED != 0;
        self.live
            .keyring
            .assertion(text, audience, now, is_disabled)
    }

    /// Refuses what is too long, and everything when the store is shut; yields the time.
    fn check_signed(&self, text: &[u8]) -> Result<u64, Inactive> {
        if text.len() > TEXT_MAX_BYTES {
            return Err(Inactive::TooLarge(Oversize::Field));
        }
        let now = self.live.now_secs();
        match self.live.shut_reason() {
            Some(reason) => Err(reason),
            None => Ok(now),
        }
    }
}
