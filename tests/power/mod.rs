//! Power loss, replayed: the system calls of a real process are recorded with strace, and from them
//! follows what a disk could hold at any moment ([`medium`]).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what is shared by tests is a test, but clippy takes only #[test] for one"
)]

pub(crate) mod image;
pub(crate) mod medium;
mod node;
pub(crate) mod trace;
