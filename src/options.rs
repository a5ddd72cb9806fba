//! How a store is opened.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, StoreClock};
use crate::digest::DigestKey;
use crate::error::Error;
#[cfg(feature = "jwt")]
use crate::jwt::{ForeignIssuers, SigningKey};
use crate::store::Store;
use crate::token_text::check_prefix;

/// When `issue` returns. Revocations are made durable before they return in every mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// What has returned `Ok` survives the death of the process and the loss of power.
    #[default]
    Sync,
    /// **May lose issued tokens**: `issue` returns once the operating system has the record, so a
    /// power cut may forget tokens issued since the last revocation or [`Store::flush`]; such a
    /// token is then unknown, and is refused. (If the clock stands no later after the cut than it
    /// did before, its id may be given to another token.) A revocation is never lost.
    Buffered,
}

/// How far something that takes long has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is under way: `"open"`, `"issue"`, `"purge"`, `"verify"`, `"backup"`, `"restore"`,
    /// `"export"`, `"import"`, `"compact"`, `"search"` and `"repair"`, or `"prove"`, which is what
    /// some of these end with.
    pub doing: &'static str,
    /// How many records are done; of a search, how many bytes.
    pub done: u64,
    /// How many there are in all, where that is known.
    pub total: u64,
}

/// Who is told of [`Progress`].
pub(crate) type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

/// How a store is opened; [`Store::open`] takes the defaults.
///
/// ```no_run
/// use hallpass::{Durability, Options};
///
/// let store = Options::new().prefix("acme").durability(Durability::Sync).open("tokens")?;
/// # Ok::<(), hallpass::Error>(())
/// ```
#[derive(Clone)]
pub struct Options {
    pub(crate) durability: Durability,
    pub(crate) digest_key: Option<DigestKey>,
    pub(crate) clock: StoreClock,
    pub(crate) prefix: String,
    pub(crate) create: bool,
    pub(crate) cache_bytes: u64,
    pub(crate) tokens_max: u64,
    pub(crate) tokens_per_client_max: u64,
    pub(crate) least_generation: u64,
    pub(crate) purge_grace_secs: u64,
    pub(crate) accept_clock_reset: bool,
    pub(crate) accept_changed_files: bool,
    pub(crate) on_progress: Option<OnProgress>,
    #[cfg(feature = "jwt")]
    pub(crate) jwt_issuer: Option<String>,
    #[cfg(feature = "jwt")]
    pub(crate) jwt_audience: Option<String>,
    #[cfg(feature = "jwt")]
    pub(crate) signing_key: Option<Arc<SigningKey>>,
    #[cfg(feature = "jwt")]
    pub(crate) foreign_issuers: Option<Arc<ForeignIssuers>>,
    #[cfg(feature = "jwt")]
    pub(crate) foreign_memo_entries: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::Sync,
            digest_key: None,
            clock: StoreClock::System,
            prefix: "hp".to_owned(),
            create: true,
            // sled's own default of 1 GiB is for databases that are read from disk; this one is
            // read once, at open.
            cache_bytes: 128 << 20,
            tokens_max: 1 << 32,
            tokens_per_client_max: u64::MAX,
            least_generation: 0,
            purge_grace_secs: 30 * 60,
            accept_clock_reset: false,
            accept_changed_files: false,
            on_progress: None,
            #[cfg(feature = "jwt")]
            jwt_issuer: None,
            #[cfg(feature = "jwt")]
            jwt_audience: None,
            #[cfg(feature = "jwt")]
            signing_key: None,
            #[cfg(feature = "jwt")]
            foreign_issuers: None,
            #[cfg(feature = "jwt")]
            foreign_memo_entries: 1 << 16,
        }
    }
}

impl Options {
    /// The defaults: durable, system clock, prefix `hp`, key beside the data, made if missing.
    pub fn new() -> Self {
        Self::default()
    }

    /// When `issue` returns.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// A digest key kept outside the directory, so that a stolen directory is useless. Without
    /// this call one is made beside the data, readable by its owner only.
    pub fn digest_key(mut self, key: DigestKey) -> Self {
        self.digest_key = Some(key);
        self
    }

    /// Another clock than the system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = StoreClock::Custom(Arc::new(clock));
        self
    }

    /// What the text of generated tokens begins with. API keys get a `k` after it, client secrets
    /// an `s`, and a token's environment follows after `_`; all in all at most 11 bytes.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Whether a store that is not there is made. Default: yes.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// How much memory sled may use for its pages, in bytes. Default: 128 MiB.
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// The most token records the store holds. Default: 2^32.
    pub fn tokens_max(mut self, tokens: u64) -> Self {
        self.tokens_max = tokens;
        self
    }

    /// The most token records one client has, those not yet purged included. Default: no limit.
    pub fn tokens_per_client_max(mut self, tokens: u64) -> Self {
        self.tokens_per_client_max = tokens;
        self
    }

    /// Refuses a store older than `generation` ([`Store::generation`]) with
    /// [`Error::RolledBack`]: the only defence against a roll-back of the whole directory.
    pub fn least_generation(mut self, generation: u64) -> Self {
        self.least_generation = generation;
        self
    }

    /// How long a dead token is kept, so that it is refused with its precise reason, before
    /// [`Store::purge`] may forget it. Default: 30 minutes.
    pub fn purge_grace(mut self, grace: Duration) -> Self {
        self.purge_grace_secs = grace.as_secs();
        self
    }

    /// Opens the store although the clock stands more than a day before a time it has seen. Tokens
    /// that had expired by then live again until the clock has caught up.
    pub fn accept_clock_reset(mut self, accept: bool) -> Self {
        self.accept_clock_reset = accept;
        self
    }

    /// Opens the store although its files have changed since it was closed. The database engine may
    /// then mend, and so change, what it takes for damage; whether the content is the same is still
    /// decided by the seal.
    pub fn accept_changed_files(mut self, accept: bool) -> Self {
        self.accept_changed_files = accept;
        self
    }

    /// The `iss` of JWTs issued here. Default: none.
    #[cfg(feature = "jwt")]
    pub fn jwt_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.jwt_issuer = Some(issuer.into());
        self
    }

    /// The audience of JWTs issued here that are given no other. Default: none.
    #[cfg(feature = "jwt")]
    pub fn jwt_audience(mut self, audience: impl Into<String>) -> Self {
        self.jwt_audience = Some(audience.into());
        self
    }

    /// Signs with this key, whose private part the store never writes: for one that is kept in a
    /// secret manager, and supplied whenever the store is opened. It comes before keys that the store
    /// keeps. Default: none.
    ///
    /// The store keeps the key's name and public part. What it signed stays active when the store is
    /// opened without it, until the key is retired ([`Store::retire_key`]); a key that was retired is
    /// [`Error::Invalid`] here. A key that [`Store::rotate_signing_key`] replaced only verifies. If the
    /// store had a private part of this key, that is erased.
    #[cfg(feature = "jwt")]
    pub fn signing_key(mut self, key: SigningKey) -> Self {
        self.signing_key = Some(Arc::new(key));
        self
    }

    /// Takes tokens of these issuers, with
    /// [`Validator::validate_foreign`](crate::Validator::validate_foreign). Default: none.
    #[cfg(feature = "jwt")]
    pub fn foreign_issuers(mut self, issuers: ForeignIssuers) -> Self {
        self.foreign_issuers = Some(Arc::new(issuers));
        self
    }

    /// How many verified foreign tokens are remembered, so that they need not be verified again: up
    /// to the next power of two, at most 2^24; 0 for none. One takes about as many bytes as its
    /// claims, and a kilobyte. Default: 65,536.
    #[cfg(feature = "jwt")]
    pub fn foreign_memo_entries(mut self, entries: usize) -> Self {
        self.foreign_memo_entries = entries;
        self
    }

    /// Is called now and then while something takes long; see [`Progress::doing`].
    pub fn on_progress(mut self, tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.on_progress = Some(Arc::new(tell));
        self
    }

    /// Opens the store in the directory `path`.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::NotADirectory`], [`Error::NotFound`], [`Error::Corrupt`],
    /// [`Error::NewerFormat`], [`Error::WrongDigestKey`], [`Error::RolledBack`],
    /// [`Error::ClockAnomaly`], [`Error::Io`]: each says that nothing was changed and what to do.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store, Error> {
        check_prefix(&self.prefix)?;
        Store::open_path(path.as_ref(), self)
    }

    /// Opens the store on a disk in memory.
    #[cfg(any(test, feature = "testkit"))]
    pub fn open_fake(self, disk: crate::disk::fake::FakeDisk) -> Result<Store, Error> {
        check_prefix(&self.prefix)?;
        Store::open_fake(disk, self)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("durability", &self.durability)
            .field("prefix", &self.prefix)
            .field("digest_key", &self.digest_key)
            .finish_non_exhaustive()
    }
}
