//! Readers against a writer, on real threads: what they see is always one state of one token.
//!
//! Two seconds a test, or `HALLPASS_STRESS_SECS`. Under ThreadSanitizer:
//! `RUSTFLAGS=-Zsanitizer=thread cargo +nightly test -Zbuild-std --target x86_64-unknown-linux-gnu
//! --lib stress`. Without `-Zbuild-std`, but with `-Cunsafe-allow-abi-mismatch=sanitizer`, it reports
//! the end of the thread scope and the test harness, whose synchronisation it then cannot see.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{id, scramble};
use crate::table::{Cursor, Digest, Entry, Table};

const READERS: u64 = 2;

fn duration() -> Duration {
    let secs = std::env::var("HALLPASS_STRESS_SECS")
        .ok()
        .and_then(|secs| secs.parse().ok());
    Duration::from_secs(secs.unwrap_or(2))
}

/// Token `n`, for the `round`-th time: its facts follow from both, so that a mixture shows.
fn token(n: u64, round: u32) -> Entry {
    let round = round & 0xff;
    Entry {
        digest: Digest::of_words(scramble(2 * n), scramble(2 * n + 1)),
        id: id(n + 1),
        expires_at: round,
        grant: (scramble(n) as u32).wrapping_add(round),
        revoked: false,
        deferred: round.is_multiple_of(2),
        placed_by_digest: n.is_multiple_of(4),
    }
}

fn get(table: &Table, n: u64) -> Option<Entry> {
    let wanted = token(n, 0);
    let entry = table.get(wanted.place(), wanted.digest)?;
    let whole = Entry {
        revoked: entry.revoked,
        ..token(n, entry.expires_at)
    };
    // `set_expiry` changes the bits above the round.
    assert_eq!(
        Entry {
            expires_at: entry.expires_at & 0xff,
            ..entry
        },
        whole,
        "torn"
    );
    Some(entry)
}

/// Runs `read` on some threads, over and over with other numbers, until `write` is done.
fn against(write: impl FnOnce(), read: impl Fn(u64) + Sync) {
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for reader in 0..READERS {
            let (is_done, read) = (&is_done, &read);
            scope.spawn(move || {
                let mut number = reader;
                while !is_done.load(Ordering::Relaxed) {
                    number = scramble(number);
                    read(number);
                }
            });
        }
        // Readers stop even if the writer fails.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(write));
        is_done.store(true, Ordering::Relaxed);
        result.unwrap();
    });
}

#[test]
fn a_few_tokens_that_come_and_go_in_the_same_slots_are_never_torn() {
    let table = Table::with_capacity(0).unwrap();
    let until = Instant::now() + duration();
    let write = || {
        let mut round = 0;
        while Instant::now() < until {
            round += 1;
            for n in 0..8 {
                let token = token(n, round);
                table.writer().insert(token).unwrap();
                table
                    .writer()
                    .set_expiry(token.place(), token.id, (7 << 8) | token.expires_at);
            }
            for n in 0..8 {
                let token = token(n, round);
                table.writer().revoke(token.place(), token.id);
                assert!(table.writer().remove(token.place(), token.id));
            }
        }
    };
    against(write, |number| {
        get(&table, number % 8);
    });
    assert_eq!(table.len(), 0);
}

#[test]
fn while_the_table_grows_and_shrinks_nothing_is_lost_and_every_revocation_shows() {
    const STAYING: u64 = 5_000;
    let table = Table::with_capacity(0).unwrap();
    for n in 0..STAYING {
        table.writer().insert(token(n, 0)).unwrap();
    }
    let revoked_below = AtomicU64::new(0);
    let until = Instant::now() + duration();
    let write = || {
        let mut round = 0;
        while Instant::now() < until {
            round += 1;
            for n in STAYING..150_000 {
                table.writer().insert(token(n, round)).unwrap();
                // Every so often one of those that stay is revoked, wherever it is just then.
                let next = revoked_below.load(Ordering::Relaxed);
                if n % 16 == 0 && next < STAYING {
                    let token = token(next, 0);
                    assert!(table.writer().revoke(token.place(), token.id));
                    revoked_below.store(next + 1, Ordering::Release);
                }
            }
            for n in STAYING..150_000 {
                let token = token(n, round);
                assert!(table.writer().remove(token.place(), token.id));
            }
            while table.writer().give_back() {}
        }
    };
    against(write, |number| {
        let revoked_below = revoked_below.load(Ordering::Acquire);
        let n = number % STAYING;
        let entry = get(&table, n).expect("it stays");
        assert!(entry.revoked || n >= revoked_below);
        get(&table, number % 150_000);
        if number % 4096 == 0 {
            assert_eq!(
                scan(&table).into_iter().filter(|&n| n < STAYING).count(),
                STAYING as usize
            );
        }
    });
    assert_eq!(table.len(), STAYING as usize);
    let mut left = scan(&table);
    left.sort_unstable();
    assert_eq!(left, (0..STAYING).collect::<Vec<_>>());
}

/// The numbers of all tokens.
fn scan(table: &Table) -> Vec<u64> {
    let (mut numbers, mut found) = (Vec::new(), Vec::new());
    let mut cursor = Some(Cursor::START);
    while let Some(from) = cursor {
        cursor = table.scan(from, &mut found);
        numbers.extend(found.iter().map(|entry| entry.id.as_u64() - 1));
    }
    numbers
}
