//! The Basic scheme (RFC 7617): base64 of `user-id ":" password`, decoded into the scratch.
//!
//! ```text
//! basic-credentials = base64-user-pass    ; a token68
//! user-pass         = user-id ":" password
//! user-id           = *<TEXT excluding ":">
//! ```
//! Example: `Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==` is `Aladdin` and `open sesame`.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::bytes::{CONTROL, any};
use super::scratch::Scratch;

/// One credential has one spelling: padding is required (RFC 4648 section 3.2) and the bits that
/// it leaves over are zero (section 3.5).
const CANONICAL: GeneralPurpose = GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new());

/// As Go's and Python's decoders, which don't look at the bits left over.
const LOOSE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// A multiple of four characters, so that every piece but the last decodes without padding.
const PIECE: usize = 64;

/// Where user-id and password stand in the scratch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UserPass {
    pub(super) id: Range<usize>,
    pub(super) secret: Range<usize>,
}

/// Why a Basic credential was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not base64.
    Base64,
    /// Not UTF-8, a control character, no colon, a colon too many, nothing on either side.
    UserPass,
}

/// Decodes what follows `Basic 1*SP`, to the letter of RFC 7617.
///
/// The first colon separates, since a password may hold more of them. Control characters are
/// refused (section 2), and so is anything but UTF-8, the charset that our challenge names. An
/// empty password is allowed by the grammar and so is an empty user-id, but not both.
pub(super) fn strict(encoded: &[u8], scratch: &mut Scratch) -> Result<UserPass, Fault> {
    decode(&CANONICAL, encoded, scratch)?;
    let pair = split(scratch)?;
    if any(scratch.bytes(), CONTROL) || scratch.bytes().contains(&b'\t') {
        return Err(Fault::UserPass);
    }
    if scratch.len() == 1 {
        return Err(Fault::UserPass);
    }
    Ok(pair)
}

/// Decodes as Frontier and Frappe do: one colon in all, control characters let through.
///
/// Not to be had here, though Frappe has it: characters outside of the alphabet dropped, so that
/// the URL-safe spelling of one credential is read as another one.
pub(super) fn loose(encoded: &[u8], scratch: &mut Scratch) -> Result<UserPass, Fault> {
    decode(&LOOSE, encoded, scratch)?;
    let pair = split(scratch)?;
    if scratch.bytes()[pair.secret.clone()].contains(&b':') {
        return Err(Fault::UserPass);
    }
    Ok(pair)
}

fn decode(engine: &GeneralPurpose, encoded: &[u8], scratch: &mut Scratch) -> Result<(), Fault> {
    scratch.clear();
    let mut piece = [0; PIECE / 4 * 3];
    let mut chunks = encoded.chunks(PIECE).peekable();
    while let Some(chunk) = chunks.next() {
        let n = engine
            .decode_slice(chunk, &mut piece)
            .map_err(|_| Fault::Base64)?;
        // Padding ends the text: a piece that came out short must be the last.
        if chunks.peek().is_some() && n != piece.len() {
            return Err(Fault::Base64);
        }
        scratch.extend(&piece[..n]).map_err(|_| Fault::Base64)?;
    }
    Ok(())
}

fn split(scratch: &Scratch) -> Result<UserPass, Fault> {
    let bytes = scratch.bytes();
    let colon = bytes
        .iter()
        .position(|&b| b == b':')
        .ok_or(Fault::UserPass)?;
    if std::str::from_utf8(bytes).is_err() {
        return Err(Fault::UserPass);
    }
    Ok(UserPass {
        id: 0..colon,
        secret: colon + 1..bytes.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        rule: fn(&[u8], &mut Scratch) -> Result<UserPass, Fault>,
        encoded: &str,
    ) -> Result<(String, String), Fault> {
        let mut scratch = Scratch::new();
        let pair = rule(encoded.as_bytes(), &mut scratch)?;
        let text = |r: Range<usize>| String::from_utf8_lossy(&scratch.bytes()[r]).into_owned();
        Ok((text(pair.id), text(pair.secret)))
    }

    fn encode(text: impl AsRef<[u8]>) -> String {
        CANONICAL.encode(text)
    }

    #[test]
    fn the_example_of_the_rfc_is_read() {
        let want = Ok(("Aladdin".to_owned(), "open sesame".to_owned()));
        assert_eq!(read(strict, "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), want);
        assert_eq!(read(loose, "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), want);
    }

    #[test]
    fn the_first_colon_separates() {
        let got = read(strict, &encode("u:p:q:"));
        assert_eq!(got, Ok(("u".to_owned(), "p:q:".to_owned())));
        assert_eq!(read(loose, &encode("u:p:q")), Err(Fault::UserPass));
        assert_eq!(read(strict, &encode("nocolon")), Err(Fault::UserPass));
    }

    #[test]
    fn one_side_may_be_empty_but_not_both() {
        assert_eq!(
            read(strict, &encode("u:")),
            Ok(("u".to_owned(), String::new()))
        );
        assert_eq!(
            read(strict, &encode(":p")),
            Ok((String::new(), "p".to_owned()))
        );
        assert_eq!(read(strict, &encode(":")), Err(Fault::UserPass));
        assert_eq!(read(strict, ""), Err(Fault::UserPass));
    }

    #[test]
    fn padding_is_required_and_ends_the_text() {
        for bad in [
            "dTpwYQ",
            "dTpwYQ=",
            "dTpwYQ===",
            "dTpwYQ==dTpw",
            "====",
            "=",
            "d",
        ] {
            assert_eq!(read(strict, bad), Err(Fault::Base64), "{bad}");
        }
        let long = encode([b'a'; 47]); // ends in padding at the end of a piece
        assert_eq!(read(strict, &format!("{long}dTpw")), Err(Fault::Base64));
    }

    #[test]
    fn bits_left_over_must_be_zero() {
        assert_eq!(read(strict, "YTpiYx=="), Err(Fault::Base64));
        assert!(read(loose, "YTpiYx==").is_ok());
    }

    #[test]
    fn only_the_standard_alphabet_is_read() {
        for bad in [
            "YTp-_w==",
            "dTpw YQ==",
            "dTpw\nYQ==",
            "dTpwYQ==\r",
            "dT*wYQ==",
            "dTp\u{e9}",
        ] {
            assert_eq!(read(strict, bad), Err(Fault::Base64), "{bad}");
            assert_eq!(read(loose, bad), Err(Fault::Base64), "{bad}");
        }
    }

    #[test]
    fn control_characters_and_other_charsets_are_refused() {
        for bad in ["u:\0", "u\x7f:p", "u:a\tb", "u:a\r\nb", "\x1f:p"] {
            assert_eq!(read(strict, &encode(bad)), Err(Fault::UserPass), "{bad:?}");
        }
        assert_eq!(read(strict, &encode(b"u:\xe9")), Err(Fault::UserPass));
        assert_eq!(read(strict, &encode(b"u:\xc0\xaf")), Err(Fault::UserPass));
        assert!(read(strict, &encode("u:p\u{e4}ss")).is_ok());
    }

    #[test]
    fn pieces_join_at_every_length() {
        for n in 1..300 {
            let text = format!("{}:{}", "i".repeat(n / 2), "s".repeat(n));
            let got = read(strict, &encode(&text));
            assert_eq!(got, Ok(("i".repeat(n / 2), "s".repeat(n))), "{n}");
        }
    }
}
