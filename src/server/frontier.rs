//! Frontier's service users: a client id that an organisation made, its secrets, and its keys.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::routing::post;
use serde_json::{Map, Value, json};

use super::answer::{Answer, ok};
use super::body::malformed;
use super::caller::ApiKey;
use super::flipt::rfc3339;
use super::oauth;
use super::{Shared, Shares, body};
use crate::auth::Auth;
use crate::error::Error;
use crate::new_token::NewToken;
use crate::secret::random_base62;
use crate::store::Store;
use crate::web::{Fault, Refusal};

/// Of the part of a service user's id that is drawn: 71 bits. It is no secret.
const ID_CHARACTERS: usize = 12;

pub(super) fn managed() -> Router<Arc<Shared>> {
    let router = Router::new()
        .route("/v1beta1/serviceusers", post(create))
        .route("/v1beta1/serviceusers/{id}/secrets", post(secret));
    #[cfg(feature = "jwt")]
    let router = {
        let of_kid = "/v1beta1/serviceusers/{id}/keys/{kid}";
        router
            .route("/v1beta1/serviceusers/{id}/keys", post(key))
            .route(of_kid, axum::routing::get(public_key))
    };
    router
}

pub(super) fn open() -> Router<Arc<Shared>> {
    Router::new().route("/v1beta1/auth/token", post(oauth::token))
}

/// Nothing is written: the id says whose it is, and the store knows it by its first credential.
async fn create(State(shared): Shares, ApiKey(key): ApiKey, request: Request) -> Answer {
    let mut fields = body::json(request, shared.body_bytes_max).await?;
    let organisation = fields.text("org_id")?;
    let mut body = fields.object("body")?;
    let title = body.text("title")?.unwrap_or_default();
    let metadata = body.dictionary("metadata")?;
    body.end("title, metadata in body")?;
    fields.end("body, org_id")?;
    let organisation = organisation.unwrap_or_else(|| key.client_id().to_owned());
    if organisation != key.client_id() {
        return Err(Fault::Unknown.into());
    }
    let draw = move |_: &Store| {
        let mut id = format!("{organisation}.");
        random_base62(&mut id, ID_CHARACTERS).map_err(|source| Error::Io {
            doing: "drawing an id",
            consequence: "no service user was made",
            source,
        })?;
        crate::ClientId::new(&id)?;
        Ok((id, organisation))
    };
    let (id, organisation) = shared.blocking(draw).await?;
    let now = rfc3339(shared.store.validator().now_secs());
    let metadata: Map<String, Value> = metadata
        .into_iter()
        .map(|(key, value)| (key, value.into()))
        .collect();
    Ok(ok(&json!({ "serviceuser": {
        "id": id,
        "title": title,
        "metadata": metadata,
        "created_at": now,
        "updated_at": now,
        "state": "enabled",
        "org_id": organisation,
    } })))
}

/// A service user may have several secrets at once, each with an id of its own.
async fn secret(
    State(shared): Shares,
    ApiKey(key): ApiKey,
    Path(user): Path<String>,
    request: Request,
) -> Answer {
    expect_own(&key, &user)?;
    let title = title(&shared, request).await?;
    let secret = NewToken::client_secret(&user).never_expires();
    let secret = match title.is_empty() {
        true => secret,
        false => secret.metadata("title", &title),
    };
    let issued = shared.blocking(move |store| store.issue(secret)).await?;
    Ok(ok(&json!({ "secret": {
        "id": issued.pair_id,
        "title": title,
        "secret": issued.secret.expose(),
        "created_at": rfc3339(issued.id.issued_at_ms() / 1000),
    } })))
}

/// Frontier makes RSA keys; these are ES256, since nothing here signs with RSA. The private part is
/// in the answer and nowhere else.
#[cfg(feature = "jwt")]
async fn key(
    State(shared): Shares,
    ApiKey(key): ApiKey,
    Path(user): Path<String>,
    request: Request,
) -> Answer {
    expect_own(&key, &user)?;
    title(&shared, request).await?;
    let make = move |store: &Store| {
        let made = store.generate_client_key(&user, crate::jwt::Algorithm::Es256)?;
        Ok((made, user))
    };
    let (made, user) = shared.blocking(make).await?;
    Ok(ok(&json!({ "key": {
        "type": "sv_ec",
        "kid": made.info.kid,
        "principal_id": user,
        "private_key": made.pem.expose(),
    } })))
}

#[cfg(feature = "jwt")]
async fn public_key(
    State(shared): Shares,
    ApiKey(key): ApiKey,
    Path((user, kid)): Path<(String, String)>,
) -> Answer {
    expect_own(&key, &user)?;
    let find = move |store: &Store| -> Result<Option<String>, Error> {
        let mut keys = store.client_keys(&user)?.into_iter();
        Ok(keys.find(|key| key.kid == kid).and_then(|key| key.jwk))
    };
    let jwk = shared.blocking(find).await?.ok_or(Fault::Unknown)?;
    // It is ours, so it is JSON.
    let jwk: Value = serde_json::from_str(&jwk).map_err(|_| crate::Inactive::Forked)?;
    Ok(ok(&json!({ "keys": [jwk] })))
}

/// The title of what is to be made, the only member.
async fn title(shared: &Shared, request: Request) -> Result<String, Refusal> {
    let mut fields = body::json(request, shared.body_bytes_max).await?;
    let title = fields.text("title")?.unwrap_or_default();
    fields.end("title")?;
    if title.len() > 256 {
        return Err(malformed("title has more than 256 bytes"));
    }
    Ok(title)
}

/// An id begins with the organisation that made it; another's is told as if it were not there.
fn expect_own(key: &Auth, user: &str) -> Result<(), Refusal> {
    let rest = user.strip_prefix(key.client_id());
    match rest.and_then(|rest| rest.strip_prefix('.')) {
        Some(drawn) if drawn.len() == ID_CHARACTERS => Ok(()),
        _ => Err(Fault::Unknown.into()),
    }
}
