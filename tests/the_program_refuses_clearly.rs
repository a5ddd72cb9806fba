//! Bad input, bad stores, unknown names: one sentence, the right exit code, no secret, and nothing
//! changed.

mod program;

use std::fs;

use hallpass::Store;
use program::{issue, json, on, run, run_with};
use serde_json::json as value;

const SECRET: &str = "hp_02JEfZmTMB62YqJrz0XgNiavFlXZWWZW68zHQmLmHYK3W2BBQm3";

/// Every subcommand that opens a store which must be there.
const ON_A_STORE: [&str; 16] = [
    "validate x",
    "revoke x",
    "revoke-all --client acme",
    "revoke-everything --yes",
    "expire x --in 1h",
    "disable --client acme",
    "enable --client acme",
    "get x",
    "list",
    "purge",
    "stats",
    "verify",
    "backup no-such-folder/x",
    "export",
    "compact",
    "repair --into no-such-folder/x",
];

#[test]
fn a_missing_store_is_said_and_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = &dir.path().join("none");
    for line in ON_A_STORE {
        let (code, told) = json(path, line, "");
        assert_eq!(
            (code, &told["error"]["code"]),
            (2, &value!("store.not_found")),
            "{line}"
        );
    }
    assert_eq!(run(on(path, "explain")).code, 2);
    assert!(!path.exists());
}

#[test]
fn a_file_and_somebody_elses_folder_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = &dir.path().join("file");
    fs::write(file, "mine").unwrap();
    for line in ON_A_STORE
        .into_iter()
        .chain(["issue --client c --lifetime 1h", "demo"])
    {
        let (code, told) = json(file, line, "");
        assert_eq!(
            (code, &told["error"]["code"]),
            (2, &value!("store.not_a_directory")),
            "{line}"
        );
    }
    let (code, told) = json(dir.path(), "issue --client c --lifetime 1h", "");
    assert_eq!(
        (code, &told["error"]["code"]),
        (2, &value!("store.not_a_store"))
    );
    assert_eq!(fs::read_to_string(file).unwrap(), "mine");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let (code, told) = json(file, "bench", "");
    assert_eq!(
        (code, &told["error"]["code"]),
        (1, &value!("request.invalid"))
    );
}

#[test]
fn a_store_in_use_is_locked() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    for line in ON_A_STORE {
        let (code, told) = json(dir.path(), line, "");
        assert_eq!(
            (code, &told["error"]["code"]),
            (2, &value!("store.locked")),
            "{line}"
        );
    }
    drop(store);
    assert_eq!(run(on(dir.path(), "stats")).code, 0);
}

#[test]
fn a_damaged_store_is_said_in_one_sentence() {
    let dir = tempfile::tempdir().unwrap();
    issue(dir.path(), "--lifetime 1h --metadata k=marker");
    let data = dir.path().join("data");
    let db = data.join("db");
    let mut bytes = fs::read(&db).unwrap();
    let found = bytes.windows(6).position(|window| window == b"marker");
    bytes[found.unwrap()] ^= 1;
    fs::write(&db, &bytes).unwrap();
    for line in ["verify", "validate x", "list"] {
        let (code, told) = json(dir.path(), line, "");
        // What follows the damage in so small a log is gone with it, which is a roll-back.
        let said = told["error"]["code"].as_str().unwrap();
        assert!(
            ["store.corrupt", "store.rollback"].contains(&said),
            "{line}: {said}"
        );
        assert_eq!(code, 2, "{line}");
    }
    let ran = run(on(dir.path(), "stats"));
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");

    fs::remove_dir_all(&data).unwrap();
    let (code, told) = json(dir.path(), "issue --client c --lifetime 1h", "");
    assert_eq!(
        (code, &told["error"]["code"]),
        (2, &value!("store.corrupt"))
    );
    assert!(
        !data.exists(),
        "an empty store was made beside the seal of the lost one"
    );
}

#[test]
fn an_old_generation_and_another_key_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = &dir.path().join("store");
    let key = dir.path().join("key");
    fs::write(&key, "7".repeat(64)).unwrap();
    issue(path, "--lifetime 1h");
    let (code, told) = json(path, "stats --least-generation 1000", "");
    assert_eq!(
        (code, &told["error"]["code"]),
        (2, &value!("store.rollback"))
    );
    let (code, told) = json(
        path,
        &format!("stats --digest-key-file {}", key.display()),
        "",
    );
    assert_eq!(
        (code, &told["error"]["code"]),
        (2, &value!("store.wrong_digest_key"))
    );
    let (code, _) = json(path, "stats --digest-key-file /nonexistent", "");
    assert_eq!(code, 2);

    fs::write(&key, "not a key").unwrap();
    let (code, told) = json(
        path,
        &format!("stats --digest-key-file {}", key.display()),
        "",
    );
    assert_eq!(
        (code, &told["error"]["code"]),
        (1, &value!("request.invalid"))
    );
    fs::rename(path.join("digest.key"), &key).unwrap();
    assert_eq!(
        json(path, "stats", "").1["error"]["code"],
        "store.wrong_digest_key"
    );
    assert_eq!(
        json(
            path,
            &format!("stats --digest-key-file {}", key.display()),
            ""
        )
        .0,
        0
    );
}

#[test]
fn unknown_tokens_and_clients_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    issue(dir.path(), "--lifetime 1h");
    for line in [
        "revoke 00000000001",
        "revoke junk",
        "revoke -",
        "get 00000000001",
        "get -",
        "expire 00000000001 --in 1h",
        "revoke - --pair-id acme",
    ] {
        let (code, told) = json(dir.path(), line, SECRET);
        assert_eq!(
            (code, &told["error"]["code"]),
            (1, &value!("token.unknown")),
            "{line}"
        );
    }
    for line in [
        "revoke-all --client nobody",
        "enable --client nobody",
        "list --client nobody",
    ] {
        let (code, told) = json(dir.path(), line, "");
        assert_eq!(
            (code, &told["error"]["code"]),
            (1, &value!("client.unknown")),
            "{line}"
        );
    }
}

#[test]
fn every_limit_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let long = "x".repeat(200);
    let cases = [
        (
            format!("--client {long} --lifetime 1h"),
            "client_id_max_bytes",
        ),
        ("--client c --lifetime 1000y".to_owned(), "expires_at_max"),
        (
            format!("--client c --lifetime 1h --scope {long}"),
            "scope_max_bytes",
        ),
        (
            format!("--client c --lifetime 1h --metadata k={}", "v".repeat(5000)),
            "metadata_max_bytes",
        ),
        (
            "--client c --lifetime 1h --prefix thirteenbytes".to_owned(),
            "prefix_max_bytes",
        ),
        (
            format!("--client c --lifetime 1h --kind client-secret --pair-id {long}"),
            "pair_id_max_bytes",
        ),
    ];
    for (rest, limit) in cases {
        let (code, told) = json(dir.path(), &format!("issue {rest}"), "");
        assert_eq!(code, 1, "{limit}");
        let message = told["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(limit), "{message}");
        assert_eq!(told["error"]["code"], "quota.exceeded");
    }
}

#[test]
fn wrong_arguments_are_told_without_their_secrets() {
    let dir = tempfile::tempdir().unwrap();
    for line in [
        "issue --client c",
        "issue --client c --lifetime 90",
        "issue --client c --lifetime 1h --never-expires",
        "issue --client c --lifetime 1h --metadata k",
        "issue --client c --lifetime 1h --not-before tomorrow",
        "validate",
        "validate - --stdin-lines",
        "list --limit 0",
        "expire x",
        "nothing",
    ] {
        let ran = run(on(dir.path(), line));
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{line}: {ran:?}");
    }
    for line in [
        format!("validate x {SECRET}"),
        format!("validate --pair={SECRET}"),
        SECRET.to_owned(),
        format!("stats {SECRET}"),
        format!("issue --client c --lifetime {SECRET}"),
    ] {
        let ran = run(on(dir.path(), &line));
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(!ran.stderr.contains("02JEf"), "{}", ran.stderr);
    }
}

#[test]
fn secrets_are_echoed_by_issue_only() {
    let dir = tempfile::tempdir().unwrap();
    let (_, secret) = issue(dir.path(), "--lifetime 1h");
    let request = format!(r#"{{"headers":[["Authorization","Bearer {secret}"]]}}"#);
    for (line, input) in [
        ("validate -", &secret),
        ("validate --stdin-lines", &secret),
        ("get -", &secret),
        ("list --client acme", &secret),
        ("explain", &request),
        ("revoke -", &secret),
        ("validate -", &secret),
        ("purge --grace 0s", &secret),
        ("revoke -", &secret),
    ] {
        for json in ["", " --json"] {
            let ran = run_with(on(dir.path(), &format!("{line}{json}")), input);
            assert!(ran.code <= 1, "{ran:?}");
            // The id is public; what follows it is not.
            let tail = &secret[14..];
            assert!(
                !ran.stdout.contains(tail) && !ran.stderr.contains(tail),
                "{line}"
            );
        }
    }
}

#[test]
fn explain_tells_the_stores_verdict_and_goes_on_after_junk() {
    let dir = tempfile::tempdir().unwrap();
    let (id, secret) = issue(dir.path(), "--lifetime 1h");
    let (_, revoked) = issue(dir.path(), "--lifetime 1h");
    assert_eq!(run_with(on(dir.path(), "revoke -"), &revoked).code, 0);
    let input = format!(
        "{}\njunk\n{}\n{}\n{}\n",
        value!({ "id": 1, "headers": [["Authorization", format!("Bearer {secret}")]] }),
        value!({ "id": 2, "query": format!("client_key={revoked}") }),
        value!({ "id": 3, "headers": [["Authorization", format!("Bearer {SECRET}")]] }),
        value!({ "id": 4, "headers": [] }),
    );
    let ran = run_with(on(dir.path(), "explain"), &input);
    assert_eq!(ran.code, 1, "a line was junk: {ran:?}");
    let told: Vec<serde_json::Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(told.len(), 5);
    assert_eq!(
        (&told[0]["verdict"], &told[0]["token_id"]),
        (&value!("active"), &value!(id))
    );
    assert_eq!(told[0]["client"], "acme");
    assert_eq!(told[1]["line"], 2);
    assert_eq!(
        told[2]["verdict"], "credential.malformed",
        "a query needs Bearer"
    );
    assert_eq!(told[3]["verdict"], "token.not_found");
    assert_eq!(told[4]["verdict"], "credential.missing");

    let line = value!({ "headers": [["Cookie", format!("sid={revoked}")]] }).to_string();
    let ran = run_with(on(dir.path(), "explain"), &line);
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (ran.code, &told["verdict"], &told["client"]),
        (0, &value!("token.revoked"), &value!("acme"))
    );
    let told: serde_json::Value =
        serde_json::from_str(&run_with(["explain"], &line).stdout).unwrap();
    assert!(
        told.get("verdict").is_none(),
        "without a store nobody judges"
    );
}

#[test]
fn help_is_no_failure() {
    for args in [vec!["--help"], vec!["--version"], vec!["issue", "--help"]] {
        let ran = run(&args);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
    }
}
