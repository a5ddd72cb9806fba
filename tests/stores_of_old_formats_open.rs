//! Promise 8: a format once released opens for ever. The stores in `tests/golden` were made by the
//! program of their release and are never changed.

mod folder_copy;

use std::fs;
use std::path::Path;

use folder_copy::copy;
use hallpass::{ClientFault, Inactive, Options, TokenStatus};
use serde_json::Value;

#[test]
fn format_1_opens_and_says_what_it_said() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let said: Value =
        serde_json::from_slice(&fs::read(golden.join("format-1.json")).unwrap()).unwrap();
    let secret = |name: &str| said[name]["secret"].as_str().unwrap().to_owned();
    let id = |name: &str| said[name]["id"].as_str().unwrap().parse().unwrap();
    let dir = tempfile::tempdir().unwrap();
    copy(&golden.join("format-1"), dir.path());
    let store = Options::new().create(false).open(dir.path()).unwrap();
    let validator = store.validator();

    let active = validator.validate(secret("active")).unwrap();
    assert_eq!(
        (active.token_id(), active.client_id()),
        (id("active"), "golden")
    );
    assert_eq!(active.scopes().collect::<Vec<_>>(), ["read", "write"]);
    assert_eq!(
        store.get(id("active")).unwrap().unwrap().metadata["name"],
        "active"
    );

    assert_eq!(
        validator.validate(secret("revoked")).unwrap_err(),
        Inactive::Revoked
    );
    let revoked = store.get(id("revoked")).unwrap().unwrap();
    assert_eq!(revoked.status, TokenStatus::Revoked);
    assert_eq!(revoked.revoked_reason.as_deref(), Some("lost"));
    assert_eq!(revoked.revoked_by.as_deref(), Some("ops"));

    assert_eq!(
        validator.validate(secret("expired")).unwrap_err(),
        Inactive::Expired
    );
    assert_eq!(
        validator.validate(secret("disabled")).unwrap_err(),
        Inactive::ClientDisabled
    );
    assert_eq!(
        validator.validate(secret("killed")).unwrap_err(),
        Inactive::Revoked
    );
    assert_eq!(
        validator.validate(secret("api_key")).unwrap().client_id(),
        "org"
    );
    assert!(
        validator
            .validate("a-chosen-golden-secret-0123456789-abcdefgh")
            .is_ok()
    );
    assert!(validator.validate_pair("key-1", secret("pair")).is_ok());
    assert_eq!(
        validator
            .validate_pair("key-2", secret("pair"))
            .unwrap_err(),
        Inactive::ClientUnauthenticated(ClientFault::Unknown)
    );
    #[cfg(feature = "jwt")]
    {
        assert_eq!(
            validator.validate(secret("jwt")).unwrap().token_id(),
            id("jwt")
        );
        assert_eq!(store.signing_keys().unwrap().len(), 1);
    }
    let stats = store.stats().unwrap();
    assert_eq!((stats.tokens, stats.clients), (9, 4));
    store.verify().unwrap();
}
