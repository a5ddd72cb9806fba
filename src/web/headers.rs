//! The `http` crate's request as the credential grammars want it: fields, query, transport. Copies
//! nothing.

use http::header::{
    AUTHORIZATION, CONTENT_TYPE, COOKIE, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Uri};

use crate::credential::{Headers, Request, Transport};

impl Headers for HeaderMap {
    fn values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        // The names of almost every look-up, without parsing them.
        let all = match name {
            "authorization" => self.get_all(AUTHORIZATION),
            "cookie" => self.get_all(COOKIE),
            _ => self.get_all(name),
        };
        all.into_iter().map(HeaderValue::as_bytes)
    }
}

/// The parts of this request that may carry a credential, for
/// [`Profile::find`](crate::credential::Profile::find) and
/// [`Validator::validate_request`](crate::Validator::validate_request): what a
/// [`Guard`](super::Guard) looks at.
///
/// ```
/// use hallpass::credential::{Credential, Profile, Scratch};
///
/// let sent = http::Request::get("/").header("authorization", "Bearer hp_x").body(())?;
/// let request = hallpass::web::request(sent.method(), sent.uri(), sent.headers());
/// let mut scratch = Scratch::new();
/// let found = Profile::strict().find(&request, &mut scratch)?;
/// let Credential::Token { text, .. } = found else { unreachable!() };
/// assert_eq!(text, b"hp_x");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn request<'r>(
    method: &Method,
    uri: &'r Uri,
    headers: &'r HeaderMap,
) -> Request<'r, HeaderMap> {
    request_by(transport(method, headers), uri, headers)
}

pub(super) fn request_by<'r>(
    transport: Transport,
    uri: &'r Uri,
    headers: &'r HeaderMap,
) -> Request<'r, HeaderMap> {
    let request = Request::new(headers).transport(transport);
    match uri.query() {
        Some(query) => request.query(query),
        None => request,
    }
}

/// How this request came: gRPC by its content type, a WebSocket by its `Upgrade` (RFC 6455 section
/// 4.1) or, over HTTP/2, by `CONNECT` with a version of the protocol (RFC 8441 section 5).
pub(super) fn transport(method: &Method, headers: &HeaderMap) -> Transport {
    if Wire::of(headers) != Wire::Http {
        Transport::Grpc
    } else if upgrades_to_websocket(headers)
        || (method == Method::CONNECT && headers.contains_key(SEC_WEBSOCKET_VERSION))
    {
        Transport::WebSocket
    } else {
        Transport::Http
    }
}

fn upgrades_to_websocket(headers: &HeaderMap) -> bool {
    let is_websocket = |item: &[u8]| item.trim_ascii().eq_ignore_ascii_case(b"websocket");
    let lines = headers.get_all(UPGRADE).into_iter();
    lines.map(HeaderValue::as_bytes).any(|line| {
        let mut items = line.split(|&b| b == b',');
        items.any(is_websocket)
    })
}

/// Whether anything at all says that this may open a WebSocket: for the check that must not be
/// talked out of it.
pub(super) fn may_open_websocket(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::CONNECT
        || [UPGRADE, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION]
            .iter()
            .any(|name| headers.contains_key(name))
}

/// In which protocol the answer is to be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Http,
    Grpc,
    GrpcWeb,
    GrpcWebText,
}

impl Wire {
    /// By the request's `Content-Type`.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(CONTENT_TYPE) else {
            return Self::Http;
        };
        let Some(rest) = value.as_bytes().strip_prefix(b"application/grpc") else {
            return Self::Http;
        };
        match rest {
            [] | [b'+' | b';', ..] => Self::Grpc,
            [b'-', b'w', b'e', b'b', b'-', b't', b'e', b'x', b't', ..] => Self::GrpcWebText,
            [b'-', b'w', b'e', b'b', ..] => Self::GrpcWeb,
            _ => Self::Http,
        }
    }

    /// The `Content-Type` of a gRPC answer.
    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Http | Self::Grpc => "application/grpc",
            Self::GrpcWeb => "application/grpc-web+proto",
            Self::GrpcWebText => "application/grpc-web-text+proto",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.append(name, HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn transports_are_told_apart() {
        let of = |method: Method, name, value| transport(&method, &with(name, value));
        for upgrade in ["websocket", "WebSocket", "h2c, websocket", "WEBSOCKET , x"] {
            assert_eq!(of(Method::GET, "upgrade", upgrade), Transport::WebSocket);
        }
        for upgrade in ["", "websockets", "web socket", "h2c"] {
            assert_eq!(of(Method::GET, "upgrade", upgrade), Transport::Http);
        }
        let version = "sec-websocket-version";
        assert_eq!(of(Method::CONNECT, version, "13"), Transport::WebSocket);
        assert_eq!(of(Method::GET, version, "13"), Transport::Http);
        for kind in [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc-web",
        ] {
            assert_eq!(of(Method::POST, "content-type", kind), Transport::Grpc);
        }
        for kind in [
            "application/json",
            "application/grpcish",
            "text/application/grpc",
        ] {
            assert_eq!(of(Method::POST, "content-type", kind), Transport::Http);
        }
    }

    #[test]
    fn every_value_of_a_name_is_seen_and_no_name_panics() {
        let mut headers = with("authorization", "Bearer a");
        headers.append("authorization", HeaderValue::from_static("Bearer b"));
        headers.append("x-api-key", HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(Headers::values(&headers, "authorization").count(), 2);
        assert_eq!(
            Headers::values(&headers, "x-api-key").next(),
            Some(&b"\xff"[..])
        );
        for name in ["", "a b", "\u{e9}", "\0", "x\r\ny"] {
            assert_eq!(Headers::values(&headers, name).count(), 0);
        }
    }
}
