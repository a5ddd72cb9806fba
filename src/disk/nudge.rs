//! Wakes calls that wait for something that will not come: a thread that looks after them, ten times
//! a second while there are any, and sleeps otherwise. Knows nothing of what they do.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a call may wait in vain.
const TICK: Duration = Duration::from_millis(100);

pub(super) struct Nudge {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    /// Calls under way.
    calls: AtomicUsize,
    /// Whether the thread sleeps until it is woken.
    is_asleep: AtomicBool,
    is_over: Mutex<bool>,
    woken: Condvar,
}

impl Nudge {
    /// From here on `nudge` is called now and then while a call is under way.
    pub(super) fn start(nudge: impl Fn() + Send + 'static) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let watched = Arc::clone(&state);
        let thread = thread::Builder::new()
            .name("hallpass disk".to_owned())
            .spawn(move || watched.watch(nudge))?;
        Ok(Self {
            state,
            thread: Some(thread),
        })
    }

    /// Makes a call, and looks after it.
    pub(super) fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        let _under_way = UnderWay::new(&self.state);
        call()
    }
}

impl Drop for Nudge {
    fn drop(&mut self) {
        *self.state.lock() = true;
        self.state.woken.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl State {
    fn lock(&self) -> std::sync::MutexGuard<'_, bool> {
        self.is_over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self, nudge: impl Fn()) {
        let mut is_over = self.lock();
        while !*is_over {
            // Either we see the call here, or it sees that we sleep.
            self.is_asleep.store(true, Ordering::SeqCst);
            if self.calls.load(Ordering::SeqCst) == 0 {
                is_over = self
                    .woken
                    .wait(is_over)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            self.is_asleep.store(false, Ordering::SeqCst);
            let waited = self.woken.wait_timeout(is_over, TICK);
            is_over = waited.unwrap_or_else(PoisonError::into_inner).0;
            if !*is_over && self.calls.load(Ordering::SeqCst) > 0 {
                nudge();
            }
        }
    }
}

/// Counts a call until it has returned or panicked.
struct UnderWay<'a>(&'a State);

impl<'a> UnderWay<'a> {
    fn new(state: &'a State) -> Self {
        state.calls.fetch_add(1, Ordering::SeqCst);
        if state.is_asleep.load(Ordering::SeqCst) {
            drop(state.lock());
            state.woken.notify_one();
        }
        Self(state)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_call_that_waits_is_nudged_and_an_idle_thread_is_not() {
        let (sender, receiver) = mpsc::channel();
        let nudge = Nudge::start(move || {
            let _ = sender.send(());
        })
        .unwrap();
        thread::sleep(TICK * 3);
        assert!(receiver.try_recv().is_err(), "nobody was waiting");
        for _ in 0..2 {
            nudge.during(|| receiver.recv_timeout(TICK * 100).unwrap());
            thread::sleep(TICK * 3);
            while receiver.try_recv().is_ok() {}
        }
        drop(nudge);
        assert!(receiver.recv().is_err(), "its thread is gone");
    }
}
