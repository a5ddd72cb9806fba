//! What a token must be before the store is asked: every limit and every rule, named when broken.

use std::collections::BTreeMap;

use super::{
    AUDIENCE_MAX_BYTES, AUDIENCES_MAX, EXPIRES_AT_MAX, Expiry, METADATA_MAX_BYTES,
    METADATA_MAX_ENTRIES, NewToken, PAIR_ID_MAX_BYTES,
};
use crate::client_id::ClientId;
use crate::error::Error;
#[cfg(feature = "jwt")]
use crate::jwt::Algorithm;
use crate::kind::Kind;
use crate::scope::Scopes;

/// The longest subject of a JWT, in bytes.
#[cfg(feature = "jwt")]
const SUBJECT_MAX_BYTES: usize = 256;

impl NewToken {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
