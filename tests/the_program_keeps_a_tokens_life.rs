//! What the subcommands promise of tokens and clients: their answers and their exit codes.

mod program;

use std::path::Path;

use program::{issue, json, on, run, run_with};
use serde_json::json as value;

fn validate(path: &Path, secret: &str) -> (i32, serde_json::Value) {
    json(path, "validate -", &format!("{secret}\n"))
}

#[test]
fn a_token_lives_from_issue_to_revocation_and_purge() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let (id, secret) = issue(
        path,
        "--lifetime 90d --scope read --scope list --metadata a=b=c",
    );
    let (code, told) = validate(path, &secret);
    assert_eq!(code, 0);
    let expires_at = told["expires_at"].as_u64().unwrap();
    let want = value!({
        "active": true, "id": id, "client_id": "acme", "kind": "token",
        "scopes": ["list", "read"], "expires_at": expires_at,
    });
    assert_eq!(told, want);

    let (code, told) = json(path, "revoke - --reason lost --by ops", &secret);
    assert_eq!((code, &told["outcome"]), (0, &value!("revoked")));
    let (code, told) = json(path, &format!("revoke {id}"), "");
    assert_eq!((code, &told["outcome"]), (0, &value!("already_revoked")));
    let (code, told) = validate(path, &secret);
    assert_eq!((code, &told["code"]), (1, &value!("token.revoked")));
    assert_eq!(told["active"], false);

    let (_, told) = json(path, &format!("get {id}"), "");
    assert_eq!(told["status"], "revoked");
    assert_eq!(
        (&told["revoked_reason"], &told["revoked_by"]),
        (&value!("lost"), &value!("ops"))
    );
    assert_eq!(told["metadata"], value!({ "a": "b=c" }));
    assert_eq!(told["expires_at"], expires_at);
    assert_eq!(
        expires_at - told["issued_at"].as_u64().unwrap(),
        90 * 86_400
    );

    assert_eq!(
        json(path, "purge", "").1,
        value!({ "purged": 0, "more": false })
    );
    assert_eq!(
        json(path, "purge --grace 0s", "").1,
        value!({ "purged": 1, "more": false })
    );
    let (code, told) = validate(path, &secret);
    assert_eq!((code, &told["code"]), (1, &value!("token.not_found")));
}

#[test]
fn a_whole_client_is_revoked_disabled_and_enabled() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let (_, first) = issue(path, "--never-expires");
    assert_eq!(run(on(path, "revoke-all --client acme")).code, 0);
    assert_eq!(validate(path, &first).1["code"], "token.revoked");

    let (_, second) = issue(path, "--never-expires");
    assert_eq!(validate(path, &second).0, 0);
    assert_eq!(run(on(path, "disable --client acme")).code, 0);
    assert_eq!(validate(path, &second).1["code"], "token.client_disabled");
    let (code, told) = json(path, "issue --client acme --never-expires", "");
    assert_eq!(
        (code, &told["error"]["code"]),
        (1, &value!("client.disabled"))
    );
    assert_eq!(run(on(path, "enable --client acme")).code, 0);
    assert_eq!(validate(path, &second).0, 0);

    let (code, told) = json(path, "revoke-everything", "");
    assert_eq!(
        (code, &told["error"]["code"]),
        (1, &value!("request.not_confirmed"))
    );
    assert_eq!(validate(path, &second).0, 0);
    assert_eq!(run(on(path, "revoke-everything --yes")).code, 0);
    assert_eq!(validate(path, &second).1["code"], "token.revoked");
}

#[test]
fn a_life_can_be_shortened_and_not_prolonged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let (id, secret) = issue(path, "--expires-at 2100-01-31T00:00:00Z");
    let ran = run(on(path, &format!("expire {id} --at 2100-02-01")));
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.contains("2100-01-31T00:00:00Z"), "{ran:?}");
    let (code, told) = json(path, &format!("expire {id} --in 0s"), "");
    assert_eq!((code, &told["id"]), (0, &value!(id)));
    assert_eq!(validate(path, &secret).1["code"], "token.expired.store");
    let (_, later) = issue(path, "--never-expires --not-before 2100-01-01");
    assert_eq!(validate(path, &later).1["code"], "token.not_yet_valid");
}

#[test]
fn what_is_expected_of_a_token_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let (_, secret) = issue(
        path,
        "--lifetime 1h30m --scope read --kind api-key --environment test",
    );
    assert!(secret.starts_with("hpk_test_"), "{secret}");
    for (asked, code) in [
        ("--client acme --scope read", 0),
        ("--client other", 1),
        ("--scope write", 1),
        ("--pair-id acme", 1),
    ] {
        let (got, _) = json(path, &format!("validate - {asked}"), &secret);
        assert_eq!(got, code, "{asked}");
    }
}

#[test]
fn a_client_secret_counts_only_with_its_id() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let (id, secret) = issue(path, "--never-expires --kind client-secret --pair-id app");
    assert_eq!(json(path, "validate - --pair-id app", &secret).0, 0);
    for asked in ["--pair-id acme", ""] {
        let line = format!("validate - {asked}");
        assert_eq!(json(path, line.trim(), &secret).0, 1, "{asked}");
    }
    let (code, told) = json(path, "revoke - --pair-id app", &secret);
    assert_eq!((code, &told["id"]), (0, &value!(id)));
    let (_, told) = json(path, "validate - --pair-id app", &secret);
    assert_eq!(told["code"], "client.unauthenticated.revoked");
}

#[test]
fn a_chosen_secret_is_taken_from_a_file_and_not_printed() {
    let dir = tempfile::tempdir().unwrap();
    let path = &dir.path().join("store");
    let file = dir.path().join("secret");
    let secret = "gt6P_zIqTnCngfHDCpWb48ob5EBt3PqunUhpofNCNnc=";
    std::fs::write(&file, format!("{secret}\n")).unwrap();
    let line = format!(
        "issue --client acme --never-expires --chosen-secret-file {}",
        file.display()
    );
    let ran = run(on(path, &line));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret));
    assert_eq!(
        json(
            path,
            &format!("validate --token-file {}", file.display()),
            ""
        )
        .0,
        0
    );
    let (code, told) = json(path, &line, "");
    assert_eq!(
        (code, &told["error"]["code"]),
        (1, &value!("conflict.exists"))
    );
    std::fs::write(&file, "hunter2").unwrap();
    let (code, told) = json(path, &line, "");
    assert_eq!(
        (code, &told["error"]["code"]),
        (1, &value!("request.weak_secret"))
    );
}

#[test]
fn many_are_issued_validated_and_listed_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let ran = run(on(path, "issue --client acme --lifetime 1h --count 1500"));
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, 1500));
    let secrets: Vec<&str> = ran
        .stdout
        .lines()
        .map(|line| line.split_once('\t').unwrap().1)
        .collect();
    let told = run_with(on(path, "validate --stdin-lines"), &secrets.join("\n"));
    assert_eq!((told.code, told.stdout.lines().count()), (0, 1500));
    let told = run_with(
        on(path, "validate --stdin-lines"),
        &format!("{}\nx\n\n", secrets[0]),
    );
    assert_eq!(told.code, 1);
    let words: Vec<&str> = told
        .stdout
        .lines()
        .map(|line| line.split('\t').next().unwrap())
        .collect();
    assert_eq!(words, ["active", "inactive", "inactive"]);

    let (mut from, mut seen) = (String::new(), 0);
    loop {
        let (code, page) = json(
            path,
            format!("list --client acme --limit 1100 {from}").trim(),
            "",
        );
        assert_eq!(code, 0);
        seen += page["tokens"].as_array().unwrap().len();
        match page["next"].as_str() {
            Some(next) => from = format!("--from {next}"),
            None => break,
        }
    }
    assert_eq!(seen, 1500);

    for client in ["b", "a"] {
        assert_eq!(run(on(path, &format!("disable --client {client}"))).code, 0);
    }
    let (_, told) = json(path, "list --limit 2", "");
    let want = value!({
        "clients": [
            { "client_id": "a", "tokens": 0, "disabled": true },
            { "client_id": "acme", "tokens": 1500, "disabled": false },
        ],
        "next": "b",
    });
    assert_eq!(told, want);
    let ran = run(on(path, "list"));
    assert_eq!(ran.stdout.lines().next(), Some("CLIENT  STATUS    TOKENS"));
    let (_, stats) = json(path, "stats", "");
    assert_eq!(
        (&stats["tokens"], &stats["clients"]),
        (&value!(1500), &value!(3))
    );
    let (code, sound) = json(path, "verify", "");
    assert_eq!((code, &sound["tokens"]), (0, &value!(1500)));
}

#[test]
fn the_demo_can_be_run_again_and_leaves_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let path = &dir.path().join("demo");
    for (tokens, in_all) in [(1, 2), (3000, 3302)] {
        let (code, told) = json(path, &format!("demo --tokens {tokens}"), "");
        assert_eq!(code, 0, "{told}");
        assert_eq!(told["stats"]["tokens"], in_all);
        let id = told["left"]["id"].as_str().unwrap();
        assert_eq!(json(path, &format!("get {id}"), "").0, 0);
    }
    let ran = run(on(path, "demo --tokens 200"));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        !ran.stdout.contains("hp_") && !ran.stdout.contains("hps_"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_bench_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "bench", "--json", "--tokens", "2000", "--each", "20ms", "--dir",
    ];
    let args = args
        .map(std::ffi::OsString::from)
        .into_iter()
        .chain([dir.path().into()]);
    let ran = run(args);
    assert_eq!(ran.code, 0, "{ran:?}");
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    for row in told["measured"].as_array().unwrap() {
        assert!(
            row["measured"]["per_second"].as_f64().unwrap() > 0.0,
            "{row}"
        );
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_bench_that_is_killed_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = std::process::Command::new(env!("CARGO_BIN_EXE_hallpass"))
        .args(["bench", "--tokens", "100000", "--dir"])
        .arg(dir.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let entries = || std::fs::read_dir(dir.path()).unwrap().count();
    let until = |count| {
        for _ in 0..1000 {
            if entries() == count {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("{} entries, not {count}", entries());
    };
    until(1);
    std::thread::sleep(std::time::Duration::from_millis(300));
    bench.kill().unwrap();
    bench.wait().unwrap();
    until(0);
}
