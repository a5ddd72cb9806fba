//! Every schedule of the protocol, within bounds, under the reorderings that its memory orders allow.
//!
//! Run it with `RUSTFLAGS="--cfg hallpass_loom" cargo test --release --lib protocol -- --nocapture`. How many
//! times a schedule may take a thread off at an unforced point is `LOOM_MAX_PREEMPTIONS`, 6 unless
//! set; each model stops after `HALLPASS_LOOM_SECS` seconds, 120 unless set, if it is not done, and says so.

use std::sync::Arc;
use std::sync::atomic::AtomicU64 as Counter;
use std::time::{Duration, Instant};

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::id;
use crate::table::chunk::Chunk;
use crate::table::layout::{Layout, Memories, Memory};
use crate::table::line::Line;
use crate::table::signals::Signals;
use crate::table::{Digest, Entry, Place, look, moving};

/// The digest all models look for; its place is 4, on the first line of every span.
const DIGEST: Digest = Digest::of_words(9, 4);

/// A version of the token with [`DIGEST`]. All that may vary follows from `version`, so that a
/// mixture of two shows.
fn version(version: u32) -> Entry {
    Entry {
        digest: DIGEST,
        id: id(u64::from(version)),
        expires_at: version,
        grant: version,
        revoked: false,
        deferred: version.is_multiple_of(2),
        placed_by_digest: true,
    }
}

/// Another token, on the line of `place` among four.
fn other(key: u64, line: u64) -> Entry {
    let digest = Digest::of_words(key, line << 62);
    Entry {
        digest,
        id: id(100 + key),
        ..version(0)
    }
}

fn check(name: &str, model: impl Fn() + Send + Sync + 'static) {
    let number = |name: &str, default| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    };
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(number("LOOM_MAX_PREEMPTIONS", 6) as usize);
    let most = Duration::from_secs(number("HALLPASS_LOOM_SECS", 120));
    builder.max_duration = Some(most);
    builder.max_branches = 10_000;
    let count = Arc::new(Counter::new(0));
    let counted = Arc::clone(&count);
    let began = Instant::now();
    builder.check(move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        model();
    });
    let end = match began.elapsed() < most {
        true => "which is all",
        false => "and stopped",
    };
    let count = count.load(std::sync::atomic::Ordering::Relaxed);
    println!("{name}: {count} schedules, {end}");
}

/// Looks until an attempt succeeds, as [`crate::table::Table::get`] does. `layouts` are all that
/// will ever be in force, by stamp.
fn get(layouts: &[Layout], signals: &Signals, digest: Digest) -> Option<Entry> {
    loop {
        let stamp = signals.stamp();
        let view = layouts[stamp as usize].view();
        if let Some(answer) = look(view, signals, stamp, Place::of_digest(digest), digest) {
            return answer.map(|found| found.unpack(digest));
        }
        thread::yield_now();
    }
}

fn memory(lines: usize, chunks: impl IntoIterator<Item = Option<Arc<Chunk>>>) -> Memory {
    let mut memory = Memory::without_chunks(lines);
    for (place, chunk) in memory.chunks.iter_mut().zip(chunks) {
        *place = chunk;
    }
    memory
}

fn chunk() -> Option<Arc<Chunk>> {
    Chunk::touched().ok().map(Arc::new)
}

/// One line, and a layout of it.
fn single() -> Arc<(Vec<Layout>, Signals)> {
    let memories = Memories {
        from: memory(1, [chunk()]),
        to: None,
    };
    Arc::new((vec![Layout::new(0, memories)], Signals::new(0)))
}

#[test]
fn a_reader_never_mixes_two_tokens_that_share_a_slot() {
    check("slot reused", || {
        let table = single();
        let writer = Arc::clone(&table);
        let (layouts, signals) = &*table;
        let place = Place::of_digest(DIGEST);
        layouts[0]
            .view()
            .from
            .put(place, &version(1), signals)
            .unwrap();
        let writing = thread::spawn(move || {
            let (layouts, signals) = &*writer;
            let span = &layouts[0].view().from;
            // The same digest again, with other facts, in the same slot: only the count of reuses
            // can tell, since the key comes back.
            assert!(span.remove(place, version(1).id));
            span.put(place, &version(2), signals).unwrap();
            assert!(span.remove(place, version(2).id));
            // Another token with the same key, as one in 2^64 has.
            let same_key = Entry {
                digest: Digest::of_words(9, 6),
                ..version(3)
            };
            span.put(place, &same_key, signals).unwrap();
        });
        if let Some(entry) = get(layouts, signals, DIGEST) {
            assert!([1, 2].contains(&entry.grant), "{entry:?}");
            assert_eq!(entry, version(entry.grant));
        }
        writing.join().unwrap();
        assert_eq!(get(layouts, signals, DIGEST), None);
    });
}

#[test]
fn a_reader_never_takes_half_of_a_cleared_line() {
    check("line cleared", || {
        let table = single();
        let writer = Arc::clone(&table);
        let (layouts, signals) = &*table;
        let place = Place::of_digest(DIGEST);
        layouts[0]
            .view()
            .from
            .put(place, &version(1), signals)
            .unwrap();
        let writing = thread::spawn(move || {
            let (layouts, signals) = &*writer;
            let span = &layouts[0].view().from;
            span.line(0).map(Line::clear).unwrap();
            // As when the chunk goes to the new span: announced, then filled.
            signals.announce_reuse();
            span.put(place, &version(2), signals).unwrap();
        });
        if let Some(entry) = get(layouts, signals, DIGEST) {
            assert_eq!(entry, version(entry.grant));
        }
        writing.join().unwrap();
    });
}

#[test]
fn facts_grow_stricter_and_no_reader_sees_them_relax() {
    check("revoked, then extended", || {
        let table = single();
        let writer = Arc::clone(&table);
        let (layouts, signals) = &*table;
        let place = Place::of_digest(DIGEST);
        layouts[0]
            .view()
            .from
            .put(place, &version(1), signals)
            .unwrap();
        let is_revoked = Arc::new(AtomicBool::new(false));
        let says_revoked = Arc::clone(&is_revoked);
        let writing = thread::spawn(move || {
            let span = &writer.0[0].view().from;
            assert!(span.revoke(place, version(1).id));
            says_revoked.store(true, Ordering::Release);
            assert!(span.set_expiry(place, version(1).id, 99));
        });
        let must_be_revoked = is_revoked.load(Ordering::Acquire);
        let entry = get(layouts, signals, DIGEST).unwrap();
        assert!(entry.revoked || !must_be_revoked);
        // The longer life came after the revocation: to see it alone would be to see a token
        // active that never was.
        assert!(entry.revoked || entry.expires_at == 1, "{entry:?}");
        writing.join().unwrap();
    });
}

#[test]
fn an_entry_that_moves_is_always_found_and_its_revocation_moves_with_it() {
    check("move", || {
        let (old, new) = ([chunk()], [chunk(), chunk()]);
        let before = Memories {
            from: memory(1, old.clone()),
            to: None,
        };
        let during = Memories {
            from: memory(1, old),
            to: Some(memory(2, new.clone())),
        };
        let after = Memories {
            from: memory(2, new),
            to: None,
        };
        let layouts: Vec<_> = (0..)
            .zip([before, during, after])
            .map(|(stamp, m)| Layout::new(stamp, m))
            .collect();
        let table = Arc::new((layouts, Signals::new(0), AtomicBool::new(false)));
        let writer = Arc::clone(&table);
        let (layouts, signals, is_revoked) = &*table;
        let place = Place::of_digest(DIGEST);
        layouts[0]
            .view()
            .from
            .put(place, &version(1), signals)
            .unwrap();
        let writing = thread::spawn(move || {
            let (layouts, signals, is_revoked) = &*writer;
            let view = layouts[1].view();
            signals.set_stamp(1);
            assert_eq!(moving::step(&view.from, &view.to, 0, 1, signals), Ok(1));
            assert!(view.to.revoke(place, version(1).id));
            is_revoked.store(true, Ordering::Release);
            signals.set_stamp(2);
            signals.set_watermark(0);
        });
        let must_be_revoked = is_revoked.load(Ordering::Acquire);
        let entry = get(layouts, signals, DIGEST).expect("it was always there");
        assert_eq!(
            Entry {
                revoked: false,
                ..entry
            },
            version(1)
        );
        assert!(entry.revoked || !must_be_revoked);
        writing.join().unwrap();
    });
}

#[test]
fn memory_of_the_old_span_serves_the_new_one_under_a_reader() {
    check("chunk reused", || {
        // From three lines and a tail to five and a tail: the first chunk of the old span, clear
        // after the first step, is the second of the new one.
        let (first, second, fresh) = (chunk(), chunk(), chunk());
        let layout =
            |stamp, from: [&Option<Arc<Chunk>>; 2], to: Option<[&Option<Arc<Chunk>>; 2]>| {
                let from = memory(3, from.map(Clone::clone));
                let to = to.map(|to| memory(5, to.map(Clone::clone)));
                Layout::new(stamp, Memories { from, to })
            };
        let layouts = vec![
            layout(0, [&first, &second], None),
            layout(1, [&first, &second], Some([&fresh, &None])),
            layout(2, [&None, &second], Some([&fresh, &first])),
        ];
        let table = Arc::new((layouts, Signals::new(0)));
        let writer = Arc::clone(&table);
        let (layouts, signals) = &*table;
        let [stays, comes] = [other(5, 3), other(9, 2)];
        layouts[0]
            .view()
            .from
            .put(stays.place(), &stays, signals)
            .unwrap();
        layouts[0]
            .view()
            .from
            .put(Place::of_digest(DIGEST), &version(1), signals)
            .unwrap();
        let writing = thread::spawn(move || {
            let (layouts, signals) = &*writer;
            let view = layouts[1].view();
            signals.set_stamp(1);
            assert_eq!(moving::step(&view.from, &view.to, 0, 2, signals), Ok(2));
            signals.announce_reuse();
            signals.set_stamp(2);
            // Has the key of the token that a reader may be looking for in the very slot.
            let view = layouts[2].view();
            view.to.put(comes.place(), &comes, signals).unwrap();
        });
        let entry = get(layouts, signals, DIGEST).expect("it was always there");
        assert_eq!(entry, version(1));
        writing.join().unwrap();
        assert_eq!(get(layouts, signals, stays.digest), Some(stays));
        assert_eq!(get(layouts, signals, comes.digest), Some(comes));
    });
}
