//! `Error`: something failed. ("No" is an answer and lives in `inactive.rs`.)

use std::io;
use std::path::PathBuf;

/// What failed in the control plane, what was not done, and what to do next.
///
/// Nothing in it is secret, and no text of a client stands in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process, or another handle of this one, has the store open.
    #[error(
        "the store at {path} is in use by another process or handle: nothing was opened; close the other one, or choose another path"
    )]
    Locked {
        /// The store's directory.
        path: PathBuf,
    },
    /// The path names something that cannot hold a store.
    #[error(
        "{path} is not a directory: nothing was opened; give the path of a directory, or of one to be made"
    )]
    NotADirectory {
        /// The path as given.
        path: PathBuf,
    },
    /// There is no store at the path, and making one was not asked for.
    #[error(
        "there is no store at {path}: nothing was made; open it with a call that creates, or check the path"
    )]
    NotFound {
        /// The path as given.
        path: PathBuf,
    },
    /// The directory holds other files, and none of a store.
    #[error(
        "{path} has other files in it and no store: nothing was changed; give an empty directory, or one to be made"
    )]
    NotAStore {
        /// The path as given.
        path: PathBuf,
    },
    /// Something stands where a new store, or a new file, was to be made.
    #[error(
        "{path} is there already: nothing was written; give a path where nothing is, or move away what is there"
    )]
    PathTaken {
        /// What is there.
        path: PathBuf,
    },
    /// Tokens may have been revoked that would live again in the new store.
    #[error(
        "{why}: tokens that were revoked could live again, so nothing was written; say whether all of them are to be revoked, or the loss is accepted"
    )]
    RevocationsMayBeLost {
        /// Where they may have been lost.
        why: String,
    },
    /// The operating system refused a read, a write or a sync.
    #[error("the system failed while {doing}: {source}; {consequence}")]
    Io {
        /// What was under way.
        doing: &'static str,
        /// What that means for the store.
        consequence: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// What is on disk, a store, a backup or an export, is not what was written there.
    #[error(
        "what was read is damaged ({what}): it was not opened or not read further; take a copy that is whole, or salvage what is intact of a store into a new one"
    )]
    Corrupt {
        /// What does not fit.
        what: String,
    },
    /// The store on disk is older than what the caller, or its own sidecar, knows to have been there.
    #[error(
        "the store has generation {found}, and {required} was asked for at least: it was rolled back and was not opened; bring back the newer copy, or accept the loss by asking for less"
    )]
    RolledBack {
        /// The generation on disk.
        found: u64,
        /// The least acceptable one.
        required: u64,
    },
    /// The store was written by a newer release.
    #[error(
        "the store has format {found}, this release reads up to {known}: nothing was changed; open it with a newer release"
    )]
    NewerFormat {
        /// The format on disk.
        found: u8,
        /// The newest format this release knows.
        known: u8,
    },
    /// The digest key is not the one this store was made with.
    #[error(
        "the digest key is not this store's: nothing was changed; supply the key the store was made with"
    )]
    WrongDigestKey,
    /// An earlier write failed, so nothing more is written. `validate` goes on from memory, and
    /// what was revoked stays revoked there.
    #[error(
        "the store is read-only since a write failed ({cause}): this change was not made; free space or mend the disk, then reopen the store"
    )]
    ReadOnly {
        /// The failure that caused it.
        cause: String,
    },
    /// The store was closed.
    #[error("the store is closed: nothing was done; open it again")]
    Closed,
    /// The call came from a forked child, whose memory is a copy that revocations do not reach.
    #[error(
        "the store was opened before a fork, by process {opened_by}: nothing was done; open stores after forking"
    )]
    Forked {
        /// The process that opened the store.
        opened_by: u32,
    },
    /// The wall clock stands more than a day before a time this store has already seen.
    #[error(
        "the clock says {now_secs}, but the store has seen {seen_secs}: it was not opened, or an expired token could live again; set the clock, or accept the reset explicitly"
    )]
    ClockAnomaly {
        /// The wall clock, in Unix seconds.
        now_secs: u64,
        /// The latest time the store has acted on, in Unix seconds.
        seen_secs: u64,
    },
    /// A limit would be exceeded.
    #[error("{limit} is {max}, and {got} was asked for: nothing was done; ask for less")]
    Limit {
        /// The name of the limit.
        limit: &'static str,
        /// Its value.
        max: u64,
        /// What was asked for.
        got: u64,
    },
    /// An argument is not of its form.
    #[error("this {what} is not acceptable: {why}; nothing was done")]
    Invalid {
        /// Which argument.
        what: &'static str,
        /// What it must be.
        why: &'static str,
    },
    /// A secret chosen by the caller is too easy to guess.
    #[error(
        "a chosen secret needs at least {needed_bits} bits of entropy, and this one has at most {at_most_bits}: nothing was stored; let the store generate it, or choose at least 32 random characters"
    )]
    WeakSecret {
        /// What is required.
        needed_bits: u32,
        /// An upper bound of what was offered.
        at_most_bits: u32,
    },
    /// The same secret is already stored.
    #[error("this secret is already in the store: nothing was done; choose another")]
    AlreadyExists,
    /// The client is disabled.
    #[error("the client is disabled: nothing was issued; enable it first")]
    ClientDisabled,
    /// No key signs new tokens, or none of the algorithm that was asked for.
    #[cfg(feature = "jwt")]
    #[error(
        "no key signs tokens of this kind: nothing was issued; generate or import a signing key"
    )]
    NoSigningKey,
    /// A key, or a token that should have been signed, was refused.
    #[cfg(feature = "jwt")]
    #[error("{reason}: nothing was changed")]
    Key {
        /// What is wrong with it.
        reason: crate::jwt::KeyError,
    },
}

impl Error {
    /// A stable code for logs and machines.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Locked { .. } => "store.locked",
            Error::NotADirectory { .. } => "store.not_a_directory",
            Error::NotFound { .. } => "store.not_found",
            Error::NotAStore { .. } => "store.not_a_store",
            Error::PathTaken { .. } => "conflict.path_taken",
            Error::RevocationsMayBeLost { .. } => "store.revocations_may_be_lost",
            Error::Io { .. } => "store.io",
            Error::Corrupt { .. } => "store.corrupt",
            Error::RolledBack { .. } => "store.rollback",
            Error::NewerFormat { .. } => "store.newer_format",
            Error::WrongDigestKey => "store.wrong_digest_key",
            Error::ReadOnly { .. } => "store.read_only",
            Error::Closed => "store.closed",
            Error::Forked { .. } => "store.forked",
            Error::ClockAnomaly { .. } => "clock.anomaly",
            Error::Limit { .. } => "quota.exceeded",
            Error::Invalid { .. } => "request.invalid",
            Error::WeakSecret { .. } => "request.weak_secret",
            Error::AlreadyExists => "conflict.exists",
            Error::ClientDisabled => "client.disabled",
            #[cfg(feature = "jwt")]
            Error::NoSigningKey => "key.none",
            #[cfg(feature = "jwt")]
            Error::Key { .. } => "key.refused",
        }
    }

    pub(crate) fn check_limit(limit: &'static str, max: usize, got: usize) -> Result<(), Self> {
        if got <= max {
            return Ok(());
        }
        Err(Error::Limit {
            limit,
            max: max as u64,
            got: got as u64,
        })
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Error::Corrupt { what: what.into() }
    }
}

#[cfg(feature = "jwt")]
impl From<crate::jwt::KeyError> for Error {
    fn from(reason: crate::jwt::KeyError) -> Self {
        Error::Key { reason }
    }
}

impl From<crate::client_id::NotAClientId> for Error {
    fn from(why: crate::client_id::NotAClientId) -> Self {
        use crate::client_id::{CLIENT_ID_MAX_BYTES, NotAClientId};
        match why {
            NotAClientId::TooLong { bytes } => Error::Limit {
                limit: "client_id_max_bytes",
                max: CLIENT_ID_MAX_BYTES as u64,
                got: bytes as u64,
            },
            NotAClientId::Empty => Error::Invalid {
                what: "client id",
                why: "it needs at least one character",
            },
            NotAClientId::ControlCharacter => Error::Invalid {
                what: "client id",
                why: "it must have no control characters",
            },
        }
    }
}
