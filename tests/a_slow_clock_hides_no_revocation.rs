//! A call that is held up while it reads the clock still sees what was revoked meanwhile.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass::testkit::FakeDisk;
use hallpass::{Clock, Inactive, NewToken, Options};

/// A clock that, once it was given a stop, says when it is asked and answers when it may.
#[derive(Clone, Default)]
struct Slow(Arc<Mutex<Option<Stop>>>);

struct Stop {
    asked: Sender<()>,
    may_answer: Receiver<()>,
}

impl Clock for Slow {
    fn now_secs(&self) -> u64 {
        let stop = self.0.lock().unwrap().take();
        if let Some(stop) = stop {
            stop.asked.send(()).unwrap();
            stop.may_answer.recv().unwrap();
        }
        1_800_000_000
    }
}

#[test]
fn what_is_revoked_while_the_clock_is_read_is_refused() {
    // The usual prefix, and the longest.
    for prefix in ["hp", "abcdefghijk"] {
        revoked_while_the_clock_is_read(prefix);
    }
}

fn revoked_while_the_clock_is_read(prefix: &str) {
    let clock = Slow::default();
    let store = Options::new()
        .prefix(prefix)
        .clock(clock.clone())
        .open_fake(FakeDisk::new())
        .unwrap();
    let issued = store
        .issue(NewToken::new("client").never_expires())
        .unwrap();
    let validator = store.validator();
    assert!(validator.validate(issued.secret.expose()).is_ok());

    let (asked, is_asked) = channel();
    let (answer, may_answer) = channel();
    *clock.0.lock().unwrap() = Some(Stop { asked, may_answer });
    std::thread::scope(|scope| {
        let verdict = scope.spawn(|| validator.validate(issued.secret.expose()).err());
        // A call that never asks must fail this test, not hang it.
        is_asked.recv_timeout(Duration::from_secs(60)).unwrap();
        store.revoke(issued.id).unwrap();
        answer.send(()).unwrap();
        assert_eq!(verdict.join().unwrap(), Some(Inactive::Revoked));
    });
}
