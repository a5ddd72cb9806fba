//! `validate_batch` gives each text the verdict it has alone, once, whatever stands beside it.

use std::sync::LazyLock;

use hallpass::{NewToken, Store, Validator};
use proptest::prelude::*;

struct Fixture {
    validator: Validator,
    texts: Vec<String>,
    _store: Store,
    _dir: tempfile::TempDir,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let mut texts = vec![
        String::new(),
        "x".repeat(63),
        "x".repeat(64),
        "x".repeat(9000),
    ];
    for n in 0..60 {
        let new = match n % 4 {
            0 => NewToken::new("a").never_expires(),
            1 => NewToken::new("b").expires_at(1),
            2 => NewToken::api_key("c")
                .never_expires()
                .not_before(4_000_000_000),
            _ => NewToken::new("d").never_expires(),
        };
        let issued = store.issue(new).unwrap();
        if n % 5 == 0 {
            store.revoke(issued.id).unwrap();
        }
        let text = issued.secret.expose().to_owned();
        texts.push(format!("{}!", &text[1..]));
        texts.push(format!("{text}\0"));
        texts.push(text);
    }
    store.revoke_all("d").unwrap();
    let other_dir = tempfile::tempdir().unwrap();
    let other = Store::open(other_dir.path()).unwrap();
    let of_another_store = other.issue(NewToken::new("e").never_expires()).unwrap();
    for chosen in [
        "a-chosen-secret-0123456789-abcdefghijklmnopqrstuvw",
        of_another_store.secret.expose(),
    ] {
        store
            .issue_chosen(NewToken::new("e").never_expires(), chosen)
            .unwrap();
        texts.push(chosen.to_owned());
    }
    Fixture {
        validator: store.validator(),
        texts,
        _store: store,
        _dir: dir,
    }
});

proptest! {
    #[test]
    fn every_text_gets_its_own_verdict_once(picks in proptest::collection::vec(any::<usize>(), 0..150)) {
        let Fixture { validator, texts, .. } = &*FIXTURE;
        let batch: Vec<&str> = picks.iter().map(|pick| &*texts[pick % texts.len()]).collect();
        let mut verdicts = vec![None; batch.len()];
        validator.validate_batch(&batch, |at, verdict| {
            let verdict = verdict.map(|active| active.token_id());
            // Who is told may ask in turn.
            let alone = validator.validate(batch[at]).map(|active| active.token_id());
            assert_eq!(verdict, alone, "{}", batch[at]);
            let seen = verdicts[at].replace(verdict);
            assert!(seen.is_none(), "{at} was answered twice");
        });
        prop_assert!(verdicts.iter().all(Option::is_some));
    }
}

#[test]
fn a_batch_allocates_nothing() {
    let Fixture {
        validator, texts, ..
    } = &*FIXTURE;
    validator.validate_batch(texts, |_, _| ());
    let counted = allocation_counter::measure(|| validator.validate_batch(texts, |_, _| ()));
    assert_eq!(counted.count_total, 0);
}
