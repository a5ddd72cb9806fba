//! Flipt's client tokens: made, listed, told of and deleted under an API key, and by themselves only
//! ended sooner.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{get, post, put};
use http::Uri;
use serde_json::{Map, Value, json};

use super::answer::{Answer, ok};
use super::body::malformed;
use super::caller::{ApiKey, ClientToken, name};
use super::{Shared, Shares, body};
use crate::credential::Profile;
use crate::kind::Kind;
use crate::new_token::NewToken;
use crate::store::{RevokeReason, Store, TokenInfo, TokenStatus};
use crate::token_id::TokenId;
use crate::web::{Fault, Refusal};

const PAGE: usize = 25;
const PAGE_MAX: usize = 100;
/// What Flipt's metadata keys begin with.
const PREFIX: &str = "io.flipt.auth.token.";

pub(super) fn managed() -> Router<Arc<Shared>> {
    Router::new()
        .route("/auth/v1/method/token", post(create))
        .route("/auth/v1/tokens", get(list))
        .route("/auth/v1/tokens/{id}", get(one).delete(delete))
}

pub(super) fn of_token() -> Router<Arc<Shared>> {
    Router::new()
        .route("/auth/v1/self", get(myself))
        .route("/auth/v1/self/expire", put(expire))
}

async fn create(State(shared): Shares, ApiKey(key): ApiKey, request: Request) -> Answer {
    let mut fields = body::json(request, shared.body_bytes_max).await?;
    let named = [
        ("name", fields.text("name")?),
        ("description", fields.text("description")?),
        ("namespace", fields.text("namespaceKey")?),
    ];
    let expires_at = fields.text("expiresAt")?.map(|at| instant(&at));
    let metadata = fields.dictionary("metadata")?;
    fields.end("name, description, namespaceKey, expiresAt, metadata")?;

    let now = shared.store.validator().now_secs();
    let mut token = NewToken::new(key.client_id());
    token = match expires_at.transpose()? {
        Some(at) => {
            shared.check_lifetime(Duration::from_secs(at.saturating_sub(now)))?;
            token.expires_at(at)
        }
        None => token.never_expires(),
    };
    for (key, value) in metadata {
        token = token.metadata(key, value);
    }
    for (key, value) in named {
        if let Some(value) = value {
            token = token.metadata(format!("{PREFIX}{key}"), value);
        }
    }
    let issue = move |store: &Store| {
        let issued = store.issue(token)?;
        let info = store.get(issued.id)?;
        Ok((issued, info))
    };
    let (issued, info) = shared.blocking(issue).await?;
    Ok(ok(&json!({
        "clientToken": issued.secret.expose(),
        "authentication": info.as_ref().map(told),
    })))
}

async fn list(State(shared): Shares, ApiKey(key): ApiKey, uri: Uri) -> Answer {
    let mut query = body::query(uri.query().unwrap_or_default())?;
    let limit = match query.text("limit")? {
        None => PAGE,
        Some(limit) => match limit.parse() {
            Ok(limit @ 1..=PAGE_MAX) => limit,
            _ => return Err(malformed("limit must be a number from 1 to 100")),
        },
    };
    let from =
        match query.text("pageToken")? {
            None => None,
            Some(from) => Some(TokenId::from_text(from.as_bytes()).ok_or_else(|| {
                malformed("pageToken must be the nextPageToken of the page before")
            })?),
        };
    query.end("limit, pageToken")?;
    let client = key.client_id().to_owned();
    let page = move |store: &Store| {
        let (mut tokens, mut next) = (Vec::new(), from);
        // A client's API keys stand in the same list.
        loop {
            let page = store.list(&client, next, limit - tokens.len())?;
            tokens.extend(page.tokens.into_iter().filter(is_client_token));
            next = page.next;
            if next.is_none() || tokens.len() == limit {
                return Ok((tokens, next));
            }
        }
    };
    let (tokens, next) = shared.blocking(page).await?;
    let tokens: Vec<Value> = tokens.iter().map(told).collect();
    let next = next.map(|next| next.to_string()).unwrap_or_default();
    Ok(ok(
        &json!({ "authentications": tokens, "nextPageToken": next }),
    ))
}

async fn one(State(shared): Shares, ApiKey(key): ApiKey, Path(id): Path<String>) -> Answer {
    let client = key.client_id().to_owned();
    let found = shared.blocking(move |store| find(store, &id, &client));
    let found = found.await?.ok_or(Fault::Unknown)?;
    Ok(ok(&told(&found)))
}

async fn delete(State(shared): Shares, ApiKey(key): ApiKey, Path(id): Path<String>) -> Answer {
    let client = key.client_id().to_owned();
    let by = name(&key);
    let revoke = move |store: &Store| {
        let Some(token) = find(store, &id, &client)? else {
            return Ok(false);
        };
        let reason = "deleted";
        let why = RevokeReason { reason, by: &by };
        store.revoke_because(token.id, why).map(|_| true)
    };
    match shared.blocking(revoke).await? {
        true => Ok(ok(&json!({}))),
        false => Err(Fault::Unknown.into()),
    }
}

async fn myself(State(shared): Shares, ClientToken(token): ClientToken) -> Answer {
    let id = token.token_id().ok_or(crate::Inactive::Kind)?;
    let found = shared.blocking(move |store| store.get(id)).await?;
    Ok(ok(&told(&found.ok_or(Fault::Unknown)?)))
}

/// Without a body, at once. A later time than the token's own is refused: Flipt would prolong it.
async fn expire(
    State(shared): Shares,
    ClientToken(token): ClientToken,
    request: Request,
) -> Answer {
    let mut fields = body::json_or_nothing(request, shared.body_bytes_max).await?;
    let at = fields.text("expiresAt")?.map(|at| instant(&at));
    fields.end("expiresAt")?;
    let at = at.transpose()?;
    let now = shared.store.validator().now_secs();
    if let (Some(at), Some(end)) = (at, token.expires_at())
        && at > end
    {
        let why = "a token can only be made to expire sooner; it expires as it did";
        return Err(Refusal::new(Fault::Unacceptable).detail(why));
    }
    let id = token.token_id().ok_or(crate::Inactive::Kind)?;
    let expire = move |store: &Store| store.expire(id, at.unwrap_or(now));
    shared.blocking(expire).await?;
    let mut response: Response = ok(&json!({}));
    for name in Profile::flipt().cookies() {
        let clear = crate::web::SessionCookie::of_name(name).clear();
        response
            .headers_mut()
            .append(http::header::SET_COOKIE, clear);
    }
    Ok(response)
}

fn is_client_token(token: &TokenInfo) -> bool {
    token.kind == Kind::Token && token.status != TokenStatus::Revoked
}

fn find(store: &Store, id: &str, client: &str) -> Result<Option<TokenInfo>, crate::Error> {
    let Some(id) = TokenId::from_text(id.as_bytes()) else {
        return Ok(None);
    };
    let found = store.get(id)?;
    Ok(found.filter(|token| token.client_id == client && is_client_token(token)))
}

fn told(token: &TokenInfo) -> Value {
    let entries = token.metadata.iter();
    let metadata: Map<String, Value> = entries
        .map(|(key, value)| (key.clone(), Value::from(&**value)))
        .collect();
    let mut told = json!({
        "id": token.id.to_string(),
        "method": "METHOD_TOKEN",
        "createdAt": rfc3339(token.issued_at),
        "updatedAt": rfc3339(token.issued_at),
        "metadata": metadata,
    });
    if let Some(end) = token.expires_at {
        told["expiresAt"] = rfc3339(end).into();
    }
    told
}

pub(super) fn rfc3339(unix_secs: u64) -> String {
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(unix_secs));
    let at = at.unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_seconds(at).to_string()
}

/// An instant of RFC 3339 in UTC, as Unix seconds, a part of one dropped.
fn instant(text: &str) -> Result<u64, Refusal> {
    let at = humantime::parse_rfc3339(text).ok();
    at.and_then(|at: SystemTime| at.duration_since(UNIX_EPOCH).ok())
        .map(|since| since.as_secs())
        .ok_or_else(|| malformed("expiresAt must be an instant of RFC 3339 in UTC"))
}
