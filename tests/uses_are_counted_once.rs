//! Promise: a guard that counts counts everybody who passes, nobody else, and each use once, whatever
//! is taken meanwhile.

mod served;

use std::collections::HashMap;

use hallpass::credential::Profile;
use hallpass::web::{Guard, Usage};
use hallpass::{NewToken, Store, TokenId};
use served::{answer, get, store};

fn token(store: &Store) -> (TokenId, String) {
    let issued = store.issue(NewToken::new("c").never_expires()).unwrap();
    (issued.id, format!("Bearer {}", issued.secret.expose()))
}

#[test]
fn who_passes_is_counted_and_nobody_else() {
    let (_dir, store) = store();
    let usage = Usage::new();
    let guard = Guard::new(store.validator(), Profile::strict());
    let (id, bearer) = token(&store);
    let (other, another) = token(&store);
    let show = |guard: &Guard, bearer: &str| answer(guard, get(&[("authorization", bearer)]));
    assert_eq!(show(&guard, &bearer).status(), 200);
    assert_eq!(
        usage.take(),
        [],
        "a guard that was not asked to counts nothing"
    );

    let guard = guard.usage(usage.clone());
    for _ in 0..3 {
        assert_eq!(show(&guard, &bearer).status(), 200);
    }
    assert_eq!(show(&guard, &another).status(), 200);
    store.revoke(other).unwrap();
    assert_eq!(show(&guard, &another).status(), 401);
    assert_eq!(show(&guard, "Bearer x").status(), 401);
    let counts: HashMap<_, _> = usage.take().into_iter().collect();
    assert_eq!(
        (counts[&id].count, counts[&other].count, counts.len()),
        (3, 1, 2)
    );
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    assert!(now.unwrap().as_secs().abs_diff(counts[&id].last_secs) <= 60);
    assert_eq!(usage.take(), []);
}

#[test]
fn no_use_is_lost_or_counted_twice_while_others_take() {
    const THREADS: u64 = 4;
    const USES: u64 = 20_000;
    let (_dir, store) = store();
    let usage = Usage::new();
    let validator = store.validator();
    let texts: Vec<_> = (0..100).map(|_| token(&store).1).collect();
    let auths: Vec<_> = texts
        .iter()
        .map(|text| {
            validator
                .validate(&text["Bearer ".len()..])
                .unwrap()
                .to_auth()
        })
        .collect();
    let sum = |taken: Vec<(TokenId, hallpass::Used)>| -> u64 {
        taken.iter().map(|(_, used)| used.count).sum()
    };
    let meanwhile = std::thread::scope(|scope| {
        let users: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    for auth in auths.iter().cycle().take(USES as usize) {
                        usage.note(auth);
                    }
                })
            })
            .collect();
        let mut taken = 0;
        while users.iter().any(|user| !user.is_finished()) {
            taken += sum(usage.take());
        }
        taken
    });
    assert_eq!(meanwhile + sum(usage.take()), THREADS * USES);
    assert_eq!(usage.missed(), 0);
}

#[test]
fn too_many_tokens_are_not_remembered_but_said() {
    let (_dir, store) = store();
    let usage = Usage::new().tokens_max(64);
    let validator = store.validator();
    for _ in 0..1000 {
        let (_, bearer) = token(&store);
        let active = validator.validate(&bearer["Bearer ".len()..]).unwrap();
        usage.note(&active.to_auth());
    }
    let kept = usage.take().len() as u64;
    assert!((32..=64).contains(&kept), "{kept}");
    assert_eq!(usage.missed(), 1000 - kept);
}
