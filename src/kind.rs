//! The kinds of credential that one table holds.

/// What kind of credential a token is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// An opaque access token of a client.
    Token,
    /// An API key of an organisation: long-lived, allowed to manage tokens where a server says so.
    ApiKey,
    /// A secret shown together with an id: OAuth client id and secret, api-key and api-secret.
    ClientSecret,
    /// A JSON Web Token issued by this store.
    Jwt,
    /// No credential: the record that a token of a foreign issuer is revoked.
    ForeignDenial,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 5] = [
        Kind::Token,
        Kind::ApiKey,
        Kind::ClientSecret,
        Kind::Jwt,
        Kind::ForeignDenial,
    ];

    /// The name used in JSON and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Token => "token",
            Kind::ApiKey => "api_key",
            Kind::ClientSecret => "client_secret",
            Kind::Jwt => "jwt",
            Kind::ForeignDenial => "foreign_denial",
        }
    }

    /// The number on disk. It never changes its meaning.
    pub(crate) const fn as_u8(self) -> u8 {
        match self {
            Kind::Token => 0,
            Kind::ApiKey => 1,
            Kind::ClientSecret => 2,
            Kind::Jwt => 3,
            Kind::ForeignDenial => 4,
        }
    }

    pub(crate) fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_u8() == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_on_disk_are_pinned() {
        assert_eq!(Kind::ALL.map(Kind::as_u8), [0, 1, 2, 3, 4]);
        for kind in Kind::ALL {
            assert_eq!(Kind::from_u8(kind.as_u8()), Some(kind));
        }
        assert_eq!(Kind::from_u8(5), None);
    }
}
