//! Signing: the text of a JWT that is being issued.
//!
//! It is signed under the lock of the control plane (2 to 100 microseconds, beside a sync of
//! milliseconds), so that its id, its client's epoch and its key's are of one moment: no token slips
//! past a `revoke_all` or a `retire_key` that began while it was being signed.

use serde_json::{Map, Value};

use super::Core;
use super::control::Control;
use crate::error::Error;
use crate::jwt::NewClaims;
use crate::new_token::Checked;
use crate::secret::Secret;
use crate::token_id::TokenId;

impl Core {
    /// Signs with the newest key that fits, and notes its number.
    pub(super) fn sign(
        &self,
        control: &Control,
        checked: &mut Checked,
        id: TokenId,
    ) -> Result<Secret, Error> {
        let (number, key) = control
            .signer(checked.jwt.algorithm)
            .ok_or(Error::NoSigningKey)?;
        if checked.audiences.is_empty() {
            let default = self.jwt_audience.as_deref().map(Box::from);
            checked.audiences.extend(default);
        }
        checked.key = number;
        let text = key.sign(&self.claims(checked, id))?;
        Ok(Secret::new(text))
    }

    fn claims(&self, checked: &Checked, id: TokenId) -> NewClaims {
        let (now, end) = (self.live.now_secs(), u64::from(checked.expires_at));
        let mut claims = NewClaims::new(id, checked.client.as_str(), now, end);
        if checked.not_before != 0 {
            claims = claims.not_before(u64::from(checked.not_before));
        }
        if let Some(issuer) = &self.jwt_issuer {
            claims = claims.issuer(issuer);
        }
        if let Some(subject) = &checked.jwt.subject {
            claims = claims.subject(subject);
        }
        for audience in &checked.audiences {
            claims = claims.audience(audience);
        }
        if checked.jwt.token_id_claim {
            claims = claims.claim("token_id", Value::from(id.to_string()));
        }
        if !checked.scopes.is_empty() {
            // RFC 8693 section 4.2: one string, separated by spaces.
            let scopes: Vec<&str> = checked.scopes.iter().collect();
            claims = claims.claim("scope", Value::from(scopes.join(" ")));
        }
        if !checked.metadata.is_empty() {
            let entries = checked.metadata.iter();
            let metadata: Map<String, Value> = entries
                .map(|(key, value)| (key.to_string(), Value::from(&**value)))
                .collect();
            claims = claims.claim("metadata", Value::Object(metadata));
        }
        claims
    }
}
