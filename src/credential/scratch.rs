//! The fixed buffer that decoded bytes go to, so that no parser allocates; it wipes what it held.

use std::fmt;
use std::ops::Range;

use arrayvec::ArrayVec;
use zeroize::optimization_barrier;

use super::limits::CREDENTIAL_BYTES_MAX;

/// Where a parser puts what it has to decode: a Basic credential, a percent-encoded parameter.
///
/// Eight kilobytes, to be kept on the stack or reused; making one writes none of them. Whatever it
/// ever held is wiped when it is dropped. Until then the next use overwrites what it has a use
/// for and leaves the rest, so drop it where secrets are not to outlive a request.
#[derive(Default)]
pub struct Scratch {
    /// As long as the longest text ever written: all that has to be wiped.
    bytes: ArrayVec<u8, CREDENTIAL_BYTES_MAX>,
    /// How much of that is the text that was written last.
    len: usize,
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
            len: 0,
        }
    }

    /// Empties it, wiping nothing yet.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    pub(super) fn push(&mut self, byte: u8) -> Result<(), Full> {
        self.extend(&[byte])
    }

    #[inline]
    pub(super) fn extend(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let (start, end) = (self.len, self.len + bytes.len());
        self.room(end)?[start..].copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }

    /// The first `len` bytes to write to, whatever they hold by now.
    #[inline]
    pub(super) fn room(&mut self, len: usize) -> Result<&mut [u8], Full> {
        if len > self.bytes.len() {
            self.grow(len)?;
        }
        Ok(&mut self.bytes[..len])
    }

    /// In steps, so that reading byte by byte does not grow byte by byte.
    fn grow(&mut self, len: usize) -> Result<(), Full> {
        if len > CREDENTIAL_BYTES_MAX {
            return Err(Full);
        }
        while self.bytes.len() < len {
            let step = self.bytes.try_extend_from_slice(&[0; STEP]);
            step.map_err(|_| Full)?;
        }
        Ok(())
    }

    /// Makes the first `len` bytes, which were written by way of [`room`](Self::room), its text.
    #[inline]
    pub(super) fn set_len(&mut self, len: usize) {
        self.len = len.min(self.bytes.len());
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        // Never out of range; `get` has no way to panic.
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

const STEP: usize = 128;
const _: () = assert!(CREDENTIAL_BYTES_MAX.is_multiple_of(STEP));

impl Drop for Scratch {
    /// Overwrites what it held as a whole and nothing more than that: writing byte by byte, as
    /// `Zeroize` does, would take longer than all of the parsing.
    fn drop(&mut self) {
        self.bytes.fill(0);
        // Keeps the compiler from leaving out writes that nobody reads.
        optimization_barrier(self.bytes.as_slice());
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scratch({} bytes)", self.len)
    }
}

/// A piece of a credential: of the request as it came, or of what was decoded from it.
///
/// A range rather than a borrow of the scratch, so that a parser may give up on one place and
/// use the scratch for the next.
#[derive(Clone)]
pub(super) enum Part<'r> {
    Sent(&'r [u8]),
    Decoded { start: u16, end: u16 },
}

// Every place in the scratch can be said in sixteen bits, which keeps a piece as small as a slice.
const _: () = assert!(CREDENTIAL_BYTES_MAX <= u16::MAX as usize);

impl<'r> Part<'r> {
    /// A piece of the scratch.
    pub(super) const fn decoded(range: Range<usize>) -> Self {
        Self::Decoded {
            start: range.start as u16,
            end: range.end as u16,
        }
    }

    #[inline]
    pub(super) fn resolve<'a>(&self, scratch: &'a Scratch) -> &'a [u8]
    where
        'r: 'a,
    {
        match *self {
            Self::Sent(bytes) => bytes,
            Self::Decoded { start, end } => {
                let range = usize::from(start)..usize::from(end);
                scratch.bytes().get(range).unwrap_or_default()
            }
        }
    }

    /// A piece of this piece.
    pub(super) fn slice(&self, range: Range<usize>) -> Self {
        match *self {
            Self::Sent(bytes) => Self::Sent(bytes.get(range).unwrap_or_default()),
            Self::Decoded { start, .. } => {
                let start = usize::from(start);
                Self::decoded(start + range.start..start + range.end)
            }
        }
    }

    pub(super) const fn is_decoded(&self) -> bool {
        matches!(self, Self::Decoded { .. })
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
        assert_eq!((scratch.len(), scratch.bytes()), (0, &b""[..]));
    }

    #[test]
    fn a_shorter_text_leaves_no_tail_of_the_one_before_it() {
        let mut scratch = Scratch::new();
        assert!(scratch.extend(&[b'a'; 300]).is_ok());
        scratch.clear();
        assert!(scratch.extend(b"bc").is_ok() && scratch.push(b'd').is_ok());
        assert_eq!(scratch.bytes(), b"bcd");
        assert_eq!(scratch.bytes.len(), 384, "all of it is wiped on drop");
    }
}
