//! Flipt: one field or one cookie, compared byte by byte. Read in its source, `main` at c9f57d8.

use super::Finding;
use super::field::{check_cookies, first, not_served};
use crate::credential::bytes::{PRINTABLE, all, trim};
use crate::credential::cookie;
use crate::credential::found::{Found, Refusal};
use crate::credential::profile::{Profile, System};
use crate::credential::request::{Headers, Request};
use crate::credential::scheme::Scheme;
use crate::credential::scratch::Part;
use crate::credential::source::{Place, Transport};

/// Any `authorization` at all, even an empty one, keeps the cookie from being read.
pub(super) fn find<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
) -> Finding<'r> {
    let (prefix, scheme) = match profile.system {
        System::FliptJwt => (&b"JWT "[..], Scheme::Jwt),
        _ => (&b"Bearer "[..], Scheme::Bearer),
    };
    if let Some(value) = authorization(request)? {
        return match value.strip_prefix(prefix) {
            Some(token) => Ok(Found::token(
                scheme,
                Place::Authorization,
                Part::Sent(token),
            )),
            None => Err(not_served(value, Place::Authorization)),
        };
    }
    match profile.system {
        System::FliptJwt => Err(Refusal::missing()),
        _ => session(profile, request),
    }
}

/// The gateway strips `Grpc-Metadata-` from names, which makes a second door of that field.
fn authorization<'r, H: Headers + ?Sized>(
    request: &Request<'r, H>,
) -> Result<Option<&'r [u8]>, Refusal<'r>> {
    let field = first(request, "authorization", Place::Authorization)?;
    if request.transport == Transport::Grpc {
        return Ok(field);
    }
    let door = first(request, "grpc-metadata-authorization", Place::Authorization)?;
    match (field, door) {
        (Some(_), Some(_)) => Err(Refusal::repeated(Place::Authorization)),
        (field, door) => Ok(field.or(door)),
    }
}

/// The first cookie that Go can parse, in any line that the gateway lets through: it drops a line
/// with a single byte outside of printable ASCII.
fn session<'r, H: Headers + ?Sized>(profile: &Profile, request: &Request<'r, H>) -> Finding<'r> {
    let field = match request.transport {
        Transport::Grpc => "grpcgateway-cookie",
        Transport::Http | Transport::WebSocket => "cookie",
    };
    check_cookies(request, field)?;
    let ours = |name: &[u8]| profile.cookies.iter().any(|c| c.as_bytes() == name);
    request
        .headers
        .values(field)
        .map(trim)
        .filter(|line| all(line, PRINTABLE))
        .flat_map(cookie::go_pairs)
        .filter(|(name, _)| ours(name))
        .find_map(|(_, value)| cookie::go(value))
        .map(|text| Found::token(Scheme::Bare, Place::Cookie, Part::Sent(text)))
        .ok_or_else(Refusal::missing)
}
