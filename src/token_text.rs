//! The text of an opaque token: `<prefix>_<id><secret><checksum>`, and what is wrong with a text
//! that is not one.
//!
//! ```text
//! token    = prefix "_" id secret checksum        ; at most 63 bytes, one BLAKE3 block
//! prefix   = ALPHA-LOWER *10( lower / DIGIT / "_" )
//! id       = 11 base62                             ; the public TokenId
//! secret   = 34 base62                             ; 202 bits from the system's random source
//! checksum = 6 base62                              ; CRC-32 of all that stands before it
//! ```
//! Everything after the last `_` is base62, so a double click selects the whole, and the text is
//! legal unescaped in a header, cookie, URL, WebSocket subprotocol and gRPC metadata.

use std::sync::LazyLock;

use crate::error::Error;
use crate::secret::{Secret, random_base62};
use crate::token_id::{TokenId, base62_value};

/// The longest prefix, in bytes, environment included.
pub const PREFIX_MAX_BYTES: usize = 11;

const SECRET_BYTES: usize = 34;
const CHECKSUM_BYTES: usize = 6;
/// What follows the prefix and its `_`.
pub(crate) const BODY_BYTES: usize = TokenId::TEXT_BYTES + SECRET_BYTES + CHECKSUM_BYTES;
/// What fits in one BLAKE3 block, with its length.
pub(crate) const TEXT_MAX_BYTES: usize = 63;

const _: () = assert!(PREFIX_MAX_BYTES + 1 + BODY_BYTES <= TEXT_MAX_BYTES);

/// Makes the text of a new token.
pub(crate) fn generate(prefix: &str, id: TokenId) -> std::io::Result<Secret> {
    let mut text = String::with_capacity(TEXT_MAX_BYTES);
    text.push_str(prefix);
    text.push('_');
    text.extend(id.to_text().map(char::from));
    random_base62(&mut text, SECRET_BYTES)?;
    let checksum = checksum(text.as_bytes());
    text.extend(checksum.map(char::from));
    Ok(Secret::new(text))
}

/// Refuses a prefix that would not stay legal everywhere a token is shown.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), Error> {
    Error::check_limit("prefix_max_bytes", PREFIX_MAX_BYTES, prefix.len())?;
    if is_legal_prefix(prefix.as_bytes()) {
        return Ok(());
    }
    Err(Error::Invalid {
        what: "prefix",
        why: "it starts with a lower-case letter and goes on with lower-case letters, digits and single \"_\" inside",
    })
}

fn is_legal_prefix(prefix: &[u8]) -> bool {
    let legal = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
    prefix.first().is_some_and(u8::is_ascii_lowercase)
        && prefix.iter().all(legal)
        && !prefix.ends_with(b"_")
}

/// The id's place in a text that may be a token: found by counting from the end, without a search.
///
/// This is no check. A text that is not a token yields eleven arbitrary bytes, and a look-up under
/// them that finds nothing.
#[inline]
pub(crate) fn id_bytes(text: &[u8]) -> Option<&[u8; TokenId::TEXT_BYTES]> {
    let start = text.len().checked_sub(BODY_BYTES)?;
    text.get(start..)?.first_chunk()
}

/// Whether what stands behind the prefix is as long as in a token, and base62.
///
/// Sixteen bytes four times, the last overlapping, of which the compiler makes fifty instructions.
#[inline(always)]
pub(crate) fn has_body(text: &[u8]) -> bool {
    let Some(body) = text.last_chunk::<BODY_BYTES>() else {
        return false;
    };
    let (Some([a, b, c]), Some(d)) = (
        body.as_chunks::<16>().0.first_chunk(),
        body.last_chunk::<16>(),
    ) else {
        return false;
    };
    (0..16).fold(true, |so_far, i| {
        so_far & is_base62(a[i]) & is_base62(b[i]) & is_base62(c[i]) & is_base62(d[i])
    })
}

/// By one signed comparison a run, at the end of what is positive: SSE2 has no unsigned one.
#[inline(always)]
const fn is_base62(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_add(127 - b'z').cast_signed() > 127 - 26;
    let digit = byte.wrapping_add(127 - b'9').cast_signed() > 127 - 10;
    letter | digit
}

/// Whether `text` is a token by form and checksum: it tells noise and typing errors from what may be
/// known here.
pub(crate) fn is_well_formed(text: &[u8]) -> bool {
    has_body(text) && has_checksum(text) && has_prefix(text)
}

fn has_checksum(text: &[u8]) -> bool {
    text.split_last_chunk::<CHECKSUM_BYTES>()
        .is_some_and(|(head, checksum)| base62_value(checksum) == u64::from(crc32(head)))
}

/// And an id that can be one.
fn has_prefix(text: &[u8]) -> bool {
    let Some((prefix, body)) = text.split_last_chunk::<BODY_BYTES>() else {
        return false;
    };
    // Characters sort as the digits do that they stand for.
    let is_id = body.first_chunk() <= Some(&ID_TEXT_MAX);
    let prefix = prefix.strip_suffix(b"_");
    is_id && prefix.is_some_and(|it| it.len() <= PREFIX_MAX_BYTES && is_legal_prefix(it))
}

const ID_TEXT_MAX: [u8; TokenId::TEXT_BYTES] = TokenId::MAX.to_text();

/// A CRC-32 to begin with, which knows how this processor does it best: to find that out for each text takes
/// 29 instructions of the 1050 of a call.
static CRC32: LazyLock<crc32fast::Hasher> = LazyLock::new(crc32fast::Hasher::new);

/// To be called before the first text is read, so that no reader waits for another that finds it out.
pub(crate) fn prepare() {
    LazyLock::force(&CRC32);
}

#[inline]
fn crc32(head: &[u8]) -> u32 {
    let mut crc32 = CRC32.clone();
    crc32.update(head);
    crc32.finalize()
}

fn checksum(head: &[u8]) -> [u8; CHECKSUM_BYTES] {
    // 62^6 is over 2^32, so six characters hold any CRC-32.
    let id_text = TokenId::from_u64(u64::from(crc32(head)))
        .unwrap_or(TokenId::ZERO)
        .to_text();
    let mut text = [0; CHECKSUM_BYTES];
    text.copy_from_slice(&id_text[TokenId::TEXT_BYTES - CHECKSUM_BYTES..]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well_formed(text: &[u8]) -> Option<TokenId> {
        let id = || TokenId::from_text(id_bytes(text)?);
        is_well_formed(text).then(id).flatten()
    }

    fn token() -> Secret {
        generate("hp", TokenId::from_u64(123_456_789).unwrap()).unwrap()
    }

    #[test]
    fn a_generated_token_is_well_formed_and_carries_its_id() {
        let token = token();
        let text = token.expose().as_bytes();
        assert_eq!(text.len(), 54);
        assert_eq!(well_formed(text), TokenId::from_u64(123_456_789));
        assert_eq!(
            id_bytes(text),
            Some(&TokenId::from_u64(123_456_789).unwrap().to_text())
        );
    }

    #[test]
    fn any_single_changed_truncated_or_added_character_is_noticed() {
        let token = token();
        let text = token.expose().as_bytes();
        for at in 0..text.len() {
            let mut changed = text.to_vec();
            changed[at] = if changed[at] == b'x' { b'y' } else { b'x' };
            assert_eq!(well_formed(&changed), None, "changed at {at}");
            assert_eq!(well_formed(&text[..at]), None, "cut at {at}");
            assert_eq!(well_formed(&text[at + 1..]), None, "front cut at {at}");
        }
        assert_eq!(well_formed(&[text, b"x"].concat()), None);
    }

    #[test]
    fn a_right_checksum_makes_no_token_of_another_text() {
        let well_formed = |prefix: &str, id: &[u8; 11], secret: &str| {
            let head = [prefix.as_bytes(), id, secret.as_bytes()].concat();
            is_well_formed(&[&head[..], &checksum(&head)].concat())
        };
        let secret = "s".repeat(SECRET_BYTES);
        let max = ID_TEXT_MAX;
        assert!(well_formed("hp_", &max, &secret));
        assert!(well_formed("abcdefghijk_", &max, &secret));
        for prefix in ["", "_", "hp", "hp-", "HP_", "2k_", "hp__", "abcdefghijkl_"] {
            assert!(!well_formed(prefix, &max, &secret), "{prefix}");
        }
        assert!(!well_formed("hp_", b"LygHa16AHYF", &secret), "61 bits");
        assert!(!well_formed("hp_", &max, &secret.replacen('s', "-", 1)));
    }

    #[test]
    fn the_checksum_is_pinned_by_a_known_answer() {
        // CRC-32 of "123456789" is 0xCBF43926.
        assert_eq!(&checksum(b"123456789"), b"3jZRME");
    }

    #[test]
    fn prefixes_stay_legal_everywhere() {
        for good in ["hp", "hp_test", "a", "k2_live", "abcdefghijk"] {
            assert!(check_prefix(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "_hp",
            "hp_",
            "HP",
            "2k",
            "h p",
            "h-p",
            "abcdefghijkl",
            "é",
        ] {
            assert!(check_prefix(bad).is_err(), "{bad}");
        }
    }
}
