//! `hallpass disable` and `hallpass enable`: clients.

use serde_json::json;

use crate::open::StoreArgs;
use crate::output::{Failure, Output, Verdict};

/// Arguments of `disable` and of `enable`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    /// The client.
    #[arg(long)]
    client: String,
}

/// Disables a client, also one that the store has not met yet.
pub(crate) fn disable(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    store.disable_client(&args.client)?;
    store.close()?;
    done(args, output, "disabled")
}

/// Enables a client again.
pub(crate) fn enable(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    if store.client(&args.client)?.is_none() {
        return Err(Failure::unknown_client(&args.client));
    }
    store.enable_client(&args.client)?;
    store.close()?;
    done(args, output, "enabled")
}

fn done(args: &Args, output: Output, outcome: &str) -> Result<Verdict, Failure> {
    let told = json!({ "outcome": outcome, "client_id": args.client });
    output.answer(&told, || format!("{outcome} {}", args.client))?;
    Ok(Verdict::Yes)
}
