//! Which bytes belong to which grammar: one table for all of them, and nothing of ours.

/// `token68` without its padding: ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/".
pub(super) const TOKEN68: u8 = 1;
/// `tchar` of RFC 9110 section 5.6.2, of which schemes, field names and cookie names are made.
pub(super) const TCHAR: u8 = 1 << 1;
/// `cookie-octet` of RFC 6265 section 4.1.1.
pub(super) const COOKIE: u8 = 1 << 2;
/// What may stand in a key or a secret of the `token` scheme: visible ASCII but for the colon
/// that separates them, the comma by which proxies join fields, quotes and backslashes.
pub(super) const PAIR: u8 = 1 << 3;
/// The URL-safe alphabet of base64, of which compact JWTs are made.
pub(super) const BASE64URL: u8 = 1 << 4;
/// Control bytes that may not stand in a field value: CTL but for HTAB (RFC 9110 section 5.5).
pub(super) const CONTROL: u8 = 1 << 5;
/// SP and visible ASCII.
pub(super) const PRINTABLE: u8 = 1 << 6;

static CLASS: [u8; 256] = table();

const fn table() -> [u8; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = class_of(i as u8);
        i += 1;
    }
    table
}

const fn class_of(b: u8) -> u8 {
    let mut class = 0;
    let alphanumeric = b.is_ascii_alphanumeric();
    if alphanumeric || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/') {
        class |= TOKEN68;
    }
    if alphanumeric
        || matches!(
            b,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.'
        )
        || matches!(b, b'^' | b'_' | b'`' | b'|' | b'~')
    {
        class |= TCHAR;
    }
    if b.is_ascii_graphic() && !matches!(b, b'"' | b',' | b';' | b'\\') {
        class |= COOKIE;
    }
    if b.is_ascii_graphic() && !matches!(b, b'"' | b',' | b':' | b'\\') {
        class |= PAIR;
    }
    if alphanumeric || matches!(b, b'-' | b'_') {
        class |= BASE64URL;
    }
    if b.is_ascii_control() && b != b'\t' {
        class |= CONTROL;
    }
    if b.is_ascii_graphic() || b == b' ' {
        class |= PRINTABLE;
    }
    class
}

/// Whether every byte is of `class`. Reads to the end whatever it finds: without a branch a byte,
/// a good value of 44 bytes takes half the time.
#[inline]
pub(super) fn all(bytes: &[u8], class: u8) -> bool {
    bytes
        .iter()
        .fold(class, |left, &b| left & CLASS[usize::from(b)])
        != 0
}

/// Whether any byte is of `class`.
#[inline]
pub(super) fn any(bytes: &[u8], class: u8) -> bool {
    bytes
        .iter()
        .fold(0, |seen, &b| seen | CLASS[usize::from(b)])
        & class
        != 0
}

/// `token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
#[inline]
pub(super) fn is_token68(bytes: &[u8]) -> bool {
    let mut end = bytes.len();
    while end > 0 && bytes[end - 1] == b'=' {
        end -= 1;
    }
    end > 0 && all(&bytes[..end], TOKEN68)
}

/// `token = 1*tchar`
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && all(bytes, TCHAR)
}

/// Cuts the optional white space (SP / HTAB) around a field value, which is no part of it
/// (RFC 9110 section 5.5).
#[inline]
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Splits at the first `at`, which belongs to neither side.
pub(super) fn cut(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let i = bytes.iter().position(|&b| b == at)?;
    Some((&bytes[..i], &bytes[i + 1..]))
}

/// Splits at the one `at`; none, or a second one, is no split.
pub(super) fn cut_once(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    cut(bytes, at).filter(|(_, rest)| !rest.contains(&at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(class: u8) -> String {
        (0..=255u8)
            .filter(|b| all(&[*b], class))
            .map(char::from)
            .collect()
    }

    #[test]
    fn classes_are_those_of_the_rfcs() {
        let alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let sorted = |more: &str| {
            let mut all: Vec<char> = alphanumeric.chars().chain(more.chars()).collect();
            all.sort_unstable();
            all.into_iter().collect::<String>()
        };
        assert_eq!(members(TOKEN68), sorted("-._~+/"));
        assert_eq!(members(TCHAR), sorted("!#$%&'*+-.^_`|~"));
        assert_eq!(members(COOKIE), sorted("!#$%&'()*+-./:<=>?@[]^_`{|}~"));
        assert_eq!(members(BASE64URL), sorted("-_"));
        assert_eq!(members(CONTROL).len(), 32);
    }

    #[test]
    fn token68_has_padding_at_its_end_only() {
        for good in ["a", "a=", "a==========", "-._~+/", "0"] {
            assert!(is_token68(good.as_bytes()), "{good}");
        }
        for bad in [
            "", "=", "==", "a=b", "a b", "a,b", "a\tb", "a%3D", "\u{e9}", "a:b", "\"a\"",
        ] {
            assert!(!is_token68(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn only_sp_and_htab_are_trimmed() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
        assert_eq!(trim(b"\x0ba\r\n"), b"\x0ba\r\n");
        assert_eq!(trim("\u{a0}a".as_bytes()), "\u{a0}a".as_bytes());
    }
}
