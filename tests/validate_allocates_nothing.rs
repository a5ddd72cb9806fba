//! Promise 5: no verdict costs an allocation, whatever it is and whatever form was shown.

use std::time::Duration;

use hallpass::{Inactive, NewToken, Store};

fn allocations(validate: impl FnOnce()) -> u64 {
    allocation_counter::measure(validate).count_total
}

#[test]
fn no_verdict_allocates() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let validator = store.validator();
    let hour = |new: NewToken| {
        new.lifetime(Duration::from_secs(3600))
            .scopes(["read", "write"])
    };
    let live = store.issue(hour(NewToken::new("c"))).unwrap();
    let key = store.issue(NewToken::api_key("c").never_expires()).unwrap();
    let pair = store.issue(hour(NewToken::client_secret("c"))).unwrap();
    let expired = store.issue(NewToken::new("c").expires_at(1)).unwrap();
    let early = store
        .issue(NewToken::new("c").never_expires().not_before(4_000_000_000))
        .unwrap();
    let revoked = store.issue(hour(NewToken::new("c"))).unwrap();
    store.revoke(revoked.id).unwrap();
    let killed = store.issue(hour(NewToken::new("d"))).unwrap();
    store.revoke_all("d").unwrap();
    let disabled = store.issue(hour(NewToken::new("e"))).unwrap();
    store.disable_client("e").unwrap();

    let mut unknown = live.secret.expose().to_owned();
    unknown.replace_range(20..21, if &unknown[20..21] == "x" { "y" } else { "x" });
    let cases: [(&str, Option<Inactive>); 9] = [
        (live.secret.expose(), None),
        (key.secret.expose(), None),
        (expired.secret.expose(), Some(Inactive::Expired)),
        (early.secret.expose(), Some(Inactive::NotYetValid)),
        (revoked.secret.expose(), Some(Inactive::Revoked)),
        (killed.secret.expose(), Some(Inactive::Revoked)),
        (disabled.secret.expose(), Some(Inactive::ClientDisabled)),
        (&unknown, Some(Inactive::Format)),
        ("", Some(Inactive::Format)),
    ];
    // The first look of a thread may set up what it keeps of the table.
    validator.validate(live.secret.expose()).unwrap();
    for (text, expected) in cases {
        let count = allocations(|| {
            let verdict = validator.validate(text);
            assert_eq!(verdict.err(), expected);
            if let Ok(active) = verdict {
                assert_eq!(active.client_id(), "c");
                assert!(!active.has_scope("admin"));
            }
        });
        assert_eq!(count, 0, "{expected:?}");
    }
    let pair_id = pair.pair_id.unwrap();
    for (id, secret, is_active) in [
        (&*pair_id, pair.secret.expose(), true),
        ("nobody", pair.secret.expose(), false),
        (&*pair_id, live.secret.expose(), false),
    ] {
        let count =
            allocations(|| assert_eq!(validator.validate_pair(id, secret).is_ok(), is_active));
        assert_eq!(count, 0);
    }
    // The counter counts.
    assert!(allocations(|| drop(std::hint::black_box(vec![1u8; 10]))) > 0);
}

/// What only looks like a JWT is judged by the full check where there is one, and that allocates.
#[cfg(not(feature = "jwt"))]
#[test]
fn what_looks_like_a_jwt_allocates_nothing_either() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let validator = store.validator();
    let text = format!(
        "eyJ{}.{}.{}",
        "a".repeat(100),
        "b".repeat(200),
        "c".repeat(43)
    );
    // A thread's first look keeps a reference to the table; what is too short gets none.
    let _ = validator.validate("d".repeat(60));
    let count = allocations(|| {
        assert_eq!(validator.validate(&text).err(), Some(Inactive::Format));
    });
    assert_eq!(count, 0);
}

#[cfg(feature = "jwt")]
#[test]
fn no_verdict_on_a_jwt_issued_here_allocates() {
    use hallpass::jwt::Algorithm;

    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let retired = store.generate_signing_key(Algorithm::EdDsa).unwrap();
    let hour = |client: &str| {
        NewToken::jwt(client)
            .lifetime(Duration::from_secs(3600))
            .audience("api")
            .scopes(["read"])
    };
    let of_retired = store.issue(hour("c")).unwrap();
    store.generate_signing_key(Algorithm::Hs256).unwrap();
    let live = store.issue(hour("c")).unwrap();
    let revoked = store.issue(hour("c")).unwrap();
    store.revoke(revoked.id).unwrap();
    let shortened = store.issue(hour("c")).unwrap();
    store.expire(shortened.id, 1).unwrap();
    let expired = store
        .issue(NewToken::jwt("c").audience("api").expires_at(1))
        .unwrap();
    let elsewhere = store
        .issue(hour("c").audience("b"))
        .map(|issued| issued.secret)
        .unwrap();
    let nowhere = NewToken::jwt("c").lifetime(Duration::from_secs(9));
    let nowhere = store.issue(nowhere).unwrap();
    store.retire_key(&retired.kid).unwrap();

    let validator = store.validator().for_audience("api");
    let cases = [
        (live.secret.expose(), None),
        (elsewhere.expose(), None),
        (of_retired.secret.expose(), Some(Inactive::Revoked)),
        (revoked.secret.expose(), Some(Inactive::Revoked)),
        (shortened.secret.expose(), Some(Inactive::Expired)),
        (expired.secret.expose(), Some(Inactive::ExpiredSignature)),
        (nowhere.secret.expose(), Some(Inactive::FieldsMissing)),
    ];
    validator.validate(live.secret.expose()).unwrap();
    for (text, expected) in cases {
        let count = allocations(|| {
            let verdict = validator.validate(text);
            assert_eq!(verdict.err(), expected);
            if let Ok(active) = verdict {
                assert!(active.has_scope("read") && !active.has_scope("api"));
                assert!(active.audiences().any(|audience| audience == "api"));
            }
        });
        assert_eq!(count, 0, "{expected:?}");
    }
}
