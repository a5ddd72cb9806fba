//! Why a request was refused, for the log: the store's reasons, and those that only a server has.

use std::fmt;

use super::fault::Fault;
use crate::inactive::Inactive;
use crate::public_answer::{Challenger, PublicAnswer};

/// Why a request was refused, in full, for logs; a client is told [`public`](Self::public).
///
/// Every response made of a [`Refusal`](super::Refusal) carries it among its extensions, where a
/// layer further out finds it. It holds no text, so nothing in it can leak.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The credential is missing, unreadable or not active.
    Inactive(Inactive),
    /// A credential stood where this handler takes none; told as if there were none.
    Source,
    /// A browser added the credential by itself, a cookie say, and nothing proves that a page of
    /// this site made the request.
    CrossSite,
    /// More than a client may have or ask for.
    TooMany,
    /// A handler asks for [`Auth`](crate::Auth) where nothing validates: the server's fault.
    Unguarded,
    /// The caller may ask, and an endpoint could not do what was asked.
    Fault(Fault),
}

impl Reason {
    /// The stable code for logs; see [`Inactive::code`].
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Inactive(why) => why.code(),
            Self::Source => "credential.source",
            Self::CrossSite => "request.cross_site",
            Self::TooMany => "quota.exceeded",
            Self::Unguarded => "server.unguarded",
            Self::Fault(fault) => fault.public().code,
        }
    }

    /// The stable number for logs; see [`Inactive::num`].
    #[must_use]
    pub const fn num(self) -> u16 {
        match self {
            Self::Inactive(why) => why.num(),
            Self::Source => 105,
            Self::CrossSite => 106,
            Self::TooMany => 241,
            Self::Unguarded => 306,
            Self::Fault(fault) => fault.num(),
        }
    }

    /// What a client may be told.
    #[must_use]
    pub const fn public(self) -> PublicAnswer {
        match self {
            Self::Inactive(why) => why.public(),
            Self::Source => Inactive::Missing.public(),
            Self::CrossSite => CROSS_SITE,
            Self::TooMany => TOO_MANY,
            Self::Unguarded => Inactive::Forked.public(),
            Self::Fault(fault) => fault.public(),
        }
    }

    /// Whether someone should look into it: an attack by the look of it, not a mistake.
    pub(super) const fn is_alarming(self) -> bool {
        matches!(
            self,
            Self::CrossSite | Self::Inactive(Inactive::ClientMismatch | Inactive::Algorithm)
        )
    }
}

impl From<Fault> for Reason {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Inactive> for Reason {
    fn from(why: Inactive) -> Self {
        Self::Inactive(why)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for Reason {}

/// No challenge: showing a credential again would not help.
pub(super) const NO_CHALLENGE: Option<Challenger> = None;

const CROSS_SITE: PublicAnswer = PublicAnswer {
    code: "request.cross_site",
    message: "cross-site request refused",
    http_status: 403,
    grpc_code: 7,
    oauth_error: Some("invalid_request"),
    oauth_description: None,
    challenge: NO_CHALLENGE,
};

const TOO_MANY: PublicAnswer = PublicAnswer {
    code: "quota.exceeded",
    message: "too many requests",
    http_status: 429,
    grpc_code: 8,
    oauth_error: Some("temporarily_unavailable"),
    ..CROSS_SITE
};
