//! Nothing proves that what was found is the last: of each record the least alive version is taken.

use super::*;

#[test]
fn in_doubt_the_least_alive_version_of_a_token_is_taken_even_if_the_database_shows_another() {
    let tokens = [(1, shown(token("a"), 1).and(revoked("a"), 10))];
    let plan = plan(found(tokens, [], [2, 0, 0], 0));
    assert!(!plan.proven);
    assert_eq!(*only_token(&plan), revoked("a"));
}

#[test]
fn in_doubt_a_client_is_as_dead_as_any_of_its_versions_says() {
    let foreign = ClientRecord {
        foreign: true,
        ..client(0, 4)
    };
    let clients = [
        (
            "a",
            lying([(client(2, 6), 1), (disabled(1), 10), (foreign, 100)]),
        ),
        // It has been enabled again: that is what the database shows.
        ("b", shown(client(1, 5), 1000).and(disabled(1), 10_000)),
        ("c", shown(disabled(1), 10).and(client(1, 7), 100)),
    ];
    let plan = plan(found([], clients, [2, 0, 0], 0));
    assert!(!plan.proven);
    let least_alive = [
        ("a", 6, true, true),
        ("b", 5, false, false),
        ("c", 7, true, false),
    ];
    for (name, epoch, disabled, foreign) in least_alive {
        let record = ClientRecord {
            epoch,
            disabled,
            tokens: 0,
            foreign,
        };
        assert_eq!(plan.clients[name], record);
    }
}

/// Whatever is in doubt, what such a database does not show was purged.
#[test]
fn in_doubt_only_what_the_last_database_shows_is_taken_if_it_shows_tokens_to_the_end() {
    let found = || {
        let tokens = [(1, shown(token("a"), 1)), (2, lying([(token("a"), 10)]))];
        let mut found = found(tokens, [], [3, 0, 0], 0);
        found.shown_seal = found.seal.clone();
        found.is_shown_to_the_end = true;
        found
    };
    let last = plan(found());
    assert!(!last.proven);
    assert_eq!(taken(&last), [1]);

    let mut cut = found();
    cut.is_shown_to_the_end = false;
    assert_eq!(taken(&plan(cut)), [1, 2]);
    let old = found().plan(Some(REQUIRED + 1), true, &|_| None);
    assert_eq!(taken(&old), [1, 2]);
    assert_eq!(taken(&found().plan(None, false, &|_| None)), [1, 2]);
}
