//! What a verifier expects of the claims; the time is an argument, no clock is read.

use super::algorithm::Algorithm;
use super::claims::{Claims, Instant};
use super::header::{UnverifiedHeader, is_media_type};
use crate::Inactive;

/// What a token must claim to be active.
///
/// The default is strict: `exp` is required, leeway is 0, `nbf` and `iat` are honoured when there,
/// `typ` is absent, `JWT` or `at+jwt`, and a token that names an audience is refused as long as no
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
    times: Times,
}

/// How missing times are understood and which side a boundary is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Times {
    /// RFC 7519: active while `now < exp`; `exp` is required.
    Rfc,
    /// Flipt: active while `now <= exp`; missing times are filled in.
    Flipt,
}

/// Types of a token that is not explicitly typed (RFC 7519 section 5.1, RFC 9068 section 2.1).
const USUAL_TYPES: [&str; 2] = ["JWT", "at+jwt"];

/// What Flipt adds to or takes from a time that is there to fill in one that is not.
const FLIPT_FILL_SECS: Instant = 150;

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

    /// What can be judged only once the signature holds.
    pub(crate) fn judge(&self, claims: &Claims, now: u64) -> Result<(), Inactive> {
        if self.required.iter().any(|name| !claims.has(name)) {
            return Err(Inactive::FieldsMissing);
        }
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
        self.judge_times(claims, Instant::from(now))
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

    fn judge_times(&self, claims: &Claims, now: Instant) -> Result<(), Inactive> {
        let (nbf, exp) = self.effective_times(claims)?;
        let leeway = Instant::from(self.leeway_secs);
        let starts = [nbf, claims.iat].into_iter().flatten().max();
        if starts.is_some_and(|start| now.saturating_add(leeway) < start) {
            return Err(Inactive::NotYetValid);
        }
        let end = exp.saturating_add(leeway);
        let over = match self.times {
            Times::Rfc => now >= end,
            Times::Flipt => now > end,
        };
        if over {
            Err(Inactive::ExpiredSignature)
        } else {
            Ok(())
        }
    }

    fn effective_times(&self, claims: &Claims) -> Result<(Option<Instant>, Instant), Inactive> {
        if self.times == Times::Rfc {
            return Ok((claims.nbf, claims.exp.ok_or(Inactive::FieldsMissing)?));
        }
        let start = [claims.iat, claims.nbf].into_iter().flatten().max();
        let exp = match (claims.exp, start) {
            (Some(exp), _) => exp,
            (None, Some(start)) => start.saturating_add(FLIPT_FILL_SECS),
            (None, None) => return Err(Inactive::FieldsMissing),
        };
        let nbf = claims
            .nbf
            .or(claims.iat)
            .unwrap_or(exp.saturating_sub(FLIPT_FILL_SECS));
        Ok((Some(nbf), exp))
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
    fn a_token_is_active_before_exp_and_from_nbf_and_iat_on() {
        let expect = Expect::new();
        assert_eq!(judge(&expect, r#"{"exp":100}"#, 99), Ok(()));
        assert_eq!(
            judge(&expect, r#"{"exp":100}"#, 100),
            Err(Inactive::ExpiredSignature)
        );
        assert_eq!(judge(&expect, r#"{"exp":100.5}"#, 100), Ok(()));
        assert_eq!(
            judge(&expect, r#"{"exp":100.5}"#, 101),
            Err(Inactive::ExpiredSignature)
        );
        for name in ["nbf", "iat"] {
            let claims = format!(r#"{{"exp":100,"{name}":50}}"#);
            assert_eq!(judge(&expect, &claims, 49), Err(Inactive::NotYetValid));
            assert_eq!(judge(&expect, &claims, 50), Ok(()));
        }
        assert_eq!(judge(&expect, "{}", 0), Err(Inactive::FieldsMissing));
    }

    #[test]
    fn leeway_moves_both_sides_and_nothing_overflows() {
        let lenient = Expect::new().leeway_secs(60);
        assert_eq!(judge(&lenient, r#"{"exp":100}"#, 159), Ok(()));
        assert_eq!(
            judge(&lenient, r#"{"exp":100}"#, 160),
            Err(Inactive::ExpiredSignature)
        );
        assert_eq!(judge(&lenient, r#"{"exp":200,"nbf":100}"#, 40), Ok(()));
        assert_eq!(
            judge(&lenient, r#"{"exp":200,"nbf":100}"#, 39),
            Err(Inactive::NotYetValid)
        );
        for leeway in [0, 1, u64::MAX] {
            for now in [0, 1, u64::MAX] {
                for date in [
                    "0",
                    "-1e308",
                    "1e308",
                    "18446744073709551615",
                    "-9223372036854775808",
                ] {
                    for expect in [Expect::new(), Expect::flipt()] {
                        let claims = format!(r#"{{"exp":{date},"nbf":{date},"iat":{date}}}"#);
                        let _ = judge(&expect.leeway_secs(leeway), &claims, now);
                    }
                }
            }
        }
        let max = Expect::new().leeway_secs(u64::MAX);
        assert_eq!(judge(&max, r#"{"exp":1}"#, u64::MAX), Ok(()));
        assert_eq!(
            judge(&max, r#"{"exp":0}"#, u64::MAX),
            Err(Inactive::ExpiredSignature)
        );
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
        let expect = Expect::new().require("tenant");
        assert_eq!(
            judge(&expect, r#"{"exp":9}"#, 1),
            Err(Inactive::FieldsMissing)
        );
        assert_eq!(judge(&expect, r#"{"exp":9,"tenant":0}"#, 1), Ok(()));
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
