//! Signed tokens: JWTs of this store and of foreign issuers, verified in process, without network.
//!
//! A key has one algorithm, a token is checked in one order, and only the verifier makes a
//! [`Verified`]. Nothing here reads a clock, a file or a socket. `jsonwebtoken` computes the
//! signatures; parsing and judging are ours, because its defaults are not strict enough.
//!
//! ```
//! use hallpass::jwt::{Algorithm, Expect, KeySet, NewClaims, SigningKey, verify};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = SigningKey::generate(Algorithm::EdDsa)?;
//! let claims = NewClaims::new("0123456789A".parse()?, "client-1", 1_000, 4_600).audience("api");
//! let token = key.sign(&claims)?;
//!
//! let keys = KeySet::from(key.verifying_key().clone());
//! let expect = Expect::new().audience("api").typ("at+jwt");
//! let verified = verify(token.as_bytes(), &keys, &expect, 2_000)?;
//! assert_eq!(verified.client_id(), Some("client-1"));
//! # Ok(())
//! # }
//! ```
//!
//! # In a store
//!
//! A [`Store`](crate::Store) keeps signing keys, and remembers every token they sign. Showing such a
//! token costs a digest and a look-up, not a signature, and it can be revoked like any other. What
//! the store does not know takes the full check, whose first complaint is the reason.
//!
//! ```
//! use std::time::Duration;
//! use hallpass::{Inactive, NewToken, Options, jwt::Algorithm};
//!
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path();
//! let store = Options::new().jwt_issuer("https://issuer.example").open(path)?;
//! let first = store.generate_signing_key(Algorithm::EdDsa)?;
//! let hour = Duration::from_secs(3600);
//! let old = store.issue(NewToken::jwt("client-1").audience("api").lifetime(hour))?;
//!
//! store.rotate_signing_key(Algorithm::EdDsa)?;
//! let new = store.issue(NewToken::jwt("client-1").audience("api").lifetime(hour))?;
//! let validator = store.validator().for_audience("api");
//! assert!(validator.validate(old.secret.expose()).is_ok());
//!
//! store.retire_key(&first.kid)?; // all that it signed is dead
//! let refused = validator.validate(old.secret.expose());
//! assert_eq!(refused.unwrap_err(), Inactive::Revoked);
//! assert!(validator.validate(new.secret.expose()).is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Private keys stand on disk encrypted under a key derived from the store's digest key: keep that
//! outside the directory ([`Options::digest_key`](crate::Options::digest_key)), and a stolen directory
//! signs nothing; or supply the signing key too, whenever the store is opened
//! ([`Options::signing_key`](crate::Options::signing_key)), and the store never writes it. Clients that
//! sign for themselves have their public keys in the store
//! ([`Store::generate_client_key`](crate::Store::generate_client_key)), and each assertion
//! [counts once](crate::Validator::validate_client_assertion); tokens of foreign issuers are
//! [verified once and remembered](crate::Validator::validate_foreign), and can be
//! [revoked](crate::Store::revoke_foreign).
//!
//! # RFC 8725, item by item
//!
//! Tests are in `tests/jwt_attacks_fail.rs` unless another file is named.
//!
//! | item | what we do | held by |
//! |---|---|---|
//! | 3.1 algorithm verification | one algorithm per key, `alg` equal byte for byte, a JSON string | `an_algorithm_is_pinned_to_its_key`, `a_public_key_is_no_hmac_secret` |
//! | 3.2 appropriate algorithms | no `none`, no ES512, no RSA signing | `none_in_any_spelling_is_no_algorithm`, `rsa_and_the_rest_never_sign` (`sign.rs`) |
//! | 3.3 validate all operations | one order, all vectors | `tests/jws_vectors_hold.rs` |
//! | 3.4 validate inputs | point on its curve, no small order, RSA size, exponent and origin | `key.rs`, `rsa_check.rs`, `tests/pem_keys_load.rs` |
//! | 3.5 key entropy | a secret is as long as the hash, generated keys come from the system | `weak_secrets_are_refused` (`key.rs`) |
//! | 3.6 no compression | `zip`, `enc`, `cty: JWT` refused | `extensions_compression_encryption_and_nesting_are_refused` |
//! | 3.7 UTF-8 | BOM and invalid octets refused | `one_signed_text_has_one_reading` |
//! | 3.8, 3.9 issuer, audience | configured means required; a named audience must be ours | `what_is_configured_is_required` (`policy.rs`), `an_issuer_speaks_only_for_itself` (`foreign.rs`) |
//! | 3.10 do not trust claims | `kid` is a name; `jku`, `jwk`, `x5u`, `x5c` refused | `a_kid_is_a_name_and_nothing_else`, `a_token_brings_no_key` |
//! | 3.11 explicit typing | `typ: at+jwt` is signed, and required if asked for | `the_type_is_checked_when_it_is_given_or_wanted` (`policy.rs`) |
//! | 3.12 rules per kind of token | an [`Expect`] for each issuer | `tests/jwt_policy_cases_hold.rs` |
//!
//! # Limits
//!
//! A token has at most 8 KiB, a header 1 KiB, a `kid` 256 bytes, JSON 16 levels; a set has at most
//! 64 keys and 64 KiB; an RSA key has 2048 to 4096 bits (8192 with `aws_lc_rs`). With the feature
//! `aws_lc_rs` all signatures are computed by AWS-LC, without it by RustCrypto; what other crates
//! of the program choose for `jsonwebtoken`'s process-wide provider neither matters nor is touched.

mod algorithm;
mod backend;
mod base64url;
mod claims;
mod compact;
mod der;
mod embedded_id;
mod foreign;
mod header;
mod jwk;
mod jwks;
mod key;
mod key_error;
mod key_source;
mod mapping;
mod new_claims;
mod pem;
mod policy;
mod rsa_check;
mod sign;
mod thumbprint;
mod times;
mod verify;

use crate::json;

pub use algorithm::Algorithm;
pub(crate) use embedded_id::embedded_expiry;
pub use embedded_id::embedded_id;
pub(crate) use foreign::Vouched;
pub use foreign::{ForeignIssuer, ForeignIssuers};
pub use jwks::{KeySet, KeySetError};
pub use key::VerifyingKey;
pub use key_error::KeyError;
pub use key_source::{KeySource, SharedKeys};
pub use mapping::{ClaimsMapping, ForeignClient};
pub use new_claims::NewClaims;
pub use policy::Expect;
pub use sign::SigningKey;
pub(crate) use verify::Unverified;
pub use verify::{Verified, VerifiedPayload, verify, verify_jws};
