//! The `token` scheme: `key ":" secret` in the clear, as Frappe's clients send it.
//!
//! ```text
//! credentials = "token" 1*SP key ":" secret
//! key, secret = 1*( VCHAR except "," ":" DQUOTE "\" )
//! ```

use super::bytes::{PAIR, all, cut_once};

/// Splits a pair at its one colon; both sides must be there.
///
/// No RFC defines this scheme. A second colon is refused rather than given to the secret: neither
/// keys nor secrets hold one, and Frappe refuses it too.
pub(super) fn strict(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let (id, secret) = cut_once(value, b':')?;
    let legal = |side: &[u8]| !side.is_empty() && all(side, PAIR);
    (legal(id) && legal(secret)).then_some((id, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_has_one_colon_and_two_sides() {
        assert_eq!(strict(b"key:secret"), Some((&b"key"[..], &b"secret"[..])));
        for bad in [
            "",
            ":",
            "key",
            "key:",
            ":secret",
            "a:b:c",
            "a:b c",
            "a:b,token",
            "a:\"b\"",
            "a:\\b",
            "a:\u{e9}",
            "a:b\t",
            "a:b\0",
        ] {
            assert_eq!(strict(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
