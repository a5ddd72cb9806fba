//! What is wrong with a request to an endpoint that issues, revokes or lists, beside its credential.

use super::reason::NO_CHALLENGE;
use crate::public_answer::PublicAnswer;

/// Why an endpoint did not do what an authenticated caller asked for. What exactly is wrong goes
/// with the [`Refusal`](super::Refusal), since it is the caller's own to know.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The body or the target is not of its form, or a member is missing, doubled or unknown.
    Malformed,
    /// Well-formed, and over a limit or not of a value that is taken.
    Unacceptable,
    /// The body is of a media type that is not read here.
    ContentType,
    /// The body is larger than is read here.
    TooLarge,
    /// There is no such thing, or it is not the caller's.
    Unknown,
    /// It is there already.
    Exists,
    /// The client is disabled.
    ClientDisabled,
    /// The grant type is none that is served here (RFC 6749 section 5.2).
    GrantType,
    /// The grant, or the token to be revoked, is not good or is another client's.
    Grant,
    /// A scope was asked for that the client may not have.
    Scope,
}

impl Fault {
    pub(super) const fn num(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unacceptable => 401,
            Self::ContentType => 402,
            Self::TooLarge => 403,
            Self::Unknown => 404,
            Self::Exists => 405,
            Self::ClientDisabled => 406,
            Self::GrantType => 407,
            Self::Grant => 408,
            Self::Scope => 409,
        }
    }

    pub(super) const fn public(self) -> PublicAnswer {
        match self {
            Self::Malformed => MALFORMED,
            Self::Unacceptable => PublicAnswer {
                code: "request.unacceptable",
                message: "not acceptable",
                ..MALFORMED
            },
            Self::ContentType => PublicAnswer {
                code: "request.content_type",
                message: "media type not served here",
                http_status: 415,
                ..MALFORMED
            },
            Self::TooLarge => PublicAnswer {
                code: "request.too_large",
                message: "body too large",
                http_status: 413,
                grpc_code: 8,
                ..MALFORMED
            },
            Self::Unknown => PublicAnswer {
                code: "request.unknown",
                message: "no such thing",
                http_status: 404,
                grpc_code: 5,
                ..MALFORMED
            },
            Self::Exists => PublicAnswer {
                code: "request.exists",
                message: "it is there already",
                http_status: 409,
                grpc_code: 6,
                ..MALFORMED
            },
            Self::ClientDisabled => PublicAnswer {
                code: "request.client_disabled",
                message: "the client is disabled",
                http_status: 409,
                grpc_code: 9,
                oauth_error: Some("unauthorized_client"),
                ..MALFORMED
            },
            Self::GrantType => PublicAnswer {
                code: "request.grant_type",
                message: "grant type not served here",
                oauth_error: Some("unsupported_grant_type"),
                ..MALFORMED
            },
            Self::Grant => PublicAnswer {
                code: "request.grant",
                message: "invalid grant",
                oauth_error: Some("invalid_grant"),
                ..MALFORMED
            },
            Self::Scope => PublicAnswer {
                code: "request.scope",
                message: "scope not allowed",
                oauth_error: Some("invalid_scope"),
                ..MALFORMED
            },
        }
    }
}

const MALFORMED: PublicAnswer = PublicAnswer {
    code: "request.malformed",
    message: "malformed request",
    http_status: 400,
    grpc_code: 3,
    oauth_error: Some("invalid_request"),
    oauth_description: None,
    challenge: NO_CHALLENGE,
};
