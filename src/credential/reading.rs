//! The way in: a profile reads a request and answers with a credential or with an explanation. It
//! knows which rules to ask and puts their pieces together, and has no rules of its own.

use super::basic;
use super::explanation::Explanation;
use super::found::{Found, Outcome, Refusal, SchemeSeen, What};
use super::presented::Credential;
use super::profile::{Profile, System};
use super::request::{Headers, Request};
use super::rules::{
    self,
    strict::{self, Spot},
};
use super::scheme::Scheme;
use super::scratch::Scratch;
use super::source::{Place, Transport};
use super::unverified;
use crate::inactive::Inactive;

impl Profile {
    /// Finds the one credential of a request.
    ///
    /// # Errors
    /// The answer "no", if there is none or it breaks its grammar: always one of the
    /// `credential.*` codes, and under the Wispr profiles also `token.format` and
    /// `token.fields_missing`.
    // At every caller's: an answer that is returned through memory is read back in other pieces than
    // it was written in, which waits for the memory and takes 2 ns.
    #[inline(always)]
    pub fn find<'a, H: Headers + ?Sized>(
        &self,
        request: &Request<'a, H>,
        scratch: &'a mut Scratch,
    ) -> Result<Credential<'a>, Inactive> {
        if self.system == System::Strict {
            return self.find_strictly(request, scratch);
        }
        match rules::find(self, request, scratch) {
            Ok(found) => Ok(assemble(&found, request.transport, scratch)),
            Err(refusal) => Err(refusal.why),
        }
    }

    #[inline(always)]
    fn find_strictly<'a, H: Headers + ?Sized>(
        &self,
        request: &Request<'a, H>,
        scratch: &'a mut Scratch,
    ) -> Result<Credential<'a>, Inactive> {
        let value = match strict::alone(self, request) {
            Some(value) => value,
            None => match strict::spot(self, request) {
                Ok(Spot::Authorization(value)) => value,
                Ok(spot) => return self.read(spot, request.transport, scratch),
                Err(refusal) => return Err(refusal.why),
            },
        };
        let source = Place::Authorization.source(request.transport);
        match strict::usual(value) {
            Some((scheme @ Scheme::Basic, encoded)) => match basic::strict(encoded, scratch) {
                Ok((id, secret)) => Ok(Credential::Pair {
                    id,
                    secret,
                    scheme,
                    source,
                    doctype: None,
                }),
                Err(_) => Err(Inactive::Malformed),
            },
            Some((scheme, text)) => Ok(Credential::Token {
                text,
                scheme,
                source,
            }),
            None => self.read(Spot::Authorization(value), request.transport, scratch),
        }
    }

    /// Reads what is not in the usual place, or not as usual.
    #[inline(never)]
    fn read<'a>(
        &self,
        spot: Spot<'a>,
        transport: Transport,
        scratch: &'a mut Scratch,
    ) -> Result<Credential<'a>, Inactive> {
        match strict::read(self, spot, scratch) {
            Ok(found) => Ok(assemble(&found, transport, scratch)),
            Err(refusal) => Err(refusal.why),
        }
    }

    /// Finds the one credential of a request and says what was made of it, or why there is none.
    pub fn explain<'a, H: Headers + ?Sized>(
        &'a self,
        request: &Request<'a, H>,
        scratch: &'a mut Scratch,
    ) -> Explanation<'a> {
        let found = match rules::find(self, request, scratch) {
            Ok(found) => found,
            Err(refusal) => return self.refused(refusal, scratch),
        };
        let scratch = &*scratch;
        let (place, scheme) = (found.place, found.scheme);
        let (token, decoded) = match &found.what {
            What::Token(part) => (Some(part.resolve(scratch)), part.is_decoded()),
            What::Pair { .. } => (None, false),
        };
        Explanation {
            outcome: Outcome::Credential,
            inactive: None,
            credential: Some(assemble(&found, request.transport, scratch)),
            scheme: self.scheme_name(scheme, place),
            source: Some(self.place_name(place)),
            token,
            decoded,
            http_status: None,
            claimed_client: token
                .filter(|_| self.system == System::Wispr)
                .and_then(unverified::client_id),
        }
    }

    /// The status that the system of this profile answers with; the strict profile has 400 for
    /// [`Inactive::Malformed`], as RFC 6750 section 3.1 has it.
    #[must_use]
    pub const fn http_status(&self, inactive: Inactive) -> u16 {
        match (self.system, inactive) {
            (System::Strict, Inactive::Malformed) => 400,
            (System::Frappe, Inactive::Missing) => 403,
            (System::Wispr, Inactive::Unavailable | Inactive::ClockAnomaly) => 500,
            (_, inactive) => inactive.http_status(),
        }
    }

    fn refused<'a>(&'a self, refusal: Refusal<'a>, scratch: &'a Scratch) -> Explanation<'a> {
        Explanation {
            outcome: refusal.outcome,
            inactive: Some(refusal.why),
            credential: None,
            scheme: refusal.scheme.and_then(|seen| match seen {
                SchemeSeen::Known(scheme) => {
                    self.scheme_name(scheme, refusal.place.unwrap_or(Place::Authorization))
                }
                SchemeSeen::Sent(sent) => Some(sent.resolve(scratch)),
            }),
            source: refusal.place.map(|place| self.place_name(place)),
            token: refusal.token.as_ref().map(|part| part.resolve(scratch)),
            decoded: refusal.token.as_ref().is_some_and(|part| part.is_decoded()),
            http_status: Some(
                refusal
                    .http_status
                    .unwrap_or_else(|| self.http_status(refusal.why)),
            ),
            claimed_client: None,
        }
    }

    /// As the case files print it: a session's cookie is a `session`, Flipt's a `cookie`.
    fn scheme_name(&self, scheme: Scheme, place: Place) -> Option<&[u8]> {
        let session = matches!(self.system, System::Frontier | System::Frappe);
        match (scheme, place) {
            (Scheme::Extra(n), _) => Some(name_at(&self.schemes, n).as_bytes()),
            (Scheme::Bare, Place::Cookie | Place::Query) if session => Some(b"session"),
            (Scheme::Bare, Place::Query) => None,
            (Scheme::Bare, _) => Some(self.place_name(place).as_bytes()),
            (scheme, _) => Some(scheme.name().as_bytes()),
        }
    }

    fn place_name(&self, place: Place) -> &str {
        match place {
            Place::Authorization => "authorization",
            Place::ApiKey(n) => name_at(&self.api_keys, n),
            Place::Cookie => "cookie",
            Place::Query => "query",
            Place::Subprotocol => "subprotocol",
        }
    }
}

fn name_at(names: &[Box<str>], n: u8) -> &str {
    names.get(usize::from(n)).map_or("", |name| name)
}

/// Puts the pieces together. A pair is UTF-8 by now: its parser has seen to it.
#[inline]
fn assemble<'a>(found: &Found<'a>, transport: Transport, scratch: &'a Scratch) -> Credential<'a> {
    let source = found.place.source(transport);
    let scheme = found.scheme;
    match &found.what {
        What::Token(part) => Credential::Token {
            text: part.resolve(scratch),
            scheme,
            source,
        },
        What::Pair {
            id,
            secret,
            doctype,
        } => {
            let (id, secret) = (id.resolve(scratch), secret.resolve(scratch));
            debug_assert!(
                [id, secret]
                    .map(std::str::from_utf8)
                    .iter()
                    .all(Result::is_ok)
            );
            Credential::Pair {
                id,
                secret,
                scheme,
                source,
                doctype: *doctype,
            }
        }
    }
}
