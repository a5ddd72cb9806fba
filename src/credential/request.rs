//! The parts of a request that may carry a credential, borrowed from whoever parsed it; knows no
//! grammar and owns nothing.

use std::fmt;

use super::source::Transport;

/// Header fields, or gRPC metadata: all values of a name, without allocating.
///
/// Several fields of one name must be told apart, since two `Authorization` fields are refused:
/// never implement this by joining them.
pub trait Headers {
    /// The values of every field called `name`, in order and as they came.
    ///
    /// `name` is in lower case; names are compared without regard to ASCII case.
    fn values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]>;
}

/// Pairs of name and value in the order of the wire.
impl<N: AsRef<[u8]>, V: AsRef<[u8]>> Headers for [(N, V)] {
    fn values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        let name = name.as_bytes();
        // HTTP/2 and most parsers have names in lower case, and comparing without regard to it
        // takes three times as long.
        let is = move |sent: &[u8]| sent == name || sent.eq_ignore_ascii_case(name);
        self.iter()
            .filter(move |(sent, _)| is(sent.as_ref()))
            .map(|(_, value)| value.as_ref())
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>, const LEN: usize> Headers for [(N, V); LEN] {
    fn values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        self.as_slice().values(name)
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> Headers for Vec<(N, V)> {
    fn values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        self.as_slice().values(name)
    }
}

impl<H: Headers + ?Sized> Headers for &H {
    fn values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        (**self).values(name)
    }
}

/// The value of the one `Authorization` field, for those who have looked it up already: a request
/// with this field and nothing else in it.
///
/// That there is no second one is the caller's to know: [`Profile::find`](super::Profile::find)
/// refuses a request with two, and sees only one here.
///
/// ```
/// use hallpass::credential::{AuthorizationValue, Credential, Profile, Request, Scratch};
///
/// let field = AuthorizationValue(b"Bearer hp_x");
/// let mut scratch = Scratch::new();
/// let found = Profile::strict().find(&Request::new(&field), &mut scratch)?;
/// let Credential::Token { text, .. } = found else { unreachable!() };
/// assert_eq!(text, b"hp_x");
/// # Ok::<_, hallpass::Inactive>(())
/// ```
#[derive(Clone, Copy)]
pub struct AuthorizationValue<'v>(pub &'v [u8]);

impl Headers for AuthorizationValue<'_> {
    #[inline]
    fn values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        (name == "authorization").then_some(self.0).into_iter()
    }
}

/// Shows nothing of the value, which holds a secret.
impl fmt::Debug for AuthorizationValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationValue").finish_non_exhaustive()
    }
}

/// What [`Profile::find`](super::Profile::find) looks for a credential in.
///
/// ```
/// use hallpass::credential::{Request, Transport};
///
/// let headers = [("Authorization", "Bearer hp_x")];
/// let request = Request::new(&headers).query("page=2").transport(Transport::WebSocket);
/// ```
pub struct Request<'a, H: ?Sized> {
    pub(super) headers: &'a H,
    pub(super) query: Option<&'a [u8]>,
    pub(super) transport: Transport,
    pub(super) now_secs: u64,
}

impl<'a, H: Headers + ?Sized> Request<'a, H> {
    /// An HTTP request without a query.
    #[must_use]
    pub const fn new(headers: &'a H) -> Self {
        Self {
            headers,
            query: None,
            transport: Transport::Http,
            now_secs: 0,
        }
    }

    /// The query as it came: neither decoded nor parsed.
    #[must_use]
    pub fn query(mut self, query: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.query = Some(query.as_ref());
        self
    }

    /// How the request came.
    #[must_use]
    pub const fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// The time, in seconds since 1970. Only the Frontier profile asks for it: it passes over a
    /// bearer token that says of itself that it has expired. Without a time, none has.
    #[must_use]
    pub const fn at(mut self, now_secs: u64) -> Self {
        self.now_secs = now_secs;
        self
    }
}

impl<H: ?Sized> Clone for Request<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: ?Sized> Copy for Request<'_, H> {}

/// Shows neither fields nor query: both hold secrets.
impl<H: ?Sized> fmt::Debug for Request<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_leak_request() {
        let headers = [("authorization", "Bearer hunter2")];
        let request = Request::new(&headers).query("client_key=hunter2");
        assert!(!format!("{request:?}").contains("hunter2"));
        let alone = AuthorizationValue(b"Bearer hunter2");
        assert_eq!(format!("{alone:?}"), "AuthorizationValue { .. }");
    }

    #[test]
    fn names_are_compared_without_case_and_values_kept_apart() {
        let headers = [("COOKIE", "a"), ("x", "b"), ("cookie", "c")];
        let values: Vec<_> = headers.values("cookie").collect();
        assert_eq!(values, [b"a", b"c"]);
        assert!(Headers::values(&&headers, "cookie").eq([b"a", b"c"]));
        let alone = AuthorizationValue(b"Bearer x");
        assert!(alone.values("authorization").eq([b"Bearer x"]));
        assert_eq!(alone.values("cookie").count(), 0);
    }
}
