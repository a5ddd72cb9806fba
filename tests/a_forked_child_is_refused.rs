//! Promise 9: a forked child has a copy of memory that revocations do not reach, so it is refused.

use std::process::Command;
use std::time::{Duration, Instant};

use fork::{Fork, fork, waitpid};
use hallpass::{Error, Inactive, NewToken, Store};

#[test]
fn a_child_neither_writes_nor_validates() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let issued = store.issue(NewToken::new("c").never_expires()).unwrap();
    let validator = store.validator();
    validator.validate(issued.secret.expose()).unwrap();
    match fork().unwrap() {
        Fork::Child => {
            let refused = matches!(store.revoke(issued.id), Err(Error::Forked { .. }))
                && matches!(
                    store.issue(NewToken::new("c").never_expires()),
                    Err(Error::Forked { .. })
                );
            // The validator looks who it is when the clock's second changes.
            let begun = Instant::now();
            let mut verdict = None;
            while begun.elapsed() < Duration::from_secs(3) && verdict.is_none() {
                verdict = validator.validate(issued.secret.expose()).err();
                std::thread::sleep(Duration::from_millis(20));
            }
            // Neither a hang nor a write: what it has is the parent's.
            drop((store, validator));
            std::process::exit(if refused && verdict == Some(Inactive::Forked) {
                0
            } else {
                1
            });
        }
        Fork::Parent(child) => {
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_secs(20));
                Command::new("kill")
                    .args(["-9", &child.to_string()])
                    .status()
            });
            assert_eq!(waitpid(child).unwrap(), 0, "the child was not refused");
        }
    }
    validator.validate(issued.secret.expose()).unwrap();
    store.revoke(issued.id).unwrap();
    store.verify().unwrap();
    store.close().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert!(store.validator().validate(issued.secret.expose()).is_err());
}
