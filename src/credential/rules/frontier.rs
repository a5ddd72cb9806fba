//! Frontier: session cookie, then token, then pair; what is not understood is passed over. Read in
//! its source at 670a8fe.

use super::Finding;
use super::field::{check_cookies, first};
use crate::credential::basic;
use crate::credential::bytes::{BASE64URL, all, cut, trim};
use crate::credential::cookie;
use crate::credential::found::{Found, Refusal};
use crate::credential::profile::Profile;
use crate::credential::request::{Headers, Request};
use crate::credential::scheme::Scheme;
use crate::credential::scratch::{Part, Scratch};
use crate::credential::source::Place;
use crate::credential::unverified;

/// What the one `Authorization` field turned out to be.
enum Field<'r> {
    None,
    Token(&'r [u8]),
    Pair(&'r [u8]),
    /// Passed over: an unknown scheme, or none.
    Foreign,
    /// Passed over: a bearer token that is of no kind that Frontier knows.
    Dropped,
}

/// A token, its scheme, and where it stood.
type Shown<'r> = (&'r [u8], Scheme, Place);

pub(super) fn find<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
    scratch: &mut Scratch,
) -> Finding<'r> {
    if let Some(found) = session(profile, request)? {
        return Ok(found);
    }
    let field = authorization(profile, request)?;
    let token = match field {
        Field::Token(text) => Some((text, Scheme::Bearer, Place::Authorization)),
        _ => pass_through(profile, request)?,
    };
    let mut refusal = match field {
        Field::Foreign => Refusal::ignored(Place::Authorization),
        Field::Dropped => Refusal::ignored(Place::Authorization).scheme(Scheme::Bearer),
        _ => Refusal::missing(),
    };
    if let Some((text, scheme, place)) = token {
        match kind_of(profile, text) {
            Kind::Known => return Ok(Found::token(scheme, place, Part::Sent(text))),
            Kind::BadPrefixed => {
                return Err(Refusal::malformed(place)
                    .scheme(scheme)
                    .token(Part::Sent(text)));
            }
            // It got past the filter and no authenticator takes it.
            Kind::Unknown => {
                refusal = Refusal::ignored(place)
                    .scheme(scheme)
                    .token(Part::Sent(text));
            }
        }
    }
    match field {
        Field::Pair(encoded) => pair(encoded, scratch),
        _ => Err(refusal),
    }
}

/// Go reads the first `Cookie` line only. The value is sealed: which of two cookies can be opened
/// only the application knows, so a second one is refused.
fn session<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
) -> Result<Option<Found<'r>>, Refusal<'r>> {
    check_cookies(request, "cookie")?;
    let line = request.headers.values("cookie").next().unwrap_or_default();
    let ours = |name: &[u8]| profile.cookies.iter().any(|c| c.as_bytes() == name);
    let mut texts = cookie::go_pairs(trim(line))
        .filter(|(name, _)| ours(name))
        .filter_map(|(_, value)| cookie::go(value))
        .filter(|text| !text.is_empty());
    match (texts.next(), texts.next()) {
        (Some(_), Some(_)) => Err(Refusal::repeated(Place::Cookie)),
        (text, _) => Ok(text.map(|t| Found::token(Scheme::Bare, Place::Cookie, Part::Sent(t)))),
    }
}

fn authorization<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
) -> Result<Field<'r>, Refusal<'r>> {
    let Some(value) = first(request, "authorization", Place::Authorization)? else {
        return Ok(Field::None);
    };
    if value.is_empty() {
        return Ok(Field::None);
    }
    Ok(match cut(value, b' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer") => {
            let text = trim(rest);
            if is_let_through(profile, text, request.now_secs) {
                Field::Token(text)
            } else {
                Field::Dropped
            }
        }
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"basic") => Field::Pair(trim(rest)),
        _ => Field::Foreign,
    })
}

/// `X-User-Token`, which has no scheme and passes no filter.
fn pass_through<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
) -> Result<Option<Shown<'r>>, Refusal<'r>> {
    for (n, name) in (0..).zip(&profile.api_keys) {
        let place = Place::ApiKey(n);
        if let Some(value) = first(request, name, place)? {
            let text = trim(value);
            if !text.is_empty() {
                return Ok(Some((text, Scheme::Bare, place)));
            }
        }
    }
    Ok(None)
}

/// Frontier's filter on bearer tokens. Its JWT library reads a bare JSON object as a token too,
/// so that one gets through here and is refused by every authenticator later.
fn is_let_through(profile: &Profile, text: &[u8], now_secs: u64) -> bool {
    let claims = || unverified::of_compact(text).or_else(|| unverified::of_json(text));
    is_prefixed(profile, text) || claims().is_some_and(|claims| claims.is_current(now_secs))
}

enum Kind {
    Known,
    BadPrefixed,
    Unknown,
}

fn kind_of(profile: &Profile, text: &[u8]) -> Kind {
    if is_prefixed(profile, text) {
        // A personal access token is base64url without padding behind its prefix.
        let decodes = match text.strip_prefix(b"fpt_") {
            Some(body) => body.len() % 4 != 1,
            None => true,
        };
        return match decodes && all(text, BASE64URL) {
            true => Kind::Known,
            false => Kind::BadPrefixed,
        };
    }
    match unverified::of_compact(text) {
        Some(_) => Kind::Known,
        None => Kind::Unknown,
    }
}

fn is_prefixed(profile: &Profile, text: &[u8]) -> bool {
    let starts = |prefix: &str| text.starts_with(prefix.as_bytes());
    profile.prefixes.iter().any(|prefix| starts(prefix))
}

/// Any fault in a pair is final.
fn pair<'r>(encoded: &[u8], scratch: &mut Scratch) -> Finding<'r> {
    let place = Place::Authorization;
    match basic::loose(encoded, scratch) {
        Ok(pair) => Ok(Found::pair(
            Scheme::Basic,
            place,
            Part::decoded(pair.id),
            Part::decoded(pair.secret),
        )),
        Err(_) => Err(Refusal::malformed(place).scheme(Scheme::Basic)),
    }
}
