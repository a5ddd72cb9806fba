//! What the child does: threads that issue, revoke, expire, disable, purge and rotate keys, each with
//! a client of its own and all with one that they share.

use std::time::Duration;

use hallpass::{Durability, Error, Options, Store, TokenId};

use super::operations::SHARED;
use super::{PLAN, Plan, Says};
use crate::dice::Dice;

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
pub(super) enum State {
    Alive,
    Dead,
    /// A change failed: dead in this opening, and perhaps alive after the next.
    DeadHere,
    Unsure,
}

pub(super) struct Token {
    pub(super) id: TokenId,
    pub(super) secret: String,
    pub(super) pair_id: Option<String>,
    pub(super) state: State,
    pub(super) kid: String,
}

pub(super) struct Worker {
    pub(super) plan: Plan,
    pub(super) name: String,
    pub(super) dice: Dice,
    pub(super) operations: usize,
    /// The tokens of its own client, oldest first. Nobody else changes them.
    pub(super) tokens: Vec<Token>,
    pub(super) shared: Vec<TokenId>,
    /// The keys it made, the newest last. Only the first worker has any.
    pub(super) kids: Vec<String>,
    pub(super) makes_keys: bool,
}

/// What a worker works with in one opening.
#[derive(Clone, Copy)]
pub(super) struct Here<'a> {
    pub(super) store: &'a Store,
    pub(super) says: &'a Says,
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
        if self.plan.tokens_max > 0 {
            return self.replace(here);
        }
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
    pub(super) fn attempt(
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

    /// Promise 1: whatever the call returned, memory denies.
    pub(super) fn must_be_dead(&self, here: Here<'_>, at: usize) {
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

pub(super) fn is_active(store: &Store, token: &Token) -> bool {
    super::promised::validates(&store.validator(), token.pair_id.as_deref(), &token.secret)
}
