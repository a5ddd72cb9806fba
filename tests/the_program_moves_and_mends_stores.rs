//! The program's verbs on whole stores: backup, restore, compact. Their answers, their exit codes,
//! and what they never print.

mod program;

use std::fs;

use hallpass::Store;
use program::{issue, json, on, run, run_with};
use serde_json::json as value;

#[test]
fn a_backup_is_made_and_restored_with_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let (store, new) = (&dir.path().join("store"), &dir.path().join("new"));
    let file = dir.path().join("backup").display().to_string();
    let key = store.join("digest.key").display().to_string();
    let (id, secret) = issue(store, "--lifetime 1h");
    let (code, made) = json(store, &format!("backup {file}"), "");
    assert_eq!((code, &made["tokens"]), (0, &value!(1)));
    let generation = made["generation"].as_u64().unwrap();
    let (code, taken) = json(store, &format!("backup {file}"), "");
    assert_eq!(
        (code, &taken["error"]["code"]),
        (1, &value!("conflict.path_taken"))
    );
    let ran = run(on(store, &format!("backup {file}.2")));
    assert!(
        ran.code == 0 && ran.stdout.contains("digest.key"),
        "{ran:?}"
    );
    assert_eq!(run(on(store, &format!("revoke {id}"))).code, 0);

    let line = format!("restore {file} --digest-key-file {key}");
    let (code, asked) = json(new, &line, "");
    assert_eq!(
        (code, &asked["error"]["code"]),
        (1, &value!("store.revocations_may_be_lost"))
    );
    let message = asked["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("--lost-revocations revoke-all"),
        "{message}"
    );
    let newer = format!("{line} --least-generation {}", generation + 1);
    let (code, told) = json(new, &newer, "");
    assert_eq!(
        (code, &told["error"]["code"]),
        (2, &value!("store.rollback"))
    );
    let keyless = format!("restore {file} --lost-revocations accept");
    let (code, told) = json(new, &keyless, "");
    assert_eq!(
        (code, &told["error"]["code"]),
        (1, &value!("request.invalid"))
    );
    assert!(!new.exists());

    let known = format!("{line} --least-generation {generation}");
    let (code, told) = json(new, &known, "");
    assert_eq!(
        (code, told),
        (
            0,
            value!({
                "generation": generation, "tokens": 1, "clients": 1, "keys": 0,
                "revoked_all": false,
            })
        )
    );
    let validate = format!("validate - --digest-key-file {key}");
    assert_eq!(run_with(on(new, &validate), &secret).code, 0);
    let (code, told) = json(new, &known, "");
    assert_eq!(
        (code, &told["error"]["code"]),
        (1, &value!("conflict.path_taken"))
    );

    let killed = &dir.path().join("killed");
    let line = format!("{line} --lost-revocations revoke-all");
    let ran = run(on(killed, &line));
    assert!(ran.code == 0 && ran.stdout.contains("revoked"), "{ran:?}");
    // The key may be put beside the data, where the store had it.
    fs::copy(&key, killed.join("digest.key")).unwrap();
    let (code, told) = json(killed, "validate -", &secret);
    assert_eq!((code, &told["code"]), (1, &value!("token.revoked")));
}

#[test]
fn compacting_gives_back_room() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path();
    let ran = run(on(store, "issue --client churn --lifetime 1h --count 5000"));
    assert_eq!(ran.code, 0);
    let (_, secret) = issue(store, "--lifetime 1h");
    assert_eq!(run(on(store, "revoke-all --client churn")).code, 0);
    let (_, purged) = json(store, "purge --grace 0s", "");
    assert_eq!(purged["purged"], 5000);
    let (code, told) = json(store, "compact", "");
    assert_eq!((code, &told["tokens"]), (0, &value!(1)));
    assert!(told["bytes_after"].as_u64() < told["bytes_before"].as_u64());
    assert_eq!(run_with(on(store, "validate -"), &secret).code, 0);
    let open = Store::open(store).unwrap();
    let (code, told) = json(store, "compact", "");
    assert_eq!((code, &told["error"]["code"]), (2, &value!("store.locked")));
    drop(open);
    let ran = run(on(store, "compact"));
    assert!(ran.code == 0 && ran.stdout.contains("1 tokens"), "{ran:?}");
}
