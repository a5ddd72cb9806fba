//! What was made of a request, told in full: for `hallpass explain` and for tests, never for
//! clients.

use std::borrow::Cow;
use std::fmt;

use super::found::Outcome;
use super::presented::Credential;
use crate::inactive::Inactive;

/// What came of looking for a credential, with all that a log or a test may ask about it.
///
/// Made by [`Profile::explain`](super::Profile::explain). [`Debug`](fmt::Debug) shows no secret;
/// [`token`](Self::token) and the credential hold them.
#[derive(Clone)]
pub struct Explanation<'a> {
    pub(super) outcome: Outcome,
    pub(super) inactive: Option<Inactive>,
    pub(super) credential: Option<Credential<'a>>,
    pub(super) scheme: Option<&'a [u8]>,
    pub(super) source: Option<&'a str>,
    pub(super) token: Option<&'a [u8]>,
    pub(super) decoded: bool,
    pub(super) http_status: Option<u16>,
    pub(super) claimed_client: Option<String>,
}

/// How much of a scheme's name is told: one that is longer may be a secret in the wrong place.
const SCHEME_BYTES_MAX: usize = 16;

impl<'a> Explanation<'a> {
    /// What came of it.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The answer "no", if there is no credential.
    #[must_use]
    pub const fn inactive(&self) -> Option<Inactive> {
        self.inactive
    }

    /// The credential, if there is one.
    #[must_use]
    pub const fn credential(&self) -> Option<&Credential<'a>> {
        self.credential.as_ref()
    }

    /// The scheme: by its usual name if it is known, else as it was sent, cut to 16 bytes.
    #[must_use]
    pub fn scheme(&self) -> Option<Cow<'a, str>> {
        self.scheme
            .map(|sent| latin1(&sent[..sent.len().min(SCHEME_BYTES_MAX)]).into())
    }

    /// Where it stood: `authorization`, `cookie`, `query`, `subprotocol`, or the name of the
    /// header field.
    #[must_use]
    pub const fn source(&self) -> Option<&'a str> {
        self.source
    }

    /// The token, also one that was refused or passed over. What was percent-decoded is read as
    /// UTF-8; anything else has one character a byte.
    #[must_use]
    pub fn token(&self) -> Option<Cow<'a, str>> {
        self.token.map(|text| match std::str::from_utf8(text) {
            Ok(text) if self.decoded => Cow::Borrowed(text),
            _ => latin1(text).into(),
        })
    }

    /// The client id: that of a pair, or under the Wispr profile the one that a JWT claims,
    /// which nobody has verified.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        match self.credential {
            Some(Credential::Pair { id, .. }) => std::str::from_utf8(id).ok(),
            _ => self.claimed_client.as_deref(),
        }
    }

    /// The secret of a pair.
    #[must_use]
    pub fn secret(&self) -> Option<&'a str> {
        match self.credential {
            Some(Credential::Pair { secret, .. }) => std::str::from_utf8(secret).ok(),
            _ => None,
        }
    }

    /// The status that the system whose profile this is answers with; none for a credential,
    /// whose fate is the store's to decide.
    #[must_use]
    pub const fn http_status(&self) -> Option<u16> {
        self.http_status
    }
}

impl fmt::Debug for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explanation")
            .field("outcome", &self.outcome)
            .field("inactive", &self.inactive)
            .field("source", &self.source)
            .field("http_status", &self.http_status)
            .finish_non_exhaustive()
    }
}

/// One character a byte, as header fields have it.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&b| char::from(b)).collect()
}

#[cfg(test)]
mod tests {
    use crate::credential::{Profile, Request, Scratch};

    #[test]
    fn what_was_decoded_is_utf_8_and_what_was_sent_is_latin_1() {
        let mut scratch = Scratch::new();
        let mut told = |headers: [(&str, &str); 1]| {
            let profile = Profile::frappe();
            let told = profile.explain(&Request::new(&headers), &mut scratch);
            told.token().map(|text| text.into_owned())
        };
        let decoded = told([("cookie", "sid=%C3%A9")]);
        assert_eq!(decoded.as_deref(), Some("\u{e9}"));
        let sent = told([("authorization", "Bearer \u{e9}")]);
        assert_eq!(sent.as_deref(), Some("\u{c3}\u{a9}"));
    }
}
