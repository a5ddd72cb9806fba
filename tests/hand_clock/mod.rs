//! A clock that tests set by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hallpass::Clock;

#[derive(Clone)]
pub(crate) struct HandClock(pub(crate) Arc<AtomicU64>);

impl Clock for HandClock {
    fn now_secs(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
