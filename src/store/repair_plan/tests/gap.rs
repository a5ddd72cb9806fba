//! One record is damaged, and its MAC, which still lies about, proves all others; or a denial may be
//! lost, and it proves nothing.

use super::*;

/// The database shows all but one token of two clients.
fn one_token_is_lost() -> Salvage {
    let tokens = [
        (1, shown(token("a"), 1)),
        (3, shown(token("b"), 100)),
        (4, shown(token("b"), 1000)),
    ];
    let clients = [
        ("a", shown(client(2, 0), 10_000)),
        ("b", shown(client(2, 0), 100_000)),
    ];
    // Token 2 of `a`, with the MAC 10, is lost.
    found(tokens, clients, [4, 2, 0], 111_111)
}

#[test]
fn the_mac_of_a_lost_token_proves_all_others() {
    let plan = plan_where_lies(10, one_token_is_lost());
    assert!(plan.proven);
    assert_eq!(taken(&plan), [1, 3, 4]);
}

#[test]
fn without_the_mac_of_what_is_lost_nothing_is_proven() {
    let is_proven = |mac| plan_where_lies(mac, one_token_is_lost()).proven;
    assert!(is_proven(10) && !is_proven(11) && !is_proven(1));
}

#[test]
fn the_mac_of_one_does_not_make_up_for_two_that_are_lost() {
    let mut found = one_token_is_lost();
    found.tokens.remove(&id(4));
    assert!(!plan_where_lies(1010, found).proven);
}

/// sled shows nothing, and two versions of the client lie about. Which one was the last depends on
/// the token that is lost.
#[test]
fn a_client_is_taken_as_it_counted_the_token_that_is_lost() {
    let tokens = [
        (1, lying([(token("a"), 1)])),
        (3, lying([(token("b"), 100)])),
    ];
    let clients = [
        ("a", lying([(client(1, 0), 1000), (client(2, 6), 10_000)])),
        ("b", lying([(client(1, 0), 100_000)])),
    ];
    // Token 2 of `a` has the MAC 10.
    let plan = plan_where_lies(10, found(tokens, clients, [3, 2, 0], 110_111));
    assert!(plan.proven);
    assert_eq!(taken(&plan), [1, 3]);
    assert_eq!(plan.clients["a"], client(2, 6));
    assert_eq!(plan.clients["b"], client(1, 0));
}

#[test]
fn a_client_of_which_only_the_record_lies_about_that_counts_one_more_has_lost_that_one() {
    let tokens = [
        (1, lying([(token("a"), 1)])),
        (2, lying([(token("a"), 10)])),
    ];
    let clients = [("a", lying([(client(3, 6), 1000)]))];
    // Token 3 of `a` has the MAC 100.
    let plan = plan_where_lies(100, found(tokens, clients, [3, 1, 0], 1111));
    assert!(plan.proven);
    assert_eq!(taken(&plan), [1, 2]);
    assert_eq!(plan.clients["a"], client(3, 6));
}

#[test]
fn a_token_of_which_only_an_older_version_is_left_is_given_up() {
    let tokens = [
        (1, shown(token("a"), 1)),
        (2, shown(token("a"), 10)),
        (3, shown(denial("issuer"), 100)),
    ];
    let clients = [
        ("a", shown(client(2, 0), 10_000)),
        ("issuer", shown(client(1, 0), 100_000)),
    ];
    // Token 2 was revoked: its last version has the MAC 1000.
    let plan = plan_where_lies(1000, found(tokens, clients, [3, 2, 0], 111_101));
    assert!(plan.proven);
    assert_eq!(taken(&plan), [1, 3]);
}

#[test]
fn a_denial_of_which_only_an_older_version_is_left_is_a_doubt() {
    let tokens = [(1, shown(token("a"), 1)), (2, shown(denial("issuer"), 10))];
    let clients = [
        ("a", shown(client(1, 0), 10_000)),
        ("issuer", shown(client(1, 0), 100_000)),
    ];
    let plan = plan_where_lies(1000, found(tokens, clients, [2, 2, 0], 111_001));
    assert!(!plan.proven);
    assert_eq!(taken(&plan), [1, 2]);
}

#[test]
fn a_lost_denial_is_a_doubt() {
    let tokens = [(1, shown(token("a"), 1)), (2, shown(denial("issuer"), 10))];
    let clients = [
        ("a", shown(client(1, 0), 10_000)),
        ("issuer", shown(client(2, 0), 100_000)),
    ];
    let plan = plan_where_lies(100, found(tokens, clients, [3, 2, 0], 110_111));
    assert!(!plan.proven);
    assert_eq!(taken(&plan), [1, 2]);
}

/// A client has tokens, and an issuer denials: what else it has says which it is.
#[test]
fn the_only_token_of_its_client_may_have_been_a_denial() {
    let tokens = [(1, shown(token("a"), 1))];
    let clients = [
        ("a", shown(client(1, 0), 10_000)),
        ("b", shown(client(1, 0), 100_000)),
    ];
    let plan = plan_where_lies(10, found(tokens, clients, [2, 2, 0], 110_011));
    assert!(!plan.proven);
}

#[test]
fn a_lost_client_is_no_doubt_if_a_token_tells_its_name() {
    let tokens = [(1, shown(token("a"), 1)), (2, shown(token("b"), 10))];
    let clients = [("a", shown(client(1, 0), 100))];
    let plan = plan_where_lies(1000, found(tokens, clients, [2, 2, 0], 1111));
    assert!(plan.proven);
    assert!(!plan.clients.contains_key("b"));
}

/// It would be enabled by being forgotten, if it was disabled.
#[test]
fn a_lost_client_without_tokens_is_a_doubt() {
    let tokens = [(1, shown(token("a"), 1))];
    let clients = [("a", shown(client(1, 0), 100))];
    let plan = plan_where_lies(1000, found(tokens, clients, [1, 2, 0], 1101));
    assert!(!plan.proven);
}

#[test]
fn a_lost_key_is_no_doubt() {
    let tokens = [(1, shown(token("a"), 1))];
    let clients = [("a", shown(client(1, 0), 100))];
    let plan = plan_where_lies(1000, found(tokens, clients, [1, 1, 1], 1101));
    assert!(plan.proven && plan.keys.is_empty());
    assert_eq!(taken(&plan), [1]);
}
