//! Promises 2 and 3 against a real process: whatever a killed writer had acknowledged is there after
//! reopening, and nothing revoked is active; it is killed while it opens, purges and closes, too.
//! `HALLPASS_KILLS` lengthens the run.

mod dice;
mod folder_copy;
mod workload;

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant, SystemTime};

use dice::Dice;
use folder_copy::copy;
use hallpass::{Options, Store};
use workload::{Plan, Promised};

/// Kills of one store; then it is a new one, or it would only grow.
const KILLS_EACH: usize = 20;

/// Not a test of its own: what is killed.
#[test]
fn child() {
    workload::child();
}

/// When a child is killed: so many milliseconds at the most after it has begun this.
const MOMENTS: &[(&str, u64)] = &[
    ("", 400),
    (" open", 20),
    ("", 400),
    (" purge", 3),
    (" open", 20),
    (" close", 20),
];

#[test]
fn what_was_acknowledged_survives_and_what_was_revoked_stays_dead() {
    if workload::is_child() {
        return;
    }
    let kills: usize = std::env::var("HALLPASS_KILLS").map_or(12, |kills| kills.parse().unwrap());
    let seed = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_nanos() as u64;
    eprintln!("seed {seed}");
    let mut dice = Dice::new(seed);
    let mut acknowledged = 0;
    // While opening, purging, closing, or anything else.
    let mut cut_off = [0; 4];
    for first in (0..kills).step_by(KILLS_EACH) {
        let root = tempfile::tempdir().unwrap();
        let mut promised = Promised::default();
        for kill in first..kills.min(first + KILLS_EACH) {
            promised.next_child();
            run_and_kill(root.path(), kill, &mut dice, &mut promised);
            let at = ["open", "purge", "close"]
                .iter()
                .position(|name| promised.is_under_way(name));
            cut_off[at.unwrap_or(3)] += 1;
            // Checked on a copy every second time, so that the next child has to recover as well.
            let store = root.path().join("store");
            if !store.exists() {
                continue;
            }
            let checked = if kill % 2 == 0 {
                store
            } else {
                let copied = root.path().join("copy");
                let _ = fs::remove_dir_all(&copied);
                copy(&store, &copied);
                copied
            };
            if let Err(why) = holds(&checked, &promised) {
                panic!("kill {kill}: {why}; kept in {}", root.keep().display());
            }
        }
        acknowledged += promised.acknowledged;
    }
    eprintln!(
        "{kills} kills, {acknowledged} operations acknowledged; killed while opening, purging, \
         closing and else: {cut_off:?}"
    );
    assert!(
        acknowledged as usize > 10 * kills,
        "the children did too little to prove much"
    );
    assert!(cut_off[0] > 0, "none was killed while it opened");
}

fn run_and_kill(root: &Path, kill: usize, dice: &mut Dice, promised: &mut Promised) {
    let says = root.join("says");
    let _ = fs::remove_file(&says);
    let plan = Plan {
        seed: dice.next() >> 8,
        threads: 4,
        rounds: 30,
        openings: 1_000_000,
        large_every: [0, 40][kill % 2],
        buffered: kill % 7 == 6,
        tokens_max: 0,
    };
    let mut child = workload::command(&[], &root.join("store"), &says, plan)
        .spawn()
        .unwrap();
    let (moment, within_ms) = MOMENTS[kill % MOMENTS.len()];
    wait_for(&says, moment, &mut child);
    let wait = Duration::from_micros(dice.below(within_ms as usize * 1000) as u64);
    std::thread::sleep(wait);
    child.kill().unwrap();
    child.wait().unwrap();
    promised.hear_all(&fs::read_to_string(&says).unwrap_or_default());
}

/// Waits until the child has said this since we began to listen.
fn wait_for(says: &Path, what: &str, child: &mut Child) {
    let begun = Instant::now();
    let mut heard = 0;
    while begun.elapsed() < Duration::from_secs(20) {
        assert!(
            child.try_wait().unwrap().is_none(),
            "the child ended by itself"
        );
        let said = fs::read_to_string(says).unwrap_or_default();
        if said[heard..]
            .lines()
            .any(|line| line.starts_with('+') && line.ends_with(what))
        {
            return;
        }
        heard = said.rfind('\n').map_or(0, |end| end + 1);
        std::thread::sleep(Duration::from_micros(200));
    }
    panic!("the child never came to{what}");
}

fn holds(path: &Path, promised: &Promised) -> Result<(), String> {
    if promised.failed > 0 {
        return Err("an operation of the child failed".to_owned());
    }
    let store: Store = Options::new()
        .purge_grace(Duration::ZERO)
        .open(path)
        .map_err(|error| format!("open: {error}"))?;
    promised.check(&store)?;
    store.close().map_err(|error| format!("close: {error}"))
}
