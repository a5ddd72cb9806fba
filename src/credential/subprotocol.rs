//! `Sec-WebSocket-Protocol: bearer, <token>`: how a browser, which can't set `Authorization` on a
//! WebSocket, sends a token outside of the URI.
//!
//! ```text
//! Sec-WebSocket-Protocol = 1#token       ; RFC 6455 section 11.3.4
//! ```
//! The server must answer with another protocol of the list, or with `bearer`, never the token.

use super::bytes::{is_token, is_token68, trim};

/// What a list of subprotocols holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offer<'r> {
    /// No credential: the list does not start with `bearer`.
    None,
    Token(&'r [u8]),
    /// `bearer` without a token, or given again.
    Malformed,
}

/// Reads the token behind `bearer`; ordinary protocols may follow it.
///
/// A token must be both a subprotocol (`tchar`, so no `/`, no `=`) and a token68, which base62,
/// base64url without padding and compact JWTs are.
pub(super) fn read<'r>(lines: impl Iterator<Item = &'r [u8]>) -> Offer<'r> {
    let mut items = lines.flat_map(|line| line.split(|&b| b == b',')).map(trim);
    let is_bearer = |item: &[u8]| item.eq_ignore_ascii_case(b"bearer");
    if !items.next().is_some_and(is_bearer) {
        return Offer::None;
    }
    match items.next() {
        Some(token) if is_token(token) && is_token68(token) && !items.any(is_bearer) => {
            Offer::Token(token)
        }
        _ => Offer::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &'static [&'static str]) -> Offer<'static> {
        read(lines.iter().map(|line| line.as_bytes()))
    }

    #[test]
    fn the_token_follows_bearer() {
        assert_eq!(of(&["bearer, hp_x"]), Offer::Token(b"hp_x"));
        assert_eq!(of(&["Bearer", "a.b.c", "chat"]), Offer::Token(b"a.b.c"));
    }

    #[test]
    fn other_lists_carry_no_credential() {
        for lines in [&["chat, bearer, x"][..], &["bearerx, y"], &[""], &[]] {
            assert_eq!(of(lines), Offer::None);
        }
    }

    #[test]
    fn bearer_without_one_token_is_malformed() {
        for lines in [
            &["bearer"][..],
            &["bearer,"],
            &["bearer, a b"],
            &["bearer, a="],
            &["bearer, x, bearer, y"],
            &["bearer, \u{e9}"],
        ] {
            assert_eq!(of(lines), Offer::Malformed, "{lines:?}");
        }
    }
}
