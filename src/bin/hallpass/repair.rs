//! `hallpass repair`: a new store from what of a damaged one is intact.

use std::path::PathBuf;

use hallpass::{Options, Store};

use crate::lost::{LostArgs, explained};
use crate::open::StoreArgs;
use crate::output::{Failure, Output, Verdict, grouped};
use crate::progress;

/// Arguments of `repair`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The damaged store, which stays as it is.
    #[command(flatten)]
    store: StoreArgs,
    /// The directory of the new store.
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    #[command(flatten)]
    lost: LostArgs,
}

/// Repairs.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let options = progress::told_to(Options::new(), progress::When::Terminal);
    let options = args.store.how.options(options)?;
    let done = Store::repair(&args.store.store, &args.into, options, args.lost.word())
        .map_err(explained)?;
    output.answer(&done, || {
        let mut told = format!(
            "saved {} tokens of {} clients, generation {}",
            grouped(done.store.tokens),
            grouped(done.store.clients),
            done.store.generation
        );
        told += if done.proven {
            "; they are proven to be as they last were"
        } else if done.store.revoked_all {
            "; all of them are revoked, and all keys retired"
        } else {
            "; what was revoked in records that are lost is active again"
        };
        for (count, what) in [
            (done.tokens_missing, "tokens are lost"),
            (
                done.tokens_dropped,
                "tokens were left out, for their key is lost or their secret is a later token's",
            ),
            (
                done.clients_disabled,
                "clients are disabled and their tokens revoked, for their record is lost",
            ),
        ] {
            if count > 0 {
                told += &format!("\n{} {what}", grouped(count));
            }
        }
        told
    })?;
    Ok(Verdict::Yes)
}
