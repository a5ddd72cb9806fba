//! Runs one case, a thousand times, in a function that callgrind counts by its name.
//!
//! Everything else, such as the filling of the store, stands outside of that function. Each case
//! has run before it is counted, so that what happens once in a thread is not counted.

use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hallpass::credential::{Profile, Request, Scratch};
use hallpass::testkit::{FakeDisk, issue_in_memory_only};
use hallpass::{Clock, Inactive, NewToken, Options, Store, Validator};

/// How often a case runs while it is counted; `.ci/instructions` divides by it.
const TIMES: usize = 1024;
const BATCH: usize = 64;

fn main() {
    let Some(case) = std::env::args().nth(1) else {
        eprintln!("usage: hallpass-instructions CASE");
        std::process::exit(2);
    };
    let store = store(42);
    let texts = issued(&store);
    let unknown = issued(&self::store(43));
    let noise: Vec<String> = unknown
        .iter()
        .map(|text| text.replacen(|c: char| c.is_ascii_digit(), "!", 1))
        .collect();
    let validator = store.validator();
    let bearer = format!("Bearer {}", texts[0]);
    let basic = format!(
        "Basic {}",
        STANDARD.encode(format!("client-1:{}", texts[0]))
    );
    let run = || match case.as_str() {
        "parse_bearer" => parse(&bearer),
        "parse_basic" => parse(&basic),
        "validate_hit" => hit(&validator, &texts),
        "validate_miss" => miss(&validator, &unknown),
        "validate_garbage" => garbage(&validator, &noise),
        "batch_of_64" => batch(&validator, &texts),
        _ => panic!("no such case: {case}"),
    };
    run();
    counted(&run);
}

/// What is called from here is counted.
#[inline(never)]
fn counted(run: &dyn Fn()) {
    run();
    // The call above must not become a jump, of which callgrind would not see the return.
    black_box(());
}

fn parse(header: &str) {
    let profile = Profile::strict();
    let headers = [("Host", "api.example"), ("Authorization", header)];
    for _ in 0..TIMES {
        let mut scratch = Scratch::new();
        let request = Request::new(black_box(&headers));
        assert!(black_box(profile.find(&request, &mut scratch)).is_ok());
    }
}

fn hit(validator: &Validator, texts: &[String]) {
    for text in texts.iter().take(TIMES) {
        assert!(black_box(validator.validate(black_box(text.as_str()))).is_ok());
    }
}

fn miss(validator: &Validator, texts: &[String]) {
    for text in texts.iter().take(TIMES) {
        let verdict = validator.validate(black_box(text.as_str()));
        assert_eq!(verdict.err(), Some(Inactive::NotFound));
    }
}

fn garbage(validator: &Validator, noise: &[String]) {
    for text in noise.iter().take(TIMES) {
        let verdict = validator.validate(black_box(text.as_str()));
        assert_eq!(verdict.err(), Some(Inactive::Format));
    }
}

/// As many tokens as the other cases, in batches.
fn batch(validator: &Validator, texts: &[String]) {
    let mut active = 0;
    for batch in texts[..TIMES].chunks(BATCH) {
        validator.validate_batch(black_box(batch), |_, verdict| {
            active += usize::from(black_box(verdict).is_ok());
        });
    }
    assert_eq!(active, TIMES);
}

/// The system's clock is read through the vDSO, which valgrind takes away.
struct Standing;

impl Clock for Standing {
    fn now_secs(&self) -> u64 {
        1_800_000_000
    }
}

fn store(key: u8) -> Store {
    Options::new()
        .clock(Standing)
        .digest_key(hallpass::DigestKey::from_bytes([key; 32]))
        .open_fake(FakeDisk::new())
        .expect("a store in memory")
}

/// Texts of a few thousand tokens.
fn issued(store: &Store) -> Vec<String> {
    let mut texts = Vec::new();
    let tokens = vec![NewToken::new("client-1").never_expires(); 4 * TIMES];
    issue_in_memory_only(store, tokens, |issued| {
        texts.push(issued.secret.expose().to_owned());
    })
    .expect("issued");
    texts
}
