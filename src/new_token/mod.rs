//! What is asked for when a token is issued, and what is handed out.

mod checked;

use std::collections::BTreeMap;
use std::time::Duration;

#[cfg(feature = "jwt")]
use crate::jwt::Algorithm;
use crate::kind::Kind;
use crate::secret::Secret;
use crate::token_id::TokenId;

pub(crate) use checked::{Checked, instant};

/// The most metadata one token carries: keys and values together, in bytes.
pub const METADATA_MAX_BYTES: usize = 4096;
/// The most entries of metadata.
pub const METADATA_MAX_ENTRIES: usize = 64;
/// The last instant a token may expire at, in Unix seconds: 2106-02-07. Later is "never".
pub const EXPIRES_AT_MAX: u64 = u32::MAX as u64 - 1;
/// The most audiences of one token.
pub const AUDIENCES_MAX: usize = 16;
/// The longest audience, in bytes.
pub const AUDIENCE_MAX_BYTES: usize = 256;
/// The longest id of an id and secret pair, in bytes.
pub const PAIR_ID_MAX_BYTES: usize = 128;

/// A token to be issued.
///
/// Its lifetime must be said, one way or the other: [`lifetime`](NewToken::lifetime),
/// [`expires_at`](NewToken::expires_at) or [`never_expires`](NewToken::never_expires).
///
/// ```
/// use std::time::Duration;
/// use hallpass::NewToken;
///
/// let token = NewToken::new("client123")
///     .lifetime(Duration::from_secs(3600))
///     .scopes(["read"])
///     .metadata("name", "nightly build");
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is issued until it is handed to `Store::issue`"]
pub struct NewToken {
    pub(crate) client: String,
    pub(crate) kind: Kind,
    pub(crate) expiry: Option<Expiry>,
    pub(crate) not_before: Option<u64>,
    pub(crate) scopes: Vec<String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) environment: Option<String>,
    pub(crate) pair_id: Option<String>,
    pub(crate) audiences: Vec<String>,
    #[cfg(feature = "jwt")]
    pub(crate) subject: Option<String>,
    #[cfg(feature = "jwt")]
    pub(crate) algorithm: Option<Algorithm>,
    #[cfg(feature = "jwt")]
    pub(crate) token_id_claim: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Expiry {
    After(Duration),
    At(u64),
    Never,
}

impl NewToken {
    /// An opaque access token for `client`.
    pub fn new(client: impl Into<String>) -> Self {
        Self {
            client: client.into(),
            kind: Kind::Token,
            expiry: None,
            not_before: None,
            scopes: Vec::new(),
            metadata: BTreeMap::new(),
            environment: None,
            pair_id: None,
            audiences: Vec::new(),
            #[cfg(feature = "jwt")]
            subject: None,
            #[cfg(feature = "jwt")]
            algorithm: None,
            #[cfg(feature = "jwt")]
            token_id_claim: false,
        }
    }

    /// An API key of an organisation.
    pub fn api_key(client: impl Into<String>) -> Self {
        Self {
            kind: Kind::ApiKey,
            ..Self::new(client)
        }
    }

    /// A secret shown together with an id, which is the client id unless
    /// [`pair_id`](NewToken::pair_id) says otherwise. A client may have several at once.
    pub fn client_secret(client: impl Into<String>) -> Self {
        Self {
            kind: Kind::ClientSecret,
            ..Self::new(client)
        }
    }

    /// A JSON Web Token for `client`, signed by the store's newest signing key: type `at+jwt`, with
    /// `jti`, `exp`, `iat`, `client_id`, `sub`, and what else is asked for (RFC 9068 section 2.2).
    ///
    /// It needs an expiry. Scopes stand in it as `scope`, and its metadata as the object `metadata`:
    /// whoever holds the token can read them.
    #[cfg(feature = "jwt")]
    pub fn jwt(client: impl Into<String>) -> Self {
        Self {
            kind: Kind::Jwt,
            ..Self::new(client)
        }
    }

    /// The `sub` of a JWT; without it the client stands for itself.
    #[cfg(feature = "jwt")]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Signs a JWT with the newest key of this algorithm, instead of the newest of all.
    #[cfg(feature = "jwt")]
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Writes a JWT's id into it as `token_id` too, which clients of
    /// [`Profile::wispr`](crate::credential::Profile::wispr) show.
    #[cfg(feature = "jwt")]
    pub fn token_id_claim(mut self) -> Self {
        self.token_id_claim = true;
        self
    }

    /// Whom the token is for; call again for several, at most 16. A validator
    /// [for an audience](crate::Validator::for_audience) takes only tokens that name it.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// How long the token lives, in whole seconds (a part of one counts as none).
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.expiry = Some(Expiry::After(lifetime));
        self
    }

    /// The instant from which on the token is refused, in Unix seconds. One in the past is taken,
    /// and the token is born expired.
    pub fn expires_at(mut self, unix_secs: u64) -> Self {
        self.expiry = Some(Expiry::At(unix_secs));
        self
    }

    /// The token lives until it is revoked.
    pub fn never_expires(mut self) -> Self {
        self.expiry = Some(Expiry::Never);
        self
    }

    /// The instant before which the token is refused, in Unix seconds.
    pub fn not_before(mut self, unix_secs: u64) -> Self {
        self.not_before = Some(unix_secs);
        self
    }

    /// What the token may be used for. A later call replaces an earlier one.
    pub fn scopes<I: IntoIterator<Item: Into<String>>>(mut self, scopes: I) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Adds an entry to what the record remembers for its owner. It is kept in the clear.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Marks the text with an environment: `hp_test_...` instead of `hp_...`.
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// The id that is shown with a client secret (Frappe's api-key, Frontier's credential id).
    pub fn pair_id(mut self, id: impl Into<String>) -> Self {
        self.pair_id = Some(id.into());
        self
    }
}

/// A token just issued. Its secret exists here and nowhere else.
#[derive(Debug)]
#[non_exhaustive]
pub struct Issued {
    /// The public handle: log it, list it, revoke by it.
    pub id: TokenId,
    /// The text to hand to the client, once.
    pub secret: Secret,
    /// For a client secret: the id to show with it.
    pub pair_id: Option<String>,
    /// The instant from which on it is refused, in Unix seconds; `None`: never.
    pub expires_at: Option<u64>,
}
