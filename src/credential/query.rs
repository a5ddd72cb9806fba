//! The query of a URI (RFC 3986 section 3.4): finding a parameter by name, percent-decoding once.

use super::scratch::{Full, Part, Scratch};

/// How a query is written down.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// RFC 3986: `+` is a plus, and a percent sign is followed by two hexadecimal digits.
    Uri,
    /// application/x-www-form-urlencoded as Python's `parse_qsl` reads it: `+` is a space, a
    /// percent sign without two digits stands for itself.
    Form,
    /// Python's `unquote`, which Frappe reads a cookie with: as [`Form`](Self::Form), but `+` is a
    /// plus.
    Unquote,
}

/// A percent sign that is not followed by two hexadecimal digits, or more than the scratch holds.
#[derive(Debug)]
pub(super) struct BadEscape;

impl From<Full> for BadEscape {
    fn from(_: Full) -> Self {
        Self
    }
}

/// The parameters of a query, encoded as they came. One leading `?` is not part of the query.
pub(super) fn pairs(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    query
        .strip_prefix(b"?")
        .unwrap_or(query)
        .split(|&b| b == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| super::bytes::cut(pair, b'=').unwrap_or((pair, b"")))
}

/// Whether a parameter's name reads `name` once it is decoded, which takes no space at all.
///
/// A name with a bad escape is another name: no decoder turns it into ours.
pub(super) fn is_named(encoded: &[u8], name: &[u8], dialect: Dialect) -> bool {
    let mut decoded = bytes(encoded, dialect);
    name.iter()
        .all(|b| matches!(decoded.next(), Some(Some(c)) if c == *b))
        && decoded.next().is_none()
}

/// Decodes a value, once: into the scratch if anything in it is encoded.
pub(super) fn decode<'r>(
    encoded: &'r [u8],
    dialect: Dialect,
    scratch: &mut Scratch,
) -> Result<Part<'r>, BadEscape> {
    let plain = |b: &u8| *b != b'%' && (*b != b'+' || dialect != Dialect::Form);
    if encoded.iter().all(plain) {
        return Ok(Part::Sent(encoded));
    }
    scratch.clear();
    for byte in bytes(encoded, dialect) {
        scratch.push(byte.ok_or(BadEscape)?)?;
    }
    Ok(Part::decoded(0..scratch.len()))
}

/// The decoded bytes; `None` among them stands for a bad escape.
fn bytes(encoded: &[u8], dialect: Dialect) -> impl Iterator<Item = Option<u8>> {
    let mut rest = encoded.iter();
    std::iter::from_fn(move || {
        let &b = rest.next()?;
        Some(match b {
            b'+' if dialect == Dialect::Form => Some(b' '),
            b'%' => match rest.as_slice() {
                [high, low, more @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    rest = more.iter();
                    Some(nibble(*high) << 4 | nibble(*low))
                }
                _ if dialect != Dialect::Uri => Some(b'%'),
                _ => None,
            },
            b => Some(b),
        })
    })
}

/// The value of a hexadecimal digit.
const fn nibble(digit: u8) -> u8 {
    // Letters have bit 6 set, and their low four bits count from 1.
    (digit & 0x0F) + 9 * (digit >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(encoded: &str, dialect: Dialect) -> Option<String> {
        let mut scratch = Scratch::new();
        let part = decode(encoded.as_bytes(), dialect, &mut scratch).ok()?;
        Some(String::from_utf8_lossy(part.resolve(&scratch)).into_owned())
    }

    #[test]
    fn a_value_is_decoded_once() {
        assert_eq!(
            decoded("Bearer%20x", Dialect::Uri).as_deref(),
            Some("Bearer x")
        );
        assert_eq!(decoded("%2520", Dialect::Uri).as_deref(), Some("%20"));
        assert_eq!(
            decoded("%4a%4A%c3%A9", Dialect::Uri).as_deref(),
            Some("JJ\u{e9}")
        );
    }

    #[test]
    fn plus_is_a_space_in_forms_only() {
        assert_eq!(decoded("a+b", Dialect::Uri).as_deref(), Some("a+b"));
        for plus in [Dialect::Uri, Dialect::Unquote] {
            assert_eq!(decoded("a+%62", plus).as_deref(), Some("a+b"));
        }
        assert_eq!(decoded("+", Dialect::Form).as_deref(), Some(" "));
        assert_eq!(decoded("a+b", Dialect::Form).as_deref(), Some("a b"));
        assert_eq!(decoded("a+b%2B", Dialect::Form).as_deref(), Some("a b+"));
    }

    #[test]
    fn bad_escapes_are_refused() {
        for bad in ["%", "%2", "a%zz", "%2g", "%%20", "% 20", "%u0041"] {
            assert_eq!(decoded(bad, Dialect::Uri), None, "{bad}");
            assert!(decoded(bad, Dialect::Form).is_some(), "{bad}");
        }
    }

    #[test]
    fn names_are_compared_decoded() {
        for (encoded, same) in [
            ("client_key", true),
            ("client%5Fkey", true),
            ("%63lient_key", true),
            ("client_key%00", false),
            ("client_key[]", false),
            ("client%255Fkey", false),
            ("client%5key", false),
            ("Client_key", false),
            ("client_ke", false),
            ("", false),
        ] {
            assert_eq!(
                is_named(encoded.as_bytes(), b"client_key", Dialect::Uri),
                same,
                "{encoded}"
            );
        }
    }

    #[test]
    fn one_question_mark_is_skipped() {
        let names = |q: &'static str| pairs(q.as_bytes()).map(|(n, _)| n).collect::<Vec<_>>();
        assert_eq!(names("?a=1&&b&c=2=3"), [&b"a"[..], b"b", b"c"]);
        assert_eq!(names("??a=1"), [&b"?a"[..]]);
    }
}
