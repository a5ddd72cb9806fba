//! Keys in PEM (RFC 7468): SPKI, PKCS#1 and X.509 public keys, PKCS#8 private keys of our own kinds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, KeyType};
use super::der::{self, Der};
use super::key::VerifyingKey;
use super::key_error::KeyError;
use crate::secret::Secret;

/// A certificate with a long list of names stays well below.
const PEM_BYTES_MAX: usize = 16 * 1024;

const UNREADABLE: KeyError = KeyError::Unreadable { what: "PEM" };

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

pub(crate) fn verifying_key(text: &str, algorithm: Algorithm) -> Result<VerifyingKey, KeyError> {
    let (label, der) = decode(text).ok_or(UNREADABLE)?;
    let mut der = Der(&der);
    match label {
        "PUBLIC KEY" => from_spki(whole(&mut der)?, algorithm),
        "RSA PUBLIC KEY" => from_pkcs1(&mut der, algorithm),
        "CERTIFICATE" => {
            let spki = spki_of_certificate(&mut der).ok_or(UNREADABLE)?;
            from_spki(spki, algorithm)
        }
        _ => Err(UNREADABLE),
    }
}

/// The 32 octets of a P-256 or Ed25519 private key in PKCS#8 (RFC 5958, RFC 5915, RFC 8410).
pub(crate) fn private_key(text: &str) -> Result<(Algorithm, Zeroizing<[u8; 32]>), KeyError> {
    let (label, der) = decode(text).ok_or(UNREADABLE)?;
    if label != "PRIVATE KEY" {
        return Err(UNREADABLE);
    }
    from_pkcs8(&der).ok_or(UNREADABLE)
}

/// Writes `der` as PEM with lines of 64 characters.
pub(crate) fn encode(label: &str, der: &[u8]) -> Secret {
    let mut base64 = Zeroizing::new(vec![0; der.len().div_ceil(3) * 4]);
    let length = STANDARD.encode_slice(der, &mut base64).unwrap_or(0);
    // Large enough not to move, which would leave a copy behind.
    let mut text = String::with_capacity(length + length / 64 + 80);
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    for line in base64[..length].chunks(64) {
        text.extend(line.iter().map(|&byte| char::from(byte)));
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    Secret::new(text)
}

/// The one block in `text`: its label and its octets. Text around it is white space only.
fn decode(text: &str) -> Option<(&str, Zeroizing<Vec<u8>>)> {
    if text.len() > PEM_BYTES_MAX {
        return None;
    }
    let rest = text.trim_ascii().strip_prefix("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let rest = rest.strip_suffix("-----")?;
    let (body, end) = rest.split_once("-----END ")?;
    if end != label {
        return None;
    }
    let base64: Zeroizing<Vec<u8>> = Zeroizing::new(
        body.bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect(),
    );
    let mut octets = Zeroizing::new(vec![0; base64::decoded_len_estimate(base64.len())]);
    let length = STANDARD.decode_slice(&base64[..], &mut octets).ok()?;
    octets.truncate(length);
    Some((label, octets))
}

fn whole<'a>(der: &mut Der<'a>) -> Result<Der<'a>, KeyError> {
    let inner = der.sequence().ok_or(UNREADABLE)?;
    der.end().ok_or(UNREADABLE)?;
    Ok(inner)
}

/// ```asn1
/// SubjectPublicKeyInfo ::= SEQUENCE {
///   algorithm SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL },
///   subjectPublicKey BIT STRING }
/// ```
fn from_spki(mut spki: Der<'_>, algorithm: Algorithm) -> Result<VerifyingKey, KeyError> {
    let mut identifier = spki.sequence().ok_or(UNREADABLE)?;
    let object_id = identifier.element(der::OBJECT_ID).ok_or(UNREADABLE)?;
    let key = spki.octets_in_bits().ok_or(UNREADABLE)?;
    spki.end().ok_or(UNREADABLE)?;
    let wrong = KeyError::Algorithm { algorithm };
    match (algorithm.key_type(), object_id) {
        (KeyType::Rsa, RSA) => from_pkcs1(&mut Der(key), algorithm),
        (KeyType::Okp, ED25519) => VerifyingKey::from_ed25519(key),
        (KeyType::Ec, EC) => {
            let curve = if algorithm == Algorithm::Es256 {
                P256
            } else {
                P384
            };
            if identifier.element(der::OBJECT_ID) != Some(curve) {
                return Err(wrong);
            }
            let [4, point @ ..] = key else {
                return Err(KeyError::Unsupported);
            };
            let (x, y) = point.split_at(point.len() / 2);
            VerifyingKey::from_ec(algorithm, x, y)
        }
        (_, RSA | EC | ED25519) => Err(wrong),
        _ => Err(KeyError::Unsupported),
    }
}

/// `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }`
fn from_pkcs1(der: &mut Der<'_>, algorithm: Algorithm) -> Result<VerifyingKey, KeyError> {
    let mut key = whole(der)?;
    let (Some(n), Some(e)) = (key.positive(), key.positive()) else {
        return Err(UNREADABLE);
    };
    key.end().ok_or(UNREADABLE)?;
    VerifyingKey::from_rsa(algorithm, n, e)
}

/// RFC 5280 section 4.1: `[0] version`, serial, signature, issuer, validity, subject, then the key.
fn spki_of_certificate<'a>(der: &mut Der<'a>) -> Option<Der<'a>> {
    let mut certificate = der.sequence()?;
    der.end()?;
    let mut signed = certificate.sequence()?;
    signed.element(0xa0)?;
    signed.element(der::INTEGER)?;
    for _ in 0..4 {
        signed.element(der::SEQUENCE)?;
    }
    signed.sequence()
}

fn from_pkcs8(octets: &[u8]) -> Option<(Algorithm, Zeroizing<[u8; 32]>)> {
    let mut key = Der(octets).sequence()?;
    key.element(der::INTEGER)?;
    let mut identifier = key.sequence()?;
    let object_id = identifier.element(der::OBJECT_ID)?;
    let mut inner = Der(key.element(der::OCTET_STRING)?);
    let (algorithm, secret) = match object_id {
        ED25519 => (Algorithm::EdDsa, inner.element(der::OCTET_STRING)?),
        EC if identifier.element(der::OBJECT_ID) == Some(P256) => {
            let mut private = inner.sequence()?;
            private.element(der::INTEGER)?;
            (Algorithm::Es256, private.element(der::OCTET_STRING)?)
        }
        _ => return None,
    };
    Some((algorithm, Zeroizing::new(secret.try_into().ok()?)))
}

/// The PKCS#8 text of a private key: fixed octets around `secret`. The public key of P-256 is put
/// in when it is known, as RFC 5915 asks.
pub(crate) fn pkcs8(
    algorithm: Algorithm,
    secret: &[u8; 32],
    point: Option<&[u8]>,
) -> Zeroizing<Vec<u8>> {
    const ED25519_HEAD: [u8; 16] = [
        0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
    ];
    const P256_HEAD: [u8; 23] = [
        2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48,
        0xce, 0x3d, 3, 1,
    ];
    if algorithm == Algorithm::EdDsa {
        return Zeroizing::new([&ED25519_HEAD[..], secret].concat());
    }
    let private = Zeroizing::new([&[2, 1, 1, 4, 0x20], &secret[..]].concat());
    let public = match point {
        // [1] EXPLICIT BIT STRING of 65 octets.
        Some(point) => [&[0xa1, 0x44, 3, 0x42, 0], point].concat(),
        None => Vec::new(),
    };
    let inner = private.len() + public.len();
    let outer = P256_HEAD.len() + 1 + 2 + 2 + inner;
    let mut text = Zeroizing::new(Vec::with_capacity(outer + 3));
    text.push(0x30);
    if outer > 0x7f {
        text.push(0x81);
    }
    text.push(outer as u8);
    text.extend_from_slice(&P256_HEAD);
    text.extend_from_slice(&[7, 4, inner as u8 + 2, 0x30, inner as u8]);
    text.extend_from_slice(&private);
    text.extend_from_slice(&public);
    text
}
