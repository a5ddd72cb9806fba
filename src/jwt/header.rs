//! The JOSE header of RFC 7515 section 4, judged but not trusted: it picks a key, never brings one.

use serde_json::Value;

use super::json;
use crate::{Inactive, Oversize};

/// Largest header that is parsed. Ours take 82 bytes; a header grows only by carrying keys.
const HEADER_BYTES_MAX: usize = 1024;

/// Longest `kid`, the map key under which a verifying key is found.
pub(crate) const KID_BYTES_MAX: usize = 256;

/// Members by which a token brings its own key or says where to fetch one (RFC 7515 sections 4.1.2
/// to 4.1.6). Using them is how forgeries verify; a token that carries them wants something we do
/// not do.
const BRINGS_A_KEY: [&str; 4] = ["jku", "jwk", "x5u", "x5c"];

/// Members that change what is signed or how it is read: extensions (`crit`, RFC 7515 section
/// 4.1.11), unencoded payloads (`b64`, RFC 7797), encryption and compression (RFC 7516).
const CHANGES_THE_RULES: [&str; 4] = ["crit", "b64", "enc", "zip"];

/// What the header says before anything is verified.
pub(crate) struct UnverifiedHeader {
    pub(crate) alg: String,
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<String>,
}

impl UnverifiedHeader {
    pub(crate) fn parse(octets: &[u8]) -> Result<Self, Inactive> {
        if octets.len() > HEADER_BYTES_MAX {
            return Err(Inactive::TooLarge(Oversize::Field));
        }
        let mut members = json::object(octets).ok_or(Inactive::Format)?;
        let foreign = BRINGS_A_KEY.iter().chain(&CHANGES_THE_RULES);
        if foreign.into_iter().any(|&name| members.contains_key(name)) {
            return Err(Inactive::Algorithm);
        }
        let mut text = |name| match members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Inactive::Format),
        };
        let (alg, kid) = (text("alg")?.ok_or(Inactive::Format)?, text("kid")?);
        let (typ, cty) = (text("typ")?, text("cty")?);
        if kid.as_deref().is_some_and(|kid| !is_key_id(kid)) {
            return Err(Inactive::Format);
        }
        // RFC 7519 section 5.2: "JWT" here means that the payload is another token.
        if cty.is_some_and(|cty| is_media_type(&cty, "JWT")) {
            return Err(Inactive::Algorithm);
        }
        Ok(Self { alg, kid, typ })
    }
}

/// Whether `kid` may name a key: opaque, short, printable.
pub(crate) fn is_key_id(kid: &str) -> bool {
    !kid.is_empty() && kid.len() <= KID_BYTES_MAX && !kid.chars().any(char::is_control)
}

/// Whether `given` names the media type `wanted`, both with or without `application/`; case does
/// not count (RFC 7515 section 4.1.9, RFC 2045 section 5.1).
pub(crate) fn is_media_type(given: &str, wanted: &str) -> bool {
    short(given).eq_ignore_ascii_case(short(wanted))
}

fn short(media_type: &str) -> &str {
    const PREFIX: &str = "application/";
    match media_type.get(..PREFIX.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(PREFIX) => &media_type[PREFIX.len()..],
        _ => media_type,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Inactive {
        UnverifiedHeader::parse(text.as_bytes())
            .map(|_| ())
            .unwrap_err()
    }

    #[test]
    fn a_header_is_read() {
        let header =
            UnverifiedHeader::parse(br#"{"alg":"HS256","kid":"k","typ":"JWT","x":[]}"#).unwrap();
        assert_eq!(header.alg, "HS256");
        assert_eq!(header.kid.as_deref(), Some("k"));
        assert_eq!(header.typ.as_deref(), Some("JWT"));
    }

    #[test]
    fn keys_in_the_header_are_refused() {
        for name in BRINGS_A_KEY {
            let text = format!(r#"{{"alg":"HS256","{name}":null}}"#);
            assert_eq!(refused(&text), Inactive::Algorithm, "{name}");
        }
    }

    #[test]
    fn extensions_are_refused_whatever_their_value() {
        for name in CHANGES_THE_RULES {
            for value in ["null", "[]", "true", r#"["b64"]"#] {
                let text = format!(r#"{{"alg":"HS256","{name}":{value}}}"#);
                assert_eq!(refused(&text), Inactive::Algorithm, "{name}");
            }
        }
        assert_eq!(
            refused(r#"{"alg":"HS256","cty":"application/jwt"}"#),
            Inactive::Algorithm
        );
        assert!(UnverifiedHeader::parse(br#"{"alg":"HS256","cty":"json"}"#).is_ok());
    }

    #[test]
    fn alg_kid_and_typ_are_strings() {
        for text in [
            r#"{}"#,
            r#"{"alg":null}"#,
            r#"{"alg":256}"#,
            r#"{"alg":["HS256"]}"#,
            r#"{"alg":{"HS256":null}}"#,
            r#"{"alg":"HS256","alg":"HS256"}"#,
            r#"{"alg":"HS256","kid":1}"#,
            r#"{"alg":"HS256","kid":null}"#,
            r#"{"alg":"HS256","kid":""}"#,
            r#"{"alg":"HS256","kid":"a\u0000"}"#,
            r#"{"alg":"HS256","kid":"a\n"}"#,
            r#"{"alg":"HS256","typ":["JWT"]}"#,
        ] {
            assert_eq!(refused(text), Inactive::Format, "{text}");
        }
    }

    #[test]
    fn a_long_header_and_a_long_kid_are_refused() {
        let with_kid = |bytes| format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(bytes));
        assert!(UnverifiedHeader::parse(with_kid(256).as_bytes()).is_ok());
        assert_eq!(refused(&with_kid(257)), Inactive::Format);
        assert_eq!(
            refused(&with_kid(1024)),
            Inactive::TooLarge(Oversize::Field)
        );
    }

    #[test]
    fn media_types_are_compared_as_media_types() {
        assert!(is_media_type("at+jwt", "at+jwt"));
        assert!(is_media_type("application/AT+JWT", "at+jwt"));
        assert!(is_media_type("at+jwt", "Application/at+jwt"));
        assert!(!is_media_type("JWT", "at+jwt"));
        assert!(!is_media_type("text/at+jwt", "at+jwt"));
    }
}
