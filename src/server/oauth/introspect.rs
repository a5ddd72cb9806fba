//! Introspection (RFC 7662) and revocation (RFC 7009).

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::client::Caller;
use crate::active::Active;
use crate::server::answer::{Answer, done, ok};
use crate::server::body::{self, Fields};
use crate::server::{Shared, Shares};
use crate::store::{RevokeReason, Store};
use crate::web::{Fault, Refusal};

/// The scope with which a client's secret may ask about everybody's tokens: a resource server's.
const INTROSPECT: &str = "introspect";

pub(super) async fn introspect(State(shared): Shares, request: Request) -> Response {
    let answer = shared.introspect(request).await;
    shared.told(answer)
}

pub(super) async fn revoke(State(shared): Shares, request: Request) -> Response {
    let answer = shared.revoke(request).await;
    shared.told(answer)
}

impl Shared {
    /// Who asks, and about which token. A hint about its type helps nobody here: there is one table.
    async fn asked(&self, request: Request) -> Result<(Caller, String), Refusal> {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts.clone(), body);
        let mut fields: Fields = body::form(request, self.body_bytes_max).await?;
        let caller = self.caller(&parts, &mut fields).await?;
        Ok((caller, fields.required_text("token")?))
    }

    async fn introspect(&self, request: Request) -> Answer {
        let (caller, token) = self.asked(request).await?;
        let validator = self.store.validator();
        let told = match validator.validate(token) {
            Ok(active) if may_see(&caller, &active) => describe(&active),
            _ => json!({ "active": false }),
        };
        Ok(ok(&told))
    }

    async fn revoke(&self, request: Request) -> Answer {
        let (caller, token) = self.asked(request).await?;
        let by = caller.name();
        let client = caller.client().map(str::to_owned);
        let revoked = self.blocking(move |store: &Store| {
            let Some(id) = store.id_of_text(&token) else {
                return Ok(true);
            };
            if let Some(client) = client
                && store.get(id)?.is_some_and(|info| info.client_id != client)
            {
                return Ok(false);
            }
            let reason = "revocation endpoint";
            let why = RevokeReason { reason, by: &by };
            store.revoke_because(id, why).map(|_| true)
        });
        match revoked.await? {
            true => Ok(done()),
            // Section 2.1: the client is told. It holds the token, so it learns nothing new.
            false => Err(Fault::Grant.into()),
        }
    }
}

fn may_see(caller: &Caller, active: &Active<'_>) -> bool {
    match caller {
        Caller::Organisation(_) => true,
        Caller::Client(auth) if auth.has_scope(INTROSPECT) => true,
        caller => caller.client() == Some(active.client_id()),
    }
}

/// RFC 7662 section 2.2, and the kind of the credential.
fn describe(active: &Active<'_>) -> Value {
    let id = active.token_id();
    let mut told = json!({
        "active": true,
        "client_id": active.client_id(),
        "token_type": "Bearer",
        "iat": id.issued_at_ms() / 1000,
        "jti": id.to_string(),
        "kind": active.kind().as_str(),
    });
    let scopes: Vec<&str> = active.scopes().collect();
    if !scopes.is_empty() {
        told["scope"] = scopes.join(" ").into();
    }
    let audiences: Vec<&str> = active.audiences().collect();
    if !audiences.is_empty() {
        told["aud"] = audiences.into();
    }
    if let Some(end) = active.expires_at() {
        told["exp"] = end.into();
    }
    told
}
