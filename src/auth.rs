//! `Auth`: an [`Active`] that owns what it needs, to be kept with a request beyond the borrow of the
//! validator.

use core::fmt;
use std::sync::Arc;

use crate::active::{Active, Facts};
use crate::credential::Source;
use crate::inactive::Inactive;
use crate::kind::Kind;
use crate::live::Live;
use crate::table::Place;
use crate::token_id::TokenId;

/// A token that was active when it was validated, to be kept as long as one likes: in a request's
/// extensions, in a task, in a connection.
///
/// Made by [`Active::to_auth`] and in no other way, so holding one is proof of a validation. Making
/// and cloning one counts a reference and allocates nothing.
///
/// What it says is as of the moment of validation, as with [`Active`]; [`revalidate`] asks again,
/// which a connection that outlives a request should do. Of whom it says so stays true however long
/// it is kept: a store numbers client names and sets of scopes once and gives no number a second
/// time, purged or not, so an `Auth` never comes to name another client. It keeps the memory of a
/// closed store alive.
///
/// [`revalidate`]: Self::revalidate
#[derive(Clone)]
pub struct Auth {
    live: Arc<Live>,
    facts: Facts,
}

impl Active<'_> {
    /// The same, owned.
    #[must_use]
    pub fn to_auth(&self) -> Auth {
        Auth {
            live: Arc::clone(self.live),
            facts: self.facts,
        }
    }
}

impl Auth {
    /// The same, borrowed: everything an [`Active`] can be asked, an `Auth` can.
    #[must_use]
    pub fn active(&self) -> Active<'_> {
        Active {
            live: &self.live,
            facts: self.facts,
        }
    }

    /// Whether the token is active now: what [`Validator::validate`](crate::Validator::validate)
    /// would say of it, without its text. For what lives longer than a request: a WebSocket, a
    /// stream of events. As cheap as validating, save the digest.
    ///
    /// # Errors
    /// Why it is not. A token that has been purged is [`Inactive::NotFound`].
    pub fn revalidate(&self) -> Result<(), Inactive> {
        let Facts {
            digest,
            placed_by_digest,
            ..
        } = self.facts;
        let place = match placed_by_digest {
            true => Place::of_digest(digest),
            false => Place::of_id(self.token_id()),
        };
        match self.live.table.get(place, digest) {
            Some(entry) => self.live.judge(&entry),
            None => Err(self.live.shut_reason().unwrap_or(Inactive::NotFound)),
        }
    }

    /// The store's time.
    #[cfg(feature = "http")]
    pub(crate) fn now_secs(&self) -> u64 {
        self.live.now_secs()
    }

    /// The same, shown elsewhere.
    #[cfg(feature = "http")]
    pub(crate) fn shown_in(&self, source: Source) -> Self {
        self.active().shown_in(source).to_auth()
    }

    /// The token's public handle.
    #[must_use]
    pub fn token_id(&self) -> TokenId {
        self.active().token_id()
    }

    /// The client the token was issued to.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.active().client_id()
    }

    /// What kind of credential was shown.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.active().kind()
    }

    /// The instant from which on it will be refused, in Unix seconds; `None`: never.
    #[must_use]
    pub fn expires_at(&self) -> Option<u64> {
        self.active().expires_at()
    }

    /// The token's scopes, sorted.
    pub fn scopes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.active().scopes()
    }

    /// Whether the token has `scope`, to the byte.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.active().has_scope(scope)
    }

    /// Goes on only if the token has `scope`.
    ///
    /// # Errors
    /// [`Inactive::InsufficientScope`].
    pub fn expect_scope(&self, scope: &str) -> Result<(), Inactive> {
        self.active().expect_scope(scope).map(|_| ())
    }

    /// Where in the request the credential stood, if a request was validated.
    #[must_use]
    pub fn source(&self) -> Option<Source> {
        self.active().source()
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.active().show(f, "Auth")
    }
}
