//! `Auth`: a token that was active, kept with a request beyond the borrow of the validator.

use core::fmt;
use std::sync::Arc;

use crate::active::{Active, Facts};
use crate::credential::Source;
use crate::inactive::Inactive;
#[cfg(feature = "jwt")]
use crate::keyring::ActiveForeign;
use crate::kind::Kind;
use crate::live::Live;
use crate::table::Place;
use crate::token_id::TokenId;

/// A token that was active when it was validated, to be kept as long as one likes: in a request's
/// extensions, in a task, in a connection.
///
/// Made by [`Active::to_auth`] and, of foreign tokens, by a validator that is asked about them; so
/// holding one is proof of a validation. Making and cloning one counts references and allocates nothing.
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
    token: Token,
}

#[derive(Clone)]
enum Token {
    Own(Facts),
    #[cfg(feature = "jwt")]
    Foreign(ActiveForeign, Source),
}

impl Active<'_> {
    /// The same, owned.
    #[must_use]
    pub fn to_auth(&self) -> Auth {
        Auth {
            live: Arc::clone(self.live),
            token: Token::Own(self.facts),
        }
    }
}

impl Auth {
    /// A token of a foreign issuer, and where it was shown.
    #[cfg(feature = "jwt")]
    pub(crate) fn of_foreign(live: &Arc<Live>, token: ActiveForeign, source: Source) -> Self {
        Self {
            live: Arc::clone(live),
            token: Token::Foreign(token, source),
        }
    }

    /// The same, borrowed, if it is a token of the store.
    #[must_use]
    pub fn active(&self) -> Option<Active<'_>> {
        match self.token {
            Token::Own(facts) => Some(self.own(facts)),
            #[cfg(feature = "jwt")]
            Token::Foreign(..) => None,
        }
    }

    /// The same, if it is a token of a foreign issuer: what it claims.
    #[cfg(feature = "jwt")]
    #[must_use]
    pub fn foreign(&self) -> Option<&ActiveForeign> {
        match &self.token {
            Token::Own(_) => None,
            Token::Foreign(token, _) => Some(token),
        }
    }

    fn own(&self, facts: Facts) -> Active<'_> {
        Active {
            live: &self.live,
            facts,
        }
    }

    /// Whether the token is active now: what [`Validator::validate`](crate::Validator::validate)
    /// would say of it, without its text. For what lives longer than a request: a WebSocket, a
    /// stream of events. As cheap as validating, save the digest.
    ///
    /// # Errors
    /// Why it is not. A token that has been purged is [`Inactive::NotFound`]; one of a foreign issuer
    /// that has since replaced the key that signed it, [`Inactive::UnknownKey`].
    pub fn revalidate(&self) -> Result<(), Inactive> {
        match &self.token {
            Token::Own(facts) => self.revalidate_own(self.own(*facts)),
            #[cfg(feature = "jwt")]
            Token::Foreign(token, _) => {
                let now = self.live.now_secs();
                match self.live.shut_reason() {
                    Some(reason) => Err(reason),
                    None => {
                        let denials = self.live.denials();
                        self.live.keyring.foreign_again(token, now, &denials)
                    }
                }
            }
        }
    }

    fn revalidate_own(&self, active: Active<'_>) -> Result<(), Inactive> {
        let Facts {
            digest,
            placed_by_digest,
            ..
        } = active.facts;
        let place = match placed_by_digest {
            true => Place::of_digest(digest),
            false => Place::of_id(active.token_id()),
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
        match &self.token {
            Token::Own(facts) => self.own(*facts).shown_in(source).to_auth(),
            #[cfg(feature = "jwt")]
            Token::Foreign(token, _) => Self::of_foreign(&self.live, token.clone(), source),
        }
    }

    /// The token's public handle. `None`: it was issued by somebody else, who calls it by its `jti`.
    #[must_use]
    pub fn token_id(&self) -> Option<TokenId> {
        self.active().map(|active| active.token_id())
    }

    /// The client the token was issued to; of a foreign one, as its issuer's mapping has it.
    #[must_use]
    pub fn client_id(&self) -> &str {
        match &self.token {
            Token::Own(facts) => self.own(*facts).client_id(),
            #[cfg(feature = "jwt")]
            Token::Foreign(token, _) => token.client_id(),
        }
    }

    /// What kind of the store's credentials was shown. `None`: a foreign token, which is none.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        self.active().map(|active| active.kind())
    }

    /// The instant from which on it will be refused, in Unix seconds; `None`: never.
    #[must_use]
    pub fn expires_at(&self) -> Option<u64> {
        match &self.token {
            Token::Own(facts) => self.own(*facts).expires_at(),
            #[cfg(feature = "jwt")]
            Token::Foreign(token, _) => Some(token.expires_at()),
        }
    }

    /// The token's scopes, sorted; of a foreign one, as its issuer's mapping has them.
    pub fn scopes(&self) -> impl ExactSizeIterator<Item = &str> {
        let texts = match &self.token {
            Token::Own(facts) => self.own(*facts).scope_texts(),
            #[cfg(feature = "jwt")]
            Token::Foreign(token, _) => token.scope_texts(),
        };
        texts.iter().map(|scope| &**scope)
    }

    /// Whether the token has `scope`, to the byte.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|held| held == scope)
    }

    /// Goes on only if the token has `scope`.
    ///
    /// # Errors
    /// [`Inactive::InsufficientScope`].
    pub fn expect_scope(&self, scope: &str) -> Result<(), Inactive> {
        match self.has_scope(scope) {
            true => Ok(()),
            false => Err(Inactive::InsufficientScope),
        }
    }

    /// Goes on only if the token is for `audience`; one that names no audience is not.
    ///
    /// # Errors
    /// [`Inactive::Audience`], or [`Inactive::FieldsMissing`] if it names none.
    pub fn expect_audience(&self, audience: &str) -> Result<(), Inactive> {
        match &self.token {
            Token::Own(facts) => self.own(*facts).expect_audience(audience).map(|_| ()),
            #[cfg(feature = "jwt")]
            Token::Foreign(token, _) => token.expect_audience(audience),
        }
    }

    /// Where in the request the credential stood, if a request was validated.
    #[must_use]
    pub fn source(&self) -> Option<Source> {
        match &self.token {
            Token::Own(facts) => self.own(*facts).source(),
            #[cfg(feature = "jwt")]
            Token::Foreign(_, source) => Some(*source),
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.token {
            Token::Own(facts) => self.own(*facts).show(f, "Auth"),
            #[cfg(feature = "jwt")]
            Token::Foreign(token, source) => f
                .debug_struct("Auth")
                .field("foreign", token)
                .field("source", source)
                .finish(),
        }
    }
}
