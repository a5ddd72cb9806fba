//! What the store shows of a token, of a client and of itself is what was asked for and what became
//! of it: the validator's verdict in the words of a list.

mod hand_clock;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hallpass::{Kind, NewToken, Options, RevokeReason, Store, TokenId, TokenStatus};
use hand_clock::HandClock;

const NOW: u64 = 1_800_000_000;

fn open(path: &Path) -> (Store, HandClock) {
    let clock = HandClock(Arc::new(AtomicU64::new(NOW)));
    let store = Options::new().clock(clock.clone()).open(path).unwrap();
    (store, clock)
}

#[test]
fn a_token_is_shown_as_it_was_asked_for_and_as_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let plain = store.issue(NewToken::new("c").never_expires()).unwrap().id;
    let full = NewToken::api_key("c")
        .not_before(NOW + 5)
        .expires_at(NOW + 50)
        .scopes(["read", "write"])
        .audience("api")
        .metadata("name", "of the key");
    let full = store.issue(full).unwrap().id;
    let why = RevokeReason {
        reason: "lost",
        by: "admin",
    };
    store.revoke_because(full, why).unwrap();
    store.close().unwrap();
    let (store, _) = open(dir.path());

    let info = store.get(plain).unwrap().unwrap();
    assert_eq!((info.id, &*info.client_id), (plain, "c"));
    assert_eq!(info.issued_at, NOW);
    assert_eq!((info.not_before, info.expires_at), (None, None));
    assert!(info.scopes.is_empty() && info.audiences.is_empty() && info.metadata.is_empty());
    let revoked = (info.revoked_at, info.revoked_reason, info.revoked_by);
    assert_eq!(revoked, (None, None, None));

    let info = store.get(full).unwrap().unwrap();
    assert_eq!(info.kind, Kind::ApiKey);
    let (from, until) = (info.not_before, info.expires_at);
    assert_eq!((from, until), (Some(NOW + 5), Some(NOW + 50)));
    assert_eq!(info.scopes, ["read", "write"]);
    assert_eq!(info.audiences, ["api"]);
    assert_eq!(info.metadata["name"], "of the key");
    assert_eq!(info.status, TokenStatus::Revoked);
    assert_eq!(info.revoked_at, Some(NOW));
    assert_eq!(info.revoked_reason.as_deref(), Some("lost"));
    assert_eq!(info.revoked_by.as_deref(), Some("admin"));
    assert_eq!(store.get(TokenId::from_u64(7).unwrap()).unwrap(), None);
}

#[test]
fn a_status_is_the_verdict_of_the_moment() {
    let dir = tempfile::tempdir().unwrap();
    let (store, clock) = open(dir.path());
    let new = |client: &str| NewToken::new(client).expires_at(NOW + 20);
    let now = store.issue(new("a")).unwrap();
    let later = store.issue(new("a").not_before(NOW + 10)).unwrap();
    let forever = store.issue(NewToken::new("b").never_expires()).unwrap();
    let validator = store.validator();
    let status = |token: &hallpass::Issued| {
        let status = store.get(token.id).unwrap().unwrap().status;
        let verdict = validator.validate(token.secret.expose());
        assert_eq!(verdict.is_ok(), status == TokenStatus::Active);
        status
    };
    let all = || [status(&now), status(&later), status(&forever)];
    use TokenStatus::{Active, ClientDisabled, Expired, NotYetValid, Revoked};
    for (secs, expected) in [
        (0, [Active, NotYetValid, Active]),
        (9, [Active, NotYetValid, Active]),
        (10, [Active, Active, Active]),
        (19, [Active, Active, Active]),
        (20, [Expired, Expired, Active]),
    ] {
        clock.0.store(NOW + secs, Ordering::Relaxed);
        assert_eq!(all(), expected, "after {secs} s");
    }
    store.disable_client("b").unwrap();
    assert_eq!(all(), [Expired, Expired, ClientDisabled]);
    store.revoke_everything().unwrap();
    assert_eq!(all(), [Revoked, Revoked, Revoked]);
}

#[test]
fn pages_and_clients_come_in_order_from_where_one_asks() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let names = ["a", "b", "c", "d"];
    let mut ids = Vec::new();
    for client in ["d", "b", "a", "b", "b"] {
        let token = NewToken::new(client).never_expires();
        ids.push((client, store.issue(token).unwrap().id));
    }
    store.disable_client("c").unwrap();
    assert_eq!(store.clients("", 1000).unwrap(), names);
    assert_eq!(store.clients("b", 2).unwrap(), names[1..3]);
    assert_eq!(store.clients("ba", 1000).unwrap(), names[2..]);
    assert_eq!(store.clients("", 0).unwrap(), names[..1]);
    assert!(store.clients("e", 1000).unwrap().is_empty());

    let of_b: Vec<TokenId> = ids
        .iter()
        .filter(|(of, _)| *of == "b")
        .map(|(_, id)| *id)
        .collect();
    let page = |from, limit| {
        let page = store.list("b", from, limit).unwrap();
        let ids: Vec<TokenId> = page.tokens.iter().map(|info| info.id).collect();
        (ids, page.next)
    };
    assert_eq!(page(None, 3), (of_b.clone(), None));
    assert_eq!(page(None, 2), (of_b[..2].to_vec(), Some(of_b[2])));
    assert_eq!(page(Some(of_b[2]), 2), (of_b[2..].to_vec(), None));
    assert_eq!(page(None, 0), (of_b[..1].to_vec(), Some(of_b[1])));
    assert!(store.list("c", None, 10).unwrap().tokens.is_empty());

    let client = store.client("b").unwrap().unwrap();
    let facts = (&*client.client_id, client.tokens, client.disabled);
    assert_eq!(facts, ("b", 3, false));
    let client = store.client("c").unwrap().unwrap();
    assert_eq!((client.tokens, client.disabled), (0, true));
    assert_eq!(store.client("nobody").unwrap(), None);

    // The group that made the store, and one for each change.
    assert_eq!(store.generation(), 1 + 5 + 1);
    let stats = store.stats().unwrap();
    assert_eq!((stats.tokens, stats.clients), (5, 4));
    assert_eq!(stats.generation, store.generation());
    assert!(stats.table_bytes > 0 && stats.disk_bytes > 0 && !stats.read_only);
}
