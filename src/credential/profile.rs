//! Which credentials a server accepts and how strictly it reads them: the names and switches of a
//! profile. It reads nothing itself: `reading.rs` is the way in, `rules/` what is done there.

use thiserror::Error;

use super::bytes::is_token;
use super::source::Source;

/// Whose reading of a request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum System {
    Strict,
    Flipt,
    FliptJwt,
    Frontier,
    Frappe,
    Wispr,
}

/// Where credentials are looked for, and how they are read.
///
/// | | strict | flipt | flipt_jwt | frontier | frappe | wispr |
/// |---|---|---|---|---|---|---|
/// | schemes | Bearer, JWT, Basic, token, added ones | `Bearer` | `JWT` | Bearer, Basic | Bearer, Basic, token | `Bearer` |
/// | case of the scheme | any | as written | as written | any | any | as written |
/// | separator | 1*SP | one SP | one SP | SP, then trimmed | exactly one SP in all | one SP |
/// | repeated field | refused | first | first | first | joined, so ignored | first |
/// | cookie | by name; twice: refused | first that Go parses | - | first line; twice: refused | first, percent-decoded | - |
/// | query | by name; twice: refused | - | - | - | first, as a form | last, as a form |
/// | in two places | refused, or by [`prefer`](Self::prefer) | field | field | cookie, token, pair | field, cookie if it is unreadable | by transport |
/// | nothing there | 401 | 401 | 401 | 401 | 403 | 401 |
///
/// Names can be changed in every profile; a profile that does not look at a place doesn't look at
/// it by another name either.
#[derive(Clone, Debug)]
pub struct Profile {
    pub(super) system: System,
    /// That no other place was ever asked for: said once, since to ask each list below whether it is empty takes
    /// as long as to tell the scheme.
    pub(super) only_authorization: bool,
    pub(super) cookies: Vec<Box<str>>,
    pub(super) queries: Vec<Box<str>>,
    /// Whether a query parameter may stand without `Bearer` before it.
    pub(super) query_bare: bool,
    pub(super) api_keys: Vec<Box<str>>,
    pub(super) schemes: Vec<Box<str>>,
    pub(super) subprotocol: bool,
    /// Empty: credentials in two places are refused.
    pub(super) order: Vec<Source>,
    /// What opaque tokens start with, where a profile looks at that.
    pub(super) prefixes: Vec<Box<str>>,
}

/// Not the name of a cookie, field, parameter or scheme; or one more than a profile can count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a name that a request can carry")]
pub struct NotAName;

impl Profile {
    /// The RFCs, read strictly. `Authorization` alone; whatever else is asked for by name.
    ///
    /// RFC 9110 section 11.4 (any case, 1*SP, token68), RFC 6750, RFC 7617 (canonical base64,
    /// UTF-8, no control characters), RFC 6265 (cookie-octets), RFC 3986 (percent-decoded once,
    /// a bare `+` refused). What stands there twice is refused, and so are credentials in two places.
    /// A cookie whose name others would read as ours, cutting white space that is not ASCII, counts as
    /// one that stands there too.
    #[must_use]
    pub fn strict() -> Self {
        Self::new(System::Strict, &[], &[])
    }

    /// Flipt's client tokens: `Authorization: Bearer`, the cookie `flipt_client_token`.
    ///
    /// The scheme is compared byte by byte, one space is cut and the rest is the token. A field
    /// hides the cookie whatever it holds. As in Flipt the first of several `Authorization`
    /// fields counts, and the first cookie: a browser that was made to send an attacker's cookie
    /// first is logged in as the attacker. One difference: when both `Authorization` and
    /// `Grpc-Metadata-Authorization` are sent, which one Flipt reads changes from request to
    /// request; here that is refused.
    #[must_use]
    pub fn flipt() -> Self {
        Self::new(System::Flipt, &["flipt_client_token"], &[])
    }

    /// Flipt's JWT method: `Authorization: JWT`, never a cookie.
    ///
    /// The text is handed on as it came. Flipt removes white space in it before it verifies;
    /// a JWT with white space is no JWT to a validator of this crate.
    #[must_use]
    pub fn flipt_jwt() -> Self {
        Self::new(System::FliptJwt, &[], &[])
    }

    /// Frontier: the cookie `sid`, `Authorization: Bearer` and `Basic`, `X-User-Token`.
    ///
    /// The cookie wins, then a token, then a pair. A bearer token that is neither a personal
    /// access token (`fpt_`, or of a prefix added by [`token_prefix`](Self::token_prefix)) nor a
    /// JWT that claims an identity and an `exp` to come is passed over in silence, so that
    /// another credential may count. Differences: Frontier tries all cookies of the name and
    /// takes the last that it can decrypt, which can't be known here, so a second one is
    /// refused; a pair that is not UTF-8 is refused.
    #[must_use]
    pub fn frontier() -> Self {
        let mut profile = Self::new(System::Frontier, &["sid"], &[]);
        profile.api_keys = vec!["x-user-token".into()];
        profile.prefixes = vec!["fpt_".into()];
        profile
    }

    /// Frappe: `Authorization: token key:secret`, `Basic`, `Bearer`, `sid` in query or cookie.
    ///
    /// A field that does not have exactly two words is ignored. A readable field wins over the
    /// session; in Frappe the session's user would stay although the key was checked, which
    /// acts for one on the word of another. Further differences, all to the safe side: Frappe's
    /// base64 decoder drops what it does not know, so that the URL-safe spelling of one
    /// credential is read as another; here that is refused. Fields that, joined by a comma,
    /// happen to read as one credential are refused, and so are cookies that are not UTF-8
    /// (Frappe answers those with 500).
    #[must_use]
    pub fn frappe() -> Self {
        Self::new(System::Frappe, &["sid"], &["sid"])
    }

    /// Wispr Flow: `Authorization: Bearer` over HTTP; on a WebSocket the query parameters
    /// `client_key` and `api_key`, with `Bearer%20` or, as it once was, without.
    ///
    /// A token must be a JWT with `client_id` and `token_id`, or start with `fl-` (or with a
    /// prefix added by [`token_prefix`](Self::token_prefix)). The server is closed source: its
    /// rules are inferred, and as inferred the first of several fields and the last of several
    /// parameters counts.
    #[must_use]
    pub fn wispr() -> Self {
        let mut profile = Self::new(System::Wispr, &[], &["client_key", "api_key"]);
        profile.prefixes = vec!["fl-".into()];
        profile.query_bare = true;
        profile
    }

    /// [`wispr`](Self::wispr) on the endpoints for clients: JWTs only, `client_key` only.
    #[must_use]
    pub fn wispr_client() -> Self {
        let mut profile = Self::new(System::Wispr, &[], &["client_key"]);
        profile.query_bare = true;
        profile
    }

    fn new(system: System, cookies: &[&str], queries: &[&str]) -> Self {
        let boxed = |names: &[&str]| names.iter().map(|&name| name.into()).collect();
        Self {
            system,
            only_authorization: system == System::Strict,
            cookies: boxed(cookies),
            queries: boxed(queries),
            query_bare: false,
            api_keys: Vec::new(),
            schemes: Vec::new(),
            subprotocol: false,
            order: Vec::new(),
            prefixes: Vec::new(),
        }
    }

    /// Also reads the cookie of this name.
    ///
    /// # Errors
    /// [`NotAName`] if no cookie can have it.
    pub fn cookie(mut self, name: &str) -> Result<Self, NotAName> {
        add(&mut self.cookies, name, name)?;
        self.only_authorization = false;
        Ok(self)
    }

    /// Also reads the query parameter of this name: `Bearer%20` and the token.
    ///
    /// A credential in a URI ends up in logs (RFC 6750 section 5.3): for WebSockets, where
    /// browsers leave no better way, and with tokens of a short life.
    ///
    /// # Errors
    /// [`NotAName`] if it is empty or would have to be percent-encoded.
    pub fn query(mut self, name: &str) -> Result<Self, NotAName> {
        add(&mut self.queries, name, name)?;
        self.only_authorization = false;
        Ok(self)
    }

    /// Takes query parameters without `Bearer%20` too.
    #[must_use]
    pub const fn query_bare(mut self, allowed: bool) -> Self {
        self.query_bare = allowed;
        self
    }

    /// Also reads the header field of this name, `X-API-Key` say: its value is the token.
    ///
    /// # Errors
    /// [`NotAName`] if no field can have it.
    pub fn api_key_header(mut self, name: &str) -> Result<Self, NotAName> {
        add(&mut self.api_keys, name, &name.to_ascii_lowercase())?;
        self.only_authorization = false;
        Ok(self)
    }

    /// Also serves this scheme in `Authorization`: its token68 is the token. Strict profile only.
    ///
    /// # Errors
    /// [`NotAName`] if it is no scheme's name.
    pub fn scheme(mut self, name: &str) -> Result<Self, NotAName> {
        add(&mut self.schemes, name, name)?;
        Ok(self)
    }

    /// Reads `Sec-WebSocket-Protocol: bearer, <token>` when a WebSocket is opened. Strict profile
    /// only.
    #[must_use]
    pub const fn subprotocol(mut self, allowed: bool) -> Self {
        self.subprotocol = allowed;
        self.only_authorization = false;
        self
    }

    /// With credentials in several places, takes the first of this order instead of refusing the
    /// request; a source that is not named is not looked at. Strict profile only.
    ///
    /// Two credentials in one place are refused all the same.
    #[must_use]
    pub fn prefer(mut self, order: &[Source]) -> Self {
        self.order = order.to_vec();
        self.only_authorization = false;
        self
    }

    /// Also takes opaque tokens that start with this, where a profile looks at the text of a
    /// token: Frontier's and Wispr's.
    ///
    /// # Errors
    /// [`NotAName`] if it can't stand in a header field.
    pub fn token_prefix(mut self, prefix: &str) -> Result<Self, NotAName> {
        add(&mut self.prefixes, prefix, prefix)?;
        Ok(self)
    }

    /// The names of the cookies that are to be cleared when a login by cookie fails: those it reads,
    /// then those that its system has beside them (`flipt_client_state`, of Flipt's OAuth logins).
    pub fn cookies(&self) -> impl Iterator<Item = &str> {
        let beside = match self.system {
            System::Flipt => &["flipt_client_state"][..],
            _ => &[],
        };
        self.cookies
            .iter()
            .map(|name| &**name)
            .chain(beside.iter().copied())
    }

    /// The names, in lower case, of the header fields whose value is a token.
    pub fn api_key_headers(&self) -> impl Iterator<Item = &str> {
        self.api_keys.iter().map(|name| &**name)
    }

    /// Whether a credential may stand elsewhere than in a header field.
    pub(super) fn looks_beyond_fields(&self) -> bool {
        !self.cookies.is_empty() || !self.queries.is_empty() || self.subprotocol
    }
}

/// Adds a name, kept as `kept`; no request can have a name that is not a token, so one is refused
/// here rather than never found.
fn add(names: &mut Vec<Box<str>>, name: &str, kept: &str) -> Result<(), NotAName> {
    if !is_token(name.as_bytes()) || name.contains('%') || names.len() >= usize::from(u8::MAX) {
        return Err(NotAName);
    }
    names.push(kept.into());
    Ok(())
}
