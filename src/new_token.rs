//! What is asked for when a token is issued, and what is handed out.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::client_id::ClientId;
use crate::error::Error;
#[cfg(feature = "jwt")]
use crate::jwt::Algorithm;
use crate::kind::Kind;
use crate::scope::Scopes;
use crate::secret::Secret;
use crate::token_id::TokenId;

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
/// The longest subject of a JWT, in bytes.
#[cfg(feature = "jwt")]
const SUBJECT_MAX_BYTES: usize = 256;
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

    /// Checks all that can be checked without the store.
    pub(crate) fn check(self, now_secs: u64, prefix: &str) -> Result<Checked, Error> {
        let client = ClientId::new(&self.client)?;
        Ok(Checked {
            expires_at: self.check_expiry(now_secs)?,
            not_before: self.check_not_before()?,
            prefix: self.check_prefix(prefix)?,
            pair_id: self.check_pair_id(&client)?,
            scopes: Scopes::new(&self.scopes)?,
            audiences: check_audiences(&self.audiences)?,
            #[cfg(feature = "jwt")]
            jwt: self.check_jwt()?,
            key: 0,
            metadata: check_metadata(self.metadata)?,
            kind: self.kind,
            client,
        })
    }

    fn check_expiry(&self, now_secs: u64) -> Result<u32, Error> {
        let at = match self.expiry {
            None => {
                return Err(Error::Invalid {
                    what: "lifetime",
                    why: "it must be given, or \"never expires\" said explicitly",
                });
            }
            Some(Expiry::Never) => return Ok(u32::MAX),
            Some(Expiry::At(at)) => at,
            Some(Expiry::After(lifetime)) => now_secs.saturating_add(lifetime.as_secs()),
        };
        instant("expires_at_max", at)
    }

    fn check_not_before(&self) -> Result<u32, Error> {
        self.not_before
            .map_or(Ok(0), |at| instant("not_before_max", at))
    }

    fn check_prefix(&self, base: &str) -> Result<String, Error> {
        let mut prefix = base.to_owned();
        match self.kind {
            Kind::ApiKey => prefix.push('k'),
            Kind::ClientSecret => prefix.push('s'),
            Kind::Token | Kind::Jwt | Kind::ForeignDenial => {}
        }
        if let Some(environment) = &self.environment {
            prefix.push('_');
            prefix.push_str(environment);
        }
        crate::token_text::check_prefix(&prefix)?;
        Ok(prefix)
    }

    /// A JWT ends by itself, and has no prefix to be marked.
    #[cfg(feature = "jwt")]
    fn check_jwt(&self) -> Result<JwtParts, Error> {
        let why = match (self.kind, self.expiry) {
            (Kind::Jwt, Some(Expiry::Never)) => Some("a JWT needs an expiry"),
            (Kind::Jwt, _) if self.environment.is_some() => Some("a JWT has no prefix to mark"),
            (Kind::Jwt, _) => None,
            _ if self.subject.is_some() || self.algorithm.is_some() || self.token_id_claim => {
                Some("only a JWT has a subject, an algorithm and claims")
            }
            _ => None,
        };
        if let Some(why) = why {
            return Err(Error::Invalid { what: "token", why });
        }
        let subject = self.subject.clone();
        let length = subject.as_ref().map_or(0, String::len);
        Error::check_limit("subject_max_bytes", SUBJECT_MAX_BYTES, length)?;
        Ok(JwtParts {
            subject,
            algorithm: self.algorithm,
            token_id_claim: self.token_id_claim,
        })
    }

    fn check_pair_id(&self, client: &ClientId) -> Result<Option<String>, Error> {
        let id = match (self.kind, &self.pair_id) {
            (Kind::ClientSecret, id) => id.as_deref().unwrap_or(client.as_str()),
            (_, None) => return Ok(None),
            (_, Some(_)) => {
                return Err(Error::Invalid {
                    what: "pair id",
                    why: "only a client secret is shown with an id",
                });
            }
        };
        Error::check_limit("pair_id_max_bytes", PAIR_ID_MAX_BYTES, id.len())?;
        if id.is_empty() || id.contains(':') || id.chars().any(char::is_control) {
            return Err(Error::Invalid {
                what: "pair id",
                why: "RFC 7617 allows no colon and no control character in it; give another with `pair_id`",
            });
        }
        Ok(Some(id.to_owned()))
    }
}

/// A token that has passed every check but the store's.
pub(crate) struct Checked {
    pub(crate) client: ClientId,
    pub(crate) kind: Kind,
    /// `u32::MAX`: never.
    pub(crate) expires_at: u32,
    /// 0: at once.
    pub(crate) not_before: u32,
    pub(crate) prefix: String,
    pub(crate) pair_id: Option<String>,
    pub(crate) scopes: Scopes,
    pub(crate) audiences: Vec<Box<str>>,
    pub(crate) metadata: BTreeMap<Box<str>, Box<str>>,
    /// The number of the key that signs it; 0: none.
    pub(crate) key: u16,
    #[cfg(feature = "jwt")]
    pub(crate) jwt: JwtParts,
}

/// What only a JWT has.
#[cfg(feature = "jwt")]
pub(crate) struct JwtParts {
    pub(crate) subject: Option<String>,
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) token_id_claim: bool,
}

/// A Unix instant as it is kept; `limit` names what is exceeded.
pub(crate) fn instant(limit: &'static str, at: u64) -> Result<u32, Error> {
    match u32::try_from(at) {
        Ok(at) if at < u32::MAX => Ok(at),
        _ => Err(Error::Limit {
            limit,
            max: EXPIRES_AT_MAX,
            got: at,
        }),
    }
}

fn check_audiences(audiences: &[String]) -> Result<Vec<Box<str>>, Error> {
    Error::check_limit("audiences_max", AUDIENCES_MAX, audiences.len())?;
    let mut kept = Vec::with_capacity(audiences.len());
    for audience in audiences {
        Error::check_limit("audience_max_bytes", AUDIENCE_MAX_BYTES, audience.len())?;
        if audience.is_empty() || audience.chars().any(char::is_control) {
            return Err(Error::Invalid {
                what: "audience",
                why: "it needs at least one character, and no control characters",
            });
        }
        kept.push(Box::from(audience.as_str()));
    }
    kept.sort_unstable();
    kept.dedup();
    Ok(kept)
}

fn check_metadata(
    metadata: BTreeMap<String, String>,
) -> Result<BTreeMap<Box<str>, Box<str>>, Error> {
    Error::check_limit("metadata_max_entries", METADATA_MAX_ENTRIES, metadata.len())?;
    let bytes = metadata
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    Error::check_limit("metadata_max_bytes", METADATA_MAX_BYTES, bytes)?;
    Ok(metadata
        .into_iter()
        .map(|(key, value)| (key.into(), value.into()))
        .collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(token: NewToken) -> Error {
        token.check(1_800_000_000, "hp").err().unwrap()
    }

    #[test]
    fn a_lifetime_must_be_said() {
        assert!(matches!(
            refused(NewToken::new("c")),
            Error::Invalid {
                what: "lifetime",
                ..
            }
        ));
        let never = NewToken::new("c").never_expires().check(0, "hp").unwrap();
        assert_eq!(never.expires_at, u32::MAX);
        let hour = NewToken::new("c")
            .lifetime(Duration::from_secs(3600))
            .check(100, "hp")
            .unwrap();
        assert_eq!(hour.expires_at, 3700);
    }

    #[test]
    fn every_limit_is_named() {
        let never = || NewToken::new("c").never_expires();
        let cases = [
            (
                "expires_at_max",
                NewToken::new("c").expires_at(u64::from(u32::MAX)),
            ),
            ("expires_at_max", NewToken::new("c").lifetime(Duration::MAX)),
            ("not_before_max", never().not_before(u64::MAX)),
            (
                "metadata_max_bytes",
                never().metadata("k", "v".repeat(METADATA_MAX_BYTES)),
            ),
            ("prefix_max_bytes", never().environment("production1")),
            (
                "pair_id_max_bytes",
                NewToken::client_secret("c")
                    .never_expires()
                    .pair_id("p".repeat(129)),
            ),
            (
                "client_id_max_bytes",
                NewToken::new("c".repeat(129)).never_expires(),
            ),
        ];
        for (name, token) in cases {
            assert!(
                matches!(refused(token), Error::Limit { limit, .. } if limit == name),
                "{name}"
            );
        }
    }

    #[test]
    fn a_pair_id_has_no_colon() {
        for id in ["", "a:b", "a\0"] {
            let token = NewToken::client_secret("c").never_expires().pair_id(id);
            assert!(
                matches!(
                    refused(token),
                    Error::Invalid {
                        what: "pair id",
                        ..
                    }
                ),
                "{id:?}"
            );
        }
        assert!(matches!(
            refused(NewToken::new("c").never_expires().pair_id("x")),
            Error::Invalid {
                what: "pair id",
                ..
            }
        ));
    }
}
