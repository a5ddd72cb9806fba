//! What a client may be told of an `Inactive`: few classes, fixed bytes.

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
    pub(crate) challenge: Option<Challenger>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Challenger {
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
            | Self::Kind
            | Self::Replayed => INVALID,
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
}
