//! What each system does with a request, in its own order: one file a system, each of them calling
//! the same grammars. A profile's rules know where to look; they don't know what a store is.

mod field;
mod flipt;
mod frappe;
mod frontier;
pub(super) mod strict;
mod wispr;

use super::found::{Found, Refusal};
use super::profile::{Profile, System};
use super::request::{Headers, Request};
use super::scratch::Scratch;

pub(super) type Finding<'r> = Result<Found<'r>, Refusal<'r>>;

/// Finds the credential by the rules of the profile's system.
pub(super) fn find<'r, H: Headers + ?Sized>(
    profile: &Profile,
    request: &Request<'r, H>,
    scratch: &mut Scratch,
) -> Finding<'r> {
    match profile.system {
        System::Strict => strict::find(profile, request, scratch),
        System::Flipt | System::FliptJwt => flipt::find(profile, request),
        System::Frontier => frontier::find(profile, request, scratch),
        System::Frappe => frappe::find(profile, request, scratch),
        System::Wispr => wispr::find(profile, request, scratch),
    }
}
