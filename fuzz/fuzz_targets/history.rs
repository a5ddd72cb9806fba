//! Histories of operations on a disk that fails and loses power, compared with the model after every
//! step.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use hallpass::testkit::FakeDisk;
use libfuzzer_sys::fuzz_target;
use model::{Machine, Medium, Step};

#[path = "../../tests/model/mod.rs"]
mod model;

const STEPS_MAX: usize = 60;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = Unstructured::new(bytes);
    let mut machine = Machine::new(Medium::Fake(FakeDisk::new()));
    for _ in 0..STEPS_MAX {
        if bytes.is_empty() {
            return;
        }
        let Ok(step) = step(&mut bytes) else { return };
        machine.step(&step);
    }
});

fn step(bytes: &mut Unstructured<'_>) -> arbitrary::Result<Step> {
    let number = |bytes: &mut Unstructured<'_>| u8::arbitrary(bytes);
    Ok(match bytes.int_in_range(0..=19u8)? {
        0 | 1 => Step::Issue {
            client: number(bytes)?,
            lifetime: Option::<u8>::arbitrary(bytes)?.map(u16::from),
            delay: Option::<u8>::arbitrary(bytes)?,
            pair: bool::arbitrary(bytes)?,
        },
        2 => Step::IssueChosen {
            client: number(bytes)?,
            secret: number(bytes)? % 4,
        },
        3 => Step::IssueMany {
            client: number(bytes)?,
            count: number(bytes)? % 20,
        },
        4 => Step::Revoke {
            token: number(bytes)?,
        },
        5 => Step::RevokeText {
            token: number(bytes)?,
        },
        6 => Step::RevokeAll {
            client: number(bytes)?,
        },
        7 => Step::RevokeEverything,
        8 => Step::Disable {
            client: number(bytes)?,
        },
        9 => Step::Enable {
            client: number(bytes)?,
        },
        10 => Step::Expire {
            token: number(bytes)?,
            in_secs: number(bytes)?.into(),
        },
        11 => Step::Purge {
            limit: number(bytes)? % 30,
        },
        12 if bool::arbitrary(bytes)? => Step::Flush,
        12 => Step::MoveClock {
            secs: i16::arbitrary(bytes)? % 200,
        },
        13 => Step::Reopen,
        14 => Step::Crash {
            groups_kept: number(bytes)?,
        },
        15 => Step::FailAfter {
            calls: number(bytes)? % 12,
        },
        16 => Step::IssueJwt {
            client: number(bytes)?,
            lifetime: number(bytes)?.into(),
        },
        17 => Step::Rotate,
        18 => Step::Retire {
            key: number(bytes)?,
        },
        _ => Step::JumpClock {
            hours: i8::arbitrary(bytes)?,
        },
    })
}
