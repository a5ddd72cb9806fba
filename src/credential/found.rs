//! What the rules of a profile hand to its door: a credential in pieces, or why there is none.

use super::scheme::Scheme;
use super::scratch::Part;
use super::source::Place;
use crate::inactive::{Inactive, Oversize};

/// A credential whose pieces are not put together yet.
#[derive(Clone)]
pub(super) struct Found<'r> {
    pub(super) what: What<'r>,
    pub(super) scheme: Scheme,
    pub(super) place: Place,
}

#[derive(Clone)]
pub(super) enum What<'r> {
    Token(Part<'r>),
    Pair {
        id: Part<'r>,
        secret: Part<'r>,
        doctype: Option<&'r str>,
    },
}

impl<'r> Found<'r> {
    pub(super) fn token(scheme: Scheme, place: Place, text: Part<'r>) -> Self {
        Self {
            what: What::Token(text),
            scheme,
            place,
        }
    }

    pub(super) fn pair(scheme: Scheme, place: Place, id: Part<'r>, secret: Part<'r>) -> Self {
        Self {
            what: What::Pair {
                id,
                secret,
                doctype: None,
            },
            scheme,
            place,
        }
    }
}

/// What came of looking for a credential, in the words of the case files.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// One was found and is well-formed; whether it is any good is the store's to say.
    Credential,
    /// Nothing was presented.
    Missing,
    /// Something was presented and breaks its grammar, be it by being there twice.
    Malformed,
    /// A scheme that is not served here.
    UnsupportedScheme,
    /// Something was presented, but the system whose profile this is goes on as if it were not.
    Ignored,
    /// Credentials in several places.
    Ambiguous,
    /// Refused unread for its length.
    TooLarge,
}

impl Outcome {
    /// The name as it stands in the case files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::UnsupportedScheme => "unsupported_scheme",
            Self::Ignored => "ignored",
            Self::Ambiguous => "ambiguous",
            Self::TooLarge => "too_large",
        }
    }
}

/// Why there is no credential, with what an explanation shows of it.
#[derive(Clone)]
pub(super) struct Refusal<'r> {
    pub(super) outcome: Outcome,
    pub(super) why: Inactive,
    pub(super) place: Option<Place>,
    pub(super) scheme: Option<SchemeSeen<'r>>,
    pub(super) token: Option<Part<'r>>,
    /// Where the original system answers another status than the profile does in general.
    pub(super) http_status: Option<u16>,
}

#[derive(Clone)]
pub(super) enum SchemeSeen<'r> {
    Known(Scheme),
    Sent(Part<'r>),
}

impl<'r> Refusal<'r> {
    const fn new(outcome: Outcome, why: Inactive, place: Option<Place>) -> Self {
        Self {
            outcome,
            why,
            place,
            scheme: None,
            token: None,
            http_status: None,
        }
    }

    pub(super) const fn missing() -> Self {
        Self::new(Outcome::Missing, Inactive::Missing, None)
    }

    pub(super) const fn malformed(place: Place) -> Self {
        Self::new(Outcome::Malformed, Inactive::Malformed, Some(place))
    }

    pub(super) const fn ignored(place: Place) -> Self {
        Self::new(Outcome::Ignored, Inactive::Missing, Some(place))
    }

    pub(super) fn unsupported(place: Place, scheme: Part<'r>) -> Self {
        let mut refusal = Self::new(
            Outcome::UnsupportedScheme,
            Inactive::UnsupportedScheme,
            Some(place),
        );
        refusal.scheme = Some(SchemeSeen::Sent(scheme));
        refusal
    }

    /// The same thing twice: a request that breaks the grammar of a field, cookie or parameter
    /// that there can be one of, told to the client as "more than one credential".
    pub(super) const fn repeated(place: Place) -> Self {
        Self::new(Outcome::Malformed, Inactive::Ambiguous, Some(place))
    }

    pub(super) const fn ambiguous() -> Self {
        Self::new(Outcome::Ambiguous, Inactive::Ambiguous, None)
    }

    pub(super) const fn too_large(place: Place) -> Self {
        let side = match place {
            Place::Query => Oversize::Query,
            _ => Oversize::Field,
        };
        Self::new(Outcome::TooLarge, Inactive::TooLarge(side), Some(place))
    }

    /// A control byte, which HTTP servers refuse before an application sees the request.
    pub(super) const fn control(place: Place) -> Self {
        Self::malformed(place).status(400)
    }

    pub(super) fn scheme(mut self, scheme: Scheme) -> Self {
        self.scheme = Some(SchemeSeen::Known(scheme));
        self
    }

    pub(super) fn token(mut self, token: Part<'r>) -> Self {
        self.token = Some(token);
        self
    }

    pub(super) const fn why(mut self, why: Inactive) -> Self {
        self.why = why;
        self
    }

    pub(super) const fn status(mut self, http_status: u16) -> Self {
        self.http_status = Some(http_status);
        self
    }
}
