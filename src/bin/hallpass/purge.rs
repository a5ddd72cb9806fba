//! `hallpass purge`: forgets tokens that are dead for good.

use std::time::Duration;

use hallpass::Options;
use serde_json::json;

use crate::open::StoreArgs;
use crate::output::{Failure, Output, Verdict, grouped};
use crate::{progress, time};

/// Arguments of `purge`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    /// How long a token must have been dead: until it is forgotten, it is refused with its precise
    /// reason.
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = time::duration)]
    grace: Duration,
    /// How many to forget at most.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// Purges.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let options = Options::new().create(false).purge_grace(args.grace);
    let options = progress::told_to(options, progress::When::Terminal);
    let store = args.store.how.open(&args.store.store, options)?;
    let purged = store.purge(args.limit.unwrap_or(usize::MAX))?;
    store.close()?;
    let told = json!({ "purged": purged.purged, "more": purged.more });
    output.answer(&told, || {
        let more = if purged.more {
            "; there may be more"
        } else {
            ""
        };
        format!("forgot {} tokens{more}", grouped(purged.purged))
    })?;
    Ok(Verdict::Yes)
}
