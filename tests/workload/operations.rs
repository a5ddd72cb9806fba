//! The operations of a worker, each with what it must find in memory afterwards.

use hallpass::NewToken;

use super::child::{Here, State, Token, Worker, is_active};

/// The client whose tokens all workers issue and revoke.
pub(super) const SHARED: &str = "shared";

impl Worker {
    pub(super) fn issue(&mut self, here: Here<'_>) {
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

    pub(super) fn issue_chosen(&mut self, here: Here<'_>) {
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

    /// Issues a token for one that goes.
    pub(super) fn replace(&mut self, here: Here<'_>) {
        self.issue(here);
        while self.alive().len() > self.plan.tokens_max {
            self.revoke(here);
        }
        self.purge(here);
    }

    fn alive(&self) -> Vec<usize> {
        (0..self.tokens.len())
            .filter(|at| self.tokens[*at].state == State::Alive)
            .collect()
    }

    fn pick(&mut self) -> Option<usize> {
        let alive = self.alive();
        (!alive.is_empty()).then(|| alive[self.dice.below(alive.len())])
    }

    pub(super) fn revoke(&mut self, here: Here<'_>) {
        let Some(at) = self.pick() else { return };
        let id = self.tokens[at].id;
        let done = self.attempt(here, &format!("revoke {id}"), |store| {
            store.revoke(id).map(|found| format!("{found:?}"))
        });
        self.tokens[at].state = dead(done);
        self.must_be_dead(here, at);
    }

    pub(super) fn expire(&mut self, here: Here<'_>) {
        let Some(at) = self.pick() else { return };
        let id = self.tokens[at].id;
        let done = self.attempt(here, &format!("expire {id}"), |store| {
            store.expire(id, 1).map(|_| String::new())
        });
        self.tokens[at].state = dead(done);
        self.must_be_dead(here, at);
    }

    pub(super) fn revoke_all(&mut self, here: Here<'_>) {
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

    pub(super) fn purge(&mut self, here: Here<'_>) {
        self.attempt(here, "purge", |store| {
            store.purge(30).map(|purged| purged.purged.to_string())
        });
    }

    pub(super) fn disable_and_enable(&mut self, here: Here<'_>) {
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

    pub(super) fn issue_shared(&mut self, here: Here<'_>) {
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

    pub(super) fn revoke_shared(&mut self, here: Here<'_>) {
        let Some(id) = self.shared.pop() else { return };
        self.attempt(here, &format!("revoke {id}"), |store| {
            store.revoke(id).map(|found| format!("{found:?}"))
        });
    }

    #[cfg(feature = "jwt")]
    pub(super) fn rotate(&mut self, here: Here<'_>) {
        if !self.makes_keys {
            return;
        }
        self.make_room_for_a_key(here);
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

    /// A store takes no more than 64 keys that verify, and children before this one made some too.
    #[cfg(feature = "jwt")]
    fn make_room_for_a_key(&mut self, here: Here<'_>) {
        let mut keys = here.store.signing_keys().unwrap_or_default();
        keys.retain(|key| key.state != hallpass::KeyState::Retired);
        if keys.len() >= 32 {
            self.retire_key(here, &keys[0].kid);
        }
    }

    #[cfg(feature = "jwt")]
    pub(super) fn retire(&mut self, here: Here<'_>) {
        if self.kids.len() >= 2 {
            self.retire_key(here, &self.kids[0].clone());
        }
    }

    #[cfg(feature = "jwt")]
    fn retire_key(&mut self, here: Here<'_>, kid: &str) {
        self.kids.retain(|made| made != kid);
        let done = self.attempt(here, &format!("retire {kid}"), |store| {
            store.retire_key(kid).map(|_| String::new())
        });
        for at in 0..self.tokens.len() {
            if self.tokens[at].kid == kid && self.tokens[at].state == State::Alive {
                self.tokens[at].state = dead(done);
                self.must_be_dead(here, at);
            }
        }
    }

    #[cfg(not(feature = "jwt"))]
    pub(super) fn rotate(&mut self, _: Here<'_>) {}

    #[cfg(not(feature = "jwt"))]
    pub(super) fn retire(&mut self, _: Here<'_>) {}
}

fn dead(done: bool) -> State {
    if done { State::Dead } else { State::DeadHere }
}

#[cfg(feature = "jwt")]
fn signed(client: &str) -> NewToken {
    NewToken::jwt(client).lifetime(std::time::Duration::from_secs(90 * 24 * 3600))
}

#[cfg(not(feature = "jwt"))]
fn signed(client: &str) -> NewToken {
    NewToken::new(client).never_expires()
}
