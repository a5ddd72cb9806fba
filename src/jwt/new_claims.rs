//! The claims of a token that is about to be signed here, written with the token id in front.

use core::fmt::Write;

use serde_json::Value;

use super::claims::{Claims, is_reserved};
use super::key_error::KeyError;
use crate::TokenId;

/// The claims of a token to be issued (RFC 9068 section 2.2).
///
/// The text begins with `{"jti":"`, the id and `",`: that is where
/// [`embedded_id`](super::embedded_id) finds the id without decoding the token.
#[derive(Clone, Debug)]
pub struct NewClaims {
    token_id: TokenId,
    client_id: String,
    issued_at: u64,
    expires_at: u64,
    not_before: Option<u64>,
    issuer: Option<String>,
    subject: Option<String>,
    audiences: Vec<String>,
    extra: Vec<(String, Value)>,
}

impl NewClaims {
    /// The four that every token carries. Instants are Unix seconds.
    pub fn new(token_id: TokenId, client_id: &str, issued_at: u64, expires_at: u64) -> Self {
        Self {
            token_id,
            client_id: client_id.to_owned(),
            issued_at,
            expires_at,
            not_before: None,
            issuer: None,
            subject: None,
            audiences: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// `iss`.
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.issuer = Some(issuer.to_owned());
        self
    }

    /// `sub`; without it the client stands for itself (RFC 9068 section 2.2).
    pub fn subject(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }

    /// `aud`; call again for several.
    pub fn audience(mut self, audience: &str) -> Self {
        self.audiences.push(audience.to_owned());
        self
    }

    /// `nbf`.
    pub fn not_before(mut self, not_before: u64) -> Self {
        self.not_before = Some(not_before);
        self
    }

    /// Any other claim. A name of the signer's own is refused when the token is signed.
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.extra.push((name.to_owned(), value));
        self
    }

    /// The payload. It is read again before it is handed out: what we sign, we accept.
    pub(crate) fn to_payload(&self) -> Result<String, KeyError> {
        if self.extra.iter().any(|(name, _)| is_reserved(name)) {
            return Err(KeyError::Claims);
        }
        let mut text = format!(
            r#"{{"jti":"{}","client_id":{},"iat":{},"exp":{}"#,
            self.token_id,
            Value::from(self.client_id.as_str()),
            self.issued_at,
            self.expires_at
        );
        let mut member = |name: &str, value: Value| {
            // Writing to a String cannot fail.
            let _ = write!(text, ",{}:{value}", Value::from(name));
        };
        if let Some(not_before) = self.not_before {
            member("nbf", Value::from(not_before));
        }
        if let Some(issuer) = &self.issuer {
            member("iss", Value::from(issuer.as_str()));
        }
        let subject = self.subject.as_ref().unwrap_or(&self.client_id);
        member("sub", Value::from(subject.as_str()));
        match &self.audiences[..] {
            [] => {}
            [one] => member("aud", Value::from(one.as_str())),
            several => member("aud", Value::from(several)),
        }
        for (name, value) in &self.extra {
            member(name, value.clone());
        }
        text.push('}');
        Claims::parse(text.as_bytes()).map_err(|_| KeyError::Claims)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new() -> NewClaims {
        let id = "0123456789A".parse().unwrap();
        NewClaims::new(id, "c\"1", 100, 200)
    }

    #[test]
    fn the_id_stands_first_and_strings_are_escaped() {
        assert_eq!(
            new().to_payload().unwrap(),
            r#"{"jti":"0123456789A","client_id":"c\"1","iat":100,"exp":200,"sub":"c\"1"}"#
        );
        let full = new()
            .not_before(150)
            .issuer("i")
            .subject("s")
            .audience("a")
            .audience("b");
        assert_eq!(
            full.claim("x", Value::from(true)).to_payload().unwrap(),
            concat!(
                r#"{"jti":"0123456789A","client_id":"c\"1","iat":100,"exp":200,"nbf":150,"#,
                r#""iss":"i","sub":"s","aud":["a","b"],"x":true}"#
            )
        );
    }

    #[test]
    fn reserved_repeated_and_deep_claims_are_not_signed() {
        for name in ["jti", "exp", "aud", "SUB", "client_id"] {
            let claims = new().claim(name, Value::Null);
            assert_eq!(claims.to_payload(), Err(KeyError::Claims), "{name}");
        }
        let twice = new().claim("x", Value::Null).claim("x", Value::Null);
        assert_eq!(twice.to_payload(), Err(KeyError::Claims));
        let deep = (0..20).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        assert_eq!(new().claim("x", deep).to_payload(), Err(KeyError::Claims));
    }
}
