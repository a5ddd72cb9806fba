//! Promises 2 and 3 against a real process: whatever a killed writer had acknowledged is there after
//! reopening, and nothing revoked is active. `HALLPASS_KILLS` lengthens the run.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use hallpass::{Inactive, NewToken, Store, TokenId};

const CHILD: &str = "HALLPASS_TEST_CHILD";

/// Not a test of its own: what the child runs until it is killed. Four threads issue, revoke and
/// revoke all, and print each operation once it has returned.
#[test]
fn child() {
    let Ok(path) = std::env::var(CHILD) else {
        return;
    };
    let store = Store::open(path).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                let client = format!("client-{thread}");
                for round in 0.. {
                    let issued = store.issue(NewToken::new(&client).never_expires()).unwrap();
                    say(&format!(
                        "issued {} {} {client}",
                        issued.id,
                        issued.secret.expose()
                    ));
                    if round % 3 == 0 {
                        store.revoke(issued.id).unwrap();
                        say(&format!("revoked {}", issued.id));
                    }
                    if round % 50 == 49 {
                        store.revoke_all(&client).unwrap();
                        say(&format!("all {client} {}", issued.id));
                    }
                    if round % 70 == 69 {
                        store.purge(20).unwrap();
                    }
                }
            });
        }
    });
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

#[derive(Default)]
struct Acknowledged {
    issued: HashMap<TokenId, (String, String)>,
    revoked: Vec<TokenId>,
    /// Client, and the last token issued before all were revoked.
    all: Vec<(String, TokenId)>,
}

impl Acknowledged {
    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match *words {
            ["issued", id, secret, client] => {
                self.issued
                    .insert(id.parse().unwrap(), (secret.to_owned(), client.to_owned()));
            }
            ["revoked", id] => self.revoked.push(id.parse().unwrap()),
            ["all", client, last] => self.all.push((client.to_owned(), last.parse().unwrap())),
            // The test harness's own lines, and a line cut by the kill.
            _ => {}
        }
    }

    fn is_dead(&self, id: TokenId) -> bool {
        self.revoked.contains(&id)
            || self
                .all
                .iter()
                .any(|(client, last)| self.issued[&id].1 == *client && id <= *last)
    }
}

#[test]
fn what_was_acknowledged_survives_and_what_was_revoked_stays_dead() {
    if std::env::var(CHILD).is_ok() {
        return;
    }
    let kills = std::env::var("HALLPASS_KILLS").map_or(8, |kills| kills.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    for _ in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let listener =
            std::thread::spawn(move || out.lines().map_while(Result::ok).collect::<Vec<String>>());
        let nanos = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .subsec_nanos();
        std::thread::sleep(Duration::from_millis(u64::from(30 + nanos / 1_000 % 400)));
        child.kill().unwrap();
        child.wait().unwrap();
        let heard = listener.join().unwrap();
        heard.iter().for_each(|line| acknowledged.hear(line));
        check(dir.path(), &acknowledged);
    }
    assert!(
        acknowledged.issued.len() > 10 * kills,
        "the children did too little to prove much"
    );
}

fn check(path: &std::path::Path, acknowledged: &Acknowledged) {
    let store = Store::open(path).unwrap();
    let validator = store.validator();
    for (id, (secret, client)) in &acknowledged.issued {
        match validator.validate(secret) {
            Ok(active) => {
                assert_eq!((active.token_id(), active.client_id()), (*id, &**client));
                assert!(!acknowledged.is_dead(*id), "{id} lives again");
            }
            Err(Inactive::Revoked) => {
                // Acknowledged or not, the revocation of a token this child had issued.
                assert!(store.get(*id).unwrap().is_some());
            }
            Err(other) => panic!("{id} is {other:?}"),
        }
    }
    store.verify().unwrap();
    store.close().unwrap();
}
