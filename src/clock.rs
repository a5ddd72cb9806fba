//! The only file that reads a clock.

use core::fmt;
use std::sync::Arc;

/// Where the store takes the time from: whole seconds since 1970-01-01T00:00:00Z, as in RFC 7519.
///
/// It may stand still, jump and go back; the store keeps the highest instant it has seen and never
/// believes an earlier one.
pub trait Clock: Send + Sync + 'static {
    /// The time now, in Unix seconds. Called on the hot path: it must be cheap and must not block.
    fn now_secs(&self) -> u64;
}

/// The system's wall clock, read at the kernel's tick (a few milliseconds coarse, no system call).
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[inline]
    fn now_secs(&self) -> u64 {
        now_secs()
    }
}

/// CLOCK_REALTIME_COARSE costs 3 ns where `SystemTime::now` costs 25, and its error of a tick is
/// nothing beside the unit of a second.
#[cfg(target_os = "linux")]
#[inline]
fn now_secs() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    u64::try_from(time.tv_sec).unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
fn now_secs() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The clock of one store: the system's without an indirect call, or the embedder's.
#[derive(Clone)]
pub(crate) enum StoreClock {
    System,
    Custom(Arc<dyn Clock>),
}

impl StoreClock {
    #[inline]
    pub(crate) fn now_secs(&self) -> u64 {
        match self {
            StoreClock::System => now_secs(),
            StoreClock::Custom(clock) => clock.now_secs(),
        }
    }
}

impl fmt::Debug for StoreClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StoreClock::System => "System",
            StoreClock::Custom(_) => "Custom",
        })
    }
}

/// A clock that tests set by hand.
#[cfg(test)]
#[derive(Clone)]
pub(crate) struct Hand(pub(crate) Arc<std::sync::atomic::AtomicU64>);

#[cfg(test)]
impl Clock for Hand {
    fn now_secs(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_agrees_with_the_standard_library() {
        let std_now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        assert!(SystemClock.now_secs().abs_diff(std_now) <= 2);
    }
}
