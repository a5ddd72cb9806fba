//! Frappe's pair of api-key and api-secret: one for each user, which here is a client.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::{get, post};
use serde_json::json;

use super::answer::{Answer, ok};
use super::caller::{ApiKey, name};
use super::{Shared, Shares, body};
use crate::auth::Auth;
use crate::error::Error;
use crate::kind::Kind;
use crate::new_token::{Issued, NewToken};
use crate::secret::random_base62;
use crate::store::{RevokeReason, Store, TokenInfo, TokenStatus};

/// Where a record remembers the api-key that its secret is shown with.
const API_KEY: &str = "frappe.api_key";
/// As long as Frappe's. It is no secret; that one has 202 bits.
const API_KEY_CHARACTERS: usize = 15;

pub(super) fn managed() -> Router<Arc<Shared>> {
    let path = "/api/method/frappe.core.doctype.user.user.generate_keys";
    Router::new().route(path, post(generate_keys))
}

pub(super) fn of_user() -> Router {
    Router::new().route("/api/method/frappe.auth.get_logged_user", get(logged_user))
}

async fn logged_user(auth: Auth) -> Answer {
    Ok(ok(&json!({ "message": auth.client_id() })))
}

async fn generate_keys(State(shared): Shares, ApiKey(key): ApiKey, request: Request) -> Answer {
    let mut fields = body::json(request, shared.body_bytes_max).await?;
    let user = fields.required_text("user")?;
    fields.end("user")?;
    let by = name(&key);
    let issued = shared.blocking(move |store| new_pair(store, &user, &by));
    let issued = issued.await?;
    Ok(ok(&json!({ "message": {
        "api_key": issued.pair_id,
        "api_secret": issued.secret.expose(),
    } })))
}

/// The new secret is there before the old one goes, so that a failure leaves the user with one. Of
/// two that are made at once, the one with the higher id stays.
fn new_pair(store: &Store, user: &str, by: &str) -> Result<Issued, Error> {
    let old = pairs(store, user)?;
    let api_key = match old.last().and_then(|pair| pair.metadata.get(API_KEY)) {
        Some(api_key) => api_key.clone(),
        None => new_api_key()?,
    };
    let pair = NewToken::client_secret(user)
        .pair_id(&api_key)
        .metadata(API_KEY, &api_key)
        .never_expires();
    let issued = store.issue(pair)?;
    let others = pairs(store, user)?.into_iter();
    for pair in others.filter(|pair| pair.id < issued.id) {
        let reason = "generate_keys";
        store.revoke_because(pair.id, RevokeReason { reason, by })?;
    }
    Ok(issued)
}

/// The user's pairs that could still be shown, oldest first.
fn pairs(store: &Store, user: &str) -> Result<Vec<TokenInfo>, Error> {
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let page = store.list(user, from, 1000)?;
        let is_pair = |token: &TokenInfo| {
            token.kind == Kind::ClientSecret
                && token.status != TokenStatus::Revoked
                && token.metadata.contains_key(API_KEY)
        };
        found.extend(page.tokens.into_iter().filter(is_pair));
        from = page.next;
        if from.is_none() {
            return Ok(found);
        }
    }
}

fn new_api_key() -> Result<String, Error> {
    let mut text = String::new();
    random_base62(&mut text, API_KEY_CHARACTERS).map_err(|source| Error::Io {
        doing: "drawing an api-key",
        consequence: "no pair was issued",
        source,
    })?;
    Ok(text)
}
