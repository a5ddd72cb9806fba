//! A model of the store so simple that it is unlikely to be wrong, and a machine that does the same
//! to both and compares after every step. Shared by the property test and the fuzzer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hallpass::testkit::FakeDisk;
use hallpass::{
    ClientFault, Clock, Error, Inactive, NewToken, Options, Revocation, Store, TokenId, TokenStatus,
};

/// Where every history begins, in Unix seconds.
const START: u64 = 1_800_000_000;
/// How long dead tokens are kept.
const GRACE_SECS: u64 = 100;
/// How far behind the time that a store has seen the clock may be when it is opened.
const CLOCK_SLACK_SECS: u64 = 24 * 3600;

/// One step of a history. Numbers pick from what exists, modulo its size.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Issue {
        client: u8,
        lifetime: Option<u16>,
        delay: Option<u8>,
        pair: bool,
    },
    IssueChosen {
        client: u8,
        secret: u8,
    },
    IssueMany {
        client: u8,
        count: u8,
    },
    /// A JWT, by the newest key; without one it is refused.
    #[cfg(feature = "jwt")]
    IssueJwt {
        client: u8,
        lifetime: u16,
    },
    /// A new key signs, the one before it still verifies.
    #[cfg(feature = "jwt")]
    Rotate,
    /// All that a key signed dies.
    #[cfg(feature = "jwt")]
    Retire {
        key: u8,
    },
    Revoke {
        token: u8,
    },
    RevokeText {
        token: u8,
    },
    RevokeAll {
        client: u8,
    },
    RevokeEverything,
    Disable {
        client: u8,
    },
    Enable {
        client: u8,
    },
    Expire {
        token: u8,
        in_secs: u16,
    },
    Purge {
        limit: u8,
    },
    MoveClock {
        secs: i16,
    },
    /// As when a machine starts with a wrong clock, or is put right.
    JumpClock {
        hours: i8,
    },
    Flush,
    Reopen,
    Crash {
        groups_kept: u8,
    },
    FailAfter {
        calls: u8,
    },
}

/// Where the store lies.
#[allow(dead_code, reason = "fuzzing is done in memory")]
pub(crate) enum Medium {
    /// A disk in memory, which fails and loses power when told to.
    Fake(FakeDisk),
    /// sled, in this folder. There nothing fails, and to crash is to be dropped: what a power cut or
    /// a kill leaves is for other tests.
    Folder(PathBuf),
}

impl Medium {
    fn open(&self, clock: &ManualClock) -> Result<Store, Error> {
        let options = Options::new()
            .clock(clock.clone())
            .purge_grace(std::time::Duration::from_secs(GRACE_SECS));
        match self {
            Self::Fake(disk) => options.open_fake(disk.clone()),
            Self::Folder(folder) => options.open(folder),
        }
    }

    fn fail_after(&self, calls: u32) {
        if let Self::Fake(disk) = self {
            disk.fail_after(calls);
        }
    }

    fn lose_power(&self, groups_kept: usize) {
        if let Self::Fake(disk) = self {
            disk.crash(groups_kept);
        }
    }

    fn heal(&self) {
        if let Self::Fake(disk) = self {
            disk.heal();
        }
    }
}

/// A clock that a test moves by hand.
#[derive(Clone)]
struct ManualClock(Arc<AtomicU64>);

impl Clock for ManualClock {
    fn now_secs(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the model remembers of a token.
#[derive(Clone, Debug)]
struct Token {
    client: String,
    secret: String,
    pair_id: Option<String>,
    not_before: u64,
    expires_at: u64,
    /// When it was revoked first.
    revoked: Option<u64>,
    /// When it was revoked last: a later epoch hides when an earlier one killed it.
    revoked_last: u64,
    /// A change that failed may or may not be on disk: only the next opening tells.
    unsure: bool,
    /// Of a JWT: the key that signed it, and the end that its signature covers.
    signed: Option<(String, u64)>,
}

pub(crate) struct Machine {
    medium: Medium,
    clock: ManualClock,
    store: Option<Store>,
    /// Whether a write has failed, so that the store refuses changes.
    broken: bool,
    /// The highest time the store has seen.
    latest: u64,
    tokens: BTreeMap<TokenId, Token>,
    /// Every secret of a token that was purged: never active again.
    forgotten: Vec<(Option<String>, String)>,
    /// How many tokens there may be that the model lacks: their issue failed, yet reached the disk.
    strays: u64,
    disabled: BTreeSet<String>,
    /// Clients whose disabling or enabling failed.
    unsure_clients: BTreeSet<String>,
    /// The signing keys, oldest first, and whether each is retired.
    #[cfg(feature = "jwt")]
    keys: Vec<(String, bool)>,
    /// Whether a change of them has failed.
    #[cfg(feature = "jwt")]
    unsure_keys: bool,
}

impl Machine {
    /// One with an empty store.
    pub(crate) fn new(medium: Medium) -> Self {
        let clock = ManualClock(Arc::new(AtomicU64::new(START)));
        let store = medium.open(&clock).expect("a healthy disk opens");
        Self {
            medium,
            clock,
            store: Some(store),
            broken: false,
            latest: START,
            tokens: BTreeMap::new(),
            forgotten: Vec::new(),
            strays: 0,
            disabled: BTreeSet::new(),
            unsure_clients: BTreeSet::new(),
            #[cfg(feature = "jwt")]
            keys: Vec::new(),
            #[cfg(feature = "jwt")]
            unsure_keys: false,
        }
    }

    /// Does one step to both, and compares them.
    pub(crate) fn step(&mut self, step: &Step) {
        self.see_time();
        match step {
            Step::Issue {
                client,
                lifetime,
                delay,
                pair,
            } => {
                self.issue(*client, *lifetime, *delay, *pair);
            }
            Step::IssueChosen { client, secret } => self.issue_chosen(*client, *secret),
            Step::IssueMany { client, count } => self.issue_many(*client, *count),
            #[cfg(feature = "jwt")]
            Step::IssueJwt { client, lifetime } => self.issue_jwt(*client, *lifetime),
            #[cfg(feature = "jwt")]
            Step::Rotate => self.rotate(),
            #[cfg(feature = "jwt")]
            Step::Retire { key } => self.retire(*key),
            Step::Revoke { token } => self.revoke(*token, false),
            Step::RevokeText { token } => self.revoke(*token, true),
            Step::RevokeAll { client } => self.revoke_all(*client),
            Step::RevokeEverything => self.revoke_everything(),
            Step::Disable { client } => self.disable(*client),
            Step::Enable { client } => self.enable(*client),
            Step::Expire { token, in_secs } => self.expire(*token, *in_secs),
            Step::Purge { limit } => self.purge(usize::from(*limit)),
            Step::MoveClock { secs } => {
                self.clock
                    .0
                    .fetch_add(*secs as i64 as u64, Ordering::Relaxed);
            }
            Step::JumpClock { hours } => {
                let secs = i64::from(*hours) * 3600;
                self.clock.0.fetch_add(secs as u64, Ordering::Relaxed);
            }
            Step::Flush => {
                let flushed = self.store().flush();
                self.expect_done(flushed);
            }
            Step::Reopen if !self.broken => {
                let closed = self.store.take().expect("a store").close();
                if closed.is_err() {
                    self.set_clock_right();
                }
                self.expect_done(closed);
                self.reopen();
            }
            Step::Reopen => self.crash(0),
            Step::Crash { groups_kept } => self.crash(usize::from(*groups_kept)),
            Step::FailAfter { calls } => self.medium.fail_after(u32::from(*calls)),
        }
        self.see_time();
        self.compare();
    }

    fn issue(&mut self, client: u8, lifetime: Option<u16>, delay: Option<u8>, pair: bool) {
        let client = name(client);
        let new = if pair {
            NewToken::client_secret(&client).pair_id(format!("key-of-{client}"))
        } else {
            NewToken::new(&client)
        };
        let expires_at = lifetime.map_or(u64::MAX, |secs| self.latest + u64::from(secs));
        let not_before = delay.map_or(0, |secs| self.latest + u64::from(secs));
        let mut new = if lifetime.is_some() {
            new.expires_at(expires_at)
        } else {
            new.never_expires()
        };
        if delay.is_some() {
            new = new.not_before(not_before);
        }
        match self.store().issue(new.scopes(["read"]).metadata("k", "v")) {
            Ok(issued) => {
                assert!(!self.broken && !self.disabled.contains(&client));
                self.tokens.insert(
                    issued.id,
                    Token {
                        client,
                        secret: issued.secret.expose().to_owned(),
                        pair_id: issued.pair_id,
                        not_before,
                        expires_at,
                        revoked: None,
                        revoked_last: 0,
                        unsure: false,
                        signed: None,
                    },
                );
            }
            Err(Error::ClientDisabled) => assert!(self.disabled.contains(&client)),
            Err(error) => {
                self.strays += 1;
                self.expect_failure(&error);
            }
        }
    }

    fn issue_chosen(&mut self, client: u8, secret: u8) {
        let client = name(client);
        let secret = format!("chosen-secret-0123456789-abcdefghijklmnop-{secret}");
        let known = self.tokens.values().any(|token| token.secret == secret);
        match self
            .store()
            .issue_chosen(NewToken::new(&client).never_expires(), &secret)
        {
            Ok(id) => {
                assert!(!known && !self.disabled.contains(&client));
                self.forgotten.retain(|(_, forgotten)| *forgotten != secret);
                self.tokens.insert(
                    id,
                    Token {
                        client,
                        secret,
                        pair_id: None,
                        not_before: 0,
                        expires_at: u64::MAX,
                        revoked: None,
                        revoked_last: 0,
                        unsure: false,
                        signed: None,
                    },
                );
            }
            Err(Error::ClientDisabled) => assert!(self.disabled.contains(&client)),
            Err(Error::AlreadyExists) => {
                assert!(
                    known || self.strays > 0,
                    "a secret exists that the model lacks"
                );
            }
            Err(error) => {
                self.forgotten.retain(|(_, forgotten)| *forgotten != secret);
                self.strays += 1;
                self.expect_failure(&error);
            }
        }
    }

    fn issue_many(&mut self, client: u8, count: u8) {
        let client = name(client);
        let new = vec![NewToken::new(&client).never_expires(); usize::from(count)];
        let mut issued = Vec::new();
        let done = self.store().issue_many(new, |token| issued.push(token));
        for token in issued {
            self.tokens.insert(
                token.id,
                Token {
                    client: client.clone(),
                    secret: token.secret.expose().to_owned(),
                    pair_id: None,
                    not_before: 0,
                    expires_at: u64::MAX,
                    revoked: None,
                    revoked_last: 0,
                    unsure: false,
                    signed: None,
                },
            );
        }
        match done {
            Ok(done) => assert_eq!(done, u64::from(count)),
            Err(Error::ClientDisabled) => assert!(self.disabled.contains(&client)),
            Err(error) => {
                self.strays += u64::from(count);
                self.expect_failure(&error);
            }
        }
    }

    fn revoke(&mut self, token: u8, by_text: bool) {
        let Some(id) = self.pick(token) else {
            let nobody = TokenId::from_u64(7).expect("an id");
            assert_eq!(self.store().revoke(nobody).ok(), Some(Revocation::Unknown));
            return;
        };
        let token = self.tokens[&id].clone();
        let revoked = if by_text && token.pair_id.is_none() {
            self.store().revoke_text(&token.secret)
        } else {
            self.store().revoke(id)
        };
        let expected = match token.revoked {
            Some(_) => Revocation::AlreadyRevoked,
            None => Revocation::Revoked,
        };
        let now = self.latest;
        match revoked {
            // A token dead by its client's epoch can still be revoked by its id.
            Ok(answer) => {
                assert!(
                    answer == expected || answer == Revocation::Revoked,
                    "{answer:?}"
                );
            }
            Err(error) => {
                self.expect_failure(&error);
                self.tokens.get_mut(&id).expect("picked").unsure |= token.revoked.is_none();
            }
        }
        let token = self.tokens.get_mut(&id).expect("picked");
        token.revoked.get_or_insert(now);
        token.revoked_last = now;
    }

    fn revoke_all(&mut self, client: u8) {
        let client = name(client);
        let known = self.knows(&client);
        let done = self.store().revoke_all(&client);
        let failed = done.is_err();
        match done {
            Ok(answer) => assert!(answer == known || answer, "a known client was not found"),
            Err(error) => self.expect_failure(&error),
        }
        let now = self.latest;
        for token in self
            .tokens
            .values_mut()
            .filter(|token| token.client == client)
        {
            token.unsure |= failed && token.revoked.is_none();
            token.revoked.get_or_insert(now);
            token.revoked_last = now;
        }
    }

    fn revoke_everything(&mut self) {
        let done = self.store().revoke_everything();
        let failed = done.is_err();
        self.expect_done(done);
        let now = self.latest;
        for token in self.tokens.values_mut() {
            token.unsure |= failed && token.revoked.is_none();
            token.revoked.get_or_insert(now);
            token.revoked_last = now;
        }
    }

    fn disable(&mut self, client: u8) {
        let client = name(client);
        let done = self.store().disable_client(&client);
        if done.is_err() {
            self.unsure_clients.insert(client.clone());
        }
        self.expect_done(done);
        self.disabled.insert(client);
    }

    fn enable(&mut self, client: u8) {
        let client = name(client);
        let done = self.store().enable_client(&client);
        if done.is_ok() {
            self.disabled.remove(&client);
        } else {
            self.unsure_clients.insert(client);
        }
        self.expect_done(done);
    }

    fn expire(&mut self, token: u8, in_secs: u16) {
        let Some(id) = self.pick(token) else { return };
        let at = self.latest + u64::from(in_secs);
        let done = self.store().expire(id, at);
        let failed = done.is_err();
        let token = self.tokens.get_mut(&id).expect("picked");
        if at < token.expires_at {
            token.unsure |= failed;
            token.expires_at = at;
        }
        let expires_at = token.expires_at;
        match done {
            Ok(answer) => {
                assert_eq!(
                    answer,
                    Some(if expires_at == u64::MAX {
                        u64::from(u32::MAX)
                    } else {
                        expires_at
                    })
                );
            }
            Err(error) => self.expect_failure(&error),
        }
    }

    fn purge(&mut self, limit: usize) {
        let horizon = self.latest.saturating_sub(GRACE_SECS);
        let before: Vec<TokenId> = self.tokens.keys().copied().collect();
        let done = self.store().purge(limit);
        let mut gone = 0;
        for id in before {
            if self.store().get(id).expect("get does not write").is_none() {
                let token = self.tokens.remove(&id).expect("listed");
                assert!(
                    token.expires_at <= horizon || token.revoked.is_some_and(|at| at <= horizon),
                    "a living token was purged: {token:?}"
                );
                self.forgotten.push((token.pair_id, token.secret));
                gone += 1;
            }
        }
        match done {
            Ok(purged) => {
                assert!(purged.purged >= gone && purged.purged <= gone + self.strays);
                self.strays -= purged.purged - gone;
                assert!(
                    purged.more
                        || !self.tokens.values().any(|token| {
                            token.expires_at <= horizon
                                || token.revoked.is_some() && token.revoked_last <= horizon
                        })
                );
            }
            Err(error) => {
                // What was forgotten by a write that failed may be back after a crash.
                self.strays += gone;
                self.expect_failure(&error);
            }
        }
    }

    fn crash(&mut self, groups_kept: usize) {
        // The process dies: nothing is closed or flushed. The fake keeps what a disk would.
        self.set_clock_right();
        self.medium.fail_after(0);
        drop(self.store.take());
        self.medium.lose_power(groups_kept);
        self.broken = false;
        self.reopen();
    }

    /// A store that dies unflushed takes its knowledge of the time with it, back to its last write.
    /// What the store promises then holds if the clock is right, as it is here from now on.
    fn set_clock_right(&self) {
        self.clock.0.fetch_max(self.latest, Ordering::Relaxed);
    }

    /// Opens again, and lets the disk say how the changes that had failed came out.
    fn reopen(&mut self) {
        self.medium.heal();
        self.broken = false;
        let store = self.open();
        for id in self.tokens.keys().copied().collect::<Vec<_>>() {
            let token = self.tokens.get_mut(&id).expect("listed");
            let Some(info) = store.get(id).expect("a healthy disk") else {
                assert!(token.unsure, "an acknowledged token is gone: {token:?}");
                let token = self.tokens.remove(&id).expect("listed");
                self.forgotten.push((token.pair_id, token.secret));
                continue;
            };
            if token.unsure {
                token.unsure = false;
                token.expires_at = info.expires_at.unwrap_or(u64::MAX);
                let revoked = info.status == TokenStatus::Revoked;
                token.revoked = if revoked { token.revoked } else { None };
            }
        }
        for client in std::mem::take(&mut self.unsure_clients) {
            let disabled = matches!(
                store.issue(NewToken::new(&client).expires_at(0)),
                Err(Error::ClientDisabled)
            );
            if disabled {
                self.disabled.insert(client);
            } else {
                self.disabled.remove(&client);
                self.strays += 1;
            }
        }
        #[cfg(feature = "jwt")]
        self.compare_keys(&store);
        self.store = Some(store);
    }

    /// A clock that is further behind than clocks go is not believed: then it is put right.
    fn open(&self) -> Store {
        let is_behind = self.clock.now_secs() + CLOCK_SLACK_SECS < self.latest;
        match self.medium.open(&self.clock) {
            Ok(store) => {
                assert!(!is_behind, "a clock was believed that went back");
                store
            }
            Err(Error::ClockAnomaly { .. }) if is_behind => {
                self.set_clock_right();
                self.medium.open(&self.clock).expect("the clock is right")
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Holds every token that ever was against the model.
    fn compare(&mut self) {
        let validator = self.store().validator();
        for (id, token) in &self.tokens {
            let verdict = match &token.pair_id {
                Some(pair_id) => validator.validate_pair(pair_id, &token.secret),
                None => validator.validate(&token.secret),
            };
            let expected = self.verdict(token);
            match (verdict, expected) {
                (Ok(active), None) => {
                    assert_eq!(
                        (active.token_id(), active.client_id()),
                        (*id, &*token.client)
                    );
                    assert_eq!(active.expires_at().unwrap_or(u64::MAX), token.expires_at);
                }
                (verdict, expected) => {
                    assert_eq!(verdict.err(), expected, "{token:?} at {}", self.latest);
                }
            }
        }
        for (pair_id, secret) in &self.forgotten {
            let verdict = match pair_id {
                Some(pair_id) => validator.validate_pair(pair_id, secret),
                None => validator.validate(secret),
            };
            assert!(verdict.is_err(), "a purged token lives again");
        }
        if !self.broken {
            self.store().verify().expect("disk and memory agree");
        }
    }

    fn verdict(&self, token: &Token) -> Option<Inactive> {
        let (inactive, fault) = if token.revoked.is_some() {
            (Inactive::Revoked, ClientFault::Revoked)
        } else if self.disabled.contains(&token.client) {
            (Inactive::ClientDisabled, ClientFault::Disabled)
        } else if self.latest >= token.expires_at {
            let of_signature = |(_, end): &(String, u64)| token.expires_at >= *end;
            if token.signed.as_ref().is_some_and(of_signature) {
                (Inactive::ExpiredSignature, ClientFault::Expired)
            } else {
                (Inactive::Expired, ClientFault::Expired)
            }
        } else if self.latest < token.not_before {
            (Inactive::NotYetValid, ClientFault::NotYetValid)
        } else {
            return None;
        };
        Some(match token.pair_id {
            Some(_) => Inactive::ClientUnauthenticated(fault),
            None => inactive,
        })
    }

    fn see_time(&mut self) {
        // A refused call reads the clock too, so that the store sees what the model sees.
        assert!(self.store().issue(NewToken::new("")).is_err());
        self.latest = self.latest.max(self.clock.now_secs());
    }

    fn expect_done(&mut self, done: Result<(), Error>) {
        if let Err(error) = done {
            self.expect_failure(&error);
        }
    }

    /// A change may fail only as the disk does: once with its error, then read-only.
    fn expect_failure(&mut self, error: &Error) {
        match error {
            Error::Io { .. } => assert!(!self.broken, "only the first failure is the disk's"),
            Error::ReadOnly { .. } => assert!(self.broken, "{error}"),
            other => panic!("{other}"),
        }
        self.broken = true;
    }

    fn knows(&self, client: &str) -> bool {
        self.disabled.contains(client) || self.tokens.values().any(|token| token.client == client)
    }

    fn pick(&self, number: u8) -> Option<TokenId> {
        let at = usize::from(number).checked_rem(self.tokens.len())?;
        self.tokens.keys().nth(at).copied()
    }

    fn store(&self) -> &Store {
        self.store.as_ref().expect("a store is open between steps")
    }
}

fn name(client: u8) -> String {
    format!("client-{}", client % 4)
}

#[cfg(feature = "jwt")]
mod jwt {
    use hallpass::jwt::Algorithm;
    use hallpass::{Error, KeyState, NewToken, Store};

    use super::{Machine, Token, name};

    impl Machine {
        pub(super) fn issue_jwt(&mut self, client: u8, lifetime: u16) {
            let client = name(client);
            let expires_at = self.latest + u64::from(lifetime);
            let signer = self.keys.last().filter(|(_, retired)| !retired).cloned();
            match self
                .store()
                .issue(NewToken::jwt(&client).expires_at(expires_at))
            {
                Ok(issued) => {
                    assert!(!self.broken && !self.disabled.contains(&client));
                    let (kid, _) = signer.expect("a key signed that the model lacks");
                    let token = Token {
                        client,
                        secret: issued.secret.expose().to_owned(),
                        pair_id: None,
                        not_before: 0,
                        expires_at,
                        revoked: None,
                        revoked_last: 0,
                        unsure: false,
                        signed: Some((kid, expires_at)),
                    };
                    self.tokens.insert(issued.id, token);
                }
                Err(Error::NoSigningKey) => assert_eq!(signer, None),
                Err(Error::ClientDisabled) => assert!(self.disabled.contains(&client)),
                Err(error) => {
                    self.strays += 1;
                    self.expect_failure(&error);
                }
            }
        }

        pub(super) fn rotate(&mut self) {
            match self.store().rotate_signing_key(Algorithm::Hs256) {
                Ok(info) => self.keys.push((info.kid, false)),
                Err(Error::Limit { .. }) => assert!(self.keys.len() >= 64),
                Err(error) => {
                    self.unsure_keys = true;
                    self.expect_failure(&error);
                }
            }
        }

        pub(super) fn retire(&mut self, key: u8) {
            let Some(at) = usize::from(key).checked_rem(self.keys.len()) else {
                assert_eq!(self.store().retire_key("nobody's").ok(), Some(false));
                return;
            };
            let kid = self.keys[at].0.clone();
            let done = self.store().retire_key(&kid);
            let failed = done.is_err();
            self.unsure_keys |= failed;
            self.expect_done(done.map(|known| assert!(known)));
            let was_retired = std::mem::replace(&mut self.keys[at].1, true);
            let now = self.latest;
            for token in self.tokens.values_mut() {
                let of_key = token
                    .signed
                    .as_ref()
                    .is_some_and(|(signed, _)| *signed == kid);
                if of_key && !was_retired {
                    token.unsure |= failed && token.revoked.is_none();
                    token.revoked.get_or_insert(now);
                    token.revoked_last = now;
                }
            }
        }

        /// After an opening: the keys are those of the model, unless a change of them had failed.
        pub(super) fn compare_keys(&mut self, store: &Store) {
            let keys = store.signing_keys().expect("a healthy disk");
            let keys: Vec<(String, bool)> = keys
                .into_iter()
                .map(|key| (key.kid, key.state == KeyState::Retired))
                .collect();
            if !self.unsure_keys {
                assert_eq!(keys, self.keys);
            }
            self.unsure_keys = false;
            self.keys = keys;
        }
    }
}
