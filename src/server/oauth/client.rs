//! Who asks an OAuth endpoint: a client that proved it in one of the ways of RFC 6749 section 2.3, or
//! an organisation with its API key.

use http::request::Parts;

use crate::auth::Auth;
use crate::credential::{Credential, Profile, Scratch};
use crate::inactive::{ClientFault, Inactive};
use crate::kind::Kind;
use crate::server::Shared;
#[cfg(feature = "jwt")]
use crate::server::answer::not_signed;
use crate::server::body::{self, Fields};
use crate::server::caller;
use crate::web::{self, Guard, Reason, Refusal};

/// Who asks.
pub(super) enum Caller {
    /// With an API key, which has what scope is asked for.
    Organisation(Auth),
    /// A client with its secret, and the scopes of that.
    Client(Auth),
    /// A client with an assertion that it signed.
    #[cfg(feature = "jwt")]
    Signer(String),
}

impl Caller {
    /// The client that asks, if it is one.
    pub(super) fn client(&self) -> Option<&str> {
        match self {
            Self::Organisation(_) => None,
            Self::Client(auth) => Some(auth.client_id()),
            #[cfg(feature = "jwt")]
            Self::Signer(client) => Some(client),
        }
    }

    /// Its name in the log of what it revokes.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Organisation(auth) | Self::Client(auth) => caller::name(auth),
            #[cfg(feature = "jwt")]
            Self::Signer(client) => caller::shortened(client),
        }
    }
}

const NOBODY: Inactive = Inactive::ClientUnauthenticated(ClientFault::Unknown);

impl Shared {
    /// Who asks, by one proof and no more (RFC 6749 section 2.3).
    pub(super) async fn caller(
        &self,
        parts: &Parts,
        fields: &mut Fields,
    ) -> Result<Caller, Refusal> {
        let by_field = self.by_field(parts)?;
        let id = fields.text("client_id")?;
        let secret = fields.text("client_secret")?;
        let signed = fields.text("client_assertion")?;
        let how = fields.text("client_assertion_type")?;
        let proofs = [by_field.is_some(), secret.is_some(), signed.is_some()];
        if proofs.into_iter().filter(|shown| *shown).count() > 1 {
            return Err(Inactive::Ambiguous.into());
        }
        if let Some(assertion) = signed {
            return self.by_assertion(&assertion, how.as_deref()).await;
        }
        match (by_field, id, secret) {
            (Some(auth), ..) => self.by_auth(auth),
            (None, Some(id), Some(secret)) => {
                let validator = self.store.validator();
                let auth = validator.validate_pair(id, secret)?.to_auth();
                Ok(Caller::Client(auth))
            }
            _ => Err(NOBODY.into()),
        }
    }

    fn by_auth(&self, auth: Auth) -> Result<Caller, Refusal> {
        match (auth.kind(), &self.manage_scope) {
            (Some(Kind::ClientSecret), _) => Ok(Caller::Client(auth)),
            (Some(Kind::ApiKey), Some(scope)) if !auth.has_scope(scope) => {
                Err(Refusal::needs_scope(scope.clone()))
            }
            (Some(Kind::ApiKey), _) => Ok(Caller::Organisation(auth)),
            _ => Err(Inactive::Kind.into()),
        }
    }

    /// By `Authorization`, if there is one.
    fn by_field(&self, parts: &Parts) -> Result<Option<Auth>, Refusal> {
        let guard = Guard::new(self.store.validator(), Profile::strict()).optional();
        let checked = guard.check(&parts.method, &parts.uri, &parts.headers);
        match checked {
            // The guard got as far as looking the pair up as it stands there.
            Err(refusal) if refusal.reason() == Reason::Inactive(NOBODY) => {
                self.by_encoded_pair(parts).map(Some).ok_or(refusal)
            }
            checked => checked,
        }
    }

    /// RFC 6749 section 2.3.1 has id and secret form-encoded before Basic. Not all clients do it.
    fn by_encoded_pair(&self, parts: &Parts) -> Option<Auth> {
        let mut scratch = Scratch::new();
        let request = web::request(&parts.method, &parts.uri, &parts.headers);
        let found = Profile::strict().find(&request, &mut scratch).ok()?;
        let Credential::Pair { id, secret, .. } = found else {
            return None;
        };
        let (id, secret) = (body::decode(id)?, body::decode(secret)?);
        let validator = self.store.validator();
        let active = validator.validate_pair(id, secret).ok()?;
        Some(active.to_auth())
    }

    #[cfg(feature = "jwt")]
    async fn by_assertion(&self, text: &str, how: Option<&str>) -> Result<Caller, Refusal> {
        const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        if how != Some(JWT_BEARER) {
            return Err(body::malformed(
                "client_assertion_type must be that of RFC 7523 section 2.2",
            ));
        }
        self.signer(text, NOBODY).map(Caller::Signer)
    }

    /// The client that signed this; who did not is told `no`.
    #[cfg(feature = "jwt")]
    pub(super) fn signer(&self, text: &str, no: impl Into<Reason>) -> Result<String, Refusal> {
        let audience = self.assertion_audience.as_deref();
        let proved = audience.ok_or(Inactive::UnknownKey).and_then(|audience| {
            let validator = self.store.validator();
            validator.validate_client_assertion(text, audience)
        });
        match proved {
            Ok(proved) => Ok(proved.client_id().to_owned()),
            Err(why) => Err(not_signed(why, no)),
        }
    }

    #[cfg(not(feature = "jwt"))]
    async fn by_assertion(&self, _: &str, _: Option<&str>) -> Result<Caller, Refusal> {
        Err(NOBODY.into())
    }
}
