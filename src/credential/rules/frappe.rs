//! Frappe: two words in `Authorization`, or a session id in query or cookie. Read in its source at
//! 408b481; what Python's base64, URL and cookie parsers do was run.

use super::Finding;
use super::field::{check_cookies, first};
use crate::credential::basic::{self, Fault};
use crate::credential::bytes::{cut_once, has_control, trim};
use crate::credential::cookie;
use crate::credential::found::{Found, Refusal, What};
use crate::credential::limits::{DOCTYPE_BYTES_MAX, QUERY_BYTES_MAX};
use crate::credential::profile::Profile;
use crate::credential::query::{self, Dialect};
use crate::credential::request::{Headers, Request};
use crate::credential::scheme::Scheme;
use crate::credential::scratch::{Full, Part, Scratch};
use crate::credential::source::Place;

/// Frappe's own server, gunicorn, refuses a longer field.
const FIELD_BYTES_MAX: usize = 8190;

/// What the field says about a session that may be there too.
enum Verdict<'r> {
    Found(Found<'r>),
    /// Wrong, and the request ends here.
    Final(Refusal<'r>),
    /// Wrong or absent, but a session counts all the same.
    Soft(Refusal<'r>),
}

pub(super) fn find<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
    scratch: &mut Scratch,
) -> Finding<'r> {
    let refusal = match authorization(request, scratch)? {
        Verdict::Found(found) => return with_doctype(request, found),
        Verdict::Final(refusal) => return Err(refusal),
        Verdict::Soft(refusal) => refusal,
    };
    match session(profile, request, scratch)? {
        Some(found) => Ok(found),
        None => Err(refusal),
    }
}

/// `header.split(" ")` must give exactly two parts: so it must hold exactly one space.
fn authorization<'r, H: Headers + ?Sized>(
    request: &Request<'r, H>,
    scratch: &mut Scratch,
) -> Result<Verdict<'r>, Refusal<'r>> {
    let place = Place::Authorization;
    let values = || request.headers.values("authorization");
    if values().any(|value| value.len() + "Authorization: \r\n".len() > FIELD_BYTES_MAX) {
        return Err(Refusal::too_large(place));
    }
    let value = first(request, "authorization", place)?.unwrap_or_default();
    if values().nth(1).is_some() {
        return repeated(values());
    }
    if value.is_empty() {
        return Ok(Verdict::Soft(Refusal::missing()));
    }
    let Some((name, text)) = cut_once(value, b' ') else {
        return Ok(Verdict::Soft(Refusal::ignored(place)));
    };
    let is = |scheme: &[u8]| name.eq_ignore_ascii_case(scheme);
    Ok(if is(b"bearer") {
        Verdict::Found(Found::token(Scheme::Bearer, place, Part::Sent(text)))
    } else if is(b"basic") {
        basic_pair(text, scratch)
    } else if is(b"token") {
        token_pair(text, scratch)
    } else {
        Verdict::Soft(Refusal::unsupported(place, Part::Sent(name)))
    })
}

/// gunicorn joins the fields with a comma. That makes more than two words of two credentials; what
/// comes out as two words all the same was never meant as one credential.
fn repeated<'r>(values: impl Iterator<Item = &'r [u8]>) -> Result<Verdict<'r>, Refusal<'r>> {
    let mut spaces = 0;
    for value in values {
        if has_control(value) {
            return Err(Refusal::control(Place::Authorization));
        }
        spaces += trim(value).iter().filter(|&&b| b == b' ').count();
    }
    Ok(match spaces {
        1 => Verdict::Final(Refusal::repeated(Place::Authorization)),
        _ => Verdict::Soft(Refusal::ignored(Place::Authorization)),
    })
}

/// A syntax error is swallowed and a session goes on; wrong padding ends the request with 400.
fn basic_pair<'r>(text: &[u8], scratch: &mut Scratch) -> Verdict<'r> {
    let place = Place::Authorization;
    let malformed = Refusal::malformed(place).scheme(Scheme::Basic);
    match basic::loose(text, scratch) {
        Ok(pair) => Verdict::Found(Found::pair(
            Scheme::Basic,
            place,
            Part::decoded(pair.id),
            Part::decoded(pair.secret),
        )),
        Err(Fault::UserPass) => Verdict::Soft(malformed),
        Err(Fault::Base64) => match python_reads(text) {
            Python::Nothing => Verdict::Soft(malformed),
            Python::Padding => Verdict::Final(malformed.status(400)),
            Python::Something => Verdict::Final(malformed),
        },
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Python {
    /// No bytes, or not ASCII: an error that Frappe swallows.
    Nothing,
    /// `binascii.Error`, which Frappe answers with 400.
    Padding,
    /// Some credential or other, which is not the one that was sent.
    Something,
}

/// What Python's `base64.b64decode` makes of text that is not base64: it skips what is not in the
/// alphabet and stops at sufficient padding.
fn python_reads(text: &[u8]) -> Python {
    if !text.is_ascii() {
        return Python::Nothing;
    }
    let (mut quad, mut pads, mut any) = (0, 0, false);
    for &b in text {
        match b {
            b'=' => {
                pads += 1;
                if quad >= 2 && quad + pads >= 4 {
                    return Python::Something;
                }
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => {
                (quad, pads, any) = ((quad + 1) % 4, 0, true);
            }
            _ => {}
        }
    }
    match (quad, any) {
        (0, false) => Python::Nothing,
        (0, true) => Python::Something,
        _ => Python::Padding,
    }
}

/// One colon in all; either side may be empty. A server in Python reads fields as Latin-1.
fn token_pair<'r>(text: &'r [u8], scratch: &mut Scratch) -> Verdict<'r> {
    let place = Place::Authorization;
    let Some((id, secret)) = cut_once(text, b':') else {
        return Verdict::Soft(Refusal::malformed(place).scheme(Scheme::Token));
    };
    if text.is_ascii() {
        let (id, secret) = (Part::Sent(id), Part::Sent(secret));
        return Verdict::Found(Found::pair(Scheme::Token, place, id, secret));
    }
    scratch.clear();
    let mut side = |bytes: &[u8]| -> Result<Part<'r>, Full> {
        let start = scratch.len();
        for &b in bytes {
            scratch.extend(char::from(b).encode_utf8(&mut [0; 2]).as_bytes())?;
        }
        Ok(Part::decoded(start..scratch.len()))
    };
    match (side(id), side(secret)) {
        (Ok(id), Ok(secret)) => Verdict::Found(Found::pair(Scheme::Token, place, id, secret)),
        _ => Verdict::Final(Refusal::too_large(place)),
    }
}

/// The first `sid` of the query, then the first cookie; both percent-decoded once, the query as a
/// form.
fn session<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
    scratch: &mut Scratch,
) -> Result<Option<Found<'r>>, Refusal<'r>> {
    let (sent, dialect, place) = match parameter(profile, request)? {
        Some(encoded) => (encoded, Dialect::Form, Place::Query),
        None => match first_cookie(profile, request)? {
            Some(value) => (value, Dialect::Unquote, Place::Cookie),
            None => return Ok(None),
        },
    };
    let malformed = || Refusal::malformed(place);
    let text = query::decode(sent, dialect, scratch).map_err(|_| malformed())?;
    let bytes = text.resolve(scratch);
    // Python would put a replacement character there, and read many ids as one.
    if std::str::from_utf8(bytes).is_err() {
        return Err(malformed());
    }
    match bytes {
        b"" => Ok(None),
        // What Frappe sets for those who are not logged in.
        b"Guest" => Err(Refusal::ignored(place)),
        _ => Ok(Some(Found::token(Scheme::Bare, place, text))),
    }
}

fn parameter<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
) -> Result<Option<&'r [u8]>, Refusal<'r>> {
    let query = request.query.unwrap_or_default();
    if query.len() > QUERY_BYTES_MAX {
        return Err(Refusal::too_large(Place::Query));
    }
    if has_control(query) {
        return Err(Refusal::control(Place::Query));
    }
    let is = |name: &[u8], q: &str| query::is_named(name, q.as_bytes(), Dialect::Form);
    let ours = |name: &[u8]| profile.queries.iter().any(|q| is(name, q));
    let value = query::pairs(query)
        .find(|(name, _)| ours(name))
        .map(|(_, value)| value);
    Ok(value.filter(|value| !value.is_empty()))
}

/// The first cookie of the name. gunicorn joins several `Cookie` fields with a comma, which breaks
/// the cookies on either side of it: one of ours there is refused.
fn first_cookie<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
) -> Result<Option<&'r [u8]>, Refusal<'r>> {
    let malformed = || Refusal::malformed(Place::Cookie);
    check_cookies(request, "cookie")?;
    let ours = |name: &[u8]| profile.cookies.iter().any(|c| c.as_bytes() == name);
    let mut lines = request.headers.values("cookie").peekable();
    let mut is_first = true;
    while let Some(line) = lines.next() {
        if std::str::from_utf8(line).is_err() {
            return Err(malformed());
        }
        let is_last = lines.peek().is_none();
        let mut pairs = line.split(|&b| b == b';').peekable();
        if !is_first {
            // The tail of the cookie before the comma.
            pairs.next();
        }
        while let Some(pair) = pairs.next() {
            let broken = pairs.peek().is_none() && !is_last;
            match cookie::pairs(pair).next() {
                Some((name, _)) if ours(name) && broken => return Err(malformed()),
                Some((name, value)) if ours(name) => return plain(value).map(Some),
                _ => {}
            }
        }
        is_first = false;
    }
    Ok(None)
}

/// The value without its quotes. A session id holds nothing that would be escaped between them.
fn plain(value: &[u8]) -> Result<&[u8], Refusal<'_>> {
    match value {
        [b'"', text @ .., b'"'] if text.contains(&b'\\') => Err(Refusal::malformed(Place::Cookie)),
        [b'"', text @ .., b'"'] => Ok(text),
        _ => Ok(value),
    }
}

/// `Frappe-Authorization-Source` names the DocType whose rows hold the key.
fn with_doctype<'r, H: Headers + ?Sized>(
    request: &Request<'r, H>,
    mut found: Found<'r>,
) -> Finding<'r> {
    let malformed = || Refusal::malformed(Place::Authorization).scheme(found.scheme);
    if let What::Pair { doctype, .. } = &mut found.what {
        let name = first(request, "frappe-authorization-source", Place::Authorization)?;
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            let legal = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b'_');
            if name.len() > DOCTYPE_BYTES_MAX || !name.iter().all(legal) {
                return Err(malformed());
            }
            *doctype = std::str::from_utf8(name).ok();
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::presented::Credential;

    /// Each was run in CPython 3.11: `base64.b64decode(text)`.
    #[test]
    fn python_is_foreseen() {
        for (text, reads) in [
            ("====", Python::Nothing),
            ("\u{e9}", Python::Nothing),
            ("-_-_", Python::Nothing),
            ("dTpwYQ", Python::Padding),
            ("dTpwYQ=", Python::Padding),
            ("a", Python::Padding),
            ("YTp-_w==", Python::Something),
            ("YTpiYw==xyz", Python::Something),
            ("YT*pi", Python::Something),
            ("YW*I=", Python::Something),
        ] {
            assert_eq!(python_reads(text.as_bytes()), reads, "{text}");
        }
    }

    /// The credential with its DocType, or what came instead of one.
    fn read(headers: &[(&str, &str)]) -> String {
        let (profile, mut scratch) = (Profile::frappe(), Scratch::new());
        let told = profile.explain(&Request::new(headers), &mut scratch);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match told.credential() {
            Some(Credential::Token { text: token, .. }) => text(token),
            Some(Credential::Pair {
                id,
                secret,
                doctype,
                ..
            }) => {
                format!("{} {} {doctype:?}", text(id), text(secret))
            }
            None => told.outcome().name().to_owned(),
        }
    }

    #[test]
    fn the_session_is_the_first_cookie_of_its_name() {
        for (cookies, want) in [
            ("a=b; sid=x; sid=y", "x"),
            ("sid=\"x\"", "x"),
            ("sid=\"a\\b\"", "malformed"),
            ("sid=", "missing"),
            ("sid=Guest", "ignored"),
        ] {
            assert_eq!(read(&[("cookie", cookies)]), want, "{cookies}");
        }
    }

    #[test]
    fn a_pair_is_latin_1_and_may_name_a_doctype() {
        let pair = ("authorization", "token k\u{e9}y:s");
        assert_eq!(read(&[pair]), "k\u{c3}\u{a9}y s None");
        let of = |doctype: &str| {
            read(&[
                ("authorization", "token a:b"),
                ("frappe-authorization-source", doctype),
            ])
        };
        assert_eq!(of(""), "a b None");
        assert_eq!(of("API User-2_b"), "a b Some(\"API User-2_b\")");
        assert!(of(&"a".repeat(DOCTYPE_BYTES_MAX)).starts_with("a b Some"));
        for bad in ["a;b", &"a".repeat(DOCTYPE_BYTES_MAX + 1), &"a".repeat(999)] {
            assert_eq!(of(bad), "malformed");
        }
    }
}
