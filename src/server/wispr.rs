//! Wispr Flow's management of client tokens, as its API reference has it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::post;
use serde_json::json;

use super::answer::{Answer, ok};
use super::caller::{ApiKey, name};
use super::{Shared, Shares, body};
use crate::store::RevokeReason;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/generate_access_token", post(generate))
        .route("/revoke_token", post(revoke))
        .route("/revoke_client_tokens", post(revoke_all))
}

async fn generate(State(shared): Shares, _: ApiKey, request: Request) -> Answer {
    let mut fields = body::json(request, shared.body_bytes_max).await?;
    let client = fields.required_text("client_id")?;
    let lifetime = fields.required_lifetime("duration_secs")?;
    let metadata = fields.dictionary("metadata")?;
    fields.end("client_id, duration_secs, metadata")?;
    shared.check_lifetime(lifetime)?;

    let mut token = shared.access_token(&client).lifetime(lifetime);
    for (key, value) in metadata {
        token = token.metadata(key, value);
    }
    let issued = shared.blocking(move |store| store.issue(token)).await?;
    Ok(ok(&json!({
        "access_token": issued.secret.expose(),
        "expires_in": lifetime.as_secs(),
    })))
}

async fn revoke(State(shared): Shares, ApiKey(key): ApiKey, request: Request) -> Answer {
    let mut fields = body::json(request, shared.body_bytes_max).await?;
    let token = fields.required_text("access_token")?;
    fields.end("access_token")?;
    let by = name(&key);
    let revoke = move |store: &crate::Store| match store.id_of_text(&token) {
        Some(id) => {
            let reason = "revoke_token";
            let why = RevokeReason { reason, by: &by };
            store.revoke_because(id, why).map(drop)
        }
        None => Ok(()),
    };
    shared.blocking(revoke).await?;
    Ok(success("Token successfully revoked"))
}

async fn revoke_all(State(shared): Shares, _: ApiKey, request: Request) -> Answer {
    let mut fields = body::json(request, shared.body_bytes_max).await?;
    let client = fields.required_text("client_id")?;
    fields.end("client_id")?;
    let revoke = move |store: &crate::Store| store.revoke_all(&client);
    shared.blocking(revoke).await?;
    Ok(success("All tokens for client successfully revoked"))
}

fn success(message: &str) -> axum::response::Response {
    ok(&json!({ "status": "success", "message": message }))
}
