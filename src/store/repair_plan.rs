//! Choosing, of all versions that were found of a damaged store's records, those that go into a new
//! one, and proving that they are the last ones.

use std::collections::{HashMap, HashSet};

use super::salvage::{Salvage, Versions};
use crate::kind::Kind;
use crate::record::{ClientRecord, KeyRecord, TokenRecord};
use crate::seal::Seal;
use crate::token_id::TokenId;

/// The records that go into the new store.
pub(super) struct Plan {
    /// Whether they are the last ones.
    pub(super) proven: bool,
    /// The newest that was found.
    pub(super) seal: Option<Seal>,
    pub(super) store_record: Option<Vec<u8>>,
    pub(super) tokens: Vec<(TokenId, TokenRecord)>,
    pub(super) clients: HashMap<Box<str>, ClientRecord>,
    pub(super) keys: Vec<(Box<str>, KeyRecord)>,
}

/// Which version of each record is taken.
#[derive(Clone, Copy)]
enum Take {
    /// What the database shows.
    Current,
    /// That, and of what it does not show the least alive.
    CurrentFirst,
    /// The least alive of all.
    LeastAlive,
}

impl Take {
    fn of<T, R: Ord>(
        self,
        versions: &Versions<T>,
        deadness: impl Fn(&T) -> R,
    ) -> Option<&(T, u128)> {
        match self {
            Take::Current => versions.current.as_ref(),
            Take::CurrentFirst if versions.current.is_some() => versions.current.as_ref(),
            _ => versions.all().max_by_key(|(record, _)| deadness(record)),
        }
    }
}

/// What is taken, counted and added up.
struct Sum {
    counts: [u64; 3],
    digest: u128,
}

/// The one record that is not as it last was, where all others are proven.
#[derive(Clone)]
enum Gap {
    None,
    /// A record is missing: of a token of this client, or of something else.
    Missing(Option<Box<str>>),
    /// Of this token only an older version is left.
    Old(TokenId),
}

/// Looks for one of these in the files.
type LiesAbout<'a> = &'a dyn Fn(&HashSet<[u8; 16]>) -> Option<[u8; 16]>;

impl Salvage {
    /// Chooses the records. `required`: the generation that the newest seal must have, if that is
    /// known; `has_mark`: it is known from the sidecar, which is written before a group is
    /// acknowledged. `lies_about`: looks for one of these in the files.
    pub(super) fn plan(
        self,
        required: Option<u64>,
        has_mark: bool,
        lies_about: LiesAbout<'_>,
    ) -> Plan {
        let is_newest = |generation| required.is_some_and(|least| generation >= least);
        // A group that was cut short by a crash has left a seal, too. What the database shows
        // instead is as good, if all that was acknowledged is in it.
        let shown = self.shown_seal.as_ref().filter(|_| has_mark);
        let seals = self.seal.iter().chain(shown);
        let proven = seals
            .filter(|seal| is_newest(seal.generation))
            .find_map(|seal| Some((self.proof(seal, lies_about)?, seal.clone())));
        let is_proven = proven.is_some();
        let (proven, seal) = proven.unzip();
        let (take, gap) = proven.unwrap_or((Take::LeastAlive, Gap::None));
        let mut held = self.held(take);
        if let Gap::Missing(Some(client)) = &gap {
            *held.entry(client).or_default() += 1;
        }
        let clients = self.clients.iter().filter_map(|(name, found)| {
            let held = held.get(&**name).copied().unwrap_or(0);
            let record = match is_proven {
                true => take.client(found, held)?.0,
                false => least_alive(found),
            };
            Some((name.clone(), record))
        });
        let clients = clients.collect();
        let keys = self.keys.iter();
        let keys = keys.filter_map(|(kid, found)| Some((kid.clone(), take.key(found)?.0.clone())));
        let keys = keys.collect();
        // What a database that is the last and can be read to its end does not show was purged.
        let shown_seal = self
            .shown_seal
            .as_ref()
            .filter(|_| self.is_shown_to_the_end);
        let shown_only = !is_proven && shown_seal.is_some_and(|seal| is_newest(seal.generation));
        let tokens = self.tokens.iter().filter_map(|(id, found)| {
            let is_old = matches!(gap, Gap::Old(old) if old == *id);
            let is_left_out = is_old || shown_only && found.current.is_none();
            let token = take.token(found).filter(|_| !is_left_out)?;
            Some((*id, token.0.clone()))
        });
        Plan {
            proven: is_proven,
            clients,
            keys,
            tokens: tokens.collect(),
            seal: seal.or(self.seal),
            store_record: self.store_record,
        }
    }

    /// Which versions are the last ones: those that add up to the seal. If all but one do, what is
    /// missing from the sum is the MAC of that one, or its difference to that of an older version.
    /// Found in the files, where the rest of its record is damaged, it proves all others: 128 bits
    /// do not lie about by chance.
    fn proof(&self, seal: &Seal, lies_about: LiesAbout<'_>) -> Option<(Take, Gap)> {
        let takes = [Take::Current, Take::CurrentFirst, Take::LeastAlive];
        let mut wanted: HashMap<[u8; 16], (Take, Gap)> = HashMap::new();
        for take in takes {
            let sum = self.sum(take);
            let missing = seal.digest.wrapping_sub(sum.digest);
            let sealed = [seal.tokens, seal.clients, seal.keys];
            if sum.counts == sealed && missing == 0 {
                return Some((take, Gap::None));
            }
            let mut want = |mac: u128, gap| {
                wanted.entry(mac.to_be_bytes()).or_insert((take, gap));
            };
            if sum.counts == sealed {
                for (id, found) in &self.tokens {
                    if let Some((_, mac)) = take.token(found) {
                        want(missing.wrapping_add(*mac), Gap::Old(*id));
                    }
                }
            }
            if sum.counts.iter().sum::<u64>() + 1 != sealed.iter().sum::<u64>() {
                continue;
            }
            want(missing, Gap::Missing(None));
            if sum.counts[0] + 1 == seal.tokens {
                // Its client counted it.
                let held = self.held(take);
                for (name, found) in &self.clients {
                    let held = held.get(&**name).copied().unwrap_or(0);
                    let (without, with) = (take.client(found, held), take.client(found, held + 1));
                    if let (Some((_, without)), Some((_, with))) = (without, with) {
                        let mac = missing.wrapping_add(*without).wrapping_sub(*with);
                        want(mac, Gap::Missing(Some(name.clone())));
                    }
                }
            }
        }
        if wanted.is_empty() {
            return None;
        }
        let found = lies_about(&wanted.keys().copied().collect())?;
        let (take, gap) = wanted.remove(&found)?;
        self.only_lives_are_lost(take, &gap, seal)
            .then_some((take, gap))
    }

    /// Whether nothing that denies is in the gap: no denial of a foreign token, and no client that
    /// would be enabled by being forgotten.
    fn only_lives_are_lost(&self, take: Take, gap: &Gap, seal: &Seal) -> bool {
        let denies = |token: &TokenRecord| token.kind == Kind::ForeignDenial.as_u8();
        let taken = || {
            self.tokens
                .iter()
                .filter_map(|(id, found)| Some((*id, &take.token(found)?.0)))
        };
        let held = self.held(take);
        let held = |name: &str| held.get(name).copied().unwrap_or(0);
        let swapped = match gap {
            Gap::None => return true,
            Gap::Old(old) => return !taken().any(|(id, token)| id == *old && denies(token)),
            Gap::Missing(swapped) => swapped.as_deref(),
        };
        let record = |name: &str| {
            let more = u64::from(swapped == Some(name));
            Some(take.client(self.clients.get(name)?, held(name) + more)?.0)
        };
        if (taken().count() as u64) < seal.tokens {
            // Clients have only tokens, and issuers only denials: its others tell what it was.
            let mut owners = self
                .clients
                .keys()
                .filter(|name| record(name).is_some_and(|client| client.tokens > held(name)));
            let (Some(owner), None) = (owners.next(), owners.next()) else {
                return false;
            };
            let mut others = taken()
                .filter(|(_, token)| token.client == *owner)
                .peekable();
            return others.peek().is_some() && !others.any(|(_, token)| denies(token));
        }
        let clients = self.clients.keys().filter(|name| record(name).is_some());
        // A client that has tokens is disabled, as it may have been.
        clients.count() as u64 == seal.clients
            || taken().any(|(_, token)| record(&token.client).is_none())
    }

    /// How many tokens of each client are taken.
    fn held(&self, take: Take) -> HashMap<&str, u64> {
        let mut held = HashMap::new();
        for (token, _) in self.tokens.values().filter_map(|found| take.token(found)) {
            *held.entry(&*token.client).or_default() += 1;
        }
        held
    }

    fn sum(&self, take: Take) -> Sum {
        let mut sum = Sum {
            counts: [0; 3],
            digest: 0,
        };
        let held = self.held(take);
        for (_, mac) in self.tokens.values().filter_map(|found| take.token(found)) {
            sum.add(0, *mac);
        }
        for (name, found) in &self.clients {
            let held = held.get(&**name).copied().unwrap_or(0);
            if let Some((_, mac)) = take.client(found, held) {
                sum.add(1, *mac);
            }
        }
        for (_, mac) in self.keys.values().filter_map(|found| take.key(found)) {
            sum.add(2, *mac);
        }
        sum
    }
}

impl Sum {
    fn add(&mut self, kind: usize, mac: u128) {
        self.counts[kind] += 1;
        self.digest = self.digest.wrapping_add(mac);
    }
}

impl Take {
    fn token(self, found: &Versions<TokenRecord>) -> Option<&(TokenRecord, u128)> {
        self.of(found, |token| {
            (token.revoked.is_some(), u32::MAX - token.expires_at)
        })
    }

    /// Of a client's versions that the database does not show, one that counts as many tokens as
    /// there are, or one more, if that is lost.
    fn client(self, found: &Versions<ClientRecord>, held: u64) -> Option<&(ClientRecord, u128)> {
        if let (Take::Current | Take::CurrentFirst, Some(current)) = (self, &found.current) {
            return Some(current);
        }
        if matches!(self, Take::Current) {
            return None;
        }
        found
            .all()
            .filter(|(client, _)| client.tokens == held || held > 0 && client.tokens == held + 1)
            .max_by_key(|(client, _)| (client.tokens == held, client.epoch, client.disabled))
    }

    fn key(self, found: &Versions<KeyRecord>) -> Option<&(KeyRecord, u128)> {
        self.of(found, |key| (key.epoch, !key.signs, key.private.is_empty()))
    }
}

/// The client as it is least alive, whichever of its versions says so.
fn least_alive(found: &Versions<ClientRecord>) -> ClientRecord {
    let versions = || found.all().map(|(client, _)| client);
    let disabled = match &found.current {
        // It may have been enabled again since an older version was written.
        Some((current, _)) => current.disabled,
        None => versions().any(|client| client.disabled),
    };
    ClientRecord {
        epoch: versions().map(|client| client.epoch).max().unwrap_or(0),
        disabled,
        tokens: 0,
        foreign: versions().any(|client| client.foreign),
    }
}

#[cfg(test)]
mod tests;
