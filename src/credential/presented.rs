//! The credential as it is handed to a caller: well-formed, borrowed, and silent when printed.

use std::fmt;

use super::scheme::Scheme;
use super::source::Source;

/// A well-formed credential, borrowed from the request or from the scratch.
///
/// That it is well-formed says nothing about its being any good: show it to a validator.
///
/// ```
/// use hallpass::credential::{Credential, Profile, Request, Scratch};
///
/// let headers = [("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")];
/// let mut scratch = Scratch::new();
/// let found = Profile::strict().find(&Request::new(&headers), &mut scratch)?;
/// let Credential::Pair { id, secret, .. } = found else { unreachable!() };
/// assert_eq!((id, secret), (&b"Aladdin"[..], &b"open sesame"[..]));
/// # Ok::<_, hallpass::Inactive>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// A token, an API key, a session id, a JWT.
    Token {
        /// What is looked up: exactly these bytes. Under [`Profile::strict`](super::Profile::strict)
        /// they are ASCII.
        text: &'a [u8],
        /// The scheme that it came under.
        scheme: Scheme,
        /// Where it stood.
        source: Source,
    },
    /// A client id and its secret.
    Pair {
        /// The client id, user-id or API key. Whatever the profile, it is UTF-8.
        id: &'a [u8],
        /// The secret or password, UTF-8 as well.
        secret: &'a [u8],
        /// The scheme that it came under.
        scheme: Scheme,
        /// Where it stood.
        source: Source,
        /// The DocType that `Frappe-Authorization-Source` names as the table to look `id` up in.
        /// The client chose it: take it only from a list of your own.
        doctype: Option<&'a str>,
    },
}

impl Credential<'_> {
    /// Where it stood.
    #[must_use]
    pub const fn source(&self) -> Source {
        match self {
            Self::Token { source, .. } | Self::Pair { source, .. } => *source,
        }
    }

    /// The scheme that it came under.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        match self {
            Self::Token { scheme, .. } | Self::Pair { scheme, .. } => *scheme,
        }
    }
}

/// Shows where it came from and nothing of what it is, not even its length.
impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Token { .. } => "Token",
            Self::Pair { .. } => "Pair",
        };
        f.debug_struct(name)
            .field("scheme", &self.scheme())
            .field("source", &self.source())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_leak_credential() {
        let scheme = Scheme::Bearer;
        let source = Source::Header;
        let token = Credential::Token {
            text: b"hunter2",
            scheme,
            source,
        };
        let pair = Credential::Pair {
            id: b"amy",
            secret: b"hunter2",
            scheme,
            source,
            doctype: None,
        };
        assert_eq!(
            format!("{token:?}"),
            "Token { scheme: Bearer, source: Header, .. }"
        );
        assert_eq!(format!("{pair:#?}").matches("hunter2").count(), 0);
        assert!(!format!("{pair:?}").contains("amy"));
    }
}
