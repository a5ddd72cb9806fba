//! `Active`: the proof that a token was active when it was validated. Only the validator makes it.

use core::fmt;
use std::sync::Arc;

use crate::credential::Source;
use crate::inactive::Inactive;
use crate::kind::Kind;
use crate::live::{AUDIENCE_MARK, Live};
use crate::table::{Digest, Entry, Grant};
use crate::token_id::TokenId;

/// A token that was active when it was validated (RFC 7662 section 2.2).
///
/// It cannot be made outside this crate, copies in a register or two, and borrows what tokens
/// share from the validator. What it says is as of the moment of validation: a revocation that
/// comes later does not change it.
#[derive(Clone, Copy)]
pub struct Active<'v> {
    /// Shared, so that what is kept for longer ([`Auth`](crate::Auth)) is of the same store.
    pub(crate) live: &'v Arc<Live>,
    pub(crate) facts: Facts,
}

/// What is known of one active token beside what it shares with others.
#[derive(Clone, Copy)]
pub(crate) struct Facts {
    /// With `placed_by_digest`, what it takes to find the token in the table again.
    pub(crate) digest: Digest,
    pub(crate) placed_by_digest: bool,
    id: TokenId,
    grant: u32,
    expires_at: u32,
    source: Option<Source>,
}

impl<'v> Active<'v> {
    #[inline]
    pub(crate) fn new(live: &'v Arc<Live>, entry: &Entry) -> Self {
        let facts = Facts {
            digest: entry.digest,
            placed_by_digest: entry.placed_by_digest,
            id: entry.id,
            grant: entry.grant,
            expires_at: entry.expires_at,
            source: None,
        };
        Self { live, facts }
    }

    pub(crate) fn shown_in(mut self, source: Source) -> Self {
        self.facts.source = Some(source);
        self
    }

    /// The token's public handle.
    pub fn token_id(&self) -> TokenId {
        self.facts.id
    }

    /// The client the token was issued to.
    pub fn client_id(&self) -> &'v str {
        self.live.client_name(self.grant().client)
    }

    /// What kind of credential was shown.
    pub fn kind(&self) -> Kind {
        // The store puts only numbers of kinds into grants.
        Kind::from_u8(self.grant().kind).unwrap_or(Kind::Token)
    }

    /// The instant from which on it will be refused, in Unix seconds; `None`: never.
    pub fn expires_at(&self) -> Option<u64> {
        (self.facts.expires_at != u32::MAX).then_some(u64::from(self.facts.expires_at))
    }

    /// The token's scopes, sorted.
    pub fn scopes(&self) -> impl ExactSizeIterator<Item = &'v str> + use<'v> {
        self.scope_texts().iter().map(|scope| &**scope)
    }

    pub(crate) fn scope_texts(&self) -> &'v [Box<str>] {
        let (scopes, _) = self.scopes_and_audiences();
        scopes
    }

    /// Whom the token is for, sorted; none: whoever asks.
    pub fn audiences(&self) -> impl ExactSizeIterator<Item = &'v str> + use<'v> {
        let (_, audiences) = self.scopes_and_audiences();
        let unmarked = |marked: &'v str| marked.strip_prefix(AUDIENCE_MARK);
        audiences
            .iter()
            .map(move |marked| unmarked(marked).unwrap_or_default())
    }

    /// Whether the token has `scope`, to the byte. No I/O, no allocation.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|held| held == scope)
    }

    /// Where in the request the credential stood, if a request was validated. A cookie needs a
    /// defence against cross-site requests that a header does not.
    pub fn source(&self) -> Option<Source> {
        self.facts.source
    }

    /// Goes on only if the token is `client`'s.
    pub fn expect_client(self, client: &str) -> Result<Self, Inactive> {
        if self.client_id() == client {
            Ok(self)
        } else {
            Err(Inactive::ClientMismatch)
        }
    }

    /// Goes on only if the token has `scope`.
    pub fn expect_scope(self, scope: &str) -> Result<Self, Inactive> {
        if self.has_scope(scope) {
            Ok(self)
        } else {
            Err(Inactive::InsufficientScope)
        }
    }

    /// Goes on only if the token is for `audience`; one that names no audience is not.
    pub fn expect_audience(self, audience: &str) -> Result<Self, Inactive> {
        let mut audiences = self.audiences();
        if audiences.len() == 0 {
            Err(Inactive::FieldsMissing)
        } else if audiences.any(|named| named == audience) {
            Ok(self)
        } else {
            Err(Inactive::Audience)
        }
    }

    /// Goes on only if the token is of `kind`.
    pub fn expect_kind(self, kind: Kind) -> Result<Self, Inactive> {
        if self.kind() == kind {
            Ok(self)
        } else {
            Err(Inactive::Kind)
        }
    }

    /// Scopes stand first, audiences after them.
    fn scopes_and_audiences(&self) -> (&'v [Box<str>], &'v [Box<str>]) {
        let both = self
            .live
            .scope_sets
            .get(self.grant().scopes)
            .unwrap_or_default();
        let is_scope = |one: &str| !one.starts_with(AUDIENCE_MARK);
        // From the end: most tokens name no audience.
        let last = both.iter().rposition(|one| is_scope(one));
        let scopes = last.map_or(0, |last| last + 1);
        both.split_at(scopes)
    }

    fn grant(&self) -> Grant {
        self.live.grant(self.facts.grant)
    }
}

impl Active<'_> {
    /// What `Debug` shows, under this name.
    pub(crate) fn show(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        f.debug_struct(name)
            .field("token_id", &self.token_id())
            .field("client_id", &self.client_id())
            .field("kind", &self.kind())
            .field("expires_at", &self.expires_at())
            .field("source", &self.facts.source)
            .finish()
    }
}

impl fmt::Debug for Active<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f, "Active")
    }
}
