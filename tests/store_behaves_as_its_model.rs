//! Promises 1 to 3 and 6: whatever is done, and however it fails, the store does what a model of a
//! few lines does. `PROPTEST_CASES` lengthens the run; `--nocapture` shows how far it is.

mod model;

use std::cell::Cell;

use hallpass::testkit::FakeDisk;
use model::{Machine, Medium, Step};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestRunner};

/// Histories between two lines that say how many there were.
const SHOWN_EVERY: u64 = 1000;

#[cfg(not(feature = "jwt"))]
fn step() -> impl Strategy<Value = Step> {
    common_step()
}

#[cfg(feature = "jwt")]
fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => common_step(),
        1 => (any::<u8>(), 0..300u16)
            .prop_map(|(client, lifetime)| Step::IssueJwt { client, lifetime }),
        1 => Just(Step::Rotate),
        1 => any::<u8>().prop_map(|key| Step::Retire { key }),
    ]
}

fn common_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (any::<u8>(), option(0..300u16), option(0..100u8), any::<bool>())
            .prop_map(|(client, lifetime, delay, pair)| Step::Issue { client, lifetime, delay, pair }),
        2 => (any::<u8>(), 0..4u8).prop_map(|(client, secret)| Step::IssueChosen { client, secret }),
        1 => (any::<u8>(), 0..20u8).prop_map(|(client, count)| Step::IssueMany { client, count }),
        4 => any::<u8>().prop_map(|token| Step::Revoke { token }),
        2 => any::<u8>().prop_map(|token| Step::RevokeText { token }),
        2 => any::<u8>().prop_map(|client| Step::RevokeAll { client }),
        1 => Just(Step::RevokeEverything),
        2 => any::<u8>().prop_map(|client| Step::Disable { client }),
        3 => any::<u8>().prop_map(|client| Step::Enable { client }),
        3 => (any::<u8>(), 0..200u16).prop_map(|(token, in_secs)| Step::Expire { token, in_secs }),
        3 => (0..30u8).prop_map(|limit| Step::Purge { limit }),
        4 => (-100..200i16).prop_map(|secs| Step::MoveClock { secs }),
        1 => (-100..100i8).prop_map(|hours| Step::JumpClock { hours }),
        1 => Just(Step::Flush),
        2 => Just(Step::Reopen),
        2 => any::<u8>().prop_map(|groups_kept| Step::Crash { groups_kept }),
        2 => (0..12u8).prop_map(|calls| Step::FailAfter { calls }),
    ]
}

fn option<T: Strategy>(value: T) -> impl Strategy<Value = Option<T::Value>> {
    proptest::option::of(value)
}

fn agree(cases: Option<u32>, medium: impl Fn() -> Medium) {
    let default = ProptestConfig::default();
    let mut runner = TestRunner::new(ProptestConfig {
        cases: cases.unwrap_or(default.cases),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        source_file: Some(file!()),
        ..default
    });
    let (histories, done) = (Cell::new(0u64), Cell::new(0u64));
    let outcome = runner.run(&proptest::collection::vec(step(), 1..80), |steps| {
        let mut machine = Machine::new(medium());
        for step in &steps {
            machine.step(step);
            done.set(done.get() + 1);
        }
        histories.set(histories.get() + 1);
        if histories.get().is_multiple_of(SHOWN_EVERY) {
            eprintln!("{} histories", histories.get());
        }
        Ok(())
    });
    eprintln!("{} histories of {} steps", histories.get(), done.get());
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn every_history_in_memory_agrees_with_the_model() {
    agree(None, || Medium::Fake(FakeDisk::new()));
}

/// A history takes a hundred times as long there, so that there are fewer: `HALLPASS_SLED_CASES`.
#[test]
fn every_history_on_sled_agrees_with_the_model() {
    let cases = std::env::var("HALLPASS_SLED_CASES").ok();
    let cases = cases.map_or(20, |cases| cases.parse().expect("a number of cases"));
    let folder = tempfile::tempdir().unwrap();
    let number = Cell::new(0);
    agree(Some(cases), || {
        let before = folder.path().join(number.get().to_string());
        let _ = std::fs::remove_dir_all(before);
        number.set(number.get() + 1);
        Medium::Folder(folder.path().join(number.get().to_string()))
    });
}
