//! Tokens of other issuers: each issuer has its keys, its policy and its mapping.

use core::fmt;
use std::sync::Arc;

use super::jwks::KeySet;
use super::key::VerifyingKey;
use super::key_error::KeyError;
use super::key_source::KeySource;
use super::mapping::{ClaimsMapping, ForeignClient};
use super::policy::Expect;
use super::verify::{Unverified, Verified};
use crate::Inactive;

/// A forged token costs at most one signature check for every issuer that has a key of its name.
const ISSUERS_MAX: usize = 16;

/// One issuer whose tokens are taken here.
pub struct ForeignIssuer {
    keys: Box<dyn KeySource>,
    expect: Expect,
    mapping: ClaimsMapping,
}

/// A foreign token that was verified, and by what.
pub(crate) struct Vouched {
    pub(crate) verified: Verified,
    pub(crate) client: ForeignClient,
    /// From when on it is refused, in Unix seconds.
    pub(crate) expires_at: u64,
    /// The place of its issuer among the issuers.
    number: usize,
    /// The keys of which one verified it.
    keys: Arc<KeySet>,
}

/// All issuers whose tokens are taken here.
#[derive(Debug)]
pub struct ForeignIssuers(Vec<ForeignIssuer>);

impl ForeignIssuer {
    /// Tokens signed by `keys` that are as `expect` says speak for whom `mapping` says.
    pub fn new(keys: impl KeySource + 'static, expect: Expect, mapping: ClaimsMapping) -> Self {
        Self {
            keys: Box::new(keys),
            expect,
            mapping,
        }
    }
}

impl fmt::Debug for ForeignIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignIssuer")
            .field("expect", &self.expect)
            .finish_non_exhaustive()
    }
}

impl ForeignIssuers {
    /// At most 16 issuers. With more than one, each must say which `iss` its tokens carry, or one
    /// issuer's keys could sign for another (RFC 8725 section 3.8).
    pub fn new(issuers: Vec<ForeignIssuer>) -> Result<Self, KeyError> {
        if issuers.is_empty() || issuers.len() > ISSUERS_MAX {
            return Err(KeyError::Count);
        }
        let unnamed = |issuer: &ForeignIssuer| !issuer.expect.names_an_issuer();
        if issuers.len() > 1 && issuers.iter().any(unnamed) {
            return Err(KeyError::IssuerUnnamed);
        }
        Ok(Self(issuers))
    }

    /// Verifies a token of any of the issuers. The issuer is found by the key that made the
    /// signature, not by what the token claims before it is verified.
    pub fn verify(&self, token: &[u8], now: u64) -> Result<(Verified, ForeignClient), Inactive> {
        let vouched = self.vouch(token, now)?;
        Ok((vouched.verified, vouched.client))
    }

    /// The same, with what it takes to look at the token again later.
    pub(crate) fn vouch(&self, token: &[u8], now: u64) -> Result<Vouched, Inactive> {
        let token = Unverified::parse(token)?;
        let mut why = Inactive::UnknownKey;
        for (number, issuer) in self.0.iter().enumerate() {
            let keys: Arc<KeySet> = issuer.keys.keys();
            match issuer.payload(&token, &keys) {
                Ok((payload, key)) => {
                    let verified =
                        Verified::judge(&payload, &token.header, key, &issuer.expect, now)?;
                    let client = issuer.mapping.apply(&verified)?;
                    return Ok(Vouched {
                        expires_at: issuer.expect.over_at(&verified),
                        verified,
                        client,
                        number,
                        keys,
                    });
                }
                // A bad signature tells more than a wrong algorithm, and that more than no key.
                Err(no) if weight(no) > weight(why) => why = no,
                Err(_) => {}
            }
        }
        if why == Inactive::UnknownKey {
            for issuer in &self.0 {
                issuer.keys.key_missed();
            }
        }
        Err(why)
    }
}

impl ForeignIssuers {
    /// Whether a token that was verified before still would be, at `now`: its times are judged
    /// again, and its issuer's keys must be the same. `None`: they are not, so that it must be
    /// verified again.
    pub(crate) fn still(&self, vouched: &Vouched, now: u64) -> Option<Result<(), Inactive>> {
        let issuer = self.0.get(vouched.number)?;
        issuer
            .keys
            .is_current(&vouched.keys)
            .then(|| issuer.expect.judge_times(&vouched.verified, now))
    }

    /// The same for a token whose text is gone: where its issuer's keys were replaced, the one that
    /// verified it must be among the new ones, under the same name.
    pub(crate) fn still_by_key(&self, vouched: &Vouched, now: u64) -> Result<(), Inactive> {
        if let Some(still) = self.still(vouched, now) {
            return still;
        }
        let kid = vouched.verified.kid().ok_or(Inactive::UnknownKey)?;
        let issuer = self.0.get(vouched.number).ok_or(Inactive::UnknownKey)?;
        let thumbprint = |keys: &KeySet| keys.find(kid).and_then(VerifyingKey::thumbprint);
        let was = thumbprint(&vouched.keys);
        if was.is_none() || thumbprint(&issuer.keys.keys()) != was {
            return Err(Inactive::UnknownKey);
        }
        issuer.expect.judge_times(&vouched.verified, now)
    }
}

impl ForeignIssuer {
    fn payload<'k>(
        &self,
        token: &Unverified<'_>,
        keys: &'k KeySet,
    ) -> Result<(Vec<u8>, &'k VerifyingKey), Inactive> {
        let key = keys.select(&token.header)?;
        self.expect.judge_header(&token.header, key.algorithm())?;
        Ok((token.verify_signature(key)?, key))
    }
}

fn weight(why: Inactive) -> u8 {
    match why {
        Inactive::UnknownKey => 0,
        Inactive::Algorithm => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::jwt::{Algorithm, SharedKeys, SigningKey};

    fn signer() -> (SigningKey, Arc<KeySet>) {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let keys = KeySet::from(key.verifying_key().clone());
        (key, Arc::new(keys))
    }

    fn token(key: &SigningKey, claims: &str) -> Vec<u8> {
        key.sign_payload("JWT", claims.as_bytes())
            .unwrap()
            .into_bytes()
    }

    fn issuer(keys: impl KeySource + 'static, name: &str) -> ForeignIssuer {
        ForeignIssuer::new(
            keys,
            Expect::new().issuer(name),
            ClaimsMapping::client_from("/sub"),
        )
    }

    #[test]
    fn an_issuer_speaks_only_for_itself() {
        let ((a, keys_a), (b, keys_b)) = (signer(), signer());
        let both = ForeignIssuers::new(vec![issuer(keys_a, "a"), issuer(keys_b, "b")]).unwrap();
        let of = |name: &str| format!(r#"{{"iss":"{name}","sub":"s-{name}","exp":100}}"#);
        let (_, client) = both.verify(&token(&b, &of("b")), 50).unwrap();
        assert_eq!(client.client_id, "s-b");
        assert_eq!(
            both.verify(&token(&b, &of("a")), 50).unwrap_err(),
            Inactive::Issuer
        );
        assert_eq!(
            both.verify(&token(&a, &of("b")), 50).unwrap_err(),
            Inactive::Issuer
        );
        assert_eq!(
            both.verify(&token(&a, &of("a")), 100).unwrap_err(),
            Inactive::ExpiredSignature
        );
        let stranger = token(&signer().0, &of("a"));
        assert_eq!(
            both.verify(&stranger, 50).unwrap_err(),
            Inactive::UnknownKey
        );
    }

    #[test]
    fn several_issuers_need_names() {
        let unnamed = || {
            ForeignIssuer::new(
                signer().1,
                Expect::new(),
                ClaimsMapping::client_from("/sub"),
            )
        };
        assert!(ForeignIssuers::new(vec![unnamed()]).is_ok());
        let two = ForeignIssuers::new(vec![unnamed(), issuer(signer().1, "b")]);
        assert_eq!(two.unwrap_err(), KeyError::IssuerUnnamed);
        assert_eq!(
            ForeignIssuers::new(Vec::new()).unwrap_err(),
            KeyError::Count
        );
    }

    #[test]
    fn keys_may_be_replaced_and_an_unknown_one_is_told() {
        struct Counting(SharedKeys, Arc<AtomicUsize>);
        impl KeySource for Counting {
            fn keys(&self) -> Arc<KeySet> {
                self.0.keys()
            }
            fn key_missed(&self) {
                self.1.fetch_add(1, Ordering::Relaxed);
            }
        }
        let ((_, old_keys), (new, new_keys)) = (signer(), signer());
        let (shared, missed) = (
            SharedKeys::new(KeySet::clone(&old_keys)),
            Arc::new(AtomicUsize::new(0)),
        );
        let source = Counting(shared.clone(), Arc::clone(&missed));
        let issuers = ForeignIssuers::new(vec![issuer(source, "a")]).unwrap();
        let token = token(&new, r#"{"iss":"a","sub":"s","exp":100}"#);
        assert_eq!(
            issuers.verify(&token, 50).unwrap_err(),
            Inactive::UnknownKey
        );
        assert_eq!(missed.load(Ordering::Relaxed), 1);
        shared.replace(KeySet::clone(&new_keys));
        assert!(issuers.verify(&token, 50).is_ok());
        assert_eq!(missed.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn claims_become_a_client_and_metadata() {
        let (key, keys) = signer();
        let claims = concat!(
            r#"{"iss":"i","sub":"s","exp":100,"io.flipt.auth.claims":"forged","#,
            r#""io.flipt.auth.x":"kept","user":{"email":"e","role":["a"],"n":1}}"#
        );
        let mapping = ClaimsMapping::flipt().metadata("n", "/user/n");
        let flipt = ForeignIssuer::new(Arc::clone(&keys), Expect::flipt(), mapping);
        let flipt = ForeignIssuers::new(vec![flipt]).unwrap();
        let claims = claims.replace(r#""exp":100"#, r#""iat":40,"exp":100"#);
        let (_, client) = flipt.verify(&token(&key, &claims), 50).unwrap();
        let value = |name: &str| client.metadata.get(name).map(String::as_str);
        assert_eq!(client.client_id, "s");
        assert_eq!(value("io.flipt.auth.jwt.issuer"), Some("i"));
        assert_eq!(value("io.flipt.auth.jwt.email"), Some("e"));
        assert_eq!(value("io.flipt.auth.jwt.role"), Some(r#"["a"]"#));
        assert_eq!(value("io.flipt.auth.jwt.name"), None);
        assert_eq!(value("io.flipt.auth.x"), Some("kept"));
        assert_eq!(value("n"), Some("1"));
        assert!(
            value("io.flipt.auth.claims")
                .unwrap()
                .contains(r#""email":"e""#)
        );

        let azp = ForeignIssuer::new(keys, Expect::new(), ClaimsMapping::client_from("/azp"));
        let azp = ForeignIssuers::new(vec![azp]).unwrap();
        for claims in [
            r#"{"exp":9}"#,
            r#"{"exp":9,"azp":1}"#,
            r#"{"exp":9,"azp":""}"#,
        ] {
            let refused = azp.verify(&token(&key, claims), 1).unwrap_err();
            assert_eq!(refused, Inactive::FieldsMissing, "{claims}");
        }
        // Whom nobody could name to revoke or disable is let in by nobody.
        let of = |client: &str| {
            let claims = format!(r#"{{"exp":9,"azp":"{client}"}}"#);
            azp.verify(&token(&key, &claims), 1)
        };
        assert!(of(&"c".repeat(128)).is_ok());
        for client in ["c".repeat(129), "a\0b".to_owned()] {
            assert_eq!(of(&client).unwrap_err(), Inactive::Format, "{client}");
        }
    }
}
