//! Ways to damage the bytes of a file from a place on.

pub(crate) fn flip(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes[at] ^= 1 << (at % 8);
    bytes
}

pub(crate) fn zero(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes[at..].iter_mut().take(64).for_each(|byte| *byte = 0);
    bytes
}

pub(crate) fn cut(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes.truncate(at);
    bytes
}
