//! Looking costs no allocation, and memory that is no longer needed goes back to the system.

use super::issued;
use crate::table::Table;

#[test]
fn a_look_up_allocates_nothing_even_after_the_table_has_grown() {
    let table = Table::with_capacity(0).unwrap();
    // The first look of a thread sets up what the thread remembers.
    assert_eq!(table.get(issued(0).place(), issued(0).digest), None);
    for n in 0..3_000 {
        let entry = issued(n);
        table.writer().insert(entry).unwrap();
        let look_up = || {
            table.prefetch(entry.place());
            assert_eq!(table.get(entry.place(), entry.digest), Some(entry));
            let unknown = issued(n + 1);
            assert_eq!(table.get(unknown.place(), unknown.digest), None);
        };
        assert_eq!(
            allocation_counter::measure(look_up).count_total,
            0,
            "after {n} insertions"
        );
    }
}

/// What this process has in memory, in bytes.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = status.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// Other tests run at the same time, in some ten megabytes.
#[test]
#[cfg(target_os = "linux")]
fn memory_goes_back_when_tokens_are_removed_and_when_tables_are_dropped() {
    const MIB: usize = 1 << 20;
    const TOKENS: u64 = 1_500_000;
    let table = Table::with_capacity(0).unwrap();
    table.writer().insert_all((0..TOKENS).map(issued)).unwrap();
    let full = resident();
    assert!((80 * MIB..95 * MIB).contains(&table.memory_bytes()));
    for n in 1_000..TOKENS {
        let entry = issued(n);
        assert!(table.writer().remove(entry.place(), entry.id));
    }
    while table.writer().give_back() {}
    // This thread holds what it last saw until it looks again, and it has never looked.
    assert!(
        resident() + 40 * MIB < full,
        "{} MiB of {}",
        resident() / MIB,
        full / MIB
    );
    assert!(table.memory_bytes() < MIB);

    let before = resident();
    for _ in 0..100 {
        let table = Table::with_capacity(1_000_000).unwrap();
        table.writer().insert_all((0..2_000).map(issued)).unwrap();
        let entry = issued(7);
        assert_eq!(table.get(entry.place(), entry.digest), Some(entry));
    }
    assert!(
        resident() < before + 500 * MIB,
        "{} MiB more",
        (resident() - before) / MIB
    );
}

#[test]
fn a_thread_that_looks_again_lets_go_of_memory_that_was_given_back() {
    let table = Table::with_capacity(0).unwrap();
    let entry = issued(0);
    table.writer().insert_all((0..200_000).map(issued)).unwrap();
    std::thread::scope(|scope| {
        let (to_reader, told) = std::sync::mpsc::channel();
        let (done, from_reader) = std::sync::mpsc::channel();
        let table = &table;
        scope.spawn(move || {
            for () in told {
                assert_eq!(table.get(entry.place(), entry.digest), Some(entry));
                done.send(()).unwrap();
            }
        });
        let look = || {
            to_reader.send(()).unwrap();
            from_reader.recv().unwrap();
        };
        look();
        for n in 1..200_000 {
            let entry = issued(n);
            table.writer().remove(entry.place(), entry.id);
        }
        while table.writer().give_back() {
            if table.len() == 1 && table.memory_bytes() > 8_000_000 {
                look();
            }
        }
        look();
        while table.writer().give_back() {}
        assert_eq!(table.memory_bytes(), 1 << 16);
    });
}
