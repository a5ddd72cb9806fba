//! Who may write, in which order, and when it counts: the one lock of the control plane and the
//! grouping of commits.
//!
//! Every call queues its changes under the lock, in the order in which memory saw them. The first
//! to arrive leads: it takes all that is queued, writes it as one group, syncs once, and wakes those
//! who waited. While it syncs, the next group gathers. Sixty-four threads thus share one sync.

#[cfg(feature = "jwt")]
use std::collections::BTreeMap;
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{MutexGuard, PoisonError};

use super::Core;
use super::change::{Change, Group};
#[cfg(feature = "jwt")]
use super::keys::StoredKey;
use crate::digest::Digest;
use crate::disk::DiskError;
use crate::error::Error;
use crate::options::Durability;
use crate::seal::Seal;
use crate::sidecar::Mark;
use crate::table::NotInserted;
use crate::token_id::TokenId;

/// The state behind the lock.
pub(super) struct Control {
    /// The highest id given out.
    pub(super) last_id: TokenId,
    /// By the number of the client's name.
    pub(super) clients: HashMap<u32, Client>,
    /// Keys that sign or signed tokens, by their number.
    pub(super) keys: HashMap<u16, Key>,
    /// Token records, those queued included.
    pub(super) tokens: u64,
    /// The keys themselves, and those of clients, by their `kid`.
    #[cfg(feature = "jwt")]
    pub(super) stored_keys: BTreeMap<Box<str>, StoredKey>,
    /// Digests of chosen secrets that are queued or being written.
    chosen: HashSet<[u8; 32]>,
    queue: Vec<Change>,
    /// The number of the group that is gathering.
    gathering: u64,
    /// The number of the last group that is durable.
    done: u64,
    /// Whether a thread is writing a group.
    leading: bool,
    failure: Option<Failure>,
    pub(super) closed: bool,
}

/// What memory knows of a key that signs or signed tokens.
#[derive(Default)]
pub(super) struct Key {
    /// The grants that have its tokens.
    pub(super) grants: Vec<u32>,
    /// The least token id alive: that of the moment when it was retired.
    pub(super) epoch: u64,
}

/// What memory knows of a client.
#[derive(Default)]
pub(super) struct Client {
    /// The grants that have its tokens.
    pub(super) grants: Vec<u32>,
    /// The least token id alive.
    pub(super) epoch: u64,
    pub(super) disabled: bool,
    /// How often the client was disabled: tells an enabling that it came too late.
    pub(super) disables: u64,
    /// Token records, those queued included.
    pub(super) tokens: u64,
    /// The epoch counts for tokens of foreign issuers, too.
    pub(super) foreign: bool,
}

impl Client {
    /// Whether the store has anything to say of the client.
    pub(super) fn is_known(&self) -> bool {
        self.tokens > 0 || self.disabled || self.foreign
    }
}

/// The first write that failed.
struct Failure {
    /// Its group. Its waiters get the error itself, later ones are told that the store is
    /// read-only.
    group: u64,
    cause: String,
    error: Option<Error>,
}

impl Control {
    pub(super) fn new() -> Self {
        Self {
            last_id: TokenId::ZERO,
            clients: HashMap::new(),
            keys: HashMap::new(),
            #[cfg(feature = "jwt")]
            stored_keys: BTreeMap::new(),
            tokens: 0,
            chosen: HashSet::new(),
            queue: Vec::new(),
            gathering: 1,
            done: 0,
            leading: false,
            failure: None,
            closed: false,
        }
    }

    /// The next token id.
    pub(super) fn next_id(&mut self, now_secs: u64) -> Result<TokenId, Error> {
        let next =
            TokenId::next(self.last_id, now_secs.saturating_mul(1000)).ok_or(Error::Limit {
                limit: "token_id_max",
                max: TokenId::MAX.as_u64(),
                got: TokenId::MAX.as_u64(),
            })?;
        self.last_id = next;
        Ok(next)
    }

    /// An id above those of all tokens. When the ids are used up it is the last one, which no token
    /// gets: what is alive can be killed all the same, and none is issued afterwards.
    pub(super) fn next_epoch(&mut self, now_secs: u64) -> u64 {
        self.next_id(now_secs).unwrap_or(TokenId::MAX).as_u64()
    }

    /// Counts a token less of the client with this number.
    pub(super) fn forget(&mut self, client: u32) {
        self.tokens = self.tokens.saturating_sub(1);
        if let Some(client) = self.clients.get_mut(&client) {
            client.tokens = client.tokens.saturating_sub(1);
        }
    }

    /// Remembers that a chosen secret is on its way; false if it was already.
    pub(super) fn reserve(&mut self, digest: &Digest) -> bool {
        self.chosen.insert(*digest.as_bytes())
    }

    pub(super) fn release(&mut self, digest: &Digest) {
        self.chosen.remove(digest.as_bytes());
    }

    /// The least id alive of the tokens that the key with this number signed.
    pub(super) fn key_epoch(&self, key: u16) -> u64 {
        self.keys.get(&key).map_or(0, |key| key.epoch)
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.failure.is_some()
    }
}

impl Core {
    /// The seal of the last group, under the lock that orders the groups.
    pub(super) fn sealed(&self) -> MutexGuard<'_, Seal> {
        self.sealed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock of the control plane, if this process may write.
    pub(super) fn control(&self) -> Result<MutexGuard<'_, Control>, Error> {
        let opened_by = self.live.opened_by();
        if std::process::id() != opened_by {
            return Err(Error::Forked { opened_by });
        }
        let control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        if control.closed {
            Err(Error::Closed)
        } else {
            Ok(control)
        }
    }

    /// The same, for a call that will queue a change: refused once a write has failed.
    pub(super) fn writable(&self) -> Result<MutexGuard<'_, Control>, Error> {
        let control = self.control()?;
        match &control.failure {
            Some(failure) => Err(Error::ReadOnly {
                cause: failure.cause.clone(),
            }),
            None => Ok(control),
        }
    }

    /// Queues `changes` and waits until they, and all that was queued before them, are durable.
    pub(super) fn commit<'a>(
        &'a self,
        mut control: MutexGuard<'a, Control>,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<(), Error> {
        if let Some(failure) = &control.failure {
            return Err(Error::ReadOnly {
                cause: failure.cause.clone(),
            });
        }
        control.queue.extend(changes);
        let nothing_queued = control.queue.is_empty();
        let group = control.gathering - u64::from(nothing_queued);
        loop {
            if control.done >= group {
                return Ok(());
            }
            if let Some(failure) = &mut control.failure {
                // Of those who waited for the group that failed, the first gets the error whole:
                // an `io::Error` cannot be copied.
                let error = if failure.group == group {
                    failure.error.take()
                } else {
                    None
                };
                let cause = failure.cause.clone();
                return Err(error.unwrap_or(Error::ReadOnly { cause }));
            }
            if control.leading {
                control = self
                    .committed
                    .wait(control)
                    .unwrap_or_else(PoisonError::into_inner);
            } else {
                control = self.lead(control);
            }
        }
    }

    /// Writes all that is queued as one group.
    fn lead<'a>(&'a self, mut control: MutexGuard<'a, Control>) -> MutexGuard<'a, Control> {
        control.leading = true;
        let changes = std::mem::take(&mut control.queue);
        let group = control.gathering;
        control.gathering += 1;
        let last_id = control.last_id;
        drop(control);

        // A panic below must not leave the others waiting for a leader that is gone.
        let written = catch_unwind(AssertUnwindSafe(|| self.write(&changes, last_id)))
            .unwrap_or_else(|_| Err(Error::corrupt("a write panicked")));

        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        match written {
            Ok(()) => control.done = group,
            Err(error) => {
                // The queue holds changes that will never be written; memory denies all the same.
                control.queue.clear();
                control.failure = Some(Failure {
                    group,
                    cause: error.to_string(),
                    error: Some(error),
                });
            }
        }
        control.leading = false;
        self.committed.notify_all();
        control
    }

    /// One group: one transaction, one flush, one sync; then memory learns of the tokens born.
    fn write(&self, changes: &[Change], last_id: TokenId) -> Result<(), Error> {
        let mut sealed = self.sealed();
        let mut group = Group::new(&*self.disk, &self.mac_key, sealed.clone());
        for change in changes {
            group.change(change)?;
        }
        let (writes, seal) = group.finish(last_id, self.live.latest_secs())?;
        let buffered =
            self.durability == Durability::Buffered && changes.iter().all(Change::may_be_buffered);
        self.write_durably(&writes, seal.mark(), buffered)
            .map_err(failed_write)?;
        *sealed = seal;
        self.keep_for_backup(writes);
        self.bring_to_life(changes)
    }

    fn write_durably(
        &self,
        writes: &[crate::disk::Write],
        mark: Mark,
        buffered: bool,
    ) -> Result<(), DiskError> {
        self.disk.apply(writes)?;
        if buffered {
            return self.disk.flush();
        }
        self.disk.sync()?;
        // Only after the sync: a sidecar that runs ahead of the database would look like a
        // database that was rolled back.
        let (at, slot) = mark.to_slot(&self.mac_key);
        self.disk.write_sidecar(at, &slot)
    }

    /// A token is born on disk first; from here on it validates.
    fn bring_to_life(&self, changes: &[Change]) -> Result<(), Error> {
        let mut writer = self.live.table.writer();
        let born = changes.iter().filter_map(|change| match change {
            Change::Issue { entry, .. } => Some(*entry),
            _ => None,
        });
        for _ in born.clone().filter(|entry| entry.placed_by_digest) {
            self.live.count_placed_by_digest(true);
        }
        writer.insert_all(born).map_err(not_inserted)
    }
}

/// Why the table did not take an entry.
pub(super) fn not_inserted(why: NotInserted) -> Error {
    match why {
        NotInserted::Twin => Error::corrupt("two tokens have the same digest or id"),
        NotInserted::NoMemory => Error::Io {
            doing: "making room in memory",
            consequence: "the tokens are on disk, and will be there when the store is reopened with more memory",
            source: std::io::ErrorKind::OutOfMemory.into(),
        },
    }
}

/// What a failed write means for the store, whichever call hit it.
fn failed_write(error: DiskError) -> Error {
    match error {
        DiskError::Io { doing, source } => Error::Io {
            doing,
            consequence: "this change may not survive a restart, and the store is read-only until it is reopened; what was revoked stays revoked",
            source,
        },
        DiskError::Corrupt(what) => Error::Corrupt { what },
    }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;
    use crate::disk::fake::FakeDisk;
    use crate::new_token::NewToken;
    use crate::options::Options;

    #[test]
    fn what_makes_tokens_less_alive_is_durable_in_every_mode() {
        for (durability, issue_waits) in [(Durability::Sync, 0), (Durability::Buffered, 1)] {
            let disk = FakeDisk::new();
            let options = Options::new().durability(durability);
            let store = options.open_fake(disk.clone()).unwrap();
            let issue = || store.issue(NewToken::new("c").never_expires()).unwrap().id;
            let one = issue();
            assert_eq!(disk.unsynced_groups(), issue_waits);
            store.revoke(one).unwrap();
            assert_eq!(disk.unsynced_groups(), 0);
            let other = issue();
            store.expire(other, 0).unwrap();
            assert_eq!(disk.unsynced_groups(), 0);
            for change in [Store::revoke_everything, Store::flush] {
                issue();
                change(&store).unwrap();
                assert_eq!(disk.unsynced_groups(), 0);
            }
            issue();
            store.disable_client("c").unwrap();
            assert_eq!(disk.unsynced_groups(), 0);
        }
    }

    #[test]
    fn who_disables_a_client_while_it_is_enabled_has_the_last_word() {
        let disk = FakeDisk::new();
        let store = Options::new().open_fake(disk.clone()).unwrap();
        store.disable_client("c").unwrap();
        let is_disabled = |store: &Store| store.client("c").unwrap().is_some_and(|c| c.disabled);
        std::thread::scope(|scope| {
            // No group is written while this is held.
            let sealed = store.core.sealed();
            let enables = scope.spawn(|| store.enable_client("c"));
            while !store.core.control().unwrap().leading {
                std::thread::yield_now();
            }
            let disables = scope.spawn(|| store.disable_client("c"));
            while store.core.control().unwrap().queue.is_empty() {
                std::thread::yield_now();
            }
            drop(sealed);
            enables.join().unwrap().unwrap();
            disables.join().unwrap().unwrap();
        });
        assert!(is_disabled(&store));
        store.close().unwrap();
        assert!(is_disabled(&Options::new().open_fake(disk).unwrap()));
    }
}
