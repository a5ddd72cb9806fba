//! Signed tokens: JWTs of this store and of foreign issuers, verified in process, without network.

mod algorithm;
mod backend;
mod base64url;
mod claims;
mod compact;
mod der;
mod embedded_id;
mod foreign;
mod header;
mod json;
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
mod verify;

pub use algorithm::Algorithm;
pub use embedded_id::embedded_id;
pub use foreign::{ForeignIssuer, ForeignIssuers};
pub use jwks::{KeySet, KeySetError};
pub use key::VerifyingKey;
pub use key_error::KeyError;
pub use key_source::{KeySource, SharedKeys};
pub use mapping::{ClaimsMapping, ForeignClient};
pub use new_claims::NewClaims;
pub use policy::Expect;
pub use sign::{PrivateKeyText, SigningKey};
pub use verify::{Verified, VerifiedPayload, verify, verify_jws};
