//! Where the table takes its atomics from: the standard library, or loom when the protocol is model-checked.

#[cfg(hallpass_loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(not(hallpass_loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};
