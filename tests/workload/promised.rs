//! What a store has promised to a child that said what it did, and whether it holds.
//!
//! The words of a child: `+ NAME OPERATION` before an operation, `= NAME GENERATION TOLD` once it has
//! returned `Ok`, `! NAME CODE` once it has returned an error, `VIOLATION` if memory broke its word.

use std::collections::{BTreeMap, BTreeSet};

use hallpass::{Store, TokenId, TokenStatus, Validator};

/// All that was heard so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Promised {
    /// Counts what was heard: the time in which operations are ordered.
    now: u64,
    /// Which child is speaking, and its operations by their names.
    child: usize,
    operations: BTreeMap<String, usize>,
    begun: Vec<Operation>,
    /// The highest generation that was acknowledged.
    pub(crate) generation: u64,
    pub(crate) violations: Vec<String>,
    /// How many operations were acknowledged, and how many failed.
    pub(crate) acknowledged: u64,
    pub(crate) failed: u64,
    /// The operation that was begun last.
    pub(crate) last_begun: String,
    pub(crate) is_done: bool,
}

#[derive(Clone, Debug)]
struct Operation {
    words: Vec<String>,
    child: usize,
    begun: u64,
    /// When it was acknowledged; `NEVER`: not yet, or it failed.
    acknowledged: u64,
    told: Vec<String>,
}

const NEVER: u64 = u64::MAX;

/// A token that was handed out.
struct Token<'a> {
    issue: &'a Operation,
    id: TokenId,
    secret: &'a str,
    client: &'a str,
    is_buffered: bool,
    kid: &'a str,
    pair_id: Option<&'a str>,
}

impl Promised {
    /// Hears a line. One without its end was cut by the crash, and is not heard.
    pub(crate) fn hear(&mut self, line: &str) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        self.now += 1;
        match (words[0].as_str(), words.len()) {
            ("+", 3..) => {
                self.operations.insert(words[1].clone(), self.begun.len());
                self.last_begun.clone_from(&words[2]);
                self.begun.push(Operation {
                    words: words[2..].to_vec(),
                    child: self.child,
                    begun: self.now,
                    acknowledged: NEVER,
                    told: Vec::new(),
                });
            }
            ("=", 2..) => {
                let operation = &mut self.begun[self.operations[&words[1]]];
                operation.acknowledged = self.now;
                operation.told = words.get(3..).unwrap_or_default().to_vec();
                self.acknowledged += 1;
                if let Some(generation) = words.get(2) {
                    self.generation = self.generation.max(generation.parse().unwrap());
                }
            }
            ("!", 3) => self.failed += 1,
            ("VIOLATION", _) => self.violations.push(line.to_owned()),
            ("done", 1) => self.is_done = true,
            _ => panic!("{line:?} means nothing"),
        }
    }

    /// Hears what a child said, whole lines only.
    pub(crate) fn hear_all(&mut self, said: &str) {
        for line in said.split_inclusive('\n') {
            if let Some(line) = line.strip_suffix('\n') {
                self.hear(line);
            }
        }
    }

    /// A new child begins: what the one before it had begun is as it is.
    pub(crate) fn next_child(&mut self) {
        self.child += 1;
        self.operations.clear();
        self.is_done = false;
    }

    /// Whether the child was cut off in an operation of this name.
    pub(crate) fn is_under_way(&self, name: &str) -> bool {
        self.operations.values().any(|at| {
            let operation = &self.begun[*at];
            operation.words[0] == name && operation.acknowledged == NEVER
        })
    }

    /// Holds an opened store against all that was promised, and says what is broken.
    pub(crate) fn check(&self, store: &Store) -> Result<(), String> {
        if let Some(violation) = self.violations.first() {
            return Err(violation.clone());
        }
        if store.generation() < self.generation {
            return Err(format!(
                "generation {} after {} was acknowledged",
                store.generation(),
                self.generation
            ));
        }
        store.verify().map_err(|error| format!("verify: {error}"))?;
        let validator = store.validator();
        let mut known = BTreeSet::new();
        for token in self.tokens() {
            known.insert(token.id);
            self.check_token(store, &validator, &token)
                .map_err(|why| format!("{} of {}: {why}", token.id, token.client))?;
        }
        self.check_strays(store, &known)?;
        #[cfg(feature = "jwt")]
        self.check_keys(store)?;
        Ok(())
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Operation> {
        self.begun
            .iter()
            .filter(move |operation| operation.words[0] == name)
    }

    fn tokens(&self) -> impl Iterator<Item = Token<'_>> {
        self.named("issue")
            .filter(|issue| issue.acknowledged != NEVER)
            .map(|issue| Token {
                id: issue.told[0].parse().unwrap(),
                secret: &issue.told[1],
                client: &issue.words[1],
                is_buffered: issue.words[2] == "buffered",
                kid: &issue.words[3],
                pair_id: (issue.words[4] != "-").then_some(&*issue.words[4]),
                issue,
            })
    }

    /// The operations that killed the token, or may have.
    fn deaths<'a>(&'a self, token: &'a Token<'a>) -> impl Iterator<Item = &'a Operation> {
        self.begun.iter().filter(move |operation| {
            let whom = || operation.words[1].as_str();
            match operation.words[0].as_str() {
                "revoke" | "expire" => whom() == token.id.to_string(),
                // Over before the token was asked for, it has nothing to do with it.
                "all" => whom() == token.client && operation.acknowledged > token.issue.begun,
                "retire" => whom() == token.kid,
                _ => false,
            }
        })
    }

    fn check_token(
        &self,
        store: &Store,
        validator: &Validator,
        token: &Token<'_>,
    ) -> Result<(), String> {
        let certainly = self
            .deaths(token)
            .any(|death| death.acknowledged != NEVER && death.begun > token.issue.acknowledged);
        let first_death = self.deaths(token).map(|death| death.begun).min();
        let is_active = validates(validator, token.pair_id, token.secret);
        let info = store.get(token.id).map_err(|error| error.to_string())?;
        let may_be_lost = token.is_buffered && !self.is_synced(token.issue);
        let Some(info) = info else {
            if is_active {
                return Err("active without a record".to_owned());
            }
            let may_be_purged = first_death
                .is_some_and(|death| self.named("purge").any(|purge| purge.acknowledged > death));
            return if may_be_purged || may_be_lost {
                Ok(())
            } else {
                Err("lost, though it was acknowledged".to_owned())
            };
        };
        if may_be_lost && !is_active {
            // Within the second in which a power cut lost one, another may get its id.
            return Ok(());
        }
        if info.client_id != token.client {
            return Err(format!("is of {} now", info.client_id));
        }
        if is_active != (info.status == TokenStatus::Active) {
            return Err(format!("validates: {is_active}, status {:?}", info.status));
        }
        let (may_be_enabled, may_be_disabled) = self.enabled(token.client);
        match info.status {
            TokenStatus::Active if certainly => {
                Err("active, though its end was acknowledged".to_owned())
            }
            TokenStatus::Active if !may_be_enabled => {
                Err("active, though its client was disabled".to_owned())
            }
            TokenStatus::Active => Ok(()),
            TokenStatus::ClientDisabled if may_be_disabled => Ok(()),
            TokenStatus::Revoked | TokenStatus::Expired if first_death.is_some() => Ok(()),
            other => Err(format!("{other:?}, which nobody asked for")),
        }
    }

    /// Whether a later operation of the same child has made a buffered issue durable.
    fn is_synced(&self, issue: &Operation) -> bool {
        self.begun.iter().any(|later| {
            later.child == issue.child
                // Others may have found nothing to do, and so nothing to sync.
                && match &*later.words[0] {
                    "expire" | "disable" | "flush" | "rotate" | "retire" | "close" => true,
                    "revoke" => later.told == ["Revoked"],
                    _ => false,
                }
                && later.acknowledged != NEVER
                && later.begun > issue.acknowledged
        })
    }

    /// Whether the client may be enabled, and whether it may be disabled.
    fn enabled(&self, client: &str) -> (bool, bool) {
        let mut may = (true, false);
        for operation in &self.begun {
            let (enables, disables) = match operation.words[0].as_str() {
                "enable" if operation.words[1] == client => (true, false),
                "disable" if operation.words[1] == client => (false, true),
                _ => continue,
            };
            may = if operation.acknowledged == NEVER {
                (may.0 || enables, may.1 || disables)
            } else {
                (enables, disables)
            };
        }
        may
    }

    /// Tokens that nobody was handed: there are no more than issues that did not return `Ok`.
    fn check_strays(&self, store: &Store, known: &BTreeSet<TokenId>) -> Result<(), String> {
        let cut_off = self
            .named("issue")
            .filter(|issue| issue.acknowledged == NEVER)
            .count();
        let (mut strays, mut listed) = (0, 0);
        let clients = store.clients("", 1000).map_err(|error| error.to_string())?;
        for client in clients {
            let mut from = None;
            loop {
                let page = store
                    .list(&client, from, 1000)
                    .map_err(|error| error.to_string())?;
                listed += page.tokens.len() as u64;
                strays += page
                    .tokens
                    .iter()
                    .filter(|token| !known.contains(&token.id))
                    .count();
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
        }
        if strays > cut_off {
            return Err(format!(
                "{strays} tokens from {cut_off} issues that were cut off"
            ));
        }
        let counted = store.stats().map_err(|error| error.to_string())?.tokens;
        if counted != listed {
            return Err(format!("{counted} tokens counted, {listed} listed"));
        }
        Ok(())
    }

    #[cfg(feature = "jwt")]
    fn check_keys(&self, store: &Store) -> Result<(), String> {
        use hallpass::KeyState;
        let keys = store.signing_keys().map_err(|error| error.to_string())?;
        let newest_begun = self.named("rotate").map(|rotate| rotate.begun).max();
        for rotate in self.named("rotate") {
            if rotate.acknowledged == NEVER {
                continue;
            }
            let kid = &rotate.told[0];
            let Some(key) = keys.iter().find(|key| key.kid == *kid) else {
                return Err(format!("key {kid} is lost"));
            };
            let retired = self.named("retire").find(|retire| retire.words[1] == *kid);
            let superseded = Some(rotate.begun) != newest_begun;
            let is_right = match (key.state, retired) {
                (KeyState::Retired, retired) => retired.is_some(),
                (_, Some(retired)) => retired.acknowledged == NEVER,
                (KeyState::Verifying, None) => superseded,
                _ => true,
            };
            if !is_right {
                return Err(format!("key {kid} is {:?}", key.state));
            }
        }
        Ok(())
    }
}

/// Whether a token that is shown as it was handed out is active.
pub(crate) fn validates(validator: &Validator, pair_id: Option<&str>, secret: &str) -> bool {
    match pair_id {
        Some(pair_id) => validator.validate_pair(pair_id, secret).is_ok(),
        None => validator.validate(secret).is_ok(),
    }
}
