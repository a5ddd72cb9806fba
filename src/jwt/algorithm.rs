//! The signature algorithms we speak, by their exact names; nothing here computes.

use core::fmt;

/// A signature algorithm of RFC 7518 section 3 or RFC 8037 section 3.1.
///
/// There is no `none`, and there are no ES512, ES256K or Ed448: a name that is not here is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256; verified, never signed.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384; verified, never signed.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512; verified, never signed.
    Rs512,
    /// RSASSA-PSS with SHA-256; verified, never signed.
    Ps256,
    /// RSASSA-PSS with SHA-384; verified, never signed.
    Ps384,
    /// RSASSA-PSS with SHA-512; verified, never signed.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384; verified, never signed.
    Es384,
    /// Ed25519.
    EdDsa,
}

/// The `kty` of a JWK (RFC 7518 section 6.1, RFC 8037 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyType {
    Oct,
    Rsa,
    Ec,
    Okp,
}

impl Algorithm {
    /// Every algorithm, in the order of RFC 7518.
    pub const ALL: [Self; 12] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The name as it stands in `alg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of exactly that name: names are case-sensitive (RFC 7515 section 4.1.1).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }

    pub(crate) const fn key_type(self) -> KeyType {
        match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => KeyType::Oct,
            Self::Rs256 | Self::Rs384 | Self::Rs512 => KeyType::Rsa,
            Self::Ps256 | Self::Ps384 | Self::Ps512 => KeyType::Rsa,
            Self::Es256 | Self::Es384 => KeyType::Ec,
            Self::EdDsa => KeyType::Okp,
        }
    }

    /// The least length of an HMAC secret: "a key of the same size as the hash output or larger
    /// MUST be used" (RFC 7518 section 3.2). Zero for the rest.
    pub(crate) const fn secret_bytes_min(self) -> usize {
        match self {
            Self::Hs256 => 32,
            Self::Hs384 => 48,
            Self::Hs512 => 64,
            _ => 0,
        }
    }

    /// The length of one coordinate (RFC 7518 section 6.2.1.2). Zero for what is not on a curve.
    pub(crate) const fn coordinate_bytes(self) -> usize {
        match self {
            Self::Es256 | Self::EdDsa => 32,
            Self::Es384 => 48,
            _ => 0,
        }
    }

    /// The `crv` that goes with the algorithm.
    pub(crate) const fn curve(self) -> Option<&'static str> {
        match self {
            Self::Es256 => Some("P-256"),
            Self::Es384 => Some("P-384"),
            Self::EdDsa => Some("Ed25519"),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_byte_for_byte() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
            assert_eq!(Algorithm::from_name(&algorithm.name().to_lowercase()), None);
        }
        for name in [
            "none", "None", "NONE", "nOnE", "", "HS256 ", "ES512", "ES256K", "Ed25519",
        ] {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }
}
