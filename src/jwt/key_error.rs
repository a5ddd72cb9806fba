//! Why a key, a key set or a policy was refused when it was loaded; never seen by a client.

use super::algorithm::Algorithm;

/// A key, a key set or a claim set that cannot be used. Found at load time, by whoever configures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is not the JSON, PEM or DER it should be, or it is larger than a key can be.
    #[error("not a readable {what}: give one well-formed {what}, without anything around it")]
    Unreadable {
        /// What was expected.
        what: &'static str,
    },
    /// A member that this kind of key must have is missing, of the wrong type or wrongly encoded.
    #[error("the key's {member:?} is missing or malformed: see RFC 7517 and RFC 7518 section 6")]
    Member {
        /// The member of the JWK.
        member: &'static str,
    },
    /// A kind of key, a curve or an algorithm that hallpass does not speak.
    #[error("key type, curve or algorithm is not supported: use HS, RS, PS, ES256, ES384 or EdDSA")]
    Unsupported,
    /// The key's type, curve or `alg` is not that of the algorithm it should serve.
    #[error("the key cannot serve {algorithm}: its type, curve or \"alg\" says otherwise")]
    Algorithm {
        /// The algorithm that was asked for.
        algorithm: Algorithm,
    },
    /// `use` is not `sig`, or `key_ops` does not allow verification, or allows something foreign.
    #[error(
        "the key is not meant for signatures: \"use\" must be sig, \"key_ops\" sign and verify"
    )]
    Purpose,
    /// An HMAC secret shorter than its hash.
    #[error("the secret has {bytes} bytes, the algorithm needs {bytes_min}: generate a random one")]
    WeakSecret {
        /// How long it is.
        bytes: usize,
        /// How long it has to be.
        bytes_min: usize,
    },
    /// An RSA key of the wrong size, with a bad exponent, or of the flawed kind of CVE-2017-15361.
    #[error(
        "the RSA key is refused ({why}): generate a new one of 2048 to 4096 bits with e = 65537"
    )]
    WeakRsa {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The point is not on the curve.
    #[error("the public key is not a point on its curve: the key is damaged or forged")]
    NotOnCurve,
    /// A key name that is empty, too long or holds control characters.
    #[error("the key's \"kid\" is empty, longer than 256 bytes, or holds control characters")]
    KeyId,
    /// Two keys of one set have the same name.
    #[error("two keys of the set are both called the same: \"kid\" must be unique in a set")]
    DuplicateKeyId,
    /// A set without keys, or with more than 64.
    #[error("the set holds no key, or more than 64")]
    Count,
    /// Secret and public keys in one set: either a secret was published or two roles were mixed.
    #[error("the set mixes HMAC secrets with public keys: keep them in sets of their own")]
    MixedSet,
    /// Claims that our own verifier would refuse: a name that the signer sets itself or that
    /// resembles one, a name given twice, or more than 16 levels.
    #[error("the claims cannot be signed: reserved or repeated name, or nested too deep")]
    Claims,
    /// Several foreign issuers, one of which names no issuer: its keys could speak for the others.
    #[error("with several issuers each needs the \"iss\" that it may say: call Expect::issuer")]
    IssuerUnnamed,
    /// The signed token would be longer than a verifier accepts.
    #[error("the token would be longer than 8 KiB: sign fewer or shorter claims")]
    TokenTooLarge,
    /// The operating system gave no random bits, or the arithmetic backend failed.
    #[error("the system's random source or the signature backend failed: try again")]
    Backend,
}
