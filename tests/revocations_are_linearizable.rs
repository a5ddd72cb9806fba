//! Whoever asks after a token was killed is refused, whoever asked before that is answered as it was:
//! histories of many threads, checked call by call.
//!
//! Writers issue, revoke, expire, disable, enable and purge; readers validate. Beside each token and
//! client stands what is certain of it: changed before a call of a writer begins and after it has
//! returned, and read by a reader before and after its own. So every answer is judged at once, and a
//! history may be of any length: `HALLPASS_VALIDATES`, a million unless set.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod dice;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use dice::Dice;
use hallpass::testkit::FakeDisk;
use hallpass::{Error, Inactive, NewToken, Options, Store, TokenId, Validator};

const CLIENTS: usize = 8;
/// Tokens of a round, at whose end all die.
const TOKENS: usize = 2000;
const READERS: usize = 2;
const WRITERS: usize = 2;

/// What is certain of a token. It only rises.
const UNBORN: u8 = 0;
/// Its issue has returned, and nothing that kills it has begun.
const ALIVE: u8 = 1;
/// It dies just now, or all of its client's died while it was issued.
const UNSURE: u8 = 2;
/// Something that kills it has returned.
const DEAD: u8 = 3;

struct Shown {
    id: TokenId,
    text: String,
    client: usize,
}

#[derive(Default)]
struct Token {
    shown: OnceLock<Shown>,
    certain: AtomicU8,
    /// Somebody was told that it is dead for good.
    told_dead: AtomicBool,
}

#[derive(Default)]
struct Client {
    /// Four in a circle: enabled, being disabled, disabled, being enabled.
    phase: AtomicU64,
    /// Held by whoever disables and enables.
    switch: Mutex<()>,
    /// Held while what is certain of its tokens is changed.
    kills: Mutex<Kills>,
}

/// Calls that kill all tokens of a client.
#[derive(Default)]
struct Kills {
    begun: u64,
    running: u64,
}

/// How often a reader's answer was certain, and which way.
#[derive(Default)]
struct Tally {
    must_be_active: AtomicU64,
    must_be_refused: AtomicU64,
    may_be_either: AtomicU64,
    deaths: AtomicU64,
    broken: Mutex<Option<String>>,
}

struct Round<'a> {
    store: &'a Store,
    tokens: Vec<Token>,
    issued: AtomicUsize,
    /// What each writer kills, or killed last.
    dying: [AtomicUsize; WRITERS],
    clients: [Client; CLIENTS],
    tally: &'a Tally,
}

fn name(client: usize) -> String {
    format!("client-{client}")
}

impl<'a> Round<'a> {
    fn new(store: &'a Store, tally: &'a Tally) -> Self {
        Self {
            store,
            tokens: (0..TOKENS).map(|_| Token::default()).collect(),
            issued: AtomicUsize::new(0),
            dying: Default::default(),
            clients: Default::default(),
            tally,
        }
    }

    /// One of the last that were issued, or any.
    fn pick(&self, dice: &mut Dice) -> Option<usize> {
        let issued = self.issued.load(Ordering::Acquire).min(TOKENS);
        let among = match dice.one_in(4) {
            true => issued,
            false => issued.min(64),
        };
        (among > 0).then(|| issued - 1 - dice.below(among))
    }

    fn shown(&self, place: usize) -> Option<(&Token, &Shown)> {
        let token = &self.tokens[place];
        Some((token, token.shown.get()?))
    }

    /// Validates one token and holds the answer against what is certain.
    fn read(&self, dice: &mut Dice, validate: &dyn Fn(&str) -> Result<(), Inactive>) -> bool {
        // Mostly one that is being killed: there the races are.
        let place = match dice.below(4) {
            0 => self.pick(dice),
            _ => Some(self.dying[dice.below(WRITERS)].load(Ordering::Relaxed)),
        };
        let Some((token, shown)) = place.and_then(|place| self.shown(place)) else {
            return false;
        };
        let phase = &self.clients[shown.client].phase;
        let was = token.certain.load(Ordering::Acquire);
        let was_told = token.told_dead.load(Ordering::Acquire);
        let phase_was = phase.load(Ordering::Acquire);
        let answer = validate(&shown.text);
        let is = token.certain.load(Ordering::Acquire);
        let phase_is = phase.load(Ordering::Acquire);

        let stays = |at: u64| phase_was == phase_is && phase_is % 4 == at;
        let (enabled, disabled) = (stays(0), stays(2));
        let wrong = match answer {
            Ok(()) if was == DEAD => Some("active after what killed it had returned"),
            Ok(()) if was_told => Some("active after somebody was told that it is dead"),
            Ok(()) if disabled => Some("active while its client was disabled"),
            Err(Inactive::ClientDisabled) if enabled => Some("disabled while its client was not"),
            Err(why) if why != Inactive::ClientDisabled && is == ALIVE => {
                Some("dead before anything that kills it had begun")
            }
            _ => None,
        };
        if answer.is_err_and(|why| why != Inactive::ClientDisabled) {
            token.told_dead.store(true, Ordering::Release);
        }
        let certain = if was == DEAD || was_told || disabled {
            &self.tally.must_be_refused
        } else if is == ALIVE && enabled {
            &self.tally.must_be_active
        } else {
            &self.tally.may_be_either
        };
        certain.fetch_add(1, Ordering::Relaxed);
        if let Some(wrong) = wrong {
            let mut broken = self.tally.broken.lock().unwrap();
            broken.get_or_insert_with(|| format!("{wrong}: {answer:?}, {was} then {is}"));
        }
        true
    }

    /// One operation; false when there is no token left to issue.
    fn write(&self, writer: usize, dice: &mut Dice) -> bool {
        match dice.below(100) {
            0..50 => return self.issue(dice.below(CLIENTS)),
            50..85 => self.kill_one(writer, dice),
            85..88 => {
                let client = dice.below(CLIENTS);
                self.kill_all(&[client], || self.store.revoke_all(&name(client)).unwrap());
            }
            88..95 => self.switch(dice.below(CLIENTS)),
            _ => {
                self.store.purge(200).unwrap();
            }
        }
        true
    }

    fn issue(&self, client: usize) -> bool {
        let before = {
            let kills = self.clients[client].kills.lock().unwrap();
            (kills.begun, kills.running)
        };
        let new = NewToken::new(name(client)).never_expires();
        let issued = match self.store.issue(new) {
            Ok(issued) => issued,
            Err(Error::ClientDisabled) => return true,
            Err(error) => panic!("{error}"),
        };
        let place = self.issued.fetch_add(1, Ordering::AcqRel);
        let Some(token) = self.tokens.get(place) else {
            return false;
        };
        let kills = self.clients[client].kills.lock().unwrap();
        let is_alone = before == (kills.begun, 0);
        let _ = token.shown.set(Shown {
            id: issued.id,
            text: issued.secret.expose().to_owned(),
            client,
        });
        let certain = if is_alone { ALIVE } else { UNSURE };
        token.certain.store(certain, Ordering::Release);
        true
    }

    fn kill_one(&self, writer: usize, dice: &mut Dice) {
        let Some(place) = self.pick(dice) else { return };
        let Some((token, shown)) = self.shown(place) else {
            return;
        };
        self.dying[writer].store(place, Ordering::Relaxed);
        self.raise(shown.client, token, UNSURE);
        match dice.below(3) {
            0 => drop(self.store.revoke(shown.id).unwrap()),
            1 => drop(self.store.revoke_text(&shown.text).unwrap()),
            _ => drop(self.store.expire(shown.id, 1).unwrap()),
        }
        self.raise(shown.client, token, DEAD);
    }

    fn raise(&self, client: usize, token: &Token, certain: u8) {
        let _held = self.clients[client].kills.lock().unwrap();
        let was = token.certain.fetch_max(certain, Ordering::AcqRel);
        let dies = certain == DEAD && was != DEAD;
        self.tally.deaths.fetch_add(dies.into(), Ordering::Relaxed);
    }

    /// All tokens of some clients die of `call`, but for those that are issued meanwhile.
    fn kill_all<T>(&self, clients: &[usize], call: impl FnOnce() -> T) {
        for &client in clients {
            let mut kills = self.clients[client].kills.lock().unwrap();
            kills.begun += 1;
            kills.running += 1;
        }
        let of_clients = |token: &&Token| {
            let is_born = token.certain.load(Ordering::Acquire) != UNBORN;
            is_born
                && token
                    .shown
                    .get()
                    .is_some_and(|t| clients.contains(&t.client))
        };
        let dying: Vec<&Token> = self.tokens.iter().filter(of_clients).collect();
        for token in &dying {
            token.certain.fetch_max(UNSURE, Ordering::AcqRel);
        }
        call();
        for token in dying {
            let was = token.certain.fetch_max(DEAD, Ordering::AcqRel);
            self.tally
                .deaths
                .fetch_add((was != DEAD).into(), Ordering::Relaxed);
        }
        for &client in clients {
            self.clients[client].kills.lock().unwrap().running -= 1;
        }
    }

    fn switch(&self, client: usize) {
        let Client { phase, switch, .. } = &self.clients[client];
        let _held = switch.lock().unwrap();
        let turn = || phase.fetch_add(1, Ordering::AcqRel);
        turn();
        self.store.disable_client(&name(client)).unwrap();
        turn();
        turn();
        self.store.enable_client(&name(client)).unwrap();
        turn();
    }
}

/// Plays rounds until there are that many validations, by what a validator is made into.
fn play<V: Fn(&str) -> Result<(), Inactive>>(
    validates: u64,
    made: impl Fn(Validator) -> V + Sync,
) -> (u64, Tally) {
    let store = Options::new()
        .purge_grace(Duration::ZERO)
        .open_fake(FakeDisk::new())
        .unwrap();
    let (tally, done) = (Tally::default(), AtomicU64::new(0));
    let mut rounds = 0;
    while done.load(Ordering::Relaxed) < validates && tally.broken.lock().unwrap().is_none() {
        rounds += 1;
        let round = Round::new(&store, &tally);
        let writing = AtomicUsize::new(WRITERS);
        std::thread::scope(|scope| {
            for reader in 0..READERS {
                let (round, writing, done, made) = (&round, &writing, &done, &made);
                scope.spawn(move || {
                    let mut dice = Dice::new(rounds * 100 + reader as u64);
                    let validate = made(round.store.validator());
                    let mut count = 0;
                    while writing.load(Ordering::Acquire) > 0 {
                        count += u64::from(round.read(&mut dice, &validate));
                    }
                    done.fetch_add(count, Ordering::Relaxed);
                });
            }
            for writer in 0..WRITERS {
                let (round, writing) = (&round, &writing);
                scope.spawn(move || {
                    let mut dice = Dice::new(rounds * 100 + 50 + writer as u64);
                    // A writer that fails must not leave the readers waiting.
                    let end = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        while round.write(writer, &mut dice) {}
                        let all: Vec<usize> = (0..CLIENTS).collect();
                        round.kill_all(&all, || round.store.revoke_everything().unwrap());
                    }));
                    writing.fetch_sub(1, Ordering::AcqRel);
                    end.unwrap();
                });
            }
        });
        store.purge(usize::MAX).unwrap();
    }
    (done.into_inner(), tally)
}

#[test]
fn every_answer_is_certain_or_concurrent() {
    let validates = std::env::var("HALLPASS_VALIDATES").map_or(1_000_000, |n| n.parse().unwrap());
    let began = Instant::now();
    let (done, tally) = play(validates, |validator| {
        move |text: &str| validator.validate(text).map(drop)
    });
    let [active, refused, either, deaths] = [
        tally.must_be_active,
        tally.must_be_refused,
        tally.may_be_either,
        tally.deaths,
    ]
    .map(AtomicU64::into_inner);
    println!(
        "{done} validations against {deaths} deaths in {:.0} s: {active} had to be active, {refused} \
         refused, {either} were concurrent",
        began.elapsed().as_secs_f64()
    );
    assert_eq!(tally.broken.into_inner().unwrap(), None);
    for count in [active, refused] {
        assert!(count > validates / 100, "the history says too little");
    }
}

/// What the history is able to find: readers that remember what they were once told.
#[test]
fn an_answer_out_of_a_cache_is_found_out() {
    let (_, tally) = play(u64::MAX, |validator| {
        let cache = RefCell::new(HashMap::new());
        move |text: &str| {
            let answer = || validator.validate(text).map(drop);
            *cache
                .borrow_mut()
                .entry(text.to_owned())
                .or_insert_with(answer)
        }
    });
    assert!(tally.broken.into_inner().unwrap().is_some());
}
