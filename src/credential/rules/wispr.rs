//! Wispr Flow: a field over HTTP, a query parameter on a WebSocket. Inferred from its
//! documentation, since its server is closed source.

use super::Finding;
use super::field::{first, not_served};
use crate::credential::bytes::has_control;
use crate::credential::found::{Found, Refusal};
use crate::credential::limits::QUERY_BYTES_MAX;
use crate::credential::profile::Profile;
use crate::credential::query::{self, Dialect};
use crate::credential::request::{Headers, Request};
use crate::credential::scheme::{self, Scheme};
use crate::credential::scratch::{Part, Scratch};
use crate::credential::source::{Place, Transport};
use crate::credential::unverified;
use crate::inactive::Inactive;

pub(super) fn find<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
    scratch: &mut Scratch,
) -> Finding<'r> {
    if request.transport == Transport::WebSocket {
        return parameter(profile, request, scratch);
    }
    let place = Place::Authorization;
    let value = first(request, "authorization", place)?.filter(|value| !value.is_empty());
    let value = value.ok_or_else(Refusal::missing)?;
    let Some(text) = value.strip_prefix(b"Bearer ") else {
        return Err(not_served(value, place));
    };
    check(profile, text).map_err(|why| refuse(why, place, Part::Sent(text)))?;
    Ok(Found::token(Scheme::Bearer, place, Part::Sent(text)))
}

/// As Starlette reads a query: decoded as a form, the last of several parameters, blank ones
/// count as missing.
fn parameter<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
    scratch: &mut Scratch,
) -> Finding<'r> {
    let place = Place::Query;
    let query = request.query.unwrap_or_default();
    if query.len() > QUERY_BYTES_MAX {
        return Err(Refusal::too_large(place));
    }
    if has_control(query) {
        return Err(Refusal::control(place));
    }
    let ours = |name: &[u8]| {
        let is = |q: &str| query::is_named(name, q.as_bytes(), Dialect::Form);
        profile.queries.iter().any(|q| is(q))
    };
    let encoded = query::pairs(query)
        .filter(|(name, _)| ours(name))
        .map(|(_, value)| value)
        .last()
        .filter(|value| !value.is_empty())
        .ok_or_else(Refusal::missing)?;
    let value =
        query::decode(encoded, Dialect::Form, scratch).map_err(|_| Refusal::malformed(place))?;
    let decoded = value.resolve(scratch);
    let (skip, scheme) = match decoded.strip_prefix(b"Bearer ") {
        Some(text) => (decoded.len() - text.len(), Scheme::Bearer),
        None if profile.query_bare && check(profile, decoded).is_ok() => (0, Scheme::Bare),
        None => {
            return Err(match scheme::sent(decoded) {
                Some((scheme, _)) => Refusal::unsupported(place, value.slice(0..scheme.len())),
                None => Refusal::malformed(place),
            });
        }
    };
    let part = value.slice(skip..decoded.len());
    match check(profile, &decoded[skip..]) {
        Ok(()) => Ok(Found::token(scheme, place, part)),
        Err(why) => Err(refuse(why, place, part)),
    }
}

/// A JWT with the two claims that the service looks up, or an organisation's key.
fn check(profile: &Profile, text: &[u8]) -> Result<(), Inactive> {
    let prefixed = |prefix: &str| text.starts_with(prefix.as_bytes());
    if profile.prefixes.iter().any(|prefix| prefixed(prefix)) {
        return Ok(());
    }
    let claims = unverified::of_compact(text).ok_or(Inactive::Format)?;
    match claims.client_id.is_some() && claims.has_token_id {
        true => Ok(()),
        false => Err(Inactive::FieldsMissing),
    }
}

fn refuse<'r>(why: Inactive, place: Place, token: Part<'r>) -> Refusal<'r> {
    Refusal::malformed(place)
        .scheme(Scheme::Bearer)
        .why(why)
        .token(token)
}
