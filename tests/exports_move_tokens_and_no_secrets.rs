//! Exporting and importing: everything that is known of tokens, no secret, and nothing that was
//! changed on the way.

use std::fs;
use std::path::Path;
use std::time::Duration;

use hallpass::{
    DigestKey, Digests, Error, Inactive, LostRevocations, NewToken, Options, RevokeReason, Secret,
    Store,
};
use serde_json::Value;

const KEY: [u8; 32] = *b"the key that no export may hold.";

fn options() -> Options {
    Options::new().digest_key(DigestKey::from_bytes(KEY))
}

fn export(store: &Store, digests: Digests) -> String {
    let mut text = Vec::new();
    store.export(&mut text, digests).unwrap();
    String::from_utf8(text).unwrap()
}

fn import(text: &str, to: &Path, lost: LostRevocations) -> Result<Store, Error> {
    Store::import(text.as_bytes(), to, options(), lost)?;
    options().create(false).open(to)
}

struct Known {
    store: Store,
    active: Secret,
    chosen: &'static str,
    pair: Secret,
    revoked: Secret,
    killed: Secret,
    disabled: Secret,
    expires: Secret,
}

fn filled(path: &Path) -> Known {
    let store = options().open(path).unwrap();
    let new = |client: &str| NewToken::new(client).never_expires();
    let issue = |token: NewToken| store.issue(token).unwrap();
    let full = new("søster")
        .scopes(["read", "a-b"])
        .metadata("k", "v\"\n\u{1}");
    let active = issue(full.audience("api")).secret;
    let chosen = "a-chosen-secret-0123456789-abcdefghij";
    store.issue_chosen(new("søster"), chosen).unwrap();
    let pair = {
        let pair = NewToken::client_secret("søster").pair_id("app");
        issue(pair.never_expires()).secret
    };
    let revoked = issue(new("b"));
    let why = RevokeReason {
        reason: "lost",
        by: "ops",
    };
    store.revoke_because(revoked.id, why).unwrap();
    let killed = issue(new("killed")).secret;
    store.revoke_all("killed").unwrap();
    let disabled = issue(new("disabled")).secret;
    store.disable_client("disabled").unwrap();
    let expires = issue(NewToken::new("b").lifetime(Duration::from_secs(3600))).secret;
    Known {
        store,
        active,
        chosen,
        pair,
        revoked: revoked.secret,
        killed,
        disabled,
        expires,
    }
}

#[test]
fn an_imported_store_answers_as_the_one_it_is_from() {
    let dir = tempfile::tempdir().unwrap();
    let known = filled(&dir.path().join("store"));
    let later = NewToken::new("b").not_before(4_000_000_000).never_expires();
    let later = known.store.issue(later).unwrap().id;
    let text = export(&known.store, Digests::With);
    let store = import(&text, &dir.path().join("new"), LostRevocations::Accept).unwrap();
    store.verify().unwrap();
    assert_eq!(store.get(later).unwrap(), known.store.get(later).unwrap());
    let validator = store.validator();
    let active = validator.validate(known.active.expose()).unwrap();
    assert_eq!(active.client_id(), "søster");
    assert!(active.has_scope("a-b"));
    let id = active.token_id();
    assert_eq!(store.get(id).unwrap(), known.store.get(id).unwrap());
    assert!(validator.validate(known.chosen).is_ok());
    assert!(validator.validate_pair("app", known.pair.expose()).is_ok());
    assert!(validator.validate(known.expires.expose()).is_ok());
    let refused = |secret: &Secret| validator.validate(secret.expose()).unwrap_err();
    assert_eq!(refused(&known.revoked), Inactive::Revoked);
    assert_eq!(refused(&known.killed), Inactive::Revoked);
    assert_eq!(refused(&known.disabled), Inactive::ClientDisabled);
    let new = store.issue(NewToken::new("b").never_expires()).unwrap();
    assert!(validator.validate(new.secret.expose()).is_ok());

    // Its export is the same but for the header and the MAC.
    store.close().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let again = import(&text, &dir.path().join("new"), LostRevocations::Accept).unwrap();
    let again = export(&again, Digests::With);
    let body = |text: &str| {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines[1..lines.len() - 1].to_vec()
    };
    assert_eq!(body(&again), body(&text));
}

#[test]
fn an_export_needs_a_word_as_a_backup_does() {
    let dir = tempfile::tempdir().unwrap();
    let known = filled(&dir.path().join("store"));
    let text = export(&known.store, Digests::With);
    let generation = known.store.generation();
    let to = dir.path().join("new");
    let refused = import(&text, &to, LostRevocations::Refuse);
    assert!(matches!(refused, Err(Error::RevocationsMayBeLost { .. })));
    let at_least = |generation| {
        let options = options().least_generation(generation);
        Store::import(text.as_bytes(), &to, options, LostRevocations::Refuse)
    };
    assert!(matches!(
        at_least(generation + 1),
        Err(Error::RolledBack { .. })
    ));
    assert!(!to.exists());
    at_least(generation).unwrap();
    assert!(matches!(at_least(generation), Err(Error::PathTaken { .. })));
    let killed = dir.path().join("killed");
    let store = import(&text, &killed, LostRevocations::RevokeAll).unwrap();
    for secret in [&known.active, &known.expires] {
        let no = store.validator().validate(secret.expose()).unwrap_err();
        assert_eq!(no, Inactive::Revoked);
    }
    // The one that was asked for at least, and in any case a later one.
    let stats = known.store.stats().unwrap();
    for (name, least, got) in [("later", 0, generation + 1), ("last", 1000, 1000)] {
        let options = options().least_generation(least);
        let to = dir.path().join(name);
        let told = Store::import(text.as_bytes(), to, options, LostRevocations::RevokeAll);
        let told = told.unwrap().store;
        assert_eq!((told.generation, told.revoked_all), (got, true));
        assert_eq!((told.tokens, told.clients), (stats.tokens, stats.clients));
    }
}

#[test]
fn an_export_that_was_changed_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let known = filled(&dir.path().join("store"));
    let text = export(&known.store, Digests::With);
    let to = dir.path().join("new");
    let refused = |text: &str, how: &str| {
        let made = import(text, &to, LostRevocations::Accept);
        assert!(
            matches!(made, Err(Error::Corrupt { .. })),
            "{how}: {:?}",
            made.err()
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "{how}");
    };
    let lines: Vec<&str> = text.lines().collect();
    let without = |at: usize| {
        let mut lines = lines.clone();
        lines.remove(at);
        lines.join("\n") + "\n"
    };
    for at in 0..lines.len() {
        refused(&without(at), &format!("without line {at}"));
    }
    let alive = text.replacen(r#""revoked":{"at""#, r#""revoked":null,"gone":{"at""#, 1);
    assert_ne!(alive, text);
    refused(&alive, "a field that no export has");
    for (from, to) in [
        ("\"read\"", "\"admin\""),
        ("\"disabled\":true", "\"disabled\":false"),
        ("\"reason\":\"lost\"", "\"reason\":\"lust\""),
        ("\"generation\":", "\"generation\":9"),
    ] {
        let forged = text.replacen(from, to, 1);
        assert_ne!(forged, text, "{from}");
        refused(&forged, from);
    }
    refused(&format!("{text}{}\n", lines[1]), "a line after the end");
    refused("", "nothing");
    refused("{\n", "no export");
    let third = text.replacen(lines[2], "{}", 1);
    let made = import(&third, &to, LostRevocations::Accept).err().unwrap();
    assert!(made.to_string().contains("line 3 "), "{made}");
    let newer = text.replacen(r#""version":1,"#, r#""version":2,"#, 1);
    let made = import(&newer, &to, LostRevocations::Accept).err();
    assert!(matches!(
        made,
        Some(Error::NewerFormat { found: 2, known: 1 })
    ));
    refused(&"[".repeat(3 << 20), "brackets");
    let other = options().digest_key(DigestKey::from_bytes([1; 32]));
    let made = Store::import(text.as_bytes(), &to, other, LostRevocations::Accept);
    assert!(matches!(made, Err(Error::Corrupt { .. })));
    let none = Options::new();
    let made = Store::import(text.as_bytes(), &to, none, LostRevocations::Accept);
    assert!(matches!(made, Err(Error::Invalid { .. })));
}

#[test]
fn no_secret_is_in_an_export_and_no_digest_unless_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let known = filled(&dir.path().join("store"));
    #[cfg(feature = "jwt")]
    let pem = {
        let client = known
            .store
            .generate_client_key("b", hallpass::jwt::Algorithm::EdDsa);
        client.unwrap().pem
    };
    let (with, without) = (
        export(&known.store, Digests::With),
        export(&known.store, Digests::Without),
    );
    for text in [&with, &without] {
        for secret in [&known.active, &known.pair, &known.revoked, &known.expires] {
            let secret = secret.expose().as_bytes();
            let part = |part: &[u8]| text.as_bytes().windows(8).any(|window| window == part);
            assert!(!secret[14..].windows(8).any(part));
        }
        assert!(!text.contains(known.chosen));
        let hex: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!text.contains(&hex[..16]) && !text.contains("the key that"));
        #[cfg(feature = "jwt")]
        assert!(!text.contains(&pem.expose().lines().nth(1).unwrap()[20..40]));
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line.as_object().unwrap().len(), 1);
        }
    }
    let digests = |text: &str| text.matches("\"digest\":").count();
    assert_eq!((digests(&without), digests(&with)), (0, 7));
    let to = dir.path().join("new");
    let refused = import(&without, &to, LostRevocations::Accept);
    assert!(matches!(refused, Err(Error::Invalid { .. })));
}

#[cfg(feature = "jwt")]
#[test]
fn keys_verify_after_an_import_and_sign_nothing() {
    use hallpass::KeyState;
    use hallpass::jwt::Algorithm;

    let dir = tempfile::tempdir().unwrap();
    let store = options().open(dir.path().join("store")).unwrap();
    let hour = Duration::from_secs(3600);
    let issue = |algorithm| {
        store.generate_signing_key(algorithm).unwrap();
        let token = NewToken::jwt("c").lifetime(hour).algorithm(algorithm);
        store.issue(token).unwrap().secret
    };
    let retired = issue(Algorithm::EdDsa);
    let kid = &store.signing_keys().unwrap()[0].kid;
    store.retire_key(kid).unwrap();
    let (eddsa, hs256) = (issue(Algorithm::EdDsa), issue(Algorithm::Hs256));
    store.generate_client_key("c", Algorithm::Es256).unwrap();
    let text = export(&store, Digests::With);
    let to = dir.path().join("new");
    let told = Store::import(text.as_bytes(), &to, options(), LostRevocations::Accept).unwrap();
    assert_eq!(told.keys_retired, 1);
    let new = options().create(false).open(&to).unwrap();
    new.verify().unwrap();
    assert!(new.validator().validate(eddsa.expose()).is_ok());
    assert!(new.validator().validate(hs256.expose()).is_err());
    let dead = new.validator().validate(retired.expose()).unwrap_err();
    assert_eq!(dead, Inactive::Revoked);
    let states: Vec<KeyState> = new
        .signing_keys()
        .unwrap()
        .iter()
        .map(|key| key.state)
        .collect();
    assert_eq!(
        states,
        [KeyState::Retired, KeyState::Verifying, KeyState::Retired]
    );
    let again = NewToken::jwt("c").lifetime(hour);
    assert!(new.issue(again).is_err());
    assert_eq!(new.client_keys("c").unwrap().len(), 1);
}
