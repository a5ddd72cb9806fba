//! The public handle of a token: safe to log, list and revoke by; worth nothing without the secret.
//!
//! Sixty bits: 41 of milliseconds since [`EPOCH_MS`], 19 of sequence. Ids of one store only rise, so
//! sled appends rather than scatters, and "every token issued before now" is one number.

use core::fmt;
use core::str::FromStr;

/// 2025-01-01T00:00:00Z in Unix milliseconds. 41 bits of milliseconds last until 2094.
pub(crate) const EPOCH_MS: u64 = 1_735_689_600_000;

const SEQUENCE_BITS: u32 = 19;
const BITS: u32 = 60;
const MILLISECONDS_MAX: u64 = TokenId::MAX.0 >> SEQUENCE_BITS;
/// The digits of base62, in the order in which they sort.
pub(crate) const ALPHABET: &[u8; 62] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The value of each character.
const DIGITS: [u8; 256] = {
    let mut digits = [0; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        digits[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// The public handle of a token, also the `jti` of a JWT issued here.
///
/// Its text is eleven base62 characters and sorts as the number does, which is by time of issue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(u64);

impl TokenId {
    /// Length of the text form in bytes.
    pub const TEXT_BYTES: usize = 11;
    /// No token's: an epoch that kills whatever there is when no other id is left.
    pub(crate) const MAX: TokenId = TokenId((1 << BITS) - 1);
    pub(crate) const ZERO: TokenId = TokenId(0);

    /// The id whose number is `raw`, if it fits in 60 bits.
    pub fn from_u64(raw: u64) -> Option<Self> {
        (raw <= Self::MAX.0).then_some(Self(raw))
    }

    /// The number behind the text.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// When the token was issued, in Unix milliseconds. A burst of more than 2^19 tokens in one
    /// millisecond, or a clock that went back, borrows from the milliseconds that follow.
    pub const fn issued_at_ms(self) -> u64 {
        EPOCH_MS + (self.0 >> SEQUENCE_BITS)
    }

    /// The eleven base62 characters.
    pub const fn to_text(self) -> [u8; Self::TEXT_BYTES] {
        let mut text = [0; Self::TEXT_BYTES];
        let mut rest = self.0;
        let mut at = Self::TEXT_BYTES;
        while at > 0 {
            at -= 1;
            text[at] = ALPHABET[(rest % 62) as usize];
            rest /= 62;
        }
        text
    }

    /// Reads exactly eleven base62 characters that encode a number of at most 60 bits.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        const MAX_TEXT: [u8; TokenId::TEXT_BYTES] = TokenId::MAX.to_text();
        let text: &[u8; Self::TEXT_BYTES] = text.try_into().ok()?;
        // Characters sort as the digits do that they stand for.
        let fits = *text <= MAX_TEXT && text.iter().all(u8::is_ascii_alphanumeric);
        fits.then(|| Self(base62_value(text)))
    }

    /// The least id that a token issued after `last`, at `now_ms`, may take; `None` when the ids
    /// of this store are used up.
    pub(crate) fn next(last: Self, now_ms: u64) -> Option<Self> {
        let by_clock = now_ms.saturating_sub(EPOCH_MS).min(MILLISECONDS_MAX);
        let next = Self((by_clock << SEQUENCE_BITS).max(last.0 + 1));
        (next < Self::MAX).then_some(next)
    }
}

/// The last second in which an epoch of this number kills what others issued, who have no id here. An
/// id cannot tell a time after 2094: such an epoch kills whatever they issue.
#[cfg(feature = "jwt")]
pub(crate) fn epoch_secs(epoch: u64) -> u64 {
    match TokenId::from_u64(epoch) {
        Some(id) if id.0 >> SEQUENCE_BITS < MILLISECONDS_MAX => id.issued_at_ms() / 1000,
        _ => u64::MAX,
    }
}

/// The number that these base62 characters encode; of other characters, any number.
///
/// By a table and without a branch: where unknown tokens come in, their characters are anything but
/// predictable.
pub(crate) fn base62_value(text: &[u8]) -> u64 {
    text.iter().fold(0_u64, |number, byte| {
        let digit = DIGITS[usize::from(*byte)];
        number.wrapping_mul(62).wrapping_add(u64::from(digit))
    })
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_text();
        f.pad(core::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenId({self})")
    }
}

/// The text was not eleven base62 characters of a 60-bit number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a token id: want eleven base62 characters")]
pub struct NotATokenId;

impl FromStr for TokenId {
    type Err = NotATokenId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_text(text.as_bytes()).ok_or(NotATokenId)
    }
}

impl serde::Serialize for TokenId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_sorts_as_the_number_does() {
        let ids = [0, 1, 61, 62, 63, 1 << 19, 1 << 40, TokenId::MAX.0];
        for pair in ids.windows(2) {
            let (low, high) = (TokenId(pair[0]), TokenId(pair[1]));
            assert!(low.to_text() < high.to_text());
            assert_eq!(TokenId::from_text(&low.to_text()), Some(low));
            assert_eq!(high.to_string().parse(), Ok(high));
            assert_eq!(high.as_u64(), pair[1]);
        }
    }

    #[test]
    fn logs_and_json_show_the_text() {
        let text = TokenId::MAX.to_string();
        assert_eq!(format!("{:?}", TokenId::MAX), format!("TokenId({text})"));
        assert_eq!(serde_json::json!(TokenId::MAX), text);
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in [
            "",
            "0",
            "0000000000",
            "000000000000",
            "0000000000-",
            "zzzzzzzzzzz",
            "LygHa16AHYF",
        ] {
            assert!(text.parse::<TokenId>().is_err(), "{text}");
        }
    }

    #[test]
    fn ids_rise_even_when_the_clock_goes_back() {
        let first = TokenId::next(TokenId::ZERO, EPOCH_MS + 5_000).unwrap();
        let second = TokenId::next(first, EPOCH_MS).unwrap();
        assert!(second > first);
        assert_eq!(first.issued_at_ms(), EPOCH_MS + 5_000);
        let last = TokenId::next(TokenId(TokenId::MAX.0 - 2), EPOCH_MS).unwrap();
        assert_eq!(last.0, TokenId::MAX.0 - 1);
        for last in [last, TokenId::MAX] {
            assert_eq!(TokenId::next(last, u64::MAX), None);
        }
        let last_ms = EPOCH_MS + (1 << 41) - 1;
        for beyond in [last_ms + 1, u64::MAX] {
            let id = TokenId::next(TokenId::ZERO, beyond).unwrap();
            assert_eq!(id.issued_at_ms(), last_ms);
        }
    }
}
