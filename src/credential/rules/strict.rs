//! The strict profile: one credential, in one place, to the letter of its RFC.

use super::Finding;
use super::field::check_cookies;
use crate::credential::basic;
use crate::credential::bytes::{has_control, is_token68, trim};
use crate::credential::cookie;
use crate::credential::found::{Found, Refusal};
use crate::credential::limits::{CREDENTIAL_BYTES_MAX, QUERY_BYTES_MAX};
use crate::credential::profile::Profile;
use crate::credential::query::{self, Dialect};
use crate::credential::request::{Headers, Request};
use crate::credential::scheme::{self, Scheme};
use crate::credential::scratch::{Part, Scratch};
use crate::credential::source::{Place, Source, Transport};
use crate::credential::subprotocol::{self, Offer};
use crate::credential::token_pair;

/// A place where something stands, which nobody has read yet.
#[derive(Clone, Copy)]
pub(in crate::credential) enum Spot<'r> {
    Authorization(&'r [u8]),
    ApiKey(u8, &'r [u8]),
    Cookie(&'r [u8]),
    Query(&'r [u8]),
    Subprotocol(&'r [u8]),
}

pub(super) fn find<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
    scratch: &mut Scratch,
) -> Finding<'r> {
    let spot = spot(profile, request)?;
    read(profile, spot, scratch)
}

/// Looks at which places hold anything, and reads none of them yet: that the second of two
/// credentials is broken doesn't make the first one the only one.
#[inline(never)]
pub(in crate::credential) fn spot<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
) -> Result<Spot<'r>, Refusal<'r>> {
    let spot = match &profile.order[..] {
        [] => only(profile, request)?,
        order => preferred(profile, request, order)?,
    };
    spot.ok_or_else(Refusal::missing)
}

/// The one `Authorization` field, if the profile looks nowhere else: what [`spot`] would find,
/// without a [`Spot`] to move.
#[inline(always)]
pub(in crate::credential) fn alone<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
) -> Option<&'r [u8]> {
    if !profile.only_authorization {
        return None;
    }
    // Who adds a place and forgets to say so would have the second of two credentials overlooked.
    debug_assert!(
        !profile.looks_beyond_fields() && profile.api_keys.is_empty() && profile.order.is_empty()
    );
    let mut values = request.headers.values("authorization");
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// What follows `Bearer`, `JWT` or `Basic` in a field, which is the answer to most requests: its
/// reader goes without a [`Found`], which costs a third of the time in moves. A field with a blank more than
/// it needs is left to [`read`].
#[inline(always)]
pub(in crate::credential) fn usual(value: &[u8]) -> Option<(Scheme, &[u8])> {
    if value.len() > CREDENTIAL_BYTES_MAX {
        return None;
    }
    let (scheme, text) = scheme::known(value)?;
    let is_usual = match scheme {
        // No blank is a token68.
        Scheme::Bearer | Scheme::Jwt => is_token68(text),
        Scheme::Basic => !matches!(text, [b' ', ..] | [.., b' ' | b'\t']),
        _ => false,
    };
    is_usual.then_some((scheme, text))
}

/// Reads what stands in the one place.
pub(in crate::credential) fn read<'r>(
    profile: &Profile,
    spot: Spot<'r>,
    scratch: &mut Scratch,
) -> Finding<'r> {
    match spot {
        Spot::Authorization(value) => authorization(profile, value, scratch),
        Spot::ApiKey(n, value) => api_key(n, value),
        Spot::Cookie(value) => match cookie::strict(value) {
            Some(text) if text.len() <= CREDENTIAL_BYTES_MAX => {
                Ok(Found::token(Scheme::Bare, Place::Cookie, Part::Sent(text)))
            }
            Some(_) => Err(Refusal::too_large(Place::Cookie)),
            None => Err(Refusal::malformed(Place::Cookie)),
        },
        Spot::Query(encoded) => parameter(profile, encoded, scratch),
        Spot::Subprotocol(text) => Ok(Found::token(
            Scheme::Bearer,
            Place::Subprotocol,
            Part::Sent(text),
        )),
    }
}

/// The one place that holds something.
#[inline]
fn only<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
) -> Result<Option<Spot<'r>>, Refusal<'r>> {
    let mut spot = in_fields(profile, request)?;
    if profile.looks_beyond_fields() {
        for other in [
            in_cookies(profile, request)?,
            in_query(profile, request)?,
            in_subprotocols(profile, request)?,
        ] {
            if spot.is_some() && other.is_some() {
                return Err(Refusal::ambiguous());
            }
            spot = spot.or(other);
        }
    }
    Ok(spot)
}

/// The first place of the order that holds something.
fn preferred<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
    order: &[Source],
) -> Result<Option<Spot<'r>>, Refusal<'r>> {
    let grpc = request.transport == Transport::Grpc;
    for source in order {
        let spot = match source {
            Source::Header if grpc => None,
            Source::Metadata if !grpc => None,
            Source::Header | Source::Metadata => in_fields(profile, request)?,
            Source::Cookie => in_cookies(profile, request)?,
            Source::Query => in_query(profile, request)?,
            Source::Subprotocol => in_subprotocols(profile, request)?,
        };
        if spot.is_some() {
            return Ok(spot);
        }
    }
    Ok(None)
}

#[inline]
fn in_fields<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
) -> Result<Option<Spot<'r>>, Refusal<'r>> {
    let mut spot = single(request, "authorization", Place::Authorization)?.map(Spot::Authorization);
    for (n, name) in (0..).zip(&profile.api_keys) {
        if let Some(value) = single(request, name, Place::ApiKey(n))?
            && spot.replace(Spot::ApiKey(n, value)).is_some()
        {
            return Err(Refusal::ambiguous());
        }
    }
    Ok(spot)
}

/// `Authorization` is no list (RFC 9110 section 5.3): a second field is refused, also where it
/// says the same, since a proxy in front may have read the other one.
#[inline]
fn single<'r, H: Headers + ?Sized>(
    request: &Request<'r, H>,
    name: &str,
    place: Place,
) -> Result<Option<&'r [u8]>, Refusal<'r>> {
    let mut values = request.headers.values(name);
    let value = values.next();
    match values.next() {
        Some(_) => Err(Refusal::repeated(place)),
        None => Ok(value),
    }
}

fn in_cookies<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
) -> Result<Option<Spot<'r>>, Refusal<'r>> {
    if profile.cookies.is_empty() || request.transport == Transport::Grpc {
        return Ok(None);
    }
    check_cookies(request, "cookie")?;
    let ours = |name: &[u8]| profile.cookies.iter().any(|c| c.as_bytes() == name);
    // HTTP/2 may send each cookie in a field of its own (RFC 9113 section 8.2.3).
    let mut cookies = request
        .headers
        .values("cookie")
        .flat_map(cookie::pairs)
        .filter(|(name, _)| ours(cookie::name_to_others(name)));
    match (cookies.next(), cookies.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(Refusal::repeated(Place::Cookie)),
        (Some((name, value)), None) if ours(name) => Ok(Some(Spot::Cookie(value))),
        (Some(_), None) => Err(Refusal::malformed(Place::Cookie)),
    }
}

/// A query is visible ASCII (RFC 3986 section 3.4); of that, characters which should have been
/// encoded are let pass in parameters that are not ours.
fn in_query<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
) -> Result<Option<Spot<'r>>, Refusal<'r>> {
    let query = match request.query {
        Some(query) if !profile.queries.is_empty() => query,
        _ => return Ok(None),
    };
    if request.transport == Transport::Grpc {
        return Ok(None);
    }
    if query.len() > QUERY_BYTES_MAX {
        return Err(Refusal::too_large(Place::Query));
    }
    let is_ours = |name: &[u8], q: &str| query::is_named(name, q.as_bytes(), Dialect::Uri);
    let ours = |name: &[u8]| profile.queries.iter().any(|q| is_ours(name, q));
    let mut values = query::pairs(query)
        .filter(|(name, _)| ours(name))
        .map(|(_, value)| value);
    let spot = match (values.next(), values.next()) {
        (Some(_), Some(_)) => return Err(Refusal::repeated(Place::Query)),
        (value, _) => value.map(Spot::Query),
    };
    match query.iter().all(u8::is_ascii_graphic) {
        true => Ok(spot),
        false => Err(Refusal::malformed(Place::Query)),
    }
}

fn in_subprotocols<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
) -> Result<Option<Spot<'r>>, Refusal<'r>> {
    if !profile.subprotocol || request.transport != Transport::WebSocket {
        return Ok(None);
    }
    let place = Place::Subprotocol;
    let lines = || request.headers.values("sec-websocket-protocol");
    if lines().map(<[u8]>::len).sum::<usize>() > CREDENTIAL_BYTES_MAX {
        return Err(Refusal::too_large(place));
    }
    match subprotocol::read(lines()) {
        Offer::None => Ok(None),
        Offer::Token(text) => Ok(Some(Spot::Subprotocol(text))),
        Offer::Malformed => Err(Refusal::malformed(place).scheme(Scheme::Bearer)),
    }
}

/// `credentials = auth-scheme [ 1*SP ( token68 / #auth-param ) ]`, of which only token68 is ever
/// a credential here.
fn authorization<'r>(profile: &Profile, value: &'r [u8], scratch: &mut Scratch) -> Finding<'r> {
    let place = Place::Authorization;
    if value.len() > CREDENTIAL_BYTES_MAX {
        return Err(Refusal::too_large(place));
    }
    let value = trim(value);
    let Some((scheme, rest)) = scheme::known(value) else {
        return foreign(profile, value);
    };
    let rest = skip_spaces(rest);
    let fault = || Refusal::malformed(place).scheme(scheme);
    match scheme {
        Scheme::Basic => {
            let (id, secret) = basic::strict(rest, scratch).map_err(|_| fault())?;
            let (colon, end) = (id.len(), id.len() + 1 + secret.len());
            let (id, secret) = (Part::decoded(0..colon), Part::decoded(colon + 1..end));
            Ok(Found::pair(scheme, place, id, secret))
        }
        Scheme::Token => {
            let (id, secret) = token_pair::strict(rest).ok_or_else(fault)?;
            Ok(Found::pair(
                scheme,
                place,
                Part::Sent(id),
                Part::Sent(secret),
            ))
        }
        _ if is_token68(rest) => Ok(Found::token(scheme, place, Part::Sent(rest))),
        _ => Err(fault()),
    }
}

/// A scheme that is not built in: one that was added, or none that is served.
#[cold]
fn foreign<'r>(profile: &Profile, value: &'r [u8]) -> Finding<'r> {
    let place = Place::Authorization;
    if has_control(value) {
        return Err(Refusal::control(place));
    }
    let Some((name, rest)) = scheme::sent(value) else {
        // The scheme alone, or a credential without one: the former may be named.
        let alone = |scheme: &Scheme| value.eq_ignore_ascii_case(scheme.name().as_bytes());
        let known = [Scheme::Bearer, Scheme::Jwt, Scheme::Basic, Scheme::Token];
        return Err(match known.into_iter().find(alone) {
            Some(scheme) => Refusal::malformed(place).scheme(scheme),
            None => Refusal::malformed(place),
        });
    };
    let is_extra = |extra: &str| name.eq_ignore_ascii_case(extra.as_bytes());
    let Some((n, _)) = (0..).zip(&profile.schemes).find(|(_, s)| is_extra(s)) else {
        return Err(Refusal::unsupported(place, Part::Sent(name)));
    };
    let rest = skip_spaces(rest);
    match is_token68(rest) {
        true => Ok(Found::token(Scheme::Extra(n), place, Part::Sent(rest))),
        false => Err(Refusal::malformed(place).scheme(Scheme::Extra(n))),
    }
}

fn api_key(n: u8, value: &[u8]) -> Finding<'_> {
    let place = Place::ApiKey(n);
    if value.len() > CREDENTIAL_BYTES_MAX {
        return Err(Refusal::too_large(place));
    }
    let text = trim(value);
    match is_token68(text) {
        true => Ok(Found::token(Scheme::Bare, place, Part::Sent(text))),
        false => Err(Refusal::malformed(place)),
    }
}

/// `Bearer%20` and a token68, or the token68 alone where the profile allows it.
///
/// A `+` that is not encoded is refused: RFC 3986 reads a plus, HTML forms a space, so that a
/// proxy and this server might read two tokens.
fn parameter<'r>(profile: &Profile, encoded: &'r [u8], scratch: &mut Scratch) -> Finding<'r> {
    let place = Place::Query;
    if encoded.contains(&b'+') {
        return Err(Refusal::malformed(place));
    }
    let value =
        query::decode(encoded, Dialect::Uri, scratch).map_err(|_| Refusal::malformed(place))?;
    let decoded = value.resolve(scratch);
    let (text, scheme) = match scheme::known(decoded) {
        Some((Scheme::Bearer, rest)) => (skip_spaces(rest), Scheme::Bearer),
        None if profile.query_bare => (decoded, Scheme::Bare),
        _ => return Err(Refusal::malformed(place)),
    };
    match is_token68(text) {
        true => {
            let skip = decoded.len() - text.len();
            Ok(Found::token(
                scheme,
                place,
                value.slice(skip..decoded.len()),
            ))
        }
        false => Err(Refusal::malformed(place).scheme(scheme)),
    }
}

/// `1*SP`: spaces and no other white space.
#[inline]
fn skip_spaces(mut rest: &[u8]) -> &[u8] {
    while let [b' ', more @ ..] = rest {
        rest = more;
    }
    rest
}
