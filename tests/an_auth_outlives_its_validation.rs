//! An `Auth` may be kept as long as one likes: it goes on naming the client it was made for, whatever
//! is purged and issued since, and says on request whether its token is still alive.

mod served;

use std::time::Duration;

use hallpass::{Auth, Inactive, NewToken, Store};
use served::store;

const HOUR: Duration = Duration::from_secs(3600);

fn auth(store: &Store, new: NewToken) -> Auth {
    let token = store.issue(new).unwrap();
    let validator = store.validator();
    validator.validate(token.secret.expose()).unwrap().to_auth()
}

#[test]
fn it_can_go_anywhere() {
    fn anywhere<T: Clone + Send + Sync + 'static>() {}
    anywhere::<Auth>();
}

#[test]
fn it_names_its_client_after_everything_else_was_purged() {
    let (_dir, store) = store();
    let kept = auth(&store, NewToken::new("amy").lifetime(HOUR).scopes(["read"]));
    store.revoke_all("amy").unwrap();
    store.purge(usize::MAX).unwrap();
    for n in 0..200 {
        let new = NewToken::new(format!("client{n}")).lifetime(HOUR);
        store.issue(new.scopes([format!("scope{n}")])).unwrap();
    }
    assert_eq!(kept.client_id(), "amy");
    assert_eq!(kept.scopes().collect::<Vec<_>>(), ["read"]);
    assert!(kept.revalidate().is_err());
    let shown = format!("{kept:?}");
    store.close().unwrap();
    assert_eq!(kept.client_id(), "amy");
    assert_eq!(format!("{kept:?}"), shown);
    assert_eq!(kept.revalidate(), Err(Inactive::Unavailable));
}

#[test]
fn it_says_whether_its_token_is_still_alive() {
    let (_dir, store) = store();
    let new = |client| NewToken::new(client).lifetime(HOUR);
    let (one, other) = (auth(&store, new("amy")), auth(&store, new("amy")));
    let (bob, eve) = (auth(&store, new("bob")), auth(&store, new("eve")));
    assert_eq!(one.revalidate(), Ok(()));
    store.revoke(one.token_id().unwrap()).unwrap();
    assert_eq!(one.revalidate(), Err(Inactive::Revoked));
    assert_eq!(other.revalidate(), Ok(()));
    store.disable_client("bob").unwrap();
    assert_eq!(bob.revalidate(), Err(Inactive::ClientDisabled));
    store.enable_client("bob").unwrap();
    assert_eq!(bob.revalidate(), Ok(()));
    store.expire(eve.token_id().unwrap(), 1).unwrap();
    assert_eq!(eve.revalidate(), Err(Inactive::Expired));
    store.revoke_everything().unwrap();
    assert_eq!(other.revalidate(), Err(Inactive::Revoked));
}

/// A secret that the caller chose carries no id and stands elsewhere in the table.
#[test]
fn so_does_one_of_a_chosen_secret() {
    let (_dir, store) = store();
    let secret = "a-secret-of-their-own:long-enough-to-be-one";
    let new = NewToken::client_secret("amy").pair_id("key").lifetime(HOUR);
    store.issue_chosen(new, secret).unwrap();
    let validator = store.validator();
    let kept = validator.validate_pair("key", secret).unwrap().to_auth();
    assert_eq!(kept.revalidate(), Ok(()));
    store.revoke(kept.token_id().unwrap()).unwrap();
    assert_eq!(kept.revalidate(), Err(Inactive::Revoked));
}
