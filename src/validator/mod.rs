//! The data plane: answers whether a credential is active. Reads memory only; nothing in it can
//! fail, block, allocate, log or write, and no `Error` stands in its types.

mod batch;
#[cfg(feature = "jwt")]
mod signed;

use std::sync::Arc;

use crate::active::Active;
#[cfg(feature = "http")]
use crate::auth::Auth;
use crate::credential::{Credential, Headers, Profile, Request, Scratch};
use crate::inactive::{ClientFault, Inactive, Oversize};
use crate::live::{Live, Missing};
use crate::table::{self, Entry, Place};
use crate::token_text;

/// The longest text that is looked up, in bytes: that of a credential in a request.
const TEXT_MAX_BYTES: usize = 8 * 1024;
/// The longest id of a pair that is looked up, in bytes.
const PAIR_ID_MAX_BYTES: usize = crate::new_token::PAIR_ID_MAX_BYTES;

/// A handle that validates, from any thread, without I/O, locks or allocation.
///
/// Cheap to clone; all clones see a revocation as soon as the call that made it has returned.
/// When its store is closed, everything is [`Inactive::Unavailable`].
#[derive(Clone)]
pub struct Validator {
    live: Arc<Live>,
    /// The audience that every token must name.
    audience: Option<Arc<str>>,
}

impl Validator {
    pub(crate) fn new(live: Arc<Live>) -> Self {
        Self {
            live,
            audience: None,
        }
    }

    /// A validator that takes only tokens that name `audience` among whom they are for
    /// ([`NewToken::audience`](crate::NewToken::audience)). Without it any audience will do: ask the
    /// [`Active`] for it.
    pub fn for_audience(&self, audience: &str) -> Self {
        Self {
            live: Arc::clone(&self.live),
            audience: Some(audience.into()),
        }
    }

    /// Validates a token's text: an opaque token, an API key, or a JWT issued by this store.
    #[inline]
    pub fn validate(&self, text: impl AsRef<[u8]>) -> Result<Active<'_>, Inactive> {
        self.validate_text(text.as_ref())
    }

    fn validate_text(&self, text: &[u8]) -> Result<Active<'_>, Inactive> {
        if text.len() > TEXT_MAX_BYTES {
            return Err(Inactive::TooLarge(Oversize::Field));
        }
        // The clock first, then the state: however long this thread sleeps between the two, what was
        // revoked meanwhile is dead.
        let mut now = 0;
        match self.live.find_opaque(text, || now = self.live.now_secs()) {
            Ok(entry) => self.judge_at(&entry, now),
            // The end of most that miss, in place: a call would stand before the next look-up's prefetch, as
            // told at `find_opaque`.
            Err(Some(_)) if !self.live.has_placed_by_digest() => Err(self.not_found()),
            Err(digest) => self.validate_other(text, digest),
        }
    }

    /// JWTs, chosen secrets, and what is unknown. Out of line, and not with the entry handed back: then
    /// the compiler keeps that of [`Live::find_opaque`] in registers.
    #[inline(never)]
    fn validate_other(
        &self,
        text: &[u8],
        digest: Option<table::Digest>,
    ) -> Result<Active<'_>, Inactive> {
        match self.live.find_other(text, digest) {
            Ok(entry) => self.judge(&entry).map_err(|why| refine(why, &entry, text)),
            Err(Missing::Unknown) => Err(self.not_found()),
            Err(Missing::OtherForm) => Err(self.why_no_token(text)),
        }
    }

    /// Validates an id and secret shown together. Every refusal is
    /// [`Inactive::ClientUnauthenticated`], which tells a client nothing; the reason inside is for
    /// the log.
    pub fn validate_pair(
        &self,
        id: impl AsRef<[u8]>,
        secret: impl AsRef<[u8]>,
    ) -> Result<Active<'_>, Inactive> {
        let (id, secret) = (id.as_ref(), secret.as_ref());
        if id.is_empty() || id.len() > PAIR_ID_MAX_BYTES || secret.len() > TEXT_MAX_BYTES {
            return Err(Inactive::ClientUnauthenticated(ClientFault::Unknown));
        }
        let place = token_text::id_bytes(secret).map(Place::of_id_text);
        if let Some(place) = place {
            self.live.table.prefetch(place);
        }
        let digest = self.live.digests.pair(id, secret);
        self.live
            .find(place, digest)
            .ok_or(Inactive::NotFound)
            .and_then(|entry| self.judge(&entry))
            .map_err(as_client_fault)
    }

    /// Validates a credential found in a request.
    pub fn validate_credential(&self, credential: &Credential<'_>) -> Result<Active<'_>, Inactive> {
        match credential {
            Credential::Token { text, .. } => self.validate(text),
            Credential::Pair { id, secret, .. } => self.validate_pair(id, secret),
        }
        .map(|active| active.shown_in(credential.source()))
    }

    /// Finds the credential in a request and validates it.
    ///
    /// `scratch` is where an encoded credential is decoded to; it is wiped when dropped.
    pub fn validate_request<H: Headers + ?Sized>(
        &self,
        profile: &Profile,
        request: &Request<'_, H>,
        scratch: &mut Scratch,
    ) -> Result<Active<'_>, Inactive> {
        self.validate_credential(&profile.find(request, scratch)?)
    }

    /// The store's time, in Unix seconds.
    #[cfg(feature = "http")]
    pub(crate) fn now_secs(&self) -> u64 {
        self.live.now_secs()
    }

    /// Whether what was found is alive, and for whom this validator takes tokens.
    #[inline(always)]
    fn judge(&self, entry: &Entry) -> Result<Active<'_>, Inactive> {
        self.judge_at(entry, self.live.now_secs())
    }

    /// The same for those that looked at the clock before.
    #[inline(always)]
    fn judge_at(&self, entry: &Entry, now: u64) -> Result<Active<'_>, Inactive> {
        self.live.judge_at(entry, now)?;
        if let Some(audience) = &self.audience {
            self.expect_audience_of(*entry, audience)?;
        }
        Ok(Active::new(&self.live, entry))
    }

    /// Goes on only if the token is for `audience`. Out of line, and not with the [`Active`] that is
    /// handed back: it would be made on the stack and copied.
    #[inline(never)]
    fn expect_audience_of(&self, entry: Entry, audience: &str) -> Result<(), Inactive> {
        Active::new(&self.live, &entry).expect_audience(audience)?;
        Ok(())
    }

    /// The same for a token that was validated before, by another validator perhaps.
    #[cfg(feature = "http")]
    pub(crate) fn expect_own_audience_of(&self, auth: &Auth) -> Result<(), Inactive> {
        match &self.audience {
            None => Ok(()),
            Some(audience) => auth.expect_audience(audience),
        }
    }

    /// Why a token that was not found is not active. In few instructions, since a processor that has to
    /// get through many does not reach the next look-up's memory while this one's is on its way.
    #[inline(always)]
    fn not_found(&self) -> Inactive {
        self.live.shut_reason().unwrap_or(Inactive::NotFound)
    }

    /// The precise reason why a text that is no opaque token of any store is not in the table.
    #[cold]
    fn why_no_token(&self, text: &[u8]) -> Inactive {
        if let Some(reason) = self.live.shut_reason() {
            return reason;
        }
        #[cfg(feature = "jwt")]
        if text.contains(&b'.') {
            let (audience, now) = (self.audience.as_deref(), self.live.now_secs());
            let why = self.live.keyring.why_not_found(text, audience, now);
            if why != Inactive::Format {
                return why;
            }
        }
        #[cfg(not(feature = "jwt"))]
        let _ = text;
        // A chosen secret may look like anything.
        match self.live.has_placed_by_digest() {
            true => Inactive::NotFound,
            false => Inactive::Format,
        }
    }
}

/// Tells the end that a JWT's signature covers from an earlier one that only the store knows.
#[cfg(feature = "jwt")]
fn refine(why: Inactive, entry: &Entry, text: &[u8]) -> Inactive {
    let signed = |exp| exp <= u64::from(entry.expires_at);
    if why == Inactive::Expired && crate::jwt::embedded_expiry(text).is_some_and(signed) {
        return Inactive::ExpiredSignature;
    }
    why
}

#[cfg(not(feature = "jwt"))]
fn refine(why: Inactive, _: &Entry, _: &[u8]) -> Inactive {
    why
}

fn as_client_fault(inactive: Inactive) -> Inactive {
    let fault = match inactive {
        Inactive::Revoked => ClientFault::Revoked,
        Inactive::Expired => ClientFault::Expired,
        Inactive::NotYetValid => ClientFault::NotYetValid,
        Inactive::ClientDisabled => ClientFault::Disabled,
        Inactive::Unavailable | Inactive::Forked => return inactive,
        _ => ClientFault::Unknown,
    };
    Inactive::ClientUnauthenticated(fault)
}

impl core::fmt::Debug for Validator {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Validator")
    }
}
