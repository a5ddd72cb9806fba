//! `hallpass compact`: gives back room on the disk.

use hallpass::{Options, Store};

use crate::open::StoreArgs;
use crate::output::{Failure, Output, Verdict, grouped};
use crate::progress;

/// Arguments of `compact`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,
}

/// Compacts.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let options = progress::told_to(Options::new(), progress::When::Terminal);
    let options = args.store.how.options(options)?;
    let done = Store::compact(&args.store.store, options)?;
    output.answer(&done, || {
        format!(
            "from {} bytes to {}: {} tokens, generation {}",
            grouped(done.bytes_before),
            grouped(done.bytes_after),
            grouped(done.tokens),
            done.generation
        )
    })?;
    Ok(Verdict::Yes)
}
