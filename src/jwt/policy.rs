//! What a verifier expects of the claims; the time is an argument, no clock is read.

use super::algorithm::Algorithm;
use super::claims::Claims;
use super::header::{UnverifiedHeader, is_media_type};
use super::times::Times;
use super::verify::{Verified, unix_seconds};
use crate::Inactive;

/// What a token must claim to be active.
///
/// The default is strict: `exp` is required, leeway is 0, `nbf` and `iat` are honoured when there,
/// `typ` is absent, `JWT` or `at+jwt`, a token that calls itself `at+jwt` carries `client_id` and
/// `jti` as RFC 9068 section 2.2 has it, and a token that names an audience is refused as long as no
/// audience of ours was given (RFC 7519 section 4.1.3). What is configured is required.
///
/// ```
/// use hallpass::jwt::Expect;
///
/// let expect = Expect::new().issuer("https://issuer.example").audience("api").typ("at+jwt");
/// ```
#[derive(Clone, Debug)]
pub struct Expect {
    issuers: Vec<String>,
    audiences: Vec<String>,
    any_audience: bool,
    subject: Option<String>,
    client: Option<String>,
    typ: Option<String>,
    algorithms: Option<Vec<Algorithm>>,
    leeway_secs: u64,
    required: Vec<String>,
    access_tokens_complete: bool,
    times: Times,
}

/// Types of a token that is not explicitly typed (RFC 7519 section 5.1, RFC 9068 section 2.1).
const USUAL_TYPES: [&str; 2] = ["JWT", ACCESS_TOKEN];

/// RFC 9068 section 2.1: what an access token says it is.
pub(crate) const ACCESS_TOKEN: &str = "at+jwt";

impl Default for Expect {
    fn default() -> Self {
        Self::new()
    }
}

impl Expect {
    /// The strict default.
    pub fn new() -> Self {
        Self {
            issuers: Vec::new(),
            audiences: Vec::new(),
            any_audience: false,
            subject: None,
            client: None,
            typ: None,
            algorithms: None,
            leeway_secs: 0,
            required: Vec::new(),
            access_tokens_complete: true,
            times: Times::Rfc,
        }
    }

    /// As Flipt's JWT method: RS256, RS512, ES256 and EdDSA; 60 seconds of leeway, the last of them
    /// included; `exp` may be missing (then 150 seconds after `iat` and `nbf`), `nbf` may be missing
    /// (then `iat`, or 150 seconds before `exp`), but not all three; an audience counts only if one
    /// was configured. Flipt also takes ES512, and tokens with white space in them; we do not.
    pub fn flipt() -> Self {
        use Algorithm::{EdDsa, Es256, Rs256, Rs512};
        Self {
            any_audience: true,
            algorithms: Some(vec![Rs256, Rs512, Es256, EdDsa]),
            leeway_secs: 60,
            access_tokens_complete: false,
            times: Times::Flipt,
            ..Self::new()
        }
    }

    /// As Frontier's access tokens: `jti` and `exp` are required, no leeway, any audience.
    pub fn frontier() -> Self {
        Self {
            any_audience: true,
            ..Self::new()
        }
        .require("jti")
    }

    /// The token must be from this issuer, or from one of several when called again.
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.issuers.push(issuer.to_owned());
        self
    }

    /// The token must be meant for this audience, or for one of several when called again.
    pub fn audience(mut self, audience: &str) -> Self {
        self.audiences.push(audience.to_owned());
        self
    }

    /// As long as no audience is configured, whom the token is for does not matter. Then a token
    /// that was issued for another service is taken here, too.
    pub fn any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// The token must be about this subject.
    pub fn subject(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }

    /// The token must belong to this client (`client_id`).
    pub fn client(mut self, client: &str) -> Self {
        self.client = Some(client.to_owned());
        self
    }

    /// The header must say this `typ` (RFC 8725 section 3.11). `application/` and case don't count.
    pub fn typ(mut self, typ: &str) -> Self {
        self.typ = Some(typ.to_owned());
        self
    }

    /// Only these algorithms, whatever the keys can do.
    pub fn algorithms(mut self, algorithms: &[Algorithm]) -> Self {
        self.algorithms = Some(algorithms.to_vec());
        self
    }

    /// By how much clocks may differ.
    pub fn leeway_secs(mut self, leeway_secs: u64) -> Self {
        self.leeway_secs = leeway_secs;
        self
    }

    /// The claim must be there, whatever it says.
    pub fn require(mut self, claim: &str) -> Self {
        self.required.push(claim.to_owned());
        self
    }

    /// Takes tokens of the type `at+jwt` that lack `client_id` or `jti`: some issuers adopt the name
    /// and not the rule.
    pub fn any_access_token(mut self) -> Self {
        self.access_tokens_complete = false;
        self
    }

    /// Whether an issuer was configured: without one, a key of any issuer speaks for all.
    pub(crate) fn names_an_issuer(&self) -> bool {
        !self.issuers.is_empty()
    }

    /// What can be judged before the signature.
    pub(crate) fn judge_header(
        &self,
        header: &UnverifiedHeader,
        algorithm: Algorithm,
    ) -> Result<(), Inactive> {
        if self
            .algorithms
            .as_ref()
            .is_some_and(|allowed| !allowed.contains(&algorithm))
        {
            return Err(Inactive::Algorithm);
        }
        let fits = match (&self.typ, &header.typ) {
            (Some(wanted), Some(typ)) => is_media_type(typ, wanted),
            (Some(_), None) => false,
            (None, Some(typ)) => USUAL_TYPES.iter().any(|usual| is_media_type(typ, usual)),
            (None, None) => true,
        };
        if fits {
            Ok(())
        } else {
            Err(Inactive::Algorithm)
        }
    }

    /// Whether the claims are there that the type of the token or the configuration asks for.
    pub(crate) fn judge_fields(
        &self,
        header: &UnverifiedHeader,
        claims: &Claims,
    ) -> Result<(), Inactive> {
        let is_access_token = header
            .typ
            .as_ref()
            .is_some_and(|typ| is_media_type(typ, ACCESS_TOKEN));
        let complete = claims.client_id.is_some() && claims.jti.is_some();
        if self.access_tokens_complete && is_access_token && !complete {
            return Err(Inactive::FieldsMissing);
        }
        if self.required.iter().any(|name| !claims.has(name)) {
            return Err(Inactive::FieldsMissing);
        }
        Ok(())
    }

    /// What the claims say, once the signature holds.
    pub(crate) fn judge(&self, claims: &Claims, now: u64) -> Result<(), Inactive> {
        one_of(&self.issuers, claims.iss.as_ref(), Inactive::Issuer)?;
        self.judge_audience(claims)?;
        one_of(
            self.subject.as_slice(),
            claims.sub.as_ref(),
            Inactive::ClientMismatch,
        )?;
        one_of(
            self.client.as_slice(),
            claims.client_id.as_ref(),
            Inactive::ClientMismatch,
        )?;
        self.times.judge(claims, self.leeway_secs, now)
    }

    /// What changes with the time, of a token that was judged before.
    pub(crate) fn judge_times(&self, verified: &Verified, now: u64) -> Result<(), Inactive> {
        self.times.judge(verified.claims(), self.leeway_secs, now)
    }

    /// The first second in which a verified token is over, leeway included.
    pub(crate) fn over_at(&self, verified: &Verified) -> u64 {
        let over_at = self.times.over_at(verified.claims(), self.leeway_secs);
        over_at.map_or(0, unix_seconds)
    }

    fn judge_audience(&self, claims: &Claims) -> Result<(), Inactive> {
        match &claims.aud {
            None if self.audiences.is_empty() => Ok(()),
            None => Err(Inactive::FieldsMissing),
            Some(_) if self.audiences.is_empty() && self.any_audience => Ok(()),
            Some(named) if named.iter().any(|one| self.audiences.contains(one)) => Ok(()),
            Some(_) => Err(Inactive::Audience),
        }
    }
}

/// Nothing configured: anything goes. Else the claim must be there and be one of them.
fn one_of(allowed: &[String], claim: Option<&String>, no: Inactive) -> Result<(), Inactive> {
    match claim {
        _ if allowed.is_empty() => Ok(()),
        None => Err(Inactive::FieldsMissing),
        Some(claim) if allowed.contains(claim) => Ok(()),
        Some(_) => Err(no),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(expect: &Expect, claims: &str, now: u64) -> Result<(), Inactive> {
        expect.judge(&Claims::parse(claims.as_bytes()).unwrap(), now)
    }

    #[test]
    fn what_is_configured_is_required() {
        let configured = [
            (Expect::new().issuer("a"), "iss", Inactive::Issuer),
            (Expect::new().audience("a"), "aud", Inactive::Audience),
            (Expect::new().subject("a"), "sub", Inactive::ClientMismatch),
            (
                Expect::new().client("a"),
                "client_id",
                Inactive::ClientMismatch,
            ),
        ];
        for (expect, name, no) in configured {
            assert_eq!(
                judge(&expect, r#"{"exp":9}"#, 1),
                Err(Inactive::FieldsMissing),
                "{name}"
            );
            let claims = |value: &str| format!(r#"{{"exp":9,"{name}":"{value}"}}"#);
            assert_eq!(judge(&expect, &claims("a"), 1), Ok(()), "{name}");
            for other in ["b", "A", "a ", "", "aa"] {
                assert_eq!(
                    judge(&expect, &claims(other), 1),
                    Err(no),
                    "{name} {other:?}"
                );
            }
        }
    }

    #[test]
    fn an_access_token_names_its_client_and_itself() {
        let judge = |expect: &Expect, typ: Option<&str>, claims: &str| {
            let typ = typ.map(str::to_owned);
            let header = UnverifiedHeader {
                alg: "HS256".to_owned(),
                kid: None,
                typ,
            };
            expect.judge_fields(&header, &Claims::parse(claims.as_bytes()).unwrap())
        };
        let strict = Expect::new();
        let whole = r#"{"client_id":"c","jti":"j"}"#;
        assert_eq!(judge(&strict, Some("at+jwt"), whole), Ok(()));
        for part in [r#"{"client_id":"c"}"#, r#"{"jti":"j"}"#, "{}"] {
            let no = Err(Inactive::FieldsMissing);
            assert_eq!(judge(&strict, Some("at+jwt"), part), no, "{part}");
            assert_eq!(
                judge(&strict, Some("application/AT+jwt"), part),
                no,
                "{part}"
            );
            assert_eq!(judge(&strict, Some("JWT"), part), Ok(()));
            assert_eq!(judge(&strict, None, part), Ok(()));
            assert_eq!(
                judge(&strict.clone().any_access_token(), Some("at+jwt"), part),
                Ok(())
            );
        }
        let tenant = Expect::new().require("tenant");
        assert_eq!(judge(&tenant, None, whole), Err(Inactive::FieldsMissing));
        assert_eq!(judge(&tenant, None, r#"{"tenant":0}"#), Ok(()));
    }

    #[test]
    fn a_named_audience_must_be_one_of_ours() {
        let two = Expect::new().audience("a").audience("b");
        assert_eq!(judge(&two, r#"{"exp":9,"aud":["x","b"]}"#, 1), Ok(()));
        assert_eq!(
            judge(&two, r#"{"exp":9,"aud":["x"]}"#, 1),
            Err(Inactive::Audience)
        );
        assert_eq!(
            judge(&two, r#"{"exp":9,"aud":[]}"#, 1),
            Err(Inactive::Audience)
        );
        let none = Expect::new();
        assert_eq!(
            judge(&none, r#"{"exp":9,"aud":"x"}"#, 1),
            Err(Inactive::Audience)
        );
        assert_eq!(
            judge(&none.any_audience(), r#"{"exp":9,"aud":"x"}"#, 1),
            Ok(())
        );
    }

    #[test]
    fn the_type_is_checked_when_it_is_given_or_wanted() {
        let judge = |expect: &Expect, typ: Option<&str>| {
            let typ = typ.map(str::to_owned);
            let header = UnverifiedHeader {
                alg: "HS256".to_owned(),
                kid: None,
                typ,
            };
            expect.judge_header(&header, Algorithm::Hs256).is_ok()
        };
        let (any, access) = (Expect::new(), Expect::new().typ("at+jwt"));
        assert!(judge(&any, None) && judge(&any, Some("jwt")) && judge(&any, Some("at+jwt")));
        assert!(!judge(&any, Some("dpop+jwt")) && !judge(&any, Some("")));
        assert!(judge(&access, Some("AT+JWT")) && judge(&access, Some("application/at+jwt")));
        assert!(!judge(&access, None) && !judge(&access, Some("JWT")));
        assert!(
            !judge(&Expect::flipt(), None),
            "HS256 is not one of Flipt's"
        );
    }
}
