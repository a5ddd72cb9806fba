//! The compact serialization of RFC 7515 section 7.1, split and decoded; it reads no JSON.
//!
//! ```abnf
//! compact = base64url "." base64url "." base64url
//! ```

use super::base64url;
use crate::{Inactive, Oversize};

/// Longest token that is looked at. Headers of common servers end at 8 KiB, too.
pub(crate) const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// The three parts of a token, none of them verified.
#[derive(Clone, Copy)]
pub(crate) struct UnverifiedCompact<'a> {
    header: &'a [u8],
    payload: &'a [u8],
    signature: &'a [u8],
    signing_input: &'a [u8],
}

impl<'a> UnverifiedCompact<'a> {
    /// Splits at exactly two dots. The length comes first: an attacker's text of any size costs
    /// one comparison.
    pub(crate) fn split(text: &'a [u8]) -> Result<Self, Inactive> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(Inactive::TooLarge(Oversize::Field));
        }
        let mut parts = text.split(|&byte| byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Inactive::Format);
        };
        let signing_input = &text[..header.len() + 1 + payload.len()];
        Ok(Self {
            header,
            payload,
            signature,
            signing_input,
        })
    }

    pub(crate) fn header(&self) -> Result<Vec<u8>, Inactive> {
        base64url::decode(self.header).ok_or(Inactive::Format)
    }

    pub(crate) fn payload(&self) -> Result<Vec<u8>, Inactive> {
        base64url::decode(self.payload).ok_or(Inactive::Format)
    }

    /// No algorithm here has an empty signature: that is what `none` looks like.
    pub(crate) fn signature(&self) -> Result<Vec<u8>, Inactive> {
        match base64url::decode(self.signature) {
            None => Err(Inactive::Format),
            Some(octets) if octets.is_empty() => Err(Inactive::Signature),
            Some(octets) => Ok(octets),
        }
    }

    /// What was signed: header and payload as they were sent, with the dot between them.
    pub(crate) fn signing_input(&self) -> &'a [u8] {
        self.signing_input
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_three_parts_are_split() {
        for text in ["", ".", "a.b", "a.b.c.d", "a.b.c.", ".a.b.c", "...."] {
            assert!(UnverifiedCompact::split(text.as_bytes()).is_err(), "{text}");
        }
        let parts = UnverifiedCompact::split(b"YQ.Yg.Yw").unwrap();
        assert_eq!(parts.header().unwrap(), b"a");
        assert_eq!(parts.payload().unwrap(), b"b");
        assert_eq!(parts.signature().unwrap(), b"c");
        assert_eq!(parts.signing_input(), b"YQ.Yg");
        assert_eq!(
            UnverifiedCompact::split(b"YQ.Yg.").unwrap().signature(),
            Err(Inactive::Signature)
        );
    }

    #[test]
    fn too_long_is_refused_before_any_work() {
        let dots = vec![b'.'; TOKEN_BYTES_MAX + 1];
        assert!(matches!(
            UnverifiedCompact::split(&dots),
            Err(Inactive::TooLarge(_))
        ));
        assert!(matches!(
            UnverifiedCompact::split(&dots[1..]),
            Err(Inactive::Format)
        ));
    }
}
