//! What a client may be told of an `Inactive`: few classes, fixed bytes.

use std::fmt::{self, Write as _};

use crate::inactive::{Inactive, Oversize};

/// All that a client may be told of an [`Inactive`], whatever the protocol.
///
/// Answers that could serve as an oracle are one value: a client that has not proven that it
/// holds a token issued here can't tell an unknown token from a forged or a foreign one, nor an
/// unknown client from a wrong secret.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PublicAnswer {
    /// A stable code for programs, coarser than [`Inactive::code`].
    pub code: &'static str,
    /// A sentence for people.
    pub message: &'static str,
    /// The HTTP status.
    pub http_status: u16,
    /// The gRPC status.
    pub grpc_code: i32,
    /// The `error` of RFC 6750 section 3.1 or RFC 6749 section 5.2; a request that carries no
    /// credential gets none.
    pub oauth_error: Option<&'static str>,
    /// The `error_description` that goes with it.
    pub oauth_description: Option<&'static str>,
    /// The scheme of the challenge; none where a challenge would not help.
    challenge: Option<Challenger>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Challenger {
    Bearer,
    Basic,
}

impl Inactive {
    /// What a client may be told.
    #[must_use]
    pub const fn public(self) -> PublicAnswer {
        match self {
            Self::Missing | Self::UnsupportedScheme => MISSING,
            Self::Malformed => MALFORMED,
            Self::Ambiguous => AMBIGUOUS,
            Self::TooLarge(Oversize::Field) => TOO_LARGE,
            Self::TooLarge(Oversize::Query) => QUERY_TOO_LARGE,
            Self::Format
            | Self::FieldsMissing
            | Self::Signature
            | Self::Algorithm
            | Self::UnknownKey
            | Self::NotFound
            | Self::ClientMismatch
            | Self::Audience
            | Self::Issuer
            | Self::Kind => INVALID,
            Self::Revoked | Self::ClientDisabled => REVOKED,
            Self::ExpiredSignature | Self::Expired => EXPIRED,
            Self::NotYetValid => NOT_YET_VALID,
            Self::ClientUnauthenticated(_) => CLIENT,
            Self::InsufficientScope => SCOPE,
            Self::Unavailable | Self::ClockAnomaly => UNAVAILABLE,
            Self::Forked => SERVER_ERROR,
        }
    }

    /// The code that a client may be told; see [`public`](Self::public).
    #[must_use]
    pub const fn public_code(self) -> &'static str {
        self.public().code
    }

    /// The sentence that a client may be told; see [`public`](Self::public).
    #[must_use]
    pub const fn public_message(self) -> &'static str {
        self.public().message
    }

    /// The HTTP status.
    ///
    /// [`Malformed`](Self::Malformed) is 401 here, as servers of the field answer it; RFC 6750
    /// section 3.1 asks for 400, which is what
    /// [`Profile::http_status`](crate::credential::Profile::http_status) gives under the strict
    /// profile.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        self.public().http_status
    }

    /// The gRPC status code: 16 is `UNAUTHENTICATED`, 7 `PERMISSION_DENIED`, 3 `INVALID_ARGUMENT`.
    #[must_use]
    pub const fn grpc_code(self) -> i32 {
        self.public().grpc_code
    }

    /// The `error` of RFC 6750 section 3.1 (`invalid_client` is RFC 6749's).
    #[must_use]
    pub const fn oauth_error(self) -> Option<&'static str> {
        self.public().oauth_error
    }

    /// The value of `WWW-Authenticate` (RFC 9110 section 11.6.1), to be formatted.
    ///
    /// Formats to nothing where no challenge is due: the field must then be left out, which
    /// [`Challenge::is_empty`] tells. `realm` may be any text; what a quoted-string can't hold is
    /// written as `?`.
    #[must_use]
    pub const fn challenge(self, realm: &str) -> Challenge<'_> {
        Challenge {
            answer: self.public(),
            realm,
            scope: None,
        }
    }

    /// Writes the value of `WWW-Authenticate` to `out`; see [`challenge`](Self::challenge).
    ///
    /// # Errors
    /// Only those of `out`.
    pub fn write_www_authenticate(self, realm: &str, out: &mut impl fmt::Write) -> fmt::Result {
        write!(out, "{}", self.challenge(realm))
    }
}

/// A value of `WWW-Authenticate`; made by [`Inactive::challenge`].
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    answer: PublicAnswer,
    realm: &'a str,
    scope: Option<&'a str>,
}

impl<'a> Challenge<'a> {
    /// Names the scope that is needed, in an answer about scope and in no other.
    #[must_use]
    pub const fn scope(mut self, scope: &'a str) -> Self {
        self.scope = Some(scope);
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
        match self.scope {
            Some(scope) if self.answer.http_status == 403 => {
                f.write_str(", scope=")?;
                quoted(f, scope)
            }
            _ => Ok(()),
        }
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

const MISSING: PublicAnswer = PublicAnswer {
    code: "credential.missing",
    message: "authentication required",
    http_status: 401,
    grpc_code: 16,
    oauth_error: None,
    oauth_description: None,
    challenge: Some(Challenger::Bearer),
};

const MALFORMED: PublicAnswer = PublicAnswer {
    code: "credential.malformed",
    message: "malformed credentials",
    oauth_error: Some("invalid_request"),
    ..MISSING
};

const AMBIGUOUS: PublicAnswer = PublicAnswer {
    code: "credential.ambiguous",
    message: "more than one credential",
    http_status: 400,
    grpc_code: 3,
    ..MALFORMED
};

const TOO_LARGE: PublicAnswer = PublicAnswer {
    code: "credential.too_large",
    message: "credential too large",
    http_status: 431,
    grpc_code: 8,
    challenge: None,
    ..MALFORMED
};

const QUERY_TOO_LARGE: PublicAnswer = PublicAnswer {
    http_status: 400,
    ..TOO_LARGE
};

const INVALID: PublicAnswer = PublicAnswer {
    code: "token.invalid",
    message: "invalid token",
    oauth_error: Some("invalid_token"),
    ..MISSING
};

const REVOKED: PublicAnswer = PublicAnswer {
    code: "token.revoked",
    message: "token revoked",
    oauth_description: Some("revoked"),
    ..INVALID
};

const EXPIRED: PublicAnswer = PublicAnswer {
    code: "token.expired",
    message: "token expired",
    oauth_description: Some("expired"),
    ..INVALID
};

const NOT_YET_VALID: PublicAnswer = PublicAnswer {
    code: "token.not_yet_valid",
    message: "token not yet valid",
    ..INVALID
};

const CLIENT: PublicAnswer = PublicAnswer {
    code: "client.unauthenticated",
    message: "client authentication failed",
    oauth_error: Some("invalid_client"),
    challenge: Some(Challenger::Basic),
    ..MISSING
};

const SCOPE: PublicAnswer = PublicAnswer {
    code: "scope.insufficient",
    message: "insufficient scope",
    http_status: 403,
    grpc_code: 7,
    oauth_error: Some("insufficient_scope"),
    ..MISSING
};

const UNAVAILABLE: PublicAnswer = PublicAnswer {
    code: "server.unavailable",
    message: "temporarily unavailable",
    http_status: 503,
    grpc_code: 14,
    oauth_error: Some("temporarily_unavailable"),
    oauth_description: None,
    challenge: None,
};

const SERVER_ERROR: PublicAnswer = PublicAnswer {
    code: "server.error",
    message: "server error",
    http_status: 500,
    grpc_code: 13,
    oauth_error: Some("server_error"),
    ..UNAVAILABLE
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inactive::{ClientFault, tests::ALL};

    /// Everything of an answer that reaches a client, as one string.
    fn bytes(no: Inactive) -> String {
        format!("{:?} {}", no.public(), no.challenge("r").scope("s"))
    }

    #[test]
    fn merged_classes_are_byte_identical() {
        use Inactive::*;
        let classes: [&[Inactive]; 5] = [
            &[Missing, UnsupportedScheme],
            &[
                Format,
                FieldsMissing,
                Signature,
                Algorithm,
                UnknownKey,
                NotFound,
                ClientMismatch,
                Audience,
                Issuer,
                Kind,
            ],
            &[Revoked, ClientDisabled],
            &[Expired, ExpiredSignature],
            &[
                ClientUnauthenticated(ClientFault::Unknown),
                ClientUnauthenticated(ClientFault::Revoked),
                ClientUnauthenticated(ClientFault::Expired),
                ClientUnauthenticated(ClientFault::NotYetValid),
                ClientUnauthenticated(ClientFault::Disabled),
            ],
        ];
        for class in classes {
            for no in class {
                assert_eq!(bytes(*no), bytes(class[0]), "{no:?}");
            }
        }
    }

    #[test]
    fn a_token_that_is_not_proven_tells_nothing() {
        for no in ALL.into_iter().filter(|no| (200..220).contains(&no.num())) {
            assert_eq!(no.public() == INVALID, !no.possession_proven(), "{no:?}");
        }
    }

    #[test]
    fn no_answer_tells_more_than_its_class() {
        for no in ALL {
            let told = no.public();
            assert_eq!(no.is_client_fault(), told.http_status < 500, "{no:?}");
            assert!(told.message.len() < 40 && told.message.is_ascii());
        }
    }

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
