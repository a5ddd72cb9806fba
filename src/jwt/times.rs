//! Whether a token's times are over, have begun, or are missing; the time now is an argument.

use super::claims::{Claims, Instant};
use crate::Inactive;

/// How missing times are understood and which side a boundary is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    /// RFC 7519: active while `now < exp`; `exp` is required.
    Rfc,
    /// Flipt: active while `now <= exp`; missing times are filled in.
    Flipt,
}

/// What Flipt adds to or takes from a time that is there to fill in one that is not.
const FLIPT_FILL_SECS: Instant = 150;

impl Times {
    /// Times and leeways have 64 bits, and an [`Instant`] is wider: no sum of them overflows.
    pub(crate) fn judge(self, claims: &Claims, leeway_secs: u64, now: u64) -> Result<(), Inactive> {
        let (nbf, exp) = self.effective(claims)?;
        let (leeway, now) = (Instant::from(leeway_secs), Instant::from(now));
        let start = [nbf, claims.iat].into_iter().flatten().max();
        if start.is_some_and(|start| now + leeway < start) {
            return Err(Inactive::NotYetValid);
        }
        match now >= self.end(exp, leeway) {
            true => Err(Inactive::ExpiredSignature),
            false => Ok(()),
        }
    }

    /// The first second in which a token with these claims is over, if it can be told.
    pub(crate) fn over_at(self, claims: &Claims, leeway_secs: u64) -> Option<Instant> {
        let (_, exp) = self.effective(claims).ok()?;
        Some(self.end(exp, Instant::from(leeway_secs)))
    }

    fn end(self, exp: Instant, leeway: Instant) -> Instant {
        let last = match self {
            Self::Rfc => 0,
            Self::Flipt => 1,
        };
        exp + leeway + last
    }

    fn effective(self, claims: &Claims) -> Result<(Option<Instant>, Instant), Inactive> {
        if self == Self::Rfc {
            return Ok((claims.nbf, claims.exp.ok_or(Inactive::FieldsMissing)?));
        }
        let start = [claims.iat, claims.nbf].into_iter().flatten().max();
        let exp = match (claims.exp, start) {
            (Some(exp), _) => exp,
            (None, Some(start)) => start + FLIPT_FILL_SECS,
            (None, None) => return Err(Inactive::FieldsMissing),
        };
        let nbf = claims.nbf.or(claims.iat).unwrap_or(exp - FLIPT_FILL_SECS);
        Ok((Some(nbf), exp))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::Expect;

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
                for date in ["0", "18446744073709551615", "-9223372036854775808"] {
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
}
