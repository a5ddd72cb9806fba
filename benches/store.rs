//! What the control plane costs: issue and revoke under each durability with 1, 8 and 64 threads,
//! bulk issue, open and purge.
//!
//! With 64 threads a sync serves many: that is the figure to look at for a server.
//!
//! Where `open` spends its time, at a million tokens: a tenth is sled's recovery of its own pages; the
//! rest is one pass over the tokens, in which one thread waits for sled to read and unpack pages
//! (mostly allocation), another decodes, checks MACs and inserts, and a third reads the index
//! meanwhile. The table is sized in advance, and there is no second pass. With a mark of a clean close
//! the files are read once more before, at the speed of BLAKE3.
//!
//! At ten million, 3.9 GB on two cores, it is 2 s for the mark, 2.5 s for the recovery, and 22 s for the pass, in
//! which both cores are busy all the time: some 13 s of each thread's that reads, more than half of it in the
//! allocator and in sled's cache, which holds a thirtieth of the pages, and 11 s of the one that decodes
//! and inserts. `HALLPASS_TOKENS=10000000 cargo bench --features testkit --bench store -- large/open`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hallpass::{Durability, NewToken, Options, Revocation, Store, TokenId};

fn is_test() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

fn open(dir: &tempfile::TempDir, durability: Durability) -> Store {
    Options::new()
        .durability(durability)
        .purge_grace(Duration::ZERO)
        .open(dir.path())
        .expect("a store")
}

/// Runs `work` `rounds` times in all, shared by `threads`.
fn share(threads: u64, rounds: u64, work: impl Fn() + Sync) -> Duration {
    let left = AtomicU64::new(rounds);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                    .is_ok()
                {
                    work();
                }
            });
        }
    });
    begun.elapsed()
}

fn issue_and_revoke(c: &mut Criterion) {
    for durability in [Durability::Sync, Durability::Buffered] {
        let dir = tempfile::tempdir().expect("a folder");
        let store = open(&dir, durability);
        for threads in [1, 8, 64] {
            let mut group = c.benchmark_group(format!("issue/{durability:?}"));
            group.throughput(Throughput::Elements(1));
            group.bench_function(BenchmarkId::new("threads", threads), |b| {
                b.iter_custom(|rounds| {
                    share(threads, rounds, || {
                        let new = NewToken::new("client").lifetime(Duration::from_secs(3600));
                        store.issue(new).expect("issued");
                    })
                });
            });
            group.finish();

            let mut group = c.benchmark_group(format!("revoke/{durability:?}"));
            group.throughput(Throughput::Elements(1));
            group.bench_function(BenchmarkId::new("threads", threads), |b| {
                b.iter_custom(|rounds| {
                    let ids = bulk(&store, rounds as usize);
                    let next = AtomicU64::new(0);
                    share(threads, rounds, || {
                        let id = ids[next.fetch_add(1, Ordering::Relaxed) as usize];
                        assert_eq!(store.revoke(id).expect("revoked"), Revocation::Revoked);
                    })
                });
            });
            group.finish();
        }
    }
}

fn bulk(store: &Store, tokens: usize) -> Vec<TokenId> {
    let mut ids = Vec::with_capacity(tokens);
    let new = (0..tokens).map(|n| NewToken::new(format!("client-{}", n % 1000)).never_expires());
    store
        .issue_many(new, |issued| ids.push(issued.id))
        .expect("issued");
    assert_eq!(ids.len(), tokens);
    ids
}

/// A million tokens, or `HALLPASS_TOKENS`: minutes, not microseconds, so each is run by hand a few times.
fn large(c: &mut Criterion) {
    let tokens = std::env::var("HALLPASS_TOKENS").ok();
    let tokens = tokens.map_or(1_000_000, |tokens| tokens.parse().expect("a number"));
    let tokens: usize = if is_test() { 5_000 } else { tokens };
    let mut group = c.benchmark_group("large");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(tokens as u64));
    let dir = tempfile::tempdir().expect("a folder");
    group.bench_function(BenchmarkId::new("bulk_issue", tokens), |b| {
        b.iter_custom(|rounds| {
            (0..rounds)
                .map(|_| {
                    let fresh = tempfile::tempdir().expect("a folder");
                    let store = open(&fresh, Durability::Sync);
                    let begun = Instant::now();
                    bulk(&store, tokens);
                    begun.elapsed()
                })
                .sum()
        });
    });
    bulk(&open(&dir, Durability::Sync), tokens);
    group.bench_function(BenchmarkId::new("open", tokens), |b| {
        b.iter_custom(|rounds| {
            (0..rounds)
                .map(|_| {
                    let begun = Instant::now();
                    let store = open(&dir, Durability::Sync);
                    let took = begun.elapsed();
                    assert_eq!(store.stats().expect("stats").tokens, tokens as u64);
                    took
                })
                .sum()
        });
    });
    let purged = tokens / 10;
    group.throughput(Throughput::Elements(purged as u64));
    group.bench_function(BenchmarkId::new("purge", purged), |b| {
        b.iter_custom(|rounds| {
            (0..rounds)
                .map(|_| {
                    let store = open(&dir, Durability::Sync);
                    let dead = (0..purged).map(|_| NewToken::new("dead").expires_at(1));
                    store.issue_many(dead, drop).expect("issued");
                    let begun = Instant::now();
                    assert_eq!(store.purge(purged).expect("purged").purged, purged as u64);
                    begun.elapsed()
                })
                .sum()
        });
    });
    group.finish();
}

criterion_group! {
    name = all;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500));
    targets = issue_and_revoke, large
}
criterion_main!(all);
