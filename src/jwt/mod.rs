//! Signed tokens: JWTs of this store and of foreign issuers, verified in process, without network.

mod algorithm;
mod backend;
mod base64url;
mod claims;
mod compact;
mod der;
mod header;
mod json;
mod jwk;
mod jwks;
mod key;
mod key_error;
mod pem;
mod policy;
mod rsa_check;
mod thumbprint;
mod verify;

pub use algorithm::Algorithm;
pub use jwks::{KeySet, KeySetError};
pub use key::VerifyingKey;
pub use key_error::KeyError;
pub use policy::Expect;
pub use verify::{Verified, VerifiedPayload, verify, verify_jws};
