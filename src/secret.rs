//! The only file that owns plaintext: wiped when dropped, never printed, shown by one method.

use core::fmt;

use zeroize::{Zeroize, Zeroizing};

use crate::token_id::ALPHABET;

/// A secret text, handed out once when it is issued.
///
/// It has no `Clone`, no `PartialEq`, no `Display`, and its `Debug` says nothing. Its memory is
/// wiped when it is dropped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The plaintext. What is done with it from here on is the caller's care.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Random base62 characters, straight from the operating system.
pub(crate) fn random_base62(text: &mut String, characters: usize) -> std::io::Result<()> {
    let mut random = Zeroizing::new([0u8; 64]);
    let mut missing = characters;
    while missing > 0 {
        fill_random(&mut *random)?;
        for character in random.iter().filter_map(character_of).take(missing) {
            text.push(character);
            missing -= 1;
        }
    }
    Ok(())
}

/// The base62 character that a random byte stands for. Bytes of 248 and above stand for none, so
/// that every character is equally likely.
fn character_of(byte: &u8) -> Option<char> {
    (*byte < 248).then(|| char::from(ALPHABET[usize::from(byte % 62)]))
}

/// Fills `bytes` from the operating system.
pub(crate) fn fill_random(bytes: &mut [u8]) -> std::io::Result<()> {
    getrandom::fill(bytes).map_err(|error| {
        bytes.zeroize();
        error.raw_os_error().map_or_else(
            || std::io::Error::other("the system's random source failed"),
            std::io::Error::from_raw_os_error,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_leak_secret() {
        let secret = Secret::new("hp_canary".to_owned());
        assert_eq!(format!("{secret:?}"), "Secret(***)");
        assert_eq!(secret.expose(), "hp_canary");
    }

    #[test]
    fn random_text_has_the_asked_length_and_every_character() {
        let mut text = String::new();
        random_base62(&mut text, 20_000).unwrap();
        assert_eq!(text.len(), 20_000);
        let mut seen: Vec<u8> = text.bytes().collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 62);
    }

    #[test]
    fn every_character_is_equally_likely() {
        for wanted in ALPHABET {
            let bytes = (0..=255).filter(|byte| character_of(byte) == Some(char::from(*wanted)));
            assert_eq!(bytes.count(), 4, "{wanted}");
        }
    }
}
