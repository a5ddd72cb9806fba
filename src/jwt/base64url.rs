//! base64url as JOSE has it: no padding, no white space, one spelling for each octet string.
//!
//! RFC 7515 section 2: "Base64url Encoding ... with all trailing '=' characters omitted and without
//! the inclusion of any line breaks, whitespace, or other additional characters." Trailing bits
//! that encode nothing must be zero, or one token would have several texts.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// The octets behind `text`, or `None` if it is not their one spelling.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut octets = vec![0; base64::decoded_len_estimate(text.len())];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut octets).ok()?;
    octets.truncate(length);
    Some(octets)
}

/// Appends the spelling of `octets` to `text`. They may be a secret: nothing else keeps it.
pub(crate) fn encode_into(octets: &[u8], text: &mut String) {
    let mut spelled = Zeroizing::new(vec![0; octets.len().div_ceil(3) * 4]);
    // The slice holds the padded length, so it cannot be too short for the unpadded one.
    let length = URL_SAFE_NO_PAD
        .encode_slice(octets, &mut spelled)
        .unwrap_or(0);
    text.extend(spelled[..length].iter().map(|&byte| char::from(byte)));
}

/// The spelling of `octets`.
pub(crate) fn encode(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len().div_ceil(3) * 4);
    encode_into(octets, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_octet_string_has_one_spelling() {
        assert_eq!(decode(b"").as_deref(), Some(&b""[..]));
        assert_eq!(decode(b"AA").as_deref(), Some(&b"\0"[..]));
        assert_eq!(decode(b"-_-_").as_deref(), Some(&[0xfb, 0xff, 0xbf][..]));
        for other in [
            "AB", "AA==", "AA=", "A", "+/+/", "A A", "AA\n", "AAB", "\u{e9}",
        ] {
            assert_eq!(decode(other.as_bytes()), None, "{other:?}");
        }
    }

    #[test]
    fn what_is_encoded_decodes() {
        for length in 0..70 {
            let octets: Vec<u8> = (0..length).map(|i| (i * 37) as u8).collect();
            assert_eq!(decode(encode(&octets).as_bytes()), Some(octets));
        }
    }
}
