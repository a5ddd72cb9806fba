//! As much DER as public and private key files need: definite lengths, one byte tags, no copies.

/// What is left of a DER text.
#[derive(Clone, Copy)]
pub(crate) struct Der<'a>(pub(crate) &'a [u8]);

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_ID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;

impl<'a> Der<'a> {
    /// The next element, whatever it is: its tag and its contents.
    pub(crate) fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk::<2>()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // X.690 section 10.1: the shortest form, or the element has a second spelling.
            0x81 => {
                let (&[a], rest) = rest.split_first_chunk::<1>()?;
                (usize::from(a), rest)
            }
            0x82 => {
                let (&octets, rest) = rest.split_first_chunk::<2>()?;
                (usize::from(u16::from_be_bytes(octets)), rest)
            }
            _ => return None,
        };
        let shortest = match first {
            0x81 => length > 0x7f,
            0x82 => length > 0xff,
            _ => true,
        };
        if !shortest || tag & 0x1f == 0x1f {
            return None;
        }
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, contents))
    }

    /// The contents of the next element if it has that tag.
    pub(crate) fn element(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.any()
            .filter(|&(tag, _)| tag == wanted)
            .map(|(_, contents)| contents)
    }

    /// The next element as a sequence to read on in.
    pub(crate) fn sequence(&mut self) -> Option<Self> {
        self.element(SEQUENCE).map(Self)
    }

    /// A positive INTEGER without its sign octet.
    pub(crate) fn positive(&mut self) -> Option<&'a [u8]> {
        match self.element(INTEGER)? {
            [0, rest @ ..] if rest.first().is_some_and(|&first| first >= 0x80) => Some(rest),
            [0, _, ..] => None,
            octets if octets.first().is_some_and(|&first| first < 0x80) => Some(octets),
            _ => None,
        }
    }

    /// A BIT STRING of whole octets.
    pub(crate) fn octets_in_bits(&mut self) -> Option<&'a [u8]> {
        match self.element(BIT_STRING)? {
            [0, octets @ ..] => Some(octets),
            _ => None,
        }
    }

    /// Nothing may follow.
    pub(crate) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shortest_definite_length_is_read() {
        assert_eq!(Der(&[4, 1, 9]).element(OCTET_STRING), Some(&[9][..]));
        for text in [
            &[][..],
            &[4],
            &[4, 2, 9],
            &[4, 0x81, 1, 9],
            &[4, 0x82, 0, 1, 9],
            &[4, 0x80, 9, 0, 0],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x1f, 1, 9],
        ] {
            assert_eq!(Der(text).any(), None, "{text:?}");
        }
    }

    #[test]
    fn integers_are_positive_and_minimal() {
        assert_eq!(Der(&[2, 1, 5]).positive(), Some(&[5][..]));
        assert_eq!(Der(&[2, 2, 0, 0x80]).positive(), Some(&[0x80][..]));
        for text in [&[2, 0][..], &[2, 1, 0x80], &[2, 2, 0, 5]] {
            assert_eq!(Der(text).positive(), None, "{text:?}");
        }
    }
}
