//! What a token may be used for: scope tokens of RFC 6749 section 3.3, as a sorted set.

use crate::error::Error;

/// The most scopes one token carries.
pub const SCOPES_MAX: usize = 64;
/// The longest scope, in bytes.
pub const SCOPE_MAX_BYTES: usize = 128;

/// A sorted set of scopes.
///
/// ```text
/// scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Scopes(Vec<Box<str>>);

impl Scopes {
    /// Checks, sorts and keeps `scopes`; a scope given twice counts once.
    pub fn new<I>(scopes: I) -> Result<Self, Error>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut kept = Vec::new();
        for scope in scopes {
            let scope = scope.as_ref();
            if scope.is_empty() || !scope.bytes().all(is_scope_byte) {
                return Err(Error::Invalid {
                    what: "scope",
                    why: "it must be printable ASCII without space, quote and backslash",
                });
            }
            Error::check_limit("scope_max_bytes", SCOPE_MAX_BYTES, scope.len())?;
            kept.push(Box::from(scope));
        }
        kept.sort_unstable();
        kept.dedup();
        Error::check_limit("scopes_max", SCOPES_MAX, kept.len())?;
        Ok(Self(kept))
    }

    /// Whether `scope` is one of them, to the byte.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|held| **held == *scope)
    }

    /// The scopes in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|scope| &**scope)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn as_slice(&self) -> &[Box<str>] {
        &self.0
    }
}

fn is_scope_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_a_sorted_set() {
        let scopes = Scopes::new(["write", "read", "write"]).unwrap();
        assert_eq!(scopes.iter().collect::<Vec<_>>(), ["read", "write"]);
        assert!(scopes.contains("read"));
        assert!(!scopes.contains("rea"));
    }

    #[test]
    fn what_the_rfc_does_not_allow_is_refused() {
        for scope in ["", "a b", "a\"b", "a\\b", "é", "a\n"] {
            assert!(Scopes::new([scope]).is_err(), "{scope:?}");
        }
        assert!(Scopes::new(["x".repeat(129)]).is_err());
        assert!(Scopes::new((0..65).map(|n| n.to_string())).is_err());
    }
}
