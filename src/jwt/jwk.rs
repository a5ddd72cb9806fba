//! One JSON Web Key of RFC 7517, read strictly and written publicly; private members are ignored.

use serde_json::{Map, Value};
use zeroize::{Zeroize, Zeroizing};

use super::algorithm::{Algorithm, KeyType};
use super::base64url;
use super::json;
use super::key::{PublicPart, VerifyingKey};
use super::key_error::KeyError;

/// An RSA key of 8192 bits with all its private members and a certificate chain stays below.
const JWK_BYTES_MAX: usize = 32 * 1024;

type Members = Map<String, Value>;

pub(crate) fn parse(text: &[u8], pin: Option<Algorithm>) -> Result<VerifyingKey, KeyError> {
    if text.len() > JWK_BYTES_MAX {
        return Err(KeyError::Unreadable { what: "JWK" });
    }
    let mut members = json::object(text).ok_or(KeyError::Unreadable { what: "JWK" })?;
    let key = key_type(&members).and_then(|key_type| from_members(&members, key_type, pin));
    wipe(&mut members);
    key
}

/// Wipes the members that are secret (RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1).
pub(crate) fn wipe(members: &mut Members) {
    for name in ["k", "d", "p", "q", "dp", "dq", "qi"] {
        if let Some(Value::String(secret)) = members.get_mut(name) {
            secret.zeroize();
        }
    }
}

/// A key of a set: `fallback` serves the keys that state no `alg` and whose type it fits.
pub(crate) fn in_set(
    members: &Members,
    fallback: Option<Algorithm>,
) -> Result<VerifyingKey, KeyError> {
    let key_type = key_type(members)?;
    let fits = |algorithm: &Algorithm| {
        !members.contains_key("alg")
            && algorithm.key_type() == key_type
            && algorithm.curve() == members.get("crv").and_then(Value::as_str)
    };
    from_members(members, key_type, fallback.filter(fits))
}

fn key_type(members: &Members) -> Result<KeyType, KeyError> {
    match text(members, "kty")?.ok_or(KeyError::Member { member: "kty" })? {
        "oct" => Ok(KeyType::Oct),
        "RSA" => Ok(KeyType::Rsa),
        "EC" => Ok(KeyType::Ec),
        "OKP" => Ok(KeyType::Okp),
        _ => Err(KeyError::Unsupported),
    }
}

fn from_members(
    members: &Members,
    key_type: KeyType,
    pin: Option<Algorithm>,
) -> Result<VerifyingKey, KeyError> {
    check_purpose(members)?;
    let algorithm = pinned(members, key_type, pin)?;
    let key = match key_type {
        KeyType::Oct => {
            VerifyingKey::from_secret(algorithm, &Zeroizing::new(octets(members, "k")?))
        }
        KeyType::Rsa => {
            VerifyingKey::from_rsa(algorithm, &octets(members, "n")?, &octets(members, "e")?)
        }
        KeyType::Ec => {
            VerifyingKey::from_ec(algorithm, &octets(members, "x")?, &octets(members, "y")?)
        }
        KeyType::Okp => VerifyingKey::from_ed25519(&octets(members, "x")?),
    }?;
    match text(members, "kid")? {
        Some(kid) => key.with_kid(kid),
        None => Ok(key),
    }
}

/// RFC 7517 sections 4.2 and 4.3. What a key is for is said by its owner: we never stretch it.
fn check_purpose(members: &Members) -> Result<(), KeyError> {
    if text(members, "use")?.is_some_and(|usage| usage != "sig") {
        return Err(KeyError::Purpose);
    }
    let operations = match members.get("key_ops") {
        None => return Ok(()),
        Some(Value::Array(operations)) => operations,
        Some(_) => return Err(KeyError::Member { member: "key_ops" }),
    };
    let count = |name: &str| operations.iter().filter(|given| *given == name).count();
    let (verify, sign) = (count("verify"), count("sign"));
    // Duplicate values MUST NOT be present; unrelated operations SHOULD NOT be combined.
    if verify != 1 || sign > 1 || operations.len() != verify + sign {
        return Err(KeyError::Purpose);
    }
    Ok(())
}

/// The one algorithm of the key: what the caller pins, what the key says, or what goes without
/// saying; and all three must agree.
fn pinned(
    members: &Members,
    key_type: KeyType,
    pin: Option<Algorithm>,
) -> Result<Algorithm, KeyError> {
    let stated = match text(members, "alg")? {
        None => None,
        Some(name) => Some(Algorithm::from_name(name).ok_or(KeyError::Unsupported)?),
    };
    let curve = match key_type {
        KeyType::Oct | KeyType::Rsa => None,
        KeyType::Ec | KeyType::Okp => {
            Some(text(members, "crv")?.ok_or(KeyError::Member { member: "crv" })?)
        }
    };
    let natural = match (key_type, curve) {
        (KeyType::Oct, _) => Algorithm::Hs256,
        (KeyType::Rsa, _) => Algorithm::Rs256,
        (KeyType::Ec, Some("P-256")) => Algorithm::Es256,
        (KeyType::Ec, Some("P-384")) => Algorithm::Es384,
        (KeyType::Okp, Some("Ed25519")) => Algorithm::EdDsa,
        _ => return Err(KeyError::Unsupported),
    };
    let algorithm = pin.or(stated).unwrap_or(natural);
    let agrees = stated.is_none_or(|stated| stated == algorithm)
        && algorithm.key_type() == key_type
        && algorithm.curve() == curve;
    if agrees {
        Ok(algorithm)
    } else {
        Err(KeyError::Algorithm { algorithm })
    }
}

fn text<'a>(members: &'a Members, member: &'static str) -> Result<Option<&'a str>, KeyError> {
    match members.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(KeyError::Member { member }),
    }
}

fn octets(members: &Members, member: &'static str) -> Result<Vec<u8>, KeyError> {
    let text = text(members, member)?.ok_or(KeyError::Member { member })?;
    base64url::decode(text.as_bytes()).ok_or(KeyError::Member { member })
}

/// The public members as JSON text. All values but `kid` are base64url or constants; `kid` is
/// escaped by serde_json.
pub(crate) fn public(key: &VerifyingKey) -> Option<String> {
    let b64 = |octets: &[u8]| base64url::encode(octets);
    let own = match key.public() {
        PublicPart::Secret => return None,
        PublicPart::Rsa { n, e } => format!(r#""kty":"RSA","n":"{}","e":"{}""#, b64(n), b64(e)),
        PublicPart::Ec { x, y } => {
            let crv = key.algorithm().curve()?;
            format!(
                r#""kty":"EC","crv":"{crv}","x":"{}","y":"{}""#,
                b64(x),
                b64(y)
            )
        }
        PublicPart::Okp { x } => format!(r#""kty":"OKP","crv":"Ed25519","x":"{}""#, b64(x)),
    };
    let kid = match key.kid() {
        Some(kid) => format!(r#","kid":{}"#, Value::from(kid)),
        None => String::new(),
    };
    Some(format!(
        r#"{{{own}{kid},"alg":"{}","use":"sig"}}"#,
        key.algorithm()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    fn ec(more: &str) -> Result<VerifyingKey, KeyError> {
        let json = format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}"{more}}}"#);
        parse(json.as_bytes(), None)
    }

    fn refused(json: &str, pin: Option<Algorithm>) -> KeyError {
        parse(json.as_bytes(), pin).unwrap_err()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let key = ec(r#","kid":"a\"b""#).unwrap();
        let again = parse(key.to_jwk().unwrap().as_bytes(), None).unwrap();
        assert_eq!(again.kid(), Some("a\"b"));
        assert_eq!(again.thumbprint(), key.thumbprint());
        assert_eq!(again.algorithm(), Algorithm::Es256);
    }

    #[test]
    fn use_and_key_ops_are_heeded() {
        for good in [
            r#","use":"sig""#,
            r#","key_ops":["verify"]"#,
            r#","key_ops":["sign","verify"]"#,
            r#","use":"sig","key_ops":["verify"]"#,
        ] {
            assert!(ec(good).is_ok(), "{good}");
        }
        for bad in [
            r#","use":"enc""#,
            r#","use":"SIG""#,
            r#","key_ops":[]"#,
            r#","key_ops":["sign"]"#,
            r#","key_ops":["encrypt"]"#,
            r#","key_ops":["verify","verify"]"#,
            r#","key_ops":["verify","encrypt"]"#,
            r#","key_ops":["verify",1]"#,
            r#","use":"enc","key_ops":["verify"]"#,
        ] {
            assert_eq!(ec(bad).unwrap_err(), KeyError::Purpose, "{bad}");
        }
        assert_eq!(
            ec(r#","use":1"#).unwrap_err(),
            KeyError::Member { member: "use" }
        );
        assert!(ec(r#","key_ops":"verify""#).is_err());
    }

    #[test]
    fn alg_and_crv_must_agree_with_the_key_and_the_pin() {
        assert!(ec(r#","alg":"ES256""#).is_ok());
        for bad in ["ES384", "RS256", "HS256", "EdDSA"] {
            assert!(ec(&format!(r#","alg":"{bad}""#)).is_err(), "{bad}");
        }
        for bad in ["none", "es256", "ES512", "ES521", "RSA-OAEP", "ECDH-ES"] {
            assert_eq!(
                ec(&format!(r#","alg":"{bad}""#)).unwrap_err(),
                KeyError::Unsupported
            );
        }
        let p384 = format!(r#"{{"kty":"EC","crv":"P-384","x":"{X}","y":"{Y}"}}"#);
        assert_eq!(refused(&p384, None), KeyError::Member { member: "x" });
        assert!(matches!(
            refused(&p384, Some(Algorithm::Es256)),
            KeyError::Algorithm { .. }
        ));
        let okp = format!(r#"{{"kty":"OKP","crv":"X25519","x":"{X}"}}"#);
        assert_eq!(refused(&okp, None), KeyError::Unsupported);
        assert_eq!(refused(r#"{"kty":"ec"}"#, None), KeyError::Unsupported);
    }

    #[test]
    fn every_member_has_one_spelling() {
        let secret = |k: &str| format!(r#"{{"kty":"oct","k":"{k}"}}"#);
        assert!(parse(secret(X).as_bytes(), None).is_ok());
        assert!(parse(secret(&format!("{X}=")).as_bytes(), None).is_err());
        assert_eq!(
            refused(&secret(""), None),
            KeyError::WeakSecret {
                bytes: 0,
                bytes_min: 32
            }
        );
        assert_eq!(
            refused(r#"{"kty":"oct"}"#, None),
            KeyError::Member { member: "k" }
        );
        assert_eq!(
            refused(r#"{"kty":"oct","k":1}"#, None),
            KeyError::Member { member: "k" }
        );
        assert_eq!(
            refused(r#"{"k":""}"#, None),
            KeyError::Member { member: "kty" }
        );
        assert!(ec(r#","kid":"""#).is_err());
        assert!(ec(r#","kid":1"#).is_err());
        assert!(ec(r#","kty":"EC""#).is_err(), "duplicate");
    }
}
