//! A look into the payload of a JWT whose signature nobody has checked: enough to tell a JWT from
//! other text, as two systems' parsers do, and never a reason to believe a word of it.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::bytes::{BASE64URL, all};
use super::scratch::Scratch;

/// What an unverified payload claims. Ranges point into the text that was scanned.
#[derive(Debug, Default, PartialEq)]
pub(super) struct UnverifiedClaims {
    /// `jti` is a string that is not empty.
    pub(super) has_jti: bool,
    /// `exp`, in seconds since 1970.
    pub(super) exp: Option<f64>,
    /// `client_id`, a string.
    pub(super) client_id: Option<Range<usize>>,
    /// `token_id` is a string that is not empty.
    pub(super) has_token_id: bool,
}

impl UnverifiedClaims {
    /// What makes Frontier look at a bearer token at all.
    pub(super) fn is_current(&self, now_secs: u64) -> bool {
        // Past 2^53 seconds a double rounds, which no clock reaches.
        self.has_jti && self.exp.is_some_and(|exp| exp > now_secs as f64)
    }
}

/// Decodes the payload of a compact JWT (RFC 7515 section 3.1) and scans it. `None` is text that
/// is no JWT.
pub(super) fn of_compact(token: &[u8]) -> Option<UnverifiedClaims> {
    // A scratch of its own, since the token may stand in the caller's.
    let mut scratch = Scratch::new();
    payload(token, &mut scratch)?;
    of_json(scratch.bytes())
}

/// The `client_id` that a compact JWT claims.
pub(super) fn client_id(token: &[u8]) -> Option<String> {
    let mut scratch = Scratch::new();
    payload(token, &mut scratch)?;
    let claimed = of_json(scratch.bytes())?.client_id?;
    String::from_utf8(scratch.bytes().get(claimed)?.to_vec()).ok()
}

fn payload(token: &[u8], scratch: &mut Scratch) -> Option<()> {
    let mut segments = token.split(|&b| b == b'.');
    let (header, payload, signature) = (segments.next()?, segments.next()?, segments.next()?);
    let encoded = |s: &[u8]| all(s, BASE64URL);
    if segments.next().is_some()
        || header.is_empty()
        || payload.is_empty()
        || !(encoded(header) && encoded(payload) && encoded(signature))
    {
        return None;
    }
    let mut piece = [0; 48];
    for chunk in payload.chunks(64) {
        let n = URL_SAFE_NO_PAD.decode_slice(chunk, &mut piece).ok()?;
        scratch.extend(&piece[..n]).ok()?;
    }
    Some(())
}

/// Scans one JSON object for the claims above. A name that is written with escapes is not seen;
/// of a name given twice the last counts. Nested values are skipped by counting brackets, so the
/// scan takes one pass and no stack.
pub(super) fn of_json(json: &[u8]) -> Option<UnverifiedClaims> {
    let mut claims = UnverifiedClaims::default();
    let mut at = Scan { json, i: 0 };
    at.expect(b'{')?;
    if at.expect(b'}').is_some() {
        return at.end(claims);
    }
    loop {
        let name = at.string()?;
        at.expect(b':')?;
        let value = at.value()?;
        let text = match json.get(value.clone())? {
            [b'"', text @ .., b'"'] => Some(text),
            _ => None,
        };
        let filled = text.is_some_and(|text| !text.is_empty());
        match json.get(name)? {
            b"jti" => claims.has_jti = filled,
            b"token_id" => claims.has_token_id = filled,
            b"client_id" => {
                claims.client_id = filled.then_some(value.start + 1..value.end - 1);
            }
            b"exp" => {
                // `parse` would take "inf" too, which is not JSON.
                let number = std::str::from_utf8(json.get(value)?).ok()?;
                let digits = number.starts_with(|c: char| c == '-' || c.is_ascii_digit());
                claims.exp = number.parse().ok().filter(|_| digits);
            }
            _ => {}
        }
        if at.expect(b',').is_none() {
            at.expect(b'}')?;
            return at.end(claims);
        }
    }
}

struct Scan<'j> {
    json: &'j [u8],
    i: usize,
}

impl Scan<'_> {
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.json.get(self.i) {
            self.i += 1;
        }
        self.json.get(self.i).copied()
    }

    fn expect(&mut self, want: u8) -> Option<()> {
        (self.peek()? == want).then(|| self.i += 1)
    }

    fn end(&mut self, claims: UnverifiedClaims) -> Option<UnverifiedClaims> {
        self.peek().is_none().then_some(claims)
    }

    /// A string; yields what stands between its quotes.
    fn string(&mut self) -> Option<Range<usize>> {
        self.expect(b'"')?;
        let start = self.i;
        loop {
            match self.json.get(self.i)? {
                b'"' => {
                    self.i += 1;
                    return Some(start..self.i - 1);
                }
                b'\\' => self.i += 2,
                _ => self.i += 1,
            }
        }
    }

    /// Any value; yields where it stands, quotes and brackets included.
    fn value(&mut self) -> Option<Range<usize>> {
        let first = self.peek()?;
        let start = self.i;
        let mut depth = 0usize;
        match first {
            b'"' => {
                self.string()?;
            }
            b'{' | b'[' => loop {
                match self.peek()? {
                    b'"' => {
                        self.string()?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                self.i += 1;
                if depth == 0 {
                    break;
                }
            },
            _ => {
                let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-');
                while self.json.get(self.i).is_some_and(word) {
                    self.i += 1;
                }
            }
        }
        (self.i > start).then_some(start..self.i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(json: &str) -> Option<UnverifiedClaims> {
        of_json(json.as_bytes())
    }

    #[test]
    fn claims_are_found_at_the_top_level_only() {
        let c = claims(r#" {"a":{"jti":"x","b":["}",{}]},"exp":4102444800 , "jti":"y"} "#).unwrap();
        assert!(c.has_jti && c.is_current(1_700_000_000) && !c.is_current(4_102_444_800));
        let nested = claims(r#"{"a":{"jti":"x","exp":4102444800}}"#).unwrap();
        assert_eq!(nested, UnverifiedClaims::default());
    }

    #[test]
    fn exp_is_a_number() {
        assert_eq!(claims(r#"{"exp":1.5e3}"#).unwrap().exp, Some(1500.0));
        for none in [
            r#"{"exp":inf}"#,
            r#"{"exp":"soon"}"#,
            r#"{"exp":null}"#,
            r#"{"exp":[1]}"#,
            "{}",
        ] {
            assert_eq!(claims(none).unwrap().exp, None, "{none}");
        }
        assert!(!claims(r#"{"jti":"x","exp":nan}"#).unwrap().is_current(0));
    }

    #[test]
    fn what_is_no_object_is_no_claims() {
        for bad in [
            "",
            "{",
            "[]",
            "\"a\"",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":1}x",
            "{\"a\":[}",
            "{\"a\\",
            "{\"a\":\"\\",
            "{\"a\":{\"b\":1}",
            "{,}",
            "{\"a\":1 \"b\":2}",
        ] {
            assert_eq!(claims(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_escaped_quote_ends_no_string() {
        let c = claims(r#"{"a":"\\\",\"jti\":\"x","token_id":"y"}"#).unwrap();
        assert!(c.has_token_id && !c.has_jti);
    }

    #[test]
    fn deep_nesting_takes_no_stack() {
        let deep = format!(
            "{{\"a\":{}{},\"jti\":\"x\"}}",
            "[".repeat(4000),
            "]".repeat(4000)
        );
        assert!(claims(&deep).unwrap().has_jti);
    }

    #[test]
    fn a_compact_jwt_has_three_segments() {
        let is_jwt = |text: &str| of_compact(text.as_bytes()).is_some();
        assert!(is_jwt("eyJhIjoxfQ.eyJhIjoxfQ.c2ln"));
        assert!(is_jwt("eyJhIjoxfQ.eyJhIjoxfQ."));
        for bad in [
            "",
            "a",
            "a.b",
            "..",
            ".eyJhIjoxfQ.c2ln",
            "eyJhIjoxfQ.eyJhIjoxfQ.c2ln.x",
            "eyJhIjoxfQ.eyJh IjoxfQ.c2ln",
            "eyJhIjoxfQ.bad.c2ln",
            " eyJhIjoxfQ.eyJhIjoxfQ.c2ln",
            "eyJhIjoxfQ.eyJhIjoxfQ==.c2ln",
        ] {
            assert!(!is_jwt(bad), "{bad}");
        }
    }
}
