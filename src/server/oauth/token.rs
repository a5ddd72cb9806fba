//! The token endpoint: `client_credentials` (RFC 6749 section 4.4) and `jwt-bearer` (RFC 7523).

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::json;

use super::client::Caller;
use crate::inactive::Inactive;
use crate::scope::Scopes;
use crate::server::answer::{Answer, ok};
use crate::server::body::{self, Fields};
use crate::server::{Shared, Shares};
use crate::web::{Fault, Refusal};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Parameters that are not known are passed over, as section 3.2 has it.
pub(in crate::server) async fn token(State(shared): Shares, request: Request) -> Response {
    let answer = shared.grant(request).await;
    shared.told(answer)
}

impl Shared {
    async fn grant(&self, request: Request) -> Answer {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts.clone(), body);
        let mut fields = body::form(request, self.body_bytes_max).await?;
        let grant_type = fields.required_text("grant_type")?;
        let scope = fields.text("scope")?;
        match &*grant_type {
            "client_credentials" => {
                let caller = self.caller(&parts, &mut fields).await?;
                match caller {
                    Caller::Client(auth) => {
                        let held: Vec<&str> = auth.scopes().collect();
                        self.issue(auth.client_id(), &held, scope).await
                    }
                    #[cfg(feature = "jwt")]
                    Caller::Signer(client) => self.issue(&client, &[], scope).await,
                    // An API key manages; it is nobody's id and secret.
                    Caller::Organisation(_) => Err(Inactive::Kind.into()),
                }
            }
            JWT_BEARER => self.by_grant(&mut fields, scope).await,
            _ => Err(Fault::GrantType.into()),
        }
    }

    /// The client stands for itself: the assertion says who it is, and is the grant too.
    #[cfg(feature = "jwt")]
    async fn by_grant(&self, fields: &mut Fields, scope: Option<String>) -> Answer {
        if self.assertion_audience.is_none() {
            return Err(Fault::GrantType.into());
        }
        let assertion = fields.required_text("assertion")?;
        let client = self.signer(&assertion, Fault::Grant)?;
        self.issue(&client, &[], scope).await
    }

    #[cfg(not(feature = "jwt"))]
    async fn by_grant(&self, _: &mut Fields, _: Option<String>) -> Answer {
        Err(Fault::GrantType.into())
    }

    async fn issue(&self, client: &str, held: &[&str], asked: Option<String>) -> Answer {
        let scopes = match asked {
            None => held.iter().map(|scope| (*scope).to_owned()).collect(),
            Some(asked) => allowed(held, &asked)?,
        };
        let told = scopes.join(" ");
        let lifetime = self.access_token_lifetime;
        let token = self.access_token(client).lifetime(lifetime).scopes(scopes);
        let issued = self.blocking(move |store| store.issue(token)).await?;
        let mut answer = json!({
            "access_token": issued.secret.expose(),
            "token_type": "Bearer",
            "expires_in": lifetime.as_secs(),
        });
        if !told.is_empty() {
            answer["scope"] = told.into();
        }
        Ok(ok(&answer))
    }
}

/// The scopes that are asked for, if the client has them all (RFC 6749 section 3.3).
fn allowed(held: &[&str], asked: &str) -> Result<Vec<String>, Refusal> {
    let asked = Scopes::new(asked.split(' ')).map_err(|_| Fault::Scope)?;
    let mut scopes = asked.iter();
    match scopes.all(|scope| held.contains(&scope)) {
        true => Ok(asked.iter().map(str::to_owned).collect()),
        false => Err(Fault::Scope.into()),
    }
}
