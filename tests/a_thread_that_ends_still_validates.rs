//! A validator asked while its thread is ending, when what the thread held of the table is gone, answers
//! as it always does.

use std::cell::RefCell;
use std::sync::mpsc;
use std::thread;

use hallpass::{Inactive, NewToken, Options, Store};

/// Called when its thread ends.
struct AtEnd(Box<dyn FnMut()>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        (self.0)();
    }
}

thread_local! {
    static AT_END: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
}

fn texts(store: &Store) -> Vec<String> {
    let new = vec![NewToken::new("c").never_expires(); 2];
    #[cfg(feature = "jwt")]
    let new = {
        store
            .rotate_signing_key(hallpass::jwt::Algorithm::EdDsa)
            .unwrap();
        let hour = std::time::Duration::from_secs(3600);
        [new, vec![NewToken::jwt("c").lifetime(hour); 2]].concat()
    };
    let mut texts = Vec::new();
    for (n, new) in new.into_iter().enumerate() {
        let issued = store.issue(new).unwrap();
        if n % 2 == 1 {
            store.revoke(issued.id).unwrap();
        }
        texts.push(issued.secret.expose().to_owned());
    }
    texts
}

#[test]
fn alive_is_alive_and_revoked_is_revoked() {
    let dir = tempfile::tempdir().unwrap();
    // The longest there is: one character more, and its tokens would be held for JWTs.
    let options = Options::new().prefix("abcdefghijk");
    let store = options.open(dir.path()).unwrap();
    let texts = texts(&store);
    let validator = store.validator();
    let (tell, told) = mpsc::channel();
    let (asked, count) = (texts.clone(), texts.len());
    thread::spawn(move || {
        let late = validator.clone();
        // Set up before the thread looks for the first time: what is set up first is destroyed last.
        AT_END.with(|at_end| {
            let ask = move || {
                for text in &asked {
                    tell.send(late.validate(text).map(|active| active.token_id()))
                        .unwrap();
                }
                let mut batch = vec![Err(Inactive::NotFound); asked.len()];
                late.validate_batch(&asked, |at, verdict| {
                    batch[at] = verdict.map(|active| active.token_id());
                });
                for verdict in batch {
                    tell.send(verdict).unwrap();
                }
                tell.send(late.validate("hp_nothing").map(|active| active.token_id()))
                    .unwrap();
            };
            *at_end.borrow_mut() = Some(AtEnd(Box::new(ask)));
        });
        assert_eq!(validator.validate("x").err(), Some(Inactive::Format));
        assert!(validator.validate(&texts[0]).is_ok());
    })
    .join()
    .unwrap();
    let verdicts: Vec<_> = told.iter().collect();
    let (last, verdicts) = verdicts.split_last().unwrap();
    assert_eq!(*last, Err(Inactive::Format));
    for pair in verdicts.chunks(2) {
        assert!(matches!(pair, [Ok(_), Err(Inactive::Revoked)]), "{pair:?}");
    }
    // Alone, and in a batch.
    assert_eq!(verdicts.len(), 2 * count);
}
