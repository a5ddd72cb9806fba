//! The grammars of what clients show: where in a request a credential stands, and how it is read.
//!
//! Everything here borrows from the request (what has to be decoded goes to a [`Scratch`]),
//! allocates nothing once a [`Profile`] is made, reads a request once, in linear time, within
//! limits that are checked first, and prints no secret. It knows no token store: a [`Credential`]
//! is well-formed, not valid.
//!
//! [`Profile::strict`] reads the RFCs and refuses what they leave open. The other profiles
//! reproduce what five systems in the field accept, for those who move from one of them.
//!
//! ```
//! use hallpass::credential::{Credential, Profile, Request, Scratch, Source};
//!
//! let profile = Profile::strict().cookie("session")?;
//! let headers = [("Cookie", "theme=dark; session=hp_x")];
//! let mut scratch = Scratch::new();
//! match profile.find(&Request::new(&headers), &mut scratch) {
//!     Ok(Credential::Token { text, source: Source::Cookie, .. }) => assert_eq!(text, b"hp_x"),
//!     Ok(_) => unreachable!("no other credential was sent"),
//!     Err(inactive) => panic!("{}", inactive.code()),
//! }
//! # Ok::<_, hallpass::credential::NotAName>(())
//! ```

mod base64;
mod basic;
mod bytes;
mod cookie;
mod explanation;
mod found;
mod limits;
mod presented;
mod profile;
mod query;
mod reading;
mod request;
mod rules;
mod scheme;
mod scratch;
mod source;
mod subprotocol;
mod token_pair;
mod unverified;

pub use explanation::Explanation;
pub use found::Outcome;
pub use limits::{COOKIE_BYTES_MAX, COOKIE_PAIRS_MAX, CREDENTIAL_BYTES_MAX, QUERY_BYTES_MAX};
pub use presented::Credential;
pub use profile::{NotAName, Profile};
pub use request::{AuthorizationValue, Headers, Request};
pub use scheme::Scheme;
pub use scratch::Scratch;
pub use source::{Source, Transport};
