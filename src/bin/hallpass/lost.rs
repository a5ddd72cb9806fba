//! The word that is asked for where revocations may have been lost.

use clap::ValueEnum;
use hallpass::{Error, LostRevocations};

use crate::output::Failure;

/// What is to become of tokens that may have been revoked without the new store knowing.
#[derive(clap::Args)]
pub(crate) struct LostArgs {
    /// What is to become of tokens whose revocation may be lost.
    #[arg(long, value_enum, default_value_t = Lost::Refuse)]
    lost_revocations: Lost,
}

#[derive(Clone, Copy, ValueEnum)]
enum Lost {
    /// Nothing is written unless it is sure that none was lost.
    Refuse,
    /// All tokens are revoked and all keys retired.
    RevokeAll,
    /// What was revoked since then is active again.
    Accept,
}

impl LostArgs {
    pub(crate) fn word(&self) -> LostRevocations {
        match self.lost_revocations {
            Lost::Refuse => LostRevocations::Refuse,
            Lost::RevokeAll => LostRevocations::RevokeAll,
            Lost::Accept => LostRevocations::Accept,
        }
    }
}

/// Says how the word is given to this program, and what spares it.
pub(crate) fn explained(error: Error) -> Failure {
    match error {
        Error::RevocationsMayBeLost { .. } => Failure::Refused {
            code: error.code(),
            message: format!(
                "{error}: with --lost-revocations revoke-all or --lost-revocations accept; or with --least-generation, if you know the generation that the store had last"
            ),
        },
        error => error.into(),
    }
}
