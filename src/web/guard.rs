//! The guard: who may pass, decided from a request's head, and how the others are answered. It knows
//! no framework; `layer.rs` and `grpc.rs` put it into theirs.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "tower")]
use http::HeaderValue;
use http::header::AUTHORIZATION;
#[cfg(feature = "tower")]
use http::header::{COOKIE, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, Method, Response, Uri};

use super::body::FromText;
use super::cookie::SessionCookie;
use super::csrf::{Added, Csrf};
use super::headers::{Wire, request_by, transport};
use super::manner::{Form, Manner};
use super::reason::Reason;
use super::refusal::Refusal;
use super::ticket::{self, Tickets};
use super::usage::Usage;
use crate::auth::Auth;
use crate::credential::{Profile, Request, Scratch, Source, Transport};
use crate::inactive::Inactive;
use crate::validator::Validator;

/// What stands in front of a server: validates each request's credential and answers those that
/// have none.
///
/// One value for every framework: a `tower` layer (for hyper, axum and tonic, feature `tower`), a
/// tonic interceptor (feature `tonic`), and [`check`](Self::check) for anything else. It reads the
/// head of a request only; no body is ever buffered. Cheap to clone.
///
/// A request that passes has an [`Auth`] among its extensions. The innermost guard decides.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let store = hallpass::Store::open(dir.path())?;
/// use hallpass::credential::Profile;
/// use hallpass::web::Guard;
///
/// let guard = Guard::new(store.validator(), Profile::strict());
/// let request = http::Request::get("/").body(())?;
/// let refusal = guard.check(request.method(), request.uri(), request.headers()).unwrap_err();
/// let response: http::Response<String> = guard.refuse(&refusal);
/// assert_eq!(response.status(), 401);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Guard {
    rules: Arc<Rules>,
}

#[derive(Clone)]
struct Rules {
    validator: Validator,
    profile: Profile,
    manner: Manner,
    csrf: Csrf,
    scope: Option<Arc<str>>,
    optional: bool,
    foreign: bool,
    tickets: Option<Tickets>,
    usage: Option<Usage>,
    /// The cookies that a failed login clears.
    cookies: Vec<SessionCookie>,
}

impl Guard {
    /// Lets those pass that `validator` takes for active, by the credential that `profile` finds.
    #[must_use]
    pub fn new(validator: Validator, profile: Profile) -> Self {
        let cookies = profile.cookies().map(SessionCookie::of_name).collect();
        let rules = Rules {
            validator,
            profile,
            manner: Manner::new(),
            csrf: Csrf::new(),
            scope: None,
            optional: false,
            foreign: false,
            tickets: None,
            usage: None,
            cookies,
        };
        Self {
            rules: Arc::new(rules),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(Arc::make_mut(&mut self.rules));
        self
    }

    /// Lets requests pass that show no credential. One that shows a bad one is refused all the
    /// same: taking it for nobody would hide an expired token from its owner.
    #[must_use]
    pub fn optional(self) -> Self {
        self.with(|rules| rules.optional = true)
    }

    /// Lets tokens of the store's [foreign issuers](crate::Options::foreign_issuers) pass as well.
    /// Without it only what the store issued does.
    ///
    /// A JWT that is not in the store is held to
    /// [`Validator::validate_foreign`](crate::Validator::validate_foreign), and refused as any other
    /// token is. Client and scopes of its [`Auth`] are as the issuer's
    /// [`ClaimsMapping`](crate::jwt::ClaimsMapping) has them, and [`Auth::foreign`] has its claims.
    #[cfg(feature = "jwt")]
    #[must_use]
    pub fn foreign(self) -> Self {
        self.with(|rules| rules.foreign = true)
    }

    /// Asks for this scope; who lacks it is answered 403.
    #[must_use]
    pub fn scope(self, scope: &str) -> Self {
        self.with(|rules| rules.scope = Some(scope.into()))
    }

    /// How refusals are told.
    #[must_use]
    pub fn manner(self, manner: Manner) -> Self {
        self.with(|rules| rules.manner = manner)
    }

    /// The realm of challenges; see [`Manner::realm`].
    #[must_use]
    pub fn realm(self, realm: &str) -> Self {
        self.with(|rules| rules.manner = rules.manner.clone().realm(realm))
    }

    /// The form of refusals' bodies.
    #[must_use]
    pub fn form(self, form: Form) -> Self {
        self.with(|rules| rules.manner = rules.manner.clone().form(form))
    }

    /// The URL of the resource's metadata; see [`Manner::resource_metadata`].
    #[must_use]
    pub fn resource_metadata(self, url: &str) -> Self {
        self.with(|rules| rules.manner = rules.manner.clone().resource_metadata(url))
    }

    /// Which pages may make requests with a cookie; by default those of the same origin.
    #[must_use]
    pub fn csrf(self, csrf: Csrf) -> Self {
        self.with(|rules| rules.csrf = csrf)
    }

    /// The cookie that a failed login clears, in place of all that the profile reads. To say it is
    /// only needed if it was not written with the defaults of [`SessionCookie`].
    #[must_use]
    pub fn session_cookie(self, cookie: SessionCookie) -> Self {
        self.with(|rules| rules.cookies = vec![cookie])
    }

    /// Takes tickets when a WebSocket is opened: `?ticket=...`.
    #[must_use]
    pub fn tickets(self, tickets: Tickets) -> Self {
        self.with(|rules| rules.tickets = Some(tickets))
    }

    /// Counts who passes. Without it nobody is counted.
    #[must_use]
    pub fn usage(self, usage: Usage) -> Self {
        self.with(|rules| rules.usage = Some(usage))
    }

    /// Whether a request with this head may pass, and as whom. `None`: as nobody, which only an
    /// [`optional`](Self::optional) guard allows.
    ///
    /// # Errors
    /// The refusal, for [`refuse`](Self::refuse).
    pub fn check(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Option<Auth>, Refusal> {
        self.check_by(transport(method, headers), method, uri, headers)
    }

    pub(super) fn check_by(
        &self,
        transport: Transport,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Option<Auth>, Refusal> {
        let wire = match transport {
            Transport::Grpc => Wire::of(headers),
            _ => Wire::Http,
        };
        let checked = match self.ticket(transport, uri, headers) {
            Some(ticket) => ticket.map_err(Refusal::from),
            None => self.credential(transport, method, uri, headers),
        };
        let checked = checked.and_then(|auth| match &self.rules.scope {
            Some(scope) if !auth.has_scope(scope) => Err(Refusal::needs_scope(scope.to_string())),
            _ => Ok(auth),
        });
        match checked {
            Ok(auth) => {
                if let Some(usage) = &self.rules.usage {
                    usage.note(&auth);
                }
                Ok(Some(auth))
            }
            Err(refusal)
                if self.rules.optional
                    && refusal.reason() == Reason::Inactive(Inactive::Missing) =>
            {
                Ok(None)
            }
            Err(refusal) => Err(refusal.on(wire)),
        }
    }

    /// A ticket is shown on purpose, so it is not held against it that the browser sent a cookie
    /// as well; a second credential that is also there on purpose makes the request ambiguous.
    fn ticket(
        &self,
        transport: Transport,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Option<Result<Auth, Inactive>> {
        let tickets = self.rules.tickets.as_ref()?;
        if transport != Transport::WebSocket {
            return None;
        }
        let mut shown = ticket::in_query(uri.query()?);
        let text = shown.next()?;
        if shown.next().is_some() || headers.contains_key(AUTHORIZATION) {
            return Some(Err(Inactive::Ambiguous));
        }
        let auth = tickets.consume(text, uri.path());
        Some(auth.and_then(|auth| {
            if auth.active().is_none() && !self.rules.foreign {
                return Err(Inactive::Kind);
            }
            self.rules.validator.expect_own_audience_of(&auth)?;
            Ok(auth)
        }))
    }

    fn credential(
        &self,
        transport: Transport,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Auth, Refusal> {
        let Rules {
            validator,
            profile,
            csrf,
            ..
        } = &*self.rules;
        let request = request_by(transport, uri, headers).at(validator.now_secs());
        let mut scratch = Scratch::new();
        let credential = match profile.find(&request, &mut scratch) {
            Ok(credential) => credential,
            Err(why) => return Err(self.unread(why, &request)),
        };
        if let Some(added) = Added::of(&credential)
            && !csrf.passes(added, method, uri, headers)
        {
            return Err(Refusal::new(Reason::CrossSite));
        }
        let validated = match self.rules.foreign {
            #[cfg(feature = "jwt")]
            true => validator.validate_own_or_foreign(&credential),
            _ => validator
                .validate_credential(&credential)
                .map(|active| active.to_auth()),
        };
        validated.map_err(|why| self.inactive(why, credential.source() == Source::Cookie))
    }

    #[cold]
    fn unread(&self, why: Inactive, request: &Request<'_, HeaderMap>) -> Refusal {
        let mut scratch = Scratch::new();
        let explanation = self.rules.profile.explain(request, &mut scratch);
        self.inactive(why, explanation.source() == Some("cookie"))
    }

    /// A cookie that did not log in is cleared, or the browser would show it for ever. Not one that
    /// will be good later, and not when this server is at fault.
    #[cold]
    fn inactive(&self, why: Inactive, by_cookie: bool) -> Refusal {
        let mut refusal = Refusal::new(why).status(self.rules.profile.http_status(why));
        if by_cookie && why.is_client_fault() && why != Inactive::NotYetValid {
            for cookie in &self.rules.cookies {
                refusal = refusal.set_cookie(cookie.clear());
            }
        }
        refusal
    }

    /// Marks the field that carried the credential as sensitive, so that whoever prints the fields
    /// further in prints no token, and HTTP/2 keeps it out of its tables (RFC 7541 section 7.1.3).
    #[cfg(feature = "tower")]
    pub(super) fn hide(&self, source: Option<Source>, headers: &mut HeaderMap) {
        let hide_one = |field: Option<&mut HeaderValue>| {
            if let Some(field) = field {
                field.set_sensitive(true);
            }
        };
        // `HeaderMap::entry` would do it for all values at once, and may grow the map first.
        let several = match source {
            Some(Source::Header | Source::Metadata) => {
                hide_one(headers.get_mut(AUTHORIZATION));
                for name in self.rules.profile.api_key_headers() {
                    hide_one(headers.get_mut(name));
                }
                return;
            }
            Some(Source::Cookie) => COOKIE,
            Some(Source::Subprotocol) => SEC_WEBSOCKET_PROTOCOL,
            _ => return,
        };
        for (name, field) in headers.iter_mut() {
            if *name == several {
                field.set_sensitive(true);
            }
        }
    }

    /// The response to a refused request, in this guard's manner: of HTTP, or of gRPC if that is
    /// what the request was.
    #[must_use]
    pub fn refuse<B: FromText>(&self, refusal: &Refusal) -> Response<B> {
        refusal.respond(&self.rules.manner)
    }

    /// A refusal by a handler, told by whoever is in front of it.
    #[cfg(feature = "tower")]
    pub(super) fn retell<B: FromText>(
        &self,
        refusal: Refusal,
        wire: Wire,
        response: &mut Response<B>,
    ) {
        refusal.on(wire).retell(&self.rules.manner, response);
    }
}

/// Shows how it refuses, not what it reads.
impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("manner", &self.rules.manner)
            .field("optional", &self.rules.optional)
            .finish_non_exhaustive()
    }
}
