//! RFC 7638 thumbprints: the name a public key gives itself.
//!
//! Section 3: the required members only, in lexicographic order, no white space, hashed as UTF-8.

use super::backend;
use super::base64url;
use super::key::PublicPart;

pub(crate) fn of(public: &PublicPart) -> Option<String> {
    let b64 = |octets: &[u8]| base64url::encode(octets);
    let json = match public {
        PublicPart::Secret => return None,
        PublicPart::Rsa { n, e } => {
            format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, b64(e), b64(n))
        }
        PublicPart::Ec { x, y } => {
            let crv = if x.len() == 48 { "P-384" } else { "P-256" };
            format!(
                r#"{{"crv":"{crv}","kty":"EC","x":"{}","y":"{}"}}"#,
                b64(x),
                b64(y)
            )
        }
        PublicPart::Okp { x } => {
            format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, b64(x))
        }
    };
    backend::sha256(json.as_bytes()).map(|digest| b64(&digest))
}

#[cfg(test)]
mod tests {
    use crate::jwt::VerifyingKey;

    #[test]
    fn the_example_of_rfc_7638_section_3_1() {
        let jwk = br#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
        let key = VerifyingKey::from_jwk(jwk, None).unwrap();
        assert_eq!(
            key.thumbprint().as_deref(),
            Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
        );
    }

    #[test]
    fn the_example_of_rfc_8037_appendix_a_3() {
        let jwk =
            br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let key = VerifyingKey::from_jwk(jwk, None).unwrap();
        assert_eq!(
            key.thumbprint().as_deref(),
            Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
        );
    }
}
