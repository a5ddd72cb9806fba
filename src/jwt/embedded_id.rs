//! Where the token id stands in the text of a JWT issued here, found without decoding the rest.
//!
//! The payload of such a token begins with `{"jti":"`, the eleven characters of the id, and `",`.
//! Base64url groups three octets into four characters, so characters 0 to 7 of the payload are
//! always the same, and characters 8 to 27 hold `:"`, the id and `",` and nothing else.

/// base64url of `{"jti"`.
const HEAD: [u8; 8] = *b"eyJqdGki";
const CHARACTERS: usize = 20;
const OCTETS: usize = CHARACTERS / 4 * 3;

/// Where the first dot of our own tokens is: their headers all have 82 octets.
const DOT: usize = 110;

/// Not a base64url character.
const NONE: u8 = 0xff;

const VALUES: [u8; 256] = values();

/// The id in a JWT that was issued here: where it should be, not whether it is genuine. `None` for
/// every text that has something else in that place.
///
/// Reads 29 bytes, and more only if the header is not as long as ours are; allocates nothing.
pub fn embedded_id(text: &[u8]) -> Option<[u8; 11]> {
    after_dot(text, DOT)
        .or_else(|| after_dot(text, first_dot(text)?))
        .and_then(decode)
}

/// The characters of the id, if what stands at `dot` is one and a payload of ours follows it.
fn after_dot(text: &[u8], dot: usize) -> Option<&[u8; CHARACTERS]> {
    let (dot, rest) = text.get(dot..)?.split_first()?;
    let (head, rest) = rest.split_first_chunk::<8>()?;
    if *dot == b'.' && *head == HEAD {
        rest.first_chunk()
    } else {
        None
    }
}

fn decode(characters: &[u8; CHARACTERS]) -> Option<[u8; 11]> {
    let (mut octets, mut seen) = ([0; OCTETS], 0);
    let (groups, outs) = (characters.as_chunks::<4>().0, octets.as_chunks_mut::<3>().0);
    for (group, out) in groups.iter().zip(outs) {
        let [a, b, c, d] = group.map(|character| u32::from(VALUES[usize::from(character)]));
        seen |= a | b | c | d;
        let [_, high, middle, low] = (a << 18 | b << 12 | c << 6 | d).to_be_bytes();
        *out = [high, middle, low];
    }
    match octets {
        [b':', b'"', id @ .., b'"', b','] if seen < 64 => Some(id),
        _ => None,
    }
}

/// Eight octets at a time, by the exact zero-octet test of "Hacker's Delight" section 6-1: the
/// lowest set bit is the first dot.
fn first_dot(text: &[u8]) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let differs = u64::from_le_bytes(*word) ^ (LOW * b'.' as u64);
        let dots = differs.wrapping_sub(LOW) & !differs & HIGH;
        if dots != 0 {
            return Some(index * 8 + (dots.trailing_zeros() / 8) as usize);
        }
    }
    let place = rest.iter().position(|&byte| byte == b'.')?;
    Some(words.len() * 8 + place)
}

const fn values() -> [u8; 256] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut table = [NONE; 256];
    let mut value = 0;
    while value < 64 {
        table[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::base64url;

    fn token(payload: &str) -> Vec<u8> {
        format!(
            "eyJhbGciOiJFZERTQSJ9.{}.c2ln",
            base64url::encode(payload.as_bytes())
        )
        .into_bytes()
    }

    #[test]
    fn the_id_is_found_whatever_follows_it() {
        for id in ["0123456789A", "zzzzzzzzzzz", "LygHa16AHYF"] {
            for rest in ["\"a\":1}", "\"client_id\":\"c\"}", ""] {
                let text = token(&format!(r#"{{"jti":"{id}",{rest}"#));
                assert_eq!(
                    embedded_id(&text).as_ref().map(|id| &id[..]),
                    Some(id.as_bytes())
                );
            }
        }
    }

    #[test]
    fn anything_else_in_its_place_is_nothing() {
        for payload in [
            "",
            r#"{"jti":"0123456789","a":1}"#,
            r#"{"jti":"0123456789AB","a":1}"#,
            r#"{"jti": "0123456789A","a":1}"#,
            r#"{"JTI":"0123456789A","a":1}"#,
            r#"{"iat":1,"jti":"0123456789A"}"#,
            r#"{"jti":"0123456789A"}"#,
        ] {
            assert_eq!(embedded_id(&token(payload)), None, "{payload}");
        }
        for text in [
            "",
            ".",
            "a.",
            ".eyJqdGki",
            "no dot at all, and longer than one word",
        ] {
            assert_eq!(embedded_id(text.as_bytes()), None, "{text}");
        }
        let good = token(r#"{"jti":"0123456789A","a":1}"#);
        let dot = first_dot(&good).unwrap();
        for place in dot + 1..dot + 29 {
            let mut bad = good.clone();
            bad[place] = b'=';
            assert_eq!(embedded_id(&bad), None, "{place}");
        }
    }

    #[test]
    fn the_first_dot_is_the_first() {
        for length in 0..40 {
            for place in 0..length {
                for noise in [b'/', b'-', 0xae, 0x00, 0xff, b'.'] {
                    let mut text = vec![b'a'; length];
                    text[place] = b'.';
                    text[place + 1..].fill(noise);
                    let naive = text.iter().position(|&byte| byte == b'.');
                    assert_eq!(first_dot(&text), naive);
                }
            }
            assert_eq!(first_dot(&vec![b'/'; length]), None);
        }
    }
}
