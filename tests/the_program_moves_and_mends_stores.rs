//! The program's verbs on whole stores: backup, restore, export, import, repair, compact. Their
//! answers, their exit codes, and what they never print.

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

/// A short form; HALLPASS_KILLS makes it longer.
#[test]
fn killed_at_any_moment_it_leaves_the_store_whole() {
    let kills = std::env::var("HALLPASS_KILLS").map_or(6, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let store = &dir.path().join("store");
    let ran = run(on(
        store,
        "issue --client churn --lifetime 1h --count 20000",
    ));
    assert_eq!(ran.code, 0);
    let (_, secret) = issue(store, "--lifetime 1h");
    let (_, stats) = json(store, "stats", "");
    let (backup, new) = (dir.path().join("backup"), dir.path().join("new"));
    let key = store.join("digest.key").display().to_string();
    let backup_line = format!("backup {}", backup.display());
    let restore_line = format!(
        "restore {} --digest-key-file {key} --lost-revocations accept",
        backup.display()
    );
    let mut ended = 0;
    for kill in 0..kills {
        // Where nothing was killed, each takes some tenths of a second here.
        let after = std::time::Duration::from_millis(20 + 73 * (kill % 6));
        for (at, line) in [
            (store, "compact"),
            (store, &*backup_line),
            (&new, &*restore_line),
        ] {
            let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_hallpass"))
                .args(on(at, line))
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(after);
            let _ = program.kill();
            ended += u64::from(program.wait().unwrap().success());
            if line == backup_line && !backup.exists() {
                let _ = fs::remove_file(dir.path().join("backup.unfinished"));
                assert_eq!(run(on(store, &backup_line)).code, 0);
            }
        }
        // What has its name is whole; what has not is not there.
        if new.exists() {
            let line = format!("validate - --digest-key-file {key}");
            assert_eq!(run_with(on(&new, &line), &secret).code, 0);
            fs::remove_dir_all(&new).unwrap();
        }
        let _ = fs::remove_dir_all(dir.path().join("new.unfinished"));
        fs::remove_file(&backup).unwrap();
        assert_eq!(run_with(on(store, "validate -"), &secret).code, 0);
        let (code, sound) = json(store, "verify", "");
        assert_eq!((code, &sound["tokens"]), (0, &stats["tokens"]));
    }
    assert!(ended < 3 * kills, "nothing was killed");
}

#[test]
fn an_export_is_read_by_anybody_and_imported_with_digests() {
    let dir = tempfile::tempdir().unwrap();
    let (store, new) = (&dir.path().join("store"), &dir.path().join("new"));
    let file = dir.path().join("export.jsonl").display().to_string();
    let key = store.join("digest.key").display().to_string();
    let (id, secret) = issue(store, "--lifetime 1h --metadata team=red");
    let shown = run(on(store, "export"));
    assert_eq!(shown.code, 0);
    let lines: Vec<serde_json::Value> = shown
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[2]["token"]["id"], value!(id));
    assert_eq!(lines[2]["token"]["metadata"], value!({ "team": "red" }));
    assert!(lines[2]["token"]["digest"].is_null());
    assert!(!shown.stdout.contains(&secret[14..40]));
    let line = format!("import - --digest-key-file {key} --lost-revocations accept");
    let ran = run_with(on(new, &format!("{line} --json")), &shown.stdout);
    assert!(
        ran.code == 1 && ran.stdout.contains("request.invalid"),
        "{ran:?}"
    );

    let (code, told) = json(store, &format!("export --digests {file}"), "");
    assert_eq!((code, &told["tokens"]), (0, &value!(1)));
    let (code, told) = json(store, &format!("export {file}"), "");
    assert_eq!(
        (code, &told["error"]["code"]),
        (1, &value!("conflict.path_taken"))
    );
    let line = format!("import {file} --digest-key-file {key}");
    let (code, told) = json(new, &line, "");
    assert_eq!(
        (code, &told["error"]["code"]),
        (1, &value!("store.revocations_may_be_lost"))
    );
    assert!(!new.exists());
    let (code, told) = json(new, &format!("{line} --lost-revocations accept"), "");
    assert_eq!((code, &told["keys_retired"]), (0, &value!(0)));
    let validate = format!("validate - --digest-key-file {key}");
    assert_eq!(run_with(on(new, &validate), &secret).code, 0);
}

#[test]
fn a_damaged_store_is_repaired_beside_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (store, new) = (&dir.path().join("store"), dir.path().join("new"));
    let (_, secret) = issue(store, "--lifetime 1h");
    let (revoked, dead) = issue(store, "--lifetime 1h");
    assert_eq!(run(on(store, &format!("revoke {revoked}"))).code, 0);
    let db = store.join("data/db");
    let mut bytes = fs::read(&db).unwrap();
    bytes[..20].fill(0);
    fs::write(&db, &bytes).unwrap();
    assert_eq!(run(on(store, "stats")).code, 2);
    let line = format!("repair --into {}", new.display());
    let (code, told) = json(store, &line, "");
    assert_eq!((code, &told["proven"]), (0, &value!(true)), "{told}");
    assert_eq!(fs::read(&db).unwrap(), bytes);
    let (code, told) = json(store, &line, "");
    assert_eq!(
        (code, &told["error"]["code"]),
        (1, &value!("conflict.path_taken"))
    );
    let new = &new;
    assert_eq!(run_with(on(new, "validate -"), &secret).code, 0);
    assert_eq!(run_with(on(new, "validate -"), &dead).code, 1);

    // Nothing says any more which state was the last.
    fs::remove_file(store.join("seal")).unwrap();
    let doubtful = dir.path().join("doubtful");
    let line = format!("repair --into {}", doubtful.display());
    let (code, told) = json(store, &line, "");
    assert_eq!(
        (code, &told["error"]["code"]),
        (1, &value!("store.revocations_may_be_lost"))
    );
    assert!(!doubtful.exists());
    let ran = run(on(store, &format!("{line} --lost-revocations revoke-all")));
    assert!(ran.code == 0 && ran.stdout.contains("revoked"), "{ran:?}");
    assert_eq!(run_with(on(&doubtful, "validate -"), &secret).code, 1);
}
