//! The name of a client (RFC 6749 section 2.2), checked once at the edge.

use core::fmt;
use core::str::FromStr;

/// The longest client id, in bytes.
pub const CLIENT_ID_MAX_BYTES: usize = 128;

/// A client id: 1 to 128 bytes of UTF-8 without control characters.
///
/// The store gives it no meaning. It is not a secret, but it may be personal data: it stands in
/// the clear on disk.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct ClientId(Box<str>);

impl ClientId {
    /// Checks `text` and keeps it.
    pub fn new(text: impl AsRef<str>) -> Result<Self, NotAClientId> {
        let text = text.as_ref();
        if text.is_empty() {
            return Err(NotAClientId::Empty);
        }
        if text.len() > CLIENT_ID_MAX_BYTES {
            return Err(NotAClientId::TooLong { bytes: text.len() });
        }
        if text.chars().any(char::is_control) {
            return Err(NotAClientId::ControlCharacter);
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a client id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAClientId {
    /// It has no characters.
    #[error("a client id needs at least one character")]
    Empty,
    /// It is longer than [`CLIENT_ID_MAX_BYTES`].
    #[error("a client id has at most 128 bytes, this one has {bytes}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It holds a control character, which could hide in a log or end a field of the index.
    #[error("a client id has no control characters")]
    ControlCharacter,
}

impl FromStr for ClientId {
    type Err = NotAClientId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({:?})", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_visible_text_is_a_client_id() {
        assert!(ClientId::new("client123").is_ok());
        assert!(ClientId::new("søster: 7").is_ok());
        assert!(ClientId::new("x".repeat(128)).is_ok());
        assert_eq!(ClientId::new(""), Err(NotAClientId::Empty));
        assert_eq!(
            ClientId::new("x".repeat(129)),
            Err(NotAClientId::TooLong { bytes: 129 })
        );
        for text in ["a\0b", "a\nb", "\u{7f}", "a\u{85}"] {
            assert_eq!(
                ClientId::new(text),
                Err(NotAClientId::ControlCharacter),
                "{text:?}"
            );
        }
    }
}
