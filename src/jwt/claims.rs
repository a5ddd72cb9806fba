//! The claims of RFC 7519 section 4.1 in their types; whether they suffice is policy's business.
//!
//! A registered claim of the wrong type refuses the token whether anyone asks for it or not:
//! skipping what cannot be read is how `exp` came to be ignored in CVE-2026-25537.

use serde_json::{Map, Value};

use super::json;
use crate::Inactive;

/// What a signed payload claims, in types. Not judged yet.
#[derive(Clone)]
pub(crate) struct Claims {
    pub(crate) iss: Option<String>,
    pub(crate) sub: Option<String>,
    pub(crate) aud: Option<Vec<String>>,
    pub(crate) exp: Option<Instant>,
    pub(crate) nbf: Option<Instant>,
    pub(crate) iat: Option<Instant>,
    pub(crate) jti: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) extra: Map<String, Value>,
}

/// Seconds since 1970, wide enough that no sum of a claim and a leeway overflows.
pub(crate) type Instant = i128;

/// Names that a claim may not resemble: some parsers fold case, and Unicode folds `ſ` to `s`, so
/// that `SUB` or `ſub` is another subject for them.
const EXACT: [&str; 8] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id"];

impl Claims {
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, Inactive> {
        let mut members = json::object(payload).ok_or(Inactive::Format)?;
        if members.keys().any(|name| resembles_a_registered_one(name)) {
            return Err(Inactive::Format);
        }
        Ok(Self {
            iss: text(members.remove("iss"))?,
            sub: text(members.remove("sub"))?,
            aud: audience(members.remove("aud"))?,
            exp: numeric_date(members.remove("exp"))?,
            nbf: numeric_date(members.remove("nbf"))?,
            iat: numeric_date(members.remove("iat"))?,
            jti: text(members.remove("jti"))?,
            client_id: text(members.remove("client_id"))?,
            extra: members,
        })
    }

    /// Whether a claim of that name is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        match name {
            "iss" => self.iss.is_some(),
            "sub" => self.sub.is_some(),
            "aud" => self.aud.is_some(),
            "exp" => self.exp.is_some(),
            "nbf" => self.nbf.is_some(),
            "iat" => self.iat.is_some(),
            "jti" => self.jti.is_some(),
            "client_id" => self.client_id.is_some(),
            _ => self.extra.contains_key(name),
        }
    }
}

/// Whether the name is one that claims of our own are called by, or would be taken for one.
pub(crate) fn is_reserved(name: &str) -> bool {
    EXACT.contains(&name) || resembles_a_registered_one(name)
}

fn resembles_a_registered_one(name: &str) -> bool {
    !EXACT.contains(&name)
        && EXACT.iter().any(|exact| {
            name.chars()
                .flat_map(char::to_uppercase)
                .eq(exact.chars().flat_map(char::to_uppercase))
        })
}

fn text(claim: Option<Value>) -> Result<Option<String>, Inactive> {
    match claim {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Inactive::Format),
    }
}

/// Section 4.1.3: an array of strings, or one string.
fn audience(claim: Option<Value>) -> Result<Option<Vec<String>>, Inactive> {
    let list = match claim {
        None => return Ok(None),
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
    };
    let text = |item| match item {
        Value::String(text) => Ok(text),
        _ => Err(Inactive::Format),
    };
    list.into_iter()
        .map(text)
        .collect::<Result<_, _>>()
        .map(Some)
}

/// Section 2: "A JSON numeric value representing the number of seconds", "non-integer values can
/// be represented". The clock we are given counts whole seconds, so `now < exp` and `now >= nbf`
/// have the same answer for a fraction and for the whole number above it.
///
/// What 64 bits do not hold is refused: no clock will show it, and others take it for a claim that is
/// missing, or for a time long past.
fn numeric_date(claim: Option<Value>) -> Result<Option<Instant>, Inactive> {
    let number = match claim {
        None => return Ok(None),
        Some(Value::Number(number)) => number,
        Some(_) => return Err(Inactive::Format),
    };
    let whole = number
        .as_u64()
        .map(Instant::from)
        .or_else(|| number.as_i64().map(Instant::from));
    let seconds = whole.or_else(|| number.as_f64().map(|float| float.ceil() as Instant));
    let in_64_bits = Instant::from(i64::MIN)..=Instant::from(u64::MAX);
    let seconds = seconds.filter(|seconds| in_64_bits.contains(seconds));
    seconds.map(Some).ok_or(Inactive::Format)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Claims, Inactive> {
        Claims::parse(text.as_bytes())
    }

    #[test]
    fn registered_claims_of_the_wrong_type_are_refused() {
        for name in ["iss", "sub", "jti", "client_id"] {
            for value in ["null", "1", "true", "[]", r#"["a"]"#, "{}"] {
                let text = format!(r#"{{"{name}":{value}}}"#);
                assert_eq!(parse(&text).err(), Some(Inactive::Format), "{text}");
            }
        }
        for name in ["exp", "nbf", "iat"] {
            let not_in_64_bits = [
                "18446744073709551616",
                "-9223372036854777856",
                "1e308",
                "-1e308",
            ];
            let of_other_types = ["null", r#""1""#, "true", "[1]", "{}", "1e999"];
            for value in of_other_types.into_iter().chain(not_in_64_bits) {
                let text = format!(r#"{{"{name}":{value}}}"#);
                assert_eq!(parse(&text).err(), Some(Inactive::Format), "{text}");
            }
        }
        for value in ["null", "1", "{}", "[1]", r#"["a",null]"#, r#"[["a"]]"#] {
            let text = format!(r#"{{"aud":{value}}}"#);
            assert_eq!(parse(&text).err(), Some(Inactive::Format), "{text}");
        }
    }

    #[test]
    fn an_audience_is_a_string_or_a_list_of_strings() {
        assert_eq!(parse(r#"{"aud":"a"}"#).unwrap().aud.unwrap(), ["a"]);
        assert_eq!(
            parse(r#"{"aud":["a","b"]}"#).unwrap().aud.unwrap(),
            ["a", "b"]
        );
        assert!(parse(r#"{"aud":[]}"#).unwrap().aud.unwrap().is_empty());
        assert!(parse("{}").unwrap().aud.is_none());
    }

    #[test]
    fn dates_are_any_json_number() {
        let exp = |text: &str| parse(&format!(r#"{{"exp":{text}}}"#)).unwrap().exp.unwrap();
        assert_eq!(exp("0"), 0);
        assert_eq!(exp("-5"), -5);
        assert_eq!(exp("1.8e9"), 1_800_000_000);
        assert_eq!(exp("1.5"), 2);
        assert_eq!(exp("-1.5"), -1);
        assert_eq!(exp("18446744073709551615"), Instant::from(u64::MAX));
        assert_eq!(exp("-9223372036854775808"), Instant::from(i64::MIN));
        assert_eq!(exp("1e19"), 10_000_000_000_000_000_000);
    }

    #[test]
    fn names_that_fold_to_a_registered_one_are_refused() {
        for name in [
            "SUB",
            "Sub",
            "\u{17f}ub",
            "EXP",
            "iSs",
            "Client_ID",
            "\u{131}at",
        ] {
            assert!(parse(&format!(r#"{{"{name}":"a"}}"#)).is_err(), "{name}");
        }
        assert!(parse(r#"{"sub_type":"a","subs":1,"expires":2,"email":"x"}"#).is_ok());
    }

    #[test]
    fn a_claim_given_twice_is_refused() {
        for name in ["exp", "custom"] {
            assert!(parse(&format!(r#"{{"{name}":1,"{name}":1}}"#)).is_err());
        }
    }
}
