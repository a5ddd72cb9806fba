//! Whether a request to which a browser added the credential by itself was made by a page of this
//! site: by Fetch Metadata, else by `Origin`. Pure: it looks at a request and keeps nothing.
//!
//! The algorithm of Go 1.25 and of tower-http's `CsrfLayer`, with two differences, both to the safe
//! side: with a cookie, a request that says nothing of where it comes from is no proof (a client
//! that is no browser has no reason to show one), and opening a WebSocket counts as unsafe, since a
//! page of any site can do it and read what comes (RFC 6455 section 10.2). It judges no request
//! whose credential was put there on purpose, which a layer of its own could not tell.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use thiserror::Error;

use super::headers::may_open_websocket;
use crate::credential::{Credential, Scheme, Source};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Which pages may make requests with what a browser adds by itself: cookies, and the `Basic`
/// credentials that its user typed into its dialog once.
///
/// By default those of the same origin, and what the user types into the browser itself. A method
/// that is safe by RFC 9110 section 9.2.1 needs no proof: a server must change nothing on `GET`.
/// `Basic` needs none either where nothing says that a browser is at work.
///
/// ```
/// use hallpass::web::Csrf;
///
/// let csrf = Csrf::new().trust_origin("https://app.example.com")?;
/// # Ok::<_, hallpass::web::NotAnOrigin>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Csrf {
    trusted: Vec<Box<str>>,
    same_site: bool,
    off: bool,
}

/// What a browser adds to a request by itself, whichever page made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    Cookie,
    Basic,
}

impl Added {
    /// What of it this credential is, if any.
    pub(super) fn of(credential: &Credential<'_>) -> Option<Self> {
        match (credential.source(), credential.scheme()) {
            (Source::Cookie, _) => Some(Self::Cookie),
            (Source::Header, Scheme::Basic) => Some(Self::Basic),
            _ => None,
        }
    }
}

/// Not an origin as a browser sends it: `https://host`, in lower case, with the port if it is not
/// the scheme's own, and nothing behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not an origin as browsers send it: \"https://host\" or \"https://host:port\"")]
pub struct NotAnOrigin;

impl Csrf {
    /// The same origin only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Also pages of this origin.
    ///
    /// # Errors
    /// [`NotAnOrigin`] if no browser would ever send it in that form.
    pub fn trust_origin(mut self, origin: &str) -> Result<Self, NotAnOrigin> {
        let authority = authority_of(origin.as_bytes()).ok_or(NotAnOrigin)?;
        let own_port = match origin.starts_with("https") {
            true => &b":443"[..],
            false => b":80",
        };
        if origin.bytes().any(|b| b.is_ascii_uppercase()) || authority.ends_with(own_port) {
            return Err(NotAnOrigin);
        }
        self.trusted.push(origin.into());
        Ok(self)
    }

    /// Also pages of every subdomain of the site, by `Sec-Fetch-Site: same-site`. Not for a site
    /// where users have subdomains of their own.
    #[must_use]
    pub fn allow_same_site(mut self) -> Self {
        self.same_site = true;
        self
    }

    /// No check here: for a server that has one of its own, tokens in forms say; or that stands
    /// behind a gateway which has made the check, and which forwards cookies as gRPC metadata.
    #[must_use]
    pub fn off() -> Self {
        Self {
            off: true,
            ..Self::default()
        }
    }

    /// Whether a request with such a credential may pass.
    pub(super) fn passes(
        &self,
        added: Added,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> bool {
        let needs_no_proof = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
            && !may_open_websocket(method, headers);
        self.off || needs_no_proof || self.is_proven(added, uri, headers)
    }

    fn is_proven(&self, added: Added, uri: &Uri, headers: &HeaderMap) -> bool {
        let Ok(origin) = single(headers, &ORIGIN) else {
            return false;
        };
        if origin.is_some_and(|origin| self.trusts(origin)) {
            return true;
        }
        match single(headers, &SEC_FETCH_SITE) {
            // "none": the user's own doing, from the address bar or a bookmark.
            Ok(Some(b"same-origin" | b"none")) => true,
            Ok(Some(b"same-site")) => self.same_site,
            Ok(Some(_)) | Err(Repeated) => false,
            // A browser of before 2023.
            Ok(None) => match (origin, host(uri, headers)) {
                (None, _) => added == Added::Basic,
                (Some(origin), Some(host)) => authority_of(origin) == Some(host),
                (Some(_), None) => false,
            },
        }
    }

    fn trusts(&self, origin: &[u8]) -> bool {
        self.trusted.iter().any(|one| one.as_bytes() == origin)
    }
}

/// A field that there can be one of is there twice.
struct Repeated;

fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h [u8]>, Repeated> {
    let mut values = headers.get_all(name).into_iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Repeated),
        (value, None) => Ok(value.map(HeaderValue::as_bytes)),
    }
}

/// The host and port of an origin: `null` has none, and neither has anything but `http(s)://host`.
fn authority_of(origin: &[u8]) -> Option<&[u8]> {
    let rest = origin.strip_prefix(b"https://");
    let authority = rest.or_else(|| origin.strip_prefix(b"http://"))?;
    let legal = |b: &u8| b.is_ascii_alphanumeric() || b"-._~:[]".contains(b);
    (!authority.is_empty() && authority.iter().all(legal)).then_some(authority)
}

/// The host that was asked: the request target's (HTTP/2, absolute form), else the one `Host`.
fn host<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> Option<&'r [u8]> {
    match uri.authority() {
        Some(authority) => Some(authority.as_str().as_bytes()),
        None => single(headers, &HOST).ok().flatten(),
    }
}
