//! Cookies (RFC 6265 section 4.2): finding one by name in the `Cookie` fields of a request.
//!
//! ```text
//! cookie-string = cookie-pair *( ";" SP cookie-pair )
//! cookie-pair   = cookie-name "=" cookie-value
//! cookie-value  = *cookie-octet / ( DQUOTE *cookie-octet DQUOTE )
//! ```
//! There is no mode in which quotes or a `$Version` change where a cookie ends: servers that have
//! one can be made to hide a cookie in another ("cookie sandwich").

use super::bytes::{COOKIE, PRINTABLE, TCHAR, all, cut, trim};
use super::limits::{COOKIE_BYTES_MAX, COOKIE_PAIRS_MAX};

/// The cookies of one field, in order; what is not `name=value` is passed over, as RFC 6265bis
/// gives such a cookie no name.
pub(super) fn pairs(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    line.split(|&b| b == b';')
        .filter_map(|pair| cut(pair, b'='))
        .map(|(name, value)| (trim(name), trim(value)))
}

/// The name that others may read: Django and the crate `cookie`, say, cut Unicode's white space
/// around it, and browsers send a cookie whose name begins so under prefixes such as `__Host-` too.
/// Octets beyond ASCII and spaces go from its ends, since that white space is among them.
pub(super) fn name_to_others(name: &[u8]) -> &[u8] {
    let is_cut = |b: &u8| !b.is_ascii() || matches!(b, b' ' | b'\t');
    let start = name.iter().position(|b| !is_cut(b));
    let end = name.iter().rposition(|b| !is_cut(b));
    start
        .zip(end)
        .map_or(&[], |(start, end)| &name[start..=end])
}

/// Whether all fields together stay within the limits, which is asked before they are read.
pub(super) fn fit<'r>(lines: impl Iterator<Item = &'r [u8]>) -> bool {
    let (mut bytes, mut cookies) = (0, 0);
    for line in lines {
        bytes += line.len();
        if bytes > COOKIE_BYTES_MAX {
            return false;
        }
        // Empty pairs are separators that somebody was generous with, not cookies.
        cookies += line
            .split(|&b| b == b';')
            .filter(|pair| !trim(pair).is_empty())
            .count();
        if cookies > COOKIE_PAIRS_MAX {
            return false;
        }
    }
    true
}

/// The text of a strict cookie-value: without its pair of quotes, never empty.
///
/// The quotes belong to the grammar, not to the value. Nothing is decoded.
pub(super) fn strict(value: &[u8]) -> Option<&[u8]> {
    let text = unquoted(value);
    (!text.is_empty() && all(text, COOKIE)).then_some(text)
}

/// The text of a cookie-value by the rules of Go's `net/http`, which Flipt and Frontier use:
/// printable ASCII without quotes, semicolons and backslashes; may be empty, may start with a
/// space that follows the equals sign.
pub(super) fn go(value: &[u8]) -> Option<&[u8]> {
    let text = unquoted(value);
    let legal = all(text, PRINTABLE) && !text.iter().any(|b| matches!(b, b'"' | b'\\'));
    legal.then_some(text)
}

/// The cookies of one field by the rules of Go's `net/http`: white space is cut around the pair
/// and the name, not behind the equals sign, and a name without one has an empty value.
pub(super) fn go_pairs(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    line.split(|&b| b == b';')
        .map(trim)
        .map(|pair| cut(pair, b'=').unwrap_or((pair, b"")))
        .map(|(name, value)| (trim(name), value))
        .filter(|(name, _)| !name.is_empty() && all(name, TCHAR))
}

fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', text @ .., b'"'] => text,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named<'l>(line: &'l str, name: &str) -> Vec<&'l str> {
        pairs(line.as_bytes())
            .filter(|(n, _)| *n == name.as_bytes())
            .filter_map(|(_, value)| std::str::from_utf8(value).ok())
            .collect()
    }

    #[test]
    fn names_are_compared_whole_and_with_their_case() {
        let line = "xt=1; t=2; tx=3; T=4;t =5; t; =t; t=6=7";
        assert_eq!(named(line, "t"), ["2", "5", "6=7"]);
    }

    #[test]
    fn quotes_do_not_hide_separators() {
        assert_eq!(named("a=\"x; t=1; b=y\"", "t"), ["1"]);
        assert_eq!(named("$Version=1; t=1; $Path=/", "t"), ["1"]);
    }

    #[test]
    fn a_strict_value_is_cookie_octets() {
        assert_eq!(strict(b"a%3Db=="), Some(&b"a%3Db=="[..]));
        assert_eq!(strict(b"\"ab\""), Some(&b"ab"[..]));
        for bad in [
            "",
            "\"",
            "\"\"",
            "\"a",
            "a\"",
            "a b",
            "a,b",
            "a\\b",
            "a\tb",
            "a\x01b",
            "\u{e9}",
            "\"\"a\"\"",
        ] {
            assert_eq!(strict(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn go_reads_spaces_and_empty_values() {
        let got: Vec<_> = go_pairs(b" t = a b ;; t; b\x01=c; t=").collect();
        let want: [(&[u8], &[u8]); 3] = [(b"t", b" a b"), (b"t", b""), (b"t", b"")];
        assert_eq!(got, want);
        assert_eq!(go(b" a b"), Some(&b" a b"[..]));
        assert_eq!(go(b""), Some(&b""[..]));
        for bad in ["\"a", "a\\b", "\u{e9}", "a\tb"] {
            assert_eq!(go(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn too_many_cookies_do_not_fit() {
        let line = |n: usize| "a=1; ".repeat(n);
        let fits = |text: &str| fit(std::iter::once(text.as_bytes()));
        assert!(fits(line(COOKIE_PAIRS_MAX).as_str()));
        assert!(!fits(line(COOKIE_PAIRS_MAX + 1).as_str()));
        assert!(fits(&";".repeat(1000)));
        assert!(!fits(&";".repeat(COOKIE_BYTES_MAX + 1)));
    }
}
