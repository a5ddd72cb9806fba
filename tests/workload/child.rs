//! What the child does: threads that issue, revoke, expire, disable, purge and rotate keys, each with
//! a client of its own and all with one that they share.

use std::time::Duration;

use hallpass::{Durability, Error, NewToken, Options, Store, TokenId};

use super::{PLAN, Plan, Says};
use crate::dice::Dice;

const SHARED: &str = "shared";

/// The body of the test `child`: does nothing unless this process was started as one.
pub(crate) fn child() {
    if std::env::var_os(PLAN).is_none() {
        return;
    }
    let plan = Plan::from_env();
    let says = Says::open();
    let path = std::env::var_os(super::STORE).unwrap();
    let mut workers: Vec<Worker> = (0..plan.threads)
        .map(|thread| Worker::new(plan, thread))
        .collect();
    for opening in 0..plan.openings {
        says.say(&format!("+ open-{opening} open"));
        let durability = if plan.buffered {
            Durability::Buffered
        } else {
            Durability::Sync
        };
        let options = Options::new()
            .purge_grace(Duration::ZERO)
            .durability(durability);
        // In a thread of its own, as everything is: whoever fails the n-th call counts by thread.
        let opened =
            std::thread::scope(|scope| scope.spawn(|| options.open(&path)).join().unwrap());
        let store = match opened {
            Ok(store) => store,
            Err(error) => {
                says.say(&format!("! open-{opening} {}", error.code()));
                continue;
            }
        };
        says.say(&format!("= open-{opening}"));
        std::thread::scope(|scope| {
            for worker in &mut workers {
                let (store, says) = (&store, &says);
                scope.spawn(move || worker.run(store, says));
            }
        });
        says.say(&format!("+ close-{opening} close"));
        match std::thread::scope(|scope| scope.spawn(|| store.close()).join().unwrap()) {
            Ok(()) => says.say(&format!("= close-{opening}")),
            Err(error) => says.say(&format!("! close-{opening} {}", error.code())),
        }
    }
    says.say("done");
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Alive,
    Dead,
    /// A change failed: dead in this opening, and perhaps alive after the next.
    DeadHere,
    Unsure,
}

struct Token {
    id: TokenId,
    secret: String,
    pair_id: Option<String>,
    state: State,
    kid: String,
}

struct Worker {
    plan: Plan,
    name: String,
    dice: Dice,
    operations: usize,
    /// The tokens of its own client, oldest first. Nobody else changes them.
    tokens: Vec<Token>,
    shared: Vec<TokenId>,
    /// The keys it made, the newest last. Only the first worker has any.
    kids: Vec<String>,
    makes_keys: bool,
}

/// What a worker works with in one opening.
#[derive(Clone, Copy)]
struct Here<'a> {
    store: &'a Store,
    says: &'a Says,
}

impl Worker {
    fn new(plan: Plan, thread: usize) -> Self {
        Self {
            plan,
            name: format!("client-{thread}"),
            dice: Dice::new(plan.seed * 64 + thread as u64 + 1),
            operations: 0,
            tokens: Vec::new(),
            shared: Vec::new(),
            kids: Vec::new(),
            makes_keys: cfg!(feature = "jwt") && thread == 0,
        }
    }

    fn run(&mut self, store: &Store, says: &Says) {
        let here = Here { store, says };
        for token in &mut self.tokens {
            if token.state == State::DeadHere {
                token.state = State::Unsure;
            }
        }
        // An earlier child, or an earlier opening, may have been cut off between the two.
        let client = self.name.clone();
        self.attempt(here, &format!("enable {client}"), |store| {
            store.enable_client(&client).map(|()| String::new())
        });
        self.rotate(here);
        for _ in 0..self.plan.rounds {
            self.step(here);
            self.look(here);
        }
    }

    fn step(&mut self, here: Here<'_>) {
        match self.dice.below(100) {
            0..45 => self.issue(here),
            45..65 => self.revoke(here),
            65..67 => self.revoke_all(here),
            67..72 => self.expire(here),
            72..76 => self.purge(here),
            76..79 => self.disable_and_enable(here),
            79..81 => self.rotate(here),
            81..82 => self.retire(here),
            82..90 => self.issue_shared(here),
            90..93 => self.revoke_shared(here),
            93..94 => {
                self.attempt(here, &format!("all {SHARED}"), |store| {
                    store.revoke_all(SHARED).map(|_| String::new())
                });
            }
            94..96 => {
                self.attempt(here, "flush", |store| store.flush().map(|()| String::new()));
            }
            _ => self.issue_chosen(here),
        }
    }

    /// Says the operation, does it, and says how it ended. Yields whether it was acknowledged.
    fn attempt(
        &mut self,
        here: Here<'_>,
        operation: &str,
        run: impl FnOnce(&Store) -> Result<String, Error>,
    ) -> bool {
        self.operations += 1;
        let name = format!("{}.{}", self.name, self.operations);
        here.says.say(&format!("+ {name} {operation}"));
        match run(here.store) {
            Ok(told) => {
                // With buffered issues the newest generation need not be durable yet.
                let generation = if self.plan.buffered {
                    0
                } else {
                    here.store.generation()
                };
                here.says.say(&format!("= {name} {generation} {told}"));
                true
            }
            Err(error) => {
                here.says.say(&format!("! {name} {}", error.code()));
                false
            }
        }
    }

    fn issue(&mut self, here: Here<'_>) {
        let client = self.name.clone();
        let kid = self.kids.last().cloned().unwrap_or_default();
        let face = self.dice.below(10);
        let is_signed = face < 2 && !kid.is_empty();
        let (new, pair_id) = match face {
            _ if is_signed => (signed(&client), None),
            2 => {
                let pair_id = format!("pair-{}", self.operations);
                (
                    NewToken::client_secret(&client)
                        .pair_id(&pair_id)
                        .never_expires(),
                    Some(pair_id),
                )
            }
            _ => (NewToken::new(&client).never_expires(), None),
        };
        let new = if is_signed { new } else { self.furnish(new) };
        let mut token = None;
        let kind = if self.plan.buffered {
            "buffered"
        } else {
            "sync"
        };
        let kid = if is_signed { kid } else { String::new() };
        let says_kid = if kid.is_empty() { "-" } else { &kid };
        let pair = pair_id.as_deref().unwrap_or("-").to_owned();
        self.attempt(
            here,
            &format!("issue {client} {kind} {says_kid} {pair}"),
            |store| {
                let issued = store.issue(new)?;
                let told = format!("{} {}", issued.id, issued.secret.expose());
                token = Some(Token {
                    id: issued.id,
                    secret: issued.secret.expose().to_owned(),
                    pair_id,
                    state: State::Alive,
                    kid: kid.clone(),
                });
                Ok(told)
            },
        );
        self.tokens.extend(token);
    }

    /// Makes some tokens as large as they may be: sled keeps large pages in files of their own.
    fn furnish(&mut self, new: NewToken) -> NewToken {
        let every = self.plan.large_every;
        if every == 0 || !self.dice.one_in(every) {
            return new;
        }
        let scopes = (0..64).map(|n| format!("{n:02}{}", "s".repeat(126)));
        let new = (0..16).fold(new, |new, n| {
            new.audience(format!("{n:02}{}", "a".repeat(254)))
        });
        new.scopes(scopes).metadata("k", "v".repeat(4000))
    }

    fn issue_chosen(&mut self, here: Here<'_>) {
        let client = self.name.clone();
        let secret = format!(
            "chosen-{:016x}{:016x}{:016x}",
            self.dice.next(),
            self.dice.next(),
            self.dice.next()
        );
        let kind = if self.plan.buffered {
            "buffered"
        } else {
            "sync"
        };
        let mut id = None;
        self.attempt(here, &format!("issue {client} {kind} - -"), |store| {
            let new = NewToken::new(&client).never_expires();
            let given = store.issue_chosen(new, &secret)?;
            id = Some(given);
            Ok(format!("{given} {secret}"))
        });
        self.tokens.extend(id.map(|id| Token {
            id,
            secret,
            pair_id: None,
            state: State::Alive,
            kid: String::new(),
        }));
    }

    fn pick(&mut self) -> Option<usize> {
        let alive: Vec<usize> = (0..self.tokens.len())
            .filter(|at| self.tokens[*at].state == State::Alive)
            .collect();
        (!alive.is_empty()).then(|| alive[self.dice.below(alive.len())])
    }

    fn revoke(&mut self, here: Here<'_>) {
        let Some(at) = self.pick() else { return };
        let id = self.tokens[at].id;
        let done = self.attempt(here, &format!("revoke {id}"), |store| {
            store.revoke(id).map(|_| String::new())
        });
        self.tokens[at].state = dead(done);
        self.must_be_dead(here, at);
    }

    fn expire(&mut self, here: Here<'_>) {
        let Some(at) = self.pick() else { return };
        let id = self.tokens[at].id;
        let done = self.attempt(here, &format!("expire {id}"), |store| {
            store.expire(id, 1).map(|_| String::new())
        });
        self.tokens[at].state = dead(done);
        self.must_be_dead(here, at);
    }

    fn revoke_all(&mut self, here: Here<'_>) {
        let client = self.name.clone();
        let done = self.attempt(here, &format!("all {client}"), |store| {
            store.revoke_all(&client).map(|_| String::new())
        });
        for at in 0..self.tokens.len() {
            if self.tokens[at].state == State::Alive || done {
                self.tokens[at].state = dead(done);
            }
            self.must_be_dead(here, at);
        }
    }

    fn purge(&mut self, here: Here<'_>) {
        self.attempt(here, "purge", |store| {
            store.purge(30).map(|purged| purged.purged.to_string())
        });
    }

    fn disable_and_enable(&mut self, here: Here<'_>) {
        let client = self.name.clone();
        self.attempt(here, &format!("disable {client}"), |store| {
            store.disable_client(&client).map(|()| String::new())
        });
        for token in &self.tokens {
            if is_active(here.store, token) {
                here.says.say(&format!(
                    "VIOLATION {} of a disabled client is active",
                    token.id
                ));
            }
        }
        let enabled = self.attempt(here, &format!("enable {client}"), |store| {
            store.enable_client(&client).map(|()| String::new())
        });
        if !enabled {
            for token in &mut self.tokens {
                if token.state == State::Alive {
                    token.state = State::DeadHere;
                }
            }
        }
    }

    fn issue_shared(&mut self, here: Here<'_>) {
        let kind = if self.plan.buffered {
            "buffered"
        } else {
            "sync"
        };
        let mut id = None;
        self.attempt(here, &format!("issue {SHARED} {kind} - -"), |store| {
            let issued = store.issue(NewToken::new(SHARED).never_expires())?;
            id = Some(issued.id);
            Ok(format!("{} {}", issued.id, issued.secret.expose()))
        });
        self.shared.extend(id);
    }

    fn revoke_shared(&mut self, here: Here<'_>) {
        let Some(id) = self.shared.pop() else { return };
        self.attempt(here, &format!("revoke {id}"), |store| {
            store.revoke(id).map(|_| String::new())
        });
    }

    #[cfg(feature = "jwt")]
    fn rotate(&mut self, here: Here<'_>) {
        if !self.makes_keys {
            return;
        }
        let mut kid = None;
        self.attempt(here, "rotate", |store| {
            let made = store.rotate_signing_key(hallpass::jwt::Algorithm::EdDsa)?;
            kid = Some(made.kid.clone());
            Ok(made.kid)
        });
        match kid {
            Some(kid) => self.kids.push(kid),
            // Which key signs now, if any does, only the next opening tells; it makes a new one.
            None => self.kids.clear(),
        }
    }

    #[cfg(feature = "jwt")]
    fn retire(&mut self, here: Here<'_>) {
        if self.kids.len() < 2 {
            return;
        }
        let kid = self.kids.remove(0);
        let done = self.attempt(here, &format!("retire {kid}"), |store| {
            store.retire_key(&kid).map(|_| String::new())
        });
        for at in 0..self.tokens.len() {
            if self.tokens[at].kid == kid && self.tokens[at].state == State::Alive {
                self.tokens[at].state = dead(done);
                self.must_be_dead(here, at);
            }
        }
    }

    #[cfg(not(feature = "jwt"))]
    fn rotate(&mut self, _: Here<'_>) {}

    #[cfg(not(feature = "jwt"))]
    fn retire(&mut self, _: Here<'_>) {}

    /// Promise 1: whatever the call returned, memory denies.
    fn must_be_dead(&self, here: Here<'_>, at: usize) {
        let token = &self.tokens[at];
        if matches!(token.state, State::Dead | State::DeadHere) && is_active(here.store, token) {
            here.says.say(&format!(
                "VIOLATION {} is active after {:?}",
                token.id, token.state
            ));
        }
    }

    /// Whatever became of the disk, memory answers for one of the tokens as it did before.
    fn look(&mut self, here: Here<'_>) {
        if self.tokens.is_empty() {
            return;
        }
        let at = self.dice.below(self.tokens.len());
        self.must_be_dead(here, at);
        let token = &self.tokens[at];
        if token.state == State::Alive && !is_active(here.store, token) {
            here.says
                .say(&format!("VIOLATION {} is not active", token.id));
        }
    }
}

fn dead(done: bool) -> State {
    if done { State::Dead } else { State::DeadHere }
}

fn is_active(store: &Store, token: &Token) -> bool {
    super::promised::validates(&store.validator(), token.pair_id.as_deref(), &token.secret)
}

#[cfg(feature = "jwt")]
fn signed(client: &str) -> NewToken {
    NewToken::jwt(client).lifetime(Duration::from_secs(90 * 24 * 3600))
}

#[cfg(not(feature = "jwt"))]
fn signed(client: &str) -> NewToken {
    NewToken::new(client).never_expires()
}
