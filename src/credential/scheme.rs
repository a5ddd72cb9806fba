//! Names of authentication schemes, and how they are told apart; knows nothing of credentials.

use super::bytes::{cut, is_token};

/// The scheme that a credential was presented under.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `Bearer`, RFC 6750.
    Bearer,
    /// `JWT`: not registered; Flipt's.
    Jwt,
    /// `Basic`, RFC 7617.
    Basic,
    /// `token key:secret`: not registered; Frappe's.
    Token,
    /// None: the value of a cookie, of an API key field, of a bare query parameter.
    Bare,
    /// One that was added to the profile: the how-maniest, counted from 0.
    Extra(u8),
}

impl Scheme {
    /// The scheme's name as it is registered or usually written; empty for one without a name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Jwt => "JWT",
            Self::Basic => "Basic",
            Self::Token => "token",
            Self::Bare | Self::Extra(_) => "",
        }
    }
}

/// Reads `scheme SP` at the start of a value, of whatever case (RFC 9110 section 11.1), and
/// yields what follows the first space.
///
/// The first eight bytes are compared as one number: bit 5 is set in the bytes where letters are
/// expected, which folds ASCII case and nothing else, and the space is compared as it is.
#[inline]
pub(super) fn known(value: &[u8]) -> Option<(Scheme, &[u8])> {
    let head = match value.first_chunk::<8>() {
        Some(head) => u64::from_le_bytes(*head),
        None => {
            let mut head = [0; 8];
            head[..value.len()].copy_from_slice(value);
            u64::from_le_bytes(head)
        }
    };
    if is_at(head, b"bearer ") {
        Some((Scheme::Bearer, &value[7..]))
    } else if is_at(head, b"basic ") {
        Some((Scheme::Basic, &value[6..]))
    } else if is_at(head, b"jwt ") {
        Some((Scheme::Jwt, &value[4..]))
    } else if is_at(head, b"token ") {
        Some((Scheme::Token, &value[6..]))
    } else {
        None
    }
}

/// Whether `head` starts with `name`: lower-case letters and then one space.
#[inline]
const fn is_at(head: u64, name: &[u8]) -> bool {
    let mut want = 0;
    let mut letters = 0;
    let mut mask = 0;
    let mut i = 0;
    while i < name.len() {
        want |= (name[i] as u64) << (8 * i);
        mask |= 0xFF << (8 * i);
        if name[i] != b' ' {
            letters |= 0x20 << (8 * i);
        }
        i += 1;
    }
    (head | letters) & mask == want
}

/// The word before the first space, where it could be the name of a scheme.
///
/// A value without a space yields nothing: a token sent without a scheme would be taken for the
/// scheme's name otherwise, and end up in logs.
pub(super) fn sent(value: &[u8]) -> Option<(&[u8], &[u8])> {
    cut(value, b' ').filter(|(scheme, _)| is_token(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_told_apart_in_any_case() {
        for (name, scheme) in [
            ("Bearer", Scheme::Bearer),
            ("bEARER", Scheme::Bearer),
            ("BASIC", Scheme::Basic),
            ("jwt", Scheme::Jwt),
            ("Token", Scheme::Token),
        ] {
            for rest in ["x", "", " y", "0123456789"] {
                let value = format!("{name} {rest}");
                assert_eq!(
                    known(value.as_bytes()),
                    Some((scheme, rest.as_bytes())),
                    "{value}"
                );
            }
        }
    }

    #[test]
    fn only_letters_are_folded_and_only_sp_separates() {
        for bad in [
            "Bearer",
            "Bearer\tx",
            "Bearer\0x",
            "BearerX x",
            "\u{2}earer x",
            "Beare\u{12} x",
            "Bearex ",
            "\u{ff22}earer x",
            "jw",
            "",
            "Bear er x",
            " Bearer x",
            "tok\u{e9}n x",
            "J\u{37}T x",
        ] {
            assert_eq!(known(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn a_bare_token_is_never_taken_for_a_scheme() {
        assert_eq!(sent(b"hp_secret"), None);
        assert_eq!(sent(b"a=b c"), None);
        assert_eq!(sent(b" x"), None);
        assert_eq!(sent(b"DPoP x"), Some((&b"DPoP"[..], &b"x"[..])));
    }
}
