//! The fixed buffer that decoded bytes go to, so that no parser allocates; it wipes what it held.

use std::fmt;
use std::ops::Range;

use arrayvec::ArrayVec;
use zeroize::Zeroize;

use super::limits::CREDENTIAL_BYTES_MAX;

/// Where a parser puts what it has to decode: a Basic credential, a percent-encoded parameter.
///
/// Eight kilobytes, to be kept on the stack or reused; making one writes none of them. What it
/// held is wiped when it is used again and when it is dropped.
#[derive(Default)]
pub struct Scratch {
    bytes: ArrayVec<u8, CREDENTIAL_BYTES_MAX>,
}

/// What was decoded would not fit: never so for a value within the limits.
#[derive(Debug)]
pub(super) struct Full;

impl Scratch {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: ArrayVec::new_const(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.as_mut_slice().zeroize();
        self.bytes.clear();
    }

    pub(super) fn push(&mut self, byte: u8) -> Result<(), Full> {
        self.bytes.try_push(byte).map_err(|_| Full)
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.bytes.try_extend_from_slice(bytes).map_err(|_| Full)
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.clear();
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scratch({} bytes)", self.bytes.len())
    }
}

/// A piece of a credential: of the request as it came, or of what was decoded from it.
///
/// A range rather than a borrow of the scratch, so that a parser may give up on one place and
/// use the scratch for the next.
#[derive(Clone)]
pub(super) enum Part<'r> {
    Sent(&'r [u8]),
    Decoded(Range<usize>),
}

impl<'r> Part<'r> {
    pub(super) fn resolve<'a>(&self, scratch: &'a Scratch) -> &'a [u8]
    where
        'r: 'a,
    {
        match self {
            Self::Sent(bytes) => bytes,
            Self::Decoded(range) => scratch.bytes().get(range.clone()).unwrap_or_default(),
        }
    }

    /// A piece of this piece.
    pub(super) fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::Sent(bytes) => Self::Sent(bytes.get(range).unwrap_or_default()),
            Self::Decoded(all) => Self::Decoded(all.start + range.start..all.start + range.end),
        }
    }

    pub(super) fn is_decoded(&self) -> bool {
        matches!(self, Self::Decoded(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_leak_scratch() {
        let mut scratch = Scratch::new();
        assert!(scratch.extend(b"hunter2").is_ok());
        let shown = format!("{scratch:?}");
        assert_eq!(shown, "Scratch(7 bytes)");
    }

    #[test]
    fn it_never_grows() {
        let mut scratch = Scratch::new();
        assert!(scratch.extend(&[0; CREDENTIAL_BYTES_MAX]).is_ok());
        assert!(scratch.push(0).is_err());
        assert!(scratch.extend(b"a").is_err());
        scratch.clear();
        assert_eq!(scratch.len(), 0);
    }
}
