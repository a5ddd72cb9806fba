//! `WWW-Authenticate`: how an answer "no" is told to an HTTP client, in legal grammar whatever the
//! realm.

use std::fmt::{self, Write as _};

use crate::inactive::Inactive;
use crate::public_answer::{Challenger, PublicAnswer};

impl Inactive {
    /// The value of `WWW-Authenticate` (RFC 9110 section 11.6.1), to be formatted.
    ///
    /// Formats to nothing where no challenge is due: the field must then be left out, which
    /// [`Challenge::is_empty`] tells. `realm` may be any text; what a quoted-string can't hold is
    /// written as `?`.
    #[must_use]
    pub const fn challenge(self, realm: &str) -> Challenge<'_> {
        self.public().challenge(realm)
    }

    /// Writes the value of `WWW-Authenticate` to `out`; see [`challenge`](Self::challenge).
    ///
    /// # Errors
    /// Only those of `out`.
    pub fn write_www_authenticate(self, realm: &str, out: &mut impl fmt::Write) -> fmt::Result {
        write!(out, "{}", self.challenge(realm))
    }
}

impl PublicAnswer {
    /// The value of `WWW-Authenticate` that goes with it; see [`Inactive::challenge`].
    #[must_use]
    pub const fn challenge(self, realm: &str) -> Challenge<'_> {
        Challenge {
            answer: self,
            realm,
            scope: None,
            resource_metadata: None,
        }
    }
}

/// A value of `WWW-Authenticate`; made by [`Inactive::challenge`].
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    answer: PublicAnswer,
    realm: &'a str,
    scope: Option<&'a str>,
    resource_metadata: Option<&'a str>,
}

impl<'a> Challenge<'a> {
    /// Names the scope that is needed, in an answer about scope and in no other.
    #[must_use]
    pub const fn scope(mut self, scope: &'a str) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Names the URL of the protected resource's metadata (RFC 9728 section 5.1), in every
    /// challenge of `Bearer`: clients of the Model Context Protocol start from it.
    #[must_use]
    pub const fn resource_metadata(mut self, url: &'a str) -> Self {
        self.resource_metadata = Some(url);
        self
    }

    /// Whether the response carries no `WWW-Authenticate` at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.answer.challenge.is_none()
    }
}

/// ```text
/// challenge  = auth-scheme [ 1*SP ( token68 / #auth-param ) ]
/// auth-param = token BWS "=" BWS ( token / quoted-string )
/// ```
impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.answer.challenge {
            None => return Ok(()),
            Some(Challenger::Basic) => {
                f.write_str("Basic realm=")?;
                quoted(f, self.realm)?;
                return f.write_str(", charset=\"UTF-8\"");
            }
            Some(Challenger::Bearer) => f.write_str("Bearer realm=")?,
        }
        quoted(f, self.realm)?;
        if let Some(error) = self.answer.oauth_error {
            write!(f, ", error=\"{error}\"")?;
        }
        if let Some(description) = self.answer.oauth_description {
            write!(f, ", error_description=\"{description}\"")?;
        }
        if let Some(scope) = self.scope
            && self.answer.http_status == 403
        {
            f.write_str(", scope=")?;
            quoted(f, scope)?;
        }
        if let Some(url) = self.resource_metadata {
            f.write_str(", resource_metadata=")?;
            quoted(f, url)?;
        }
        Ok(())
    }
}

/// Writes a quoted-string (RFC 9110 section 5.6.4) of ASCII only: obs-text is obsolete, and a
/// line break here would let a realm write header fields of its own.
fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                f.write_char('\\')?;
                f.write_char(c)?;
            }
            ' '..='~' => f.write_char(c)?,
            _ => f.write_char('?')?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inactive::{ClientFault, Oversize, tests::ALL};

    #[test]
    fn challenges_are_legal() {
        for no in ALL {
            for realm in ["api", "", "a\"b\\c", "crlf\r\nSet-Cookie: x", "é"] {
                let value = no.challenge(realm).scope("read write").to_string();
                assert_eq!(value.is_empty(), no.challenge(realm).is_empty());
                if !value.is_empty() {
                    assert!(is_challenge(&value), "{value}");
                }
            }
        }
    }

    #[test]
    fn challenges_are_the_expected_ones() {
        let of = |no: Inactive| no.challenge("r").scope("read").to_string();
        assert_eq!(of(Inactive::Missing), "Bearer realm=\"r\"");
        assert_eq!(
            of(Inactive::Malformed),
            "Bearer realm=\"r\", error=\"invalid_request\""
        );
        assert_eq!(
            of(Inactive::Expired),
            "Bearer realm=\"r\", error=\"invalid_token\", error_description=\"expired\""
        );
        assert_eq!(
            of(Inactive::InsufficientScope),
            "Bearer realm=\"r\", error=\"insufficient_scope\", scope=\"read\""
        );
        assert_eq!(
            of(Inactive::ClientUnauthenticated(ClientFault::Unknown)),
            "Basic realm=\"r\", charset=\"UTF-8\""
        );
        assert_eq!(of(Inactive::TooLarge(Oversize::Field)), "");
        let mut out = String::new();
        assert!(
            Inactive::Missing
                .write_www_authenticate("x\"", &mut out)
                .is_ok()
        );
        assert_eq!(out, "Bearer realm=\"x\\\"\"");
    }

    /// `scheme SP name="quoted" *( ", " name="quoted" )`, which is all that we write.
    fn is_challenge(value: &str) -> bool {
        let Some((scheme, mut rest)) = value.split_once(' ') else {
            return false;
        };
        if !scheme.bytes().all(|b| b.is_ascii_alphabetic()) {
            return false;
        }
        loop {
            let Some((name, quoted)) = rest.split_once("=\"") else {
                return false;
            };
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
                return false;
            }
            let mut escaped = false;
            let end = quoted.bytes().position(|b| {
                let closes = b == b'"' && !escaped;
                escaped = b == b'\\' && !escaped;
                closes
            });
            let Some(end) = end else { return false };
            if !quoted[..end].bytes().all(|b| (0x20..=0x7E).contains(&b)) {
                return false;
            }
            match quoted[end + 1..].strip_prefix(", ") {
                Some(more) => rest = more,
                None => return quoted[end + 1..].is_empty(),
            }
        }
    }
}
