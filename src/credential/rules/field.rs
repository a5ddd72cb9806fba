//! What servers do to a header field before an application sees it, and the refusals that several
//! systems have in common.

use crate::credential::bytes::{has_control, trim};
use crate::credential::cookie;
use crate::credential::found::Refusal;
use crate::credential::limits::CREDENTIAL_BYTES_MAX;
use crate::credential::request::{Headers, Request};
use crate::credential::scheme;
use crate::credential::scratch::Part;
use crate::credential::source::{Place, Transport};

/// The value as an application sees it: HTTP servers cut the white space around it, gRPC keeps it;
/// either refuses control bytes. Nothing is done to a value that is too long.
pub(super) fn received<'r>(
    value: &'r [u8],
    place: Place,
    transport: Transport,
) -> Result<&'r [u8], Refusal<'r>> {
    if value.len() > CREDENTIAL_BYTES_MAX {
        return Err(Refusal::too_large(place));
    }
    if has_control(value) {
        return Err(Refusal::control(place));
    }
    match transport {
        Transport::Grpc => Ok(value),
        Transport::Http | Transport::WebSocket => Ok(trim(value)),
    }
}

/// The first field of a name, as an application sees it.
pub(super) fn first<'r, H: Headers + ?Sized>(
    request: &Request<'r, H>,
    name: &str,
    place: Place,
) -> Result<Option<&'r [u8]>, Refusal<'r>> {
    request
        .headers
        .values(name)
        .next()
        .map(|value| received(value, place, request.transport))
        .transpose()
}

/// Checks the `Cookie` fields before they are read: their size, and that no control byte is in
/// them.
pub(super) fn check_cookies<'r, H: Headers + ?Sized>(
    request: &Request<'r, H>,
    name: &str,
) -> Result<(), Refusal<'r>> {
    if !cookie::fit(request.headers.values(name)) {
        return Err(Refusal::too_large(Place::Cookie));
    }
    if request.headers.values(name).any(has_control) {
        return Err(Refusal::control(Place::Cookie));
    }
    Ok(())
}

/// Refuses a value whose scheme is not served: a value that has no scheme at all is malformed.
pub(super) fn not_served(value: &[u8], place: Place) -> Refusal<'_> {
    match scheme::sent(value) {
        Some((scheme, _)) => Refusal::unsupported(place, Part::Sent(scheme)),
        None => Refusal::malformed(place),
    }
}
