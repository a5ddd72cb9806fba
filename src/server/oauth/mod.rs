//! OAuth 2.0's endpoints. Clients authenticate here as RFC 6749 section 2.3 has it, which no guard in
//! front can do: an id and a secret may stand in the body.

mod client;
mod introspect;
#[cfg(feature = "jwt")]
mod jwks;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::post;

use super::Shared;
use super::answer::Answer;
use crate::web::Form;

pub(super) use token::token;

pub(super) fn router() -> Router<Arc<Shared>> {
    let router = Router::new()
        .route("/oauth/token", post(token))
        .route("/oauth/introspect", post(introspect::introspect))
        .route("/oauth/revoke", post(introspect::revoke));
    #[cfg(feature = "jwt")]
    let router = router.route("/.well-known/jwks.json", axum::routing::get(jwks::jwks));
    router
}

impl Shared {
    /// The answer, or its refusal in OAuth's form.
    fn told(&self, answer: Answer) -> Response {
        let manner = || self.manner.clone().form(Form::OAuth);
        answer.unwrap_or_else(|refusal| refusal.respond(&manner()))
    }
}
