//! `hallpass stats`: figures about a store.

use crate::open::StoreArgs;
use crate::output::{Failure, Output, Verdict, facts, grouped};

/// Arguments of `stats`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,
}

/// Tells the figures.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    let stats = store.stats()?;
    store.close()?;
    output.answer(&stats, || {
        facts(&[
            ("tokens", grouped(stats.tokens)),
            ("clients", grouped(stats.clients)),
            ("generation", grouped(stats.generation)),
            ("in memory", format!("{} bytes", grouped(stats.table_bytes))),
            ("on disk", format!("{} bytes", grouped(stats.disk_bytes))),
        ])
    })?;
    Ok(Verdict::Yes)
}
