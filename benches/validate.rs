//! What `validate` costs: hit, unknown, expired, revoked and malformed text, at 10 thousand and at a
//! million tokens, on one thread and on two.
//!
//! Every call asserts its verdict. Texts are visited in a random order, independent of each other.
//! `cargo bench --bench validate` runs all; with `-- --test`, as CI does, on small stores.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hallpass::{Inactive, NewToken, Options, Store, Validator};

/// Texts of one verdict, in a random order.
struct Texts {
    name: &'static str,
    verdict: Option<Inactive>,
    texts: Vec<String>,
}

fn fill(tokens: usize) -> (tempfile::TempDir, Store, Vec<Texts>) {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Options::new().open(dir.path()).expect("a store");
    let issue = |count: usize, new: fn(NewToken) -> NewToken| {
        let mut issued = Vec::with_capacity(count);
        store
            .issue_many(
                (0..count).map(|n| new(NewToken::new(format!("client-{}", n % 1000)))),
                |token| issued.push((token.id, token.secret.expose().to_owned())),
            )
            .expect("issued");
        shuffle(&mut issued);
        issued
    };
    let texts = |issued: Vec<(_, String)>| issued.into_iter().map(|(_, text)| text).collect();
    let few = tokens.min(10_000);
    let hit = texts(issue(tokens, |new| {
        new.lifetime(Duration::from_secs(86_400))
    }));
    let expired = texts(issue(few, |new| new.expires_at(1)));
    let revoked = issue(few.min(1000), NewToken::never_expires);
    for (id, _) in &revoked {
        store.revoke(*id).expect("revoked");
    }
    // Tokens of another store: of the right form, and unknown here.
    let other = tempfile::tempdir().expect("a folder");
    let other = Options::new().open(other.path()).expect("a store");
    let mut unknown = Vec::new();
    other
        .issue_many(vec![NewToken::new("c").never_expires(); few], |token| {
            unknown.push(token.secret.expose().to_owned());
        })
        .expect("issued");
    let malformed: Vec<String> = unknown
        .iter()
        .map(|text| format!("{}!", &text[1..]))
        .collect();
    let all = vec![
        Texts {
            name: "hit",
            verdict: None,
            texts: hit,
        },
        Texts {
            name: "unknown",
            verdict: Some(Inactive::NotFound),
            texts: unknown,
        },
        Texts {
            name: "expired",
            verdict: Some(Inactive::Expired),
            texts: expired,
        },
        Texts {
            name: "revoked",
            verdict: Some(Inactive::Revoked),
            texts: texts(revoked),
        },
        Texts {
            name: "malformed",
            verdict: Some(Inactive::Format),
            texts: malformed,
        },
    ];
    (dir, store, all)
}

/// Fisher-Yates with a fixed seed, so that runs compare.
fn shuffle<T>(items: &mut [T]) {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for last in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items.swap(last, (state % (last as u64 + 1)) as usize);
    }
}

/// `rounds` verdicts, each asserted.
fn validate(validator: &Validator, of: &Texts, rounds: u64, from: usize) {
    let mut at = from % of.texts.len();
    for _ in 0..rounds {
        let verdict = validator.validate(black_box(of.texts[at].as_str())).err();
        assert_eq!(verdict, of.verdict);
        at = if at + 1 == of.texts.len() { 0 } else { at + 1 };
    }
}

fn benches(c: &mut Criterion) {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let sizes = if is_test {
        [1_000, 20_000]
    } else {
        [10_000, 1_000_000]
    };
    for tokens in sizes {
        let (_dir, store, all) = fill(tokens);
        let validator = store.validator();
        for threads in [1, 2] {
            let mut group = c.benchmark_group(format!("validate/{threads}_threads"));
            group.throughput(Throughput::Elements(threads as u64));
            for of in &all {
                group.bench_function(BenchmarkId::new(of.name, tokens), |b| {
                    b.iter_custom(|rounds| {
                        let begun = Instant::now();
                        std::thread::scope(|scope| {
                            for thread in 1..threads {
                                let validator = &validator;
                                scope.spawn(move || validate(validator, of, rounds, thread * 7919));
                            }
                            validate(&validator, of, rounds, 0);
                        });
                        begun.elapsed()
                    });
                });
            }
            group.finish();
        }
    }
}

criterion_group!(all, benches);
criterion_main!(all);
