//! The subprotocol that a server must name when a WebSocket was opened by way of `bearer, <token>`.

use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderMap, HeaderValue};

/// What to answer in `Sec-WebSocket-Protocol` to a request with `bearer, <token>` in it: the word
/// `bearer` as the client wrote it, never the token. `None` if the request names no such protocol.
///
/// A browser closes the connection with 1002 if none of its protocols is named (RFC 6455 section
/// 4.1). A [`Guard`](super::Guard) in a `tower` stack does this by itself, unless the service chose
/// a protocol.
#[must_use]
pub fn protocol_to_echo(headers: &HeaderMap) -> Option<HeaderValue> {
    let first = headers.get(SEC_WEBSOCKET_PROTOCOL)?.as_bytes();
    let word = first.split(|&b| b == b',').next()?.trim_ascii();
    match word {
        b"bearer" => Some(HeaderValue::from_static("bearer")),
        _ if word.eq_ignore_ascii_case(b"bearer") => HeaderValue::from_bytes(word).ok(),
        _ => None,
    }
}
