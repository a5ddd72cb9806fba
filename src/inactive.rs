//! The answer "no" in full, for logs; it holds no text, and `public_answer.rs` knows what a client
//! may be told of it.

use std::fmt;

/// Which limit a request ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Oversize {
    /// A header field, a cookie block or a subprotocol list: answered 431.
    Field,
    /// The query: 431 speaks of header fields only, so this is 400.
    Query,
}

/// Why a client id and secret were refused. Never told to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientFault {
    /// No such client, or the secret is wrong: one case, so that no code can tell them apart.
    Unknown,
    /// The secret was revoked.
    Revoked,
    /// The secret has expired.
    Expired,
    /// The secret is not valid yet.
    NotYetValid,
    /// The client is disabled.
    Disabled,
}

/// The answer "no": why a request is not authenticated.
///
/// Not an error of the program but an answer of the domain (RFC 7662 calls the opposite
/// `active`), so it is `Copy`, a few bytes large, and holds no text: nothing in it can leak.
/// [`code`](Self::code) and [`num`](Self::num) are for logs and stay stable;
/// [`public`](Self::public) is all that a client may be told.
///
/// ```
/// use hallpass::Inactive;
///
/// let why = Inactive::NotFound;
/// assert_eq!(why.code(), "token.not_found");
/// assert_eq!(why.http_status(), 401);
/// // Signature, format, unknown: the client can't tell which.
/// assert_eq!(why.public(), Inactive::Signature.public());
/// assert_eq!(
///     why.challenge("api").to_string(),
///     r#"Bearer realm="api", error="invalid_token""#,
/// );
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Inactive {
    /// The request carries no credential.
    Missing,
    /// A credential of a scheme that is not served here.
    UnsupportedScheme,
    /// A credential that breaks its grammar.
    Malformed,
    /// More than one credential, or one given twice.
    Ambiguous,
    /// Refused unread because of its length.
    TooLarge(Oversize),
    /// Not the text of a token.
    Format,
    /// A JWT without the claims that are asked for.
    FieldsMissing,
    /// The signature does not verify.
    Signature,
    /// The signature's algorithm is not the one that the key is for.
    Algorithm,
    /// No key of the `kid` that the token names.
    UnknownKey,
    /// Well-formed, and not in the store.
    NotFound,
    /// Revoked, by itself or with all of its client's tokens.
    Revoked,
    /// Expired by the `exp` that the signature covers.
    ExpiredSignature,
    /// Expired by the store's record.
    Expired,
    /// Its `nbf` lies in the future.
    NotYetValid,
    /// The token belongs to another client than the one that shows it.
    ClientMismatch,
    /// Issued for another audience.
    Audience,
    /// Issued by somebody else.
    Issuer,
    /// A token of another kind: a refresh token shown as an access token, say.
    Kind,
    /// An assertion that may be shown once, and was, or may have been.
    Replayed,
    /// The token's client is disabled; a client is told the same as for a revoked token.
    ClientDisabled,
    /// A client id and secret that do not authenticate a client.
    ClientUnauthenticated(ClientFault),
    /// Authenticated, but without the scope that is asked for.
    InsufficientScope,
    /// The store is closed, or has failed: not the client's fault.
    Unavailable,
    /// This process is a fork of the one that opened the store.
    Forked,
    /// The clock went back further than can be trusted.
    ClockAnomaly,
}

impl Inactive {
    /// The stable code for logs: unique to every variant and every [`ClientFault`].
    ///
    /// Read it as a path: what follows the second dot refines what stands before it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "credential.missing",
            Self::UnsupportedScheme => "credential.scheme_unsupported",
            Self::Malformed => "credential.malformed",
            Self::Ambiguous => "credential.ambiguous",
            Self::TooLarge(_) => "credential.too_large",
            Self::Format => "token.format",
            Self::FieldsMissing => "token.fields_missing",
            Self::Signature => "token.signature",
            Self::Algorithm => "token.algorithm",
            Self::UnknownKey => "token.unknown_key",
            Self::NotFound => "token.not_found",
            Self::Revoked => "token.revoked",
            Self::ExpiredSignature => "token.expired.jwt",
            Self::Expired => "token.expired.store",
            Self::NotYetValid => "token.not_yet_valid",
            Self::ClientMismatch => "token.client_mismatch",
            Self::Audience => "token.audience",
            Self::Issuer => "token.issuer",
            Self::Kind => "token.kind",
            Self::Replayed => "token.replayed",
            Self::ClientDisabled => "token.client_disabled",
            Self::ClientUnauthenticated(ClientFault::Unknown) => "client.unauthenticated.unknown",
            Self::ClientUnauthenticated(ClientFault::Revoked) => "client.unauthenticated.revoked",
            Self::ClientUnauthenticated(ClientFault::Expired) => "client.unauthenticated.expired",
            Self::ClientUnauthenticated(ClientFault::NotYetValid) => {
                "client.unauthenticated.not_yet_valid"
            }
            Self::ClientUnauthenticated(ClientFault::Disabled) => "client.unauthenticated.disabled",
            Self::InsufficientScope => "scope.insufficient",
            Self::Unavailable => "store.unavailable",
            Self::Forked => "store.forked",
            Self::ClockAnomaly => "clock.anomaly",
        }
    }

    /// The stable number for logs: unique to every variant.
    #[must_use]
    pub const fn num(self) -> u16 {
        match self {
            Self::Missing => 100,
            Self::UnsupportedScheme => 101,
            Self::Malformed => 102,
            Self::Ambiguous => 103,
            Self::TooLarge(_) => 104,
            Self::Format => 200,
            Self::FieldsMissing => 201,
            Self::Signature => 202,
            Self::Algorithm => 203,
            Self::UnknownKey => 204,
            Self::NotFound => 210,
            Self::Revoked => 211,
            Self::ExpiredSignature => 212,
            Self::Expired => 213,
            Self::NotYetValid => 214,
            Self::ClientMismatch => 215,
            Self::Audience => 216,
            Self::Kind => 217,
            Self::ClientDisabled => 218,
            Self::Issuer => 219,
            Self::ClientUnauthenticated(_) => 220,
            Self::Replayed => 221,
            Self::InsufficientScope => 230,
            Self::Unavailable => 300,
            Self::Forked => 303,
            Self::ClockAnomaly => 304,
        }
    }

    /// Whether the request is at fault, and not this server.
    #[must_use]
    pub const fn is_client_fault(self) -> bool {
        !matches!(self, Self::Unavailable | Self::Forked | Self::ClockAnomaly)
    }

    /// Whether the caller has shown that it holds a token that was issued here.
    ///
    /// Only then may it be told what became of the token. A client that holds somebody else's
    /// token ([`ClientMismatch`](Self::ClientMismatch)) has proven nothing about itself.
    #[must_use]
    pub const fn possession_proven(self) -> bool {
        matches!(
            self,
            Self::Revoked
                | Self::ExpiredSignature
                | Self::Expired
                | Self::NotYetValid
                | Self::ClientDisabled
                | Self::InsufficientScope
        )
    }

    /// What Wispr Flow's API answers in `{"detail": ...}`, word for word where it is documented.
    ///
    /// It tells more than [`public`](Self::public): "not found" from "mismatch", for one. Use it
    /// only where clients depend on these texts.
    #[must_use]
    pub const fn wispr_message(self) -> &'static str {
        match self {
            Self::Missing => "Authorization header is missing",
            Self::UnsupportedScheme | Self::Malformed => {
                "Authorization header must start with Bearer"
            }
            Self::Format
            | Self::Signature
            | Self::Algorithm
            | Self::UnknownKey
            | Self::Audience
            | Self::Issuer
            | Self::Kind
            | Self::Replayed => "Invalid token format",
            Self::FieldsMissing => "Invalid token format: missing required fields",
            Self::NotFound | Self::ClientUnauthenticated(_) => {
                "Invalid token, token not found in database"
            }
            Self::Revoked | Self::ClientDisabled => "Token has been revoked",
            Self::ExpiredSignature | Self::Expired => "Token has expired",
            Self::ClientMismatch => "Invalid token, client_id mismatch",
            Self::Unavailable | Self::Forked | Self::ClockAnomaly => {
                "Internal server error during token validation"
            }
            Self::Ambiguous | Self::TooLarge(_) | Self::NotYetValid | Self::InsufficientScope => {
                self.public_message()
            }
        }
    }
}

impl fmt::Display for Inactive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for Inactive {}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const ALL: [Inactive; 31] = [
        Inactive::Missing,
        Inactive::UnsupportedScheme,
        Inactive::Malformed,
        Inactive::Ambiguous,
        Inactive::TooLarge(Oversize::Field),
        Inactive::TooLarge(Oversize::Query),
        Inactive::Format,
        Inactive::FieldsMissing,
        Inactive::Signature,
        Inactive::Algorithm,
        Inactive::UnknownKey,
        Inactive::NotFound,
        Inactive::Revoked,
        Inactive::ExpiredSignature,
        Inactive::Expired,
        Inactive::NotYetValid,
        Inactive::ClientMismatch,
        Inactive::Audience,
        Inactive::Issuer,
        Inactive::Kind,
        Inactive::Replayed,
        Inactive::ClientDisabled,
        Inactive::ClientUnauthenticated(ClientFault::Unknown),
        Inactive::ClientUnauthenticated(ClientFault::Revoked),
        Inactive::ClientUnauthenticated(ClientFault::Expired),
        Inactive::ClientUnauthenticated(ClientFault::NotYetValid),
        Inactive::ClientUnauthenticated(ClientFault::Disabled),
        Inactive::InsufficientScope,
        Inactive::Unavailable,
        Inactive::Forked,
        Inactive::ClockAnomaly,
    ];

    /// Codes, numbers and statuses end up in dashboards and in clients: this table is the promise.
    const TABLE: &str = "\
100 credential.missing 401 16 -
101 credential.scheme_unsupported 401 16 -
102 credential.malformed 401 16 invalid_request
103 credential.ambiguous 400 3 invalid_request
104 credential.too_large 431 8 invalid_request
104 credential.too_large 400 8 invalid_request
200 token.format 401 16 invalid_token
201 token.fields_missing 401 16 invalid_token
202 token.signature 401 16 invalid_token
203 token.algorithm 401 16 invalid_token
204 token.unknown_key 401 16 invalid_token
210 token.not_found 401 16 invalid_token
211 token.revoked 401 16 invalid_token
212 token.expired.jwt 401 16 invalid_token
213 token.expired.store 401 16 invalid_token
214 token.not_yet_valid 401 16 invalid_token
215 token.client_mismatch 401 16 invalid_token
216 token.audience 401 16 invalid_token
219 token.issuer 401 16 invalid_token
217 token.kind 401 16 invalid_token
221 token.replayed 401 16 invalid_token
218 token.client_disabled 401 16 invalid_token
220 client.unauthenticated.unknown 401 16 invalid_client
220 client.unauthenticated.revoked 401 16 invalid_client
220 client.unauthenticated.expired 401 16 invalid_client
220 client.unauthenticated.not_yet_valid 401 16 invalid_client
220 client.unauthenticated.disabled 401 16 invalid_client
230 scope.insufficient 403 7 insufficient_scope
300 store.unavailable 503 14 temporarily_unavailable
303 store.forked 500 13 server_error
304 clock.anomaly 503 14 temporarily_unavailable
";

    #[test]
    fn codes_numbers_and_statuses_are_pinned() {
        let mut table = String::new();
        for no in ALL {
            let oauth = no.oauth_error().unwrap_or("-");
            let line = (no.num(), no.code(), no.http_status(), no.grpc_code(), oauth);
            table.push_str(&format!(
                "{} {} {} {} {}\n",
                line.0, line.1, line.2, line.3, line.4
            ));
        }
        assert_eq!(table, TABLE);
    }

    #[test]
    fn every_variant_has_its_own_code_and_number() {
        let mut codes: Vec<_> = ALL.iter().map(|no| no.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(
            codes.len(),
            ALL.len() - 1,
            "all but the two sides of TooLarge"
        );
        for (i, a) in ALL.iter().enumerate() {
            for b in &ALL[i + 1..] {
                let same = std::mem::discriminant(a) == std::mem::discriminant(b);
                assert_eq!(a.num() == b.num(), same, "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn an_answer_is_two_bytes() {
        assert!(std::mem::size_of::<Inactive>() <= 2);
        assert!(std::mem::size_of::<Result<(), Inactive>>() <= 2);
    }

    #[test]
    fn wispr_messages_are_the_documented_ones() {
        let documented = [
            (Inactive::Missing, "Authorization header is missing"),
            (
                Inactive::Malformed,
                "Authorization header must start with Bearer",
            ),
            (Inactive::Format, "Invalid token format"),
            (
                Inactive::FieldsMissing,
                "Invalid token format: missing required fields",
            ),
            (
                Inactive::NotFound,
                "Invalid token, token not found in database",
            ),
            (Inactive::Revoked, "Token has been revoked"),
            (Inactive::Expired, "Token has expired"),
            (Inactive::ExpiredSignature, "Token has expired"),
            (
                Inactive::ClientMismatch,
                "Invalid token, client_id mismatch",
            ),
            (
                Inactive::Unavailable,
                "Internal server error during token validation",
            ),
        ];
        for (no, message) in documented {
            assert_eq!(no.wispr_message(), message, "{no:?}");
        }
    }
}
