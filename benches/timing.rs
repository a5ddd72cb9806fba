//! Whether the time of a refusal tells anything of a secret: as dudect does it (Reparaz, Balasch,
//! Verbauwhede, 2017), two classes of texts in a random order, and Welch's t-test on their times.
//!
//! ```sh
//! cargo bench --bench timing                                 # a million samples a question
//! HALLPASS_TIMINGS=10000000 cargo bench --bench timing
//! cargo bench --bench timing -- --test                       # briefly, judging nothing
//! ```
//! |t| over 10 is a difference. A comparison that stops at the first wrong byte, timed in the same
//! way behind the same call, must show as one: else the machine was too restless to say anything.
//!
//! Promised is that no refusal's time depends on how much of a secret is right, and that a pair's
//! does not on whether its id is known. The id in a token is public: whether it is known may show, and
//! is told without being judged.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench stops at what fails"
)]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use hallpass::{ClientFault, Inactive, NewToken, Options, Store, Validator};

/// Above it two classes differ.
const T_MAX: f64 = 10.0;
/// Tokens that are guessed at, so that no one place in memory decides.
const TOKENS: usize = 64;
const BATCH: usize = 1000;
const PAIR_ID_BYTES: usize = "client-00".len();
/// What a token's text ends with: so many characters of id, secret and checksum.
const ID: usize = 11;
const SECRET: usize = 34;
const CHECKSUM: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// xorshift64*.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let next = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D);
        ((u128::from(next) * sides as u128) >> 64) as usize
    }
}

/// Makes a live token's text one of a class.
type Class = fn(&mut [u8], &mut Dice);
/// What is timed: given a text of a class and the live one.
type Timed = fn(&Validator, &[u8], &[u8]);

#[derive(Clone, Copy)]
enum Expected {
    Alike,
    Different,
    Either,
}

struct Question {
    name: &'static str,
    classes: [Class; 2],
    timed: Timed,
    expected: Expected,
}

const QUESTIONS: [Question; 8] = [
    Question {
        name: "control: stops at the first wrong character, which is the first or the last",
        classes: [first_wrong, last_wrong],
        timed: validate_and_leak,
        expected: Expected::Different,
    },
    Question {
        name: "the same class twice",
        classes: [all_wrong, all_wrong],
        timed: validate,
        expected: Expected::Alike,
    },
    Question {
        name: "first character of the secret wrong, or the last",
        classes: [first_wrong, last_wrong],
        timed: validate,
        expected: Expected::Alike,
    },
    Question {
        name: "all of the secret wrong, or its last character",
        classes: [all_wrong, last_wrong],
        timed: validate,
        expected: Expected::Alike,
    },
    Question {
        name: "id unknown, or secret wrong",
        classes: [id_unknown, all_wrong],
        timed: validate,
        expected: Expected::Either,
    },
    Question {
        name: "pair: first character of the secret wrong, or the last",
        classes: [first_wrong, last_wrong],
        timed: validate_pair,
        expected: Expected::Alike,
    },
    Question {
        name: "pair: all of the secret wrong, or its last character",
        classes: [all_wrong, last_wrong],
        timed: validate_pair,
        expected: Expected::Alike,
    },
    Question {
        name: "pair: id unknown, or secret wrong",
        classes: [pair_id_unknown, last_wrong],
        timed: validate_pair,
        expected: Expected::Alike,
    },
];

fn main() -> ExitCode {
    let is_test = std::env::args().any(|arg| arg == "--test");
    let samples = match std::env::var("HALLPASS_TIMINGS") {
        Ok(text) => text.parse().expect("HALLPASS_TIMINGS is a number"),
        Err(_) if is_test => 2_000,
        Err(_) => 1_000_000,
    };
    let folder = tempfile::tempdir().unwrap();
    let store = Options::new().open(folder.path()).unwrap();
    let texts = issued(&store);
    let validator = store.validator();
    let (mut shows, mut differ) = (false, 0);
    println!("   |t|  of {samples} samples");
    for question in &QUESTIONS {
        let t = largest_t(&measured(question, &validator, &texts, samples));
        println!("{t:6.1}  {}", question.name);
        match question.expected {
            Expected::Different => shows = t > T_MAX,
            Expected::Alike => differ += u32::from(t > T_MAX),
            Expected::Either => {}
        }
    }
    let judgement = match (is_test, shows, differ) {
        (true, ..) => return ExitCode::SUCCESS,
        (_, false, _) => "inconclusive: the control does not show; take a quieter machine".into(),
        (_, true, 0) => return ExitCode::SUCCESS,
        (_, true, _) => format!("{differ} of what must be alike differ"),
    };
    eprintln!("{judgement}");
    ExitCode::FAILURE
}

/// Pairs: each the id and behind it the text of the secret.
fn issued(store: &Store) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    let new = (0..TOKENS).map(|n| NewToken::client_secret(format!("client-{n:02}")));
    let new = new.map(NewToken::never_expires);
    let pair = |id: String, secret: &str| [id.as_bytes(), secret.as_bytes()].concat();
    let keep = |one: hallpass::Issued| texts.push(pair(one.pair_id.unwrap(), one.secret.expose()));
    store.issue_many(new, keep).unwrap();
    texts
}

/// Nanoseconds of each sample, and its class.
///
/// Texts are made some at a time, and each is copied to the same place before it is timed: what was
/// just written byte by byte is read more slowly, which would tell the classes apart.
fn measured(
    question: &Question,
    validator: &Validator,
    texts: &[Vec<u8>],
    samples: usize,
) -> Vec<(u64, usize)> {
    let mut dice = Dice(1);
    let mut measured = Vec::with_capacity(samples);
    let mut buffer = Vec::new();
    while measured.len() < samples {
        let mut made = Vec::with_capacity(BATCH);
        for _ in 0..BATCH {
            let truth = &texts[dice.below(TOKENS)];
            let class = dice.below(2);
            let mut text = truth.clone();
            question.classes[class](&mut text, &mut dice);
            end_with_checksum(&mut text);
            made.push((class, text, truth));
        }
        for (class, text, truth) in &made {
            buffer.clone_from(text);
            let began = Instant::now();
            (question.timed)(validator, &buffer, truth);
            measured.push((began.elapsed().as_nanos() as u64, *class));
        }
    }
    // Until memory and predictors know the way.
    measured.split_off(samples / 100)
}

/// The largest |t| of Welch's test on all samples, and on those below some percentiles: interrupts
/// make a long tail, in which a small difference drowns.
fn largest_t(measured: &[(u64, usize)]) -> f64 {
    let mut sorted: Vec<u64> = measured.iter().map(|(nanos, _)| *nanos).collect();
    sorted.sort_unstable();
    let t = |percent: usize| {
        let most = sorted[(sorted.len() - 1) * percent / 100];
        welch(measured.iter().filter(|(nanos, _)| *nanos <= most))
    };
    [50, 60, 70, 80, 90, 95, 99, 100]
        .map(t)
        .into_iter()
        .fold(0.0, f64::max)
}

fn welch<'a>(measured: impl Iterator<Item = &'a (u64, usize)>) -> f64 {
    // Count, mean, and sum of squared distances from it, after Welford.
    let mut classes = [(0.0, 0.0, 0.0); 2];
    for &(nanos, class) in measured {
        let (count, mean, squares) = &mut classes[class];
        let before = nanos as f64 - *mean;
        *count += 1.0;
        *mean += before / *count;
        *squares += before * (nanos as f64 - *mean);
    }
    let [a, b] = classes;
    let error = |(count, _, squares): (f64, f64, f64)| squares / (count - 1.0) / count;
    let t = (a.1 - b.1).abs() / (error(a) + error(b)).sqrt();
    if t.is_finite() { t } else { 0.0 }
}

fn validate(validator: &Validator, text: &[u8], _: &[u8]) {
    let text = black_box(&text[PAIR_ID_BYTES..]);
    assert_eq!(validator.validate(text).unwrap_err(), Inactive::NotFound);
}

fn validate_pair(validator: &Validator, text: &[u8], _: &[u8]) {
    let (id, secret) = black_box(text.split_at(PAIR_ID_BYTES));
    let unknown = Inactive::ClientUnauthenticated(ClientFault::Unknown);
    assert_eq!(validator.validate_pair(id, secret).unwrap_err(), unknown);
}

fn validate_and_leak(validator: &Validator, text: &[u8], truth: &[u8]) {
    validate(validator, text, truth);
    for (one, other) in text.iter().zip(truth) {
        if black_box(one) != other {
            return;
        }
    }
}

fn secret(text: &mut [u8]) -> &mut [u8] {
    let end = text.len() - CHECKSUM;
    &mut text[end - SECRET..end]
}

fn all_wrong(text: &mut [u8], dice: &mut Dice) {
    secret(text).fill_with(|| BASE62[dice.below(62)]);
}

fn first_wrong(text: &mut [u8], dice: &mut Dice) {
    change(&mut secret(text)[0], dice);
}

fn last_wrong(text: &mut [u8], dice: &mut Dice) {
    change(&mut secret(text)[SECRET - 1], dice);
}

fn id_unknown(text: &mut [u8], dice: &mut Dice) {
    let end = text.len() - CHECKSUM - SECRET;
    // Not at its start: no id is above a certain one.
    text[end - ID + 3..end].fill_with(|| BASE62[dice.below(62)]);
}

fn pair_id_unknown(text: &mut [u8], dice: &mut Dice) {
    change(&mut text[dice.below(PAIR_ID_BYTES - 2)], dice);
}

fn change(character: &mut u8, dice: &mut Dice) {
    let before = *character;
    while *character == before {
        *character = BASE62[dice.below(62)];
    }
}

/// So that the text is refused as unknown, not for its form.
fn end_with_checksum(text: &mut [u8]) {
    let end = text.len() - CHECKSUM;
    let (head, checksum) = text.split_at_mut(end);
    let mut rest = crc32fast::hash(&head[PAIR_ID_BYTES..]) as usize;
    for character in checksum.iter_mut().rev() {
        *character = BASE62[rest % 62];
        rest /= 62;
    }
}
