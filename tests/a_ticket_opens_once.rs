//! Tickets: of all that show one at once a single one gets in, on its path, in its time, while its
//! token lives; and no client can use them up.

mod hand_clock;
mod served;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use hallpass::credential::Source;
use hallpass::web::{Reason, Tickets};
use hallpass::{Auth, Inactive, NewToken, Options, Store};
use hand_clock::HandClock;
use served::store;

fn auth(store: &Store, client: &str) -> Auth {
    let hour = Duration::from_secs(3600);
    let token = store.issue(NewToken::new(client).lifetime(hour)).unwrap();
    let validator = store.validator();
    validator.validate(token.secret.expose()).unwrap().to_auth()
}

#[test]
fn of_many_who_show_it_at_once_one_gets_in() {
    let (_dir, store) = store();
    let tickets = Tickets::new().per_client_max(usize::MAX);
    let auth = auth(&store, "amy");
    for _ in 0..500 {
        let ticket = tickets.issue(&auth, "/ws").unwrap();
        let admitted = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    if tickets.clone().consume(ticket.expose(), "/ws").is_ok() {
                        admitted.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(admitted.into_inner(), 1);
    }
}

#[test]
fn it_names_its_client_and_opens_its_path_only() {
    let (_dir, store) = store();
    let tickets = Tickets::new();
    let (amy, bob) = (auth(&store, "amy"), auth(&store, "bob"));
    let (of_amy, of_bob) = (
        tickets.issue(&amy, "/a").unwrap(),
        tickets.issue(&bob, "/b").unwrap(),
    );
    let got = tickets.consume(of_amy.expose(), "/a").unwrap();
    assert_eq!(
        (got.client_id(), got.source()),
        ("amy", Some(Source::Query))
    );
    // Shown in the wrong place it is used up all the same.
    assert_eq!(
        tickets.consume(of_bob.expose(), "/a").unwrap_err(),
        Inactive::Audience
    );
    assert_eq!(
        tickets.consume(of_bob.expose(), "/b").unwrap_err(),
        Inactive::NotFound
    );
    for bad in ["", "hpt_", "\0", &"x".repeat(100_000)] {
        assert_eq!(tickets.consume(bad, "/a").unwrap_err(), Inactive::NotFound);
    }
}

#[test]
fn it_dies_with_its_token() {
    let (_dir, store) = store();
    let tickets = Tickets::new();
    let auth = auth(&store, "amy");
    let ticket = tickets.issue(&auth, "/ws").unwrap();
    store.revoke(auth.token_id().unwrap()).unwrap();
    assert_eq!(
        tickets.consume(ticket.expose(), "/ws").unwrap_err(),
        Inactive::Revoked
    );
    let refused = tickets.issue(&auth, "/ws").unwrap_err();
    assert_eq!(refused, Reason::Inactive(Inactive::Revoked));
}

#[test]
fn it_expires_and_its_room_is_free_again() {
    let dir = tempfile::tempdir().unwrap();
    let hand = HandClock(Arc::new(AtomicU64::new(2_000_000_000)));
    let store = Options::new().clock(hand.clone()).open(dir.path()).unwrap();
    let tickets = Tickets::new()
        .lifetime_secs(30)
        .tickets_max(5)
        .per_client_max(3);
    let (amy, bob) = (auth(&store, "amy"), auth(&store, "bob"));
    let late = tickets.issue(&amy, "/ws").unwrap();
    let last = tickets.issue(&amy, "/ws").unwrap();
    tickets.issue(&amy, "/ws").unwrap();
    assert_eq!(tickets.issue(&amy, "/ws").unwrap_err(), Reason::TooMany);
    tickets.issue(&bob, "/ws").unwrap();
    tickets.issue(&bob, "/ws").unwrap();
    assert_eq!(tickets.issue(&bob, "/ws").unwrap_err(), Reason::TooMany);
    // Using one makes no room: the bound is on what is issued, used or not.
    hand.0.fetch_add(29, Ordering::Relaxed);
    assert!(tickets.consume(last.expose(), "/ws").is_ok());
    assert_eq!(tickets.issue(&amy, "/ws").unwrap_err(), Reason::TooMany);
    hand.0.fetch_add(1, Ordering::Relaxed);
    assert_eq!(
        tickets.consume(late.expose(), "/ws").unwrap_err(),
        Inactive::Expired
    );
    for _ in 0..3 {
        tickets.issue(&amy, "/ws").unwrap();
    }
}
