//! The Basic scheme (RFC 7617): base64 of `user-id ":" password`, decoded into the scratch.
//!
//! ```text
//! basic-credentials = base64-user-pass    ; a token68
//! user-pass         = user-id ":" password
//! user-id           = *<TEXT excluding ":">
//! ```
//! Example: `Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==` is `Aladdin` and `open sesame`.

use std::ops::Range;

use super::base64::{self, Spare};
use super::bytes::{is_text, position};
use super::scratch::Scratch;

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

/// Decodes what follows `Basic 1*SP`, to the letter of RFC 7617, into user-id and password.
///
/// The first colon separates, since a password may hold more of them. Control characters are
/// refused (section 2), and so is anything but UTF-8, the charset that our challenge names. An
/// empty password is allowed by the grammar and so is an empty user-id, but not both.
///
/// Inlined, and what it calls: a pair that is returned through memory is read back in other pieces
/// than it was written in, which waits for the memory and takes 2 ns.
#[inline(always)]
pub(super) fn strict<'s>(
    encoded: &[u8],
    scratch: &'s mut Scratch,
) -> Result<(&'s [u8], &'s [u8]), Fault> {
    base64::decode(encoded, Spare::Zero, scratch).map_err(|_| Fault::Base64)?;
    let bytes = scratch.bytes();
    let colon = position(bytes, b':').ok_or(Fault::UserPass)?;
    if !is_text(bytes) || bytes == b":" {
        return Err(Fault::UserPass);
    }
    Ok((&bytes[..colon], &bytes[colon + 1..]))
}

/// Decodes as Frontier and Frappe do: one colon in all, control characters let through.
///
/// Not to be had here, though Frappe has it: characters outside of the alphabet dropped, so that
/// the URL-safe spelling of one credential is read as another one.
pub(super) fn loose(encoded: &[u8], scratch: &mut Scratch) -> Result<UserPass, Fault> {
    base64::decode(encoded, Spare::Any, scratch).map_err(|_| Fault::Base64)?;
    let pair = split(scratch.bytes())?;
    if scratch.bytes()[pair.secret.clone()].contains(&b':') {
        return Err(Fault::UserPass);
    }
    Ok(pair)
}

fn split(bytes: &[u8]) -> Result<UserPass, Fault> {
    let colon = position(bytes, b':').ok_or(Fault::UserPass)?;
    if !bytes.is_ascii() && std::str::from_utf8(bytes).is_err() {
        return Err(Fault::UserPass);
    }
    Ok(UserPass {
        id: 0..colon,
        secret: colon + 1..bytes.len(),
    })
}

#[cfg(test)]
mod tests {
    use ::base64::Engine as _;
    use ::base64::engine::general_purpose::STANDARD;

    use super::*;

    type Pair = Result<(String, String), Fault>;

    fn strict(encoded: &str) -> Pair {
        let mut scratch = Scratch::new();
        let (id, secret) = super::strict(encoded.as_bytes(), &mut scratch)?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("strict is UTF-8");
        Ok((text(id), text(secret)))
    }

    fn loose(encoded: &str) -> Pair {
        let mut scratch = Scratch::new();
        let pair = super::loose(encoded.as_bytes(), &mut scratch)?;
        let text = |r: Range<usize>| String::from_utf8_lossy(&scratch.bytes()[r]).into_owned();
        Ok((text(pair.id), text(pair.secret)))
    }

    fn encode(text: impl AsRef<[u8]>) -> String {
        STANDARD.encode(text)
    }

    #[test]
    fn the_example_of_the_rfc_is_read() {
        let want = Ok(("Aladdin".to_owned(), "open sesame".to_owned()));
        assert_eq!(strict("QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), want);
        assert_eq!(loose("QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), want);
    }

    #[test]
    fn the_first_colon_separates() {
        let got = strict(&encode("u:p:q:"));
        assert_eq!(got, Ok(("u".to_owned(), "p:q:".to_owned())));
        assert_eq!(loose(&encode("u:p:q")), Err(Fault::UserPass));
        assert_eq!(strict(&encode("nocolon")), Err(Fault::UserPass));
    }

    #[test]
    fn one_side_may_be_empty_but_not_both() {
        assert_eq!(strict(&encode("u:")), Ok(("u".to_owned(), String::new())));
        assert_eq!(strict(&encode(":p")), Ok((String::new(), "p".to_owned())));
        assert_eq!(strict(&encode(":")), Err(Fault::UserPass));
        assert_eq!(strict(""), Err(Fault::UserPass));
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
            assert_eq!(strict(bad), Err(Fault::Base64), "{bad}");
        }
        let long = encode([b'a'; 47]);
        assert_eq!(strict(&format!("{long}dTpw")), Err(Fault::Base64));
    }

    #[test]
    fn bits_left_over_must_be_zero() {
        assert_eq!(strict("YTpiYx=="), Err(Fault::Base64));
        assert!(loose("YTpiYx==").is_ok());
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
            assert_eq!(strict(bad), Err(Fault::Base64), "{bad}");
            assert_eq!(loose(bad), Err(Fault::Base64), "{bad}");
        }
    }

    #[test]
    fn control_characters_and_other_charsets_are_refused() {
        for bad in ["u:\0", "u\x7f:p", "u:a\tb", "u:a\r\nb", "\x1f:p"] {
            assert_eq!(strict(&encode(bad)), Err(Fault::UserPass), "{bad:?}");
        }
        assert_eq!(strict(&encode(b"u:\xe9")), Err(Fault::UserPass));
        assert_eq!(strict(&encode(b"u:\xc0\xaf")), Err(Fault::UserPass));
        assert!(strict(&encode("u:p\u{e4}ss")).is_ok());
    }

    #[test]
    fn every_length_is_read() {
        for n in 1..300 {
            let text = format!("{}:{}", "i".repeat(n / 2), "s".repeat(n));
            let got = strict(&encode(&text));
            assert_eq!(got, Ok(("i".repeat(n / 2), "s".repeat(n))), "{n}");
        }
    }
}
