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
/// SP and visible ASCII.
pub(super) const PRINTABLE: u8 = 1 << 5;

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
    if b.is_ascii_graphic() || b == b' ' {
        class |= PRINTABLE;
    }
    class
}

/// Whether every byte is of `class`. Reads to the end whatever it finds, without a branch a byte.
#[inline]
pub(super) fn all(bytes: &[u8], class: u8) -> bool {
    bytes
        .iter()
        .fold(class, |left, &b| left & CLASS[usize::from(b)])
        != 0
}

/// Whether there is a control byte, none of which may stand in a field value but for HTAB (RFC 9110
/// section 5.5).
#[inline]
pub(super) fn has_control(bytes: &[u8]) -> bool {
    !every_lane(bytes, |b| (b >= b' ' || b == b'\t') & (b != 0x7F))
}

/// Whether all is UTF-8 and there is no control character, not even HTAB (RFC 7617 section 2).
#[inline]
pub(super) fn is_text(bytes: &[u8]) -> bool {
    is_printable(bytes) || is_text_beyond_ascii(bytes)
}

/// SP and visible ASCII, told by one signed comparison: DEL and what is above it wrap around.
#[inline]
fn is_printable(bytes: &[u8]) -> bool {
    every_lane(bytes, |b| b.wrapping_add(1).cast_signed() > 0x20)
}

#[cold]
fn is_text_beyond_ascii(bytes: &[u8]) -> bool {
    every_lane(bytes, |b| (b >= b' ') & (b != 0x7F)) && std::str::from_utf8(bytes).is_ok()
}

/// `token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
///
/// Reckoned rather than looked up in [`CLASS`]: 44 bytes take 3 ns in place of 15.
#[inline]
pub(super) fn is_token68(bytes: &[u8]) -> bool {
    let mut end = bytes.len();
    while end > 0 && bytes[end - 1] == b'=' {
        end -= 1;
    }
    end > 0 && is_token68_body(&bytes[..end])
}

#[inline]
fn is_token68_body(bytes: &[u8]) -> bool {
    let legal = |b: u8| {
        // Each run is shifted to the end of what is positive, where one signed comparison tells
        // it from the rest: SSE2 has no unsigned one.
        let letter = (b | 0x20).wrapping_add(127 - b'z').cast_signed() > 127 - 26;
        // "+", ",", "-", ".", "/" and the digits stand in a row.
        let row = b.wrapping_add(127 - b'9').cast_signed() > 127 - 15;
        letter | (row & (b != b',')) | (b == b'_') | (b == b'~')
    };
    let Some(last) = bytes.last_chunk::<LANES>() else {
        return bytes.iter().fold(true, |left, &b| left & legal(b));
    };
    // As in `every_lane`, but the lanes are kept apart to the end: 3.1 ns in place of 3.8, where
    // the simpler tests there take four times as long in this form.
    let mut left = [true; LANES];
    let mut take = |chunk: &[u8; LANES]| {
        for (left, &b) in left.iter_mut().zip(chunk) {
            *left &= legal(b);
        }
    };
    take(last);
    for chunk in bytes.as_chunks::<LANES>().0 {
        take(chunk);
    }
    left == [true; LANES]
}

const LANES: usize = 16;

/// Whether `legal` holds for every byte: sixteen at a time, which the compiler makes vector
/// instructions of as long as `legal` does not branch. The last sixteen overlap those before
/// them, so that only a text of less than sixteen bytes is read byte by byte, and most are over
/// before there is anything to repeat.
#[inline(always)]
fn every_lane(bytes: &[u8], legal: impl Fn(u8) -> bool) -> bool {
    let (Some(first), Some(last)) = (bytes.first_chunk::<LANES>(), bytes.last_chunk()) else {
        return bytes.iter().fold(true, |left, &b| left & legal(b));
    };
    let all = |chunk: &[u8; LANES]| chunk.iter().fold(true, |left, &b| left & legal(b));
    let mut left = all(first) & all(last);
    for chunk in bytes[LANES..].as_chunks::<LANES>().0 {
        left &= all(chunk);
    }
    left
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

/// Where the first `wanted` stands. Sixteen bytes are asked at once whether it is among them; then the
/// usual trick finds a zero byte in a word, of which only the lowest is certain, which is the first.
#[inline(always)]
pub(super) fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let in_word = |word: &[u8; 8]| {
        let x = u64::from_le_bytes(*word) ^ (ONES * wanted as u64);
        let zeros = x.wrapping_sub(ONES) & !x & (ONES << 7);
        (zeros != 0).then(|| zeros.trailing_zeros() as usize / 8)
    };
    let (chunks, rest) = bytes.as_chunks::<LANES>();
    for (i, chunk) in chunks.iter().enumerate() {
        if chunk.iter().fold(false, |any, &b| any | (b == wanted)) {
            let (low, high) = (chunk.first_chunk()?, chunk.last_chunk()?);
            let at = in_word(low).or_else(|| in_word(high).map(|at| 8 + at))?;
            return Some(LANES * i + at);
        }
    }
    let i = rest.iter().position(|&b| b == wanted)?;
    Some(LANES * chunks.len() + i)
}

/// Splits at the first `at`, which belongs to neither side.
pub(super) fn cut(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let i = position(bytes, at)?;
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
        for b in 0..=255u8 {
            assert_eq!(has_control(&[b]), (b < 32 && b != 9) || b == 127, "{b}");
            assert_eq!(is_token68(&[b]), all(&[b], TOKEN68), "{b}");
            assert_eq!(is_text(&[b]), all(&[b], PRINTABLE), "{b}");
        }
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
    fn a_byte_counts_wherever_it_stands() {
        for len in 1..70 {
            for at in 0..len {
                let mut text = vec![b'a'; len];
                text[at] = b':';
                assert!(!is_token68(&text) && !has_control(&text));
                assert_eq!(position(&text, b':'), Some(at));
                text[at] = 0;
                assert!(!is_token68(&text) && has_control(&text));
                assert_eq!(position(&text, b':'), None);
                text[(at + 1) % len] = 0;
                assert!(!is_token68(&text) && has_control(&text));
            }
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
